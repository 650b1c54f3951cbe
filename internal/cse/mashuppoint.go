package cse

import (
	"context"

	"bulwark/access"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// mashupPoint is the name of the virtual child that makes a result.
const mashupPoint = "msp"

// serveMashup answers requests to <mashup> (clause 7.4.51). The data are read as
// the creator of the instance may read them: the result is for those whom the
// creator lets see it.
func serveMashup(ctx context.Context, k *call, t target) (*onem2m.Response, error) {
	if k.req.Operation != onem2m.Retrieve {
		return nil, onem2m.Errorf(onem2m.OperationNotAllowed, "to", "a mashup is only retrieved")
	}
	reader := k
	var result *mashupResult
	attempt := func() error {
		release, err := k.c.ponder(ctx)
		if err != nil {
			return err
		}
		defer release()
		return k.c.Store.Read(ctx, func(r store.Reader) error {
			if err := k.authorize(r, t.rec, onem2m.Retrieve, access.Retrieve); err != nil { // C-027
				return err
			}
			if err := k.checkLock(r, t.rec); err != nil {
				return err
			}
			if reader == k && k.from.ID != t.rec.Origin {
				reader = k.c.creator(ctx, r, t.rec)
			}
			var err error
			result, err = reader.remake(ctx, r, t.rec)
			return err
		})
	}
	err := attempt()
	for round := range maxMashingRounds {
		if reader == k || !reader.meaning.wants() {
			break
		}
		reader.hearAll(ctx)
		reader.meaning.heard.closed = round == maxMashingRounds-1
		err = attempt()
	}
	if err != nil {
		return nil, err
	}
	var res *onem2m.Response
	err = k.c.Store.Update(ctx, func(tx store.Tx) error {
		instance, err := tx.ByID(t.rec.ID)
		if err != nil {
			return missing(err)
		}
		rec, err := k.keepResult(tx, instance, result)
		if err != nil {
			return err
		}
		res = &onem2m.Response{Code: onem2m.OK, Content: root(rec)}
		return nil
	})
	return res, err
}

// creator is a call on behalf of who made a mashup. It doesn't count as
// authenticated: nobody has proven anything now.
func (c *CSE) creator(ctx context.Context, r store.Reader, instance *store.Record) *call {
	k := &call{c: c, req: &onem2m.Request{Operation: onem2m.Retrieve}, assoc: &identity.Association{}, now: onem2m.TimestampOf(c.Now()), vouched: true}
	k.from.ID = instance.Origin
	k.meaning.ctx = ctx
	k.speaks(r, instance)
	return k
}

// remake makes a result from the latest data.
func (k *call) remake(ctx context.Context, r store.Reader, instance *store.Record) (*mashupResult, error) {
	profile := k.c.profileOf(r, instance)
	if id, _ := attributes(instance).Text("mjid"); profile == nil && k.c.isDistant(id) {
		var err error
		if profile, err = k.profile(r, id); err != nil {
			return nil, err
		}
	}
	if profile == nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "mjid", "the mashup has no profile any more")
	}
	j, err := k.newJob(r, profile, attributes(instance))
	if err != nil {
		return nil, err
	}
	return j.compute(ctx, attributes(instance))
}
