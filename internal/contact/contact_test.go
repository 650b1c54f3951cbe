package contact_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/contact"
	"bulwark/onem2m"
)

var home = onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}

func TestParse_ReadsEveryFormOfAReferenceToAnAE(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		identity bool
		want     contact.Name
	}{
		{"Cabc", true, "/id-in/Cabc"},
		{"Cabc", false, "/id-in/Cabc"},
		{"/id-mn/Cabc", true, "/id-mn/Cabc"},
		{"//m2m.example/id-mn/Cabc", false, "/id-mn/Cabc"},
		{"//M2M.Example/id-mn/Cabc", false, "/id-mn/Cabc"},
		{"//else.example/id-mn/Cabc", true, "//else.example/id-mn/Cabc"},
		{"Sabc", true, "/Sabc"},
		{"Sabc", false, "/id-in/Sabc"},
		{"/Sabc", false, "/Sabc"},
		{"//m2m.example/Sabc", false, "/Sabc"},
		{"/id-mn/Sabc", false, "/id-mn/Sabc"},
		{"/id-mn/Cabc?ct=json", false, "/id-mn/Cabc"},
		{"all", true, ""},
		{"C*", true, ""},
		{"C", true, ""},
		{"/id-mn", true, ""},
		{"//m2m.example", true, ""},
		{"//m2m.example/", true, ""},
		{"", true, ""},
		{"/", true, ""},
		{"cnt1-abc", false, ""},
		{"cse-in/app", false, ""},
		{"/id-mn/Cabc/c1", false, ""},
		{"/id-mn/cnt1", false, ""},
		{"http://app.example.com/n", false, ""},
	} {
		if got := contact.Parse(home, c.text, c.identity); got != c.want {
			t.Errorf("Parse(%q, %t) = %q, want %q", c.text, c.identity, got, c.want)
		}
	}
}

func TestName_Parts(t *testing.T) {
	t.Parallel()
	for name, want := range map[contact.Name][2]string{
		"/id-mn/Cabc":               {"/id-mn", "Cabc"},
		"/Sabc":                     {"", "Sabc"},
		"//else.example/id-mn/Cabc": {"//else.example/id-mn", "Cabc"},
		"//else.example/Sabc":       {"", "Sabc"},
	} {
		if got := [2]string{name.Registrar(), name.Stem()}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestOfAndReplace_C100_EveryPlaceOfAReference(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		ty    onem2m.ResourceType
		attrs string
		of    []contact.Name
		after string // what Replace of /id-mn/Cabc by /id-far/Cabc changes
	}{
		{
			"originators of a policy", onem2m.TypeAccessControlPolicy,
			`{"pv":{"acr":[{"acor":["Cown","all"],"acop":1},{"acor":["/id-mn/Cabc","/Sabc"],"acop":2}]},"pvs":{"acr":[{"acor":["Cown"],"acop":63}]}}`,
			[]contact.Name{"/id-in/Cown", "/id-mn/Cabc", "/Sabc"},
			`{"pv":{"acr":[{"acor":["Cown","all"],"acop":1},{"acor":["/id-far/Cabc","/Sabc"],"acop":2}]}}`,
		},
		{
			"members of a group", onem2m.TypeGroup, `{"mid":["/id-mn/Cabc","cse-in/app","Cown"],"mnm":5}`,
			[]contact.Name{"/id-mn/Cabc", "/id-in/Cown"},
			`{"mid":["/id-far/Cabc","cse-in/app","Cown"]}`,
		},
		{
			"targets of a subscription", onem2m.TypeSubscription, `{"nu":["http://a.example.com","/id-mn/Cabc?ct=cbor"],"su":"/id-mn/Cabc"}`,
			[]contact.Name{"/id-mn/Cabc"},
			`{"nu":["http://a.example.com","/id-far/Cabc?ct=cbor"],"su":"/id-far/Cabc"}`,
		},
		{
			"links of announced resources", onem2m.TypeAEAnnc, `{"lnk":"/id-mn/Cabc"}`,
			[]contact.Name{"/id-mn/Cabc"},
			`{"lnk":"/id-far/Cabc"}`,
		},
		{"a container holds none", onem2m.TypeContainer, `{"nu":["/id-mn/Cabc"],"mid":["/id-mn/Cabc"]}`, nil, ""},
		{"rules that can't be read", onem2m.TypeAccessControlPolicy, `{"pv":{"acr":5},"pvs":7}`, nil, ""},
	} {
		attrs, err := onem2m.ParseObject([]byte(c.attrs))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.of, contact.Of(home, c.ty, attrs)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		got := ""
		if o := contact.Replace(home, c.ty, attrs, "/id-mn/Cabc", "/id-far/Cabc"); o != nil {
			got = string(o.Append(nil))
		}
		if got != c.after {
			t.Errorf("%s: replaced %s, want %s", c.name, got, c.after)
		}
		if string(attrs.Append(nil)) != c.attrs {
			t.Errorf("%s: the attributes were changed in place: %s", c.name, attrs.Append(nil))
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"Cabc", "/id-mn/Sabc", "//m2m.example/Sabc", "//", "/", "?", "//x/", "/a//b"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, identity bool) {
		n := contact.Parse(home, text, identity)
		if n == "" {
			return
		}
		if again := contact.Parse(home, string(n), identity); again != n {
			t.Errorf("%q reads as %q, and that as %q", text, n, again)
		}
		if len(n.Stem()) < 2 {
			t.Errorf("%q has the stem %q", n, n.Stem())
		}
	})
}
