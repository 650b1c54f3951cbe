package cse

import (
	"context"

	"bulwark/internal/store"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// commitMargin is how long the lock of each CSE has to last still when the first of
// them is told to commit: until the last one is, and for clocks that differ.
const commitMargin = spanPatience

// lastLook asks the other CSEs of a transaction, before the first of them is told to
// commit, whether all still hold what they have executed: their locks end by
// themselves, and one whose lock is over while another has committed can't be brought
// to its end any more. So much is needed where there are several of them; a single one
// refuses the commit itself, and nothing is lost. done says that the step has failed,
// with nothing committed anywhere.
func (c *CSE) lastLook(ctx context.Context, seen *manager) (done bool, err error) {
	if len(seen.bargain.Span.Far) < 2 {
		return false, nil
	}
	e, err := c.envoy(seen)
	if err != nil {
		return false, err
	}
	for _, i := range seen.bargain.Span.positions() {
		f := *seen.bargain.Span.Far[i]
		res := e.holds(ctx, &f)
		if res == nil {
			continue
		}
		return true, c.managing(ctx, seen.id, func(_ context.Context, m *manager, _ *store.Record) error {
			if s := m.bargain.Span; s.Going != transaction.Commit || s.Here {
				return nil
			}
			if code := f.Code(); code == 0 || code/1000 == 2 {
				f.Answer = transaction.Encode(res)
			}
			m.merge(transaction.Commit, map[int]*transaction.Far{i: &f})
			return m.end(transaction.Commit, []*onem2m.Response{res})
		})
	}
	return false, nil
}

// holds asks one CSE whether it still holds what it has executed, and will for long
// enough; nil if so.
func (e *envoy) holds(ctx context.Context, f *transaction.Far) *onem2m.Response {
	res, itself, _ := e.send(ctx, e.c.hostOf(f.Target), e.retrieval(f))
	out := f.Tell(transaction.Execute, res, itself, false)
	switch {
	case out != transaction.Reached:
		return e.explained(transaction.Execute, out, f, res)
	case f.Ends-e.c.instant() < micros(commitMargin):
		return &onem2m.Response{Code: onem2m.RequestTimeout, From: res.From, RequestID: res.RequestID}
	}
	return nil
}

// holdOn lets the locks on this CSE last as long as another one may take to tell
// that it has committed: what is here is committed behind that.
func (m *manager) holdOn() error {
	until := m.now
	for _, f := range m.bargain.Span.Far {
		until = max(until, f.Ends)
	}
	until += micros(lastRetry + commitMargin) // when it is asked for the last time
	for _, p := range m.bargain.Parts {
		rec, err := m.tx.ByID(p.Child)
		if err == nil && rec.Expires < until {
			err = m.tx.Replace(prolonged(rec, until))
		}
		if err = gone(err); err != nil {
			return err
		}
	}
	return nil
}

// prolonged is a version of rec that expires at another instant.
func prolonged(rec *store.Record, et onem2m.Timestamp) *store.Record {
	attrs := attributes(rec).Clone()
	u := universal{ty: rec.Type, ri: rec.RI, rn: rec.RN, ct: rec.Created, lt: rec.Modified, et: et, after: attrs}
	u.pi, _ = attrs.Text("pi")
	return &store.Record{
		ID: rec.ID, Parent: rec.Parent, RI: rec.RI, RN: rec.RN, Type: rec.Type, Root: rec.Root,
		Created: rec.Created, Modified: rec.Modified, Expires: et, Due: et, Origin: rec.Origin, Attributes: u.encode(),
	}
}
