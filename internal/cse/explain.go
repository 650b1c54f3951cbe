package cse

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"bulwark/access"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Question is a request that nobody makes: would it be allowed, and why.
type Question struct {
	From          string // AE-ID or CSE-ID in any form
	Authenticated bool
	Operation     onem2m.Operation
	Discovery     bool
	To            string
	ChildType     onem2m.ResourceType // of a CREATE
	Time          time.Time           // zero: now
	Source        netip.Addr          // invalid: unknown
	Links         bool                // an UPDATE of accessControlPolicyIDs
	RoleIDs       []string            // that the originator claims
	Tokens        []string            // that it brings
	TokenIDs      []string            // that it names
}

// Explanation is the answer to a Question.
type Explanation struct {
	Permit   bool
	Stage    string // "admin", "static", "tokens", "dynamic", "distributed", "registration", "discovery", "transit"
	Resource string // structured address of the target
	Governed string // which policies govern it
	Reasons  []access.Reason
	Code     onem2m.StatusCode // of the refusal; 0 if permitted
}

// Explain answers a Question on the present state of the tree, without effect.
// It fails with an *onem2m.Error if the question itself can't be asked: a From
// that is no identifier, a target that doesn't exist.
func (c *CSE) Explain(ctx context.Context, q Question) (Explanation, error) {
	id, _, err := c.Home.ParseID(q.From)
	if err != nil {
		return Explanation{}, onem2m.Errorf(onem2m.BadRequest, "fr", "%s", err)
	}
	address, err := onem2m.ParseAddress(q.To)
	if err != nil {
		return Explanation{}, err
	}
	if !address.Local(c.Home) {
		return c.explainTransit(address)
	}
	if len(address.Path) == 0 {
		return Explanation{}, onem2m.Errorf(onem2m.NotFound, "to", "this CSE doesn't host the address")
	}
	when := q.Time
	if when.IsZero() {
		when = c.Now()
	}
	k := &call{
		c: c, now: onem2m.TimestampOf(when), ty: q.ChildType, rehearsal: true,
		req:   &onem2m.Request{Operation: q.Operation, RoleIDs: q.RoleIDs, Tokens: q.Tokens, TokenIDs: q.TokenIDs},
		assoc: &identity.Association{Source: q.Source},
		from:  identity.Originator{ID: id, Authenticated: q.Authenticated},
	}
	if err := k.checkGrants(); err != nil {
		return Explanation{}, err
	}
	var e Explanation
	err = c.Store.Read(ctx, func(r store.Reader) error {
		t, err := c.resolve(r, address.Path, onem2m.TimestampOf(c.Now()))
		if err != nil {
			return err
		}
		e, err = k.explain(r, t, q)
		return err
	})
	return e, err
}

func (k *call) explain(r store.Reader, t target, q Question) (Explanation, error) {
	var e Explanation
	var err error
	rec := t.rec
	if e.Resource, err = Structured(r, rec); err != nil {
		return e, err
	}
	switch {
	case k.isAdmin():
		e.Permit, e.Stage, e.Governed = true, "admin", "the administrator passes every privilege check"
		return e, nil
	case q.Operation == onem2m.Create && q.ChildType == onem2m.TypeAE:
		e.Permit, e.Stage = true, "registration"
		e.Governed = "a registration is decided by the credential and the bindings, not by policies"
		return e, nil
	}
	e.Stage = "static"
	var sources []access.Source
	if t.virtual == fanOutPoint {
		sources, err = k.c.fanOutPolicies(r, rec, k.from.ID, k.now, nil)
	} else {
		sources, err = k.c.policies(r, rec, k.from.ID, q.Links, k.now, nil)
	}
	if err != nil {
		return e, err
	}
	if e.Governed = k.governed(r, rec, legible(sources)); t.virtual == fanOutPoint && k.c.rosterOf(rec).guarded {
		e.Governed = "the policies linked by macp of the group"
	}
	if err := k.readRoles(r); err != nil {
		return e, err
	}
	query := k.query(r, rec, q.Operation, access.PrivilegeOf(q.Operation, q.Discovery))
	d := access.Decide(query, sources)
	e.Permit, e.Reasons = d.Permit, access.Explain(query, sources)
	if e.Permit {
		e.Stage = stageOf(d.Source)
	}
	failed := false
	if !e.Permit && k.bringsTokens() && !q.Discovery {
		failed = !k.explainTokens(r, rec, q, sources, &e)
	}
	if !e.Permit && !failed && !q.Discovery {
		k.explainFurther(r, rec, q, sources, &e)
	}
	if !e.Permit && !failed && !q.Discovery && !q.Links {
		k.explainElsewhere(r, rec, sources, &e)
	}
	if !e.Permit {
		e.Code = onem2m.OriginatorHasNoPrivilege
	}
	return e, nil
}

// legible counts the policies that could be read.
func legible(sources []access.Source) int {
	n := 0
	for i := range sources {
		if sources[i].Policy != nil {
			n++
		}
	}
	return n
}

// explainTokens goes on where the policies deny: with the tokens. It reports false
// if one of them fails, which ends the decision.
func (k *call) explainTokens(r store.Reader, rec *store.Record, q Question, sources []access.Source, e *Explanation) bool {
	e.Stage = "tokens"
	tokens, err := k.readTokens(r, rec)
	if err == nil {
		err = k.nameTarget(r, rec)
	}
	if err != nil {
		e.Reasons = append(e.Reasons, access.Reason{Source: "tokens", Rule: -1, Part: access.PartPolicy, Text: k.c.whyRefused(r, err)})
		return false
	}
	if q.Links {
		k.question.TargetType = onem2m.TypeAccessControlPolicy // roles alone count
	}
	e.Permit = access.DecideWithTokens(&k.question, sources, tokens).Permit
	e.Reasons = append(e.Reasons, access.ExplainTokens(&k.question, sources, tokens)...)
	return true
}

// explainFurther goes on where policies and tokens deny: with what servers have
// handed over, and with who would be asked. Nobody is.
func (k *call) explainFurther(r store.Reader, rec *store.Record, q Question, sources []access.Source, e *Explanation) {
	say := func(source, text string) {
		e.Reasons = append(e.Reasons, access.Reason{Source: source, Rule: -1, Part: access.PartPolicy, Text: text})
	}
	if tokens := k.directTokens(r, rec); len(tokens) > 0 && k.nameTarget(r, rec) == nil {
		if q.Links {
			k.question.TargetType = onem2m.TypeAccessControlPolicy // roles alone count
		}
		if d := access.DecideWithTokens(&k.question, sources, tokens); d.Permit {
			e.Permit, e.Stage = true, "dynamic"
		}
		e.Reasons = append(e.Reasons, access.ExplainTokens(&k.question, sources, tokens)...)
	}
	if e.Permit || q.Links {
		return
	}
	if err := k.explainEnded(r, rec, e); err != nil {
		say("what servers have granted", "it can't be read: "+err.Error())
	}
	var lacking missed
	list, err := k.c.referrals(r, rec, k.now, &lacking)
	if err != nil {
		return
	}
	for _, u := range list {
		source := "consultation " + u.name
		switch {
		case !u.enabled:
			say(source, "it is disabled, so nobody is asked")
		case !k.from.Authenticated:
			say(source, "nobody is asked for an originator that isn't authenticated")
		default:
			text := "asked at " + strings.Join(u.points, ", then ")
			if roles := access.CandidateRoles(&k.question, sources); len(roles) > 0 {
				text += "; one of the roles " + strings.Join(roles, ", ") + " would be enough"
			}
			say(source, text)
		}
	}
	for _, address := range lacking.list {
		say("consultation "+address, "another CSE has it, and hasn't been asked for it")
	}
}

// explainElsewhere names the points that the decision would be left to in the
// end. They aren't asked: an explanation has no effect, and works without them.
func (k *call) explainElsewhere(r store.Reader, rec *store.Record, sources []access.Source, e *Explanation) {
	if rec.Type == onem2m.TypeAccessControlPolicy {
		return
	}
	for i := range sources {
		d := k.c.delegatesNamed(r, sources[i].Name, k.now)
		if d == nil {
			continue
		}
		for _, list := range d.lists() {
			addresses := k.askable(r, list.kind, list.addresses)
			if len(addresses) == 0 {
				continue
			}
			e.Stage = "distributed"
			e.Reasons = append(e.Reasons, access.Reason{
				Source: sources[i].Name, Rule: -1, Part: access.PartPolicy,
				Text: "a request would have the " + list.kind.String() + " " + strings.Join(addresses, ", else ") + " asked; an explanation asks nobody, and takes it for a refusal",
			})
		}
	}
}

// governed tells in words where the policies of a resource come from.
func (k *call) governed(r store.Reader, rec *store.Record, found int) string {
	from := ""
	for {
		switch {
		case rec.Type == onem2m.TypeCSEBase:
			return from + "the policy of the <CSEBase>"
		case rec.Type == onem2m.TypeAccessControlPolicy, rec.Type == onem2m.TypeAccessControlPolicyAnnc:
			return from + "its own selfPrivileges"
		}
		if info := k.c.infoOf(rec); info != nil && info.Has("acpi") {
			g := k.c.guard(rec)
			switch {
			case !g.linked:
				return from + "no acpi: the default policy, its creator alone"
			case found < len(g.links):
				return from + "the policies linked by acpi; some of them can't be read and grant nothing"
			}
			return from + "the policies linked by acpi"
		}
		parent, err := r.ByID(rec.Parent)
		if err != nil {
			return from + "nothing"
		}
		from = "as its parent: "
		rec = parent
	}
}
