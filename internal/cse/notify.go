package cse

import (
	"context"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// notify is the NOTIFY procedure (core section 10): notifications to an <AE>
// go on to the AE; everything else takes none.
func (k *call) notify(ctx context.Context) (*onem2m.Response, error) {
	var reach notify.Reach
	err := k.c.Store.Read(ctx, func(r store.Reader) error {
		t, err := k.c.resolve(r, k.address.Path, k.now)
		if err != nil {
			return err
		}
		if t.virtual != "" || t.rec.Type != onem2m.TypeAE && t.rec.Type != onem2m.TypeCSEBase {
			return onem2m.Errorf(onem2m.OperationNotAllowed, "to", "this resource takes no notification") // C-086
		}
		if err := k.authorize(r, t.rec, onem2m.Notify, access.Notify); err != nil {
			return err
		}
		if t.rec.Type == onem2m.TypeCSEBase {
			return onem2m.Errorf(onem2m.BadRequest, "pc", "the CSE expects no such notification") // C-084
		}
		reach, err = k.c.reachAE(t.rec)
		return err
	})
	if err != nil {
		return nil, err
	}
	return k.retarget(ctx, reach)
}

// notificationRoot reports whether a Content is that of a NOTIFY (C-129).
func notificationRoot(name string) bool {
	switch name {
	case "m2m:sgn", "m2m:agn", "m2m:rsp", "m2m:seci":
		return true
	}
	return false
}

// retarget sends the notification to the AE's points of access in turn (C-077,
// C-083).
func (k *call) retarget(ctx context.Context, reach notify.Reach) (*onem2m.Response, error) {
	unreachable := onem2m.Errorf(onem2m.TargetNotReachable, "to", "the AE can't be reached")
	if k.c.Sender == nil {
		return nil, unreachable
	}
	out := *k.req
	out.To = reach.ID.Across(k.c.Home)
	out.From = k.from.ID.Across(k.c.Home)
	out.HasFrom = true
	if out.Release == "" {
		out.Release = reach.Release
	}
	for _, point := range reach.Points {
		res, err := k.c.Sender.Send(ctx, point, reach.ID, &out)
		if err != nil {
			k.c.Log.InfoContext(ctx, "retarget", "req", k.req.RequestID, "err", err)
			continue
		}
		return &onem2m.Response{Code: res.Code, Content: res.Content}, nil
	}
	return nil, unreachable
}

// Reach finds out how the entity behind a resource-ID target is notified. It
// serves the notification engine.
func (c *CSE) Reach(ctx context.Context, target string) (notify.Reach, error) {
	address, err := onem2m.ParseAddress(target)
	if err != nil {
		return notify.Reach{}, err
	}
	if !address.Local(c.Home) {
		id := address.Entity(c.Home)
		if id.Stem() == "" || id.SP() != c.Home.SP || len(address.Path) > 0 {
			return notify.Reach{}, onem2m.Errorf(onem2m.TargetNotReachable, "to", "no route to the target")
		}
		address.Path = []string{id.Stem()}
	}
	var reach notify.Reach
	err = c.Store.Read(ctx, func(r store.Reader) error {
		t, err := c.resolve(r, address.Path, onem2m.TimestampOf(c.Now()))
		if err != nil {
			return err
		}
		if t.virtual != "" || t.rec.Type != onem2m.TypeAE {
			return onem2m.Errorf(onem2m.TargetNotReachable, "to", "the target is no AE")
		}
		reach, err = c.reachAE(t.rec)
		return err
	})
	return reach, err
}

// reachAE reads points of access and releases of an <AE> (C-051, C-077).
func (c *CSE) reachAE(rec *store.Record) (notify.Reach, error) {
	attrs := attributes(rec)
	reachable, _ := attrs.Bool("rr")
	points, _ := attrs.Texts("poa")
	if !reachable || len(points) == 0 {
		return notify.Reach{}, onem2m.Errorf(onem2m.TargetNotReachable, "to", "the AE has no point of access")
	}
	releases, _ := attrs.Texts("srv")
	return notify.Reach{ID: rec.Origin, Points: points, Release: speak(releases)}, nil
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
