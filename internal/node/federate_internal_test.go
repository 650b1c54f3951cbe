package node

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestAwaitLeave_C217_AFormerRegistrarHoldsUpARegistrationForAMomentAtMost(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ leaves, stops, want time.Duration }{
		"one that lets go":              {time.Second, time.Hour, time.Second},
		"one that can't be reached":     {time.Hour, time.Hour, farewellTime},
		"a stop while it is waited for": {time.Hour, time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				left := make(chan struct{})
				time.AfterFunc(tt.leaves, func() { close(left) })
				ctx, cancel := context.WithTimeout(t.Context(), tt.stops)
				defer cancel()
				begun := time.Now()
				awaitLeave(ctx, left)
				if took := time.Since(begun); took != tt.want {
					t.Errorf("it waited for %s, want %s", took, tt.want)
				}
			})
		})
	}
}
