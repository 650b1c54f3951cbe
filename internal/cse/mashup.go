package cse

import (
	"encoding/base64"
	"slices"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/semantics"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxMashupResults bounds the results of one instance; the oldest go first.
const maxMashupResults = 100

// Values of m2m:mashupMemberStoreType and m2m:mashupResultGenType.
const (
	storeValues       = 2
	resultAtCreation  = 1
	resultPeriodic    = 3
	resultWithMembers = 4
)

func mashupInstanceProcedures() *procedures {
	return &procedures{
		check: checkMashup, verify: drafts, created: createdMashup, entail: entailMashup, update: updateMashup, remove: removeMashup,
		virtual: map[string]*virtual{mashupPoint: {serve: serveMashup}},
	}
}

func mashupResultProcedures() *procedures { return &procedures{noCreate: true, noUpdate: true} }

// mashup is what a request makes of a <semanticMashupInstance>.
type mashup struct {
	profile *store.Record
	members onem2m.Object // value of mashupMember; nil if it stays
	result  *mashupResult // to be kept, or nil
}

type mashupResult struct{ format, text string }

// checkMashup runs the rules of TS-0004 clause 7.4.50.
func checkMashup(k *call, r store.Reader, s *subject) error {
	if !s.drafted.current(s) {
		release, err := k.drafting()
		if err != nil {
			return err
		}
		defer release()
		d := &drafted{old: s.old}
		if d.mashup, err = k.draftMashup(r, s); err != nil {
			return err
		}
		s.drafted = d
	}
	if m := s.drafted.mashup; m != nil && m.members != nil {
		s.set("msm", m.members.Append(nil))
		if s.old != nil && !s.touches("msm") {
			s.touched = append(slices.Clip(s.touched), "msm")
		}
	}
	return nil
}

// draftMashup finds the members, and makes a result where one is due.
func (k *call) draftMashup(r store.Reader, s *subject) (*mashup, error) {
	if _, err := mashupPeriod(s.attrs); err != nil {
		return nil, err
	}
	touched := func(names ...string) bool { return s.old == nil || slices.ContainsFunc(names, s.touches) }
	if !touched("mjid", "jpin", "mst", "msm") {
		return nil, nil
	}
	if s.old != nil && k.from.ID != s.old.Origin && !k.isAdmin() {
		// The members are read with the privileges of the creator: who else may
		// change the instance must not choose what is read.
		k.audit("special", "", onem2m.OriginatorHasNoPrivilege, "only its creator says what a mashup is made of")
		return nil, k.denied(k.req.Operation)
	}
	id, _ := s.attrs.Text("mjid")
	profile, err := k.profile(r, id)
	if err != nil {
		return nil, err
	}
	if profile.Type != onem2m.TypeSemanticMashupJobProfile {
		return nil, onem2m.Errorf(onem2m.BadRequest, "mjid", "not a <semanticMashupJobProfile>")
	}
	j, err := k.newJob(r, profile, s.attrs)
	if err != nil {
		return nil, err
	}
	m := &mashup{profile: profile}
	if touched("mjid", "mst", "msm") {
		var members []ingredient
		if s.old == nil || s.touches("mjid") {
			members, err = k.discoverMembers(r, profile, s.attrs)
		} else {
			members, err = k.namedMembers(r, s.attrs)
		}
		if err == nil {
			m.members, err = j.represent(members, s.attrs)
		}
		if err != nil {
			return nil, err
		}
	}
	if due(s) {
		attrs := s.attrs.Clone()
		if m.members != nil {
			attrs.Set("msm", m.members.Append(nil))
		}
		if m.result, err = j.compute(k.meaning.ctx, attrs); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// due reports whether a CREATE or UPDATE makes a result (clauses 7.4.50.2.1
// and 7.4.50.2.3).
func due(s *subject) bool {
	generation, _ := s.attrs.Int("rgt")
	if s.old == nil {
		return generation == resultAtCreation
	}
	return s.touches("jpin") || s.touches("msm") && generation == resultWithMembers
}

// discoverMembers finds the members of a mashup by the filter of its profile, in
// the whole CSE. Those of other CSEs are the ones that mashupMember names.
func (k *call) discoverMembers(r store.Reader, profile *store.Record, attrs onem2m.Object) ([]ingredient, error) {
	query, _ := attributes(profile).Text("mbft")
	filter, err := semantics.ParseFilter([]string{query}, k.now.Time())
	if err != nil {
		return nil, invalidQuery("mbft", err)
	}
	criteria := &onem2m.FilterCriteria{SemanticsFilter: []string{query}}
	matcher, err := criteria.Compile()
	if err != nil {
		return nil, err
	}
	base, err := r.ByID(baseID)
	if err != nil {
		return nil, err
	}
	before := k.meaning.filter
	k.meaning.filter = filter
	defer func() { k.meaning.filter = before }()
	var list []*store.Record
	w := &walk{k: k, r: r, op: onem2m.Retrieve, privilege: access.Discover, matcher: matcher, from: 1, to: maxMashups}
	w.found = func(rec *store.Record, _ string) error { list = append(list, rec); return nil }
	if err := w.below(k.meaning.ctx, base, "", 1); err != nil {
		return nil, err
	}
	if w.more {
		return nil, onem2m.Errorf(onem2m.BadRequest, "mjid", "more than %d members", maxMashups)
	}
	named := memberAddresses(attrs)
	if len(named) > maxMashups {
		return nil, onem2m.Errorf(onem2m.BadRequest, "msm", "more than %d members", maxMashups)
	}
	far, err := k.ingredients(r, named, true)
	if err == nil && len(list)+len(far) == 0 {
		err = noMashupMember()
	}
	return append(ingredients(list), far...), err
}

func noMashupMember() error {
	return onem2m.Errorf(onem2m.MashupMemberNotFound, "msm", "a member of the mashup, or its data, isn't available")
}

// memberAddresses are the addresses in mashupMember.
func memberAddresses(attrs onem2m.Object) []string {
	outer, _ := attrs.Object("msm")
	list, _ := outer.Objects("msm")
	var addresses []string
	for _, o := range list {
		address, _ := o.Text("muri")
		addresses = append(addresses, address)
	}
	return addresses
}

// namedMembers finds the members that mashupMember names, all of which the
// originator may RETRIEVE.
func (k *call) namedMembers(r store.Reader, attrs onem2m.Object) ([]ingredient, error) {
	addresses := memberAddresses(attrs)
	if len(addresses) > maxMashups {
		return nil, onem2m.Errorf(onem2m.BadRequest, "msm", "more than %d members", maxMashups)
	}
	list, err := k.ingredients(r, addresses, false)
	if err == nil && len(list) == 0 {
		err = noMashupMember()
	}
	return list, err
}

// createdMashup enters the instance into its profile.
func createdMashup(k *call, tx store.Tx, s *subject) error {
	k.c.armMashup(tx, s)
	if err := k.keepSpokesman(tx, s, s.drafted.mashup.members); err != nil {
		return err
	}
	id := s.drafted.mashup.profile.ID
	if id == 0 {
		return nil // of another CSE
	}
	profile, err := tx.ByID(id)
	if err != nil {
		return missing(err)
	}
	return k.c.noteMashup(tx, profile, s.ri, true)
}

// entailMashup keeps the result that a CREATE makes.
func entailMashup(k *call, tx store.Tx, s *subject) error {
	if s.drafted.mashup.result == nil {
		return nil
	}
	rec, err := tx.ByID(s.id)
	if err != nil {
		return err
	}
	_, err = k.keepResult(tx, rec, s.drafted.mashup.result)
	return err
}

// updateMashup keeps the result that an UPDATE makes, and moves the instance to
// another profile.
func updateMashup(k *call, tx store.Tx, s *subject) error {
	k.c.armMashup(tx, s)
	m := s.drafted.mashup
	if m == nil {
		return nil
	}
	if err := k.keepSpokesman(tx, s, m.members); err != nil {
		return err
	}
	if m.profile != nil && s.touches("mjid") {
		if was := k.c.profileOf(tx, s.old); was != nil {
			if err := k.c.noteMashup(tx, was, s.ri, false); err != nil {
				return err
			}
		}
		if err := createdMashup(k, tx, s); err != nil {
			return err
		}
	}
	if m.result == nil {
		return nil
	}
	_, err := k.keepResult(tx, s.old, m.result)
	return err
}

// removeMashup takes the instance out of its profile.
func removeMashup(c *CSE, tx store.Tx, rec *store.Record) error {
	tx.OnCommit(func() { c.mashups.drop(rec.ID) })
	if err := tx.SetSetting(mashupName(rec.ID), nil); err != nil {
		return err
	}
	profile := c.profileOf(tx, rec)
	if profile == nil {
		return nil
	}
	return c.noteMashup(tx, profile, rec.RI, false)
}

// keepResult stores a <semanticMashupResult> below its instance, with the
// policies of that, and removes the oldest beyond the bound.
func (k *call) keepResult(tx store.Tx, instance *store.Record, result *mashupResult) (*store.Record, error) {
	old, err := tx.Children(instance.ID, store.Page{Only: onem2m.TypeSemanticMashupResult, Limit: maxMashupResults + 1})
	if err != nil {
		return nil, err
	}
	for i := range len(old) - maxMashupResults + 1 {
		if err := k.c.removeTree(tx, old[i], k.c.Home.ID()); err != nil {
			return nil, err
		}
	}
	attrs := attributes(instance)
	s := &subject{
		info: onem2m.TypeByNumber(onem2m.TypeSemanticMashupResult), parent: instance, id: tx.NextID(),
		now: k.c.tick(), et: instance.Expires, origin: instance.Origin,
	}
	s.ri = k.c.names.resourceID(s.info.Root, s.id)
	s.rn = s.ri
	for _, name := range []string{"acpi", "jpin"} {
		if v := attrs.Get(name); v != nil {
			s.set(name, v)
		}
	}
	k.c.passLinks(tx, instance, s, k.now)
	s.set("mrf", onem2m.TextsValue([]string{result.format}))
	s.set("mrt", onem2m.TextValue(base64.StdEncoding.EncodeToString([]byte(result.text))))
	rec := s.record()
	if err := k.c.insert(tx, rec); err != nil {
		return nil, err
	}
	return rec, k.c.Notifier.Record(tx, notify.Event{Type: notify.ChildCreated, Resource: instance, Child: rec, Originator: k.from.ID})
}
