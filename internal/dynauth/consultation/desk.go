package consultation

import (
	"context"
	"errors"
	"sync"
	"time"

	"bulwark/onem2m"
)

// Bounds of what is on its way. A server that is slow, and an originator that is
// refused all the time, cost the requests that wait for them and nobody else: a
// question beyond a bound isn't asked, which is a denial.
const (
	MaxAsking       = 64              // questions on their way to all servers
	MaxAskingOthers = 32              // of these, to servers that the operator hasn't named: whoever may choose one can have several that are slow
	MaxAskingPoint  = 16              // to one point of access
	MaxAskingEntity = 4               // for one originator
	Rest            = 5 * time.Second // how long a point that failed isn't asked
	maxResting      = 1000            // points that are remembered to have failed
)

// Why a question isn't asked, or isn't answered.
var (
	ErrBusy    = errors.New("too many questions are on their way")
	ErrResting = errors.New("the server hasn't answered a moment ago")
)

// Send takes a question to a point of access and returns the answer.
type Send func(ctx context.Context, point string) (*onem2m.Response, error)

// Desk is where the questions of a CSE leave. It is safe for concurrent use.
type Desk struct {
	now func() time.Time

	mu      sync.Mutex // guards what follows
	all     int
	others  int // of them, to servers that the operator hasn't named
	points  map[string]int
	askers  map[onem2m.ID]int
	resting map[string]time.Time // when the rest of a point ends
}

// NewDesk returns a desk with nothing on its way. now is the clock of the rests.
func NewDesk(now func() time.Time) *Desk {
	return &Desk{now: now, points: map[string]int{}, askers: map[onem2m.ID]int{}, resting: map[string]time.Time{}}
}

// Ask sends one question of an originator to one point, named if it is that of a
// server which the operator has named. An error means that the
// server wasn't asked or hasn't answered; whatever a server answers is no error.
// A point that can't be reached, or answers too late, rests for a moment.
func (d *Desk) Ask(ctx context.Context, point string, named bool, who onem2m.ID, send Send) (*onem2m.Response, error) {
	if err := d.enter(point, named, who); err != nil {
		return nil, err
	}
	failed := true
	defer func() { d.leave(point, named, who, failed) }()
	res, err := send(ctx, point)
	switch {
	case err != nil:
		failed = ctx.Err() == nil // else nobody has waited for it long enough
		return nil, err
	case res == nil || res.Code == 0:
		return nil, errors.New("answered without a response status code")
	case unreachable(res.Code):
		failed = ctx.Err() == nil // as well: somebody on the way may have noticed it
		return nil, onem2m.Errorf(res.Code, "", "the server isn't reached")
	}
	failed = false
	return res, nil
}

// unreachable reports whether an answer is that of somebody on the way.
func unreachable(code onem2m.StatusCode) bool {
	switch code {
	case onem2m.TargetNotReachable, onem2m.RemoteEntityNotReachable, onem2m.RequestTimeout:
		return true
	default:
		return false
	}
}

func (d *Desk) enter(point string, named bool, who onem2m.ID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	until, resting := d.resting[point]
	switch now := d.now(); {
	case resting && now.Before(until) && until.Sub(now) <= Rest: // not with a clock that was set back
		return ErrResting
	case !named && d.others >= MaxAskingOthers, d.all >= MaxAsking || d.points[point] >= MaxAskingPoint || d.askers[who] >= MaxAskingEntity:
		return ErrBusy
	}
	d.all++
	if !named {
		d.others++
	}
	d.points[point]++
	d.askers[who]++
	return nil
}

func (d *Desk) leave(point string, named bool, who onem2m.ID, failed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if !named {
		d.others--
	}
	if d.points[point]--; d.points[point] == 0 {
		delete(d.points, point)
	}
	if d.askers[who]--; d.askers[who] == 0 {
		delete(d.askers, who)
	}
	if !failed {
		delete(d.resting, point)
		return
	}
	if len(d.resting) >= maxResting {
		clear(d.resting) // that many points aren't there to be protected
	}
	d.resting[point] = d.now().Add(Rest)
}
