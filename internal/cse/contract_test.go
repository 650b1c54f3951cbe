package cse

import (
	"context"
	"testing"
	"time"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

func TestServiceSubscription_S107_ARegistrarBelowTheINCSEAsksIt(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.mn.c.Central, p.mn.c.RequireSubscription = "//m2m.example/id-in", true
	asked := 0
	over := certificate(identity.KindCSE, "//m2m.example/id-mn")
	p.c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		if p.away.Load() {
			return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "away")
		}
		asked++
		return p.in.c.Handle(ctx, over, req), nil
	}
	register := func(stem, api string, code onem2m.StatusCode) {
		t.Helper()
		p.mn.must(code, ask{op: "C2", to: "cse-mn", from: stem, body: `{"m2m:ae":{"api":"` + api + `","rr":false,"srv":["3"]}}`})
		p.mn.advance(time.Minute) // so that it is asked for anew
	}
	register("Cone", "Ngood", onem2m.ServiceSubscriptionNotEstablished)

	acp := p.in.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "CAdmin", body: `{"m2m:acp":{"rn":"rules","pv":{"acr":[{"acor":["/id-mn"],"acop":34}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`})
	policy, _ := acp.Text("ri")
	p.in.must(onem2m.Created, ask{op: "C11", to: "cse-in", from: "CAdmin", body: `{"m2m:mssp":{"rn":"contract","acpi":["` + policy + `"]}}`})
	p.in.must(onem2m.Created, ask{op: "C19", to: "cse-in", from: "CAdmin", body: `{"m2m:asar":{"rn":"r1","acpi":["` + policy + `"],"aai":["Ngood"],"aae":["C*"]}}`})
	p.in.must(onem2m.Created, ask{op: "C20", to: "cse-in/contract", from: "CAdmin", body: `{"m2m:svsn":{"rn":"other","ni":"urn:oid:0.2.481.1.9.1.1","csi":"/id-mn2","rlk":["cse-in/r1"],"acpi":["` + policy + `"]}}`})
	register("Cone", "Ngood", onem2m.ServiceSubscriptionNotEstablished) // it is another CSE's

	p.in.must(onem2m.Created, ask{op: "C20", to: "cse-in/contract", from: "CAdmin", body: `{"m2m:svsn":{"rn":"mn","ni":"urn:oid:0.2.481.1.9.1.2","csi":"/id-mn","rlk":["cse-in/r1","cse-in/gone"],"acpi":["` + policy + `"]}}`})
	register("Cone", "Nbad", onem2m.AppRuleValidationFailed)
	register("Cone", "Ngood", onem2m.Created)
	before := asked
	for _, stem := range []string{"Ctwo", "Cthree"} { // for a while the answer is known
		p.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: stem, body: `{"m2m:ae":{"api":"Ngood","rr":false,"srv":["3"]}}`})
	}
	if asked-before > 6 {
		t.Errorf("the IN-CSE was asked %d times", asked-before)
	}
	p.mn.advance(time.Minute)
	p.away.Store(true)
	register("Cfour", "Ngood", onem2m.ServiceSubscriptionNotEstablished) // it can't be had
	p.away.Store(false)
	p.in.must(onem2m.Deleted, ask{op: "D", to: "cse-in/contract/mn", from: "CAdmin"})
	register("Cfour", "Ngood", onem2m.ServiceSubscriptionNotEstablished)
}
