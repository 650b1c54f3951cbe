package cmdh

import (
	"slices"
	"time"

	"bulwark/onem2m"
)

// AccessRules are the networks that messages of some categories may use. Without
// a rule such messages may use none (TS-0001 clause D.12.6).
type AccessRules struct {
	Categories []int64
	Rules      []AccessRule
}

// AccessRule is when and how some networks may be used.
type AccessRule struct {
	Networks  []string // identifiers of networks, or "default" for all others
	MinVolume int64    // octets of one category that have to be there first
	Spreading time.Duration
	BackOff   []BackOff
	Schedule  []*onem2m.Schedule // any of them allows; none: never, the schedule that is linked is missing
	// Conditional says that it depends on conditions that the text leaves open:
	// they are never met.
	Conditional bool
}

// BackOff is how long a network isn't tried again after it has failed.
type BackOff struct {
	Action     int64 // m2m:networkAction; 0: any
	Initial    time.Duration
	Additional time.Duration // for each failure more
	Maximum    time.Duration
	Random     time.Duration // at most so much on top
}

// ActionDefault is the m2m:networkAction of who doesn't know what its network does
// (TS-0004 clause 6.3.4.2.45).
const ActionDefault int64 = 5

// defaultNetwork stands in lists of networks for all that are in no other list.
const defaultNetwork = "default"

// Wait returns how long to wait after so many failures in a row, 1 or more;
// random is from [0, 1) (clause H.2.5).
func (b BackOff) Wait(failures int, random float64) time.Duration {
	wait := b.Initial
	for range min(failures, maxFailures) - 1 {
		if wait >= b.Maximum {
			break
		}
		wait += b.Additional
	}
	return min(wait, b.Maximum) + time.Duration(random*float64(b.Random))
}

// maxFailures is how many failures lengthen the wait: what is longer than so
// many additions has no use for another.
const maxFailures = 10_000

// BackOffFor returns the back-off of a rule for an action: its own, else that
// for any; ok is false if there is neither.
func (r *AccessRule) BackOffFor(action int64) (b BackOff, ok bool) {
	for _, candidate := range r.BackOff {
		switch {
		case candidate.Action == action:
			return candidate, true
		case candidate.Action == 0:
			b, ok = candidate, true
		}
	}
	return b, ok
}

// allows reports whether the rule allows its networks at an instant.
func (r *AccessRule) allows(t time.Time) bool {
	return slices.ContainsFunc(r.Schedule, func(s *onem2m.Schedule) bool { return s.Contains(t) })
}

// next returns the first instant from t on at which the rule allows its
// networks, if there is one before end.
func (r *AccessRule) next(t, end time.Time) (first time.Time, ok bool) {
	if r.allows(t) {
		return t, true
	}
	for _, s := range r.Schedule {
		if at, is := s.Next(t); is && at.Before(end) && (!ok || at.Before(first)) {
			first, ok = at, true
		}
	}
	return first, ok
}

// rules returns the rules for a category, and whether there are any at all: a
// policy without [cmdhNetworkAccessRules] restricts nothing.
func (p *Policy) rules(category int64) (rules []AccessRule, restricted bool) {
	if p == nil || len(p.Access) == 0 {
		return nil, false
	}
	set := choose(p.Access, category, func(a AccessRules) []int64 { return a.Categories })
	if set == nil {
		return nil, true
	}
	return set.Rules, true
}

// Deliverable returns the first instant at which some network may be used for
// the message. It fails with 4000 if there is none before the end of the message
// (step 3.2). What is immediate asks nobody.
func (p *Policy) Deliverable(m *Message, now onem2m.Timestamp) (from onem2m.Timestamp, err error) {
	rules, restricted := p.rules(m.Category)
	if !restricted || m.Category == Immediate {
		return now, nil
	}
	for i := range rules {
		if rules[i].Conditional {
			continue
		}
		if at, ok := rules[i].next(now.Time(), m.End().Time()); ok && (from == 0 || onem2m.TimestampOf(at) < from) {
			from = onem2m.TimestampOf(at)
		}
	}
	if from == 0 {
		return 0, onem2m.Errorf(onem2m.BadRequest, "rqet", "the CMDH policy of this CSE allows no network in time")
	}
	return from, nil
}

// Rule returns the rule by which messages of a category may use a network first,
// so many octets of which wait, and from when on; ok is false if they may not
// before end, or not before there is more to send (clause H.2.4 step 2.2). Where
// the network is not known, "", every rule counts. Without restrictions the rule
// is nil.
func (p *Policy) Rule(category int64, network string, waiting int64, now, end onem2m.Timestamp) (rule *AccessRule, from onem2m.Timestamp, ok bool) {
	rules, restricted := p.rules(category)
	if !restricted || category == Immediate {
		return nil, now, true
	}
	for i := range rules {
		r := &rules[i]
		if r.Conditional || waiting < r.MinVolume || !r.governs(network, rules) {
			continue
		}
		at, is := r.next(now.Time(), end.Time())
		if t := onem2m.TimestampOf(at); is && (!ok || t < from) {
			rule, from, ok = r, t, true
		}
	}
	return rule, from, ok
}

// attempts returns the rule by which attempts to reach a CSE over a network are
// spaced that isn't restricted otherwise: for what is immediate (clause H.2.4
// step 1.2).
func (p *Policy) attempts(category int64, network string) *AccessRule {
	rules, _ := p.rules(category)
	for i := range rules {
		if r := &rules[i]; !r.Conditional && r.governs(network, rules) {
			return r
		}
	}
	return nil
}

// governs reports whether the rule is for a network: it names it, or is for all
// that no other one names.
func (r *AccessRule) governs(network string, rules []AccessRule) bool {
	return network == "" || slices.Contains(r.Networks, network) ||
		slices.Contains(r.Networks, defaultNetwork) && !named(rules, network)
}

// named reports whether a rule names the network itself.
func named(rules []AccessRule, network string) bool {
	return slices.ContainsFunc(rules, func(r AccessRule) bool { return slices.Contains(r.Networks, network) })
}
