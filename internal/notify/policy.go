package notify

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// The values of Event Category that mean something here (TS-0004 clause
// 6.3.4.2.3).
const (
	categoryImmediate = 2
	categoryLatest    = 4
)

// The values of m2m:pendingNotification.
const (
	pendingLatest = 1
	pendingAll    = 2
)

// DefaultBatchDuration is batchNotify/duration where the originator gave none
// (C-272): long enough to save something, short enough to be of use.
const DefaultBatchDuration = "PT1M"

// batching is batchNotify: events are collected until there are number of them
// (0: no matter how many) or the duration has gone by since the first (C-301).
type batching struct {
	number   int
	duration onem2m.Duration
}

// rating is rateLimit: at most number events in each of consecutive windows (C-303).
type rating struct {
	number int
	window onem2m.Duration
}

// gaps is missingData: number missing points in a window are told (C-385).
type gaps struct {
	number int
	window onem2m.Duration
}

// storedPolicies are the delivery policies as the representation has them.
type storedPolicies struct {
	Batch *struct {
		Number   int64  `json:"num"`
		Duration string `json:"dur"`
	} `json:"bn"`
	Rate *struct {
		Number int64  `json:"mnn"`
		Window string `json:"tww"`
	} `json:"rl"`
	Pending    int      `json:"pn"`
	Latest     bool     `json:"ln"`
	Statistics bool     `json:"nse"`
	Name       bool     `json:"eeno"`
	Crossed    []string `json:"acrs"`
}

// policies is what a subscription wants of delivery, compiled.
type policies struct {
	batch      *batching
	rate       *rating
	pending    int      // pn
	latest     bool     // ln
	statistics bool     // nse
	name       bool     // eeno: tell the originator of the event where there is no creator
	crossed    []string // acrs
}

// maxCount bounds numbers of events: more is the same as never.
const maxCount = 1 << 30

// compile reads the policies.
func (p *storedPolicies) compile() (out policies, err error) {
	out = policies{
		pending: p.Pending, latest: p.Latest, statistics: p.Statistics, name: p.Name, crossed: p.Crossed,
	}
	if p.Batch != nil {
		out.batch = &batching{number: int(min(max(p.Batch.Number, 0), maxCount))}
		text := p.Batch.Duration
		if text == "" {
			text = DefaultBatchDuration
		}
		if out.batch.duration, err = onem2m.ParseDuration(text); err != nil {
			return out, onem2m.Errorf(onem2m.BadRequest, "bn", "dur is no duration")
		}
	}
	if p.Rate != nil {
		out.rate = &rating{number: int(min(max(p.Rate.Number, 0), maxCount))}
		if out.rate.window, err = window(p.Rate.Window, "tww"); err != nil {
			return out, err
		}
	}
	return out, nil
}

// window reads a duration that must not be empty.
func window(text, subject string) (onem2m.Duration, error) {
	d, err := onem2m.ParseDuration(text)
	if err != nil || d.Zero() {
		return d, onem2m.Errorf(onem2m.BadRequest, subject, "a duration longer than nothing is needed")
	}
	return d, nil
}

// gaps reads missingData; nil if there is none.
func (c *storedCriteria) gaps() (*gaps, error) {
	if !c.watchesGaps() {
		return nil, nil //nolint:nilnil // no missingData is an ordinary case
	}
	var in struct {
		Number int64  `json:"num"`
		Window string `json:"dur"`
	}
	if err := json.Unmarshal(c.Missing, &in); err != nil || in.Number < 1 {
		return nil, onem2m.Errorf(onem2m.BadRequest, "md", "num is a positive number and dur a duration")
	}
	d, err := window(in.Window, "md")
	if err != nil {
		return nil, err
	}
	return &gaps{number: int(min(in.Number, maxCount)), window: d}, nil
}

// span is the length of a duration that begins at an instant, in microseconds.
func span(d onem2m.Duration, from onem2m.Timestamp) onem2m.Timestamp {
	return max(1, end(d, from)-from)
}

// end is the instant at which a duration that begins at from is over.
func end(d onem2m.Duration, from onem2m.Timestamp) onem2m.Timestamp {
	return onem2m.TimestampOf(d.After(from.Time()))
}

// windowAt returns the beginning of the window that an instant lies in, where
// windows follow one another from a first one (C-303).
func (r *rating) windowAt(first, at onem2m.Timestamp) (from, to onem2m.Timestamp) {
	length := span(r.window, first)
	if at > first {
		first += (at - first) / length * length
	}
	return first, first + length
}

// checkPolicies reads the delivery policies of a request and settles their
// defaults (C-272).
func checkPolicies(attrs onem2m.Object) (onem2m.Object, error) {
	var in storedPolicies
	for _, a := range []struct {
		name string
		to   any
	}{
		{"bn", &in.Batch},
		{"rl", &in.Rate},
		{"pn", &in.Pending},
		{"ln", &in.Latest},
		{"nse", &in.Statistics},
		{"eeno", &in.Name},
		{"acrs", &in.Crossed},
	} {
		value := attrs.Get(a.name)
		if value != nil && json.Unmarshal(value, a.to) != nil {
			return nil, onem2m.Errorf(onem2m.BadRequest, a.name, "malformed")
		}
	}
	if in.Pending < 0 || in.Pending > pendingAll {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pn", "1 or 2")
	}
	for _, target := range in.Crossed {
		if err := checkTarget(target, "acrs"); err != nil {
			return nil, err
		}
	}
	if _, err := in.compile(); err != nil {
		return nil, err
	}
	var settled onem2m.Object
	if in.Batch != nil && in.Batch.Duration == "" {
		bn, _ := attrs.Object("bn")
		bn = bn.Clone()
		bn.Set("dur", onem2m.TextValue(DefaultBatchDuration))
		settled.Set("bn", bn.Append(nil))
	}
	return settled, nil
}

// policyNames are the attributes that a blocking subscription can't have: all
// that are special to subscriptions but enc, nu and the nct that it has anyway
// (TS-0004 clause 7.4.8.2.1).
var policyNames = [...]string{
	"exc", "gpi", "nfu", "bn", "rl", "psn", "pn", "nsp", "ln", "nec", "su", "acrs", "eeno", "ma", "nse", "nsi",
}

// checkBlocking makes the checks of event type 7 (C-314, TS-0004 clause 7.4.8.2.1).
func checkBlocking(attrs onem2m.Object) error {
	for _, name := range policyNames {
		if attrs.Has(name) && !attrs.IsNull(name) {
			return onem2m.Errorf(onem2m.BadRequest, name, "a blocking subscription doesn't have it")
		}
	}
	enc, _ := attrs.Object("enc")
	for _, m := range enc {
		if m.Name != "net" && m.Name != "atr" {
			return onem2m.Errorf(onem2m.BadRequest, m.Name, "a blocking subscription has no such condition")
		}
	}
	targets, err := texts(attrs, "nu")
	if err != nil {
		return err
	}
	if len(targets) != 1 || isURL(targets[0]) {
		return onem2m.Errorf(onem2m.BadRequest, "nu", "a blocking subscription has one target, which is a resource identifier")
	}
	return nil
}

// Blocks reports whether eventNotificationCriteria ask for blocking updates.
func Blocks(enc jsontext.Value) bool {
	var c storedCriteria
	if len(enc) == 0 || json.Unmarshal(enc, &c) != nil {
		return false
	}
	return slices.Contains(c.Events, Blocking)
}

// until returns the time that is left to an instant.
func until(at onem2m.Timestamp, now time.Time) time.Duration { return at.Time().Sub(now) }
