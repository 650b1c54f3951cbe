package cse

import (
	"errors"
	"fmt"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func locationPolicyProcedures() *procedures {
	return &procedures{check: checkLocationPolicy, create: createLocationPolicy, update: updateLocationPolicy, remove: removeLocationPolicy}
}

// Values of m2m:locationSource and m2m:locationInformationType.
const (
	networkBased  = 1
	positionFix   = 1
	geofenceEvent = 2
)

// checkLocationPolicy: C-424 to C-428. Positions come from the device or from
// who shares them; there is no location server to ask.
func checkLocationPolicy(k *call, r store.Reader, s *subject) error {
	periodic, err := checkPeriods(s.attrs)
	if err != nil {
		return err
	}
	if source, _ := s.attrs.Int("los"); source == networkBased {
		if periodic || s.attrs.Has("luec") {
			for _, name := range []string{"lot", "lor"} {
				if !s.attrs.Has(name) {
					return onem2m.Errorf(onem2m.BadRequest, name, "positioning by the network needs it")
				}
			}
		}
		return onem2m.Errorf(onem2m.NotImplemented, "los", "there is no location server")
	}
	for _, name := range []string{"lot", "aid", "lor", "rlkl", "luec"} {
		if s.attrs.Has(name) {
			return onem2m.Errorf(onem2m.BadRequest, name, "only where the network is the source")
		}
	}
	if area := s.attrs.Get("gta"); area != nil {
		if _, err := readArea(area); err != nil {
			return onem2m.Errorf(onem2m.BadRequest, "gta", "not a polygon")
		}
	}
	if s.old != nil {
		return nil
	}
	return k.checkContainerName(r, s)
}

// checkPeriods reports whether locationUpdatePeriod asks for periodic
// positioning. Zero doesn't stand beside other periods (TS-0001 clause 9.6.10).
func checkPeriods(attrs onem2m.Object) (periodic bool, err error) {
	list, _ := attrs.Texts("lou")
	zero := false
	for _, text := range list {
		d, err := onem2m.ParseDuration(text)
		if err != nil {
			return false, onem2m.Errorf(onem2m.BadRequest, "lou", "not a duration")
		}
		zero = zero || d.Zero()
		periodic = periodic || !d.Zero()
	}
	if zero && periodic {
		return false, onem2m.Errorf(onem2m.BadRequest, "lou", "zero stands alone")
	}
	return periodic, nil
}

// checkContainerName: the name of the container is one, and is free among the
// siblings of the policy (C-424).
func (k *call) checkContainerName(r store.Reader, s *subject) error {
	name, given := s.attrs.Text("lon")
	switch {
	case !given:
		return nil
	case !onem2m.ValidName(name):
		return onem2m.Errorf(onem2m.BadRequest, "lon", "not a resource name")
	case name == s.rn:
		return onem2m.Errorf(onem2m.BadRequest, "lon", "it's the name of the policy itself")
	}
	err := k.checkName(r, &subject{parent: s.parent, rn: name})
	if e := (*onem2m.Error)(nil); errors.As(err, &e) && e.Code == onem2m.Conflict {
		return onem2m.Errorf(onem2m.Conflict, "lon", "the name is taken")
	}
	return err
}

// createLocationPolicy makes the container for the positions and links the two
// (TS-0004 clause 7.4.10.2.1). The container lives as long as its parent lets
// it: the policy, whose end it shares, may be prolonged.
func createLocationPolicy(k *call, tx store.Tx, s *subject) error {
	s.setDefaults(onem2m.Object{{Name: "lit", Value: onem2m.IntValue(positionFix)}})
	c := &subject{info: onem2m.TypeByNumber(onem2m.TypeContainer), parent: s.parent, origin: s.origin}
	c.rn, _ = s.attrs.Text("lon")
	c.set("li", onem2m.TextValue(s.ri))
	if policies := s.attrs.Get("acpi"); policies != nil {
		c.set("acpi", policies)
	}
	c.et = k.now + onem2m.Timestamp(k.c.Timing.MaxExpiration.Microseconds())
	c.due = c.et
	if end := s.parent.Expires; end != 0 && end <= c.et {
		c.et, c.due = end, 0
	}
	rec, err := k.performCreate(tx, k.c.types[onem2m.TypeContainer], c)
	if err != nil {
		return err
	}
	s.set("loi", onem2m.TextValue(rec.RI))
	s.set("lost", onem2m.TextValue(""))
	return nil
}

// updateLocationPolicy: in a new area nobody has been yet.
func updateLocationPolicy(_ *call, tx store.Tx, s *subject) error {
	s.setDefaults(onem2m.Object{{Name: "lit", Value: onem2m.IntValue(positionFix)}})
	if !s.touches("gta") {
		return nil
	}
	return tx.SetSetting(outsideName(s.id), nil)
}

// removeLocationPolicy removes the container with what it holds (C-429).
func removeLocationPolicy(c *CSE, tx store.Tx, rec *store.Record) error {
	if err := tx.SetSetting(outsideName(rec.ID), nil); err != nil {
		return err
	}
	if _, err := tx.ByID(rec.Parent); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil // cut off together with the container, which goes by itself
		}
		return err
	}
	link, _ := attributes(rec).Text("loi")
	container, err := tx.ByRI(link)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil // somebody has deleted it before
		}
		return err
	}
	if back, _ := attributes(container).Text("li"); back != rec.RI {
		return nil
	}
	return c.removeTree(tx, container, c.Home.ID())
}

// outsideName is the name under which a store keeps that the latest position of
// a policy was outside its area.
func outsideName(policy int64) string { return fmt.Sprintf("locationPolicy/%d", policy) }
