package federation

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"bulwark/test/harness"
)

// open makes a container at a CSE that some originators may use, and returns
// its name.
func (b *box) open(t *testing.T, name string, originators ...string) {
	t.Helper()
	b.plain.Make(t, "CAdmin", "/"+b.name, 1, `{"m2m:acp":{"rn":"acp-`+name+`","pv":{"acr":[{"acor":["`+strings.Join(originators, `","`)+`"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	b.plain.Make(t, "CAdmin", "/"+b.name, 3, `{"m2m:cnt":{"rn":"`+name+`","acpi":["`+b.name+`/acp-`+name+`"]}}`)
}

func TestForward_A10_EveryOperationInEveryDirection(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tests := []struct {
		name     string
		from, to *box
	}{
		{"C-067 S-009 up to the registrar", tr.mn, tr.in},
		{"C-067 S-010 S-011 down to a registree, over an association of its own", tr.in, tr.mn},
		{"C-067 two hops up", tr.asn, tr.in},
		{"C-067 two hops down", tr.in, tr.asn},
		{"C-067 up and down again", tr.mn2, tr.mn},
		{"C-067 three hops", tr.asn, tr.mn2},
		{"C-067 three hops the other way", tr.mn2, tr.asn},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			stem := fmt.Sprint("Cvisitor", i)
			tt.from.plain.Make(t, stem, "/"+tt.from.name, 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
			who := tt.from.id + "/" + stem
			box := fmt.Sprint("box", i)
			tt.to.open(t, box, who)
			base := "/~" + tt.to.id + "/" + tt.to.name + "/" + box
			c := tt.from.plain
			c.Create(t, stem, base, 4, `{"m2m:cin":{"rn":"first","con":"1"}}`).Expect(t, 2001, 201)
			c.Create(t, stem, "/_/m2m.example"+tt.to.id+"/-/"+box, 3, `{"m2m:cnt":{"rn":"inner","lbl":["a"]}}`).Expect(t, 2001, 201)
			a := c.Get(t, stem, base+"/la")
			a.Expect(t, 2000, 200)
			if a.Text("con") != "1" {
				t.Errorf("got %s", a)
			}
			if cr := tt.to.plain.Get(t, "CAdmin", "/"+tt.to.name+"/"+box+"/inner?atrl=ct"); cr.RSC != 2000 {
				t.Errorf("the resource is not there: %s", cr)
			}
			c.Update(t, stem, base+"/inner", `{"m2m:cnt":{"lbl":["b"]}}`).Expect(t, 2004, 200)
			c.Get(t, stem, base+"?fu=1&lbl=b").Expect(t, 2000, 200)
			c.Delete(t, stem, base+"/inner").Expect(t, 2002, 200)
			c.Get(t, stem, base+"/inner").Expect(t, 4004, 404)
			c.Get(t, "Cadmin1", base).Expect(t, 4103, 403)
		})
	}
}

func TestForward_WhatIsRefused(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	ae := `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`
	tr.mn.plain.Make(t, "Cvisitor", "/cse-mn", 2, ae)
	tests := []struct {
		name, target string
		send         func(c *harness.Client, target string) *harness.Answer
		rsc, status  int
	}{
		{"C-074 an AE registration", "/~/id-in/cse-in", func(c *harness.Client, to string) *harness.Answer { return c.Create(t, "Cother", to, 2, ae) }, 4000, 400},
		{"C-067 a CSE that nobody knows", "/~/id-gone/cse-gone", nil, 4004, 404},
		{"C-080 a provider that nobody knows", "/_/other.example/id-in/cse-in", nil, 4004, 404},
		{"C-072 a request that has expired", "/~/id-in/cse-in", func(c *harness.Client, to string) *harness.Answer {
			return c.Send(t, harness.Request{Method: http.MethodGet, Target: to, From: "Cvisitor", Header: map[string][]string{"X-M2M-RET": {"-1"}}})
		}, 4008, 504},
		{"C-072 an execution time in the past", "/~/id-in/cse-in", func(c *harness.Client, to string) *harness.Answer {
			return c.Send(t, harness.Request{Method: http.MethodGet, Target: to, From: "Cvisitor", Header: map[string][]string{"X-M2M-OET": {"20200101T000000"}}})
		}, 4008, 504},
		{"C-087 its own CSE-ID", "/~/id-in/cse-in", func(c *harness.Client, to string) *harness.Answer { return c.Get(t, "/id-mn", to) }, 4107, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.send == nil {
				tr.mn.plain.Get(t, "Cvisitor", tt.target).Expect(t, tt.rsc, tt.status)
				return
			}
			tt.send(tr.mn.plain, tt.target).Expect(t, tt.rsc, tt.status)
		})
	}
}
