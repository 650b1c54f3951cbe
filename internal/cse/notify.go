package cse

import (
	"context"
	"errors"
	"strings"

	"bulwark/access"
	"bulwark/internal/dynauth/recall"
	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// notify is the NOTIFY procedure (core section 10): notifications to an <AE>
// go on to the AE, whatever is in them (E-04 to E-06); the <CSEBase> takes those
// that are for the CSE itself.
func (k *call) notify(ctx context.Context) (*onem2m.Response, error) {
	if _, _, ok := gatheringAt(k.address.Path); ok {
		return k.gatherHere(ctx)
	}
	if res, done, err := k.crossNotice(ctx); done {
		return res, err
	}
	if res, done := k.copyNotice(); done {
		return res, nil
	}
	if res, done, err := k.deliveredAnswer(); done {
		return res, err
	}
	k.acceptDot()
	var reach notify.Reach
	own := false // for the CSE itself
	original := ""
	err := k.c.Store.Read(ctx, func(r store.Reader) error {
		t, err := k.c.resolve(r, k.address.Path, k.now)
		if err != nil {
			return err
		}
		if t.virtual == "" && t.rec.Type == onem2m.TypeCrossResourceSubscription {
			return k.strangeNotice()
		}
		if t.virtual != "" || t.rec.Type != onem2m.TypeAE && t.rec.Type != onem2m.TypeCSEBase && t.rec.Type != onem2m.TypeAEAnnc {
			return onem2m.Errorf(onem2m.OperationNotAllowed, "to", "this resource takes no notification") // C-086
		}
		if own = t.rec.Type == onem2m.TypeCSEBase; own && k.startsSecurity() {
			k.audit("static", "built-in policy of <CSEBase> for security information", 0, "")
			return nil
		}
		if own && k.callsBack() {
			return nil // it proves itself
		}
		if own && k.entitled() {
			k.audit("static", "built-in policy of <CSEBase> for notifications about AEs", 0, "")
			return nil
		}
		if err := k.authorize(r, t.rec, onem2m.Notify, access.Notify); err != nil {
			return k.unverified(err)
		}
		if err := k.checkCreator(r, t.rec); err != nil {
			return err
		}
		if own {
			return nil
		}
		if t.rec.Type == onem2m.TypeAEAnnc { // goes on to the AE (C-085, C-400)
			original, err = linkOf(t.rec)
			return err
		}
		reach, err = k.c.reachAE(r, t.rec, k.now)
		return err
	})
	if err == nil && original != "" {
		if err = k.begin(ctx, false); err == nil {
			req := *k.req
			req.To = original
			return k.instead(ctx, &req)
		}
	}
	if err != nil {
		return nil, err
	}
	if own && k.req.Content.Name == onem2m.SecurityInfoName {
		return k.secure(ctx)
	}
	if own && k.callsBack() {
		return k.takeRecall(ctx)
	}
	if own {
		res, ok, err := k.tracked(ctx)
		if err == nil && !ok {
			err = onem2m.Errorf(onem2m.BadRequest, "pc", "the CSE expects no such notification") // C-084
		}
		return res, err
	}
	if err := k.begin(ctx, false); err != nil {
		return nil, err
	}
	return k.retarget(ctx, reach)
}

// verification returns the creator in a question whether a target agrees to be
// notified (TS-0004 clause 7.5.1.2.3).
func (k *call) verification() (creator string, asks bool) {
	if k.req.Content == nil || k.req.Content.Name != "m2m:sgn" {
		return "", false
	}
	o, err := onem2m.ParseObject(k.req.Content.Value)
	if err != nil {
		return "", false
	}
	creator, _ = o.Text("cr")
	asks, _ = o.Bool("vrq")
	return creator, asks
}

// unverified says by its own code that the host of a subscription may not
// notify the target that it asks about (C-275).
func (k *call) unverified(err error) error {
	if _, asks := k.verification(); !asks || onem2m.AsError(err).Code != onem2m.OriginatorHasNoPrivilege {
		return err
	}
	return onem2m.Errorf(onem2m.SubscriptionHostHasNoPrivilege, "", "the host of the subscription may not notify this target")
}

// checkCreator: who has made a subscription on another CSE needs NOTIFY on the
// target of this one too (C-275).
func (k *call) checkCreator(r store.Reader, rec *store.Record) error {
	creator, asks := k.verification()
	if !asks {
		return nil
	}
	refused := onem2m.Errorf(onem2m.SubscriptionCreatorHasNoPrivilege, "cr", "the creator of the subscription may not notify this target")
	id, _, err := k.c.Home.ParseID(creator)
	if err != nil {
		return refused
	}
	if id == rec.Origin && rec.Type == onem2m.TypeAE {
		return nil
	}
	who := *k
	who.from.ID, who.grants, who.further = id, grants{}, nil // roles and tokens are those of the sender
	ok, err := who.permitted(r, rec, onem2m.Notify, access.Notify)
	if err == nil && !ok {
		k.audit("static", "", onem2m.SubscriptionCreatorHasNoPrivilege, "the creator of a subscription has no NOTIFY privilege")
		err = refused
	}
	return err
}

// notificationRoot reports whether a Content is that of a NOTIFY (C-129).
func notificationRoot(name string) bool {
	switch name {
	case "m2m:sgn", "m2m:agn", "m2m:rsp", "m2m:seci", "m2m:tsbn", recall.Root:
		return true
	}
	return false
}

// retarget sends the notification to the AE's points of access in turn (C-077,
// C-083).
func (k *call) retarget(ctx context.Context, reach notify.Reach) (*onem2m.Response, error) {
	unreachable := onem2m.Errorf(onem2m.TargetNotReachable, "to", "the AE can't be reached")
	out := *k.req
	out.To = reach.ID.Across(k.c.Home)
	out.From = k.from.ID.Across(k.c.Home)
	out.HasFrom = true
	out.Release = reach.Release // what the target understands (C-051)
	out.Serialization = reach.Serialization
	for _, point := range reach.Points {
		res, err := k.c.Send(ctx, point, reach.ID, &out)
		if err != nil {
			k.c.Log.InfoContext(ctx, "retarget", "req", k.req.RequestID, "err", err)
			if ctx.Err() != nil {
				return nil, timedOut() // C-368
			}
			continue
		}
		return k.taken(res)
	}
	return nil, unreachable
}

// taken is what an AE answers to a notification that was passed on to it. Without a
// response status code it doesn't say that it has it (B-43); who wants no response
// isn't told anything.
func (k *call) taken(res *onem2m.Response) (*onem2m.Response, error) {
	switch rt := k.req.ResponseType; {
	case res != nil && res.Code != 0:
		return &onem2m.Response{Code: res.Code, Content: res.Content}, nil
	case rt != nil && *rt == responseNone:
		return &onem2m.Response{Code: onem2m.OK}, nil
	}
	return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "the AE has answered without a response status code")
}

// Reach finds out how the entity behind a resource-ID target is notified. It
// serves the notification engine.
func (c *CSE) Reach(ctx context.Context, target string) (notify.Reach, error) {
	address, err := onem2m.ParseAddress(target)
	if err != nil {
		return notify.Reach{}, err
	}
	path, ok := c.hosted(address)
	if !ok {
		return c.reachAcross(address)
	}
	var reach notify.Reach
	err = c.Store.Read(ctx, func(r store.Reader) error {
		now := onem2m.TimestampOf(c.Now())
		t, err := c.resolve(r, path, now)
		switch {
		case address.Local(c.Home):
		case err == nil && t.rec.Type == onem2m.TypeAEAnnc: // an AE of the whole SP: the request goes where it is
			reach = notify.Reach{ID: address.Entity(c.Home), Points: []string{acrossPoint}}
			return nil
		case err != nil && c.Type != IN && onem2m.AsError(err).Code == onem2m.NotFound:
			reach, err = c.reachAcross(address)
			return err
		}
		if err != nil {
			if onem2m.AsError(err).Code == onem2m.NotFound && wasCross(path) {
				reach = c.reachCross(path[0])
				return nil
			}
			return err
		}
		if t.virtual == "" && t.rec.Type == onem2m.TypeCrossResourceSubscription {
			reach = c.reachCross(t.rec.RI)
			return nil
		}
		if t.virtual != "" || t.rec.Type != onem2m.TypeAE && t.rec.Type != onem2m.TypeRemoteCSE {
			return onem2m.Errorf(onem2m.TargetNotReachable, "to", "the target is no AE")
		}
		reach, err = c.reachAE(r, t.rec, now)
		return err
	})
	return reach, err
}

// reachAE reads points of access and releases of an <AE> (C-051, C-077). A
// polling channel goes before all of them (C-078), and is the only way to a CSE
// so far.
func (c *CSE) reachAE(r store.Reader, rec *store.Record, now onem2m.Timestamp) (notify.Reach, error) {
	if reach, ok, err := c.viaChannel(r, rec, now); ok || err != nil {
		return reach, err
	}
	if rec.Type != onem2m.TypeAE {
		return notify.Reach{}, onem2m.Errorf(onem2m.TargetNotReachable, "to", "the target is no AE")
	}
	attrs := attributes(rec)
	reachable, _ := attrs.Bool("rr")
	points := pointsIn(attrs)
	if c.Connected != nil {
		credential, err := r.CredentialOf(rec.Origin)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return notify.Reach{}, err
		}
		if c.Connected(rec.Origin, identity.KindAE, credential, rec.Created) {
			reachable, points = true, append([]string{federation.SocketOf(credential, rec.Created)}, points...) // B-96
		}
	}
	if !reachable || len(points) == 0 {
		return notify.Reach{}, onem2m.Errorf(onem2m.TargetNotReachable, "to", "the AE has no point of access")
	}
	releases, _ := attrs.Texts("srv")
	return notify.Reach{ID: rec.Origin, Points: points, Release: speak(releases), Serialization: understood(attrs)}, nil
}

// understood is the first entry of an entity's contentSerialization that this CSE
// writes, by the name of the format; "" if there is none (C-132).
func understood(attrs onem2m.Object) string {
	list, _ := attrs.Texts("csz")
	for _, entry := range list {
		name := entry[strings.LastIndexAny(entry, "/+")+1:]
		if _, ok := wire.FormatByName(name); ok {
			return name
		}
	}
	return ""
}

// speak picks the release to use with an entity: 3 unless it supports less.
func speak(releases []string) string {
	best := ""
	for _, release := range releases {
		if release <= "3" && release > best {
			best = release
		}
	}
	if best == "" {
		return "3"
	}
	return best
}
