package harness

import (
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
