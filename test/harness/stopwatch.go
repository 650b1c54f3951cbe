package harness

import (
	"testing"
	"time"
)

// InTime makes an experiment whose outcome depends on real time: with a unit that is
// long for a machine that has nothing else to do, and where it fails again with
// longer ones. What holds with none of them fails the test.
func InTime(tb testing.TB, unit time.Duration, experiment func(unit time.Duration) error) {
	tb.Helper()
	const tries, longer = 3, 4
	var err error
	for range tries {
		if err = experiment(unit); err == nil {
			return
		}
		tb.Logf("with %s: %v", unit, err)
		unit *= longer
	}
	tb.Error(err)
}

// Took measures how long something takes, as this process gets time: what a machine
// that stands still, or lets others go first, keeps from it doesn't count. So a
// bound tells something that waits too long from a machine that is slow.
func Took(do func()) time.Duration {
	over, told := make(chan struct{}), make(chan time.Duration, 1)
	go func() {
		const tick = 10 * time.Millisecond
		var sum time.Duration
		for {
			begun := time.Now()
			select {
			case <-time.After(tick):
				sum += tick
			case <-over:
				told <- sum + min(time.Since(begun), tick)
				return
			}
		}
	}()
	func() {
		defer close(over) // also where do ends the test
		do()
	}()
	return <-told
}
