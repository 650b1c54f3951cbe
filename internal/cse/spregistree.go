package cse

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bulwark/internal/announcement"
	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// An AE-ID-Stem that begins with S is unique in the whole SP, wherever the AE is
// registered: the IN-CSE gives it, and keeps an <AEAnnc> that says where the AE is
// (TS-0001 clause 10.2.2.2, TS-0004 clause 7.4.5.2.1). This is the registrar's
// side; spregistrar.go is that of the IN-CSE.

// credentialLabel begins the label of an <AEAnnc> that names the credential of
// the AE.
const credentialLabel = "Credential-ID:"

// inactiveLink is the link of an <AEAnnc> whose AE is registered nowhere.
const inactiveLink = "INACTIVE"

// spWide reports whether the CREATE of an <AE> is for an AE-ID of the whole SP
// that another CSE has to agree to.
func spWide(k *call) bool {
	return k.c.Type != IN && k.req.Operation == onem2m.Create && k.ty == onem2m.TypeAE
}

// agreeSP asks the IN-CSE, where the AE-ID is one of the whole SP (C-203, C-204).
// It refuses what the IN-CSE refuses.
func agreeSP(ctx context.Context, k *call, s *subject) error {
	var given identity.Assignment
	central := k.c.central()
	err := k.c.Store.Read(ctx, func(r store.Reader) (err error) {
		given, _, err = k.assignment(r)
		return err
	})
	switch {
	case err != nil:
		return err
	case given.Class != 'S':
		return nil
	case central == "":
		return onem2m.Errorf(onem2m.NotImplemented, "fr", "an SP-assigned AE-ID needs the IN-CSE, and this CSE knows none")
	}
	attrs := k.announcedAE(s, given.Stem)
	if given.Stem != "" {
		update := attrs.Clone()
		update.Delete("api") // as it was
		to := central.Across(k.c.Home) + "/" + given.Stem
		_, err := k.askCentral(ctx, central, &onem2m.Request{Operation: onem2m.Update, To: to, Content: &onem2m.Content{Name: "m2m:aeA", Value: update.Append(nil)}}, given.Stem)
		if err == nil || onem2m.AsError(err).Code != onem2m.NotFound {
			s.assigned = given.Stem
			return err
		}
	}
	ty := int64(onem2m.TypeAEAnnc)
	res, err := k.askCentral(ctx, central, &onem2m.Request{
		Operation: onem2m.Create, To: central.Across(k.c.Home) + "/-", Type: &ty, Content: &onem2m.Content{Name: "m2m:aeA", Value: attrs.Append(nil)},
	}, given.Stem)
	if err != nil {
		return err
	}
	if s.assigned = assignedIn(res); s.assigned == "" || given.Stem != "" && s.assigned != given.Stem {
		return onem2m.Errorf(onem2m.NotImplemented, "fr", "the IN-CSE gives no AE-IDs of the whole SP")
	}
	return nil
}

// assignedIn is the AE-ID-Stem in the answer to a CREATE of <AEAnnc>: its
// resourceID. "" if there is none.
func assignedIn(res *onem2m.Response) string {
	if res.Content == nil {
		return ""
	}
	o, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		return ""
	}
	ri, _ := o.Text("ri")
	ri = ri[strings.LastIndexByte(ri, '/')+1:]
	if len(ri) < 2 || ri[0] != 'S' || !onem2m.ValidName(ri) {
		return ""
	}
	return ri
}

// announcedAE is the Content of the <AEAnnc>: what is announced of any <AE>, the
// App-ID, where the <AE> is going to be, and by what credential it comes.
func (k *call) announcedAE(s *subject, stem string) onem2m.Object {
	attrs := announcement.Projection(s.info, k.c.variant(s.info), s.attrs)
	attrs.Set("api", s.attrs.Get("api"))
	attrs.Set("et", onem2m.TimeValue(s.et))
	if stem == "" {
		stem = "S"
	}
	attrs.Set("lnk", onem2m.TextValue(k.c.Home.CSE+"/"+stem))
	attrs.Set("lbl", onem2m.TextsValue(withCredential(s.attrs, k.assoc.CredentialID)))
	return attrs
}

// askCentral sends a request about an <AEAnnc> to the IN-CSE, in the name of this
// CSE and the AE: "/cse/S" where the AE has no stem yet.
func (k *call) askCentral(ctx context.Context, central onem2m.ID, req *onem2m.Request, stem string) (*onem2m.Response, error) {
	if stem == "" {
		stem = "S"
	}
	if _, err := k.c.peers.Next(central, federation.Arrival{}, k.now); err != nil {
		return nil, &onem2m.Error{Code: onem2m.TargetNotReachable, Subject: "fr", Text: "no route to the IN-CSE", Cause: err}
	}
	id := k.c.Home.ID() + onem2m.ID("/"+stem)
	req.RequestID, req.From, req.HasFrom, req.Release = k.c.ownRequestID(), id.Across(k.c.Home), true, "3"
	self := identity.Originator{ID: id, Authenticated: true}
	res := k.c.perform(ctx, self, &identity.Association{Framework: identity.FrameworkNone, Binding: "internal"}, req)
	if res.Code.Success() {
		return res, nil
	}
	e := onem2m.Errorf(res.Code, "fr", "the IN-CSE refuses the AE-ID")
	if res.Content != nil {
		e.Cause = errors.New(string(res.Content.Value))
	}
	k.c.Log.InfoContext(ctx, "registration in the SP", "req", k.req.RequestID, "err", e)
	return nil, e
}

// removedAE tells the IN-CSE that an AE of the whole SP has left (C-206).
func removedAE(c *CSE, tx store.Tx, rec *store.Record) error {
	if err := hostRemoved(c, tx, rec); err != nil {
		return err
	}
	address := c.atCentral(rec)
	if address == "" {
		return nil
	}
	return c.oweCopy(tx, arrear{Copy: address, Left: true})
}

// tellLeft sends what removedAE owes, unless the AE has come back meanwhile.
func (c *CSE) tellLeft(ctx context.Context, host onem2m.ID, one *arrear) error {
	back := false
	err := c.Store.Read(ctx, func(r store.Reader) error {
		rec, err := r.ByRI(one.Copy[strings.LastIndexByte(one.Copy, '/')+1:])
		back = err == nil && rec.Type == onem2m.TypeAE && !expired(rec, c.instant())
		return unlessMissing(err)
	})
	if err != nil || back {
		return err
	}
	o := onem2m.Object{{Name: "lnk", Value: onem2m.TextValue(inactiveLink)}}
	_, err = c.toCopy(ctx, host, &onem2m.Request{Operation: onem2m.Update, To: one.Copy, Content: &onem2m.Content{Name: "m2m:aeA", Value: o.Append(nil)}})
	return err
}

// atCentral is the <AEAnnc> of the AE of an <AE>, "" if it has none: it isn't one
// of the whole SP, or the IN-CSE isn't known.
func (c *CSE) atCentral(rec *store.Record) string {
	if c.Type == IN || rec.Type != onem2m.TypeAE || rec.RI[0] != 'S' {
		return ""
	}
	central := c.central()
	if central == "" {
		return ""
	}
	return central.Across(c.Home) + "/" + rec.RI
}

// followSP lets the <AEAnnc> of an AE of the whole SP follow its <AE>, as any other
// copy does: above all it must not expire before that. The access rules are the
// IN-CSE's matter.
func (c *CSE) followSP(tx store.Tx, before, after *store.Record) error {
	address := c.atCentral(after)
	if address == "" {
		return nil
	}
	was, err := c.projection(tx, before)
	if err != nil {
		return err
	}
	is, err := c.projection(tx, after)
	if err != nil {
		return err
	}
	names := slices.DeleteFunc(announcement.Changed(was, is), func(name string) bool { return name == "acpi" })
	if len(names) == 0 {
		return nil
	}
	return c.oweCopy(tx, arrear{Copy: address, Original: after.ID, Names: names, Stays: true})
}

// tellStays sends what followSP owes. The label with the credential is the
// registrar's: it stays, whatever the AE says (S-113).
func (c *CSE) tellStays(ctx context.Context, host onem2m.ID, one *arrear) error {
	var change onem2m.Object
	err := c.Store.Read(ctx, func(r store.Reader) error {
		rec, err := r.ByID(one.Original)
		if err != nil {
			return unlessMissing(missing(err)) // that it has left is told
		}
		now, err := c.projection(r, rec)
		if err != nil {
			return err
		}
		if slices.Contains(one.Names, "lbl") {
			credential, err := r.CredentialOf(rec.Origin)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			now.Set("lbl", onem2m.TextsValue(withCredential(now, credential)))
		}
		change = announcement.Amendment(announcement.Widened(now, c.Home, host), one.Names)
		return nil
	})
	if err != nil || len(change) == 0 {
		return err
	}
	_, err = c.toCopy(ctx, host, &onem2m.Request{Operation: onem2m.Update, To: one.Copy, Content: &onem2m.Content{Name: "m2m:aeA", Value: change.Append(nil)}})
	return err
}

// withCredential are the labels of an AE, and the one that names its credential.
// What an AE says of that counts for nothing (S-113).
func withCredential(attrs onem2m.Object, credential string) []string {
	labels := []string{credentialLabel + credential}
	list, _ := attrs.Texts("lbl")
	for _, label := range list {
		if !strings.HasPrefix(label, credentialLabel) {
			labels = append(labels, label)
		}
	}
	return labels
}
