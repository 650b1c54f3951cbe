package cse

import (
	"cmp"
	"context"
	"sync"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxChain bounds the actions that follow from one another: the change that an
// action makes can trigger the next one, in a circle even.
const maxChain = 4

// maxShare is how many actions of one principal are performed at once: a slow
// one must not keep the others waiting.
const maxShare = 2

// armed is an action that is evaluated.
type armed struct {
	subject  string // resourceID
	priority int64  // lower comes first
	who      onem2m.ID
}

// trigger asks for the evaluation of an action.
type trigger struct {
	id    int64
	depth int // actions that led to it
	who   onem2m.ID
	order int64
}

// triggers know which actions a change concerns, and which wait for their
// evaluation: each once, however many changes there were. What is in the store
// rules; this is a view of it.
type triggers struct {
	mu       sync.Mutex // guards what follows
	armed    map[int64]armed
	subjects map[string]map[int64]bool
	shares   map[onem2m.ID]int // armed actions of a principal
	pending  map[int64]trigger // by action: the writer adds to it
	running  map[int64]bool
	busy     map[onem2m.ID]int
	count    int64
	loaded   bool // the actions of an earlier life have been taken up

	wake chan struct{} // capacity 1
}

func (x *triggers) init() {
	x.armed, x.subjects = make(map[int64]armed), make(map[string]map[int64]bool)
	x.shares, x.pending = make(map[onem2m.ID]int), make(map[int64]trigger)
	x.running, x.busy = make(map[int64]bool), make(map[onem2m.ID]int)
	x.wake = make(chan struct{}, 1)
}

// ready notes that the actions of an earlier life have been taken up.
func (x *triggers) ready() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.loaded = true
}

// room refuses an action that can't be armed for who: there are too many, or too
// many of theirs. Those of one commit don't see each other yet.
func (x *triggers) room(id int64, who onem2m.ID) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	a, known := x.armed[id]
	switch {
	case !known && len(x.armed) >= maxActions:
		return onem2m.Errorf(onem2m.NotAcceptable, "evm", "more than %d actions are evaluated", maxActions)
	case (!known || a.who != who) && x.shares[who] >= maxActionsEach:
		return onem2m.Errorf(onem2m.NotAcceptable, "evm", "more than %d actions of one originator are evaluated", maxActionsEach)
	}
	return nil
}

func (x *triggers) arm(id int64, a armed) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.forget(id)
	x.armed[id] = a
	x.shares[a.who]++
	if x.subjects[a.subject] == nil {
		x.subjects[a.subject] = make(map[int64]bool)
	}
	x.subjects[a.subject][id] = true
}

func (x *triggers) disarm(id int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.forget(id)
	delete(x.pending, id)
}

func (x *triggers) forget(id int64) {
	a, known := x.armed[id]
	if !known {
		return
	}
	delete(x.armed, id)
	if x.shares[a.who]--; x.shares[a.who] <= 0 {
		delete(x.shares, a.who)
	}
	if delete(x.subjects[a.subject], id); len(x.subjects[a.subject]) == 0 {
		delete(x.subjects, a.subject)
	}
}

// watched reports whether some action has the resource as its subject.
func (x *triggers) watched(ri string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.subjects[ri]) > 0
}

// changed asks for the evaluation of all actions on a subject.
func (x *triggers) changed(ri string, depth int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id := range x.subjects[ri] {
		x.add(id, depth)
	}
}

// ask asks for the evaluation of one action.
func (x *triggers) ask(id int64, depth int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.add(id, depth)
}

func (x *triggers) add(id int64, depth int) {
	a, known := x.armed[id]
	if !known || depth >= maxChain {
		return
	}
	if t, waits := x.pending[id]; waits {
		t.depth = min(t.depth, depth)
		x.pending[id] = t
		return
	}
	x.count++
	x.pending[id] = trigger{id: id, depth: depth, who: a.who, order: x.count}
	x.nudge()
}

func (x *triggers) nudge() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// next takes the action of the highest priority that may run now.
func (x *triggers) next() (trigger, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var best trigger
	var priority int64
	found := false
	for id, t := range x.pending {
		if x.running[id] || x.busy[t.who] >= maxShare {
			continue
		}
		p := x.armed[id].priority
		if !found || cmp.Or(cmp.Compare(p, priority), cmp.Compare(t.order, best.order)) < 0 {
			best, priority, found = t, p, true
		}
	}
	if !found {
		return trigger{}, false
	}
	delete(x.pending, best.id)
	x.running[best.id] = true
	x.busy[best.who]++
	return best, true
}

// done lets go of an action that was evaluated.
func (x *triggers) done(t trigger) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.running, t.id)
	if x.busy[t.who]--; x.busy[t.who] <= 0 {
		delete(x.busy, t.who)
	}
	x.nudge()
}

// depthKey is the key of the number of actions that a context stems from.
type depthKey struct{}

func withDepth(ctx context.Context, depth int) context.Context {
	return context.WithValue(ctx, depthKey{}, depth)
}

// chained is a store whose transactions know which chain of actions they belong
// to, as their context does. What is done within a transaction becomes a part of
// it.
type chained struct{ store.Store }

// Update implements store.Store.
func (s chained) Update(ctx context.Context, fn func(store.Tx) error) error {
	if tx := within(ctx); tx != nil {
		return tx.Try(func() error { return fn(tx) })
	}
	depth, _ := ctx.Value(depthKey{}).(int)
	if depth == 0 {
		return s.Store.Update(ctx, fn)
	}
	return s.Store.Update(ctx, func(tx store.Tx) error { return fn(chainTx{Tx: tx, depth: depth}) })
}

// Read implements store.Store.
func (s chained) Read(ctx context.Context, fn func(store.Reader) error) error {
	if tx := within(ctx); tx != nil {
		return fn(tx)
	}
	return s.Store.Read(ctx, fn)
}

// chainTx is a transaction within a chain of actions.
type chainTx struct {
	store.Tx
	depth int
}

func depthOf(tx store.Tx) int {
	l, _ := tx.(chainTx)
	return l.depth
}

// observer sees every change on its way to the subscribers, and lets the
// actions on the changed resource be evaluated once it is durable.
type observer struct {
	Notifier
	triggers *triggers
}

// Record implements Notifier.
func (o observer) Record(tx store.Tx, ev notify.Event) error {
	switch ev.Type {
	case notify.Updated, notify.ChildCreated, notify.ChildDeleted, notify.MissingData:
		if ri := ev.Resource.RI; o.triggers.watched(ri) {
			depth := depthOf(tx)
			tx.OnCommit(func() { o.triggers.changed(ri, depth) })
		}
	default: // nothing about the resource has changed
	}
	return o.Notifier.Record(tx, ev)
}
