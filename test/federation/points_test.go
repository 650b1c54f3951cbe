package federation

import (
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

// pointsOfTheIN makes the IN-CSE a decision, policy and information point, and a
// repository of roles, for CSEs that register with it.
const pointsOfTheIN = `
[pdp]
resource = "cse-in/pdp"

[prp]
resource = "cse-in/prp"

[pip]
resource = "cse-in/pip"

[[governed]]
targets = ["//m2m.example/id-mn/*", "//m2m.example/id-asn/*"]
policies = ["cse-in/central"]
`

const authority = `
[[trust.role-authority]]
id = "//m2m.example/id-in/CAdmin"
fqdn = "roles.m2m.example"
repository = "/id-in/cse-in"
`

// newCounty is an MN-CSE below an IN-CSE with points, and an ASN-CSE below that.
func newCounty(t *testing.T) tree {
	t.Helper()
	s := newProvider(t, "//m2m.example")
	s.in.toml += pointsOfTheIN
	s.in.start()
	tr := tree{system: s, mn: s.below(s.in, "mn", "/id-mn", "cse-mn")}
	tr.asn = s.below(tr.mn, "asn", "/id-asn", "cse-asn")
	tr.mn.toml, tr.asn.toml = tr.mn.toml+authority, tr.asn.toml+authority
	tr.mn.start()
	tr.asn.start()
	tr.mn.joined(s.in)
	tr.asn.joined(tr.mn)
	tr.descendants(t, "[/id-asn]")
	self := `"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}`
	s.in.plain.Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"askers","pv":{"acr":[{"acor":["/id-mn","/id-asn"],"acop":4}]},`+self+`}}`)
	s.in.plain.Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"readers","pv":{"acr":[{"acor":["/id-mn","/id-asn"],"acop":2}]},`+self+`}}`)
	s.in.plain.Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"central","pv":{"acr":[{"acor":["/id-mn/Cvisitor","/id-asn/Cvisitor"],"acop":2}]},`+self+`}}`)
	s.in.plain.Make(t, "CAdmin", "/cse-in", 35, `{"m2m:auds":{"rn":"pdp","acpi":["cse-in/askers"]}}`)
	s.in.plain.Make(t, "CAdmin", "/cse-in", 36, `{"m2m:aupy":{"rn":"prp","acpi":["cse-in/askers"]}}`)
	s.in.plain.Make(t, "CAdmin", "/cse-in", 37, `{"m2m:auif":{"rn":"pip","acpi":["cse-in/askers"]}}`)
	for _, b := range []*box{tr.mn, tr.asn} {
		for _, stem := range []string{"Cvisitor", "Cother"} {
			b.plain.Make(t, stem, "/"+b.name, 2, `{"m2m:ae":{"rn":"`+strings.ToLower(stem)+`","api":"N.example.test","rr":false,"srv":["3"]}}`)
		}
		for name, policy := range map[string]string{
			"decided":  `"pv":{},"adri":["/id-in/cse-in/pdp"]`,
			"ruled":    `"pv":{},"apri":["/id-in/cse-in/prp"]`,
			"informed": `"pv":{"acr":[{"acor":["operator@roles.m2m.example"],"acop":2}]},"airi":["/id-in/cse-in/pip"]`,
			"claimed":  `"pv":{"acr":[{"acor":["operator@roles.m2m.example"],"acop":2}]}`,
		} {
			b.plain.Make(t, "CAdmin", "/"+b.name, 1, `{"m2m:acp":{"rn":"p-`+name+`",`+policy+`,`+self+`}}`)
			b.plain.Make(t, "CAdmin", "/"+b.name, 3, `{"m2m:cnt":{"rn":"`+name+`","acpi":["`+b.name+`/p-`+name+`"]}}`)
		}
	}
	return tr
}

func TestPoints_A176_DecideForOtherCSEs(t *testing.T) {
	t.Parallel()
	tr := newCounty(t)
	tr.in.plain.Make(t, "CAdmin", "/cse-in", 31, `{"m2m:rol":{"rn":"role","acpi":["cse-in/readers"],"rlid":"operator@roles.m2m.example","tkis":"//m2m.example/id-in/CAdmin","tkhd":"//m2m.example/id-mn/Cvisitor","tknb":"20200101T000000","tkna":"20990101T000000"}}`)
	for _, b := range []*box{tr.mn, tr.asn} { // one hop away, and two
		for _, name := range []string{"decided", "ruled"} {
			t.Run("A-176 "+name+" for "+b.id, func(t *testing.T) {
				b.plain.Get(t, "Cvisitor", "/"+b.name+"/"+name).Expect(t, 2000, 200)
				b.plain.Get(t, "Cother", "/"+b.name+"/"+name).Expect(t, 4103, 403)
				b.plain.Delete(t, "Cvisitor", "/"+b.name+"/"+name).Expect(t, 4103, 403)
			})
		}
	}
	t.Run("A-37 informed", func(t *testing.T) {
		tr.mn.plain.Get(t, "Cvisitor", "/cse-mn/informed").Expect(t, 2000, 200)
		tr.mn.plain.Get(t, "Cother", "/cse-mn/informed").Expect(t, 4103, 403)
		tr.asn.plain.Get(t, "Cvisitor", "/cse-asn/informed").Expect(t, 4103, 403) // another AE with the stem
	})
	t.Run("A-106 claimed", func(t *testing.T) {
		tr.mn.plain.Get(t, "Cvisitor", "/cse-mn/claimed?rids=operator@roles.m2m.example").Expect(t, 2000, 200)
		tr.mn.plain.Get(t, "Cvisitor", "/cse-mn/claimed").Expect(t, 4103, 403)
		tr.mn.plain.Get(t, "Cother", "/cse-mn/claimed?rids=operator@roles.m2m.example").Expect(t, 4103, 403)
	})
	t.Run("A-170 who isn't let asks in vain", func(t *testing.T) {
		question := `{"m2m:auds":{"to":"//m2m.example/id-mn/x","fr":"/id-mn/Cvisitor","op":2}}`
		tr.mn.plain.Update(t, "Cvisitor", "/~/id-in/cse-in/pdp", question).Expect(t, 4103, 403)
	})
	t.Run("A-195 a change counts at once", func(t *testing.T) {
		tr.in.plain.Update(t, "CAdmin", "/cse-in/central", `{"m2m:acp":{"pv":{"acr":[]}}}`).Expect(t, 2004, 200)
		tr.in.plain.Delete(t, "CAdmin", "/cse-in/role").Expect(t, 2002, 200)
		for _, name := range []string{"decided", "ruled", "informed"} {
			tr.mn.plain.Get(t, "Cvisitor", "/cse-mn/"+name).Expect(t, 4103, 403)
		}
	})
	t.Run("A-178 without an answer nothing is permitted, and soon", func(t *testing.T) {
		tr.in.plain.Update(t, "CAdmin", "/cse-in/central", `{"m2m:acp":{"pv":{"acr":[{"acor":["all"],"acop":63}]}}}`).Expect(t, 2004, 200)
		tr.mn.plain.Get(t, "Cvisitor", "/cse-mn/decided").Expect(t, 2000, 200)
		tr.in.halt()
		took := harness.Took(func() {
			for _, name := range []string{"decided", "ruled", "informed", "decided"} {
				tr.mn.plain.Get(t, "Cvisitor", "/cse-mn/"+name).Expect(t, 4103, 403)
			}
		})
		if took > 12*time.Second {
			t.Errorf("it took %s to say so", took)
		}
	})
}
