package cse

import (
	"context"
	"errors"
	"slices"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// create is the generic CREATE procedure (core section 6). Where a type must
// ask others first, it runs twice: once on a snapshot up to the question, and
// in the writer for good.
func (k *call) create(ctx context.Context) (*onem2m.Response, error) {
	s := &subject{}
	if k.under != nil {
		s.ri = k.under.ri
	}
	if err := k.verifyCreate(ctx, s); err != nil {
		return nil, err
	}
	var res *onem2m.Response
	address := ""
	err := k.c.Store.Update(ctx, func(tx store.Tx) error {
		if k.expires <= onem2m.TimestampOf(k.c.Now()) {
			return timedOut() // it waited too long for the writer (C-053)
		}
		p, err := k.vetCreate(tx, s)
		if err != nil {
			return err
		}
		made, err := k.performCreate(tx, p, s)
		if err != nil {
			return err
		}
		k.made = made
		if k.rcn == 2 || k.rcn == 3 {
			if address, err = Structured(tx, s.parent); err != nil {
				return err
			}
			address += "/" + s.rn
		}
		if res, err = k.created(made, address); err == nil {
			res, err = k.limited(res)
		}
		if err != nil {
			return err
		}
		return k.settleUnlessAnnounced(tx, s, res)
	})
	if err != nil {
		return nil, err
	}
	if p := k.c.types[k.ty]; p.after != nil && within(ctx) == nil {
		if made := p.after(ctx, k, s); made != nil {
			k.made = made
			if res, err = k.created(made, address); err == nil {
				res, err = k.limited(res)
			}
		}
	}
	if made := k.announce(ctx, k.made, s); made != nil {
		if res, err = k.created(made, address); err == nil {
			res, err = k.limited(res)
		}
	}
	return res, err
}

// verifyCreate asks others where the type must.
func (k *call) verifyCreate(ctx context.Context, s *subject) error {
	p := k.c.types[k.ty]
	if p == nil || p.verify == nil || p.asks != nil && !p.asks(k) {
		return nil
	}
	if must, err := k.mustAsk(ctx, permissions.hasVerified); err != nil || !must {
		return err
	}
	err := k.rehearse(ctx, func(r store.Reader) error {
		_, err := k.vetCreate(r, s)
		return err
	})
	if err != nil {
		return err
	}
	return p.verify(ctx, k, s)
}

// rehearse runs the checks of a procedure on a snapshot before others are asked.
func (k *call) rehearse(ctx context.Context, vet func(store.Reader) error) error {
	k.rehearsal = true
	defer func() { k.rehearsal = false }()
	return k.c.Store.Read(ctx, vet)
}

// vetCreate runs rows 18 to 30 of core section 4 and fills the subject.
func (k *call) vetCreate(r store.Reader, s *subject) (*procedures, error) {
	t, err := k.c.resolve(r, k.address.Path, k.now)
	if err != nil {
		return nil, err
	}
	if t.virtual != "" {
		return nil, onem2m.Errorf(onem2m.OperationNotAllowed, "to", "nothing is created at a virtual resource")
	}
	p, info := k.c.types[k.ty], onem2m.TypeByNumber(k.ty)
	if p != nil && p.register != nil {
		err = p.register(k, r, t.rec)
	} else {
		err = k.authorizeNaming(r, t.rec, onem2m.Create, access.Create, k.sentNames())
	}
	if err != nil {
		return nil, err
	}
	if err := k.checkLock(r, t.rec); err != nil {
		return nil, err
	}
	if err := k.allowChild(p, info, t.rec); err != nil {
		return nil, err
	}
	if k.draft.err != nil {
		return nil, k.draft.err
	}
	k.fill(s, k.draft.info, t.rec)
	if err := k.setExpiry(r, s); err != nil {
		return nil, err
	}
	if err := k.checkSpecific(r, p, s); err != nil {
		return nil, err
	}
	return p, k.checkName(r, s)
}

// allowChild: IN-only types, types without procedures, and the type tables
// (rows 21 to 23, C-065).
func (k *call) allowChild(p *procedures, info *onem2m.TypeInfo, parent *store.Record) error {
	switch {
	case info.INOnly && k.c.Type != IN:
		return onem2m.Errorf(onem2m.OperationNotAllowed, "ty", "this resource type lives on an IN-CSE only")
	case p == nil:
		return onem2m.Errorf(onem2m.NotImplemented, "ty", "resource type %d isn't supported", k.ty)
	case p.noCreate:
		return onem2m.Errorf(onem2m.OperationNotAllowed, "ty", "this resource type isn't created by request")
	}
	if _, ok := k.spRegistration(); ok {
		return nil // mayRegisterSP has looked where it belongs, which the tables forget
	}
	parentInfo := k.c.infoOf(parent)
	if parentInfo == nil || !parentInfo.AllowsChild(k.ty) && !copiesBelow(parentInfo, info) {
		if k.ty == onem2m.TypeSubscription {
			return onem2m.Errorf(onem2m.TargetNotSubscribable, "to", "a resource of type %d can't be subscribed to", parent.Type)
		}
		return onem2m.Errorf(onem2m.InvalidChildResourceType, "ty", "type %d isn't a child of type %d", k.ty, parent.Type)
	}
	if p.nests != nil {
		return p.nests(k, parent)
	}
	return nil
}

// fill prepares the subject of a CREATE from the draft. A second run, in the
// writer, keeps what verification has already promised to others.
func (k *call) fill(s *subject, info *onem2m.TypeInfo, parent *store.Record) {
	s.info, s.parent = info, parent
	s.attrs = k.draft.attrs.Clone()
	s.origin = k.from.ID
	s.rn, _ = s.attrs.Text("rn")
	if s.attrs.IsNull("cr") { // C-093
		s.attrs.Set("cr", onem2m.TextValue(k.from.ID.In(k.c.Home)))
	}
}

// setExpiry settles expirationTime (C-091, C-092): never in the past, never
// behind the parent's, never behind the operator's maximum.
func (k *call) setExpiry(r store.Reader, s *subject) error {
	at := func(d int64) onem2m.Timestamp { return k.now + onem2m.Timestamp(d) }
	latest := at(k.c.Timing.MaxExpiration.Microseconds())
	if s.parent.Expires != 0 {
		latest = min(latest, s.parent.Expires)
	}
	wanted, given := s.attrs.Time("et")
	if given && wanted <= k.now {
		return onem2m.Errorf(onem2m.BadRequest, "et", "the expiration time is in the past")
	}
	if !given {
		wanted = at(k.c.Timing.DefaultExpiration.Microseconds())
		if store.Bulk(s.info.Type) {
			wanted = latest // as long as its container allows
		}
	}
	s.et = min(wanted, latest)
	s.due = s.et
	if s.et == s.parent.Expires {
		s.due = 0 // goes with its parent
	}
	return nil
}

// unsupported are attributes of features that this version doesn't have; to
// keep them without effect would promise something (row 28).
var unsupported = [...]string{
	"at", "aa", "ast", // announcement
}

// checkSpecific runs rows 28 and 29: attributes without support, links to
// policies, the type's own rules.
func (k *call) checkSpecific(r store.Reader, p *procedures, s *subject) error {
	for _, name := range unsupported {
		if k.draft.attrs.Has(name) && !k.draft.attrs.IsNull(name) && !k.announces(s.info, name) {
			return onem2m.Errorf(onem2m.NotImplemented, name, "this attribute isn't supported")
		}
	}
	if err := k.checkLinks(r, s); err != nil {
		return err
	}
	if err := k.checkConsultations(r, s); err != nil {
		return err
	}
	if err := k.checkAnnouncement(r, s); err != nil {
		return err
	}
	if p.check == nil {
		return nil
	}
	return p.check(k, r, s)
}

// maxLinks bounds the entries of accessControlPolicyIDs: each is looked up in
// every decision about the resource.
const maxLinks = 64

// checkLinks: every local entry of acpi names an existing policy (C-097).
func (k *call) checkLinks(r store.Reader, s *subject) error { return k.checkPolicyList(r, s, "acpi") }

// checkPolicyList is checkLinks for any attribute that lists policies. An UPDATE
// binds them to these, see leads.
func (k *call) checkPolicyList(r store.Reader, s *subject, name string) error {
	list, ok := k.draft.attrs.Texts(name)
	if !ok {
		return nil
	}
	if len(list) > maxLinks {
		return onem2m.Errorf(onem2m.BadRequest, name, "more than %d policies", maxLinks)
	}
	for _, text := range list {
		address, err := onem2m.ParseAddress(text)
		if err != nil || address.Attribute != "" {
			return onem2m.Errorf(onem2m.BadRequest, name, "not a resource identifier")
		}
		if !address.Local(k.c.Home) {
			continue
		}
		t, err := k.c.resolve(r, address.Path, k.now)
		switch {
		case err == nil && t.virtual == "" && t.rec.Type == onem2m.TypeAccessControlPolicy:
		case err == nil && t.virtual == "" && t.rec.Type == onem2m.TypeAccessControlPolicyAnnc && k.draft.info.Kind.Announced():
		case err != nil && onem2m.AsError(err).Code != onem2m.NotFound:
			return err
		default:
			return onem2m.Errorf(onem2m.BadRequest, name, "no such access control policy")
		}
	}
	if s.old != nil && !k.draft.info.Kind.Announced() {
		if bound, changed := k.c.boundLinks(r, s.old, list, k.now); changed {
			s.attrs.Set(name, onem2m.TextsValue(bound))
		}
	}
	return nil
}

// checkName: the name is free among the siblings, virtual ones included (row 30).
func (k *call) checkName(r store.Reader, s *subject) error {
	if s.rn == "" {
		return nil
	}
	taken := reserved(s.parent.Type, s.rn)
	if !taken {
		sibling, err := r.Child(s.parent.ID, s.rn)
		switch {
		case err == nil:
			taken = !expired(sibling, k.now) && !k.returns(sibling) // C-408, C-199
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	if taken {
		return onem2m.Errorf(onem2m.Conflict, "rn", "the name is taken")
	}
	levels, err := depth(r, s.parent)
	if err != nil {
		return err
	}
	if levels >= k.c.Limits.Depth {
		return onem2m.Errorf(onem2m.BadRequest, "to", "the tree is deeper than %d levels", k.c.Limits.Depth)
	}
	return nil
}

// performCreate stores the resource (C-088).
func (k *call) performCreate(tx store.Tx, p *procedures, s *subject) (*store.Record, error) {
	if err := k.clearName(tx, s); err != nil {
		return nil, err
	}
	if s.id == 0 {
		s.id = tx.NextID()
	}
	if s.ri == "" {
		s.ri = k.c.names.resourceID(s.info.Root, s.id)
	}
	if s.rn == "" {
		s.rn = s.ri
	}
	s.now, s.counted = k.c.tick(), p.counted // counters start at 0 (C-232)
	if s.info.Has("st") && !s.attrs.Has("st") && !s.counted {
		s.set("st", onem2m.IntValue(0)) // C-089
	}
	if p.create != nil {
		if err := p.create(k, tx, s); err != nil {
			return nil, err
		}
	}
	rec := s.record()
	if s.discard {
		return rec, nil
	}
	if err := k.c.insert(tx, rec); err != nil {
		return nil, err
	}
	k.c.noteReferences(tx, rec)
	if p.created != nil {
		if err := p.created(k, tx, s); err != nil {
			return nil, err
		}
	}
	who := k.from.ID
	if who == "" {
		who = s.origin // an AE that has just got its identifier
	}
	err := k.c.Notifier.Record(tx, notify.Event{Type: notify.ChildCreated, Resource: s.parent, Child: k.c.publicRecord(rec), Originator: who})
	if err == nil && p.entail != nil {
		err = p.entail(k, tx, s)
	}
	return rec, err
}

// clearName removes a sibling that still holds the name although it counts for
// nothing any more: it has expired, or the <AE> that it was comes back.
func (k *call) clearName(tx store.Tx, s *subject) error {
	if s.rn == "" {
		return nil
	}
	sibling, err := tx.Child(s.parent.ID, s.rn)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
	return k.c.removeTree(tx, sibling, k.c.Home.ID())
}

// record makes the stored form of a new resource.
func (s *subject) record() *store.Record {
	u := universal{
		ty: s.info.Type, ri: s.ri, rn: s.rn, pi: s.parent.RI,
		ct: s.now, lt: s.now, et: s.et, after: s.attrs,
	}
	return &store.Record{
		ID: s.id, Parent: s.parent.ID, RI: s.ri, RN: s.rn, Type: s.info.Type, Root: s.info.Root,
		Created: s.now, Modified: s.now, Expires: s.et, Due: s.due, Origin: s.origin,
		Size: s.size, Attributes: u.encode(), Counted: s.counted, Counters: s.count,
	}
}

// created shapes the answer to a CREATE by rcn (core section 11).
func (k *call) created(rec *store.Record, address string) (*onem2m.Response, error) {
	res := &onem2m.Response{Code: onem2m.Created}
	switch k.rcn {
	case 0:
	case 1:
		res.Content = root(rec)
	case 2:
		res.Content = uri(address)
	case 3:
		o := onem2m.Object{{Name: "uri", Value: onem2m.TextValue(address)}, {Name: rec.Root, Value: rec.Representation()}}
		res.Content = &onem2m.Content{Name: "m2m:rce", Value: o.Append(nil)}
	case 9:
		all, err := representation(rec)
		if err != nil {
			return nil, err
		}
		var changed onem2m.Object // C-140
		for _, m := range all {
			if sent := k.draft.raw.Get(m.Name); sent == nil || !slices.Equal(sent, m.Value) {
				changed = append(changed, m)
			}
		}
		for _, name := range []string{"at", "aa"} { // of which nothing is left
			if k.draft.raw.Has(name) && !all.Has(name) {
				changed.Set(name, onem2m.NullValue())
			}
		}
		if len(changed) > 0 {
			res.Content = &onem2m.Content{Name: rec.Root, Value: changed.Append(nil)}
		}
	}
	return res, nil
}
