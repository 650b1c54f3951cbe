package cse

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bulwark/internal/store"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// Values of m2m:transactionMode and m2m:transactionMgmtHandling besides the
// defaults, CSE_CONTROLLED and DELETE.
const (
	creatorControlled = 2
	persist           = 2
)

// Waiting times before a step is taken again: each is twice the one before.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// bargain is a <transactionMgmt> between its steps. It is kept beside the
// resource and is never shown.
type bargain struct {
	Who   principal        `json:"who"`
	Parts []part           `json:"parts"`
	Tries int64            `json:"tries,omitzero"` // of the step that is being taken
	Again onem2m.Timestamp `json:"again,omitzero"` // when it is tried again; 0: it isn't
	Busy  bool             `json:"busy,omitzero"`  // its parts are being committed
	Span  *span            `json:"span,omitzero"`  // what it has on other CSEs; nil: nothing
}

func bargainName(id int64) string { return fmt.Sprintf("transactionMgmt/%d", id) }

func transactionMgmtProcedures() *procedures {
	return &procedures{
		check: checkTransactionMgmt, verify: verifyTransactionMgmt, create: createTransactionMgmt,
		update: updateTransactionMgmt, delete: deleteTransaction, remove: removeTransactionMgmt, after: afterTransactionMgmt,
	}
}

// checkTransactionMgmt holds a <transactionMgmt> against TS-0004 clause
// 7.4.60.2 (C-441).
func checkTransactionMgmt(k *call, _ store.Reader, s *subject) error {
	if s.old != nil {
		return k.checkControl(s)
	}
	if expire := mgmtPlan(s.attrs).Expire; expire != 0 && expire <= k.now {
		return onem2m.Errorf(onem2m.BadRequest, "tept", "the transaction has expired")
	}
	list, err := transaction.Primitives(s.attrs.Get("rqps"))
	if err != nil {
		return err
	}
	for _, v := range list {
		req, err := k.checkPart(v, "rqps")
		if err != nil {
			return err
		}
		if _, err := onem2m.ParseAddress(req.To); err != nil {
			return onem2m.Errorf(onem2m.BadRequest, "rqps", "to is no address")
		}
	}
	s.set("cr", onem2m.TextValue(k.from.ID.In(k.c.Home)))
	return nil
}

// mgmtPlan reads the times and the mode of a <transactionMgmt>.
func mgmtPlan(attrs onem2m.Object) transaction.Plan {
	p := planOf(attrs)
	p.Expire, _ = attrs.Time("tept")
	mode, _ := attrs.Int("tmd")
	p.Auto = mode != creatorControlled
	return p
}

// checkControl: the creator alone moves the transaction, if at all; not while it
// is on its way, and along the legal ways (C-441, C-442).
func (k *call) checkControl(s *subject) error {
	if !k.draft.attrs.Has("tctl") {
		return nil
	}
	if err := k.checkMover(s); err != nil {
		return err
	}
	if mgmtPlan(s.attrs).Auto {
		return onem2m.Errorf(onem2m.BadRequest, "tctl", "the CSE controls this transaction")
	}
	state, control := stateOf(attributes(s.old))
	if !state.Shows(control) {
		return incomplete()
	}
	if wanted, _ := s.attrs.Int("tctl"); !state.Permits(transaction.Control(wanted)) {
		return illegalTransition()
	}
	return nil
}

// verifyTransactionMgmt asks before the requests are executed in the writer.
func verifyTransactionMgmt(ctx context.Context, k *call, s *subject) error {
	b := &bargain{Who: principal{ID: k.from.ID, Authenticated: k.from.Authenticated, Credential: k.assoc.CredentialID}}
	if s.old == nil {
		if plan := mgmtPlan(s.attrs); !plan.Auto || plan.Latest() > k.now {
			return nil // nothing is executed yet
		}
	} else {
		if control, _ := s.attrs.Int("tctl"); !k.draft.attrs.Has("tctl") || transaction.Control(control) != transaction.Execute {
			return nil
		}
		err := k.c.Store.Read(ctx, func(r store.Reader) (err error) {
			b, err = loadState[bargain](r, bargainName(s.id))
			return err
		})
		if err != nil {
			return err
		}
		if b.Span != nil {
			return nil // they are asked when other CSEs are
		}
	}
	var err error
	k.cleared, err = k.c.seekLeaves(ctx, b, s.ri, s.attrs)
	return err
}

// seekLeaves is seekLeave for all requests of a transaction.
func (c *CSE) seekLeaves(ctx context.Context, b *bargain, ri string, attrs onem2m.Object) (*clearance, error) {
	list, err := transaction.Primitives(attrs.Get("rqps"))
	if err != nil {
		return nil, err
	}
	l := &clearance{parts: make([]part, len(list)), failures: make([]*onem2m.Response, len(list))}
	copy(l.parts, b.Parts)
	for i, v := range list {
		req, err := transaction.Decode(v, "rqps")
		if err != nil {
			return nil, err
		}
		if b.Span != nil && b.Span.Far[i] != nil {
			continue
		}
		l.failures[i] = c.seekLeave(ctx, &b.Who, &l.parts[i], ri, c.Home.CSE, req)
	}
	return l, nil
}

// createTransactionMgmt takes the steps that the CSE takes by itself and that
// are due: where no times are given, all of them, so that the answer tells how
// the transaction ended.
func createTransactionMgmt(k *call, tx store.Tx, s *subject) error {
	b := &bargain{Who: k.principal(tx)}
	s.set("trst", onem2m.IntValue(int64(transaction.Idle)))
	s.set("tctl", onem2m.IntValue(int64(transaction.Initial)))
	m, err := k.c.manage(tx, s.id, s.ri, &s.attrs, b)
	if err != nil {
		return err
	}
	if err := k.engageSpan(tx, b, m.primitives); err != nil {
		return err
	}
	if err := m.proceed(context.Background(), k.cleared); err != nil {
		return err
	}
	if s.discard, err = absent(tx, s.parent.ID); err != nil {
		return err
	}
	if s.discard { // deleted with its parent, by one of its own requests
		return k.c.removeParts(tx, b.Parts)
	}
	k.watchSpan(s, b)
	return m.settle()
}

// watchSpan lets the request wait for what other CSEs are asked because of it.
func (k *call) watchSpan(s *subject, b *bargain) {
	if s.awaited = b.going(); s.awaited {
		k.c.spans.watch(s.id, k.from.ID, k.expires)
	}
}

// afterTransactionMgmt waits until the transaction has come as far as it can, so
// that the answer tells how it went.
func afterTransactionMgmt(ctx context.Context, k *call, s *subject) *store.Record {
	if !s.awaited {
		return nil
	}
	rec := k.c.awaitSpan(ctx, s.id)
	if rec != nil {
		s.attrs = attributes(rec).Clone()
		s.touched = append(slices.Clip(s.touched), "trst", "rsps")
	}
	return rec
}

// updateTransactionMgmt moves a transaction (TS-0001 clause 10.2.18.1).
func updateTransactionMgmt(k *call, tx store.Tx, s *subject) error {
	b, err := loadState[bargain](tx, bargainName(s.id))
	if err != nil {
		return err
	}
	m, err := k.c.manage(tx, s.id, s.ri, &s.attrs, b)
	if err != nil {
		return err
	}
	if s.touches("tctl") {
		control, _ := s.attrs.Int("tctl")
		b.Tries = 0
		if err := m.step(context.Background(), transaction.Control(control), k.cleared); err != nil {
			return err
		}
		s.touched = append(slices.Clip(s.touched), "trst", "rsps")
	}
	if s.discard, err = absent(tx, s.id); err != nil || s.discard {
		return err
	}
	k.watchSpan(s, b)
	return m.settle()
}

// removeTransactionMgmt ends what hasn't been committed, and takes the
// <transaction>s along: nobody else controls them.
func removeTransactionMgmt(c *CSE, tx store.Tx, rec *store.Record) error {
	id := rec.ID
	tx.OnCommit(func() {
		c.dealings.drop(id)
		c.spans.disarm(id)
	})
	b, err := loadState[bargain](tx, bargainName(id))
	if err != nil {
		return gone(err)
	}
	if err := tx.SetSetting(bargainName(id), nil); err != nil {
		return err
	}
	if b.Span != nil {
		control := transaction.Abort
		if b.Span.Going == transaction.Commit && b.Span.Here {
			control = transaction.Commit // another CSE may have committed
		}
		if err := c.farewell(tx, b.Span, control); err != nil {
			return err
		}
	}
	return c.removeParts(tx, b.Parts)
}

// removeParts removes <transaction>s. One whose parent is being removed goes
// with it.
func (c *CSE) removeParts(tx store.Tx, parts []part) error {
	for i := range parts {
		rec, err := tx.ByID(parts[i].Child)
		if err == nil {
			_, err = tx.ByID(rec.Parent)
		}
		if err == nil {
			err = c.removeTree(tx, rec, c.Home.ID())
		}
		if err = gone(err); err != nil {
			return err
		}
		parts[i].Child = 0
	}
	return nil
}

// lostPart ends a transaction one of whose <transaction>s has gone before it was
// committed: with its target, or when its time was over.
func (c *CSE) lostPart(tx store.Tx, manager int64) error {
	if manager == 0 {
		return nil
	}
	b, err := loadState[bargain](tx, bargainName(manager))
	if err != nil {
		return gone(err)
	}
	rec, err := tx.ByID(manager)
	if err != nil {
		return gone(err)
	}
	attrs := attributes(rec).Clone()
	if state, _ := stateOf(attrs); b.Busy || b.going() || state != transaction.Locked && state != transaction.Executed {
		return nil
	}
	m, err := c.manage(tx, rec.ID, rec.RI, &attrs, b)
	if err != nil {
		return err
	}
	b.Again = 0
	m.set(transaction.Failed)
	return m.keep(rec)
}
