package onem2m_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	type address = onem2m.Address
	tests := []struct {
		id, name, in string
		want         address
	}{
		{"C-016", "CSE-relative, unstructured", "cnt83k2", address{Path: []string{"cnt83k2"}}},
		{"C-016", "CSE-relative, structured", "cse-in/app/c1", address{Path: []string{"cse-in", "app", "c1"}}},
		{"C-016", "CSE-relative, hybrid", "cnt83k2/la", address{Path: []string{"cnt83k2", "la"}}},
		{"C-016", "SP-relative, unstructured", "/id-in/cnt83k2", address{CSE: "/id-in", Path: []string{"cnt83k2"}}},
		{"C-016", "SP-relative, structured", "/id-in/cse-in/app/c1", address{CSE: "/id-in", Path: []string{"cse-in", "app", "c1"}}},
		{"C-016", "SP-relative, hybrid", "/id-in/cnt83k2/la", address{CSE: "/id-in", Path: []string{"cnt83k2", "la"}}},
		{"C-016", "absolute, unstructured", "//m2m.example/id-in/cnt83k2", address{SP: "//m2m.example", CSE: "/id-in", Path: []string{"cnt83k2"}}},
		{"C-016", "absolute, structured", "//m2m.example/id-in/cse-in/app/c1", address{SP: "//m2m.example", CSE: "/id-in", Path: []string{"cse-in", "app", "c1"}}},
		{"C-016", "absolute, hybrid", "//m2m.example/id-in/cnt83k2/la", address{SP: "//m2m.example", CSE: "/id-in", Path: []string{"cnt83k2", "la"}}},
		{"C-005", "the CSEBase as a dash", "-", address{Path: []string{"-"}}},
		{"C-005", "a path from the dash", "-/app", address{Path: []string{"-", "app"}}},
		{"C-002", "the service provider has no case", "//M2M.Example/id-in/x", address{SP: "//m2m.example", CSE: "/id-in", Path: []string{"x"}}},
		{"C-017", "a CSE-ID alone has no path", "/id-in", address{CSE: "/id-in"}},
		{"C-023", "an attribute", "cse-in/app#apn", address{Path: []string{"cse-in", "app"}, Attribute: "apn"}},
		{"C-029", "a path behind a fan-out point", "cse-in/g/fopt/c1/ol", address{Path: []string{"cse-in", "g", "fopt", "c1", "ol"}}},
		{"C-030", "the self-reference", "sub1/ntsr", address{Path: []string{"sub1", "ntsr"}}},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := onem2m.ParseAddress(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseAddress_RefusesWhatIsNoAddress(t *testing.T) {
	t.Parallel()
	tests := []struct{ id, name, in string }{
		{"C-017", "an empty address", ""},
		{"C-017", "a slash at the end", "cse-in/lab/"},
		{"C-017", "a slash behind the CSE-ID", "/id-in/"},
		{"C-017", "an empty segment", "cse-in//lab"},
		{"C-017", "a service provider alone", "//m2m.example"},
		{"C-017", "a service provider and a slash", "//m2m.example/"},
		{"C-017", "slashes only", "///"},
		{"C-001", "a dot segment", "cse-in/./lab"},
		{"C-001", "a way up", "cse-in/../etc/passwd"},
		{"C-001", "a dash in the middle", "cse-in/-/lab"},
		{"C-001", "a space", "cse-in/my lab"},
		{"C-001", "a percent sign", "cse-in%2Flab"},
		{"C-001", "a zero octet", "cse-in/lab\x00"},
		{"C-001", "a letter beyond ASCII", "cse-in/grün"},
		{"C-023", "an empty attribute", "cse-in/lab#"},
		{"C-023", "two attributes", "cse-in/lab#a#b"},
		{"C-024", "too long", "cse-in/" + strings.Repeat("abcdefg/", 300) + "x"},
		{"C-024", "too many segments", "cse-in" + strings.Repeat("/a", onem2m.MaxSegments)},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := onem2m.ParseAddress(tt.in)
			var e *onem2m.Error
			if !errors.As(err, &e) || e.Code != onem2m.BadRequest || e.Subject != "to" {
				t.Errorf("ParseAddress(%.60q): %v, want 4000 about to", tt.in, err)
			}
		})
	}
}

func TestAddress_C015_IsLocalIfTheNamedPartsAreOurs(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"cse-in/app":                    true,
		"/id-in/cse-in/app":             true,
		"//m2m.example/id-in/cse-in":    true,
		"/id-mn/cse-in/app":             false,
		"//far.example/id-in/cse-in":    false,
		"//m2m.example/id-mn/cse-in":    false,
		"/ID-IN/cse-in":                 false,
		"//M2M.EXAMPLE/id-in/cse-in/a":  true,
		"//m2m.example.org/id-in/cse-i": false,
	} {
		a, err := onem2m.ParseAddress(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Local(home); got != want {
			t.Errorf("%s: local is %t", in, got)
		}
	}
}

func TestAddress_C022_OfAnEntityIsItsIdentifier(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]onem2m.ID{
		"Cabc":                     "//m2m.example/id-in/Cabc",
		"/id-in/Cabc":              "//m2m.example/id-in/Cabc",
		"//m2m.example/id-in/Cabc": "//m2m.example/id-in/Cabc",
		"/id-mn":                   "//m2m.example/id-mn",
		"cse-in":                   "",
		"Cabc/x":                   "",
		"Cabc#apn":                 "",
	} {
		a, err := onem2m.ParseAddress(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Entity(home); got != want {
			t.Errorf("%s: entity %q, want %q", in, got, want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"-", "cse-in/app#apn", "/id-in/x/la", "//m2m.example/id-in/-/a", "//", "#", ".", "a/../b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := onem2m.ParseAddress(s)
		if err != nil {
			return
		}
		again, err := onem2m.ParseAddress(a.String())
		if err != nil {
			t.Fatalf("%q is written %q: %v", s, a.String(), err)
		}
		if diff := cmp.Diff(a, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
