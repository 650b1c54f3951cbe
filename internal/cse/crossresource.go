package cse

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxCrossed bounds the targets of one <crossResourceSubscription>: a
// subscription is made or changed for each of them in the writer.
const maxCrossed = 100

// Values of m2m:eventEvaluationMode (C-324).
const (
	allPresent       = 1
	allOrSomePresent = 2
	allOrSomeMissing = 3
	allMissing       = 4
	someMissing      = 5
)

// Values of m2m:timeWindowType.
const (
	periodicWindow = 1
	slidingWindow  = 2
)

func crossProcedures() *procedures {
	return &procedures{
		content: crossContent, check: checkCross, verify: verifyCross, create: createCross,
		update: updateCross, delete: deleteCross, remove: removeCross,
		virtual: selfReference(),
	}
}

// crossContent reads an eventNotificationCriteriaSet whose entries go by the
// name that a public CSE gives them; it is kept as it was sent (core section
// 32 row 70).
func crossContent(k *call, info *onem2m.TypeInfo) error {
	const entries, alias = "encn", "enc"
	set, ok := k.draft.raw.Object("encs")
	if !ok || k.req.Operation != onem2m.Create || !set.Has(alias) || set.Has(entries) {
		return nil
	}
	raw := k.draft.raw.Clone()
	raw.Set("encs", renamed(set, alias, entries).Append(nil))
	if k.draft.attrs, k.draft.err = info.ValidateCreate(raw); k.draft.err == nil {
		k.draft.attrs.Set("encs", k.draft.raw.Get("encs"))
	}
	return nil
}

// renamed is an object with another name for one member.
func renamed(o onem2m.Object, from, to string) onem2m.Object {
	o = o.Clone()
	for i := range o {
		if o[i].Name == from {
			o[i].Name = to
		}
	}
	return o
}

// criteriaSet returns the entries of eventNotificationCriteriaSet.
func criteriaSet(attrs onem2m.Object) []jsontext.Value {
	set, _ := attrs.Object("encs")
	for _, name := range []string{"encn", "enc"} {
		if list, err := onem2m.ParseList(set.Get(name)); err == nil {
			return list
		}
	}
	return nil
}

// checkCross runs the rules of TS-0004 clause 7.4.58.2 (C-318, C-321, C-324).
func checkCross(k *call, r store.Reader, s *subject) error {
	bad := func(name, text string) error { return onem2m.Errorf(onem2m.BadRequest, name, "%s", text) }
	targets, _ := s.attrs.Texts("nu")
	if len(targets) == 0 {
		return bad("nu", "at least one notification target is needed")
	}
	for _, target := range targets {
		if err := notify.CheckTarget(target); err != nil {
			return err
		}
	}
	if su, ok := s.attrs.Text("su"); ok && notify.CheckTarget(su) != nil {
		return bad("su", "a target that can't be notified")
	}
	if _, ok := windowOf(s.attrs); !ok || !windowRulesOf(s.attrs).inBounds(k.now) {
		return bad("tws", "a duration from a tenth of a second to 100 years is needed")
	}
	windows, _ := s.attrs.Int("twt")
	if mode := evaluation(s.attrs); windows != periodicWindow && (mode == allOrSomeMissing || mode == allMissing) {
		return bad("eem", "with a sliding window somebody has to notify")
	}
	if s.old != nil {
		return nil
	}
	regular, _ := s.attrs.Texts("rrat")
	subscriptions, _ := s.attrs.Texts("srat")
	criteria := criteriaSet(s.attrs)
	switch {
	case len(regular)+len(subscriptions) == 0:
		return bad("rrat", "rrat or srat is needed")
	case len(regular)+len(subscriptions) > maxCrossed:
		return onem2m.Errorf(onem2m.BadRequest, "rrat", "more than %d targets", maxCrossed)
	case len(regular) > 0 && len(criteria) != 1 && len(criteria) != len(regular):
		return bad("encs", "one entry, or one for each of rrat, is needed")
	}
	for _, text := range subscriptions {
		if rec := k.crossTarget(r, text); rec != nil && rec.Type != onem2m.TypeSubscription {
			return bad("srat", "an entry is no subscription")
		}
	}
	return nil
}

// crossTarget returns the resource of this CSE that an entry of rrat or srat
// names, or nil if there is none that the originator may read.
func (k *call) crossTarget(r store.Reader, text string) *store.Record {
	address, err := onem2m.ParseAddress(text)
	if err != nil || address.Attribute != "" {
		return nil
	}
	path, ok := k.c.hosted(address)
	if !ok {
		return nil
	}
	t, err := k.c.resolve(r, path, k.now)
	if err != nil || t.virtual != "" {
		return nil
	}
	if ok, err := k.permitted(r, t.rec, onem2m.Retrieve, access.Retrieve); err != nil || !ok {
		return nil
	}
	return t.rec
}

// crossFailure is what an originator learns of a target that can't be had: not
// why, which could tell it of resources that it may not see. A failure of the
// store stays one.
func crossFailure(name string, i int, err error) error {
	if _, ok := errors.AsType[*onem2m.Error](err); !ok {
		return err
	}
	return &onem2m.Error{
		Code: onem2m.CrossResourceOperationFailure, Subject: name,
		Text: "entry " + string(onem2m.IntValue(int64(i+1))) + " can't be subscribed to by the originator", Cause: err,
	}
}

// verifyCross makes sure that every target can be had before anybody is asked,
// and asks the notification targets.
func verifyCross(ctx context.Context, k *call, s *subject) error {
	if s.old == nil {
		// They name the resourceID that the resource is going to have.
		if s.ri == "" {
			s.ri = k.c.names.resourceID(s.info.Root, int64(k.now))
		}
		err := k.rehearse(ctx, func(r store.Reader) error {
			_, err := k.enlist(r, s)
			return err
		})
		if err == nil {
			err = k.subscribeFar(ctx, s)
		}
		if err == nil {
			err = k.tieFar(ctx, s)
		}
		if err != nil {
			return err
		}
	}
	return verifyTargets(ctx, k, s)
}
