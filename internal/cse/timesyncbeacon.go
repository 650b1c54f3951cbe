package cse

import (
	"errors"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func timeSyncBeaconProcedures() *procedures {
	return &procedures{check: checkBeacon, created: armBeacon, update: armBeacon, remove: removeBeacon}
}

// Values of m2m:beaconCriteria.
const (
	beaconPeriodic = 1
	beaconLoss     = 2
)

// Limits and defaults of beacons; there is no text that has them.
const (
	minBeaconInterval  = onem2m.Timestamp(1e6) // each one is a request to somebody
	maxBeaconTargets   = 16                    // the same
	beaconInterval     = "PT1H"
	beaconThreshold    = 10                     // seconds
	maxBeaconThreshold = 100 * 365 * 24 * 3600. // seconds; what is more is never reached
)

// checkBeacon: C-269. A criterion has its own attributes and none of the other.
func checkBeacon(k *call, r store.Reader, s *subject) error {
	s.setDefaults(onem2m.Object{{Name: "bcnc", Value: onem2m.IntValue(beaconPeriodic)}})
	criterion, _ := s.attrs.Int("bcnc")
	others := []string{"bcnt", "bcnr"}
	if criterion == beaconLoss {
		others = []string{"bcni"}
	}
	for _, name := range others {
		switch {
		case !s.attrs.Has(name):
		case s.old != nil && s.touches("bcnc") && !s.touches(name):
			s.attrs.Delete(name) // of the criterion that was
			s.dropped = append(s.dropped, name)
		default:
			return onem2m.Errorf(onem2m.BadRequest, name, "not with this beaconCriteria")
		}
	}
	if criterion == beaconLoss {
		if err := k.checkLoss(s); err != nil {
			return err
		}
	} else {
		s.setDefaults(onem2m.Object{{Name: "bcni", Value: onem2m.TextValue(beaconInterval)}})
		if intervalOf(s.attrs, k.now) < minBeaconInterval {
			return onem2m.Errorf(onem2m.BadRequest, "bcni", "shorter than a second")
		}
	}
	return k.checkBeaconTargets(r, s)
}

// checkLoss settles the attributes of a beacon for those who lose the time.
func (k *call) checkLoss(s *subject) error {
	requester, given := s.attrs.Text("bcnr")
	if !given {
		return onem2m.Errorf(onem2m.BadRequest, "bcnr", "whose clock is watched isn't said")
	}
	if _, _, err := k.c.Home.ParseID(requester); err != nil {
		return onem2m.Errorf(onem2m.BadRequest, "bcnr", "not the identifier of an entity")
	}
	s.setDefaults(onem2m.Object{{Name: "bcnt", Value: onem2m.IntValue(beaconThreshold)}})
	if thresholdOf(s.attrs, k.now) <= 0 {
		return onem2m.Errorf(onem2m.BadRequest, "bcnt", "neither a duration nor a number of seconds")
	}
	return nil
}

// checkBeaconTargets: whoever has beacons sent to an AE that is registered here
// may notify it.
func (k *call) checkBeaconTargets(r store.Reader, s *subject) error {
	targets, _ := s.attrs.Texts("bcnu")
	if len(targets) == 0 || len(targets) > maxBeaconTargets {
		return onem2m.Errorf(onem2m.BadRequest, "bcnu", "1 to %d targets are expected", maxBeaconTargets)
	}
	for _, target := range targets {
		if notify.CheckTarget(target) != nil {
			return onem2m.Errorf(onem2m.BadRequest, "bcnu", "a target is neither a URL nor a resource identifier")
		}
	}
	if s.old != nil && !s.touches("bcnu") {
		return nil
	}
	err := k.mayNotify(r, targets)
	if e := (*onem2m.Error)(nil); errors.As(err, &e) {
		return onem2m.Errorf(e.Code, "bcnu", "a target doesn't admit notifications of this originator")
	}
	return err
}

// intervalOf is the time between two periodic beacons; months and years are as
// long as they are after the given instant. 0 if there is none.
func intervalOf(attrs onem2m.Object, from onem2m.Timestamp) onem2m.Timestamp {
	text, _ := attrs.Text("bcni")
	return lengthOf(text, from)
}

func lengthOf(text string, from onem2m.Timestamp) onem2m.Timestamp {
	d, err := onem2m.ParseDuration(text)
	if err != nil {
		return 0
	}
	return onem2m.TimestampOf(d.After(from.Time())) - from
}

// thresholdOf is how far a clock may be off: a duration, or, as clients of
// Release 4 write it, a number of seconds. 0 if it is neither.
func thresholdOf(attrs onem2m.Object, from onem2m.Timestamp) onem2m.Timestamp {
	v := attrs.Get("bcnt")
	if text, ok := onem2m.TextOf(v); ok {
		return lengthOf(text, from)
	}
	if jsontext.Value(v).Kind() != '0' {
		return 0
	}
	seconds, err := strconv.ParseFloat(string(v), 64)
	if err != nil || seconds < 0 {
		return 0
	}
	return onem2m.Timestamp(math.Round(min(seconds, maxBeaconThreshold) * 1e6))
}

// armBeacon lets the clock of a new or changed beacon run.
func armBeacon(k *call, tx store.Tx, s *subject) error {
	id, attrs, created := s.id, s.attrs, s.now
	if s.old != nil {
		created = s.old.Created
	}
	tx.OnCommit(func() { k.c.arrangeBeacon(id, attrs, created) })
	return nil
}

func removeBeacon(c *CSE, tx store.Tx, rec *store.Record) error {
	id := rec.ID
	tx.OnCommit(func() { c.beacons.drop(id) })
	return nil
}
