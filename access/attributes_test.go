package access

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func TestAttributes_ALimitedRuleNeverGrantsTheWhole(t *testing.T) {
	t.Parallel()
	one := mustCompile(t, cseIn, `{"acr":[{"acor":["Ca"],"acop":2,"aca":["lbl","mni"]},{"acor":["Cb"],"acop":2,"aca":["st"]}]}`)
	two := mustCompile(t, cseIn, `{"acr":[{"acor":["all"],"acop":6,"aca":["cni","lbl"]},{"acor":["Cc"],"acop":2}]}`)
	sources := []Source{{Name: "unreadable"}, {Name: "one", Policy: one}, {Name: "two", Policy: two}}
	for _, tt := range []struct {
		name      string
		who       onem2m.ID
		privilege Privilege
		permit    bool
		want      []string
	}{
		{"all that apply, together", "//m2m.example/id-in/Ca", Retrieve, false, []string{"cni", "lbl", "mni"}},
		{"others have theirs", "//m2m.example/id-in/Cb", Retrieve, false, []string{"cni", "lbl", "st"}},
		{"each privilege for itself", "//m2m.example/id-in/Ca", Update, false, []string{"cni", "lbl"}},
		{"none at all", "//m2m.example/id-in/Ca", Delete, false, nil},
		{"beside a rule for all", "//m2m.example/id-in/Cc", Retrieve, true, []string{"cni", "lbl"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := &Query{Home: cseIn, Originator: tt.who, Operation: onem2m.Retrieve, Privilege: tt.privilege}
			if got := Decide(q, sources).Permit; got != tt.permit {
				t.Errorf("permit is %v", got)
			}
			if diff := cmp.Diff(tt.want, Attributes(q, sources)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAttributes_A205_IsCheckedAtTheDoor(t *testing.T) {
	t.Parallel()
	for _, aca := range []string{`[]`, `[""]`, `"lbl"`, `[1]`, `null`, `["` + strings.Repeat("x", 65) + `"]`, `[` + strings.Repeat(`"x",`, 200) + `"x"]`} {
		if _, err := Compile(cseIn, []byte(`{"acr":[{"acor":["Ca"],"acop":2,"aca":`+aca+`}]}`), "pv"); onem2m.AsError(err).Code != onem2m.BadRequest {
			t.Errorf("%.40s: %v", aca, err)
		}
	}
}

func TestAttributes_ExplainAndFindingsSayIt(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, cseIn, `{"acr":[{"acor":["Ca"],"acop":34,"aca":["lbl"]}]}`)
	q := &Query{Home: cseIn, Originator: "//m2m.example/id-in/Ca", Operation: onem2m.Retrieve, Privilege: Retrieve}
	reasons := Explain(q, []Source{{Name: "p", Policy: p}})
	if len(reasons) != 1 || reasons[0].Permits || reasons[0].Part != PartAttributes || !strings.Contains(reasons[0].Text, `nothing but "lbl"`) {
		t.Errorf("got %+v", reasons)
	}
	found := p.Findings(q.Time)
	if len(found) != 1 || !strings.Contains(found[0].Text, "DISCOVERY isn't granted on single attributes") {
		t.Errorf("got %+v", found)
	}
}

// A limit added to every rule leaves Decide nothing to permit, whatever the
// rules and the query.
func TestAttributes_PropertyFailClosed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		acop := rapid.IntRange(1, 63).Draw(t, "acop")
		who := rapid.SampledFrom([]string{"all", "Ca", "C*", "/id-in/Ca"}).Draw(t, "who")
		set := onem2m.Object{{Name: "acor", Value: onem2m.TextsValue([]string{who})}, {Name: "acop", Value: onem2m.IntValue(int64(acop))}, {Name: "aca", Value: []byte(`["lbl"]`)}}
		p, err := Compile(cseIn, []byte(`{"acr":[`+string(set.Append(nil))+`]}`), "pv")
		if err != nil {
			t.Fatal(err)
		}
		privilege := Privilege(1) << rapid.IntRange(0, 5).Draw(t, "privilege")
		q := &Query{Home: cseIn, Originator: "//m2m.example/id-in/Ca", Privilege: privilege}
		sources := []Source{{Policy: p}}
		if Decide(q, sources).Permit || p.Permits(q) {
			t.Fatal("a limited rule grants the whole")
		}
		if got := len(Attributes(q, sources)) > 0; got != (Privilege(acop)&privilege != 0) {
			t.Fatalf("attributes: %v", got)
		}
	})
}
