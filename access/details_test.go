package access

import (
	"testing"

	"bulwark/onem2m"
)

func TestObjectDetails(t *testing.T) {
	t.Parallel()
	create := func(change func(*Query)) *Query {
		q := cop01()
		q.Operation, q.Privilege = onem2m.Create, Create
		q.ChildType = onem2m.TypeContentInstance
		if change != nil {
			change(q)
		}
		return q
	}
	flex := func(cnd string) func(*Query) {
		return func(q *Query) {
			q.TargetType, q.Specialization.ContainerDefinition = onem2m.TypeFlexContainer, cnd
		}
	}
	mgmt := func(mgd int64) func(*Query) {
		return func(q *Query) {
			q.TargetType = onem2m.TypeMgmtObj
			q.Specialization.MgmtDefinition, q.Specialization.HasMgmtDefinition = mgd, true
		}
	}
	asking := func(op onem2m.Operation, discovery bool) func(*Query) {
		return func(q *Query) {
			q.Operation, q.Privilege, q.ChildType = op, PrivilegeOf(op, discovery), 0
		}
	}
	for _, tc := range []struct {
		id, name, acod string
		change         func(*Query)
		want           bool
	}{
		{"A-98", "without acod every child type", ``, nil, true},
		{"A-39", "an empty acod is none", `[]`, nil, true},
		{"A-97", "the child type", `[{"chty":[4]}]`, nil, true},
		{"A-97", "one of the child types", `[{"chty":[3,4]}]`, nil, true},
		{"A-97", "another child type", `[{"chty":[3,23]}]`, nil, false},
		{"A-97", "type of the parent", `[{"ty":3,"chty":[4]}]`, nil, true},
		{"A-97", "another type of parent", `[{"ty":2,"chty":[4]}]`, nil, false},
		{"A-97", "one of several elements", `[{"ty":2,"chty":[4]},{"ty":3,"chty":[4]}]`, nil, true},
		{"A-97", "the parts of two elements don't mix", `[{"ty":2,"chty":[4]},{"ty":3,"chty":[3]}]`, nil, false},
		{"A-97", "no child type given", `[{"chty":[4]}]`, func(q *Query) { q.ChildType = 0 }, false},
		{"A-95", "RETRIEVE", `[{"ty":2,"chty":[3]}]`, asking(onem2m.Retrieve, false), true},
		{"A-95", "discovery", `[{"ty":2,"chty":[3]}]`, asking(onem2m.Retrieve, true), true},
		{"A-95", "UPDATE", `[{"ty":2,"chty":[3]}]`, asking(onem2m.Update, false), true},
		{"A-95", "DELETE", `[{"ty":2,"chty":[3]}]`, asking(onem2m.Delete, false), true},
		{"A-95", "NOTIFY", `[{"ty":2,"chty":[3]}]`, asking(onem2m.Notify, false), true},
		{"A-101", "the containerDefinition", `[{"ty":28,"spty":{"cnd":"com.example.lamp"},"chty":[4]}]`, flex("com.example.lamp"), true},
		{"A-101", "another containerDefinition", `[{"ty":28,"spty":{"cnd":"com.example.lamp"},"chty":[4]}]`, flex("com.example.lamps"), false},
		{"A-101", "no containerDefinition", `[{"spty":{"cnd":"com.example.lamp"},"chty":[4]}]`, nil, false},
		{"A-101", "the mgmtDefinition", `[{"ty":13,"spty":{"mgd":1001},"chty":[4]}]`, mgmt(1001), true},
		{"A-101", "another mgmtDefinition", `[{"ty":13,"spty":{"mgd":1001},"chty":[4]}]`, mgmt(1002), false},
		{"A-101", "mgmtDefinition self-defined", `[{"ty":13,"spty":{"mgd":0},"chty":[4]}]`, mgmt(0), true},
		{"A-101", "no mgmtDefinition is not self-defined", `[{"spty":{"mgd":0},"chty":[4]}]`, nil, false},
		{"A-101", "spty absent accepts any", `[{"chty":[4]}]`, flex("com.example.lamp"), true},
	} {
		t.Run(tc.id+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			members := ""
			if tc.acod != "" {
				members = `,"acod":` + tc.acod
			}
			p := mustCompile(t, cseIn, `{"acr":[{"acor":["Cop01"],"acop":63`+members+`}]}`)
			if got := p.Permits(create(tc.change)); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestObjectDetails_A95_AQueryThatContradictsItselfIsRestricted(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, cseIn, `{"acr":[{"acor":["Cop01"],"acop":63,"acod":[{"chty":[3]}]}]}`)
	for _, q := range []*Query{
		{Operation: onem2m.Create, Privilege: Retrieve},
		{Operation: onem2m.Retrieve, Privilege: Create},
		{Operation: 0, Privilege: Create},
	} {
		q.Originator, q.ChildType = "//m2m.example/id-in/Cop01", onem2m.TypeContentInstance
		if p.Permits(q) {
			t.Errorf("op %v with privilege %v escapes acod", q.Operation, q.Privilege)
		}
	}
}
