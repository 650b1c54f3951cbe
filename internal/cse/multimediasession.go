package cse

import (
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Values of m2m:sessionState.
const (
	sessionOffline = 1
	sessionOnline  = 2
)

// <multimediaSession> is what two AEs agree on before they talk to each other by
// other means; the CSE takes no part in the session (TS-0004 clause 7.4.56).
func sessionProcedures() *procedures {
	return &procedures{check: checkSession, create: createSession, update: updateSession}
}

// checkSession: the AE below which it stands can have sessions, and what has
// been agreed on stays while the session lasts (C-267).
func checkSession(k *call, _ store.Reader, s *subject) error {
	if s.old == nil {
		if !attributes(s.parent).Has("scp") {
			return onem2m.Errorf(onem2m.TargetHasNoSessionCapability, "to", "the AE has no session capabilities")
		}
		originator, _ := s.attrs.Text("soi")
		if _, _, err := k.c.Home.ParseID(originator); err != nil {
			return onem2m.Errorf(onem2m.BadRequest, "soi", "not the identifier of an entity")
		}
		return nil
	}
	if state, _ := attributes(s.old).Int("sst"); state != sessionOnline {
		return nil
	}
	if next, _ := s.attrs.Int("sst"); next == sessionOffline && k.draft.raw.Has("sst") {
		return nil
	}
	for _, name := range []string{"osd", "asd"} {
		if k.draft.raw.Has(name) {
			return onem2m.Errorf(onem2m.SessionIsOnline, name, "the session is online")
		}
	}
	return nil
}

// createSession: a session begins offline.
func createSession(_ *call, _ store.Tx, s *subject) error {
	s.setDefaults(onem2m.Object{{Name: "sst", Value: onem2m.IntValue(sessionOffline)}})
	return nil
}

// updateSession: one without a state is offline.
func updateSession(k *call, tx store.Tx, s *subject) error { return createSession(k, tx, s) }
