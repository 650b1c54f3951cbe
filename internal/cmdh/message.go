package cmdh

import (
	"bulwark/onem2m"
)

// The standard values of Event Category (TS-0004 clause 6.3.4.2.4); 100 to 999
// are the provider's own.
const (
	Immediate  int64 = 2
	BestEffort int64 = 3
	Latest     int64 = 4
)

// Infinite is the instant that never comes: 99991231T000000 (clause H.2.3
// step 1.2.4.3, which prints a date that there is not).
const Infinite = onem2m.Timestamp(253402214400 * 1_000_000)

// Origin is who a request comes from, or who a response goes to.
type Origin struct {
	ID    onem2m.ID // absolute
	App   string    // App-ID of an AE registered here; "" if unknown
	Local bool      // an AE registered with this CSE
	Own   bool      // this CSE itself
}

// Message is the part of a request or response that CMDH looks at.
type Message struct {
	Response bool
	Origin   Origin

	Originated onem2m.Timestamp // ot, or when the first CSE received it

	Category int64 // ec; 0: not given
	// Absolute times; 0: not given.
	RequestExpiration onem2m.Timestamp // rqet
	ResultExpiration  onem2m.Timestamp // rset
	Execution         onem2m.Timestamp // oet
	Persistence       onem2m.Timestamp // rp
	Aggregate         *bool            // da; nil: not given
}

// Fill gives a message the CMDH parameters that it doesn't have (clause H.2.3
// step 1). Without a policy these are the values that a bestEffort message gets,
// but for da: nothing is bundled that nobody asked to be bundled (C-188).
func (p *Policy) Fill(m *Message) {
	if m.Category == 0 {
		m.Category = p.category(m.Origin, m.Response)
	}
	switch m.Category {
	case Immediate:
		return
	case BestEffort:
		m.fill(Parameters{
			RequestExpiration: Unlimited, ResultExpiration: Unlimited, Aggregate: p != nil,
		})
		return
	}
	if p == nil {
		m.fill(Parameters{RequestExpiration: Unlimited, ResultExpiration: Unlimited})
		return
	}
	if set := choose(p.Parameters, m.Category, func(s Parameters) []int64 { return s.Categories }); set != nil {
		m.fill(*set)
	}
}

// fill takes the missing parameters from a set; a response has two of them only.
func (m *Message) fill(s Parameters) {
	set := func(at *onem2m.Timestamp, ms int64) {
		if *at == 0 {
			*at = after(m.Originated, ms)
		}
	}
	set(&m.ResultExpiration, s.ResultExpiration)
	if m.Aggregate == nil {
		m.Aggregate = &s.Aggregate
	}
	if m.Response {
		return
	}
	set(&m.RequestExpiration, s.RequestExpiration)
	set(&m.Execution, s.Execution)
	set(&m.Persistence, s.Persistence)
}

// after adds milliseconds, of which a negative number is without end.
func after(t onem2m.Timestamp, ms int64) onem2m.Timestamp {
	if ms < 0 || ms > int64(Infinite-t)/1000 {
		return Infinite
	}
	return t + onem2m.Timestamp(ms*1000)
}

// category is the Event Category of a message that has none (step 1.1.2).
func (p *Policy) category(o Origin, response bool) int64 {
	if p == nil {
		return BestEffort
	}
	if d := select1(p.Categories, o, response, func(d *Default) *Condition { return &d.Condition }); d != nil {
		return d.Category
	}
	return BestEffort
}

// End is when the message is of no use any more.
func (m *Message) End() onem2m.Timestamp {
	end := m.RequestExpiration
	if m.Response {
		end = m.ResultExpiration
	}
	if end == 0 {
		return Infinite
	}
	return end
}
