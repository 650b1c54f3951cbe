package access

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func TestPrivilegeOf_A71(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		id        string
		op        onem2m.Operation
		discovery bool
		want      Privilege
	}{
		{"A-71", onem2m.Create, false, 1},
		{"A-71", onem2m.Retrieve, false, 2},
		{"A-71", onem2m.Update, false, 4},
		{"A-71", onem2m.Delete, false, 8},
		{"A-71", onem2m.Notify, false, 16},
		{"A-71", onem2m.Retrieve, true, 32},
		{"A-71", onem2m.Delete, true, 8},
		{"A-03", 0, false, 0},
		{"A-03", 6, true, 0},
	} {
		t.Run(tc.id+" "+tc.op.String(), func(t *testing.T) {
			t.Parallel()
			if got := PrivilegeOf(tc.op, tc.discovery); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func TestDecide_A70_EachPrivilegeIsABitOfAcop(t *testing.T) {
	t.Parallel()
	for acop := Privilege(1); acop <= AllPrivileges; acop++ {
		p := &Policy{rules: []rule{{privileges: acop, originators: originators{anyone: true}}}}
		for _, asked := range []Privilege{Create, Retrieve, Update, Delete, Notify, Discover} {
			if got := p.Permits(&Query{Privilege: asked}); got != (acop&asked != 0) {
				t.Errorf("acop %d, asked %d: got %v", acop, asked, got)
			}
		}
		if p.Permits(&Query{}) {
			t.Errorf("acop %d grants an operation that doesn't exist", acop)
		}
	}
}

func TestDecide_A29_S089_AuthenticationFlag(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, members string
		authenticated bool
		want          bool
	}{
		{"flag true, authenticated", `"acaf":true`, true, true},
		{"flag true, not authenticated", `"acaf":true`, false, false},
		{"flag false, authenticated", `"acaf":false`, true, true},
		{"flag false, not authenticated", `"acaf":false`, false, true},
		{"no flag, authenticated", ``, true, true},
		{"no flag, not authenticated", ``, false, true},
	} {
		t.Run("A-29 "+tc.name, func(t *testing.T) {
			t.Parallel()
			q := cop01()
			q.Authenticated = tc.authenticated
			if got := mustCompile(t, cseIn, ruleForCop01(tc.members)).Permits(q); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestDecide_A05_OneMatchingRuleAnywhereIsEnough(t *testing.T) {
	t.Parallel()
	stranger := mustCompile(t, cseIn, `{"acr":[{"acor":["Cx"],"acop":63},{"acor":["Cop01"],"acop":61}]}`)
	second := mustCompile(t, cseIn, `{"acr":[{"acor":["Cy"],"acop":63},{"acor":["Cop01"],"acop":2}]}`)
	q := cop01()
	for _, tc := range []struct {
		id      string
		sources []Source
		want    Decision
	}{
		{"A-03 no sources", nil, Decision{Rule: -1}},
		{"A-52 an unreadable policy grants nothing", []Source{{Name: "gone"}}, Decision{Rule: -1}},
		{"A-34 an empty policy grants nothing", []Source{{"empty", mustCompile(t, cseIn, `{}`)}}, Decision{Rule: -1}},
		{"A-05 no rule matches", []Source{{"a", stranger}}, Decision{Rule: -1}},
		{"A-05 the second rule of the second source", []Source{{"a", stranger}, {"b", second}}, Decision{true, "b", 1}},
		{"A-04 the first that permits is named", []Source{{"b", second}, {"c", second}}, Decision{true, "b", 1}},
		{"A-43 an unreadable policy doesn't hide the next", []Source{{Name: "gone"}, {"b", second}}, Decision{true, "b", 1}},
	} {
		t.Run(tc.id, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Decide(q, tc.sources)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOwner_A42_GrantsEverythingToTheCreatorAlone(t *testing.T) {
	t.Parallel()
	p := Owner("//m2m.example/id-in/Cgw0001")
	for _, privilege := range []Privilege{Create, Retrieve, Update, Delete, Notify, Discover} {
		for who, want := range map[onem2m.ID]bool{
			"//m2m.example/id-in/Cgw0001": true, "//m2m.example/id-in/Cread01": false,
			"//m2m.example/id-in": false, "//m2m.example/id-in/Cgw00011": false, "": false,
		} {
			if got := p.Permits(&Query{Originator: who, Privilege: privilege}); got != want {
				t.Errorf("%q, privilege %v: got %v", who, privilege, got)
			}
		}
	}
	if Owner("").Permits(&Query{Privilege: Retrieve}) {
		t.Error("nobody owns something")
	}
	if p.Len() != 1 || (*Policy)(nil).Len() != 0 {
		t.Error("wrong number of rules")
	}
}

// Field case 14, the policy of the container "meter".
func TestDecide_A72_FieldCase14(t *testing.T) {
	t.Parallel()
	meter := mustCompile(t, cseIn, `{"acr":[{"acor":["Cgw0001"],"acop":63},{"acor":["Cread01"],"acop":2},{"acor":["Cwrite1"],"acop":1}]}`)
	for _, tc := range []struct {
		who  onem2m.ID
		op   onem2m.Operation
		want bool
	}{
		{"//m2m.example/id-in/Cwrite1", onem2m.Create, true},
		{"//m2m.example/id-in/Cread01", onem2m.Retrieve, true},
		{"//m2m.example/id-in/Cwrite1", onem2m.Retrieve, false},
		{"//m2m.example/id-in/Cgw0001", onem2m.Retrieve, true},
		{"//m2m.example/id-in/Cread01", onem2m.Delete, false},
	} {
		q := &Query{Originator: tc.who, Operation: tc.op, Privilege: PrivilegeOf(tc.op, false), ChildType: onem2m.TypeContentInstance}
		if got := meter.Permits(q); got != tc.want {
			t.Errorf("%v by %s: got %v", tc.op, tc.who, got)
		}
	}
}
