package decision

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

// each world gets that many requests.
const questions = 500

func TestDecision_A70_A83_A95_A107_A131_ARunningCSEDecidesAsANaiveReaderWould(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var decided, permitted, byRole int
	for i := range harness.Rounds(2, 60) {
		t.Run(fmt.Sprintf("world %d", i), func(t *testing.T) {
			w := build(t, seed+uint64(i))
			for range questions {
				yes, n := w.ask(t)
				decided += n
				permitted += yes
				if t.Failed() {
					t.Fatalf("seed %d", seed+uint64(i))
				}
			}
			byRole += w.byRole
		})
	}
	t.Logf("%d decisions, %d permitted, %d by a role", decided, permitted, byRole)
	if byRole == 0 {
		t.Error("roles make no difference")
	}
	if permitted < decided/20 || permitted > decided*19/20 {
		t.Error("the policies don't discriminate")
	}
}

// ask sends one random request and compares. It returns how many decisions
// permitted and how many there were.
func (w *world) ask(t *testing.T) (yes, n int) {
	t.Helper()
	w.clock.Add(time.Duration(w.random.IntN(40_000)) * time.Second)
	a := w.asker()
	k := w.ticket(t, a)
	if w.random.IntN(12) == 0 {
		return w.askDiscovery(t, a, k)
	}
	g := pickOne(w.random, w.targets)
	r := harness.Request{Target: "/" + g.address, Header: k.header()}
	var want bool
	var success int
	decide := func(privilege, child int) bool {
		q := w.question(a, privilege)
		q.parentType, q.childType = g.ty, child
		return w.permitsWith(k, g, w.governing(g, false), false, q)
	}
	switch n := w.random.IntN(5); {
	case n == 0 && g.ty == 3:
		r.Method, r.Type, success = http.MethodPost, pickOne(w.random, []int{3, 4, 23}), 2001
		r.Body = map[int]string{3: `{"m2m:cnt":{}}`, 4: `{"m2m:cin":{"con":"x"}}`, 23: `{"m2m:sub":{"nu":["http://192.0.2.1:9/"],"enc":{"net":[2]}}}`}[r.Type]
		want = decide(create, r.Type) && (r.Type != 23 || decide(retrieve, 0))
	case n == 1 && g.ty == 3:
		r.Method, r.Body, success = http.MethodPut, `{"m2m:cnt":{"lbl":["mark"]}}`, 2004
		want = decide(update, 0)
	case n == 2 && g.ty == 3 && g.creator == "" && !slices.Contains(g.links, -1):
		r.Method, r.Body, success = http.MethodPut, `{"m2m:cnt":{"acpi":[`+w.links(g)+`]}}`, 2004
		want = w.permitsWith(k, g, w.governing(g, true), true, w.question(a, update))
	case n == 3 && g.child:
		r.Method, success = http.MethodDelete, 2002
		want = decide(remove, 0)
	default:
		r.Method, success = http.MethodGet, 2000
		want = decide(retrieve, 0)
	}
	got := w.send(t, a, r)
	if want && got.RSC != success || !want && got.RSC != 4103 {
		t.Errorf("%s %s type %d by %s from %s, authentic %t, at %s: got %s, want permit %t; rules %+v; claims %v; token %+v",
			r.Method, r.Target, r.Type, a.from, a.source, a.authentic, w.clock.Now().Format(time.RFC3339), got, want, w.governing(g, false), a.claims, k.permissions)
	}
	if want && r.Method == http.MethodDelete {
		w.trusted.Make(t, "CAdmin", "/"+strings.TrimSuffix(g.address, "/one"), 4, `{"m2m:cin":{"rn":"one","con":"1"}}`)
	}
	if want {
		return 1, 1
	}
	return 0, 1
}

func (w *world) links(g *target) string {
	var list []string
	for _, n := range g.links {
		list = append(list, fmt.Sprintf(`"cse-in/p%d"`, n))
	}
	return strings.Join(list, ",")
}

// askDiscovery asks about all containers at once.
func (w *world) askDiscovery(t *testing.T, a asker, k ticket) (yes, n int) {
	t.Helper()
	got := w.send(t, a, harness.Request{Method: http.MethodGet, Target: "/cse-in?fu=1&ty=3&lbl=mark", Header: k.header()})
	got.Expect(t, 2000, 200)
	list, ok := got.List()
	if !ok {
		t.Errorf("no list in %s", got)
	}
	for _, g := range w.targets {
		if g.ty != 3 {
			continue
		}
		want := w.permitsWith(k, g, w.governing(g, false), false, w.question(a, discover))
		// Who is elsewhere gets the address in a form that is good there.
		listed := slices.ContainsFunc(list, func(s string) bool { return s == g.address || strings.HasSuffix(s, "/id-in/"+g.address) })
		if listed != want {
			t.Errorf("discovery of %s by %s from %s, authentic %t: listed %t", g.address, a.from, a.source, a.authentic, !want)
		}
		if n++; want {
			yes++
		}
	}
	return yes, n
}

func (w *world) send(t *testing.T, a asker, r harness.Request) *harness.Answer {
	t.Helper()
	r.From, r.Target = a.from, a.claiming(r.Target)
	if r.Header == nil {
		r.Header = map[string][]string{}
	}
	r.Header["X-Forwarded-For"] = []string{a.source}
	return a.client.Send(t, r)
}
