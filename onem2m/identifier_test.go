package onem2m_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bulwark/onem2m"
)

var home = onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}

func TestValidName_C001_AcceptsUnreservedCharactersAndNoPathMarkers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "9", "sensor-1", "a.b", "_x", "-x", "~x", ".x", "...", "Cabc", strings.Repeat("a", onem2m.MaxName)} {
		if !onem2m.ValidName(name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, name := range []string{
		"", "-", "~", "_", ".", "..", "a b", "a/b", "a#b", "a?b", "a:b", "a%41", "grün", "a\x00", "a\n", "a+b",
		strings.Repeat("a", onem2m.MaxName+1),
	} {
		if onem2m.ValidName(name) {
			t.Errorf("%q is accepted", name)
		}
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id, name, in string
		want         onem2m.ID // "" is an error
		form         onem2m.Form
	}{
		{"C-022", "a C stem belongs to the CSE that reads it", "Cabc", "//m2m.example/id-in/Cabc", onem2m.FormStem},
		{"C-022", "an S stem belongs to the service provider", "Sabc", "//m2m.example/Sabc", onem2m.FormStem},
		{"C-022", "an SP-relative AE", "/id-in/Cabc", "//m2m.example/id-in/Cabc", onem2m.FormSPRelative},
		{"C-022", "an SP-relative AE elsewhere", "/id-mn/Cabc", "//m2m.example/id-mn/Cabc", onem2m.FormSPRelative},
		{"C-022", "a CSE", "/id-mn", "//m2m.example/id-mn", onem2m.FormSPRelative},
		{"C-022", "an absolute AE", "//m2m.example/id-in/Cabc", "//m2m.example/id-in/Cabc", onem2m.FormAbsolute},
		{"C-002", "the domain name has no case", "//M2M.Example/id-in/Cabc", "//m2m.example/id-in/Cabc", onem2m.FormAbsolute},
		{"C-002", "anything else has case", "/id-in/CABC", "//m2m.example/id-in/CABC", onem2m.FormSPRelative},
		{"A-196", "a stem begins with C or S", "Xabc", "", 0},
		{"A-196", "so does the second segment", "/id-in/Xabc", "", 0},
		{"A-196", "three segments", "/id-in/Cabc/d", "", 0},
		{"A-196", "an empty text", "", "", 0},
		{"A-196", "a service provider alone", "//m2m.example", "", 0},
		{"A-196", "a domain name with an empty label", "//m2m..example/id-in", "", 0},
		{"A-196", "an empty segment", "/id-in/", "", 0},
		{"A-196", "a slash alone", "/", "", 0},
		{"A-196", "a space", "C abc", "", 0},
		{"A-196", "a wildcard", "C*", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			got, form, err := home.ParseID(tt.in)
			if got != tt.want || form != tt.form || (err != nil) != (tt.want == "") {
				t.Errorf("ParseID(%q) = %q, %d, %v; want %q, %d", tt.in, got, form, err, tt.want, tt.form)
			}
		})
	}
}

func TestID_C021_IsWrittenInTheShortestFormValidAtTheReceiver(t *testing.T) {
	t.Parallel()
	tests := []struct{ id, in, across string }{
		{"//m2m.example/id-in/Cabc", "Cabc", "/id-in/Cabc"},
		{"//m2m.example/Sabc", "Sabc", "/Sabc"},
		{"//m2m.example/id-mn/Cabc", "/id-mn/Cabc", "/id-mn/Cabc"},
		{"//m2m.example/id-in", "/id-in", "/id-in"},
		{"//far.example/id-in/Cabc", "//far.example/id-in/Cabc", "//far.example/id-in/Cabc"},
	}
	for _, tt := range tests {
		id := onem2m.ID(tt.id)
		if got := id.In(home); got != tt.in {
			t.Errorf("%s In = %q, want %q", id, got, tt.in)
		}
		if got := id.Across(home); got != tt.across {
			t.Errorf("%s Across = %q, want %q", id, got, tt.across)
		}
		if back, _, err := home.ParseID(id.In(home)); err != nil || back != id {
			t.Errorf("%s comes back as %q, %v", id, back, err)
		}
	}
}

func TestID_PartsOfAnEntity(t *testing.T) {
	t.Parallel()
	tests := []struct{ id, sp, registrar, stem, notify string }{
		{"//m2m.example/id-in/Cabc", "//m2m.example", "//m2m.example/id-in", "Cabc", "//m2m.example/id-in/Cabc"},
		{"//m2m.example/Sabc", "//m2m.example", "", "Sabc", "//m2m.example/Sabc"},
		{"//m2m.example/id-in", "//m2m.example", "", "", "//m2m.example/id-in/-"},
		{"", "", "", "", "/-"},
	}
	for _, tt := range tests {
		id := onem2m.ID(tt.id)
		if id.SP() != tt.sp || string(id.Registrar()) != tt.registrar || id.Stem() != tt.stem || id.NotifyAddress() != tt.notify {
			t.Errorf("%q: %q %q %q %q", tt.id, id.SP(), id.Registrar(), id.Stem(), id.NotifyAddress())
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"Cabc", "/id-in/Cabc", "//m2m.example/Sabc", "//", "///", "-", "/id-in/Sabc"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, _, err := home.ParseID(s)
		if err != nil {
			return
		}
		for _, form := range []string{string(id), id.In(home)} {
			again, _, err := home.ParseID(form)
			if err != nil || again != id {
				t.Fatalf("%q is %q, which as %q is %q, %v", s, id, form, again, err)
			}
		}
	})
}

// genName generates names that ValidName accepts.
func genName() *rapid.Generator[string] {
	return rapid.StringMatching(`[A-Za-z0-9._~-]{1,12}`).Filter(onem2m.ValidName)
}

func TestParseAddress_EveryWellFormedAddressComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := onem2m.Address{}
		if rapid.Bool().Draw(t, "sp") {
			a.SP, a.CSE = "//far.example", "/x"
		}
		if rapid.Bool().Draw(t, "cse") {
			a.CSE = "/" + genName().Draw(t, "csename")
		}
		a.Path = rapid.SliceOfN(genName(), 0, 6).Draw(t, "path")
		if rapid.Bool().Draw(t, "dash") {
			a.Path = append([]string{"-"}, a.Path...)
		}
		if len(a.Path) == 0 {
			a.Path = nil
			if a.CSE == "" {
				t.Skip("empty")
			}
		}
		if rapid.Bool().Draw(t, "attribute") {
			a.Attribute = genName().Draw(t, "attributename")
		}
		got, err := onem2m.ParseAddress(a.String())
		if err != nil {
			t.Fatal(err)
		}
		if got.SP != a.SP || got.CSE != a.CSE || !slices.Equal(got.Path, a.Path) || got.Attribute != a.Attribute {
			t.Fatalf("%+v is %q is %+v", a, a.String(), got)
		}
	})
}
