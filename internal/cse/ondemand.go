package cse

import (
	"context"
	"strings"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// usageOnDemand is the filterUsage "IPE on-demand discovery".
const usageOnDemand = 3

// ipeLabel marks the <AE> of an Interworking Proxy Entity, alone or as the key
// of a label. The text says "by its labels attribute" and no more.
const ipeLabel = "IPE"

// onDemand reports whether an IPE is to look around where nothing is found.
func (k *call) onDemand() bool {
	f := k.req.Filter
	return f != nil && f.FilterUsage != nil && *f.FilterUsage == usageOnDemand
}

// checkIPE refuses an on-demand discovery of anything but an IPE (C-151). Who is
// to make one work needs the privilege to discover it, though a discovery asks no
// privilege of its root otherwise.
func (k *call) checkIPE(r store.Reader, rec *store.Record) error {
	if !k.onDemand() {
		return nil
	}
	if err := k.authorize(r, rec, onem2m.Retrieve, access.Discover); err != nil {
		return err
	}
	if rec.Type == onem2m.TypeAE {
		for _, label := range rec.Labels() {
			if key, _, _ := strings.Cut(label, ":"); strings.EqualFold(key, ipeLabel) {
				return nil
			}
		}
	}
	return onem2m.Errorf(onem2m.BadRequest, "fu", "an on-demand discovery is for an <AE> with the label %s", ipeLabel)
}

// discoverOutside asks an IPE to look around in its own network, and discovers
// among the resources that it has made of what it found (TS-0004 clauses
// 7.3.3.14 and 7.5.1.2.8). What the IPE refuses with is the answer.
func (k *call) discoverOutside(ctx context.Context, ae *store.Record) (*onem2m.Response, error) {
	answer, err := k.askIPE(ctx, ae)
	if err != nil {
		return nil, err
	}
	switch answer.Code / 1000 {
	case 2:
	case 4, 5, 6:
		return nil, onem2m.Errorf(answer.Code, "", "the IPE has refused the discovery")
	default:
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "the IPE doesn't answer as it should")
	}
	var res *onem2m.Response
	err = k.look(ctx, func(r store.Reader) (err error) {
		res, err = k.discovered(r, ae, func(w *walk, path string) error {
			return w.among(ctx, ae, path, k.listed(r, answer.Content))
		})
		return err
	})
	return res, err
}

// askIPE tells an IPE who looks for what.
func (k *call) askIPE(ctx context.Context, ae *store.Record) (*onem2m.Response, error) {
	defer Yield(ctx)()
	o := onem2m.Object{
		{Name: "idr", Value: onem2m.Object{
			{Name: "or", Value: onem2m.TextValue(k.from.ID.In(k.c.Home))},
			{Name: "fc", Value: k.req.Filter.Object().Append(nil)},
		}.Append(nil)},
		{Name: "sur", Value: onem2m.TextValue(k.c.reference(ae.RI))}, // mandatory, though nobody has subscribed: it names the target
	}
	answer, err := k.c.tell(ctx, k.c.reference(ae.RI), &onem2m.Content{Name: "m2m:sgn", Value: o.Append(nil)})
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil:
		return nil, timedOut()
	}
	k.c.Log.InfoContext(ctx, "on-demand discovery", "req", k.req.RequestID, "err", err)
	return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "the IPE can't be reached")
}

// listed returns the resources of this CSE that an answer lists: a list of
// addresses, or one. What isn't there is left out.
func (k *call) listed(r store.Reader, content *onem2m.Content) []*store.Record {
	if content == nil {
		return nil
	}
	wrapped := onem2m.Object{{Name: content.Name, Value: content.Value}}
	list, _ := wrapped.Texts("m2m:uril")
	if one, ok := wrapped.Text("m2m:uri"); ok {
		list = []string{one}
	}
	var found []*store.Record
	for _, text := range list[:min(len(list), maxSought)] {
		address, err := onem2m.ParseAddress(text)
		if err != nil {
			continue
		}
		path, ok := k.c.hosted(address)
		if !ok {
			continue
		}
		if t, err := k.c.resolve(r, path, k.now); err == nil && t.virtual == "" {
			found = append(found, t.rec)
		}
	}
	return unique(found)
}
