package cse

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"bulwark/internal/dynauth/distributed"
	"bulwark/onem2m"
)

// Bounds of what one request may have other CSEs asked for: a resource with
// many policies elsewhere costs its visitors time, and others nothing.
const (
	maxMissed = 16 // things asked for at the same time
	maxRounds = 6  // times that they are: a policy, its group, the groups in that, and servers that grant something
)

// errUninformed ends a retrieval that has left out what might be permitted.
var errUninformed = errors.New("cse: something of another CSE has to be asked for")

// missed lists what a decision went without, by address.
type missed struct{ list []string }

func (m *missed) add(address string) {
	if len(m.list) < maxMissed && !slices.Contains(m.list, address) {
		m.list = append(m.list, address)
	}
}

// uninformed reports whether a decision of this request went without something
// that is going to be asked for.
func (k *call) uninformed() bool {
	return k.curious && (len(k.missed.list) > 0 || k.remote.wants() || k.further.pending())
}

// enquiring serves a request. What was refused without something of other CSEs
// is decided again with it: it is asked for when nothing is held, neither the
// writer nor a snapshot, as the refusal has undone everything.
func (k *call) enquiring(ctx context.Context, serve procedure) (*onem2m.Response, error) {
	trail, asks := k.fetchTrail()
	for round := range maxRounds {
		k.missed.list = nil
		k.remote.forget()
		k.further.forget()
		k.curious = asks && within(ctx) == nil && round < maxRounds-1
		res, err := serve(k, ctx)
		if k.meaning.heard != nil {
			res, err = k.knowing(ctx, serve, res, err)
		}
		if !k.uninformed() || !refused(err) {
			if !refused(err) && !k.deputy() { // whose answer says whether it is
				k.heeded()
			}
			k.keepTokens(ctx)
			return res, err
		}
		asks = k.afford() && asks
		if err := k.obtain(ctx, trail); err != nil {
			return nil, err
		}
	}
	return nil, timedOut() // not reached: the last round isn't curious
}

// refused reports whether an error may come of a missing privilege.
func refused(err error) bool {
	if errors.Is(err, errUninformed) {
		return true
	}
	e, ok := errors.AsType[*onem2m.Error](err)
	if !ok {
		return false
	}
	switch e.Code {
	case onem2m.OriginatorHasNoPrivilege, onem2m.ReceiverHasNoPrivilege, onem2m.NotFound, onem2m.ServiceSubscriptionNotEstablished, onem2m.CrossResourceOperationFailure:
		return true
	default:
		return false
	}
}

// obtain asks for all that is missing. What doesn't come in time is done without,
// and not asked for again for a moment; a request that has less time itself says
// nothing about whom it asks.
func (k *call) obtain(ctx context.Context, trail distributed.Trail) error {
	resume := Yield(ctx)
	until := time.Now().Add(2 * foreignPatience)
	if k.expires != 0 {
		until = k.deadline()
	}
	asking, cancel := context.WithDeadline(context.WithValue(ctx, yieldKey{}, nil), until)
	var group sync.WaitGroup
	for _, address := range k.missed.list {
		group.Go(func() {
			k.c.copies.Fetch(asking, address, k.c.instant, func(ctx context.Context) (*foreign, error) {
				ctx, cancel := context.WithTimeout(ctx, foreignPatience)
				defer cancel()
				return k.c.fetchMissed(ctx, address, trail)
			})
		})
	}
	if k.remote != nil {
		for _, one := range k.remote.wanted {
			if !k.appeal() {
				one.asked, one.steps = true, distributed.Steps{"its " + one.kind.String() + " " + unasked}
				continue
			}
			group.Go(func() { k.askPoints(asking, one) })
		}
	}
	group.Wait()
	var wanted []wantedToken
	if k.further != nil {
		wanted = k.further.wanted
	}
	k.pursue(asking) // a plain RETRIEVE ends nowhere else
	cancel()
	k.giveBack(wanted)
	resume()
	k.now = k.c.instant()
	if ctx.Err() != nil || k.expires != 0 && k.expires <= k.now {
		return timedOut()
	}
	return nil
}

func (c *CSE) instant() onem2m.Timestamp { return onem2m.TimestampOf(c.Now()) }

// fetchForeign retrieves a resource of another CSE as this CSE.
func (c *CSE) fetchForeign(ctx context.Context, address string, trail distributed.Trail) (*foreign, error) {
	a, err := onem2m.ParseAddress(address)
	if err != nil {
		return nil, err
	}
	host := a.Host(c.Home)
	res := c.relay(ctx, &onem2m.Request{
		Operation: onem2m.Retrieve, To: c.widely(a), From: c.Home.CSE, HasFrom: true, Release: "3",
		RequestID:         trail.RequestID(string(c.names.appendTail(nil, markLength))),
		RequestExpiration: strconv.FormatInt(foreignPatience.Milliseconds(), 10),
	})
	f := (*foreign)(nil)
	if res.Code == onem2m.OK {
		f, err = c.readForeign(host, res.Content)
	} else {
		err = onem2m.Errorf(res.Code, "", "the other CSE refuses it")
	}
	if err == nil {
		c.watches.Want(address, address, host)
	}
	if err != nil && ctx.Err() == nil {
		c.Log.WarnContext(ctx, "a decision goes without a resource of another CSE", "resource", address, "code", int(res.Code), "err", err)
	}
	return f, err
}
