package distributed

import (
	"errors"
	"sync"
	"time"

	"bulwark/onem2m"
)

// Bounds of what a CSE waits for at one time. A slow point must not
// hold more than a share of those who wait, and one that is dead nobody for long.
const (
	maxAsking  = 32              // questions to one point
	maxAll     = 256             // questions to all of them
	maxResting = 512             // points that are remembered for not answering
	restTime   = 5 * time.Second // how long such a point isn't asked
)

var (
	errBusy    = errors.New("too many wait for it already")
	errResting = errors.New("it has not answered lately")
)

// Gate bounds the questions that are under way, and lets a point rest that
// hasn't answered in time. It is safe for concurrent use.
type Gate struct {
	mu     sync.Mutex // guards what follows
	asking map[string]int
	all    int
	rests  map[string]onem2m.Timestamp // until when
}

// NewGate returns a Gate through which nobody has gone.
func NewGate() *Gate {
	return &Gate{asking: map[string]int{}, rests: map[string]onem2m.Timestamp{}}
}

// Enter fails if the point isn't asked now; otherwise leave is called with
// whether it has answered at all.
func (g *Gate) Enter(address string, now onem2m.Timestamp) (leave func(answered bool, now onem2m.Timestamp), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until, ok := g.rests[address]; ok {
		if now < until && now >= until-onem2m.Timestamp(restTime.Microseconds()) { // not with a clock that was set back
			return nil, errResting
		}
		delete(g.rests, address)
	}
	if g.asking[address] >= maxAsking || g.all >= maxAll {
		return nil, errBusy
	}
	g.asking[address]++
	g.all++
	return func(answered bool, now onem2m.Timestamp) { g.leave(address, answered, now) }, nil
}

func (g *Gate) leave(address string, answered bool, now onem2m.Timestamp) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if g.asking[address]--; g.asking[address] == 0 {
		delete(g.asking, address)
	}
	if answered {
		return
	}
	if len(g.rests) >= maxResting { // which one makes room doesn't matter: it is asked again
		for other := range g.rests {
			delete(g.rests, other)
			break
		}
	}
	g.rests[address] = now + onem2m.Timestamp(restTime.Microseconds())
}
