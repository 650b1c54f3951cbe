package notify

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// storedCriteria is m2m:eventNotificationCriteria (TS-0004 clause 6.3.5.7).
type storedCriteria struct {
	Events     []EventType           `json:"net"`
	Attributes []string              `json:"atr"`
	Children   []onem2m.ResourceType `json:"chty"`
	Monitor    jsontext.Value        `json:"om"`
	Missing    jsontext.Value        `json:"md"`

	CreatedBefore   string `json:"crb"`
	CreatedAfter    string `json:"cra"`
	ModifiedSince   string `json:"ms"`
	UnmodifiedSince string `json:"us"`
	ExpireBefore    string `json:"exb"`
	ExpireAfter     string `json:"exa"`
	StateSmaller    *int64 `json:"sts"`
	StateBigger     *int64 `json:"stb"`
	SizeAbove       *int64 `json:"sza"`
	SizeBelow       *int64 `json:"szb"`
	Operation       int    `json:"fo"`
}

// monitored reports whether operationMonitor is given.
func (c *storedCriteria) monitored() bool { return len(c.Monitor) > 0 && c.Monitor.Kind() != 'n' }

// watchesGaps reports whether missingData is given.
func (c *storedCriteria) watchesGaps() bool { return len(c.Missing) > 0 && c.Missing.Kind() != 'n' }

// conditions are the further conditions of enc and how they are combined
// (C-290). The zero value holds for everything.
type conditions struct {
	tests     []func(*store.Record) bool
	operation int // fo
}

// The values of m2m:filterOperation (TS-0004 clause 6.3.4.2.32).
const (
	operationAnd = 1
	operationOr  = 2
	operationXor = 3
)

// hold tests the conditions on a record.
func (c *conditions) hold(r *store.Record) bool {
	met := 0
	for _, test := range c.tests {
		if test(r) {
			met++
		}
	}
	switch c.operation {
	case operationOr:
		return met > 0
	case operationXor:
		return met%2 == 1
	}
	return met == len(c.tests)
}

// conditions builds the tests; nil if there are none.
func (c *storedCriteria) conditions() (*conditions, error) {
	out := &conditions{operation: c.Operation}
	times := []struct {
		name, text string
		test       func(r *store.Record, t onem2m.Timestamp) bool
	}{
		{"crb", c.CreatedBefore, func(r *store.Record, t onem2m.Timestamp) bool { return r.Created < t }},
		{"cra", c.CreatedAfter, func(r *store.Record, t onem2m.Timestamp) bool { return r.Created >= t }},
		{"ms", c.ModifiedSince, func(r *store.Record, t onem2m.Timestamp) bool { return r.Modified >= t }},
		{"us", c.UnmodifiedSince, func(r *store.Record, t onem2m.Timestamp) bool { return r.Modified < t }},
		{"exb", c.ExpireBefore, func(r *store.Record, t onem2m.Timestamp) bool { return r.Expires != 0 && r.Expires < t }},
		{"exa", c.ExpireAfter, func(r *store.Record, t onem2m.Timestamp) bool { return r.Expires != 0 && r.Expires >= t }},
	}
	for _, one := range times {
		if one.text == "" {
			continue
		}
		t, err := onem2m.ParseTimestamp(one.text)
		if err != nil {
			return nil, onem2m.Errorf(onem2m.BadRequest, "enc", "%s is not a timestamp", one.name)
		}
		out.tests = append(out.tests, func(r *store.Record) bool { return one.test(r, t) })
	}
	numbers := []struct {
		limit *int64
		of    func(*store.Record) (int64, bool)
		test  func(n, limit int64) bool
	}{
		{c.StateSmaller, stateOf, func(n, limit int64) bool { return n < limit }},
		{c.StateBigger, stateOf, func(n, limit int64) bool { return n >= limit }},
		{c.SizeAbove, sizeOf, func(n, limit int64) bool { return n >= limit }},
		{c.SizeBelow, sizeOf, func(n, limit int64) bool { return n < limit }},
	}
	for _, one := range numbers {
		if one.limit == nil {
			continue
		}
		out.tests = append(out.tests, func(r *store.Record) bool {
			n, ok := one.of(r)
			return ok && one.test(n, *one.limit)
		})
	}
	if len(out.tests) == 0 {
		return nil, nil //nolint:nilnil // no conditions is an ordinary case
	}
	return out, nil
}

// stateOf returns the stateTag of a record, if its type has one.
func stateOf(r *store.Record) (int64, bool) {
	if r.Counted {
		return r.Counters.State, true
	}
	return numberOf(r, "st")
}

// sizeOf returns the contentSize of a record, if its type has one.
func sizeOf(r *store.Record) (int64, bool) {
	if r.Type == onem2m.TypeContentInstance {
		return r.Size, true
	}
	return numberOf(r, "cs")
}

// numberOf reads one whole number out of the attributes of a record.
func numberOf(r *store.Record, name string) (int64, bool) {
	value, _, _ := member(r.Attributes, name)
	var n int64
	if value == nil || json.Unmarshal(value, &n) != nil {
		return 0, false
	}
	return n, true
}

// member finds a top-level member of a JSON object and returns its value and
// where the value lies, or nil.
func member(object []byte, name string) (value jsontext.Value, from, to int) {
	d := jsontext.NewDecoder(bytes.NewReader(object))
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, 0, 0
	}
	for d.PeekKind() == '"' {
		key, err := d.ReadToken()
		if err != nil {
			return nil, 0, 0
		}
		found := key.String() == name
		value, err := d.ReadValue()
		if err != nil {
			return nil, 0, 0
		}
		if found {
			end := int(d.InputOffset())
			return bytes.Clone(value), end - len(value), end
		}
	}
	return nil, 0, 0
}
