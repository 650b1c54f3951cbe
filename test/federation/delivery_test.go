package federation

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"bulwark/test/harness"
)

// deliveries counts the <delivery> resources of a CSE.
func (b *box) deliveries(t *testing.T) int {
	t.Helper()
	a := b.plain.Get(t, "CAdmin", "/"+b.name+"?fu=1&ty=6")
	a.Expect(t, 2000, 200)
	return strings.Count(a.Body, `/dlv`)
}

func TestDelivery_C193_RequestsAreBundledBetweenCSEs(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	for i, tt := range []struct {
		name     string
		from, to *box
	}{
		{"C-193 to the next CSE", tr.mn, tr.in},
		{"C-193 down to a registree", tr.in, tr.mn},
		{"C-193 to a third one", tr.mn, tr.mn2},
		{"C-193 over three hops", tr.asn, tr.mn2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stem := fmt.Sprint("Cbundle", i)
			tt.from.plain.Make(t, stem, "/"+tt.from.name, 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
			name := fmt.Sprint("bundle", i)
			tt.to.open(t, name, tt.from.id+"/"+stem)
			base := "/~" + tt.to.id + "/" + tt.to.name + "/" + name
			before := tt.to.deliveries(t)
			c := tt.from.plain
			c.Create(t, stem, base+"?da=true", 4, `{"m2m:cin":{"rn":"first","con":"1"}}`).Expect(t, 2001, 201)
			c.Get(t, stem, base+"/la?da=true").Expect(t, 2000, 200)
			c.Get(t, stem, base+"/nothing?da=true").Expect(t, 4004, 404)
			c.Get(t, "Cadmin1", base+"?da=true").Expect(t, 4103, 403)
			if n := tt.to.deliveries(t) - before; n < 4 {
				t.Errorf("%d deliveries came", n)
			}
		})
	}
}

func TestDelivery_C193_C190_APolicyBundlesWhatGoesTogether(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	who := []string{"Cmany0", "Cmany1", "Cmany2"}
	for _, stem := range who {
		tr.mn.plain.Make(t, stem, "/cse-mn", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	}
	tr.mn2.open(t, "many", "/id-mn/Cmany0", "/id-mn/Cmany1", "/id-mn/Cmany2")
	c := tr.mn.plain
	c.Make(t, "CAdmin", "/cse-mn", 14, `{"m2m:nod":{"rn":"n","ni":"n1","hcl":"cse-mn"}}`)
	c.Make(t, "CAdmin", "/cse-mn/n", 18, `{"m2m:sch":{"rn":"always","se":{"sce":["* * * * * * *"]}}}`)
	c.Make(t, "CAdmin", "/cse-mn/n", 13, `{"m2m:cmp":{"rn":"p","mgd":1011,"cpn":"p","cmlk":[{"nm":"net","typ":1017,"val":"cse-mn/n/p/net"}]}}`)
	c.Make(t, "CAdmin", "/cse-mn/n/p", 13, `{"m2m:cmnr":{"rn":"net","mgd":1017,"aecs":[0],"cmlk":[{"nm":"r","typ":1018,"val":"cse-mn/n/p/net/r"}]}}`)
	c.Make(t, "CAdmin", "/cse-mn/n/p/net", 13, `{"m2m:cmwr":{"rn":"r","mgd":1018,"ttn":["default"],"mrv":1500,"swt":0,"bop":{"bops":[{"ibt":1000,"abt":1000,"mbt":5000}]},"cmlk":{"nm":"always","typ":1018,"val":"cse-mn/n/always"}}}`)
	c.Make(t, "CAdmin", "/cse-mn/n", 13, `{"m2m:acmp":{"rn":"active","mgd":1012,"acmlk":"cse-mn/n/p"}}`)
	before := tr.in.deliveries(t)
	answers := make([]*harness.Answer, len(who))
	var sending sync.WaitGroup
	for i, stem := range who {
		sending.Go(func() { // none of them alone is enough for the network
			body := fmt.Sprintf(`{"m2m:cin":{"rn":"i%d","con":"%0400d"}}`, i, i)
			answers[i] = c.Create(t, stem, "/~/id-mn2/cse-mn2/many", 4, body)
		})
	}
	sending.Wait()
	for i, a := range answers {
		a.Expect(t, 2001, 201)
		if got := a.Text("rn"); got != fmt.Sprint("i", i) {
			t.Errorf("%d got the answer of %s", i, got)
		}
	}
	if n := tr.in.deliveries(t) - before; n != 1 {
		t.Errorf("%d deliveries for three requests", n)
	}
}
