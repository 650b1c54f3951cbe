package cse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/internal/store"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// maxLocked bounds the life of a <transaction> beyond the last time that it was
// given: nobody keeps others out of a resource for longer without saying so.
const maxLocked = time.Hour

// deal is a <transaction> between its steps. It is kept beside the resource and
// is never shown.
type deal struct {
	Who     principal `json:"who"`
	Manager int64     `json:"manager,omitzero"` // its <transactionMgmt> here, which takes the steps
	Part    part      `json:"part"`
}

func dealName(id int64) string { return fmt.Sprintf("transaction/%d", id) }

// loadState reads what is kept beside a resource.
func loadState[T any](r store.Reader, name string) (*T, error) {
	data, err := r.Setting(name)
	if err != nil {
		return nil, err
	}
	x := new(T)
	if err := json.Unmarshal(data, x); err != nil {
		return nil, fmt.Errorf("state %s: %w", name, err)
	}
	return x, nil
}

func saveState(tx store.Tx, name string, x any) error {
	data, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("keep the state %s: %w", name, err)
	}
	return tx.SetSetting(name, data)
}

func transactionProcedures() *procedures {
	return &procedures{
		nests: nestTransaction, check: checkTransaction, verify: verifyTransaction, create: createTransaction,
		update: updateTransaction, delete: deleteTransaction, remove: removeTransaction,
	}
}

// nestTransaction: a <pollingChannel> has no transactions, whatever its own
// table says (TS-0001 table 9.6.1.1-1).
func nestTransaction(_ *call, parent *store.Record) error {
	if parent.Type == onem2m.TypePollingChannel {
		return onem2m.Errorf(onem2m.InvalidChildResourceType, "ty", "a polling channel takes no transactions")
	}
	return nil
}

// checkTransaction holds a <transaction> against TS-0004 clause 7.4.61.2.
func checkTransaction(k *call, r store.Reader, s *subject) error {
	if limit := k.lifeOf(s.attrs); s.et > limit {
		s.et, s.due = limit, limit
	}
	if s.old != nil {
		return k.checkPartControl(s)
	}
	if len(s.attrs.Get("m2m:rqp")) == 0 {
		return onem2m.Errorf(onem2m.BadRequest, "m2m:rqp", "the request primitive is missing")
	}
	req, err := k.checkPart(s.attrs.Get("m2m:rqp"), "m2m:rqp")
	if err != nil {
		return err
	}
	if err := k.checkExecutedOn(r, req, s.parent); err != nil {
		return err
	}
	siblings, err := r.Children(s.parent.ID, store.Page{Only: onem2m.TypeTransaction, Limit: maxTransactions})
	if err != nil {
		return err
	}
	if len(siblings) >= maxTransactions {
		return onem2m.Errorf(onem2m.NotAcceptable, "to", "the resource has %d transactions already", maxTransactions)
	}
	creator := k.from.ID.In(k.c.Home)
	if k.managed() {
		creator = k.c.Home.CSE
	}
	s.set("cr", onem2m.TextValue(creator))
	return nil
}

// lifeOf is when a <transaction> ends at the latest.
func (k *call) lifeOf(attrs onem2m.Object) onem2m.Timestamp {
	return max(k.now, planOf(attrs).Latest()) + onem2m.Timestamp(maxLocked.Microseconds())
}

// managed reports whether a <transactionMgmt> of this CSE makes the <transaction>.
func (k *call) managed() bool { return k.under != nil && k.under.manager != 0 }

// checkPart reads a request of a transaction. It is carried out on behalf of its
// From, which nobody but the originator can be (C-441).
func (k *call) checkPart(v []byte, name string) (*onem2m.Request, error) {
	req, err := transaction.Decode(v, name)
	if err != nil {
		return nil, err
	}
	if id, _, err := k.c.Home.ParseID(req.From); err != nil || id != k.from.ID {
		return nil, onem2m.Errorf(onem2m.BadRequest, name, "fr isn't the originator")
	}
	return req, nil
}

// checkExecutedOn: the request is executed on the parent of its <transaction>
// (TS-0001 table 9.6.48-2), which is what is locked.
func (k *call) checkExecutedOn(r store.Reader, req *onem2m.Request, parent *store.Record) error {
	address, err := onem2m.ParseAddress(req.To)
	if err != nil {
		return onem2m.Errorf(onem2m.BadRequest, "m2m:rqp", "to is no address")
	}
	if path, ok := k.c.hosted(address); ok {
		t, err := k.c.resolve(r, path, k.now)
		if err = gone(err); err != nil {
			return err
		}
		if t.rec != nil && t.virtual == "" && t.rec.ID == parent.ID {
			return nil
		}
	}
	return onem2m.Errorf(onem2m.BadRequest, "m2m:rqp", "the request isn't for the parent of the transaction")
}

// planOf reads the times of a <transaction>.
func planOf(attrs onem2m.Object) (p transaction.Plan) {
	p.Lock, _ = attrs.Time("tltm")
	p.Execute, _ = attrs.Time("text")
	p.Commit, _ = attrs.Time("tct")
	return p
}

// checkPartControl: only the creator moves a transaction, along the legal ways,
// and not while it is on its way already (C-443).
func (k *call) checkPartControl(s *subject) error {
	if !k.draft.attrs.Has("tctl") {
		return nil
	}
	if err := k.checkMover(s); err != nil {
		return err
	}
	state, control := stateOf(attributes(s.old))
	if wanted, _ := s.attrs.Int("tctl"); !state.PermitsPart(transaction.Control(wanted)) {
		return illegalTransition()
	}
	if !state.Shows(control) {
		return incomplete()
	}
	return nil
}

func (k *call) checkMover(s *subject) error {
	if cr, _ := attributes(s.old).Text("cr"); cr != k.from.ID.In(k.c.Home) && !k.isAdmin() {
		k.audit("special", "", onem2m.OriginatorHasNoPrivilege, "not the creator of the transaction")
		return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "tctl", "the creator alone controls a transaction")
	}
	if k.draft.attrs.IsNull("tctl") {
		return onem2m.Errorf(onem2m.BadRequest, "tctl", "it can't be removed")
	}
	return nil
}

func illegalTransition() error {
	return onem2m.Errorf(onem2m.IllegalTransactionStateTransitionAttempted, "tctl", "not from the present state")
}

func incomplete() error {
	return onem2m.Errorf(onem2m.TransactionProcessingIsIncomplete, "trst", "the transaction is being processed")
}

// clearance is what those said who had to be asked before the requests of
// a transaction are executed.
type clearance struct {
	parts    []part
	failures []*onem2m.Response // nil where nothing stands in the way
}

// verifyTransaction asks before the request is executed in the writer.
func verifyTransaction(ctx context.Context, k *call, s *subject) error {
	if s.old == nil {
		return nil
	}
	if control, _ := s.attrs.Int("tctl"); !k.draft.attrs.Has("tctl") || transaction.Control(control) != transaction.Execute {
		return nil
	}
	var err error
	k.cleared, err = k.c.seekLeaveOf(ctx, s.id, s.attrs)
	return err
}

func (c *CSE) seekLeaveOf(ctx context.Context, id int64, attrs onem2m.Object) (*clearance, error) {
	var d *deal
	err := c.Store.Read(ctx, func(r store.Reader) (err error) {
		d, err = loadState[deal](r, dealName(id))
		return err
	})
	if err != nil {
		return nil, err
	}
	req, err := transaction.Decode(attrs.Get("m2m:rqp"), "m2m:rqp")
	if err != nil {
		return nil, err
	}
	tid, _ := attrs.Text("tid")
	cr, _ := attrs.Text("cr")
	failure := c.seekLeave(ctx, &d.Who, &d.Part, tid, cr, req)
	return &clearance{parts: []part{d.Part}, failures: []*onem2m.Response{failure}}, nil
}

// createTransaction takes the lock, or leaves it to its time. That the lock
// can't be had is told by the state (C-444).
func createTransaction(k *call, tx store.Tx, s *subject) error {
	d := &deal{Who: k.principal(tx)}
	if k.managed() {
		d.Manager = k.under.manager
	}
	m := mover{c: k.c, tx: tx, id: s.id, target: s.parent.ID, attrs: &s.attrs, deal: d, now: k.now}
	m.set(transaction.Idle, transaction.Lock)
	if plan := planOf(s.attrs); k.managed() || plan.Lock <= k.now {
		if err := m.lock(); err != nil {
			return err
		}
	}
	return m.settle()
}

// updateTransaction moves a transaction (TS-0001 clause 10.2.18.1).
func updateTransaction(k *call, tx store.Tx, s *subject) error {
	d, err := loadState[deal](tx, dealName(s.id))
	if err != nil {
		return err
	}
	m := mover{c: k.c, tx: tx, id: s.id, target: s.parent.ID, attrs: &s.attrs, deal: d, now: k.now}
	if s.touches("tctl") {
		control, _ := s.attrs.Int("tctl")
		if err := m.move(context.Background(), transaction.Control(control), k.cleared); err != nil {
			return err
		}
		s.touched = append(slices.Clip(s.touched), "trst", "m2m:rsp")
	}
	if s.discard, err = absent(tx, s.id); err != nil || s.discard {
		return err
	}
	return m.settle()
}

// absent reports whether a resource isn't there any more: a request of a
// transaction can delete what the transaction is below.
func absent(r store.Reader, id int64) (bool, error) {
	_, err := r.ByID(id)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// deleteTransaction: one that isn't over stays (C-445).
func deleteTransaction(_ *call, _ store.Tx, rec *store.Record) error {
	if state, _ := stateOf(attributes(rec)); !state.Over() {
		return incomplete()
	}
	return nil
}

// removeTransaction rolls back: there is nothing to undo, for nothing of
// a transaction is done before it is committed.
func removeTransaction(c *CSE, tx store.Tx, rec *store.Record) error {
	id := rec.ID
	tx.OnCommit(func() { c.dealings.drop(id) })
	d, err := loadState[deal](tx, dealName(id))
	if err != nil {
		return gone(err)
	}
	if err := tx.SetSetting(dealName(id), nil); err != nil {
		return err
	}
	if err := c.letGo(tx, rec.Parent, id); err != nil {
		return err
	}
	return c.lostPart(tx, d.Manager)
}
