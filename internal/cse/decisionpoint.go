package cse

import (
	"context"
	"errors"
	"fmt"

	"bulwark/access"
	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// onBehalf is the call for the decision that another CSE asks for. Nothing about
// the originator is proven here, and its identity is the word of the CSE
// that enforces.
func (k *call) onBehalf(target, from string, trail distributed.Trail) (*call, error) {
	who, err := k.statedID(from)
	if err != nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "fr", "not an AE-ID or CSE-ID")
	}
	return &call{
		c: k.c, now: k.now, expires: k.expires, from: identity.Originator{ID: who}, vouched: true,
		assoc:  &identity.Association{Binding: "point", CredentialID: k.assoc.CredentialID, Source: k.assoc.Source},
		req:    &onem2m.Request{RequestID: k.req.RequestID, To: target, From: from},
		remote: &delegations{trail: trail, target: target, asker: k.from.ID},
	}, nil
}

// statedID reads an identifier in a question, which is relative to the CSE that
// asks.
func (k *call) statedID(text string) (onem2m.ID, error) {
	there := k.asker()
	id, _, err := there.ParseID(text)
	return id, err
}

// asker is what identifiers in a question are relative to.
func (k *call) asker() onem2m.Home {
	if k.from.ID.Stem() != "" { // an AE asks: it is registered here
		return k.c.Home
	}
	return onem2m.Home{SP: k.from.ID.SP(), CSE: k.from.ID.SPRelative()}
}

// statedAddress makes the address in a question absolute.
func (k *call) statedAddress(text string) (onem2m.Address, error) {
	a, err := onem2m.ParseAddress(text)
	if err != nil || a.Attribute != "" {
		return a, onem2m.Errorf(onem2m.BadRequest, "to", "not the address of a resource")
	}
	there := k.asker()
	if a.CSE == "" {
		a.CSE = there.CSE
	}
	if a.SP == "" {
		a.SP = there.SP
	}
	return a, nil
}

// decideFor answers as a decision point (TS-0004 clause 7.4.43.2.3).
func (k *call) decideFor(ctx context.Context, q *distributed.Question, trail distributed.Trail) (distributed.Verdict, error) {
	address, err := k.statedAddress(q.To)
	if err != nil {
		return distributed.Verdict{}, err
	}
	sub, err := k.onBehalf(address.String(), q.From, trail)
	if err != nil {
		return distributed.Verdict{}, err
	}
	sub.ty = q.ChildType
	sub.req.Operation = q.Operation
	sub.req.RoleIDs, sub.req.TokenIDs = q.RoleIDs, q.TokenIDs
	if sub.remote.vouch = k.c.Bindings.Tokens; sub.remote.vouch {
		sub.req.Tokens = q.Tokens
	}
	var v distributed.Verdict
	_, err = sub.enquiring(ctx, func(sub *call, ctx context.Context) (*onem2m.Response, error) {
		return nil, k.c.Store.Read(ctx, func(r store.Reader) (err error) {
			v, err = sub.verdict(r, q, address)
			return err
		})
	})
	if err != nil {
		k.c.Log.WarnContext(ctx, "a decision point can't decide", "asked by", k.from.ID, "target", sub.req.To, "err", err)
		v = distributed.Verdict{Status: distributed.ProcessingError}
		sub.audit("point", "", onem2m.OriginatorHasNoPrivilege, v.Status.String())
	}
	if v.Permit {
		sub.heeded()
	}
	return v, nil
}

// verdict decides on one state of the store. errUninformed ends it where more is
// going to be known.
func (k *call) verdict(r store.Reader, q *distributed.Question, address onem2m.Address) (distributed.Verdict, error) {
	rec, sources, err := k.applicable(r, address)
	if err != nil {
		return distributed.Verdict{}, err
	}
	if len(sources) == 0 {
		return k.told(distributed.Verdict{Status: distributed.NotApplicable}, "", "no policy of this CSE is about it"), nil
	}
	if err := k.readRoles(r); err != nil {
		return distributed.Verdict{}, err
	}
	query := k.query(r, rec, q.Operation, access.PrivilegeOf(q.Operation, q.Usage == 1 || q.Usage == 3))
	if query.IP, query.Location = q.IP, q.Location; q.Time != 0 {
		query.Time = q.Time.Time()
	}
	d := access.Decide(query, sources)
	var lacking bool
	if !d.Permit {
		k.missPolicies(sources)
		if d, lacking, err = k.verdictByTokens(r, rec, q, sources); err != nil {
			return k.told(distributed.Verdict{Status: distributed.SyntaxError}, "", err.Error()), nil
		}
	}
	if d.Permit {
		return k.told(distributed.Verdict{Status: distributed.OK, Permit: true}, fmt.Sprintf("%s rule %d", d.Source, d.Rule+1), ""), nil
	}
	out := k.delegate(r, rec, sources)
	switch {
	case out.permit:
		return k.told(distributed.Verdict{Status: distributed.OK, Permit: true}, out.rule, out.reason), nil
	case k.uninformed():
		return distributed.Verdict{}, errUninformed
	case lacking || access.Undecidable(query, sources):
		return k.told(distributed.Verdict{Status: distributed.MissingAttribute}, "", "something about the originator that a rule asks for isn't known. "+out.reason), nil
	case !out.decided && ruleless(sources):
		return k.told(distributed.Verdict{Status: distributed.NotApplicable}, "", "the policies have no rules. "+out.reason), nil
	}
	return k.told(distributed.Verdict{Status: distributed.OK}, "", fmt.Sprintf("no rule of %d policies permits %s. %s", len(sources), q.Operation, out.reason)), nil
}

// ruleless reports whether no source has a rule.
func ruleless(sources []access.Source) bool {
	for i := range sources {
		if sources[i].Policy.Len() > 0 {
			return false
		}
	}
	return true
}

// verdictByTokens decides by the tokens that a question names or hands over.
// lacking tells that there are some that can't be looked at; an error that one
// isn't good.
func (k *call) verdictByTokens(r store.Reader, rec *store.Record, q *distributed.Question, sources []access.Source) (d access.Decision, lacking bool, err error) {
	if len(q.Tokens)+len(q.TokenIDs) == 0 {
		return d, false, nil
	}
	if !k.bringsTokens() || k.c.tokens == nil || !k.proven() {
		return d, true, nil
	}
	tokens, err := k.readTokens(r, rec)
	if errors.Is(err, errUnknownID) || errors.Is(err, errUnconfirmed) {
		return d, true, nil
	}
	if err == nil {
		err = k.nameTarget(r, rec)
	}
	if err != nil {
		return d, false, err
	}
	return access.DecideWithTokens(&k.question, sources, tokens), false, nil
}

// told notes the verdict in the audit and returns it.
func (k *call) told(v distributed.Verdict, rule, reason string) distributed.Verdict {
	if k.uninformed() && !v.Permit {
		return v // it is going to be looked at again
	}
	code := onem2m.StatusCode(0)
	if !v.Permit {
		code = onem2m.OriginatorHasNoPrivilege
		reason = v.Status.String() + ": " + reason
	}
	k.audit("point", rule, code, reason)
	return v
}

// applicable returns the policies of this CSE that are about a resource: its own
// policies where it is of this CSE, else those that the operator has bound to it.
// A resource that isn't here is a record without anything.
func (k *call) applicable(r store.Reader, address onem2m.Address) (*store.Record, []access.Source, error) {
	if path, here := k.c.hosted(address); here && len(path) > 0 {
		t, err := k.c.resolve(r, path, k.now)
		if err != nil {
			return nil, nil, unlessMissing(err)
		}
		var sources []access.Source
		if t.virtual == fanOutPoint {
			sources, err = k.c.fanOutPolicies(r, t.rec, k.from.ID, k.now, nil)
		} else {
			sources, err = k.c.policies(r, t.rec, k.from.ID, false, k.now, nil)
		}
		return t.rec, sources, err
	}
	var sources []access.Source
	for _, l := range linksTo(k.c.Bindings.applicable(address.String())) {
		if source, ok := k.c.linkedPolicy(r, &l, false, k.now); ok {
			sources = append(sources, source)
		}
	}
	return &store.Record{}, sources, nil
}
