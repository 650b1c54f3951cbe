package cse

import (
	"errors"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func statsCollectProcedures() *procedures {
	return &procedures{check: checkStatsCollect, create: createStatsCollect, created: recollect, update: recollect, remove: recollectWithout}
}

// statsActive is the value ACTIVE of m2m:statsRuleStatusType.
const statsActive = 1

// checkStatsCollect: the event to collect by is configured (C-455).
func checkStatsCollect(k *call, r store.Reader, s *subject) error {
	list, _ := s.attrs.Texts("cdi")
	for _, text := range list {
		if _, _, err := k.c.Home.ParseID(text); err != nil {
			return onem2m.Errorf(onem2m.BadRequest, "cdi", "not an AE-ID or CSE-ID")
		}
	}
	if s.old != nil && !k.draft.raw.Has("evi") {
		return nil
	}
	id, _ := s.attrs.Text("evi")
	event, err := k.c.eventConfig(r, id, k.now)
	if err == nil && event == nil {
		err = onem2m.Errorf(onem2m.BadRequest, "evi", "no such event is configured")
	}
	return err
}

// createStatsCollect makes the statsCollectID, which is unique within the
// service provider's domain (C-455).
func createStatsCollect(k *call, _ store.Tx, s *subject) error {
	s.set("sci", onem2m.TextValue(k.c.Home.CSE+"/"+s.ri))
	return nil
}

// eventConfig finds an <eventConfig> by its eventID; nil if there is none.
func (c *CSE) eventConfig(r store.Reader, id string, now onem2m.Timestamp) (*store.Record, error) {
	rec, err := r.ByRI(id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil //nolint:nilnil // none is an ordinary case
	case err != nil:
		return nil, err
	case rec.Type != onem2m.TypeEventConfig:
		return nil, nil //nolint:nilnil // as before
	}
	if err := c.alive(r, rec, now); err != nil {
		return nil, unlessMissing(err)
	}
	return rec, nil
}

// recollect has what is collected read again once the change is there.
func recollect(k *call, tx store.Tx, _ *subject) error {
	tx.OnCommit(k.c.statistics.outdate)
	return nil
}

func recollectWithout(c *CSE, tx store.Tx, _ *store.Record) error {
	tx.OnCommit(c.statistics.outdate)
	return nil
}
