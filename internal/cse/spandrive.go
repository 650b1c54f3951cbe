package cse

import (
	"context"
	"errors"
	"time"

	"bulwark/internal/store"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// maxSteps bounds the steps of one drive: a transaction has four.
const maxSteps = 8

// managing changes a <transactionMgmt> in the writer, and keeps it. What has
// begun is kept also while the process stops, or when a request has expired. It
// fails with store.ErrNotFound if there is none.
func (c *CSE) managing(ctx context.Context, id int64, fn func(ctx context.Context, m *manager, rec *store.Record) error) error {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	return c.Store.Update(late, func(tx store.Tx) error {
		rec, err := tx.ByID(id)
		if err != nil {
			return err
		}
		if err := c.alive(tx, rec, c.instant()); err != nil {
			return err
		}
		b, err := loadState[bargain](tx, bargainName(id))
		if err != nil {
			return err
		}
		attrs := attributes(rec).Clone()
		m, err := c.manage(tx, id, rec.RI, &attrs, b)
		if err != nil {
			return err
		}
		if err := fn(late, m, rec); err != nil {
			return err
		}
		if over, err := absent(tx, id); err != nil || over {
			return err
		}
		return m.keep(rec)
	})
}

// drive takes the steps of a transaction that are due, until there is nothing
// to do or something has to be waited for.
func (c *CSE) drive(ctx context.Context, id int64) error {
	for range maxSteps {
		m, err := c.managed(ctx, id)
		if err != nil {
			c.spans.disarm(id)
			return gone(err)
		}
		switch {
		case m.bargain.Again > m.now && m.bargain.going():
			c.spans.arm(id, m.bargain.Who.ID, m.bargain.Again)
			return nil
		case m.bargain.going():
			err = c.takeStep(ctx, m)
		case m.isLate():
			err = c.prolong(ctx, m)
		default:
			var more bool
			if more, err = c.goOn(ctx, id); err == nil && !more {
				return nil
			}
		}
		if err != nil || ctx.Err() != nil { // what it has got to is kept; it goes on later
			return gone(err)
		}
	}
	return nil
}

// managed is a manager on the state that is stored, for reading.
func (c *CSE) managed(ctx context.Context, id int64) (m *manager, err error) {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	err = c.Store.Read(late, func(r store.Reader) error {
		rec, err := r.ByID(id)
		if err != nil {
			return err
		}
		if err := c.alive(r, rec, c.instant()); err != nil {
			return err
		}
		b, err := loadState[bargain](r, bargainName(id))
		if err != nil {
			return err
		}
		attrs := attributes(rec).Clone()
		m, err = c.manage(nil, id, rec.RI, &attrs, b)
		return err
	})
	return m, err
}

// goOn takes the next step that comes by itself, removes what isn't needed any
// more, and tells whether there is more to do at once.
func (c *CSE) goOn(ctx context.Context, id int64) (more bool, err error) {
	err = c.managing(ctx, id, func(ctx context.Context, m *manager, rec *store.Record) error {
		if m.bargain.going() {
			more = true
			return nil
		}
		if c.spans.watched(id, m.now) == 0 { // else a request waits for its end
			if m.finished() {
				return c.removeTree(m.tx, rec, c.Home.ID()) // C-446
			}
			if m.spent() {
				if err := c.removeParts(m.tx, m.bargain.Parts); err != nil {
					return err
				}
				if err := m.farewell(transaction.Abort); err != nil {
					return err
				}
			}
		}
		if err := m.proceed(ctx, nil); err != nil {
			return err
		}
		more = m.bargain.going()
		return nil
	})
	return more, err
}

// takeStep takes the step that has begun.
func (c *CSE) takeStep(ctx context.Context, m *manager) error {
	step, resumed := m.bargain.Span.Going, m.bargain.Span.Here
	if !resumed && step == transaction.Commit {
		if done, err := c.lastLook(ctx, m); done || err != nil {
			return err
		}
	}
	if !resumed {
		done, err := c.stepHere(ctx, m, step)
		if done || err != nil {
			return err
		}
	}
	e, err := c.envoy(m)
	if err != nil {
		return err
	}
	all := e.all(ctx, step, !resumed)
	return c.managing(ctx, m.id, func(ctx context.Context, m *manager, _ *store.Record) error {
		if m.bargain.Span.Going != step {
			return nil
		}
		m.merge(step, all.far)
		return m.conclude(ctx, step, all)
	})
}

// stepHere does this CSE's part of a step. done says that it is over with that.
func (c *CSE) stepHere(ctx context.Context, seen *manager, step transaction.Control) (done bool, err error) {
	var l *clearance
	if step == transaction.Execute {
		if l, err = c.seekLeaves(ctx, seen.bargain, seen.ri, *seen.attrs); err != nil {
			return false, err
		}
	}
	err = c.managing(ctx, seen.id, func(ctx context.Context, m *manager, _ *store.Record) error {
		s := m.bargain.Span
		if s.Going != step || s.Here {
			done = true
			return nil
		}
		failed, err := m.here(ctx, step, l)
		if err != nil {
			return err
		}
		if len(failed) > 0 {
			done = true
			return m.end(step, failed)
		}
		s.Here = true
		for _, f := range s.Far {
			f.Asked = f.Asked || step == transaction.Lock // before anything is sent
			f.Commit = f.Commit || step == transaction.Commit
		}
		if step == transaction.Commit {
			return m.holdOn()
		}
		return nil
	})
	return done, err
}

// here is the part of a step that this CSE does itself.
func (m *manager) here(ctx context.Context, step transaction.Control, l *clearance) (failed []*onem2m.Response, err error) {
	if step == transaction.Abort {
		return nil, m.eachPart(func(_ int, x *mover) error { return x.move(ctx, transaction.Abort, nil) })
	}
	if !m.c.stands(m.tx, &m.bargain.Who, m.now) {
		k := m.c.agent(&m.bargain.Who)
		res := k.finish(k.fail(ctx, onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "fr", "the originator isn't registered any more")))
		return []*onem2m.Response{res}, nil
	}
	switch step {
	case transaction.Lock:
		return m.lock(ctx)
	case transaction.Execute:
		return m.execute(ctx, l)
	default: // a commit that would fail here is none elsewhere
		err = m.tx.Try(func() (err error) {
			if _, failed, err = m.runAll(ctx, nil); err != nil {
				return err
			}
			return errUndone
		})
		if errors.Is(err, errUndone) {
			err = nil
		}
		return failed, err
	}
}

// answersOf is what came of asking all other CSEs for a step.
type answersOf struct {
	far     map[int]*transaction.Far
	failed  []*onem2m.Response
	decided bool // a CSE has committed
	unknown bool // one has to be asked again
}

// all asks for a step one <transaction> after the other. Where one fails there
// is no point in asking more, except to abort, and when something was committed
// already: then the rest follows.
func (e *envoy) all(ctx context.Context, step transaction.Control, fresh bool) *answersOf {
	s := e.m.bargain.Span
	a := &answersOf{far: map[int]*transaction.Far{}}
	for _, f := range s.Far {
		a.decided = a.decided || step == transaction.Commit && f.State == transaction.Committed
	}
	for _, i := range s.positions() {
		f := *s.Far[i]
		if f.State == step.Reached() || step == transaction.Abort && !f.Engaged() {
			continue
		}
		out, res := e.step(ctx, step, i, &f, fresh)
		a.far[i] = &f
		if out == transaction.Reached {
			a.decided = a.decided || step == transaction.Commit
			continue
		}
		if step == transaction.Commit && a.waits(out, fresh, f.Ends > e.m.now) {
			a.unknown = true
		} else {
			a.failed = append(a.failed, res)
			if code := f.Code(); code == 0 || code/1000 == 2 {
				f.Answer = transaction.Encode(res)
			}
		}
		if step != transaction.Abort && !a.decided {
			break
		}
	}
	return a
}

// waits reports whether a CSE has to be asked again how a commit went: as long as
// it may have been done there, or has been elsewhere.
func (a *answersOf) waits(out transaction.Outcome, fresh, alive bool) bool {
	switch out {
	case transaction.Unknown:
		return alive
	case transaction.Held:
		return alive && (a.decided || !fresh)
	default:
		return false
	}
}

// conclude ends a step, or leaves it open.
func (m *manager) conclude(ctx context.Context, step transaction.Control, a *answersOf) error {
	s := m.bargain.Span
	switch {
	case step == transaction.Abort:
		// Who wasn't reached is told later, and lets go by itself at the latest when
		// the <transaction> there expires: nothing was committed.
		if len(a.failed) > 0 {
			if err := m.farewell(transaction.Abort); err != nil {
				return err
			}
		}
		return m.end(step, nil)
	case a.unknown:
		wait := lastRetry
		if s.Waits < 6 {
			wait = min(lastRetry, firstRetry<<s.Waits)
		}
		s.Waits++
		m.bargain.Again = m.now + onem2m.Timestamp(wait/time.Microsecond)
		return nil
	case step != transaction.Commit || len(a.failed) > 0 && !a.decided:
		return m.end(step, a.failed)
	}
	failed, err := m.commit(ctx)
	if err != nil {
		return err
	}
	m.showAnswers()
	if failed = append(failed, a.failed...); len(failed) > 0 {
		m.c.Log.ErrorContext(ctx, "a transaction was committed in part", "resource", m.ri, "code", int(failed[0].Code))
	}
	return m.end(step, failed)
}
