package cse

import (
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// maxAggregated bounds the requests in one <delivery>: each takes a place in
// the backlog.
const maxAggregated = 100

// <delivery> carries requests from one CSE to another (TS-0004 clause 7.4.11).
// They are carried out one after the other as non-blocking requests of whom
// they are from, see carrydelivery.go; what is for a third CSE is forwarded.
func deliveryProcedures() *procedures {
	return &procedures{
		content: deliveryContent, check: checkDeliveryResource, create: traceDelivery, created: startDelivery,
		update: updateDelivery, remove: removeDelivery, retrievable: deliveryDeletable, private: []string{"arq"},
	}
}

// deliveryContent: over Mcc alone, and blocking (C-193, C-194).
func deliveryContent(k *call, _ *onem2m.TypeInfo) error { return k.refuseDelivery() }

// refuseDelivery refuses what an AE or a non-blocking request wants of a
// <delivery>.
func (k *call) refuseDelivery() error {
	if k.fromAE() {
		return onem2m.Errorf(onem2m.OperationNotAllowed, "fr", "a <delivery> is between CSEs")
	}
	if rt := k.req.ResponseType; rt != nil && *rt != responseBlocking && *rt != responseFlex {
		return onem2m.Errorf(onem2m.BadRequest, "rt", "a <delivery> is accessed by blocking requests")
	}
	return nil
}

// deliveryDeletable: the same for DELETE.
func deliveryDeletable(k *call, _ store.Reader, _ *store.Record) error {
	if k.req.Operation != onem2m.Delete {
		return nil
	}
	return k.refuseDelivery()
}

// checkDeliveryResource checks who it comes from and goes to, and that every
// request in it can be read.
func checkDeliveryResource(k *call, _ store.Reader, s *subject) error {
	if s.old == nil {
		if err := k.checkDeliveryEnds(s.attrs); err != nil {
			return err
		}
	}
	if s.old == nil || k.draft.raw.Has("ls") {
		if lifespan, _ := s.attrs.Time("ls"); lifespan <= k.now {
			return onem2m.Errorf(onem2m.BadRequest, "ls", "the lifespan is over")
		}
	}
	if !k.draft.raw.Has("arq") {
		return nil
	}
	if s.old != nil && attributes(s.old).Has("arq") {
		return onem2m.Errorf(onem2m.BadRequest, "arq", "its requests are being carried out already")
	}
	list, err := requestsOf(s.attrs)
	if err != nil {
		return err
	}
	if len(list) == 0 || len(list) > maxAggregated {
		return onem2m.Errorf(onem2m.BadRequest, "arq", "between 1 and %d requests", maxAggregated)
	}
	return nil
}

// checkDeliveryEnds: source and target are CSEs, and the source is one that the
// originator can speak for.
func (k *call) checkDeliveryEnds(attrs onem2m.Object) error {
	for _, name := range []string{"sr", "tg"} {
		text, _ := attrs.Text(name)
		id, form, err := k.c.Home.ParseID(text)
		if err != nil || form == onem2m.FormStem || id.Registrar() != "" {
			return onem2m.Errorf(onem2m.BadRequest, name, "not a CSE-ID")
		}
		if name == "tg" || id == k.from.ID {
			continue
		}
		if via, known := k.c.peers.Via(id, k.now); id == k.c.Home.ID() || known && via.ID != k.from.ID {
			return onem2m.Errorf(onem2m.BadRequest, "sr", "not a CSE that the originator passes on for")
		}
	}
	return nil
}

// requestsOf reads the requests in a <delivery>.
func requestsOf(attrs onem2m.Object) ([]*onem2m.Request, error) {
	whole, ok := attrs.Object("arq")
	if !ok {
		return nil, nil
	}
	items, ok := whole.Objects("req")
	if !ok {
		return nil, onem2m.Errorf(onem2m.BadRequest, "arq", "a list of requests")
	}
	list := make([]*onem2m.Request, 0, len(items))
	for _, item := range items {
		meta, _ := item.Object("mi")
		all := meta.Clone()
		for _, name := range []string{"op", "to", "fr", "rqi", "pc"} {
			all.Delete(name)
			if v := item.Get(name); v != nil {
				all.Set(name, v)
			}
		}
		req, err := wire.DecodeRequest(all.Append(nil), wire.Limits{})
		if err != nil {
			return nil, onem2m.Errorf(onem2m.BadRequest, "arq", "a request in it can't be read")
		}
		list = append(list, req)
	}
	return list, nil
}

// traceDelivery adds this CSE to tracingInfo if that is wanted (TS-0004 clause
// 6.3.5.2).
func traceDelivery(k *call, _ store.Tx, s *subject) error {
	meta, ok := s.attrs.Object("dmd")
	if wanted, _ := meta.Bool("tcop"); !ok || !wanted {
		return nil
	}
	meta = meta.Clone()
	passed, _ := meta.Texts("tcin")
	if len(passed) > 0 && passed[len(passed)-1] == k.c.Home.CSE {
		return nil
	}
	meta.Set("tcin", onem2m.TextsValue(append(slices.Clip(passed), k.c.Home.CSE)))
	s.set("dmd", meta.Append(nil))
	return nil
}

// startDelivery begins to carry out the requests of a new <delivery>.
func startDelivery(k *call, tx store.Tx, s *subject) error {
	if !s.attrs.Has("arq") {
		return nil
	}
	return k.openDelivery(tx, s.id)
}

// updateDelivery begins when an UPDATE brings the requests.
func updateDelivery(k *call, tx store.Tx, s *subject) error {
	if err := traceDelivery(k, tx, s); err != nil || !s.touches("arq") {
		return err
	}
	return k.openDelivery(tx, s.id)
}

func removeDelivery(c *CSE, tx store.Tx, rec *store.Record) error { return c.endDelivery(tx, rec.ID) }
