package access_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/access"
	"bulwark/onem2m"
)

func TestCandidateRoles_A143_AreThoseOfRulesThatFitButForTheOriginator(t *testing.T) {
	t.Parallel()
	home := onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}
	policy, err := access.Compile(home, []byte(`{"acr":[
		{"acor":["reader@das.example","all@other.example"],"acop":2},
		{"acor":["writer@das.example"],"acop":4},
		{"acor":["reader@das.example","proven@das.example"],"acop":3,"acaf":true},
		{"acor":["noon@das.example"],"acop":2,"acco":[{"actw":["* * 12 * * * *"]}]},
		{"acor":["Ca"],"acop":63},
		{"acor":["maker@das.example"],"acop":1,"acod":[{"chty":[4]}]}]}`), "pv")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		q    access.Query
		want []string
	}{
		{"operation", access.Query{Operation: onem2m.Update, Privilege: access.Update}, []string{"writer@das.example"}},
		{"authentication", access.Query{Operation: onem2m.Retrieve, Privilege: access.Retrieve, Authenticated: true}, []string{"reader@das.example", "all@other.example", "proven@das.example"}},
		{"no authentication", access.Query{Operation: onem2m.Retrieve, Privilege: access.Retrieve}, []string{"reader@das.example", "all@other.example"}},
		{"context", access.Query{Operation: onem2m.Retrieve, Privilege: access.Retrieve, Time: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)}, []string{"reader@das.example", "all@other.example", "noon@das.example"}},
		{"child type", access.Query{Operation: onem2m.Create, Privilege: access.Create, ChildType: onem2m.TypeContentInstance}, []string{"maker@das.example"}},
		{"another child type", access.Query{Operation: onem2m.Create, Privilege: access.Create, ChildType: onem2m.TypeContainer}, nil},
		{"nothing fits", access.Query{Operation: onem2m.Delete, Privilege: access.Delete}, nil},
	} {
		tt.q.Home = home
		if diff := cmp.Diff(tt.want, access.CandidateRoles(&tt.q, []access.Source{{Name: "p", Policy: policy}, {Name: "gone"}})); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
