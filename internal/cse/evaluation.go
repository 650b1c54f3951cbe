package cse

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// The evaluation of an action is asked for by every change of its subject, by
// its own creation, and by a start of the CSE; one version of the subject
// matches once. A match is stored before the primitive is performed and the
// result after it: a crash between the two performs it again.

// Bounds of the evaluation: at most one begins per evaluationGap, and
// maxPerformers run at once.
const (
	evaluationGap = time.Millisecond
	maxPerformers = 8
)

// retryAction is how long an action waits whose state couldn't be stored.
const retryAction = time.Second

// defaultWindow stands in for evalControlParam in the periodic mode.
const defaultWindow = time.Second

// maxActionResult bounds actionResult in octets; what is longer is kept without
// its content.
const maxActionResult = 64 << 10

// verdict is what there is to do about an action.
type verdict struct {
	rec   *store.Record
	who   *principal
	seen  string // version of the subject
	match bool   // or the result of an earlier match is owed
}

// judge decides about an action on the state that r shows.
func (c *CSE) judge(r store.Reader, id int64) (v verdict, due bool, err error) {
	if v.rec, err = r.ByID(id); err != nil {
		return v, false, gone(err)
	}
	now := onem2m.TimestampOf(c.Now())
	if err = c.alive(r, v.rec, now); err != nil {
		return v, false, gone(err)
	}
	if v.who, err = loadPrincipal(r, id); err != nil {
		return v, false, gone(err)
	}
	if !c.stands(r, v.who, now) {
		return v, false, nil
	}
	if v.who.Owed {
		return v, true, nil
	}
	attrs := attributes(v.rec)
	if mode, _ := attrs.Int("evm"); mode == evaluateOff || mode == evaluatePeriodic && now < v.who.Last+window(attrs) && v.who.Last != 0 {
		return v, false, nil
	}
	parent, err := r.ByID(v.rec.Parent)
	if err != nil {
		return v, false, gone(err)
	}
	k := c.agent(v.who)
	subject, err := k.actionSubject(r, attrs, parent)
	if err != nil {
		return v, false, unlessRefused(err)
	}
	if v.seen = version(subject); v.seen == v.who.Seen {
		return v, false, nil
	}
	shown, err := k.shownObject(subject)
	if err != nil {
		return v, false, err
	}
	if criteria, _ := attrs.Object("evc"); !satisfied(shown, criteria) {
		return v, false, nil
	}
	v.match, err = k.fulfilled(r, v.rec)
	return v, v.match, err
}

// gone drops the error of what isn't there any more.
func gone(err error) error {
	if err == nil || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return unlessMissing(err)
}

// stands reports whether the principal of an action is still registered: an
// action doesn't outlive the registration of the entity that it acts for, though
// it may stand elsewhere. One from afar needs its CSE to be registered here. One
// that is registered here has to be bound to the credential that the action was
// set with: an AE-ID that has passed to another is somebody else (S-080, S-118).
func (c *CSE) stands(r store.Reader, p *principal, now onem2m.Timestamp) bool {
	known := snapshot{c: c, r: r, now: now}
	switch {
	case p.ID == c.admin:
		return true
	case known.AERegistered(p.ID):
		bound, _ := known.CredentialOf(p.ID)
		return bound == p.Credential
	}
	return known.CSERegistered(p.ID) || known.CSERegistered(p.ID.Registrar()) || c.abides(r, p.ID, now)
}

// abides reports whether an originator of another CSE, or of the whole SP, may
// still be there, as far as this CSE can tell: a way leads to its CSE.
func (c *CSE) abides(r store.Reader, id onem2m.ID, now onem2m.Timestamp) bool {
	registrar := id.Registrar()
	switch {
	case registrar == c.Home.ID(), id == c.Home.ID():
		return false
	case registrar == "" && id.Stem() != "" && c.Type == IN && id.SP() == c.Home.SP:
		rec, err := r.ByRI(id.Stem())
		if err != nil || rec.Type != onem2m.TypeAEAnnc || expired(rec, now) {
			return false
		}
		_, err = linkOf(rec)
		return err == nil
	case registrar == "" && id.Stem() != "":
		return c.Registrar != "" && id.SP() == c.Home.SP // which knows where it is
	case registrar == "":
		registrar = id
	}
	_, err := c.peers.Next(registrar, federation.Arrival{}, now)
	return err == nil
}

// window is how long an action in the periodic mode rests after a match.
func window(attrs onem2m.Object) onem2m.Timestamp {
	if n, given := attrs.Int("ecp"); given {
		return onem2m.Timestamp(n * 1000)
	}
	return onem2m.Timestamp(defaultWindow.Microseconds())
}

// version tells one state of a resource from the others.
func version(rec *store.Record) string {
	n := rec.Counters
	return fmt.Sprintf("%s/%d/%d/%d/%d", rec.RI, rec.Modified, n.State, n.Count, n.Bytes)
}

// agent is a call on behalf of the principal of an action. Whether it was
// authenticated was settled when it set the primitive; where it is isn't known.
func (c *CSE) agent(p *principal) *call {
	return &call{
		c: c, req: &onem2m.Request{Operation: onem2m.Retrieve}, assoc: p.association(), now: onem2m.TimestampOf(c.Now()),
		from: p.originator(), vouched: true,
	}
}

func (p *principal) originator() identity.Originator {
	return identity.Originator{ID: p.ID, Authenticated: p.Authenticated}
}

func (p *principal) association() *identity.Association {
	return &identity.Association{Framework: identity.FrameworkNone, CredentialID: p.Credential, Binding: "action"}
}

// evaluate looks at an action and performs it if it is due.
func (c *CSE) evaluate(ctx context.Context, t trigger) error {
	ctx = withDepth(ctx, t.depth+1)
	due := false
	err := c.Store.Read(ctx, func(r store.Reader) (err error) {
		_, due, err = c.judge(r, t.id)
		return err
	})
	if err != nil || !due {
		return err
	}
	var v verdict
	err = c.Store.Update(ctx, func(tx store.Tx) (err error) {
		v, due, err = c.judge(tx, t.id)
		if err != nil || !due || !v.match {
			return err
		}
		return c.noteMatch(tx, v)
	})
	if err != nil || !due {
		return err
	}
	res := c.act(ctx, v)
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if ctx.Err() != nil {
		return nil // broken off by the end of the process: the next one does it
	}
	return c.Store.Update(late, func(tx store.Tx) error { return c.keepResult(tx, t.id, v.who, res) })
}

// noteMatch stores a match, and ends the evaluation with the last one (C-449).
func (c *CSE) noteMatch(tx store.Tx, v verdict) error {
	attrs := attributes(v.rec)
	v.who.Matches++
	v.who.Last, v.who.Seen, v.who.Owed = onem2m.TimestampOf(c.Now()), v.seen, true
	if err := savePrincipal(tx, v.rec.ID, v.who); err != nil {
		return err
	}
	mode, _ := attrs.Int("evm")
	most, bounded := attrs.Int("ecp")
	if mode != evaluateOnce && (mode != evaluateContinuous || !bounded || v.who.Matches < most) {
		return nil
	}
	return c.amend(tx, v.rec, c.Home.ID(), onem2m.Object{{Name: "evm", Value: onem2m.IntValue(evaluateOff)}})
}

// act performs the primitive on behalf of the principal; it passes every check
// but that of From. A panic costs this action only.
func (c *CSE) act(ctx context.Context, v verdict) (res *onem2m.Response) {
	defer func() {
		if p := recover(); p != nil {
			c.Log.ErrorContext(ctx, "panic in an action", "action", v.rec.RI, "panic", p, "stack", string(debug.Stack()))
			res = &onem2m.Response{Code: onem2m.InternalServerError}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, c.Timing.RequestExpiration)
	defer cancel()
	k := c.agent(v.who)
	req, err := k.checkPrimitive(attributes(v.rec).Get("apv"))
	if err != nil {
		return k.fail(ctx, err)
	}
	req.OriginatingTimestamp = "" // relative times count from now
	if req.Release == "" {
		req.Release = c.Releases[len(c.Releases)-1]
	}
	return c.perform(ctx, v.who.originator(), v.who.association(), req)
}

// keepResult stores actionResult.
func (c *CSE) keepResult(tx store.Tx, id int64, who *principal, res *onem2m.Response) error {
	rec, err := tx.ByID(id)
	if err != nil {
		return gone(err) // it may have deleted itself
	}
	now, err := loadPrincipal(tx, id)
	if err != nil {
		return gone(err)
	}
	if now.Seen != who.Seen || now.ID != who.ID || !now.Owed {
		return nil // it was set up anew meanwhile
	}
	now.Owed = false
	if mode, _ := attributes(rec).Int("evm"); mode == evaluateOff {
		tx.OnCommit(func() { c.triggers.disarm(id) })
	}
	if err := savePrincipal(tx, id, now); err != nil {
		return err
	}
	result := operationResult(res)
	if len(result) > maxActionResult {
		short := *res
		short.Content = nil
		result = operationResult(&short)
	}
	return c.amend(tx, rec, c.Home.ID(), onem2m.Object{{Name: "air", Value: result}})
}

// runActions evaluates actions until ctx ends, beginning with what changed
// while nobody looked.
func (c *CSE) runActions(ctx context.Context) {
	for err := c.loadActions(ctx); err != nil && ctx.Err() == nil; err = c.loadActions(ctx) {
		c.Log.ErrorContext(ctx, "actions not read", "err", err)
		pause(ctx, retryAction)
	}
	c.triggers.ready()
	var workers sync.WaitGroup
	defer workers.Wait()
	places := make(chan struct{}, maxPerformers)
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		t, ok := c.triggers.next()
		for ; !ok; t, ok = c.triggers.next() {
			select {
			case <-c.triggers.wake:
			case <-ctx.Done():
				return
			}
		}
		workers.Go(func() {
			defer func() { <-places }()
			defer c.triggers.done(t)
			if err := c.evaluate(ctx, t); err != nil && ctx.Err() == nil {
				c.Log.ErrorContext(ctx, "action", "id", t.id, "err", err)
				pause(ctx, retryAction)
				c.triggers.ask(t.id, t.depth)
			}
		})
		pause(ctx, evaluationGap)
	}
}

// loadActions takes up the actions of an earlier life.
func (c *CSE) loadActions(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		after := int64(0)
		for {
			list, err := r.OfType(onem2m.TypeAction, after, 500)
			if err != nil || len(list) == 0 {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				if err := gone(c.loadAction(r, rec)); err != nil {
					return err
				}
			}
		}
	})
}

func (c *CSE) loadAction(r store.Reader, rec *store.Record) error {
	p, err := loadPrincipal(r, rec.ID)
	if err != nil {
		return err
	}
	if mode, _ := attributes(rec).Int("evm"); mode == evaluateOff && !p.Owed {
		return nil
	}
	parent, err := r.ByID(rec.Parent)
	if err != nil {
		return err
	}
	subject, err := c.actionSubjectRI(r, attributes(rec), parent)
	if err != nil {
		return err
	}
	c.triggers.arm(rec.ID, armed{subject: subject, priority: priorityOf(attributes(rec)), who: p.ID})
	c.triggers.ask(rec.ID, 0)
	return nil
}
