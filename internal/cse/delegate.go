package cse

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Distributed authorization at the CSE that enforces (TS-0003 clause 7.5): an
// <accessControlPolicy> may leave its decisions to decision points, take its
// rules from policy points, or have information points asked for roles and
// tokens. That is the last stage of a decision, behind everything that is known
// here, and like all that has to be asked for it happens while nothing is held:
// see enquiring. Answers are good for the request that they were asked for.

// maxDelegations bounds what one decision has asked.
const maxDelegations = 8

// delegates are the points that an <accessControlPolicy> names, as addresses
// that are valid everywhere.
type delegates struct{ decision, policy, information []string }

// asked is one list of points, of one kind.
type asked struct {
	kind      distributed.Kind
	addresses []string
}

// lists are the three, in the order in which they count.
func (d *delegates) lists() [3]asked {
	return [3]asked{{distributed.Decision, d.decision}, {distributed.Policy, d.policy}, {distributed.Information, d.information}}
}

// delegatesIn reads adri, apri and airi of a policy of the CSE there; nil where
// there is nothing to ask, as nearly always.
func (c *CSE) delegatesIn(there onem2m.Home, attrs onem2m.Object) *delegates {
	if !attrs.Has("adri") && !attrs.Has("apri") && !attrs.Has("airi") {
		return nil
	}
	read := func(name string) (out []string) {
		list, _ := attrs.Texts(name)
		for _, text := range list[:min(len(list), distributed.MaxPoints)] {
			if address, ok := c.pointAddress(there, text); ok {
				out = append(out, address)
			}
		}
		return out
	}
	d := &delegates{decision: read("adri"), policy: read("apri"), information: read("airi")}
	c.delegating.Store(true)
	return d
}

// pointAddress makes the address of a point, as a policy of the CSE there has
// it, valid for requests of this CSE.
func (c *CSE) pointAddress(there onem2m.Home, text string) (string, bool) {
	a, err := onem2m.ParseAddress(text)
	if err != nil || len(a.Path) == 0 || a.Attribute != "" || strings.Contains(text, ":") || namesFanOut(a.Path) { // many requests of one question
		return "", false
	}
	if a.CSE == "" {
		a.CSE = there.CSE
	}
	if a.SP == "" {
		a.SP = there.SP
	}
	if a.SP == c.Home.SP {
		a.SP = ""
	}
	return a.String(), true
}

// checkDelegates: a policy that leaves its decisions to others has no rules of
// its own, and takes either the decision or the rules from them.
func (c *CSE) checkDelegates(attrs onem2m.Object) error {
	for _, name := range []string{"adri", "apri", "airi"} {
		if !attrs.Has(name) {
			continue
		}
		list, _ := attrs.Texts(name)
		if len(list) == 0 || len(list) > distributed.MaxPoints {
			return onem2m.Errorf(onem2m.BadRequest, name, "1 to %d addresses", distributed.MaxPoints)
		}
		for _, text := range list {
			if _, ok := c.pointAddress(c.Home, text); !ok {
				return onem2m.Errorf(onem2m.BadRequest, name, "not the address of a resource")
			}
		}
	}
	decides, rules := attrs.Has("adri"), attrs.Has("apri")
	if decides && rules {
		return onem2m.Errorf(onem2m.BadRequest, "apri", "adri is there as well")
	}
	if !decides && !rules {
		return nil
	}
	if set, err := onem2m.ParseObject(attrs.Get("pv")); err == nil {
		if list, _ := onem2m.ParseList(set.Get("acr")); len(list) == 0 {
			return nil
		}
	}
	return onem2m.Errorf(onem2m.BadRequest, "pv", "a policy with rules doesn't leave its decisions to others")
}

// delegations are what has been asked for one request.
type delegations struct {
	trail  distributed.Trail // of what is asked for this decision; nil: nobody is asked
	target string            // the resource that it is about; "": the target of the request
	asker  onem2m.ID         // who asks for it: whom tokens have to be for
	vouch  bool              // it answers for who brings tokens
	all    map[string]*delegation
	wanted []*delegation
}

// wants reports whether something is going to be asked.
func (d *delegations) wants() bool { return d != nil && len(d.wanted) > 0 }

// forget begins another round: what was wanted has been asked.
func (d *delegations) forget() {
	if d != nil {
		d.wanted = nil
	}
}

// delegation is one question to the points of one list, and the answer.
type delegation struct {
	kind      distributed.Kind
	addresses []string
	question  distributed.Question
	asked     bool

	decided, permit bool
	from            string           // the point that answered
	policies        []*access.Policy // that it gave, as compiled and as they are valid everywhere
	sets            []jsontext.Value
	roles           access.RoleSet
	tokens          []string
	steps           distributed.Steps
}

// outcome is what the points make of a request.
type outcome struct {
	permit, decided bool
	rule, reason    string // for the audit
}

// delegatesNamed returns the points of the policy that a source names.
func (c *CSE) delegatesNamed(r store.Reader, name string, now onem2m.Timestamp) *delegates {
	a, err := onem2m.ParseAddress(name)
	if err != nil {
		return nil // no policy that is linked
	}
	if !a.Local(c.Home) {
		if f, _ := c.foreign(a, now); f != nil {
			return f.delegates
		}
		return nil
	}
	t, err := c.resolve(r, a.Path, now)
	if err != nil || t.virtual != "" || t.rec.Type != onem2m.TypeAccessControlPolicy {
		return nil
	}
	return c.guard(t.rec).delegates
}

// delegate asks the points that the policies among the sources name about what
// the sources deny; k.question is what that is. What isn't known yet is noted
// and counts as a denial for now.
func (k *call) delegate(r store.Reader, rec *store.Record, sources []access.Source) outcome {
	if !k.c.delegating.Load() || rec.Type == onem2m.TypeAccessControlPolicy { // its selfPrivileges alone
		return outcome{}
	}
	var out outcome
	var steps []string
	for i := range sources {
		d := k.c.delegatesNamed(r, sources[i].Name, k.now)
		if d == nil {
			continue
		}
		for _, list := range d.lists() {
			if len(list.addresses) == 0 {
				continue
			}
			one := k.delegation(r, rec, list.kind, list.addresses)
			if one == nil {
				steps = append(steps, sources[i].Name+": its "+list.kind.String()+" isn't asked")
				continue
			}
			out.decided = out.decided || one.decided
			if rule, ok := k.grantedBy(r, rec, one, sources[i:i+1]); ok {
				return outcome{permit: true, decided: true, rule: sources[i].Name + " by the " + rule, reason: one.steps.String()}
			}
			steps = append(steps, sources[i].Name+": "+one.steps.String())
		}
	}
	out.reason = strings.Join(steps, "; ")
	return out
}

// delegation returns what the points of a list have said about the question of
// the request; nil if they haven't been asked.
func (k *call) delegation(r store.Reader, rec *store.Record, kind distributed.Kind, addresses []string) *delegation {
	q := k.pointQuestion(rec)
	key := fmt.Sprint(kind, " ", q.To, " ", q.Operation, " ", q.ChildType, " ", k.question.Privilege, " ", strings.Join(addresses, " "))
	if k.remote == nil {
		k.remote = &delegations{trail: k.trail()}
	}
	if one := k.remote.all[key]; one != nil {
		if one.asked {
			return one
		}
		return nil
	}
	if !k.curious || k.remote.trail == nil || len(k.remote.all) >= maxDelegations {
		return nil
	}
	if addresses = k.askable(r, kind, addresses); len(addresses) == 0 {
		return nil
	}
	if k.remote.all == nil {
		k.remote.all = map[string]*delegation{}
	}
	one := &delegation{kind: kind, addresses: addresses, question: q}
	k.remote.all[key] = one
	k.remote.wanted = append(k.remote.wanted, one)
	return nil
}

// pointQuestion is the question of the decision as points are asked it: nothing
// but what the text has attributes for. Tokens are for those alone who are
// trusted with them (F-6).
func (k *call) pointQuestion(rec *store.Record) distributed.Question {
	q := distributed.Question{
		To: k.remote.about(), From: string(k.from.ID), Operation: k.question.Operation,
		RoleIDs: k.req.RoleIDs, TokenIDs: k.req.TokenIDs, Tokens: k.req.Tokens,
		Time: k.now, Location: k.question.Location, IP: k.question.IP,
	}
	if q.To == "" {
		q.To = k.c.Home.SP + k.c.Home.CSE + "/" + rec.RI
		if rec.Type == onem2m.TypeGroup && k.fansOut() { // who decides about the group has no say about its members
			q.To += "/" + fanOutPoint
		}
	}
	if q.Operation == onem2m.Create {
		q.ChildType = k.ty
	}
	if f := k.req.Filter; f != nil && f.FilterUsage != nil {
		q.Usage = *f.FilterUsage
	}
	return q
}

func (d *delegations) about() string {
	if d == nil {
		return ""
	}
	return d.target
}

// isTarget reports whether a name in a token is that of the resource of another
// CSE that a decision is about, and gives the name that is compared.
func (d *delegations) isTarget(name string, id *string) bool {
	if d.about() == "" || name != d.target {
		return false
	}
	*id = name
	return true
}

// grantedBy reports whether an answer permits the question of the decision,
// for the policy that its points were named by: nothing else is opened by them.
func (k *call) grantedBy(r store.Reader, rec *store.Record, one *delegation, source []access.Source) (rule string, ok bool) {
	by := one.kind.String() + " " + one.from
	switch one.kind {
	case distributed.Decision:
		return by, one.permit
	case distributed.Policy:
		for i, p := range one.policies {
			given := []access.Source{{Name: "policy " + strconv.Itoa(i+1), Policy: p}}
			if d := access.Decide(&k.question, given); d.Permit {
				return fmt.Sprintf("%s, %s rule %d", by, d.Source, d.Rule+1), true
			}
		}
	case distributed.Information:
		return k.grantedByInformation(r, rec, one, source)
	}
	return "", false
}

// askPoints puts a question to the points of a list and reads the answer.
func (k *call) askPoints(ctx context.Context, one *delegation) {
	c := k.c
	a := &distributed.Asker{Gate: c.gate, Now: c.instant, Send: c.pointSender(k.remote.trail)}
	switch one.kind {
	case distributed.Decision:
		q := one.question
		if !c.Bindings.trust(one.addresses) {
			q.Tokens = nil
		}
		var v distributed.Verdict
		v, one.from, one.steps = a.Decide(ctx, one.addresses, &q)
		one.decided, one.permit = v.Status == distributed.OK, v.Permit
	case distributed.Policy:
		var p distributed.Policies
		p, one.from, one.steps = a.Policies(ctx, one.addresses, &distributed.PolicyQuestion{To: one.question.To})
		one.decided = k.takePolicies(one, p)
	case distributed.Information:
		var h distributed.Held
		q := distributed.InformationQuestion{From: one.question.From, RoleIDs: one.question.RoleIDs, TokenIDs: one.question.TokenIDs}
		h, one.from, one.steps = a.Held(ctx, one.addresses, &q)
		k.takeHeld(one, h)
	}
	one.asked = true
}

// pointSender sends questions as this CSE, with a trail for who hands them on.
func (c *CSE) pointSender(trail distributed.Trail) distributed.Sender {
	return func(ctx context.Context, address string, content *onem2m.Content, patience time.Duration) *onem2m.Response {
		return c.relay(ctx, &onem2m.Request{
			Operation: onem2m.Update, To: address, From: c.Home.CSE, HasFrom: true, Release: "3",
			RequestID:         trail.RequestID(string(c.names.appendTail(nil, markLength))),
			RequestExpiration: strconv.FormatInt(patience.Milliseconds(), 10), Content: content,
		})
	}
}

// takePolicies compiles what a policy point gave. A set that can't be enforced
// grants nothing, like one that can't be read; the others stay.
func (k *call) takePolicies(one *delegation, p distributed.Policies) (some bool) {
	there := k.c.homeOf(one.from)
	for _, set := range p.Sets {
		wide, err := widenRules(there, set)
		if err != nil {
			continue
		}
		if policy, err := access.Compile(there, wide, "pv"); err == nil {
			one.policies, one.sets = append(one.policies, policy), append(one.sets, wide)
		}
	}
	if bad := len(p.Sets) - len(one.policies); bad > 0 {
		one.steps = append(one.steps, fmt.Sprintf("%d of its policies can't be enforced", bad))
	}
	return len(one.policies) > 0
}

// homeOf is the CSE that identifiers in an answer of a point are relative to.
func (c *CSE) homeOf(address string) onem2m.Home {
	a, err := onem2m.ParseAddress(address)
	if err != nil {
		return onem2m.Home{}
	}
	host := a.Host(c.Home)
	return onem2m.Home{SP: host.SP(), CSE: host.SPRelative()}
}
