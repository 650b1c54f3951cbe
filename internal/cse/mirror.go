package cse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Mirror is a <remoteCSE> that this CSE made for a CSE that it is registered
// with (TS-0004 clause 7.4.4.2.1).
type Mirror struct {
	ID     onem2m.ID // of that CSE
	RI     string    // of the <remoteCSE>
	Points []string
}

// mirrors reports whether the request is one of this CSE's own making that
// concerns a Mirror.
func (k *call) mirrors() bool { return k.vouched && k.from.ID == k.c.Home.ID() }

// Mirror creates or updates the <remoteCSE> that stands here for the registrar
// (C-214). attrs are complete: csi, cb and what an UPDATE may change. It
// implements federation.Local.
func (c *CSE) Mirror(ctx context.Context, attrs onem2m.Object) error {
	csi, _ := attrs.Text("csi")
	id := c.custodian(csi)
	if checkCapability(attrs.Get("esi")) != nil {
		attrs = attrs.Clone()
		attrs.Delete("esi") // no reason not to be registered
	}
	have, err := c.mirrorOf(ctx, id)
	if err != nil {
		return err
	}
	if have != nil && string(attributes(have).Get("cb")) != string(attrs.Get("cb")) {
		if err := c.own(ctx, onem2m.Deleted, &onem2m.Request{Operation: onem2m.Delete, To: have.RI}); err != nil {
			return err
		}
		have = nil
	}
	if have != nil {
		return c.updateMirror(ctx, have, attrs)
	}
	ty := int64(onem2m.TypeRemoteCSE)
	request := func(attrs onem2m.Object) *onem2m.Request {
		return &onem2m.Request{
			Operation: onem2m.Create, To: c.Home.Name, Type: &ty,
			Content: &onem2m.Content{Name: "m2m:csr", Value: attrs.Append(nil)},
		}
	}
	named := attrs.Clone()
	named.Set("rn", onem2m.TextValue(id.SPRelative()[1:]))
	err = c.own(ctx, onem2m.Created, request(named))
	if err != nil && onem2m.AsError(err).Code == onem2m.Conflict {
		err = c.own(ctx, onem2m.Created, request(attrs))
	}
	return err
}

// updateMirror changes what differs, if anything does.
func (c *CSE) updateMirror(ctx context.Context, have *store.Record, attrs onem2m.Object) error {
	old, change := attributes(have), onem2m.Object{}
	for _, name := range []string{"rr", "poa", "srv", "csz"} {
		if v := attrs.Get(name); v != nil && string(v) != string(old.Get(name)) {
			change.Set(name, v)
		}
	}
	switch v := attrs.Get("esi"); { // a registrar may do nothing end to end any more
	case v == nil && old.Has("esi"):
		change.Set("esi", jsontext.Value("null"))
	case v != nil && string(v) != string(old.Get("esi")):
		change.Set("esi", v)
	}
	if list, changed := centralLabels(old, attrs); changed {
		change.Set("lbl", list)
	}
	if len(change) == 0 {
		return nil
	}
	return c.own(ctx, onem2m.Updated, &onem2m.Request{
		Operation: onem2m.Update, To: have.RI, Content: &onem2m.Content{Name: "m2m:csr", Value: change.Append(nil)},
	})
}

// centralLabels puts the label by which the registrar tells of the IN-CSE in the place of an
// earlier one; other labels of the Mirror are the operator's.
func centralLabels(old, attrs onem2m.Object) (list jsontext.Value, changed bool) {
	have, _ := old.Texts("lbl")
	want, _ := attrs.Texts("lbl")
	next := slices.DeleteFunc(slices.Clone(have), func(label string) bool { return strings.HasPrefix(label, federation.CentralLabel) })
	next = append(next, want...)
	if len(next) == 0 {
		return jsontext.Value("null"), len(have) > 0
	}
	return onem2m.TextsValue(next), !slices.Equal(have, next)
}

// Unmirror removes the <remoteCSE> of a CSE that this one is no longer
// registered with (C-217).
func (c *CSE) Unmirror(ctx context.Context, ri string) error {
	err := c.own(ctx, onem2m.Deleted, &onem2m.Request{Operation: onem2m.Delete, To: ri})
	if err != nil && onem2m.AsError(err).Code == onem2m.NotFound {
		return nil
	}
	return err
}

// own carries out a request of this CSE on its own tree.
func (c *CSE) own(ctx context.Context, want onem2m.StatusCode, req *onem2m.Request) error {
	req.RequestID = c.Home.ResourceID() + "-" + string(c.names.appendTail(nil, markLength))
	req.From, req.HasFrom, req.Release = c.Home.CSE, true, "3"
	self := identity.Originator{ID: c.Home.ID(), Authenticated: true}
	res := c.perform(ctx, self, &identity.Association{Framework: identity.FrameworkNone, Binding: "internal"}, req)
	if res.Code == want {
		return nil
	}
	e := onem2m.Errorf(res.Code, "", "%s of the registrar's <remoteCSE>", req.Operation)
	if res.Content != nil {
		e.Cause = errors.New(string(res.Content.Value))
	}
	return e
}

// mirrorOf finds the Mirror of a CSE, nil if there is none. It fails if that CSE
// is registered here itself.
func (c *CSE) mirrorOf(ctx context.Context, id onem2m.ID) (*store.Record, error) {
	n, ok := c.peers.Neighbour(id, onem2m.TimestampOf(c.Now()))
	if !ok {
		return nil, nil
	}
	var rec *store.Record
	err := c.Store.Read(ctx, func(r store.Reader) (err error) {
		rec, err = r.ByID(n.Record)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err == nil && rec.Origin != c.Home.ID():
		return nil, fmt.Errorf("%s is registered here; it can't be the registrar as well", id)
	}
	return rec, err
}

// FormerRegistrars lists the Mirrors of CSEs that aren't the registrar any more.
func (c *CSE) FormerRegistrars(ctx context.Context) ([]Mirror, error) {
	var list []Mirror
	err := c.Store.Read(ctx, func(r store.Reader) error {
		after := int64(0)
		for {
			page, err := r.OfType(onem2m.TypeRemoteCSE, after, 500)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, rec := range page {
				after = rec.ID
				if id := c.represents(rec); rec.Origin == c.Home.ID() && id != c.Registrar && c.alive(r, rec, 0) == nil {
					points, _ := attributes(rec).Texts("poa")
					list = append(list, Mirror{ID: id, RI: rec.RI, Points: points})
				}
			}
		}
	})
	return list, err
}
