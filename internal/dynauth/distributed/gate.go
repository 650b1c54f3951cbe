package distributed

import (
	"context"
	"errors"
	"sync"
	"time"

	"bulwark/onem2m"
)

// Bounds of what a CSE waits for at one time. A slow point must not
// hold more than a share of those who wait, and one that is dead nobody for long.
const (
	maxAsking  = 32              // questions that one point works on
	maxWaiting = 256             // questions that wait for one point, those included
	maxAll     = 1024            // and for all of them
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
	mu    sync.Mutex // guards what follows
	lanes map[string]*lane
	all   int
	rests map[string]onem2m.Timestamp // until when
}

// lane is the way to one point.
type lane struct {
	places chan struct{} // one element per question that it works on
	users  int           // who have a place or wait for one
}

// NewGate returns a Gate through which nobody has gone.
func NewGate() *Gate {
	return &Gate{lanes: map[string]*lane{}, rests: map[string]onem2m.Timestamp{}}
}

// Enter waits until the point can be asked, for as long as ctx lasts. It fails if
// it can't be, or isn't now; otherwise leave is called with whether it has
// answered at all, or had no time to.
func (g *Gate) Enter(ctx context.Context, address string, now func() onem2m.Timestamp) (leave func(answered bool), err error) {
	way, err := g.join(address, now())
	if err != nil {
		return nil, err
	}
	select {
	case way.places <- struct{}{}:
	case <-ctx.Done():
		g.part(address, way)
		return nil, errBusy
	}
	if g.resting(address, now()) { // while this one has waited
		<-way.places
		g.part(address, way)
		return nil, errResting
	}
	return func(answered bool) {
		<-way.places
		g.part(address, way)
		if !answered {
			g.rest(address, now())
		}
	}, nil
}

func (g *Gate) join(address string, now onem2m.Timestamp) (*lane, error) {
	if g.resting(address, now) {
		return nil, errResting
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	way := g.lanes[address]
	if way == nil {
		way = &lane{places: make(chan struct{}, maxAsking)}
	}
	if way.users >= maxWaiting || g.all >= maxAll {
		return nil, errBusy
	}
	g.lanes[address] = way
	way.users++
	g.all++
	return way, nil
}

func (g *Gate) part(address string, way *lane) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if way.users--; way.users == 0 {
		delete(g.lanes, address)
	}
}

// resting reports whether a point isn't asked now. A clock that was set back ends
// a rest.
func (g *Gate) resting(address string, now onem2m.Timestamp) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	until, ok := g.rests[address]
	if !ok {
		return false
	}
	if now < until && now >= until-onem2m.Timestamp(restTime.Microseconds()) {
		return true
	}
	delete(g.rests, address)
	return false
}

func (g *Gate) rest(address string, now onem2m.Timestamp) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.rests) >= maxResting { // which one makes room doesn't matter: it is asked again
		for other := range g.rests {
			delete(g.rests, other)
			break
		}
	}
	g.rests[address] = now + onem2m.Timestamp(restTime.Microseconds())
}
