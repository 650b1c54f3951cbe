package cse

import (
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// selfReference is the virtual child of a subscription by which a target takes
// itself out of it (C-030).
func selfReference() map[string]*virtual {
	return map[string]*virtual{"ntsr": {serve: leave}}
}

// removal is what a policy says about a target that wants to leave.
type removal struct {
	subscription *store.Record
	policy       int64 // surrogate of the policy that decides
	action       int64
	applies      bool // its rules are satisfied
}

// leave serves a request to <notificationTargetSelfReference> (TS-0004 clause
// 7.4.33). Where TS-0001 clause 10.2.10.8 differs, it answers first and asks
// afterwards, TS-0004 is followed (C-334, C-335).
func leave(ctx context.Context, k *call, t target) (*onem2m.Response, error) {
	if k.req.Operation != onem2m.Delete {
		return nil, onem2m.Errorf(onem2m.OperationNotAllowed, "to", "a self-reference is only deleted") // C-336
	}
	var asked removal
	err := k.c.Store.Read(ctx, func(r store.Reader) (err error) {
		if err := k.authorize(r, t.rec, onem2m.Delete, access.Delete); err != nil {
			return err
		}
		if err := k.checkLock(r, t.rec); err != nil {
			return err
		}
		asked, err = k.judgeRemoval(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	switch {
	case !asked.applies:
		return nil, k.stays("the rules of the policy aren't satisfied") // C-337
	case asked.action == removalInform:
		_, _ = k.consult(ctx, asked.subscription, false) // told as far as it can be reached
		return nil, k.stays("the creator of the subscription decides")
	case asked.action == removalSeek:
		if ok, err := k.consult(ctx, asked.subscription, true); err != nil || !ok {
			return nil, k.stays("the creator of the subscription doesn't allow it")
		}
	case asked.action != removalAccept:
		return nil, k.stays("the policy rejects it")
	}
	err = k.c.Store.Update(ctx, func(tx store.Tx) error {
		now, err := k.judgeRemoval(tx)
		if err != nil {
			return err
		}
		if now.policy != asked.policy || now.action != asked.action || !now.applies {
			return k.stays("the policy has changed meanwhile")
		}
		return k.removeTarget(tx, now.subscription)
	})
	if err != nil {
		return nil, err
	}
	return &onem2m.Response{Code: onem2m.Deleted}, nil
}

// stays refuses to take the originator out of the subscription.
func (k *call) stays(reason string) error {
	k.audit("special", "", onem2m.OriginatorHasNoPrivilege, reason)
	return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "to", "%s", reason)
}

// judgeRemoval finds the policy for the originator and evaluates it (C-332).
func (k *call) judgeRemoval(r store.Reader) (removal, error) {
	t, err := k.c.resolve(r, k.address.Path, k.now)
	if err != nil {
		return removal{}, err
	}
	targets, _ := attributes(t.rec).Texts("nu")
	if !slices.ContainsFunc(targets, func(nu string) bool { return k.standsFor(r, nu) }) {
		return removal{}, k.stays("the originator is no target of the subscription")
	}
	policy, err := k.removalPolicy(r, t.rec)
	if err != nil {
		return removal{}, err
	}
	if policy == nil {
		return removal{}, k.stays("there is no policy")
	}
	out := removal{subscription: t.rec, policy: policy.ID}
	out.action, _ = attributes(policy).Int("acn")
	out.applies, err = k.rulesHold(r, policy)
	return out, err
}

// standsFor reports whether a notification target is the originator.
func (k *call) standsFor(r store.Reader, target string) bool {
	to := notify.TargetAddress(target)
	if strings.Contains(to, ":") {
		return false
	}
	address, err := onem2m.ParseAddress(to)
	if err != nil {
		return false
	}
	if address.Entity(k.c.Home) == k.from.ID {
		return true
	}
	path, ok := k.c.hosted(address)
	if !ok {
		return false
	}
	t, err := k.c.resolve(r, path, k.now)
	return err == nil && t.virtual == "" && t.rec.Type == onem2m.TypeAE && t.rec.Origin == k.from.ID
}

// removalPolicy: the policy that a reference names for this target, else the
// default of the subscription's creator, else the system's (C-332).
func (k *call) removalPolicy(r store.Reader, subscription *store.Record) (policy *store.Record, err error) {
	err = k.c.eachChild(r, subscription.ID, 0, k.now, func(rec *store.Record) (bool, error) {
		if rec.Type != onem2m.TypeNotificationTargetMgmtPolicyRef {
			return true, nil
		}
		attrs := attributes(rec)
		targets, _ := attrs.Texts("ntu")
		if !slices.ContainsFunc(targets, func(nu string) bool { return k.standsFor(r, nu) }) {
			return true, nil
		}
		if npi, ok := attrs.Text("npi"); ok {
			policy = k.policyAt(r, npi)
		}
		return false, nil
	})
	if err != nil || policy != nil {
		return policy, err
	}
	var system *store.Record
	err = k.c.eachPolicy(r, k.now, func(rec *store.Record) bool {
		switch {
		case k.c.systemPolicy(rec):
			system = rec
		case rec.Origin == subscription.Origin && labelled(attributes(rec)):
			policy = rec
		}
		return policy == nil
	})
	if policy == nil {
		policy = system
	}
	return policy, err
}

// policyAt returns the policy that an address of this CSE names, or nil.
func (k *call) policyAt(r store.Reader, text string) *store.Record {
	address, err := onem2m.ParseAddress(text)
	if err != nil || !address.Local(k.c.Home) {
		return nil
	}
	t, err := k.c.resolve(r, address.Path, k.now)
	if err != nil || t.virtual != "" || t.rec.Type != onem2m.TypeNotificationTargetPolicy {
		return nil
	}
	return t.rec
}

// logicalAnd is a value of m2m:logicalOperator; the other, OR, is the default.
const logicalAnd = 1

// rulesHold evaluates the rule sets of a policy; without any it applies always.
func (k *call) rulesHold(r store.Reader, policy *store.Record) (bool, error) {
	var results []bool
	err := k.c.eachChild(r, policy.ID, 0, k.now, func(rec *store.Record) (bool, error) {
		if rec.Type == onem2m.TypePolicyDeletionRules {
			results = append(results, k.ruleSetHolds(attributes(rec)))
		}
		return true, nil
	})
	if err != nil {
		return false, err
	}
	relation, _ := attributes(policy).Int("rrs")
	return combine(results, relation), nil
}

// combine joins results by a logical operator. None at all is satisfied (C-331).
func combine(results []bool, operator int64) bool {
	if len(results) == 0 {
		return true
	}
	return slices.Contains(results, operator != logicalAnd) != (operator == logicalAnd)
}

// ruleSetHolds evaluates the times and places of one set of rules.
func (k *call) ruleSetHolds(attrs onem2m.Object) bool {
	rules, _ := attrs.Object("dr")
	relation, _ := attrs.Int("drr")
	var results []bool
	times, _ := rules.Texts("tod")
	for _, text := range times {
		schedule, err := onem2m.ParseSchedule(text)
		results = append(results, err == nil && schedule.Contains(k.now.Time()))
	}
	regions, _ := onem2m.ParseList(rules.Get("lr"))
	for _, region := range regions {
		results = append(results, k.within(region))
	}
	return combine(results, relation)
}

// within reports whether the originator is in an m2m:locationRegion, by the
// same reading as in an access control policy.
func (k *call) within(region jsontext.Value) bool {
	rule := `{"acr":[{"acor":["all"],"acop":8,"acco":[{"aclr":` + string(region) + `}]}]}`
	policy, err := access.Compile(k.c.Home, jsontext.Value(rule), "lr")
	if err != nil {
		return false
	}
	return policy.Permits(&access.Query{
		Home: k.c.Home, Originator: k.from.ID, Authenticated: k.from.Authenticated,
		Operation: onem2m.Delete, Privilege: access.Delete, TargetType: onem2m.TypeSubscription,
		Time: k.now.Time(), Location: k.c.Locate(k.from.ID),
	})
}

// consult tells the creator of a subscription that a target wants to leave, or
// asks whether it may. The texts call the indication by two names when it asks,
// so both stand there; and a success of any kind allows it, unless the answer
// says otherwise (C-334).
func (k *call) consult(ctx context.Context, subscription *store.Record, ask bool) (bool, error) {
	o := onem2m.Object{
		{Name: "sur", Value: onem2m.TextValue(k.c.Home.CSE + "/" + subscription.RI)},
		{Name: "ntt", Value: onem2m.TextValue(k.from.ID.In(k.c.Home))},
		{Name: "trr", Value: onem2m.BoolValue(true)},
	}
	if ask {
		o.Set("tra", onem2m.BoolValue(true))
	}
	creator := subscription.Origin.In(k.c.Home)
	res, err := k.c.tell(ctx, creator, &onem2m.Content{Name: "m2m:sgn", Value: o.Append(nil)})
	if err != nil || res.Code/1000 != 2 {
		return false, err
	}
	if res.Content != nil {
		if answer, err := onem2m.ParseObject(res.Content.Value); err == nil && answer.Has("tra") {
			allowed, _ := answer.Bool("tra")
			return allowed, nil
		}
	}
	return true, nil
}

// removeTarget takes the originator out of notificationURI (C-333). The
// subscription stays when nobody is left.
func (k *call) removeTarget(tx store.Tx, subscription *store.Record) error {
	targets, _ := attributes(subscription).Texts("nu")
	targets = slices.DeleteFunc(targets, func(nu string) bool { return k.standsFor(tx, nu) })
	return k.c.amend(tx, subscription, k.from.ID, onem2m.Object{{Name: "nu", Value: onem2m.TextsValue(targets)}})
}
