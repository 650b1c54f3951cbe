package access

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func compileOriginators(t *testing.T, home onem2m.Home, entries ...string) *Policy {
	t.Helper()
	acor, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	return mustCompile(t, home, `{"acr":[{"acor":`+string(acor)+`,"acop":63}]}`)
}

func TestOriginators_MatchExactlyWhatTheyName(t *testing.T) {
	t.Parallel()
	const (
		app     = "//sp.example.org/mn01/Capp42"
		cse     = "//sp.example.org/mn01"
		das     = "//sp.example.org/Sdas01"
		foreign = "//other.example.net/mn01"
	)
	role := RoleSet{"operator@das.example.org": {}, "operator@DAS.example.org": {}, "all": {}, "": {}}
	ops := &groups{members: map[string][]onem2m.ID{
		"mn01base/grpOps": {app}, "Cgroup": {app}, "/mn01/grp7": {app}, "//sp.example.org/mn01/mn01base/grp": {app},
		"mn01base/grp*": {app}, "": {app}, "*": {app},
	}}
	for _, tc := range []struct {
		id, entry, who string
		want           bool
	}{
		{"A-60", "all", app, true},
		{"A-60", "all", foreign, true},
		{"A-60", "all", "", true},
		{"A-60", "ALL", app, false},
		{"A-60", "All", app, false},
		{"A-60", "allx", app, false},
		{"A-63", "al*", app, false},
		{"A-59", "*", app, false},
		{"A-59", "*", "", false},
		{"A-61", "//*", app, false},
		{"A-61", "//", app, false},
		{"A-59", "", app, false},
		{"A-59", "", "", false},
		{"A-59", "/", app, false},
		{"A-61", "//sp.example.org", app, true},
		{"A-61", "//sp.example.org", cse, true},
		{"A-61", "//sp.example.org", "", false},
		{"A-61", "//sp.example.org", "//sub.sp.example.org/mn01/C1", false},
		{"A-61", "//sp.example.org", "//sp.example.organic/mn01", false},
		{"A-61", "//SP.example.org", app, true}, // one domain name, as in From
		{"A-61", "//*.example.org", cse, false},
		{"A-61", "//sp.example.*", cse, false},
		{"A-62", "//sp.example.org/", cse, false},
		{"A-65", "//sp.example.org/mn01", app, false},
		{"A-64", "//sp.example.org/mn01", cse, true},
		{"A-64", "//SP.Example.org/mn01", cse, true},
		{"A-64", "//sp.example.org/MN01", cse, false},
		{"A-62", "//*/mn01", foreign, true},
		{"A-65", "//*/mn0*", app, false},
		{"A-62", "//*/mn0*/Capp42", app, true},
		{"A-62", "//sp.example.org/S*", das, true},
		{"A-64", "/mn01", foreign, false},
		{"A-64", "/mn01", cse, true},
		{"A-62", "/mn01/C*", app, true},
		{"A-62", "/mn01/C*", "//sp.example.org/mn01/xC1", false},
		{"A-64", "/mn01/C*", "//other.example.net/mn01/Capp42", false},
		{"A-62", "/*", "//sp.example.org/in01", true},
		{"A-62", "/*", das, true},
		{"A-65", "/*", app, false},
		{"A-65", "/*/*/*", app, false},
		{"A-64", "Capp42", app, true},
		{"A-64", "Capp42", "//sp.example.org/in01/Capp42", false},
		{"A-64", "Capp4", app, false},
		{"A-64", "Capp422", app, false},
		{"A-64", "CAPP42", app, false},
		{"A-62", "Capp4?", app, false},
		{"A-62", "Capp.*", app, false},
		{"A-62", "C*", app, true},
		{"A-62", "C*", das, false},
		{"A-62", "C*", "//sp.example.org/mn01/Sx", false},
		{"A-62", "C*4*2", app, true},
		{"A-62", "C*4", app, false},
		{"A-62", "C*pp*p", app, false},
		{"A-62", "C*app42*2", app, false},
		{"A-62", "Capp42*", app, true},
		{"A-62", "Capp*42*42", app, false},
		{"A-64", "Sdas01", das, true},
		{"A-62", "S*1", das, true},
		{"A-68", "operator@das.example.org", app, true},
		{"A-68", "other@das.example.org", app, false},
		{"A-68", "operator@DAS.example.org", app, false},
		{"A-63", "oper*@das.example.org", app, false},
		{"A-63", "Coper*@das.example.org", app, false},
		{"A-63", "operator@*", app, false},
		{"A-66", "mn01base/grpOps", app, true},
		{"A-66", "mn01base/grpOps/fopt", app, true},
		{"A-66", "mn01base/grpOps", das, false},
		{"A-66", "Cgroup", app, true},
		{"A-66", "/mn01/grp7", app, true},
		{"A-66", "//sp.example.org/mn01/mn01base/grp", app, true},
		{"A-67", "mn01base/grpGone", app, false},
		{"A-63", "mn01base/grp*", app, false},
		{"A-67", "mn01base/grpOps", "", false},
	} {
		t.Run(tc.id+" "+tc.entry+" and "+tc.who, func(t *testing.T) {
			t.Parallel()
			p := compileOriginators(t, mn01, tc.entry)
			q := &Query{
				Home: mn01, Originator: onem2m.ID(tc.who), Operation: onem2m.Retrieve, Privilege: Retrieve,
				Time: wednesday, Roles: role, Groups: &groups{members: ops.members},
			}
			if got := p.Permits(q); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			q.Roles, q.Groups = nil, nil
			if tc.id == "A-66" || tc.id == "A-68" {
				if p.Permits(q) {
					t.Error("A-03: matches though roles and groups are unknown")
				}
			}
		})
	}
}

func TestOriginators_A59_EntriesOfAllKindsMayBeMixed(t *testing.T) {
	t.Parallel()
	p := compileOriginators(t, mn01, "*", "Cone", "/mn02/C*", "//partner.example", "guard@das.example.org", "mn01base/grp")
	known := &groups{members: map[string][]onem2m.ID{"mn01base/grp": {"//sp.example.org/mn01/Cmember"}}}
	for who, want := range map[onem2m.ID]bool{
		"//sp.example.org/mn01/Cone": true, "//sp.example.org/mn02/Cx": true, "//partner.example/cse/Cy": true,
		"//sp.example.org/mn01/Cmember": true, "//sp.example.org/mn01/Ctwo": false, "//sp.example.org/mn02": false,
	} {
		q := &Query{Originator: who, Operation: onem2m.Delete, Privilege: Delete, Groups: known}
		if got := p.Permits(q); got != want {
			t.Errorf("%s: got %v, want %v", who, got, want)
		}
	}
}

// Field case 06: originators that look like others.
func TestOriginators_FieldCase06(t *testing.T) {
	t.Parallel()
	door := []string{"Cboss01", "/id-in/Cguard*", "//m2m.example/id-b/Cplant?"}
	for _, tc := range []struct {
		entries []string
		who     string
		want    bool
	}{
		{door, "Cboss01", true},
		{door, "Cguard7", true},
		{door, "Cboss0", false},
		{door, "Cboss011", false},
		{door, "CBOSS01", false},
		{door, "C1", false},
		{door, "//m2m.example/id-b/Cplant1", false},
		{[]string{"*"}, "Cother1", false},
		{[]string{"*"}, "//other.example/cse/Cother1", false},
		{[]string{"//*/id-in/Cother1"}, "Cother1", true},
		{[]string{"//*/id-in/Cother1"}, "//other.example/id-in/Cother1", true},
		{[]string{"//*/id-in/Cother1"}, "/id-in", false},
		{[]string{"/id-in/*"}, "Cother1", true},
		{[]string{"/id-in/*"}, "/id-in", false},
		{[]string{"Cother"}, "Cother1", false},
		{[]string{"//other.example/*"}, "Cother1", false},
		{[]string{"//other.example/*"}, "/Sother", false},
	} {
		t.Run("A-62 "+strings.Join(tc.entries, " ")+" and "+tc.who, func(t *testing.T) {
			t.Parallel()
			who, _, err := cseIn.ParseID(tc.who)
			if err != nil {
				t.Fatal(err)
			}
			p := compileOriginators(t, cseIn, tc.entries...)
			q := &Query{Originator: who, Operation: onem2m.Retrieve, Privilege: Retrieve, Authenticated: true}
			if got := p.Permits(q); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	t.Run("A-196 what is no identifier never gets as far as a query", func(t *testing.T) {
		t.Parallel()
		for _, s := range []string{".*", "C.*", "^", "C[a-z]+01", "*", "Cboss0*", `["Cboss01"]`, "", "Cboss01 ", "Cboss01%20"} {
			if id, _, err := cseIn.ParseID(s); err == nil {
				t.Errorf("%q was read as %q", s, id)
			}
		}
	})
}

func TestGlob_A197_TakesLinearTime(t *testing.T) {
	t.Parallel()
	p := compileOriginators(t, cseIn, "C*a*a*a*a*a*a*a*b", "C"+strings.Repeat("*a", 900)+"*b")
	q := &Query{
		Originator: onem2m.ID("//m2m.example/id-in/C" + strings.Repeat("a", 200)),
		Operation:  onem2m.Retrieve, Privilege: Retrieve,
	}
	start := time.Now()
	for range 1000 {
		if p.Permits(q) {
			t.Fatal("matches without a b")
		}
	}
	// Generous by a factor of 500; a backtracking matcher would take years.
	if took := time.Since(start); took > time.Minute {
		t.Errorf("1000 decisions took %v", took)
	}
}

func TestGroups_A66_AreAskedLastAndOnlyWhenAllElseMatches(t *testing.T) {
	t.Parallel()
	asked := &groups{members: map[string][]onem2m.ID{}}
	p := mustCompile(t, cseIn, `{"acr":[
		{"acor":["cse-in/g1"],"acop":1},
		{"acor":["cse-in/g2"],"acop":2,"acaf":true},
		{"acor":["cse-in/g3"],"acop":2,"acco":[{"acip":{"ipv4":["198.51.100.1"]}}]},
		{"acor":["cse-in/g4","cse-in/g*","x@das.example.org","//m2m.example","all "],"acop":2},
		{"acor":["Cop01","cse-in/g5"],"acop":2}]}`)
	q := cop01()
	q.Originator, q.Authenticated, q.Groups = "//m2m.example/id-b/Cx", false, asked
	q.Originator = "//elsewhere.example/id-b/Cx"
	if p.Permits(q) {
		t.Error("permits a stranger")
	}
	if diff := cmp.Diff([]string{"cse-in/g4", "all ", "Cop01", "cse-in/g5"}, asked.asked); diff != "" {
		t.Error(diff)
	}
}
