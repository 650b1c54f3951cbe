package cse

import (
	"context"
	"strings"
	"sync"
	"testing"

	"bulwark/onem2m"
)

// One member of a group is slow. The others are asked meanwhile, also while the groups
// of somebody else have slow members alone.
func TestGroup_C351_SlowMembersOfSomebodyElseTakeNotAllHelpers(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	w.group("Clamp", "cse-in/lamp", "g", `"mid":["/id-open/cse/slow","/id-open/cse/quick"]`)
	c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		if strings.HasSuffix(req.To, "/slow") {
			<-ctx.Done()
			return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Cause: ctx.Err()}
		}
		return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID}, nil
	}
	end := make(chan struct{})
	var busy sync.WaitGroup
	taken := 0
	for w.c.helpers.help(bringer{who: "//m2m.example/id-in/Cother"}, &busy, func() { <-end }) {
		taken++
	}
	res := w.do(ask{op: "R", to: "cse-in/lamp/g/fopt", from: "Clamp", edit: func(r *onem2m.Request) { r.RequestExpiration = "300" }})
	if res.Code != onem2m.OK || strings.Count(text(res), `"rsc"`) != 1 || !strings.Contains(text(res), "/quick") {
		t.Errorf("got %d %s", res.Code, text(res))
	}
	close(end)
	busy.Wait()
	if taken != maxHelpersEach {
		t.Errorf("one has got %d helpers", taken)
	}
	if n := w.c.helpers.shares.total; n != 0 {
		t.Errorf("%d helpers are not given back", n)
	}
}
