package cse

import (
	"context"
	"strings"
	"testing"

	"bulwark/onem2m"
)

func TestRequest_C353_AFanOutShowsWhatHasCome(t *testing.T) {
	t.Parallel()
	w := blocked(t) // somebody decides about c1
	w.container("Capp01", "cse-in/app", "c2", "")
	w.group("Capp01", "cse-in/app", "g", `"mid":["cse-in/app/c1","cse-in/app/c2"]`)
	decide := make(chan struct{})
	w.consult = func(ctx context.Context) (onem2m.StatusCode, error) {
		select {
		case <-decide:
		case <-ctx.Done():
		}
		return onem2m.OK, nil
	}
	w.run()
	address := w.nonblocking(1001, ask{op: "U", to: "cse-in/app/g/fopt?rt=1", from: "Capp01", body: `{"m2m:cnt":{"lbl":["x"]}}`})
	w.awaits("C-353 the first answer", func() bool {
		o := w.must(onem2m.OK, ask{op: "R", to: address, from: "Capp01"})
		rs, _ := o.Int("rs")
		ors := string(o.Get("ors"))
		if strings.Contains(ors, `"fr":"cse-in/app/c1"`) {
			t.Fatalf("c1 has answered: %s", ors)
		}
		return rs == statusPartial && strings.Contains(ors, `"m2m:agr"`) && strings.Contains(ors, `"fr":"cse-in/app/c2"`)
	})
	w.must(onem2m.UnableToRecallRequest, ask{op: "D", to: address, from: "Capp01"})
	close(decide)
	var o onem2m.Object
	w.awaits("C-178 the end", func() bool {
		o = w.must(onem2m.OK, ask{op: "R", to: address, from: "Capp01"})
		rs, _ := o.Int("rs")
		return rs == statusCompleted
	})
	if ors := string(o.Get("ors")); rsc(o) != 2000 || strings.Count(ors, `"rsc":2004`) != 2 {
		t.Errorf("C-353 got %s", ors)
	}
}

func TestRequest_C353_OnlyARetrievalIsAskedAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		rs     int64
		op     onem2m.Operation
		broken bool
	}{
		{"pending", statusPending, onem2m.Update, false},
		{"a fan-out that has begun", statusPartial, onem2m.Update, true},
		{"a fan-out that only reads", statusPartial, onem2m.Retrieve, false},
		{"what was sent on", statusForwarded, onem2m.Update, true},
		{"a retrieval that was sent on", statusForwarded, onem2m.Retrieve, false},
	} {
		t.Run("C-353 "+tt.name, func(t *testing.T) {
			o := onem2m.Object{{Name: "rs", Value: onem2m.IntValue(tt.rs)}, {Name: "op", Value: onem2m.IntValue(int64(tt.op))}}
			if got := brokenOff(o); got != tt.broken {
				t.Errorf("got %v", got)
			}
		})
	}
}
