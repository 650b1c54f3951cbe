package federation

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/test/harness"
)

// circle is a ring of CSEs each of which has the decision, policy and information
// points of the next one asked, for its own resources and for those of the others.
type circle struct {
	tree

	ring []*box
}

// newCircle makes a ring of the IN-CSE, an MN-CSE, and with three an ASN-CSE.
func newCircle(t *testing.T, three bool) *circle {
	t.Helper()
	s := newProvider(t, "//m2m.example")
	c := &circle{tree: tree{system: s, mn: s.below(s.in, "mn", "/id-mn", "cse-mn")}}
	c.ring = []*box{c.mn, s.in}
	if three {
		c.asn = s.below(c.mn, "asn", "/id-asn", "cse-asn")
		c.ring = append(c.ring, c.asn)
	}
	for i, b := range c.ring {
		next := c.ring[(i+1)%len(c.ring)]
		var others []string
		for _, id := range []string{"/id-in", "/id-mn", "/id-asn"} {
			if id != b.id {
				others = append(others, fmt.Sprintf("%q", "//m2m.example"+id+"/*"))
			}
		}
		b.toml += fmt.Sprintf(`
[pdp]
resource = "%[1]s/pdp"
[prp]
resource = "%[1]s/prp"
[pip]
resource = "%[1]s/pip"
ask = ["%[2]s/pip"]
[[governed]]
targets = [%[3]s]
policies = ["%[1]s/p-decided", "%[1]s/p-ruled", "%[1]s/p-informed"]
`, b.name, next.id+"/"+next.name, strings.Join(others, ", "))
	}
	s.in.start()
	for _, b := range c.ring {
		if b != s.in {
			b.start()
		}
	}
	c.mn.joined(s.in)
	if three {
		c.asn.joined(c.mn)
		c.descendants(t, "[/id-asn]")
	}
	for i, b := range c.ring {
		next := c.ring[(i+1)%len(c.ring)]
		c.furnish(t, b, next.id+"/"+next.name)
	}
	return c
}

// furnish makes the points of one CSE and containers that nobody decides about.
func (c *circle) furnish(t *testing.T, b *box, next string) {
	t.Helper()
	self := `"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}`
	b.plain.Make(t, "CAdmin", "/"+b.name, 1, `{"m2m:acp":{"rn":"askers","pv":{"acr":[{"acor":["/id-in","/id-mn","/id-asn"],"acop":4}]},`+self+`}}`)
	for ty, body := range map[int]string{35: `"m2m:auds":{"rn":"pdp"`, 36: `"m2m:aupy":{"rn":"prp"`, 37: `"m2m:auif":{"rn":"pip"`} {
		b.plain.Make(t, "CAdmin", "/"+b.name, ty, `{`+body+`,"acpi":["`+b.name+`/askers"]}}`)
	}
	for _, stem := range []string{"Cvisitor", "Cother"} {
		b.plain.Make(t, stem, "/"+b.name, 2, `{"m2m:ae":{"rn":"`+strings.ToLower(stem)+`","api":"N.example.test","rr":false,"srv":["3"]}}`)
	}
	for name, policy := range map[string]string{
		"decided":  `"pv":{},"adri":["` + next + `/pdp"]`,
		"ruled":    `"pv":{},"apri":["` + next + `/prp"]`,
		"informed": `"pv":{"acr":[{"acor":["operator@roles.m2m.example"],"acop":2}]},"airi":["` + next + `/pip"]`,
		"open":     `"pv":{"acr":[{"acor":["Cother"],"acop":2}]}`,
	} {
		b.plain.Make(t, "CAdmin", "/"+b.name, 1, `{"m2m:acp":{"rn":"p-`+name+`",`+policy+`,`+self+`}}`)
		b.plain.Make(t, "CAdmin", "/"+b.name, 3, `{"m2m:cnt":{"rn":"`+name+`","acpi":["`+b.name+`/p-`+name+`"]}}`)
	}
}

// decisions counts what the CSEs have put down as decisions of their points, and
// about questions for these.
func (c *circle) decisions(t *testing.T) (n int) {
	t.Helper()
	for _, b := range c.ring {
		for _, line := range auditOf(t, b) {
			if strings.Contains(line, `"point"`) || strings.Contains(line, `"distributed"`) {
				n++
			}
		}
	}
	return n
}

func TestPoints_A180_QuestionsThatGoRoundEndAndHoldUpNobodyElse(t *testing.T) {
	t.Parallel()
	for name, three := range map[string]bool{"A-180 two CSEs": false, "A-180 three CSEs": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCircle(t, three)
			for _, what := range []string{"decided", "ruled", "informed"} {
				if took := harness.Took(func() { c.mn.plain.Get(t, "Cvisitor", "/cse-mn/"+what).Expect(t, 4103, 403) }); took > 3*time.Second {
					t.Errorf("%s: the denial took %v", what, took)
				}
			}
			n := -1
			await(t, "the audit trails are written", func() bool { // a moment later, the one of the MN-CSE's denials at last
				last := n
				n = c.decisions(t)
				time.Sleep(200 * time.Millisecond)
				return n > 0 && n == last
			})
			if n > 12 { // each CSE for each kind once, and some more
				t.Errorf("%d decisions about three requests", n)
			}
			c.flood(t)
		})
	}
}

// flood has a visitor go on and on, and looks how long others wait meanwhile.
func (c *circle) flood(t *testing.T) {
	t.Helper()
	stop := make(chan struct{})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := i; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				b := c.ring[n%len(c.ring)]
				answer := b.plain.Get(t, "Cvisitor", "/"+b.name+"/"+[]string{"decided", "ruled", "informed"}[n%3])
				if answer.RSC != 4103 && answer.RSC != 4008 {
					t.Errorf("%s", answer)
				}
			}
		})
	}
	slowest := time.Duration(0)
	for range 30 {
		for _, b := range c.ring {
			slowest = max(slowest, harness.Took(func() { b.plain.Get(t, "Cother", "/"+b.name+"/open").Expect(t, 2000, 200) }))
		}
	}
	close(stop)
	group.Wait()
	if slowest > 4*time.Second { // far above what it takes on a machine that has other things to do
		t.Errorf("somebody else has waited for %v", slowest)
	}
	t.Logf("the slowest request of somebody else took %v", slowest)
}
