package cse

import (
	"context"
	"slices"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// update is the generic UPDATE procedure (core section 8).
func (k *call) update(ctx context.Context) (*onem2m.Response, error) {
	if k.c.Bindings != nil {
		if res, mine, err := k.answerAsPoint(ctx); mine || err != nil {
			return res, err
		}
	}
	if res, done, err := k.updateOriginal(ctx); done {
		return res, err
	}
	s := &subject{}
	if err := k.verifyUpdate(ctx, s); err != nil {
		return nil, err
	}
	release, err := k.hold(ctx)
	defer release()
	if err != nil {
		return nil, err
	}
	if err := k.thin(ctx); err != nil {
		return nil, err
	}
	var res *onem2m.Response
	var made *store.Record
	var own arrearSpan // what copies elsewhere are owed
	err = k.c.Store.Update(ctx, func(tx store.Tx) error {
		if k.expires <= onem2m.TimestampOf(k.c.Now()) {
			return timedOut()
		}
		p, err := k.vetUpdate(tx, s)
		if err != nil {
			return err
		}
		before := k.c.arrears.made.Load()
		if made, err = k.performUpdate(tx, p, s); err != nil {
			return err
		}
		own = k.c.arrears.since(before)
		if res, err = k.updated(made, s); err == nil {
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
	k.c.payOwn(ctx, own)
	if p := k.c.types[s.old.Type]; p.after != nil && within(ctx) == nil {
		if later := p.after(ctx, k, s); later != nil {
			made = later
			if res, err = k.updated(made, s); err == nil {
				res, err = k.limited(res)
			}
		}
	}
	if made = k.announce(ctx, made, s); made != nil {
		if res, err = k.updated(made, s); err == nil {
			res, err = k.limited(res)
		}
	}
	return res, err
}

// verifyUpdate asks others where the type must.
func (k *call) verifyUpdate(ctx context.Context, s *subject) error {
	info := k.contentType()
	if info == nil {
		return nil
	}
	p := k.c.types[info.Type]
	if p == nil || p.verify == nil || p.asks != nil && !p.asks(k) {
		return nil
	}
	if must, err := k.mustAsk(ctx, permissions.hasVerified); err != nil || !must {
		return err
	}
	err := k.rehearse(ctx, func(r store.Reader) error {
		_, err := k.vetUpdate(r, s)
		return err
	})
	if err != nil {
		return err
	}
	return p.verify(ctx, k, s)
}

// contentType is the type that the root element of the Content names.
func (k *call) contentType() *onem2m.TypeInfo {
	if k.req.Content == nil {
		return nil
	}
	return k.c.typeOf(k.req.Content.Name)
}

// vetUpdate runs rows 18 to 29 of core section 4 and fills the subject.
func (k *call) vetUpdate(r store.Reader, s *subject) (*procedures, error) {
	t, err := k.c.resolve(r, k.address.Path, k.now)
	if err != nil {
		return nil, err
	}
	p := k.c.types[t.rec.Type]
	if t.virtual != "" || p == nil || p.noUpdate {
		return nil, onem2m.Errorf(onem2m.OperationNotAllowed, "to", "this resource isn't updated")
	}
	if err := k.matchTarget(r, t.rec); err != nil {
		return nil, err
	}
	switch {
	case p.governs != nil:
		err = p.governs(k, t.rec)
	case k.draft.raw.Has("acpi") && k.c.infoOf(t.rec).Has("acpi"):
		err = k.authorizeLinks(r, t.rec)
	case k.reholds(t.rec):
		err = k.authorizeReholding(t.rec)
	default:
		err = k.authorizeNaming(r, t.rec, onem2m.Update, access.Update, k.sentNames())
		if err == nil && k.choosesWhoIsAsked(t.rec) {
			err = k.authorizeSelf(r, t.rec)
		}
	}
	if err != nil {
		return nil, k.concealed(err)
	}
	if err := k.checkLock(r, t.rec); err != nil {
		return nil, err
	}
	if k.draft.err != nil {
		return nil, k.draft.err
	}
	info := k.contentType()
	if info == nil || info.Root != t.rec.Root {
		if info != nil && info.Type == onem2m.TypeDependency {
			return nil, onem2m.Errorf(onem2m.ContentsUnacceptable, "pc", "the addressed resource isn't a dependency") // row 52 of the open points
		}
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the root element isn't that of the addressed resource, %s", t.rec.Root)
	}
	return p, k.merge(r, p, s, info, t.rec)
}

// choosesWhoIsAsked reports whether an UPDATE changes who is asked for access:
// the consultations of a resource, or whom a consultation names and whether.
// Whoever is asked may grant anything on what links to it, so the choice is that
// of who decides about the policies.
func (k *call) choosesWhoIsAsked(rec *store.Record) bool {
	if rec.Type == onem2m.TypeDynamicAuthorizationConsultation {
		return k.draft.raw.Has("dap") || k.draft.raw.Has("dae")
	}
	return k.draft.raw.Has("daci") && k.c.infoOf(rec).Has("acpi")
}

// authorizeLinks decides an UPDATE that touches accessControlPolicyIDs: alone
// in its request, and by selfPrivileges.
func (k *call) authorizeLinks(r store.Reader, rec *store.Record) error {
	if len(k.draft.raw) > 1 {
		return onem2m.Errorf(onem2m.BadRequest, "acpi", "acpi is updated alone")
	}
	return k.authorizeSelf(r, rec)
}

// merge computes what the UPDATE would result in and checks it (C-109 … C-116).
func (k *call) merge(r store.Reader, p *procedures, s *subject, info *onem2m.TypeInfo, old *store.Record) error {
	parent, err := r.ByID(old.Parent)
	if err != nil {
		return missing(err)
	}
	s.info, s.parent, s.old = info, parent, old
	s.id, s.ri, s.rn = old.ID, old.RI, old.RN
	s.et, s.due, s.origin = old.Expires, old.Due, old.Origin
	s.counted, s.count, s.size = old.Counted, old.Counters, old.Size
	s.touched, s.dropped, s.asked = k.draft.sent, nil, nil
	s.attrs = attributes(old).Clone()
	for _, m := range k.draft.attrs {
		if string(m.Value) == "null" {
			s.attrs.Delete(m.Name)
			continue
		}
		s.attrs.Set(m.Name, m.Value)
	}
	if err := k.mergeExpiry(r, s); err != nil {
		return err
	}
	return k.checkSpecific(r, p, s)
}

// mergeExpiry settles a new expirationTime: clamped to the parent's, never
// before a child's; null asks for a new one (C-112, C-116, C-410).
func (k *call) mergeExpiry(r store.Reader, s *subject) error {
	if !k.draft.attrs.Has("et") {
		return nil
	}
	if err := k.setExpiry(r, s); err != nil {
		return err
	}
	latest, err := r.LatestExpiry(s.old.ID)
	if err != nil {
		return err
	}
	if s.et < latest {
		if !k.draft.attrs.IsNull("et") {
			return onem2m.Errorf(onem2m.BadRequest, "et", "a child expires later")
		}
		s.et = latest // never behind the parent's, which bounds the old et
		s.due = s.et
	}
	// Children with the old et have no due of their own: they went with this
	// resource. Now they go before it, and the sweep has to look here for them.
	look := s.old.Expires
	if s.old.Due != 0 {
		look = min(look, s.old.Due)
	}
	if look < s.et && latest != 0 {
		s.due = look
	}
	return nil
}

// performUpdate stores the new version (C-117 … C-119).
func (k *call) performUpdate(tx store.Tx, p *procedures, s *subject) (*store.Record, error) {
	s.now = max(k.c.tick(), s.old.Modified+1)
	if s.info.Has("st") && !s.counted {
		st, _ := attributes(s.old).Int("st")
		s.set("st", onem2m.IntValue(st+1))
	}
	if s.counted {
		s.count.State++
	}
	if p.update != nil {
		if err := p.update(k, tx, s); err != nil {
			return nil, err
		}
	}
	rec := s.version()
	if s.discard {
		return rec, nil
	}
	if err := tx.Replace(rec); err != nil {
		return nil, err
	}
	if err := k.c.follow(tx, s.old, rec); err != nil {
		return nil, err
	}
	k.c.noteReferences(tx, s.old, rec)
	err := k.c.Notifier.Record(tx, notify.Event{
		Type: notify.Updated, Resource: k.c.publicRecord(rec), Touched: s.touched,
		Modified: s.public(p).Append(nil), Originator: k.from.ID,
	})
	return rec, err
}

// version makes the stored form of an updated resource.
func (s *subject) version() *store.Record {
	u := universal{
		ty: s.old.Type, ri: s.ri, rn: s.rn, pi: s.parent.RI,
		ct: s.old.Created, lt: s.now, et: s.et, withoutExpiry: s.et == 0, after: s.attrs,
	}
	return &store.Record{
		ID: s.id, Parent: s.old.Parent, RI: s.ri, RN: s.rn, Type: s.old.Type, Root: s.old.Root,
		Created: s.old.Created, Modified: s.now, Expires: s.et, Due: s.due, Origin: s.origin,
		Size: s.size, Attributes: u.encode(), Counted: s.counted, Counters: s.count,
	}
}

// modified are the attributes that the UPDATE changed, those the CSE changed
// with it included; removed ones are null (nct 2, C-141).
func (s *subject) modified() onem2m.Object {
	var o onem2m.Object
	for _, name := range s.touched {
		switch {
		case name == "et":
			o.Set("et", asSent(s.attrs, "et", s.et))
		case s.attrs.Has(name):
			o.Set(name, s.attrs.Get(name))
		default:
			o.Set(name, []byte("null"))
		}
	}
	for _, name := range s.dropped {
		o.Set(name, []byte("null"))
	}
	o.Set("lt", onem2m.TimeValue(s.now))
	s.counters(&o)
	return o
}

// public are the modified attributes that subscribers may be told of.
func (s *subject) public(p *procedures) onem2m.Object {
	o := s.modified()
	for _, m := range s.asked {
		o.Set(m.Name, m.Value)
	}
	for _, name := range p.private {
		o.Delete(name)
	}
	if p.public != nil {
		o = p.public(o)
	}
	return o
}

// counters adds stateTag and the counters as they are now.
func (s *subject) counters(o *onem2m.Object) {
	switch {
	case s.counted:
		if s.info.Has("st") {
			o.Set("st", onem2m.IntValue(s.count.State))
		}
		if s.old != nil && s.old.Counters.Count != s.count.Count {
			o.Set("cni", onem2m.IntValue(s.count.Count))
			o.Set("cbs", onem2m.IntValue(s.count.Bytes))
		}
	case s.attrs.Has("st"):
		o.Set("st", s.attrs.Get("st"))
	}
}

// updated shapes the answer to an UPDATE by rcn.
func (k *call) updated(rec *store.Record, s *subject) (*onem2m.Response, error) {
	res := &onem2m.Response{Code: onem2m.Updated}
	switch k.rcn {
	case 1:
		attrs, err := k.shown(rec)
		if err != nil {
			return nil, err
		}
		res.Content = &onem2m.Content{Name: rec.Root, Value: attrs}
	case 9:
		var o onem2m.Object
		for _, m := range s.modified() {
			if sent := k.draft.raw.Get(m.Name); sent == nil || !slices.Equal(sent, m.Value) {
				o = append(o, m)
			}
		}
		res.Content = &onem2m.Content{Name: rec.Root, Value: o.Append(nil)}
	}
	return res, nil
}
