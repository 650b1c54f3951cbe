package cmdh

import (
	"slices"

	"bulwark/onem2m"
)

// Unlimited is the number of milliseconds that is without end.
const Unlimited = -1

// defaultCategory stands in lists of Event Categories for all that are in no
// other list.
const defaultCategory int64 = 0

// Policy is an active [cmdhPolicy] with everything below it.
type Policy struct {
	Categories []Default     // [cmdhDefEcValue]
	Parameters []Parameters  // [cmdhEcDefParamValues]
	Limits     []Limits      // [cmdhLimits]
	Access     []AccessRules // [cmdhNetworkAccessRules]
	Buffers    []Room        // [cmdhBuffer]
}

// Condition says whose messages something is for.
type Condition struct {
	Order  int64
	Origin []string // AE-IDs, App-IDs, "localAE", "thisCSE", "default"
	ids    []onem2m.ID
	// Contextual says that it depends on a context or on characteristics of the
	// request. The text leaves open what these are, so they are never met.
	Contextual bool
}

// Default is the Event Category of messages that give none.
type Default struct {
	Condition
	Category int64
}

// Parameters are what messages of some categories get for the parameters that
// they don't give, in milliseconds from ot; Unlimited for no end.
type Parameters struct {
	Categories        []int64
	RequestExpiration int64
	ResultExpiration  int64
	Execution         int64
	Persistence       int64
	Aggregate         bool
}

// Span is an allowed range in milliseconds, both ends included; Max Unlimited
// is without end.
type Span struct{ Min, Max int64 }

// Limits are the values that messages of some originators may have.
type Limits struct {
	Condition
	Categories        []int64
	RequestExpiration Span
	ResultExpiration  Span
	Execution         Span
	Persistence       Span
	Aggregate         []bool
}

// Room is a limit of what may wait, in octets, and its storage priority from 1,
// the first to go, to 10.
type Room struct {
	Categories []int64
	Size       int64
	Priority   int64
}

// The words that stand in requestOrigin for more than one originator.
const (
	originLocal   = "localAE"
	originOwn     = "thisCSE"
	originDefault = "default"
)

// rank tells how closely a condition fits an originator: 1 names it, 5 is for
// everybody else, 0 doesn't fit (steps 1.1.2.3 and 2.3).
func (c *Condition) rank(o Origin, response bool) int {
	if c.Contextual && !response {
		return 0
	}
	switch {
	case o.ID != "" && slices.Contains(c.ids, o.ID):
		return 1
	case o.App != "" && slices.Contains(c.Origin, o.App):
		return 2
	case o.Local && slices.Contains(c.Origin, originLocal):
		return 3
	case o.Own && slices.Contains(c.Origin, originOwn):
		return 4
	case slices.Contains(c.Origin, originDefault):
		return 5
	}
	return 0
}

// select1 picks the entry that fits an originator most closely, among equals
// that with the lowest order; nil if none fits.
func select1[T any](list []T, o Origin, response bool, of func(*T) *Condition) *T {
	var best *T
	bestRank := 0
	for i := range list {
		c := of(&list[i])
		rank := c.rank(o, response)
		if rank == 0 {
			continue
		}
		if best == nil || rank < bestRank || rank == bestRank && c.Order < of(best).Order {
			best, bestRank = &list[i], rank
		}
	}
	return best
}

// choose picks the entry for a category, else that for all others; nil if there
// is neither.
func choose[T any](list []T, category int64, of func(T) []int64) *T {
	var rest *T
	for i := range list {
		switch categories := of(list[i]); {
		case slices.Contains(categories, category):
			return &list[i]
		case rest == nil && slices.Contains(categories, defaultCategory):
			rest = &list[i]
		}
	}
	return rest
}

// Check holds the parameters of a message against the limits for its originator
// (step 2). It fails with 4000. Where no limits are for the originator, there
// are none.
func (p *Policy) Check(m *Message) error {
	if p == nil {
		return nil
	}
	l := select1(p.Limits, m.Origin, m.Response, func(l *Limits) *Condition { return &l.Condition })
	if l == nil {
		return nil
	}
	if !slices.Contains(l.Categories, m.Category) {
		return beyond("ec")
	}
	for _, t := range []struct {
		name string
		at   onem2m.Timestamp
		span Span
	}{
		{"rqet", m.RequestExpiration, l.RequestExpiration},
		{"rset", m.ResultExpiration, l.ResultExpiration},
		{"oet", m.Execution, l.Execution},
		{"rp", m.Persistence, l.Persistence},
	} {
		if t.at != 0 && !t.span.holds(m.Originated, t.at) {
			return beyond(t.name)
		}
	}
	if m.Aggregate != nil && !slices.Contains(l.Aggregate, *m.Aggregate) {
		return beyond("da")
	}
	return nil
}

func beyond(name string) error {
	return onem2m.Errorf(onem2m.BadRequest, name, "the CMDH policy of this CSE doesn't allow this value")
}

// holds reports whether an instant is within the span from another.
func (s Span) holds(from, at onem2m.Timestamp) bool {
	return at >= after(from, max(s.Min, 0)) && (s.Max < 0 || at <= after(from, s.Max))
}
