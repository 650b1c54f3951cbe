package cse

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// execute runs all requests in their order, each on what those before it have
// made, keeps the responses and undoes the rest.
func (m *manager) execute(ctx context.Context, l *clearance) (failed []*onem2m.Response, err error) {
	if l != nil {
		for i := range m.bargain.Parts {
			child := m.bargain.Parts[i].Child
			m.bargain.Parts[i] = l.parts[i]
			m.bargain.Parts[i].Child = child
		}
	}
	var answers []*onem2m.Response
	err = m.tx.Try(func() (err error) {
		if answers, failed, err = m.runAll(ctx, l); err != nil {
			return err
		}
		return errUndone
	})
	if !errors.Is(err, errUndone) {
		return nil, err
	}
	m.keepAnswers(answers)
	return failed, m.tellParts(transaction.Execute, answers)
}

// commit runs all requests again and keeps what they do, or nothing of it.
func (m *manager) commit(ctx context.Context) (failed []*onem2m.Response, err error) {
	var answers []*onem2m.Response
	err = m.tx.Try(func() (err error) {
		m.bargain.Busy = true
		if err := saveState(m.tx, bargainName(m.id), m.bargain); err != nil {
			return err
		}
		answers, failed, err = m.runAll(ctx, nil)
		if err == nil && len(failed) > 0 {
			err = errUndone
		}
		return err
	})
	m.bargain.Busy = false
	if err != nil && !errors.Is(err, errUndone) {
		return nil, err
	}
	m.keepAnswers(answers)
	return failed, m.tellParts(transaction.Commit, answers)
}

// runAll runs the requests within the transaction of the store.
func (m *manager) runAll(ctx context.Context, l *clearance) (answers, failed []*onem2m.Response, err error) {
	answers = make([]*onem2m.Response, len(m.primitives))
	for i, v := range m.primitives {
		if m.isFar(i) {
			continue
		}
		p := &m.bargain.Parts[i]
		var res *onem2m.Response
		if l != nil {
			res = l.failures[i]
		}
		if res == nil {
			res, err = m.runOne(ctx, p, v)
		}
		if err != nil {
			return nil, nil, err
		}
		if answers[i] = res; !succeeded(res) {
			failed = append(failed, res)
		}
	}
	return answers, failed, nil
}

// runOne runs a request if its <transaction> still keeps the target locked. One
// that a request before it has taken along is missing in this transaction of the
// store as well: then the target is gone, which the request finds out.
func (m *manager) runOne(ctx context.Context, p *part, primitive jsontext.Value) (*onem2m.Response, error) {
	rec, err := m.tx.ByID(p.Child)
	if s := m.bargain.Span; err == nil && expired(rec, m.now) && (s == nil || s.Going != transaction.Commit || !s.Here) { // else another CSE has committed
		k := m.c.agent(&m.bargain.Who)
		return k.finish(k.fail(ctx, onem2m.Errorf(onem2m.NotFound, "to", "the lock has expired"))), nil
	}
	if err = gone(err); err != nil {
		return nil, err
	}
	return m.c.runPart(ctx, m.tx, &m.bargain.Who, p, m.ri, m.c.Home.CSE, primitive)
}

func (m *manager) answer(list []*onem2m.Response) {
	var values []jsontext.Value
	for _, res := range list {
		if res != nil {
			values = append(values, transaction.Encode(res))
		}
	}
	m.attrs.Set("rsps", transaction.Aggregate(values))
}

// keepAnswers is answer for the responses to all requests, nil for those that
// other CSEs carry out.
func (m *manager) keepAnswers(list []*onem2m.Response) {
	if m.bargain.Span == nil {
		m.answer(list)
		return
	}
	for i, res := range list {
		if res != nil {
			m.bargain.Span.keepAnswer(i, transaction.Encode(res))
		}
	}
	m.showAnswers()
}

// tellParts brings the <transaction>s in step with how the requests went.
func (m *manager) tellParts(control transaction.Control, answers []*onem2m.Response) error {
	whole := true
	for _, res := range answers {
		whole = whole && (res == nil || succeeded(res))
	}
	return m.eachPart(func(i int, x *mover) error {
		if control == transaction.Commit && !whole && succeeded(answers[i]) {
			return nil // undone with the others
		}
		x.conclude(answers[i], control)
		if control != transaction.Commit || !whole {
			return nil
		}
		return m.c.letGo(m.tx, x.target, x.id)
	})
}

// eachPart calls fn for every <transaction> that is still there, and stores what
// it changes.
func (m *manager) eachPart(fn func(i int, x *mover) error) error {
	for i := range m.bargain.Parts {
		rec, err := m.tx.ByID(m.bargain.Parts[i].Child)
		if err != nil {
			if err = gone(err); err != nil {
				return err
			}
			continue
		}
		attrs := attributes(rec).Clone()
		x := &mover{c: m.c, tx: m.tx, id: rec.ID, target: rec.Parent, attrs: &attrs, deal: &deal{}, now: m.now}
		if err := fn(i, x); err != nil {
			return err
		}
		if err := x.keep(rec); err != nil {
			return err
		}
	}
	return nil
}
