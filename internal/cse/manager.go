package cse

import (
	"context"
	"errors"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/store"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// manager takes the steps of one <transactionMgmt> in the writer. A step is of
// all its <transaction>s or of none: on this CSE they are locked, executed and
// committed in one transaction of the store. What it changes of its own resource
// is in attrs; the caller stores them.
//
// What other CSEs carry out is asked for when the writer has been left, see span.
type manager struct {
	c          *CSE
	tx         store.Tx
	id         int64
	ri         string
	attrs      *onem2m.Object
	bargain    *bargain
	primitives []jsontext.Value
	now        onem2m.Timestamp
}

func (c *CSE) manage(tx store.Tx, id int64, ri string, attrs *onem2m.Object, b *bargain) (*manager, error) {
	list, err := transaction.Primitives(attrs.Get("rqps"))
	if err != nil {
		return nil, err
	}
	if b.Parts == nil {
		b.Parts = make([]part, len(list))
	}
	return &manager{c: c, tx: tx, id: id, ri: ri, attrs: attrs, bargain: b, primitives: list, now: onem2m.TimestampOf(c.Now())}, nil
}

func (m *manager) state() transaction.State {
	state, _ := stateOf(*m.attrs)
	return state
}

func (m *manager) set(s transaction.State) { m.attrs.Set("trst", onem2m.IntValue(int64(s))) }

// next is the control that comes by itself, and when.
func (m *manager) next() (control transaction.Control, at onem2m.Timestamp, ok bool) {
	if m.bargain.going() {
		return 0, 0, false // it is being driven
	}
	plan := mgmtPlan(*m.attrs)
	control, at, ok = plan.Next(m.state())
	if again := m.bargain.Again; again != 0 && !(ok && control == transaction.Abort && at <= again) {
		_, control = stateOf(*m.attrs)
		return control, again, true
	}
	return control, at, ok
}

// finished reports whether the resource has done its service: the creator
// wanted no more of it than that.
func (m *manager) finished() bool {
	handling, _ := m.attrs.Int("tmh")
	return m.state().Over() && handling != persist
}

// spent reports whether there are <transaction>s that have done their service:
// what they say is in the resource as well.
func (m *manager) spent() bool {
	return m.state().Over() && (m.bargain.Span.spread() || slices.ContainsFunc(m.bargain.Parts, func(p part) bool { return p.Child != 0 }))
}

// settle keeps the state beside the resource and sets the alarm for what comes
// by itself.
func (m *manager) settle() error {
	_, at, ok := m.next()
	if m.finished() || m.spent() {
		at, ok = m.now, true
	}
	if m.bargain.Span != nil {
		m.settleSpan(at, ok)
	} else if ok {
		m.tx.OnCommit(func() { m.c.dealings.arm(m.id, max(at, 1)) })
	} else {
		m.tx.OnCommit(func() { m.c.dealings.disarm(m.id) })
	}
	return saveState(m.tx, bargainName(m.id), m.bargain)
}

// settleSpan sets the alarm of a transaction that other CSEs have to do with.
func (m *manager) settleSpan(at onem2m.Timestamp, ok bool) {
	b := m.bargain
	if more, lacks := m.lacks(); lacks && (!ok || more < at) {
		at, ok = more, true
	}
	if b.going() {
		at, ok = max(b.Again, m.now), true
	}
	m.tx.OnCommit(func() {
		m.c.dealings.disarm(m.id)
		if until := m.c.spans.watched(m.id, m.now); until != 0 && ok && !b.going() && at <= m.now && m.state().Over() {
			at = until // it is removed when the request that waits has seen it
		}
		if ok {
			m.c.spans.arm(m.id, b.Who.ID, max(at, 1))
		} else {
			m.c.spans.disarm(m.id)
		}
	})
}

// keep stores what has changed, and settles.
func (m *manager) keep(rec *store.Record) error {
	changes := changesOf(rec, *m.attrs, "trst", "tctl", "rsps")
	if len(changes) > 0 {
		if err := m.c.amend(m.tx, rec, m.c.Home.ID(), changes); err != nil {
			return err
		}
	}
	return m.settle()
}

// proceed takes the steps that are due by themselves. Without clearance it stops
// before the requests are executed: others may have to be asked first.
func (m *manager) proceed(ctx context.Context, l *clearance) error {
	for {
		control, at, ok := m.next()
		if !ok || at > m.now || control == transaction.Execute && l == nil && m.bargain.Span == nil {
			return nil
		}
		if err := m.step(ctx, control, l); err != nil {
			return err
		}
		if control == transaction.Execute {
			l = nil // asked for one attempt
		}
	}
}

// step takes one step and notes how it went.
func (m *manager) step(ctx context.Context, control transaction.Control, l *clearance) error {
	if m.bargain.Span != nil && control != transaction.Initial {
		m.begin(control)
		return nil
	}
	m.attrs.Set("tctl", onem2m.IntValue(int64(control)))
	m.bargain.Again = 0
	var failed []*onem2m.Response
	var err error
	switch control {
	case transaction.Lock:
		failed, err = m.lock(ctx)
	case transaction.Execute:
		failed, err = m.execute(ctx, l)
	case transaction.Commit:
		failed, err = m.commit(ctx)
	case transaction.Abort:
		err = m.eachPart(func(_ int, x *mover) error { return x.move(ctx, transaction.Abort, nil) })
	default:
		m.attrs.Delete("rsps")
		err = m.c.removeParts(m.tx, m.bargain.Parts)
		clear(m.bargain.Parts)
		if err == nil && m.bargain.Span != nil {
			m.bargain.Span.Answers = nil
			err = m.farewell(transaction.Abort)
		}
	}
	if err != nil {
		return err
	}
	m.judge(control, failed)
	return nil
}

// judge settles the state after a step: where it is worth while, and as often
// as the creator wants, a failed one is taken again (TS-0001 clause 9.6.47).
func (m *manager) judge(control transaction.Control, failed []*onem2m.Response) {
	b := m.bargain
	if len(failed) == 0 {
		b.Tries = 0
		m.set(control.Reached())
		return
	}
	again := true
	for _, res := range failed {
		again = again && passing(res)
	}
	if most, _ := m.attrs.Int("tmr"); again && b.Tries < most {
		wait := lastRetry
		if b.Tries < 6 {
			wait = min(lastRetry, firstRetry<<b.Tries)
		}
		b.Tries++
		b.Again = m.now + onem2m.Timestamp(wait.Microseconds())
		return
	}
	m.set(transaction.Failed)
}

// lock makes a <transaction> below each target. Where one can't be had none is
// kept: a transaction that waits holds nobody up, so that two of them never wait
// for each other.
func (m *manager) lock(ctx context.Context) (failed []*onem2m.Response, err error) {
	var engaged []int64
	made := make([]part, len(m.primitives))
	err = m.tx.Try(func() error {
		for i, v := range m.primitives {
			if m.isFar(i) {
				continue
			}
			res, rec, err := m.lockOne(ctx, v)
			if err != nil {
				return err
			}
			if rec != nil {
				engaged = append(engaged, rec.Parent)
				made[i] = part{Child: rec.ID}
			}
			if !succeeded(res) {
				failed = append(failed, res)
			}
		}
		if len(failed) > 0 {
			return errUndone
		}
		return nil
	})
	switch {
	case errors.Is(err, errUndone):
		m.answer(failed)
		for _, target := range engaged {
			if err := m.c.letGo(m.tx, target, 0); err != nil {
				return nil, err
			}
		}
	case err != nil:
		return nil, err
	default:
		m.attrs.Delete("rsps")
		m.bargain.Parts = made
	}
	return failed, nil
}

// isFar reports whether another CSE carries out a request.
func (m *manager) isFar(i int) bool { return m.bargain.Span != nil && m.bargain.Span.Far[i] != nil }

// lockedByOther is how a lock that another transaction has is told among the
// responses of a transaction. It passes.
func lockedByOther() *onem2m.Error {
	return &onem2m.Error{Code: onem2m.TransactionProcessingIsIncomplete, Text: "another transaction has locked the resource"}
}

// lockOne makes the <transaction> of one request, by the ordinary procedure: the
// creator needs the privilege to make it.
func (m *manager) lockOne(ctx context.Context, primitive jsontext.Value) (*onem2m.Response, *store.Record, error) {
	req, err := transaction.Decode(primitive, "rqps")
	if err != nil {
		return nil, nil, err
	}
	attrs := onem2m.Object{{Name: "tid", Value: onem2m.TextValue(m.ri)}, {Name: "m2m:rqp", Value: primitive}}
	for _, name := range []string{"tltm", "text", "tct", "tltp"} {
		if v := m.attrs.Get(name); v != nil {
			attrs.Set(name, v)
		}
	}
	if v := m.attrs.Get("tept"); v != nil {
		attrs.Set("et", v)
	}
	ty := int64(onem2m.TypeTransaction)
	k := m.c.undertake(&m.bargain.Who, undertaking{
		id: m.ri, creator: m.c.Home.CSE, manager: m.id, granted: permissions{verified: true, asked: true},
	}, &onem2m.Request{
		Operation: onem2m.Create, To: req.To, From: req.From, HasFrom: true, RequestID: req.RequestID, Type: &ty,
		Content: &onem2m.Content{Name: "m2m:trac", Value: attrs.Append(nil)},
	})
	ctx = enlist(ctx, m.tx)
	res, err := k.run(ctx)
	if err != nil {
		return k.finish(k.fail(ctx, err)), nil, nil
	}
	if state, _ := stateOf(attributes(k.made)); state != transaction.Locked {
		return k.finish(k.fail(ctx, lockedByOther())), k.made, nil
	}
	return res, k.made, nil
}
