package notify

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// subscription is what the engine needs of a <subscription>, derived once per
// version of its record and shared: nobody changes it.
type subscription struct {
	targets    []string // nu without repetitions
	events     []EventType
	content    int // nct
	attributes []string
	children   []onem2m.ResourceType
	conditions *conditions // nil if enc has none
	creator    string      // as stored; "" if none
	forwarding string      // nfu; "" if none
	subscriber string      // su; "" if none
	category   *int64      // nec
	counter    int64       // exc; 0 if unlimited
	priority   int64       // nsp; 0 if none
	monitors   []monitor   // enc.om
	reading    int64       // by which release enc.om is read
	gaps       *gaps       // enc.md; nil if there is none
	err        error       // why the stored attributes make no sense

	policies
}

// storedSubscription is the part of the representation that matters here.
type storedSubscription struct {
	Targets    []string       `json:"nu"`
	Criteria   storedCriteria `json:"enc"`
	Content    int            `json:"nct"`
	Creator    string         `json:"cr"`
	Forwarding string         `json:"nfu"`
	Subscriber string         `json:"su"`
	Category   *int64         `json:"nec"`
	Counter    int64          `json:"exc"`
	Priority   int64          `json:"nsp"`

	storedPolicies
}

// compiled returns the compiled form of a subscription record.
func compiled(r *store.Record) *subscription {
	s, ok := r.Derive(store.FacetSubscription, func(r *store.Record) any {
		s := compile(r.Attributes)
		s.reading = r.Size // see ReadingBits
		return s
	}).(*subscription)
	if !ok {
		return &subscription{err: fmt.Errorf("the facet of subscriptions holds something else")}
	}
	return s
}

// compile reads a representation. It never fails: what can't be understood
// matches no event and says why in err.
func compile(attributes []byte) *subscription {
	var in storedSubscription
	if err := json.Unmarshal(attributes, &in); err != nil {
		return &subscription{err: fmt.Errorf("stored subscription: %w", err)}
	}
	s := &subscription{
		events: in.Criteria.Events, content: in.Content,
		attributes: in.Criteria.Attributes, children: in.Criteria.Children,
		creator: in.Creator, forwarding: in.Forwarding, subscriber: in.Subscriber,
		category: in.Category, counter: in.Counter, priority: in.Priority,
	}
	for _, nu := range in.Targets {
		if !slices.Contains(s.targets, nu) {
			s.targets = append(s.targets, nu)
		}
	}
	if len(s.events) == 0 && !in.Criteria.monitored() {
		s.events = []EventType{Updated} // C-270
	}
	if s.content == 0 {
		s.content = contentAll
	}
	for _, read := range []func() error{
		func() (err error) { s.conditions, err = in.Criteria.conditions(); return err },
		func() (err error) { s.monitors, err = in.Criteria.monitors(); return err },
		func() (err error) { s.gaps, err = in.Criteria.gaps(); return err },
		func() (err error) { s.policies, err = in.storedPolicies.compile(); return err },
	} {
		if s.err == nil {
			s.err = read()
		}
	}
	return s
}

// wants reports whether the event fires the subscription (TS-0004 clause
// 7.5.1.2.2, C-285 to C-290).
func (s *subscription) wants(home onem2m.Home, ev *Event) bool {
	if ev.Type == Operation {
		return s.observes(home, ev) && (s.conditions == nil || s.conditions.hold(ev.subject()))
	}
	if s.err != nil || !slices.Contains(s.events, ev.Type) {
		return false
	}
	switch ev.Type {
	case Updated, Blocking:
		if len(s.attributes) > 0 && !slices.ContainsFunc(ev.Touched, func(name string) bool {
			return slices.Contains(s.attributes, name)
		}) {
			return false
		}
	case ChildCreated, ChildDeleted:
		if len(s.children) > 0 && !slices.Contains(s.children, ev.Child.Type) {
			return false
		}
	case MissingData:
		if s.gaps == nil {
			return false
		}
	case Deleted, Retrieved:
	default:
		return false
	}
	return s.conditions == nil || s.conditions.hold(ev.subject())
}

// subject is the resource that the event is about: what conditions are tested
// on and what the notification represents.
func (ev *Event) subject() *store.Record {
	if ev.Type == ChildCreated || ev.Type == ChildDeleted {
		return ev.Child
	}
	return ev.Resource
}

// ends reports whether the resource goes with the event, and its subscriptions.
func (ev *Event) ends() bool { return ev.Type == Deleted || ev.Final }

// sound reports whether the event has what its type needs.
func (ev *Event) sound() bool { return ev.Resource != nil && ev.subject() != nil }
