package cse

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/announcement"
	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// policiesFor answers as a policy point (TS-0004 clause 7.4.44.2.3): with the
// rules that are about a resource, and with those of the policy points that its
// policies name (mode d).
func (k *call) policiesFor(ctx context.Context, q *distributed.PolicyQuestion, trail distributed.Trail) (distributed.Policies, error) {
	address, err := k.statedAddress(q.To)
	if err != nil {
		return distributed.Policies{}, err
	}
	sub, err := k.onBehalf(address.String(), string(k.from.ID), trail)
	if err != nil {
		return distributed.Policies{}, err
	}
	var sets []jsontext.Value
	_, err = sub.enquiring(ctx, func(sub *call, ctx context.Context) (*onem2m.Response, error) {
		return nil, k.c.Store.Read(ctx, func(r store.Reader) (err error) {
			sets, err = sub.rulesAbout(r, address)
			if err == nil && sub.uninformed() {
				err = errUninformed
			}
			return err
		})
	})
	switch {
	case err != nil:
		k.c.Log.WarnContext(ctx, "a policy point can't say which policies apply", "asked by", k.from.ID, "target", sub.req.To, "err", err)
		return distributed.Policies{Status: distributed.ProcessingError}, nil
	case len(sets) == 0:
		return distributed.Policies{Status: distributed.NotApplicable}, nil
	}
	sub.heeded()
	return distributed.Policies{Status: distributed.OK, Sets: sets}, nil
}

// rulesAbout collects the sets of rules about a resource, as they are valid
// everywhere.
func (k *call) rulesAbout(r store.Reader, address onem2m.Address) (sets []jsontext.Value, err error) {
	rec, sources, err := k.applicable(r, address)
	if err != nil {
		return nil, err
	}
	for i := range sources {
		if sources[i].Policy == nil {
			k.missPolicies(sources[i : i+1])
			continue
		}
		if set := k.exported(r, rec, &sources[i]); set != nil && sources[i].Policy.Len() > 0 {
			sets = append(sets, set)
		}
		d := k.c.delegatesNamed(r, sources[i].Name, k.now)
		if d == nil || len(d.policy) == 0 {
			continue
		}
		if one := k.delegation(r, rec, distributed.Policy, d.policy); one != nil {
			sets = append(sets, one.sets...)
		}
	}
	return sets, nil
}

// exported writes a policy so that it means the same on other CSEs: that of an
// <accessControlPolicy>, or the default policy of a creator. Rules that only this
// CSE understands, as those of its CSEBase, stay here: nil.
func (k *call) exported(r store.Reader, rec *store.Record, source *access.Source) jsontext.Value {
	if rec.Type == onem2m.TypeAccessControlPolicy {
		return exportRules(k.c.Home, attributes(rec).Get("pvs"))
	}
	if rec.ID != 0 {
		governing, err := k.c.governing(r, rec)
		if err != nil || governing.Type == onem2m.TypeCSEBase || governing.Type == onem2m.TypePollingChannel || governing.Type == onem2m.TypeRequest {
			return nil
		}
		if !k.c.guard(governing).linked {
			return ownerRules(k.c.ownerOf(governing))
		}
	}
	a, err := onem2m.ParseAddress(source.Name)
	if err != nil {
		return nil
	}
	if !a.Local(k.c.Home) {
		if f, _ := k.c.foreign(a, k.now); f != nil {
			return f.set
		}
		return nil
	}
	t, err := k.c.resolve(r, a.Path, k.now)
	if err != nil || t.virtual != "" || t.rec.Type != onem2m.TypeAccessControlPolicy {
		return nil
	}
	return exportRules(k.c.Home, attributes(t.rec).Get("pv"))
}

// ownerRules writes the default policy, which knows one entity.
func ownerRules(owner onem2m.ID) jsontext.Value {
	if owner == "" {
		return nil
	}
	return []byte(`{"acr":[{"acor":` + string(onem2m.TextsValue([]string{string(owner)})) + `,"acop":63}]}`)
}

// exportRules writes the rules of this CSE with names that are valid everywhere.
func exportRules(home onem2m.Home, set jsontext.Value) jsontext.Value {
	wide, err := announcement.Rules(set, func(list []string) []string {
		list = widenEntries(home, list)
		for i, entry := range list {
			switch {
			case strings.ContainsAny(entry, "/@"), entry == "all":
			case strings.HasPrefix(entry, "C"):
				list[i] = home.SP + home.CSE + "/" + entry
			case strings.HasPrefix(entry, "S"):
				list[i] = home.SP + "/" + entry
			}
		}
		return list
	})
	if err != nil {
		return nil
	}
	return wide
}
