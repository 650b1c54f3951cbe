package harness

import "time"

// Took measures how long something takes, as this process gets time: what a machine
// that stands still, or lets others go first, keeps from it doesn't count. So a
// bound tells something that waits too long from a machine that is slow.
func Took(do func()) time.Duration {
	over, told := make(chan struct{}), make(chan time.Duration)
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
	do()
	close(over)
	return <-told
}
