package cse

import (
	"context"
	"strings"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// followsBoth reports whether a copy and its original follow each other.
func followsBoth(copied *store.Record) bool {
	n, ok := attributes(copied).Int("ast")
	return ok && n == biDirectional
}

// updateOriginal carries out an UPDATE of a copy that follows its original in both
// directions (C-404): whoever may UPDATE the copy is passed on to the original,
// whose CSE decides once more, and the change comes back to the copy as any other.
// It reports false for every other UPDATE, that by the CSE of the original
// included.
func (k *call) updateOriginal(ctx context.Context) (*onem2m.Response, bool, error) {
	info := k.contentType()
	if info == nil || !info.Kind.Announced() {
		return nil, false, nil
	}
	link := ""
	err := k.c.Store.Read(ctx, func(r store.Reader) error {
		t, err := k.c.resolve(r, k.address.Path, k.now)
		if err != nil || t.virtual != "" || !k.c.copied(t.rec) || !followsBoth(t.rec) {
			return nil //nolint:nilerr // the generic procedure says what is wrong
		}
		if who := k.c.announcer(attributes(t.rec)); who == "" || !k.fromAE() && who == k.from.ID {
			return nil
		}
		if err := k.authorizeNaming(r, t.rec, onem2m.Update, access.Update, k.sentNames()); err != nil {
			return err
		}
		link, err = linkOf(t.rec)
		return err
	})
	if err != nil || link == "" {
		return nil, err != nil, err
	}
	if within(ctx) != nil {
		return nil, true, onem2m.Errorf(onem2m.TargetNotReachable, "to", "a transaction reaches no other CSE")
	}
	if err := k.begin(ctx, true); err != nil {
		return nil, true, err
	}
	req := *k.req
	root := strings.TrimSuffix(info.Root, "A")
	req.To, req.RequestID = link, k.c.ownRequestID()
	req.Content = &onem2m.Content{Name: root, Value: k.req.Content.Value}
	res, err := k.instead(ctx, &req)
	if err == nil && res.Content != nil && res.Content.Name == root {
		res.Content = &onem2m.Content{Name: info.Root, Value: res.Content.Value}
	}
	return res, true, err
}
