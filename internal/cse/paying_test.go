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
		p, address := narrowed(t, onem2m.BadRequest)
		gone(p, "cse-mn/lamp/acp", address)
	})
	t.Run("C-395 a policy that its CSE answers with an error of its own, again and again", func(t *testing.T) {
		t.Parallel()
		p, address := narrowed(t, onem2m.NotAcceptable)
		p.repeat(maxOpen)
		p.in.must(onem2m.OK, ask{op: "R", to: address, from: "CAdmin"})
		p.repeat(1)
		gone(p, "cse-mn/lamp/acp", address)
	})
	t.Run("C-395 C-406 a CSE that isn't reached is told for longer", func(t *testing.T) {
		t.Parallel()
		p, address := narrowed(t, onem2m.TargetNotReachable)
		p.repeat(maxOpen + 3)
		p.in.must(onem2m.OK, ask{op: "R", to: address, from: "CAdmin"})
		if o := p.mn.must(onem2m.OK, ask{op: "R", to: "cse-mn/lamp/acp", from: "CAdmin"}); !o.Has("at") {
			t.Error("the copy is forgotten")
		}
	})
	t.Run("C-395 what was refused before and opens nothing doesn't count", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.c.arrears.add("//m2m.example/id-in", 1, arrear{Copy: "/id-in/x", Original: 7, Names: []string{"lbl"}})
		for range maxOpen + 1 {
			one := w.c.arrears.due(t)
			w.c.arrears.end(one, false, false)
		}
		w.c.arrears.add("//m2m.example/id-in", 2, arrear{Copy: "/id-in/x", Original: 7, Names: []string{"acpi"}})
		if one := w.c.arrears.due(t); one.attempts != 0 {
			t.Errorf("%d attempts", one.attempts)
		}
	})
}

// narrowed has a policy of the MN-CSE narrowed whose copy the IN-CSE doesn't change,
// with this code for an answer.
func narrowed(t *testing.T, code onem2m.StatusCode) (p *pair, address string) {
	t.Helper()
	const everything = `{"acr":[{"acor":["Clamp"],"acop":63}]}`
	p = newPair(t)
	p.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: "Clamp", body: `{"m2m:ae":{"rn":"lamp","api":"Nlamp","rr":false,"srv":["3"]}}`})
	_, address = p.announced("C1", "cse-mn/lamp", "Clamp", `{"m2m:acp":{"rn":"acp","at":["/id-in"],"pv":{"acr":[{"acor":["Clamp","Cother"],"acop":63}]},"pvs":`+everything+`}}`)
	answer := p.c.answer
	p.c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		if req.Operation == onem2m.Update && req.Content.Name == "m2m:acpA" {
			return &onem2m.Response{Code: code, RequestID: req.RequestID, From: "/id-in"}, nil
		}
		return answer(ctx, req)
	}
	p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp/acp", from: "Clamp", body: `{"m2m:acp":{"pv":` + everything + `}}`})
	return p, address
}

// repeat makes as many attempts more, the first of which was part of the request.
func (p *pair) repeat(times int) {
	p.mn.t.Helper()
	for range times {
		p.mn.c.pay(p.mn.t.Context(), p.mn.c.arrears.due(p.mn.t))
	}
}

// due takes the one debt that there is, as if its pause were over.
func (d *arrears) due(t *testing.T) *arrear {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, have := range d.open {
		return have.taken()
	}
	t.Fatal("nothing is owed")
	return nil
}
