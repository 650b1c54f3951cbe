package cse

import (
	"context"
	"slices"
	"strings"

	"bulwark/access"
	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Bindings say which resources of this CSE answer as decision, policy and
// information point, and what these points know beyond the policies and roles of
// this CSE. How a procedure is bound to a resource is left to each product
// (TS-0003 clause 7.5.1, A-169): here it is the operator's configuration.
type Bindings struct {
	// Resource are the addresses of the bound resources on this CSE, "" or absent
	// for a point that isn't bound.
	Resource map[distributed.Kind]string

	// Governed say which policies of this CSE apply to resources of other CSEs. The
	// first entry that fits counts.
	Governed []Governed

	// Further are the information points that are asked where nothing is held here
	// (mode f). Decision and policy points ask whom the policies name.
	Further []string

	// Tokens lets the decision point honour tokens, though only the CSE that asks
	// vouches for who brings them (decision 12).
	Tokens bool

	// TokensTo are the CSEs whose decision points are given the tokens that
	// originators bring.
	TokensTo []onem2m.ID
}

// Governed are resources of other CSEs, as absolute addresses, with "*" at the
// end for all that begin so, and the policies of this CSE that apply to them.
type Governed struct {
	Targets  []string
	Policies []string
}

// Bounds of the questions that the points of this CSE work on.
const (
	maxAnswering     = 256
	maxAnsweringEach = 64 // of one CSE
)

// resource returns the address that is bound, or "".
func (b *Bindings) resource(kind distributed.Kind) string {
	if b == nil {
		return ""
	}
	return b.Resource[kind]
}

// trust reports whether all these points may see tokens.
func (b *Bindings) trust(addresses []string) bool {
	return b != nil && !slices.ContainsFunc(addresses, func(text string) bool {
		a, err := onem2m.ParseAddress(text)
		return err != nil || !slices.ContainsFunc(b.TokensTo, func(id onem2m.ID) bool {
			return id == a.Host(onem2m.Home{SP: id.SP()})
		})
	})
}

// applicable returns the policies for a resource of another CSE.
func (b *Bindings) applicable(target string) []string {
	if b == nil {
		return nil
	}
	for _, g := range b.Governed {
		for _, pattern := range g.Targets {
			begin, all := strings.CutSuffix(pattern, "*")
			if target == pattern || all && strings.HasPrefix(target, begin) {
				return g.Policies
			}
		}
	}
	return nil
}

// pointProcedures are those of the three types that stand for points. Unbound
// they are like any other resource; see answerAsPoint for bound ones.
func pointProcedures(kind distributed.Kind) *procedures {
	return &procedures{create: func(k *call, _ store.Tx, s *subject) error {
		if s.parent.Type == onem2m.TypeCSEBase && k.c.boundName(kind, s.rn) {
			for _, name := range kind.Attributes() { // a bound one keeps nothing of the kind (C-33, A-172)
				s.attrs.Delete(name)
			}
		}
		return nil
	}}
}

// boundName reports whether the child of the CSEBase with this name is bound.
func (c *CSE) boundName(kind distributed.Kind, name string) bool {
	base, rn, ok := strings.Cut(c.Bindings.resource(kind), "/")
	return ok && rn == name && c.namesBase(base)
}

// checkReserved: what the configuration names by a path is made by the administrator
// alone. It decides far beyond the place where it is, in which others may make
// something.
func (k *call) checkReserved(r store.Reader, s *subject, named []link) error {
	if s.old != nil || s.rn == "" || len(named) == 0 || k.isAdmin() {
		return nil
	}
	above, err := Structured(r, s.parent)
	if err != nil {
		return err
	}
	_, below, _ := strings.Cut(above+"/"+s.rn, "/")
	for i := range named {
		l := &named[i]
		path := l.address.Path
		if l.valid && l.address.Local(k.c.Home) && len(path) > 1 && k.c.namesBase(path[0]) && strings.Join(path[1:], "/") == below {
			k.audit("special", "", onem2m.OriginatorHasNoPrivilege, "the configuration names it, so the administrator makes it")
			return k.denied(onem2m.Create)
		}
	}
	return nil
}

// governing are the policies that apply to resources of other CSEs.
func (b *Bindings) governing() (all []link) {
	if b == nil {
		return nil
	}
	for _, g := range b.Governed {
		all = append(all, linksTo(g.Policies)...)
	}
	return all
}

// bound returns the resource that answers as a point, nil without one.
func (c *CSE) bound(r store.Reader, kind distributed.Kind, now onem2m.Timestamp) (*store.Record, error) {
	address, err := onem2m.ParseAddress(c.Bindings.resource(kind))
	if err != nil || !address.Local(c.Home) {
		return nil, nil //nolint:nilerr // nothing is bound, and what is was read at start
	}
	t, err := c.resolve(r, address.Path, now)
	if err != nil {
		return nil, unlessMissing(err)
	}
	if t.virtual != "" || t.rec.Type != kind.Type() {
		return nil, nil
	}
	return t.rec, nil
}

// clearPoints removes from bound resources what was written to them before they
// were bound.
func (c *CSE) clearPoints(ctx context.Context) error {
	if c.Bindings == nil {
		return nil
	}
	return c.Store.Update(ctx, func(tx store.Tx) error {
		for _, kind := range distributed.Kinds() {
			rec, err := c.bound(tx, kind, c.instant())
			if err != nil {
				return err
			}
			if rec == nil {
				continue
			}
			var gone onem2m.Object
			if err := c.clearChildren(tx, rec); err != nil {
				return err
			}
			for _, m := range attributes(rec) {
				if kind.Specific(m.Name) {
					gone = append(gone, onem2m.Member{Name: m.Name, Value: onem2m.NullValue()})
				}
			}
			if len(gone) == 0 {
				continue
			}
			if err := c.amend(tx, rec, c.Home.ID(), gone); err != nil {
				return err
			}
		}
		return nil
	})
}

// clearChildren removes the <role>s and <token>s of an information point that were
// there before it was bound: the procedure would delete them before the first
// question (TS-0004 clause 7.4.45.2.3).
func (c *CSE) clearChildren(tx store.Tx, point *store.Record) error {
	for _, ty := range []onem2m.ResourceType{onem2m.TypeRole, onem2m.TypeToken} {
		for {
			list, err := tx.Children(point.ID, store.Page{Only: ty, Limit: sweepBatch})
			if err != nil {
				return err
			}
			for _, child := range list {
				if err := c.removeTree(tx, child, c.Home.ID()); err != nil {
					return err
				}
			}
			if len(list) < sweepBatch {
				break
			}
		}
	}
	return nil
}

// checkKeeper refuses a <role> or <token> below an information point that is
// bound: it would be gone with the next question.
func (k *call) checkKeeper(s *subject) error {
	if s.parent != nil && s.parent.Type == onem2m.TypeAuthorizationInformation && k.c.boundName(distributed.Information, s.parent.RN) {
		return onem2m.Errorf(onem2m.OperationNotAllowed, "ty", "an information point that answers questions keeps no roles and tokens")
	}
	return nil
}

// answerAsPoint answers an UPDATE of a bound resource: a question, which is
// worked on apart from the resource, so that nobody ever sees the question or
// the answer of somebody else there and nothing has to be cleared (A-172,
// mine is false for an UPDATE of anything else, or of common attributes
// alone (C-29).
func (k *call) answerAsPoint(ctx context.Context) (res *onem2m.Response, mine bool, err error) {
	info := k.contentType()
	if info == nil || k.draft.raw == nil {
		return nil, false, nil
	}
	kind := distributed.KindOf(info.Type)
	if k.c.Bindings.resource(kind) == "" || !slices.ContainsFunc(k.draft.sent, kind.Specific) {
		return nil, false, nil
	}
	err = k.c.Store.Read(ctx, func(r store.Reader) error {
		bound, err := k.c.bound(r, kind, k.now)
		if err != nil || bound == nil {
			return err
		}
		t, err := k.c.resolve(r, k.address.Path, k.now)
		if err != nil {
			return unlessMissing(err)
		}
		if t.virtual != "" || t.rec.ID != bound.ID {
			return nil
		}
		mine = true
		if err := k.matchTarget(r, bound); err != nil {
			return err
		}
		return k.concealed(k.authorizeNaming(r, bound, onem2m.Update, access.Update, k.sentNames()))
	})
	switch {
	case err != nil:
		return nil, true, err
	case !mine:
		return nil, false, nil
	case within(ctx) != nil || k.errand != nil: // the answer would be kept
		return nil, true, onem2m.Errorf(onem2m.OperationNotAllowed, "to", "a point is asked by blocking requests outside of transactions alone")
	}
	content, err := k.answerQuestion(ctx, kind)
	if err != nil {
		return nil, true, err
	}
	res = &onem2m.Response{Code: onem2m.Updated}
	if k.rcn != 0 {
		res.Content = content
	}
	return res, true, nil
}

// answerQuestion reads the question and answers it. What is malformed is 4000
// everything that fails is a status.
func (k *call) answerQuestion(ctx context.Context, kind distributed.Kind) (*onem2m.Content, error) {
	whose := k.bringer()
	free := k.c.answering.enter(whose, k.req.RequestID)
	if free {
		defer k.c.answering.leave(whose, k.req.RequestID)
	}
	trail := distributed.TrailOf(k.req.RequestID)
	fit := free && !trail.Ended(k.c.pointMark)
	onward := trail.Onward(k.c.pointMark)
	switch kind {
	case distributed.Decision:
		q, err := distributed.ParseQuestion(k.draft.raw)
		v := distributed.Verdict{Status: distributed.ProcessingError}
		if err == nil && fit {
			v, err = k.decideFor(ctx, &q, onward)
		}
		return v.Content(), err
	case distributed.Policy:
		q, err := distributed.ParsePolicyQuestion(k.draft.raw)
		p := distributed.Policies{Status: distributed.ProcessingError}
		if err == nil && fit {
			p, err = k.policiesFor(ctx, &q, onward)
		}
		return p.Content(), err
	case distributed.Information:
		q, err := distributed.ParseInformationQuestion(k.draft.raw)
		h := distributed.Held{Status: distributed.ProcessingError}
		if err == nil && fit {
			h, err = k.informationFor(ctx, &q, onward)
		}
		return h.Content(), err
	}
	return nil, onem2m.Errorf(onem2m.InternalServerError, "", "no such point")
}
