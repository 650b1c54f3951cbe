package token

import (
	"time"

	"bulwark/onem2m"
)

// Conditions is what the content of a token is compared with.
type Conditions struct {
	Originator onem2m.ID        // who made the request, authenticated
	Self       onem2m.ID        // the CSE that decides
	Now        onem2m.Timestamp // its clock
	Leeway     time.Duration    // how far the clocks of issuer and CSE may be apart; negative counts as 0
	Holder     onem2m.ID        // takes the place of the token's holder after a relationship update; "" without one
	Issuer     onem2m.ID        // who must have issued the token; "" for any that was verified
	Direct     bool             // the token came from a Dynamic Authorization Server that this CSE asked
}

// Check compares the content of a verified token with a request (TS-0003
// clauses 7.3.2.2, 7.3.2.3 and 7.3.2.5; ). The error is an *Error.
// In the direct flow the audience holds this CSE and nobody else; otherwise it
// is absent, or one entry, which may have a "*" within a segment, matches.
func (c *Claims) Check(on Conditions) error {
	holder := c.Holder
	if on.Holder != "" {
		holder = on.Holder
	}
	leeway := onem2m.Timestamp(max(on.Leeway, 0).Microseconds())
	switch {
	case on.Issuer != "" && c.Issuer != on.Issuer:
		return refuse(CheckIssuer, "")
	case holder != on.Originator || on.Originator == "":
		return refuse(CheckHolder, "")
	case !c.isFor(on.Self, on.Direct):
		return refuse(CheckAudience, "")
	case on.Now < c.NotBefore-leeway:
		return refuse(CheckNotBefore, "")
	case on.Now >= c.NotAfter+leeway:
		return refuse(CheckNotAfter, "")
	}
	return nil
}

// isFor reports whether the audience holds the CSE.
func (c *Claims) isFor(self onem2m.ID, direct bool) bool {
	if direct {
		return len(c.Audience) == 1 && c.Audience[0] == string(self)
	}
	if c.Audience == nil { // an empty one holds nobody
		return true
	}
	for _, entry := range c.Audience {
		if onem2m.MatchID(entry, string(self)) {
			return true
		}
	}
	return false
}
