package cse

import (
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Values of m2m:eventType.
const (
	eventOperation = 1
	eventStorage   = 2
	eventTimer     = 3
)

// With a configuration of statistics its events go (C-457).
func statsConfigProcedures() *procedures {
	return &procedures{remove: recollectWithout}
}

func eventConfigProcedures() *procedures {
	return &procedures{check: checkEventConfig, create: createEventConfig, update: recollect, remove: recollectWithout}
}

// createEventConfig makes the eventID: the resourceID, which is no other's.
func createEventConfig(_ *call, _ store.Tx, s *subject) error {
	s.set("evi", onem2m.TextValue(s.ri))
	return nil
}

// checkEventConfig: each type of event has its criteria and no others (C-454).
func checkEventConfig(_ *call, _ store.Reader, s *subject) error {
	kind, _ := s.attrs.Int("evt")
	for name, of := range map[string]int64{"opt": eventOperation, "ds": eventStorage, "evs": eventTimer, "eve": eventTimer} {
		if s.attrs.Has(name) && kind != of {
			return onem2m.Errorf(onem2m.BadRequest, name, "not for an event of type %d", kind)
		}
	}
	start, starts := s.attrs.Time("evs")
	end, ends := s.attrs.Time("eve")
	switch {
	case kind == eventStorage && !s.attrs.Has("ds"):
		return onem2m.Errorf(onem2m.BadRequest, "ds", "mandatory for an event of storage")
	case kind == eventTimer && (!starts || !ends):
		return onem2m.Errorf(onem2m.BadRequest, "evs", "an event of time has a start and an end")
	case end < start:
		return onem2m.Errorf(onem2m.BadRequest, "eve", "the end is before the start")
	case s.attrs.Has("erts") && s.attrs.Has("eris"):
		return onem2m.Errorf(onem2m.BadRequest, "eris", "either types or resources")
	}
	return nil
}
