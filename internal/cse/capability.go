package cse

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/e2e/esprim"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Capabilities are what a CSE can do end to end (TS-0004 clause 6.3.5.52).
type Capabilities struct {
	Features     []int64  // m2m:suid values of what is configured; none: nothing is advertised
	Certificates [][]byte // in DER
	Unique       bool     // no receiver rand object is published: each originator asks for its own
}

// protects reports whether protected requests are taken at all.
func (c *CSE) protects() bool { return c.ESPrim != nil && c.EndToEnd() != nil }

func (c *CSE) capable() Capabilities {
	if c.Capable == nil {
		return Capabilities{}
	}
	return c.Capable()
}

// offersESPrim reports whether a list of m2m:suid has ESPrim in it (E-18).
func offersESPrim(features []int64) bool {
	for _, f := range features {
		switch f {
		case 13, 23, 33, 43:
			return true
		}
	}
	return false
}

// capability is the e2eSecInfo that the CSE advertises, with the shared receiver
// rand object where it takes protected requests, and when that has to be looked
// at again, 0 for never. It is nil if the CSE does nothing end to end (E-16 to
// E-20).
func (c *CSE) capability() (jsontext.Value, onem2m.Timestamp, error) {
	can := c.capable()
	if len(can.Features) == 0 {
		return nil, 0, nil
	}
	o := onem2m.Object{{Name: "esf", Value: onem2m.IntsValue(can.Features)}}
	if len(can.Certificates) > 0 {
		list := make([]string, len(can.Certificates))
		for i, der := range can.Certificates {
			list[i] = base64.StdEncoding.EncodeToString(der)
		}
		o.Set("escert", onem2m.TextsValue(list))
	}
	if c.ESPrim == nil || can.Unique || !offersESPrim(can.Features) {
		return o.Append(nil), 0, nil
	}
	rand, again, err := c.ESPrim.Shared()
	if err != nil {
		return nil, 0, err
	}
	value, err := rand.JSON()
	if err != nil {
		return nil, 0, err
	}
	o.Set("esro", value)
	return o.Append(nil), again, nil
}

// EndToEnd is the e2eSecInfo as it stands in the <CSEBase>, nil for none. It
// implements federation.Local: other CSEs are told the same.
func (c *CSE) EndToEnd() jsontext.Value {
	if value := c.advertised.Load(); value != nil {
		return *value
	}
	return nil
}

// CapabilitiesChanged lets the CSE look at what it advertises. It never waits.
func (c *CSE) CapabilitiesChanged() {
	select {
	case c.capabilities <- struct{}{}:
	default:
	}
}

// Longest time between two looks at what is advertised, and after a failure.
const (
	capabilityCheck = time.Hour
	capabilityRetry = time.Minute
)

// runCapability keeps the advertisement up to date (E-21).
func (c *CSE) runCapability(ctx context.Context) {
	for {
		wait := capabilityCheck
		again, err := c.Advertise(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			c.Log.ErrorContext(ctx, "advertise end-to-end security", "err", err)
			wait = capabilityRetry
		case again != 0:
			wait = min(wait, max(time.Second, again.Time().Sub(c.Now())))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-c.capabilities:
			timer.Stop()
		}
		if c.ESPrim != nil {
			c.ESPrim.Purge()
		}
	}
}

// Advertise puts what the CSE can do end to end into its <CSEBase>, if it stands
// there otherwise, and lets other CSEs be told. It returns when it has to be done
// again, 0 for not by time.
func (c *CSE) Advertise(ctx context.Context) (onem2m.Timestamp, error) {
	value, again, err := c.capability()
	if err != nil {
		return 0, err
	}
	changed := false
	err = c.Store.Update(ctx, func(tx store.Tx) error {
		changed = false
		rec, err := tx.ByID(baseID)
		if err != nil {
			return fmt.Errorf("read the <CSEBase>: %w", err)
		}
		if string(attributes(rec).Get("esi")) == string(value) {
			return nil
		}
		next := value
		if next == nil {
			next = jsontext.Value("null")
		}
		changed = true
		return c.amend(tx, rec, c.Home.ID(), onem2m.Object{{Name: "esi", Value: next}})
	})
	if err != nil {
		return 0, err
	}
	c.setAdvertised(value)
	if changed && c.Neighbours != nil {
		c.Neighbours()
	}
	return again, nil
}

func (c *CSE) setAdvertised(value jsontext.Value) {
	if value == nil {
		c.advertised.Store(nil)
		return
	}
	c.advertised.Store(&value)
}

// checkCapability holds the e2eSecInfo that an AE or CSE gives of itself against
// the types, and against what its rules say beyond them (E-19).
func checkCapability(value jsontext.Value) error {
	if value == nil || string(value) == "null" {
		return nil
	}
	if err := onem2m.TypeByNumber(onem2m.TypeAE).Attribute("esi").CheckValue(value); err != nil {
		return onem2m.Errorf(onem2m.BadRequest, "esi", "not of its type")
	}
	o, err := onem2m.ParseObject(value)
	if err != nil {
		return onem2m.Errorf(onem2m.BadRequest, "esi", "not an object")
	}
	if esro := o.Get("esro"); esro != nil {
		if _, err := esprim.ParseReceiverRand(esro); err != nil {
			return &onem2m.Error{Code: onem2m.BadRequest, Subject: "esi", Text: "esro is no receiver rand object with an absolute expiry", Cause: err}
		}
	}
	return nil
}
