package cmdh_test

import (
	"context"
	"testing"

	"bulwark/internal/cmdh"
	"bulwark/onem2m"
)

func TestAnswers_C193_GoToWhoWaitsForThem(t *testing.T) {
	t.Parallel()
	var a cmdh.Answers
	const hop, far onem2m.ID = "//m2m.example/id-in", "//m2m.example/id-far"
	one, two := a.Expect("1", hop, far), a.Expect("2", hop)
	for _, tt := range []struct {
		name string
		from onem2m.ID
		rqi  string
		ok   bool
	}{
		{"C-193 not from anybody", "//m2m.example/id-x", "1", false},
		{"C-193 not from another target", far, "2", false},
		{"C-193 from the target", far, "1", true},
		{"C-193 not twice", hop, "1", false},
		{"C-193 not what nobody has sent", hop, "3", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if ok := a.Take(tt.from, &onem2m.Response{Code: onem2m.OK, RequestID: tt.rqi}); ok != tt.ok {
				t.Errorf("taken: %t", ok)
			}
		})
	}
	if res, err := one.Wait(t.Context()); err != nil || res.Code != onem2m.OK {
		t.Errorf("got %v, %v", res, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := two.Wait(ctx); onem2m.AsError(err).Code != onem2m.RequestTimeout {
		t.Errorf("C-193 what never comes: %v", err)
	}
	one.Forget()
	two.Forget()
	if a.Take(hop, &onem2m.Response{RequestID: "2"}) {
		t.Error("C-193 it is still waited for")
	}
}
