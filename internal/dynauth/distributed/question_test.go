package distributed

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"bulwark/access"
	"bulwark/onem2m"
)

func object(t testing.TB, text string) onem2m.Object {
	t.Helper()
	o, err := onem2m.ParseObject([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return o
}

func TestParseQuestion_A171_TakesWhatBelongsThereAndNothingElse(t *testing.T) {
	t.Parallel()
	const least = `"to":"//m2m.example/id-mn/cnt1","fr":"//m2m.example/id-mn/Capp","op":2`
	for _, tt := range []struct{ name, text, subject string }{ // subject "": accepted
		{"the mandatory attributes", `{` + least + `}`, ""},
		{"all of them", `{"to":"a","fr":"/id-mn/C1","op":1,"rrt":3,"fu":2,"rids":["op@roles.example"],"tids":["t1@das.example"],"tkns":["a.b.c"],"rtm":"20260901T101500","olo":{"accr":[48.2,16.3,20]},"oip":{"ip4":"192.0.2.7"}}`, ""},
		{"filter criteria instead of their usage", `{` + least + `,"fu":{"fu":1}}`, ""},
		{"countries", `{` + least + `,"olo":{"accc":["AT","DE"]}}`, ""},
		{"no to", `{"fr":"/id-mn/C1","op":2}`, "to"},
		{"an empty to", `{"to":"","fr":"/id-mn/C1","op":2}`, "to"},
		{"no from", `{"to":"a","op":2}`, "fr"},
		{"no operation", `{"to":"a","fr":"/id-mn/C1"}`, "op"},
		{"an operation that doesn't exist", `{"to":"a","fr":"/id-mn/C1","op":9}`, "op"},
		{"a decision", `{` + least + `,"dec":1}`, "dec"},
		{"a status", `{` + least + `,"sus":1}`, "sus"},
		{"a common attribute", `{` + least + `,"lbl":["x"]}`, "lbl"},
		{"an unknown attribute", `{` + least + `,"authn":true}`, "authn"},
		{"null", `{` + least + `,"rids":null}`, "rids"},
		{"a role that is none", `{` + least + `,"rids":["op"]}`, "rids"},
		{"a token that is none", `{` + least + `,"tkns":["secret"]}`, "tkns"},
		{"a time that is none", `{` + least + `,"rtm":"noon"}`, "rtm"},
		{"a type without CREATE", `{` + least + `,"rrt":3}`, "rrt"},
		{"a CREATE without type", `{"to":"a","fr":"/id-mn/C1","op":1}`, "rrt"},
		{"a place that is none", `{` + least + `,"olo":{"accr":[99,0,1]}}`, "olo"},
		{"two addresses", `{` + least + `,"oip":{"ip4":"192.0.2.1","ip6":"::1"}}`, "oip"},
		{"an address that is none", `{` + least + `,"oip":{"ip4":"x"}}`, "oip"},
		{"a filter usage that doesn't exist", `{` + least + `,"fu":4}`, "fu"},
		{"criteria beside the filter usage", `{` + least + `,"fu":{"fu":1,"ty":[3]}}`, "fu"},
		{"more tokens than anybody has", `{` + least + `,"tids":[` + strings.Repeat(`"t@das.example",`, MaxTokens) + `"t@das.example"]}`, "tids"},
	} {
		t.Run("A-171 "+tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseQuestion(object(t, tt.text))
			expect(t, err, tt.subject)
		})
	}
}

func expect(t *testing.T, err error, subject string) {
	t.Helper()
	if (err == nil) != (subject == "") {
		t.Fatalf("got %v, want an error about %q", err, subject)
	}
	if err == nil {
		return
	}
	if e := onem2m.AsError(err); e.Code != onem2m.BadRequest || e.Subject != subject {
		t.Errorf("got %v, want 4000 about %s", err, subject)
	}
}

func TestParsePolicyAndInformationQuestion_A171_AreStrictToo(t *testing.T) {
	t.Parallel()
	for text, subject := range map[string]string{
		`{"to":"a"}`: "", `{}`: "to", `{"to":"a","fr":"/id-mn/C1"}`: "fr", `{"to":"a","lbl":[]}`: "lbl", `{"to":7}`: "to",
	} {
		_, err := ParsePolicyQuestion(object(t, text))
		expect(t, err, subject)
	}
	for text, subject := range map[string]string{
		`{"fr":"/id-mn/C1"}`: "", `{"fr":"/id-mn/C1","rids":["op@roles.example"],"tids":["t@das.example"]}`: "",
		`{"rids":["op@roles.example"]}`: "fr", `{"fr":"/id-mn/C1","tkns":["a.b.c"]}`: "tkns", `{"fr":"/id-mn/C1","to":"a"}`: "to", `{"fr":"/id-mn/C1","tids":["t"]}`: "tids",
	} {
		_, err := ParseInformationQuestion(object(t, text))
		expect(t, err, subject)
	}
}

// anyQuestion draws a question that can be asked.
func anyQuestion(t *rapid.T) Question {
	id := rapid.StringMatching(`[a-z]{1,8}@[a-z]{1,8}\.example`)
	q := Question{
		To:        rapid.StringMatching(`//m2m\.example/id-[a-z]{1,5}/[a-z0-9]{1,8}`).Draw(t, "to"),
		From:      rapid.StringMatching(`//m2m\.example/id-[a-z]{1,5}/C[a-z0-9]{1,8}`).Draw(t, "from"),
		Operation: onem2m.Operation(rapid.IntRange(1, 5).Draw(t, "op")),
		RoleIDs:   rapid.SliceOfN(id, 0, 3).Draw(t, "roles"),
		TokenIDs:  rapid.SliceOfN(id, 0, 3).Draw(t, "token IDs"),
		Tokens:    rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,5}\.[a-z]{1,5}\.[a-z]{1,5}`), 0, 3).Draw(t, "tokens"),
		Usage:     rapid.Int64Range(0, 3).Draw(t, "usage"),
	}
	if q.Operation == onem2m.Create {
		q.ChildType = onem2m.TypeContainer
	}
	if rapid.Bool().Draw(t, "timed") {
		q.Time = onem2m.Timestamp(rapid.Int64Range(1_700_000_000_000_000, 1_900_000_000_000_000).Draw(t, "time"))
	}
	switch rapid.IntRange(0, 2).Draw(t, "place") {
	case 1:
		q.Location = &access.Location{Country: rapid.SampledFrom([]string{"AT", "DE"}).Draw(t, "country")}
	case 2:
		q.Location = &access.Location{Latitude: rapid.Float64Range(-90, 90).Draw(t, "latitude"), Longitude: 16.25, Uncertainty: 20, HasPosition: true}
	}
	if rapid.Bool().Draw(t, "located") {
		q.IP = rapid.SampledFrom([]netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::1")}).Draw(t, "ip")
	}
	return q
}

func TestQuestion_A171_IsReadAsItWasAsked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := anyQuestion(t)
		content := q.Content()
		if content.Name != "m2m:auds" {
			t.Fatalf("asked as %s", content.Name)
		}
		o, err := onem2m.ParseObject(content.Value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseQuestion(o)
		if err != nil {
			t.Fatalf("%s: %v", content.Value, err)
		}
		if diff := cmp.Diff(q, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParseQuestion(f *testing.F) {
	f.Add(`{"to":"a","fr":"/id-mn/C1","op":1,"rrt":3,"fu":{"fu":2},"olo":{"accr":[48.2,16.3,20]},"oip":{"ip4":"192.0.2.7"}}`)
	f.Add(`{"to":"a"}`)
	f.Add(`{"fr":"/id-mn/C1","tids":["t@das.example"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		o, err := onem2m.ParseObject([]byte(text))
		if err != nil {
			return
		}
		if q, err := ParseQuestion(o); err == nil {
			if again, err := ParseQuestion(object(t, string(q.Content().Value))); err != nil {
				t.Fatalf("%s: %+v: %v", text, again, err)
			}
		}
		_, _ = ParsePolicyQuestion(o)
		_, _ = ParseInformationQuestion(o)
	})
}
