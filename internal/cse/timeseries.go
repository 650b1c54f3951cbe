package cse

import (
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func timeSeriesProcedures() *procedures {
	return &procedures{
		instances: onem2m.TypeTimeSeriesInstance, counted: true, check: checkTimeSeries,
		create: createTimeSeries, update: updateTimeSeries, remove: removeTimeSeries,
	}
}

func timeSeriesInstanceProcedures() *procedures {
	return &procedures{noUpdate: true, check: checkGenerationTime, create: createTimeSeriesInstance, created: createdTimeSeriesInstance}
}

// detection are the attributes that govern the detection of missing data.
func detection() []string { return []string{"pei", "peid", "mdt", "mdn"} }

// checkTimeSeries: C-378 to C-380.
func checkTimeSeries(k *call, _ store.Reader, s *subject) error {
	if s.old != nil {
		running, _ := attributes(s.old).Bool("mdd")
		for _, name := range detection() {
			switch {
			case !k.draft.attrs.Has(name):
			case running:
				return onem2m.Errorf(onem2m.BadRequest, name, "not while missing data are detected")
			case k.draft.attrs.Has("mdd"):
				return onem2m.Errorf(onem2m.BadRequest, name, "not together with mdd")
			}
		}
	}
	interval, periodic := s.attrs.Int("pei")
	if k.draft.attrs.Has("pei") && !k.draft.attrs.Has("peid") && periodic {
		s.set("peid", onem2m.IntValue(interval/2)) // as much as is allowed
	}
	delta, _ := s.attrs.Int("peid")
	if periodic && delta > interval/2 {
		return onem2m.Errorf(onem2m.BadRequest, "peid", "more than half of the periodic interval")
	}
	if on, _ := s.attrs.Bool("mdd"); on {
		if patience, given := s.attrs.Int("mdt"); !given || patience <= delta {
			return onem2m.Errorf(onem2m.BadRequest, "mdt", "missing data detection needs more than peid")
		}
	}
	return nil
}

func createTimeSeries(_ *call, _ store.Tx, s *subject) error {
	s.setDefaults(onem2m.Object{{Name: "mdd", Value: onem2m.BoolValue(false)}})
	s.set("mdc", onem2m.IntValue(0))
	return nil
}

// updateTimeSeries makes the instances fit new bounds, and starts and stops the
// detection of missing data (C-381).
func updateTimeSeries(k *call, tx store.Tx, s *subject) error {
	was, is := boundsOf(s.old), readBounds(s.attrs)
	if is.age >= 0 && is.age != was.age {
		if err := k.c.age(tx, s.id, onem2m.TypeTimeSeriesInstance, is.age, k.aged); err != nil {
			return err
		}
	}
	if err := k.c.evict(tx, s.id, onem2m.TypeTimeSeriesInstance, is, &s.count); err != nil {
		return err
	}
	s.setDefaults(onem2m.Object{{Name: "mdd", Value: onem2m.BoolValue(false)}})
	on, _ := s.attrs.Bool("mdd")
	reset := s.touches("mdd") && on
	for _, name := range detection() {
		reset = reset || s.touches(name)
	}
	if reset {
		if s.attrs.Delete("mdlt") {
			s.dropped = append(s.dropped, "mdlt")
		}
		s.set("mdc", onem2m.IntValue(0))
	}
	if s.touches("mdd") {
		return k.c.forgetSeries(tx, s.id)
	}
	return nil
}

func removeTimeSeries(c *CSE, tx store.Tx, rec *store.Record) error {
	id := rec.ID
	tx.OnCommit(func() {
		c.series.drop(id)
		c.points.drop(id)
	})
	return c.forgetSeries(tx, id) // C-387
}

// generationTime reads dataGenerationTime, which may be relative to now.
func generationTime(attrs onem2m.Object, now onem2m.Timestamp) (onem2m.Timestamp, error) {
	value := attrs.Get("dgt")
	text, ok := onem2m.TextOf(value)
	if !ok {
		text = string(value)
	}
	t, err := onem2m.ParseAbsRel(text, now)
	if err != nil {
		return 0, onem2m.Errorf(onem2m.BadRequest, "dgt", "neither a timestamp nor a number of milliseconds")
	}
	return t, nil
}

// checkGenerationTime makes a relative dataGenerationTime absolute: later
// nobody would know what it was relative to.
func checkGenerationTime(k *call, _ store.Reader, s *subject) error {
	t, err := generationTime(s.attrs, k.now)
	if err != nil {
		return err
	}
	if text, _ := s.attrs.Text("dgt"); text != "" {
		if same, err := onem2m.ParseTimestamp(text); err == nil && same == t {
			return nil
		}
	}
	s.set("dgt", onem2m.TimeValue(t))
	return nil
}

// createTimeSeriesInstance refuses a second point of the same time, before
// anything about sizes (C-376).
func createTimeSeriesInstance(k *call, tx store.Tx, s *subject) error {
	t, err := generationTime(s.attrs, s.now)
	if err != nil {
		return err
	}
	latest, err := k.c.latestPoint(tx, s.parent.ID)
	if err != nil {
		return err
	}
	// Points that were read for a request that failed are read again for one that
	// lets them count, in order or not.
	if read, sound := k.c.points.state(s.parent.ID); t <= latest || read && !sound {
		taken, err := k.c.hasPoint(tx, s.parent.ID, t)
		if err != nil {
			return err
		}
		if taken {
			return onem2m.Errorf(onem2m.Conflict, "dgt", "there is an instance with this generation time")
		}
	}
	if err := createInstance(k, tx, s); err != nil {
		return err
	}
	// At once, not on commit: the next one of the same commit has to see it. If
	// this one is undone, the bound is higher than need be, and no harm is done.
	series, q := s.parent.ID, point{at: t, id: s.id}
	k.c.series.reach(series, t)
	k.c.points.add(series, q)
	tx.OnCommit(func() { k.c.points.settle(series, q) })
	return nil
}

func createdTimeSeriesInstance(k *call, tx store.Tx, s *subject) error {
	if err := countInstance(k, tx, s); err != nil {
		return err
	}
	t, err := generationTime(s.attrs, s.now)
	if err != nil {
		return err
	}
	return k.c.arrived(tx, s.parent, t)
}

// latestPoint is at or behind the generation time of every instance of a
// series. Points come in order most of the time; then nothing has to be looked
// through to know that a new one is alone.
func (c *CSE) latestPoint(tx store.Tx, series int64) (onem2m.Timestamp, error) {
	if t, known := c.series.latest(series); known {
		return t, nil
	}
	latest := onem2m.Timestamp(0)
	err := c.eachPoint(tx, series, func(_ *store.Record, t onem2m.Timestamp) bool {
		latest = max(latest, t)
		return true
	})
	if err == nil {
		c.series.reach(series, latest)
	}
	return latest, err
}
