package cse

import (
	"context"
	"testing"

	"bulwark/onem2m"
)

func TestPolling_C313_TheLatestOfASubscriptionTakesThePlace(t *testing.T) {
	t.Parallel()
	latest := int64(eventLatest)
	send := func(w *world, rqi, sur string, category *int64) <-chan delivered {
		done := make(chan delivered, 1)
		go func() {
			reach, err := w.c.Reach(context.Background(), "Capp01")
			var res *onem2m.Response
			if err == nil {
				res, err = w.c.Send(context.Background(), reach.Points[0], reach.ID, &onem2m.Request{
					Operation: onem2m.Notify, To: "Capp01", From: "/id-far", RequestID: rqi, Release: "3", EventCategory: category,
					Content: &onem2m.Content{Name: "m2m:sgn", Value: []byte(`{"sur":"` + sur + `"}`)},
				})
			}
			done <- delivered{res, err}
		}()
		return done
	}
	for _, tt := range []struct {
		name        string
		sur         string
		first       *int64
		second      *int64
		left        int
		firstIsLost bool
	}{
		{"C-313 C-190 the same subscription", "/id-far/s1", &latest, &latest, 1, true},
		{"C-313 another subscription", "/id-far/s2", &latest, &latest, 2, false},
		{"C-190 all of them are wanted", "/id-far/s1", nil, nil, 2, false},
		{"C-190 the older one isn't of that kind", "/id-far/s1", nil, &latest, 2, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := polled(t, "")
			first := send(w, "n1", "/id-far/s1", tt.first)
			w.queued(1)
			second := send(w, "n2", tt.sur, tt.second)
			if tt.firstIsLost {
				if got := <-first; got.err != nil || got.res.Code != onem2m.TargetNotReachable {
					t.Errorf("got %+v", got)
				}
			}
			w.queued(tt.left)
			w.c.Quiesce()
			<-second
			if !tt.firstIsLost {
				<-first
			}
		})
	}
}
