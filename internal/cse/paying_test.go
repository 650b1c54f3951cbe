package cse

import (
	"context"
	"testing"

	"bulwark/onem2m"
)

func TestAnnounce_C395_ACopyGoesThatIsNotToldWhoMayReadIt(t *testing.T) {
	t.Parallel()
	const everything = `{"acr":[{"acor":["Clamp"],"acop":63}]}`
	gone := func(p *pair, original, address string) {
		t.Helper()
		p.mn.c.payOwn(t.Context(), allOwed)
		p.in.must(onem2m.NotFound, ask{op: "R", to: address, from: "CAdmin"})
		if o := p.mn.must(onem2m.OK, ask{op: "R", to: original, from: "CAdmin"}); o.Has("at") {
			t.Errorf("at is %s", o.Get("at"))
		}
	}
	t.Run("C-395 a link that its CSE doesn't take", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		p.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: "Clamp", body: `{"m2m:ae":{"rn":"lamp","api":"Nlamp","rr":false,"srv":["3"]}}`})
		p.mn.must(onem2m.Created, ask{op: "C1", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:acp":{"rn":"acp","pv":` + everything + `,"pvs":` + everything + `}}`})
		_, address := p.announced("C3", "cse-mn/lamp", "Clamp", `{"m2m:cnt":{"rn":"c","acpi":["cse-mn/lamp/acp"],"at":["/id-in"]}}`)
		p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp/c", from: "Clamp", body: `{"m2m:cnt":{"acpi":["/id-in/nothing"]}}`})
		gone(p, "cse-mn/lamp/c", address)
	})
	t.Run("C-395 a policy that is narrowed", func(t *testing.T) {
		t.Parallel()
		p := newPair(t)
		p.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: "Clamp", body: `{"m2m:ae":{"rn":"lamp","api":"Nlamp","rr":false,"srv":["3"]}}`})
		_, address := p.announced("C1", "cse-mn/lamp", "Clamp", `{"m2m:acp":{"rn":"acp","at":["/id-in"],"pv":{"acr":[{"acor":["Clamp","Cother"],"acop":63}]},"pvs":`+everything+`}}`)
		answer := p.c.answer
		p.c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
			if req.Operation == onem2m.Update && req.Content.Name == "m2m:acpA" {
				return &onem2m.Response{Code: onem2m.BadRequest, RequestID: req.RequestID, From: "/id-in"}, nil
			}
			return answer(ctx, req)
		}
		p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp/acp", from: "Clamp", body: `{"m2m:acp":{"pv":` + everything + `}}`})
		gone(p, "cse-mn/lamp/acp", address)
	})
}
