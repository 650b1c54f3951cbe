package notify

import (
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Releases by which operationMonitor can be read (row 35 of the open points):
// up to 3, ops is a sum of bits and the notification tells {op, or}; from 4 on,
// ops is one operation and the notification tells {ops, org}.
const (
	ReadingBits      = 3
	ReadingOperation = 4
)

// monitor is one entry of operationMonitor.
type monitor struct {
	operations int64  // 0: any
	originator string // as stored; "": any
}

// monitors reads operationMonitor.
func (c *storedCriteria) monitors() ([]monitor, error) {
	if !c.monitored() {
		return nil, nil
	}
	var in []struct {
		Operations int64  `json:"ops"`
		Or         string `json:"or"`
		Org        string `json:"org"`
	}
	if err := json.Unmarshal(c.Monitor, &in); err != nil || len(in) == 0 {
		return nil, onem2m.Errorf(onem2m.BadRequest, "om", "a list of operations and originators is needed")
	}
	out := make([]monitor, 0, len(in))
	for _, m := range in {
		one := monitor{operations: m.Operations, originator: m.Or}
		if one.originator == "" {
			one.originator = m.Org
		}
		if one == (monitor{}) || m.Or != "" && m.Org != "" {
			return nil, onem2m.Errorf(onem2m.BadRequest, "om", "an entry has operations, an originator, or both")
		}
		out = append(out, one)
	}
	return out, nil
}

// bitDiscovery is DISCOVERY among the bits of m2m:accessControlOperations.
const bitDiscovery = 32

// matches reports whether an attempt is one that the entry names (C-291, C-292).
func (m *monitor) matches(home onem2m.Home, reading int64, ev *Event) bool {
	if m.originator != "" {
		id, _, err := home.ParseID(m.originator)
		if err != nil || id != ev.Originator {
			return false
		}
	}
	switch {
	case m.operations == 0:
		return true
	case reading >= ReadingOperation:
		return m.operations == int64(ev.Operation)
	case ev.Discovery:
		return m.operations&bitDiscovery != 0
	}
	return m.operations>>(ev.Operation-1)&1 != 0
}

// observes reports whether some entry names the attempt.
func (s *subscription) observes(home onem2m.Home, ev *Event) bool {
	for i := range s.monitors {
		if s.monitors[i].matches(home, s.reading, ev) {
			return true
		}
	}
	return false
}

// appendOperation writes the operationMonitor element of a notification.
func (e *Engine) appendOperation(b []byte, s *subscription, ev *Event, to scope) []byte {
	op, or := `"om":{"op":`, `,"or":`
	if s.reading >= ReadingOperation {
		op, or = `"om":{"ops":`, `,"org":`
	}
	b = append(b, op...)
	b = strconv.AppendInt(b, int64(ev.Operation), 10)
	b = append(b, or...)
	b = appendText(b, e.entity(ev.Originator, to))
	return append(b, '}', ',')
}

// Monitored reports whether one of the subscriptions of a resource watches
// attempts at it. It is asked after every request, so it costs next to nothing
// where nobody watches.
func Monitored(subscriptions []*store.Record) bool {
	for _, sub := range subscriptions {
		if len(compiled(sub).monitors) > 0 {
			return true
		}
	}
	return false
}

// Listener returns the first of the subscriptions that has an event type, or nil.
func Listener(subscriptions []*store.Record, ev EventType) *store.Record {
	for _, sub := range subscriptions {
		if slices.Contains(compiled(sub).events, ev) {
			return sub
		}
	}
	return nil
}
