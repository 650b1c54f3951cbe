package demo

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestEventually_EndsWithTheContextAndNotAfterItsPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stopped := errors.New("Ctrl-C")
		ctx, stop := context.WithCancelCause(t.Context())
		began := time.Now()
		time.AfterFunc(time.Second, func() { stop(stopped) })
		err := eventually(ctx, func() error { return errors.New("not yet") })
		if !errors.Is(err, stopped) || time.Since(began) > 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if _, err := (&story{}).awaitValue(ctx, "23.0"); err == nil || time.Since(began) > 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		if err := eventually(t.Context(), func() error {
			attempts++
			if attempts < 3 {
				return errors.New("not yet")
			}
			return nil
		}); err != nil || attempts != 3 {
			t.Errorf("%v in attempt %d", err, attempts)
		}
	})
}
