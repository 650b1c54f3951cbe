package harness

import (
	"errors"
	"testing"
	"time"
)

func TestTook_CountsWhatIsWaitedFor(t *testing.T) {
	t.Parallel()
	// A machine that is very slow makes it look shorter, and nothing makes it look longer.
	const wait = time.Second
	begun := time.Now()
	took := Took(func() { time.Sleep(wait) })
	if wall := time.Since(begun); took > wall || took < wait/20 {
		t.Errorf("%s of %s", took, wall)
	}
	if took := Took(func() {}); took > wait/2 {
		t.Errorf("nothing takes %s", took)
	}
}

func TestInTime_TriesWithMoreTime(t *testing.T) {
	t.Parallel()
	var units []time.Duration
	InTime(t, time.Second, func(unit time.Duration) error {
		units = append(units, unit)
		if unit < 16*time.Second {
			return errors.New("too slow")
		}
		return nil
	})
	if len(units) != 3 || units[0] != time.Second {
		t.Errorf("tried with %v", units)
	}
}
