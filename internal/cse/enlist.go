package cse

import (
	"context"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// enlistKey is the key of the transaction of the store that a request is part of.
type enlistKey struct{}

// enlist is a context for requests that are carried out within tx: what they
// read and write is the caller's, and becomes durable with it or not at all.
// Such a request runs in the writer and must not wait for anybody.
func enlist(ctx context.Context, tx store.Tx) context.Context {
	return context.WithValue(withDepth(context.WithoutCancel(ctx), depthOf(tx)), enlistKey{}, tx)
}

// within is the transaction of the store that a context belongs to, or nil.
func within(ctx context.Context) store.Tx {
	tx, _ := ctx.Value(enlistKey{}).(store.Tx)
	return tx
}

// undertaking is the transaction that a request belongs to: the locks of that
// transaction don't stop it.
type undertaking struct {
	id      string // transactionID
	creator string // of its <transaction> resources

	manager int64       // of the <transactionMgmt> that makes a <transaction>; 0: none does
	granted permissions // by those who have to be asked
	ri      string      // resourceID of what a CREATE makes, if it has one already
}

// permissions are what was asked before the writer was entered, where nobody
// can be asked any more.
type permissions struct {
	verified bool // by the type's own procedure
	asked    bool // whoever decides about updates of the target
}

// part is one request of a transaction, and what is known of it between the
// steps. It is kept beside the resource.
type part struct {
	Child    int64  `json:"child,omitzero"` // its <transaction>
	RI       string `json:"ri,omitzero"`    // of the resource that its CREATE makes
	Verified bool   `json:"verified,omitzero"`
	Asked    bool   `json:"asked,omitzero"`
	Executed bool   `json:"executed,omitzero"`
}

func (p permissions) hasVerified() bool { return p.verified }
func (p permissions) hasAsked() bool    { return p.asked }

// undertake makes the call of a request of a transaction, on behalf of whoever
// has made the transaction.
func (c *CSE) undertake(who *principal, u undertaking, req *onem2m.Request) *call {
	r := *req
	r.OriginatingTimestamp = "" // relative times count from now
	if r.Release == "" {
		r.Release = c.Releases[len(c.Releases)-1]
	}
	k := c.agent(who)
	k.req, k.under = &r, &u
	k.assoc = &identity.Association{Framework: identity.FrameworkNone, CredentialID: who.Credential, Binding: "transaction"}
	return k
}

// principal is who makes a transaction, or an action. Where another CSE vouches for an AE that is
// registered here, its credential is the one that the AE is bound to.
func (k *call) principal(r store.Reader) principal {
	p := principal{ID: k.from.ID, Authenticated: k.from.Authenticated, Credential: k.assoc.CredentialID}
	if known := (snapshot{c: k.c, r: r, now: k.now}); k.assoc.Kind == identity.KindCSE && known.AERegistered(p.ID) {
		p.Credential, _ = known.CredentialOf(p.ID)
	}
	return p
}

// undertaking of a part of a transaction.
func (p *part) undertaking(id, creator string) undertaking {
	return undertaking{id: id, creator: creator, ri: p.RI, granted: permissions{verified: p.Verified, asked: p.Asked}}
}

// seekLeave asks those who have to be asked before a request can be carried out: it
// may take its time. A failure is the request's response.
func (c *CSE) seekLeave(ctx context.Context, who *principal, p *part, id, creator string, req *onem2m.Request) (failure *onem2m.Response) {
	k := c.undertake(who, p.undertaking(id, creator), req)
	err := k.askFirst(ctx, p)
	if err == nil || blockedBy(err) != nil { // the step itself finds out about locks
		return nil
	}
	return k.finish(k.fail(ctx, err))
}

func (k *call) askFirst(ctx context.Context, p *part) error {
	if err := k.admit(ctx); err != nil {
		return err
	}
	path, here := k.c.hosted(k.address)
	if !here {
		return nil // the step itself finds out
	}
	if !k.address.Local(k.c.Home) {
		k.address.SP, k.address.CSE = "", ""
		k.address.Path = path
		if err := k.checkLocal(); err != nil {
			return err
		}
	}
	k.address.Path = path
	k.meaning.ctx = ctx
	ctx, cancel := context.WithDeadline(ctx, k.deadline())
	defer cancel()
	s := &subject{ri: p.RI}
	switch k.req.Operation {
	case onem2m.Create:
		err := k.verifyCreate(ctx, s)
		p.RI, p.Verified = s.ri, err == nil
		return err
	case onem2m.Update:
		if err := k.verifyUpdate(ctx, s); err != nil {
			return err
		}
		release, err := k.hold(ctx)
		release()
		p.Verified, p.Asked = err == nil, err == nil
		return err
	default:
		p.Asked = true // nobody is, about a DELETE
		return nil
	}
}

// succeeded reports whether a response says so.
func succeeded(res *onem2m.Response) bool { return res.Code/1000 == 2 }

// passing reports whether what a response says may be otherwise a little later,
// so that it makes sense to try again (TS-0001 clause 10.2.18.1).
func passing(res *onem2m.Response) bool {
	switch res.Code {
	case onem2m.TransactionProcessingIsIncomplete, onem2m.RequestTimeout, onem2m.TargetNotReachable, onem2m.RemoteEntityNotReachable, onem2m.InternalServerError:
		return true
	}
	return false
}

// mustAsk reports whether a procedure still has to ask others. In the writer
// nobody can be asked: who has to be, was asked before or the request fails.
func (k *call) mustAsk(ctx context.Context, have func(permissions) bool) (bool, error) {
	if within(ctx) == nil {
		return true, nil
	}
	if k.under != nil && have(k.under.granted) {
		return false, nil
	}
	return false, &onem2m.Error{Code: onem2m.RequestTimeout, Text: "somebody has to be asked first"}
}
