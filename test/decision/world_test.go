package decision

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/test/harness"
)

const configuration = `
[[listen]]
binding = "http"
address = "127.0.0.1:0"
trust-plain = true
trusted-proxies = ["127.0.0.1/32"]

[[listen]]
binding = "http"
address = "127.0.0.1:0"
trusted-proxies = ["127.0.0.1/32"]

[[location]]
id = "//m2m.example/id-in/Cdec1"
latitude = 48.2
longitude = 16.4
uncertainty = 100.0
country = "AT"

[[location]]
id = "//m2m.example/id-in/Cdec2"
latitude = 48.21
longitude = 16.4
country = "DE"

[[location]]
id = "//m2m.example/id-in/Cdec22"
country = "FR"
`

// places repeats the table [[location]].
func places() map[string]*place {
	return map[string]*place{
		"Cdec1":  {latitude: 48.2, longitude: 16.4, uncertainty: 100, position: true, country: "AT"},
		"Cdec2":  {latitude: 48.21, longitude: 16.4, position: true, country: "DE"},
		"Cdec22": {country: "FR"},
	}
}

// Originators: AEs registered here, and entities elsewhere.
func local() []string { return []string{"Cdec1", "Cdec2", "Cdec22", "Cdec3", "CDEC1", "Cx1"} }

func remote() []string {
	return []string{"/id-b/Cdec1", "/id-b/Cx1", "/id-b", "/id-bb", "//other.example/id-in/Cdec1", "//other.example/id-in", "//m2m.example.evil.example/id-in/Cdec1"}
}

// Entries of rules; what a policy may not contain is the field cases' business.
func entries() []string {
	return []string{
		"all", "Cdec1", "Cdec2", "Cdec*", "Cdec2*", "C*1", "/id-in/Cdec1", "/id-in/C*", "/id-b/*", "/id-b", "/id-b*", "/*",
		"//m2m.example", "//other.example", "//m2m.example/id-in/Cdec3", "//*/id-in/Cdec1", "//*/id-in", "//*.example/id-b/C*", "//*/*/Cdec1",
		"cse-in/nogroup", "operator@m2m.example", "operator@das.example", "visitor@das.example", "operator@elsewhere.example",
		"operator@roles.m2m.example", "visitor@roles.m2m.example",
	}
}

func windows() []string {
	return []string{
		"* * * * * * *", "* * 8-17 * * 1-5 *", "* * 8-17 * * 6,0 *", "*/2 * * * * * *", "* 10-40/5 * * * * *", "0-29 * */3 * * * *",
		"* * * 1-15 * * *", "* * * * 3-6 * 2026", "* * * 13 * 5 *", "* 0,15,30,45 * * * * *", "* * 0-5,20-23 * 1-12/2 * 2026-2030",
	}
}

// target is a resource that requests are about.
type target struct {
	address string
	ty      int
	creator string // of one without policies
	links   []int  // policies that govern it; -1 stands for one that is gone
	child   bool   // an instance, which follows its container
}

// world is a CSE with random policies.
type world struct {
	random   *rand.Rand
	clock    *harness.Clock
	trusted  *harness.Client
	open     *harness.Client
	policies [][]rule // privileges
	selves   [][]rule // selfPrivileges
	targets  []*target
	issuer   *issuing

	assignments []assignment // roles
	byRole      int          // decisions that a role made
}

func pickOne[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func pickSome[T any](r *rand.Rand, list []T, most int) []T {
	some := make([]T, 0, most)
	for range 1 + r.IntN(most) {
		some = append(some, pickOne(r, list))
	}
	return some
}

func (w *world) rule() rule {
	r := rule{Originators: pickSome(w.random, entries(), 3), Operations: 1 + w.random.IntN(63)}
	if w.random.IntN(3) == 0 {
		r.Originators = append(r.Originators, pickOne(w.random, roleNames()))
	}
	if w.random.IntN(4) == 0 {
		flag := w.random.IntN(3) > 0
		r.Flag = &flag
	}
	if w.random.IntN(2) == 0 {
		for range 1 + w.random.IntN(2) {
			r.Contexts = append(r.Contexts, w.context())
		}
	}
	if w.random.IntN(4) == 0 {
		for range 1 + w.random.IntN(2) {
			d := detail{ChildTypes: pickSome(w.random, []int{3, 4, 23}, 2)}
			if slices.Sort(d.ChildTypes); len(slices.Compact(slices.Clone(d.ChildTypes))) < len(d.ChildTypes) {
				d.ChildTypes = d.ChildTypes[:1]
			}
			if w.random.IntN(2) == 0 {
				d.ParentType = pickOne(w.random, []int{3, 2})
			}
			r.Details = append(r.Details, d)
		}
	}
	return r
}

func (w *world) context() context {
	var c context
	if w.random.IntN(2) == 0 {
		c.Windows = pickSome(w.random, windows(), 2)
	}
	if w.random.IntN(2) == 0 {
		c.Addresses = &address{V4: pickSome(w.random, []string{"192.0.2.0/26", "192.0.2.64/26", "192.0.2.77", "0.0.0.0/0", "198.51.100.0/24"}, 2)}
		if w.random.IntN(2) == 0 {
			c.Addresses.V6 = pickSome(w.random, []string{"2001:db8::/32", "2001:db8::77", "::/0"}, 2)
		}
	}
	switch w.random.IntN(6) {
	case 0:
		c.Region = &region{Countries: pickSome(w.random, []string{"AT", "DE", "IT"}, 2)}
	case 1:
		c.Region = &region{Circle: []float64{48.2, 16.4, pickOne(w.random, []float64{99, 100, 1000, 1200, 50_000})}}
	}
	return c
}

// build makes a CSE with policies and targets.
func build(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{random: rand.New(rand.NewPCG(seed, 5)), clock: harness.NewClock(time.Date(2026, time.March, 4, 10, 30, 0, 0, time.UTC))}
	w.issuer = newIssuing(t)
	n := harness.StartNode(t, configuration+authority+w.issuer.config, w.clock)
	w.trusted, w.open = harness.NewClient(t, n.Addresses[0], nil, 1), harness.NewClient(t, n.Addresses[1], nil, 1)
	for i, stem := range local() {
		w.open.Register(t, stem, fmt.Sprintf("ae%d", i))
	}
	const policies, targets = 24, 24
	for i := range policies {
		w.policies, w.selves = append(w.policies, nil), append(w.selves, []rule{w.rule()})
		for range w.random.IntN(4) {
			w.policies[i] = append(w.policies[i], w.rule())
		}
		if w.random.IntN(2) == 0 {
			w.selves[i] = append(w.selves[i], w.rule())
		}
		w.trusted.Make(t, "CAdmin", "/cse-in", 1, fmt.Sprintf(`{"m2m:acp":{"rn":"p%d","pv":%s,"pvs":%s}}`, i, rules(t, w.policies[i]), rules(t, w.selves[i])))
		w.targets = append(w.targets, &target{address: fmt.Sprintf("cse-in/p%d", i), ty: 1, links: []int{i}})
	}
	w.trusted.Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"gone","pv":{},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	for i := range targets {
		w.container(t, i)
	}
	w.trusted.Delete(t, "CAdmin", "/cse-in/gone").Expect(t, 2002, 200)
	w.assign(t)
	return w
}

// container makes a container with some policies or none, and an instance in it.
func (w *world) container(t *testing.T, i int) {
	t.Helper()
	c := &target{address: fmt.Sprintf("cse-in/c%d", i), ty: 3}
	if i%6 == 0 { // without policy, below an <AE>, by its owner
		c.creator = pickOne(w.random, local())
		at := slices.Index(local(), c.creator)
		c.address = fmt.Sprintf("cse-in/ae%d/c%d", at, i)
		w.trusted.Make(t, c.creator, fmt.Sprintf("/cse-in/ae%d", at), 3, fmt.Sprintf(`{"m2m:cnt":{"rn":"c%d","lbl":["mark"]}}`, i))
	} else {
		var links []string
		for range 1 + w.random.IntN(3) {
			n := w.random.IntN(len(w.policies) + 2)
			if n >= len(w.policies) {
				c.links, links = append(c.links, -1), append(links, "cse-in/gone")
			} else {
				c.links, links = append(c.links, n), append(links, fmt.Sprintf("cse-in/p%d", n))
			}
		}
		text, err := json.Marshal(links)
		if err != nil {
			t.Fatal(err)
		}
		w.trusted.Make(t, "CAdmin", "/cse-in", 3, fmt.Sprintf(`{"m2m:cnt":{"rn":"c%d","acpi":%s,"lbl":["mark"]}}`, i, text))
	}
	w.trusted.Make(t, "CAdmin", "/"+c.address, 4, `{"m2m:cin":{"rn":"one","con":"1"}}`)
	instance := *c
	instance.address, instance.ty, instance.child = c.address+"/one", 4, true
	w.targets = append(w.targets, c, &instance)
}

func rules(t *testing.T, list []rule) string {
	t.Helper()
	if list == nil {
		list = []rule{}
	}
	text, err := json.Marshal(map[string][]rule{"acr": list})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// governing returns the rules that a decision about the target asks.
func (w *world) governing(g *target, self bool) []rule {
	if g.ty == 1 {
		return w.selves[g.links[0]]
	}
	if g.creator != "" {
		return []rule{{Originators: []string{absolute(g.creator)}, Operations: 63}}
	}
	var all []rule
	for _, n := range g.links {
		switch {
		case n < 0:
		case self:
			all = append(all, w.selves[n]...)
		default:
			all = append(all, w.policies[n]...)
		}
	}
	return all
}

// asker is an originator with the way its request comes.
type asker struct {
	from      string
	authentic bool
	client    *harness.Client
	source    string
	claims    []string // roles
}

func (w *world) asker() asker {
	a := asker{source: pickOne(w.random, []string{"192.0.2.7", "192.0.2.77", "198.51.100.9", "203.0.113.1", "2001:db8::77", "2001:db9::1", "::ffff:192.0.2.77"})}
	switch w.random.IntN(5) {
	case 0:
		a.from, a.client = pickOne(w.random, local()), w.open
	case 1:
		a.from, a.client, a.authentic = pickOne(w.random, remote()), w.trusted, true
	default:
		a.from, a.client, a.authentic = pickOne(w.random, local()), w.trusted, true
	}
	if w.random.IntN(2) == 0 {
		a.claims = pickSome(w.random, roleNames(), 4)
	}
	return a
}

func (w *world) question(a asker, privilege int) question {
	q := question{
		originator: absolute(a.from), authentic: a.authentic, privilege: privilege,
		time: w.clock.Now().UTC(), place: places()[a.from], roles: w.held(a),
	}
	if !strings.Contains(a.from, "/C") { // what a CSE forwards doesn't show where its originator is
		q.source = netip.MustParseAddr(a.source).Unmap()
	}
	return q
}
