package cse

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// carriage is how far a <delivery> has got.
type carriage struct {
	Next int            `json:"next"` // number of the request to be taken up next
	Who  jsontext.Value `json:"who"`  // the witness: who vouches for the requests
}

// deliveryName is the name under which a store keeps it.
func deliveryName(id int64) string { return fmt.Sprintf("delivery/%d", id) }

// openDelivery begins with the first request.
func (k *call) openDelivery(tx store.Tx, id int64) error {
	who, err := k.witness()
	if err != nil {
		return err
	}
	return k.c.armDelivery(tx, id, carriage{Who: who})
}

// armDelivery lets the next request be taken up.
func (c *CSE) armDelivery(tx store.Tx, id int64, state carriage) error {
	data, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("keep the state of a delivery: %w", err)
	}
	tx.OnCommit(func() { c.deliveries.arm(id, onem2m.TimestampOf(c.Now())) })
	return tx.SetSetting(deliveryName(id), data)
}

// endDelivery: nothing of it is left to do.
func (c *CSE) endDelivery(tx store.Tx, id int64) error {
	tx.OnCommit(func() { c.deliveries.disarm(id) })
	return tx.SetSetting(deliveryName(id), nil)
}

// rearmDeliveries takes up after a start what wasn't done before.
func (c *CSE) rearmDeliveries(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		after := int64(0)
		for {
			list, err := r.OfType(onem2m.TypeDelivery, after, 500)
			if err != nil || len(list) == 0 {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				if _, err := r.Setting(deliveryName(rec.ID)); err == nil {
					c.deliveries.arm(rec.ID, onem2m.TimestampOf(c.Now()))
				}
			}
		}
	})
}

// deliveryPause is how long a <delivery> waits while the backlog is full.
const deliveryPause = onem2m.Timestamp(1_000_000)

// CarryDeliveries takes up the requests of every <delivery> whose turn it is,
// and returns when it has to look again; 0 if never.
func (c *CSE) CarryDeliveries(ctx context.Context) (onem2m.Timestamp, error) {
	for {
		now := onem2m.TimestampOf(c.Now())
		id, at := c.deliveries.first()
		if id == 0 || at > now {
			return at, nil
		}
		full, err := c.carryDelivery(ctx, id, now)
		if err != nil {
			return at, err
		}
		if full {
			c.deliveries.arm(id, now+deliveryPause)
		}
	}
}

// carryDelivery takes up the next request of a <delivery>. It reports true if
// there is no room for one.
func (c *CSE) carryDelivery(ctx context.Context, id int64, now onem2m.Timestamp) (full bool, err error) {
	rec, state, err := c.pendingDelivery(ctx, id)
	if err != nil {
		return false, err
	}
	var list []*onem2m.Request
	var lifespan onem2m.Timestamp
	if rec != nil {
		lifespan, _ = attributes(rec).Time("ls")
		if lifespan > now && !expired(rec, now) {
			list, _ = requestsOf(attributes(rec)) // it was read before it was stored
		}
	}
	if state.Next >= len(list) {
		return false, c.Store.Update(ctx, func(tx store.Tx) error { return c.endDelivery(tx, id) })
	}
	var w witness
	if err := json.Unmarshal(state.Who, &w); err != nil {
		return false, fmt.Errorf("read the delivery %s: %w", rec.RI, err)
	}
	source := c.sourceOf(rec)
	done := func(tx store.Tx) error {
		if _, err := tx.ByID(id); err != nil {
			return missing(err) // deleted meanwhile: what isn't taken up isn't done
		}
		return c.armDelivery(tx, id, carriage{Next: state.Next + 1, Who: state.Who})
	}
	k := &call{c: c, req: deferred(list[state.Next], source), assoc: w.association(), now: now, keep: done}
	res, err := k.run(ctx)
	if err != nil {
		res = k.fail(ctx, err)
	}
	if res = k.finish(res); res.Code/1000 == 1 {
		return false, nil // it stands in its <request>
	}
	if res.Code == onem2m.RequestTimeout && ctx.Err() != nil {
		return false, ctx.Err()
	}
	if errors.Is(err, errBacklogFull) {
		return true, nil
	}
	return false, c.Store.Update(ctx, func(tx store.Tx) error {
		if err := done(tx); err != nil {
			return unlessMissing(err)
		}
		if silent := list[state.Next].ResponseType; silent != nil && *silent == responseNone {
			return nil
		}
		return c.Notifier.Tell(tx, source, wire.EncodeResponse(res), lifespan)
	})
}

// pendingDelivery reads a <delivery> and how far it has got; nil if it is gone.
func (c *CSE) pendingDelivery(ctx context.Context, id int64) (rec *store.Record, state carriage, err error) {
	err = c.Store.Read(ctx, func(r store.Reader) error {
		data, err := r.Setting(deliveryName(id))
		if err == nil {
			err = json.Unmarshal(data, &state)
		}
		if err == nil {
			rec, err = r.ByID(id)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, carriage{}, nil
	}
	return rec, state, err
}

// sourceOf is where answers for the CSE go that a <delivery> comes from: a CSE is
// notified at its <CSEBase>, its CSE-ID alone is the address of nothing (TS-0001
// clause 7.2).
func (c *CSE) sourceOf(rec *store.Record) string {
	source, _ := attributes(rec).Text("sr")
	id, _, err := c.Home.ParseID(source)
	if err != nil {
		return source // it was read before it was stored
	}
	return id.Across(c.Home) + "/-"
}

// deferred is a request of a <delivery> as it is carried out: nobody waits for
// the answer, so that it goes to whom the originator named, or to the CSE that
// the delivery comes from: that holds the blocking request of the originator, and
// knows it by its identifier.
func deferred(req *onem2m.Request, source string) *onem2m.Request {
	out := *req
	rt := int64(responseBlocking)
	if req.ResponseType != nil {
		rt = *req.ResponseType
	}
	switch rt {
	case responseNonBlockingSync:
		return &out
	case responseNonBlockingAsync:
		if !req.HasNotifyURIs {
			out.NotificationURIs, out.HasNotifyURIs = []string{req.From}, true
		}
	case responseNone:
		out.NotificationURIs, out.HasNotifyURIs = nil, true
	default:
		out.NotificationURIs, out.HasNotifyURIs = []string{source}, true
	}
	out.ResponseType = new(int64(responseNonBlockingAsync))
	return &out
}
