package cse

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/store"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// How a transaction is carried out. To execute a request is to run it, to keep
// its response, and to undo it: nobody sees anything of it, and nothing of it
// outlives the process. To commit is to run it again and keep what it does; the
// lock has kept the target as it was. So there is nothing to roll back ever,
// whenever the transaction is broken off (TS-0001 clause 10.2.18.1: a commit is
// what makes the results persistent and visible).

// errUndone makes a part of a transaction of the store undone.
var errUndone = errors.New("undone")

// mover takes the steps of one <transaction> in the writer. What it changes is
// in attrs; the caller stores them.
type mover struct {
	c      *CSE
	tx     store.Tx
	id     int64
	target int64
	attrs  *onem2m.Object
	deal   *deal
	now    onem2m.Timestamp
}

func (m *mover) set(s transaction.State, c transaction.Control) {
	m.attrs.Set("trst", onem2m.IntValue(int64(s)))
	m.attrs.Set("tctl", onem2m.IntValue(int64(c)))
}

func (m *mover) name() (tid, creator string) {
	tid, _ = m.attrs.Text("tid")
	creator, _ = m.attrs.Text("cr")
	return tid, creator
}

// settle keeps the state beside the resource and sets the alarm for what comes
// by itself. A <transactionMgmt> sets its own.
func (m *mover) settle() error {
	state, _ := stateOf(*m.attrs)
	if _, at, ok := planOf(*m.attrs).Next(state); ok && m.deal.Manager == 0 {
		m.tx.OnCommit(func() { m.c.dealings.arm(m.id, at) })
	} else {
		m.tx.OnCommit(func() { m.c.dealings.disarm(m.id) })
	}
	return saveState(m.tx, dealName(m.id), m.deal)
}

// move takes one step.
func (m *mover) move(ctx context.Context, control transaction.Control, l *clearance) error {
	switch control {
	case transaction.Lock:
		return m.lock()
	case transaction.Execute:
		return m.execute(ctx, l)
	case transaction.Commit:
		return m.commit(ctx)
	default:
		m.set(transaction.Aborted, transaction.Abort)
		return m.c.letGo(m.tx, m.target, m.id)
	}
}

func (m *mover) lock() error {
	tid, creator := m.name()
	free, err := m.c.mayLock(m.tx, m.target, m.now, tid, creator)
	if err != nil {
		return err
	}
	m.attrs.Delete("m2m:rsp")
	m.deal.Part = part{}
	if !free {
		m.set(transaction.Failed, transaction.Lock)
		return nil
	}
	m.set(transaction.Locked, transaction.Lock)
	m.c.locks.engage(m.target)
	return nil
}

func (m *mover) execute(ctx context.Context, l *clearance) error {
	var res *onem2m.Response
	if l != nil {
		m.deal.Part, res = l.parts[0], l.failures[0]
	}
	if res == nil {
		err := m.tx.Try(func() (err error) {
			if res, err = m.run(ctx); err != nil {
				return err
			}
			return errUndone
		})
		if !errors.Is(err, errUndone) {
			return err
		}
	}
	m.conclude(res, transaction.Execute)
	return nil
}

func (m *mover) commit(ctx context.Context) error {
	var res *onem2m.Response
	err := m.tx.Try(func() (err error) {
		if res, err = m.run(ctx); err == nil && !succeeded(res) {
			err = errUndone
		}
		return err
	})
	if err != nil && !errors.Is(err, errUndone) {
		return err
	}
	if m.conclude(res, transaction.Commit); succeeded(res) {
		return m.c.letGo(m.tx, m.target, m.id)
	}
	return nil
}

// keep stores what has changed.
func (m *mover) keep(rec *store.Record) error {
	if changes := changesOf(rec, *m.attrs, "trst", "tctl", "m2m:rsp"); len(changes) > 0 {
		return m.c.amend(m.tx, rec, m.c.Home.ID(), changes)
	}
	return nil
}

// changesOf are those of the named attributes that differ from a record's; null
// is for one that went.
func changesOf(rec *store.Record, attrs onem2m.Object, names ...string) (changes onem2m.Object) {
	was := attributes(rec)
	for _, name := range names {
		value := attrs.Get(name)
		switch {
		case string(value) == string(was.Get(name)):
		case value == nil:
			changes.Set(name, onem2m.NullValue())
		default:
			changes.Set(name, value)
		}
	}
	return changes
}

// conclude notes how a step went.
func (m *mover) conclude(res *onem2m.Response, control transaction.Control) {
	state := control.Reached()
	if !succeeded(res) {
		state = transaction.Failed
	}
	m.set(state, control)
	m.attrs.Set("m2m:rsp", transaction.Encode(res))
}

func (m *mover) run(ctx context.Context) (*onem2m.Response, error) {
	tid, creator := m.name()
	return m.c.runPart(ctx, m.tx, &m.deal.Who, &m.deal.Part, tid, creator, m.attrs.Get("m2m:rqp"))
}

// runPart runs a request of a transaction within tx. The error is one of the
// store, the response says what became of the request.
func (c *CSE) runPart(ctx context.Context, tx store.Tx, who *principal, p *part, tid, creator string, primitive jsontext.Value) (*onem2m.Response, error) {
	req, err := transaction.Decode(primitive, "m2m:rqp")
	if err != nil {
		return nil, err
	}
	if p.Executed {
		req.RequestExpiration = "" // it was executed in time
	}
	k := c.undertake(who, p.undertaking(tid, creator), req)
	ctx = enlist(ctx, tx)
	if !c.stands(tx, who, k.now) {
		return k.finish(k.fail(ctx, onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "fr", "the originator isn't registered any more"))), nil
	}
	res, err := k.run(ctx)
	if err != nil {
		res = k.fail(ctx, err)
	} else {
		p.Executed = true
		if k.made != nil {
			p.RI = k.made.RI
		}
	}
	return k.finish(res), nil
}
