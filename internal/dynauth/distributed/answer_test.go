package distributed

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func updated(root, text string) *onem2m.Response {
	return &onem2m.Response{Code: onem2m.Updated, Content: &onem2m.Content{Name: root, Value: []byte(text)}}
}

func TestParseVerdict_A174_A178_OnlyAClearPermitIsOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		res  *onem2m.Response
		want Verdict
		ok   bool
	}{
		{"permit", updated("m2m:auds", `{"dec":1,"sus":1}`), Verdict{OK, true}, true},
		{"deny", updated("m2m:auds", `{"dec":2,"sus":1}`), Verdict{OK, false}, true},
		{"more than was asked for", updated("m2m:auds", `{"dec":1,"sus":1,"lt":"20260901T101501"}`), Verdict{OK, true}, true},
		{"not applicable", updated("m2m:auds", `{"sus":2}`), Verdict{Status: NotApplicable}, true},
		{"an error", updated("m2m:auds", `{"sus":5}`), Verdict{Status: ProcessingError}, true},
		{"a decision that isn't one of OK", updated("m2m:auds", `{"dec":1,"sus":2}`), Verdict{}, false},
		{"a decision without status", updated("m2m:auds", `{"dec":1}`), Verdict{}, false},
		{"OK without a decision", updated("m2m:auds", `{"sus":1}`), Verdict{}, false},
		{"another decision", updated("m2m:auds", `{"dec":3,"sus":1}`), Verdict{}, false},
		{"a decision in words", updated("m2m:auds", `{"dec":"1","sus":1}`), Verdict{}, false},
		{"another status", updated("m2m:auds", `{"dec":1,"sus":6}`), Verdict{}, false},
		{"another root", updated("m2m:aupy", `{"dec":1,"sus":1}`), Verdict{}, false},
		{"another code of success", &onem2m.Response{Code: onem2m.OK, Content: updated("m2m:auds", `{"dec":1,"sus":1}`).Content}, Verdict{}, false},
		{"a refusal", &onem2m.Response{Code: onem2m.OriginatorHasNoPrivilege, Content: updated("m2m:auds", `{"dec":1,"sus":1}`).Content}, Verdict{}, false},
		{"nothing", &onem2m.Response{Code: onem2m.Updated}, Verdict{}, false},
		{"no object", updated("m2m:auds", `[1]`), Verdict{}, false},
		{"far too much", updated("m2m:auds", `{"dec":1,"sus":1,"x":"`+strings.Repeat("x", maxAnswer)+`"}`), Verdict{}, false},
		{"no response at all", nil, Verdict{}, false},
	} {
		t.Run("A-178 "+tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseVerdict(tt.res)
			if (err == nil) != tt.ok || got != tt.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestParsePolicies_A179_UnknownCombinationIsNoAnswer(t *testing.T) {
	t.Parallel()
	const sets = `"ps":{"pv":[{"acr":[]},{"acr":[{"acor":["all"],"acop":2}]}]}`
	for text, want := range map[string]int{ // -1: no answer
		`{"sus":1,"ca":1,` + sets + `}`: 2, `{"sus":1,"ca":2,` + sets + `}`: -1, `{"sus":1,` + sets + `}`: -1,
		`{"sus":2}`: 0, `{"sus":1,"ca":1}`: -1, `{"sus":1,"ca":1,"ps":{"pv":[]}}`: -1, `{"sus":1,"ca":1,"ps":{"pv":{}}}`: -1, `{}`: -1,
		`{"sus":1,"ca":1,"ps":{"pv":[` + strings.Repeat(`{},`, maxPolicies) + `{}]}}`: -1,
	} {
		got, err := ParsePolicies(updated("m2m:aupy", text))
		if (err == nil) != (want >= 0) || len(got.Sets) != max(want, 0) {
			t.Errorf("%s: %d sets, %v", text, len(got.Sets), err)
		}
	}
}

func TestParseHeld_A174_TakesRolesAndTokensInline(t *testing.T) {
	t.Parallel()
	h, err := ParseHeld(updated("m2m:auif", `{"sus":1,"m2m:rol":[{"rlid":"a@b.example"},{}],"m2m:tk":[{"tkid":"t@b.example"}]}`))
	if err != nil || len(h.Roles) != 2 || len(h.Tokens) != 1 {
		t.Errorf("%+v, %v", h, err)
	}
	for _, text := range []string{`{"sus":1,"m2m:rol":{}}`, `{"sus":1,"m2m:tk":["x"]}`, `{"m2m:rol":[]}`, `{"sus":1,"m2m:rol":[` + strings.Repeat(`{},`, maxHeld) + `{}]}`} {
		if h, err := ParseHeld(updated("m2m:auif", text)); err == nil {
			t.Errorf("%s: %+v", text, h)
		}
	}
}

func TestAnswers_A174_AreReadAsTheyWereGiven(t *testing.T) {
	t.Parallel()
	for _, v := range []Verdict{{OK, true}, {OK, false}, {Status: NotApplicable}, {Status: MissingAttribute}, {Status: SyntaxError}, {Status: ProcessingError}} {
		got, err := ParseVerdict(&onem2m.Response{Code: onem2m.Updated, Content: v.Content()})
		if err != nil || got != v {
			t.Errorf("%+v: %+v, %v", v, got, err)
		}
	}
	p := Policies{Status: OK, Sets: []jsontext.Value{[]byte(`{"acr":[{"acor":["all"],"acop":2}]}`)}}
	gotP, err := ParsePolicies(&onem2m.Response{Code: onem2m.Updated, Content: p.Content()})
	if diff := cmp.Diff(p, gotP); diff != "" || err != nil {
		t.Error(diff, err)
	}
	h := Held{Status: OK, Roles: []onem2m.Object{object(t, `{"rlid":"a@b.example"}`)}, Tokens: []onem2m.Object{object(t, `{"tkid":"t@b.example"}`)}}
	gotH, err := ParseHeld(&onem2m.Response{Code: onem2m.Updated, Content: h.Content()})
	if diff := cmp.Diff(h, gotH); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if text := string((Policies{Status: NotApplicable, Sets: p.Sets}).Content().Value); strings.Contains(text, "acr") {
		t.Errorf("policies without OK: %s", text)
	}
}

func FuzzParseAnswers(f *testing.F) {
	f.Add(`{"dec":1,"sus":1}`)
	f.Add(`{"sus":1,"ca":1,"ps":{"pv":[{"acr":[]}]}}`)
	f.Add(`{"sus":1,"m2m:rol":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVerdict(updated("m2m:auds", text))
		if v.Permit && (err != nil || v.Status != OK || !strings.Contains(text, "1")) {
			t.Fatalf("%q permits: %+v, %v", text, v, err)
		}
		if p, err := ParsePolicies(updated("m2m:aupy", text)); err != nil && len(p.Sets) > 0 {
			t.Fatalf("%q: %+v", text, p)
		}
		if h, err := ParseHeld(updated("m2m:auif", text)); err != nil && len(h.Roles)+len(h.Tokens) > 0 {
			t.Fatalf("%q: %+v", text, h)
		}
	})
}
