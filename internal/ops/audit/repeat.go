package audit

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// repeatWindow is the time in which identical denials are summed up.
	repeatWindow = time.Minute
	// repeatFree is the number of identical denials in a window that are
	// written one by one: enough to see a pattern and to find a request again.
	repeatFree = 10
	// maxRepeats bounds the kinds of denials that are remembered; beyond it
	// denials are written one by one.
	maxRepeats = 4096
)

// repeatKey is what makes two denials identical: everything but the time and
// the request.
type repeatKey struct {
	credential, originator, claimed, operation, target, stage, rule, reason string
	source                                                                  netip.Addr
	rsc                                                                     int
}

// repeat counts the denials of one key in one window.
type repeat struct {
	since      time.Time
	seen       int
	suppressed int
	last       Record
}

// repeats limits identical denials (S-096).
type repeats struct {
	mu      sync.Mutex // guards entries
	entries map[repeatKey]*repeat
}

// admit reports whether r is to be written by itself.
func (p *repeats) admit(r Record) bool {
	key := repeatKey{
		r.Credential, r.Originator, r.Claimed, r.Operation, r.Target, r.Stage, r.Rule, r.Reason,
		r.Source, r.RSC,
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entries[key]
	if e == nil {
		if len(p.entries) < maxRepeats {
			p.entries[key] = &repeat{since: r.Time, seen: 1}
		}
		return true
	}
	if e.seen++; e.seen <= repeatFree {
		return true
	}
	e.suppressed++
	e.last = r
	return false
}

// summaries ends the windows that are over, or all of them, and returns one
// record for each that held denials back.
func (p *repeats) summaries(now time.Time, all bool) []Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	var records []Record
	for key, e := range p.entries {
		if !all && now.Sub(e.since) < repeatWindow {
			continue
		}
		delete(p.entries, key)
		if e.suppressed > 0 {
			summary := e.last
			summary.Event, summary.Repeated = "repeated", e.suppressed
			records = append(records, summary)
		}
	}
	return records
}
