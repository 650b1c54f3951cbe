package cse

import (
	"context"
	"maps"
	"time"

	"bulwark/internal/store"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// A CSE lets a lock stand for an hour beyond the times that it is told. Those of a
// <transactionMgmt> aren't told to other CSEs: where it is planned for longer, more
// time is asked for in time.
const (
	prolongBefore = 20 * time.Minute // the end of a lock
	prolongPause  = 5 * time.Minute  // until a CSE is asked again that gave nothing
)

// planned is by when the last step of a transaction is over as it is planned, and until
// when its locks are wanted; 0 if nothing is planned.
func (m *manager) planned() (over, wanted onem2m.Timestamp) {
	plan := mgmtPlan(*m.attrs)
	last := plan.Latest()
	if last == 0 {
		return 0, 0
	}
	wanted = last + micros(maxLocked)
	if plan.Expire != 0 {
		wanted = min(wanted, plan.Expire+micros(commitMargin)) // it is aborted at Expire
	}
	return min(last+micros(commitMargin), wanted), wanted
}

// lacks reports whether locks on other CSEs end sooner than they are needed, and from
// when on more time is asked for.
func (m *manager) lacks() (at onem2m.Timestamp, ok bool) {
	s := m.bargain.Span
	if state := m.state(); s == nil || s.Going != 0 || state != transaction.Locked && state != transaction.Executed {
		return 0, false
	}
	over, _ := m.planned()
	soonest := over
	for f := range maps.Values(s.Far) {
		if f.Engaged() {
			soonest = min(soonest, f.Ends)
		}
	}
	return max(soonest-micros(prolongBefore), s.Prolonged+micros(prolongPause)), soonest < over
}

// isLate reports whether more time is to be asked for now.
func (m *manager) isLate() bool {
	at, ok := m.lacks()
	return ok && at <= m.now
}

// prolong asks other CSEs to keep their locks for longer. One that doesn't ends the
// transaction before anything is committed, see lastLook.
func (c *CSE) prolong(ctx context.Context, seen *manager) error {
	e, err := c.envoy(seen)
	if err != nil {
		return err
	}
	over, wanted := seen.planned()
	until := onem2m.Object{{Name: "et", Value: onem2m.TimeValue(wanted)}}
	told := map[int]onem2m.Timestamp{}
	for _, i := range seen.bargain.Span.positions() {
		f := *seen.bargain.Span.Far[i]
		if !f.Engaged() || f.Ends >= over {
			continue
		}
		req := e.retrieval(&f)
		req.Operation, req.Content = onem2m.Update, &onem2m.Content{Name: "m2m:trac", Value: until.Append(nil)}
		if res, itself, _ := e.send(ctx, c.hostOf(f.Target), req); itself && f.Extend(res) {
			told[i] = f.Ends
		}
	}
	return c.managing(ctx, seen.id, func(_ context.Context, m *manager, _ *store.Record) error {
		s := m.bargain.Span
		s.Prolonged = m.now
		for i, end := range told {
			if f := s.Far[i]; f.Name == seen.bargain.Span.Far[i].Name {
				f.Ends = end
			}
		}
		return nil
	})
}
