package model

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"bulwark/test/harness"
)

// machine plays random operations against CSE and model.
type machine struct {
	t       *testing.T
	c       *harness.Client
	random  *rand.Rand
	top     *item
	moments []string
	count   int
}

func TestModel_C047_C150_C477_C478_C482_RandomOperations(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	m := &machine{t: t, c: start(t), random: rand.New(rand.NewPCG(seed, 7)), top: &item{ty: 2, rn: "top", address: "cse-in/top"}}
	for step := range harness.Rounds(2_500, 40_000) {
		m.step()
		if t.Failed() {
			t.Fatalf("step %d, seed %d", step, seed)
		}
	}
	m.compareAll()
}

func (m *machine) step() {
	switch n := m.random.IntN(100); {
	case n < 12:
		m.createContainer()
	case n < 45:
		m.createInstance()
	case n < 47:
		m.createTogether()
	case n < 57:
		m.updateContainer()
	case n < 60:
		m.deleteContainer()
	case n < 66:
		m.deleteInstance()
	case n < 70:
		m.strangers()
	case n < 80:
		m.retrieve()
	default:
		m.discover()
	}
}

// container picks a container, or the <AE>.
func (m *machine) container() *item {
	list := append(m.top.all(3), m.top)
	return list[m.random.IntN(len(list))]
}

// box picks a container, nil if there is none.
func (m *machine) box() *item {
	list := m.top.all(3)
	if len(list) == 0 {
		return nil
	}
	return list[m.random.IntN(len(list))]
}

func (m *machine) someLabels() []string {
	var list []string
	for range m.random.IntN(4) {
		if l := labels()[m.random.IntN(len(labels()))]; !slices.Contains(list, l) {
			list = append(list, l)
		}
	}
	return list
}

// body writes a resource.
func (m *machine) body(root string, attrs map[string]any) string {
	text, err := json.Marshal(map[string]any{root: attrs}, json.Deterministic(true))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

const deepest = 5 // levels of the random tree

func (m *machine) createContainer() {
	parent := m.container()
	if strings.Count(parent.address, "/") >= deepest || len(m.top.all(3)) > 60 {
		m.deleteContainer()
		return
	}
	m.count++
	i := &item{ty: 3, rn: "c" + strconv.Itoa(m.count), parent: parent, labels: m.someLabels(), number: -1, octets: -1}
	if m.random.IntN(8) == 0 { // a name that may be taken
		i.rn = "c" + strconv.Itoa(1+m.random.IntN(m.count))
	}
	i.address = parent.address + "/" + i.rn
	attrs := map[string]any{"rn": i.rn}
	if len(i.labels) > 0 {
		attrs["lbl"] = i.labels
	}
	if m.random.IntN(3) == 0 {
		i.number = m.random.IntN(6)
		attrs["mni"] = i.number
	}
	if m.random.IntN(3) == 0 {
		i.octets = 20 + m.random.IntN(60)
		attrs["mbs"] = i.octets
	}
	a := m.c.Create(m.t, owner, "/"+parent.address, 3, m.body("m2m:cnt", attrs))
	if parent.child(i.rn) != nil {
		a.Expect(m.t, 4105, 409)
		return
	}
	a.Expect(m.t, 2001, 201)
	i.created = a.Text("ct")
	parent.children = append(parent.children, i)
}

func (m *machine) createInstance() {
	parent := m.box()
	if parent == nil || len(parent.instances()) > 40 {
		return
	}
	m.count++
	i := &item{ty: 4, rn: "i" + strconv.Itoa(m.count), parent: parent, labels: m.someLabels()}
	i.address = parent.address + "/" + i.rn
	i.con = strings.Repeat("v", m.random.IntN(20))
	attrs := map[string]any{"rn": i.rn, "con": i.con}
	if len(i.labels) > 0 {
		attrs["lbl"] = i.labels
	}
	a := m.c.Create(m.t, owner, "/"+parent.address, 4, m.body("m2m:cin", attrs))
	if parent.number == 0 && a.RSC != 2001 {
		a.Expect(m.t, 5207, 406) // a container that keeps nothing may refuse it (C-238)
		return
	}
	a.Expect(m.t, 2001, 201)
	parent.tag++
	i.tag, i.created = parent.tag, a.Text("ct")
	m.moments = append(m.moments, i.created)
	parent.children = append(parent.children, i)
	parent.evict()
}

// createTogether writes instances at the same time: the state tag counts each,
// and of several creations with one name one succeeds.
func (m *machine) createTogether() {
	parent := m.box()
	if parent == nil || parent.number >= 0 || parent.octets >= 0 || len(parent.instances()) > 30 {
		return
	}
	const together = 6
	m.count++
	rn := "t" + strconv.Itoa(m.count)
	answers := make([]*harness.Answer, together)
	var work sync.WaitGroup
	for n := range together {
		name := rn + "same"
		if n >= 3 {
			name = rn + strconv.Itoa(n)
		}
		body := m.body("m2m:cin", map[string]any{"rn": name, "con": "p"})
		work.Go(func() {
			a, err := m.c.Do(m.t.Context(), harness.Request{Method: http.MethodPost, Target: "/" + parent.address, From: owner, Type: 4, Body: body})
			if err != nil {
				m.t.Error(err)
				return
			}
			answers[n] = a
		})
	}
	work.Wait()
	if m.t.Failed() {
		return
	}
	slices.SortFunc(answers, func(a, b *harness.Answer) int { return a.Number("st") - b.Number("st") })
	conflicts := 0
	for _, a := range answers {
		if a.RSC == 4105 {
			conflicts++
			continue
		}
		a.Expect(m.t, 2001, 201)
		parent.tag++
		if a.Number("st") != parent.tag {
			m.t.Errorf("the state tag is %d, want %d", a.Number("st"), parent.tag)
		}
		parent.children = append(parent.children, &item{
			ty: 4, rn: a.Text("rn"), address: parent.address + "/" + a.Text("rn"), parent: parent, con: "p", tag: parent.tag, created: a.Text("ct"),
		})
	}
	if conflicts != 2 {
		m.t.Errorf("%d of three creations with one name were refused", conflicts)
	}
}

func (m *machine) updateContainer() {
	i := m.box()
	if i == nil {
		return
	}
	attrs := map[string]any{}
	if m.random.IntN(2) == 0 {
		if i.labels = m.someLabels(); len(i.labels) == 0 {
			attrs["lbl"] = nil
		} else {
			attrs["lbl"] = i.labels
		}
	}
	if m.random.IntN(3) == 0 {
		if i.number = m.random.IntN(8) - 1; i.number < 0 {
			attrs["mni"] = nil
		} else {
			attrs["mni"] = i.number
		}
	}
	if m.random.IntN(3) == 0 {
		i.octets = 20 + m.random.IntN(60)
		attrs["mbs"] = i.octets
	}
	m.c.Update(m.t, owner, "/"+i.address, m.body("m2m:cnt", attrs)).Expect(m.t, 2004, 200)
	i.tag++
	i.evict()
}

func (m *machine) deleteContainer() {
	i := m.box()
	if i == nil || len(i.all(3)) > 8 { // not the half of everything
		return
	}
	m.c.Delete(m.t, owner, "/"+i.address).Expect(m.t, 2002, 200)
	i.remove()
	m.c.Get(m.t, owner, "/"+i.address).Expect(m.t, 4004, 404)
}

func (m *machine) deleteInstance() {
	parent := m.box()
	if parent == nil {
		return
	}
	list := parent.instances()
	names := []string{"la", "ol", "one"}
	name := names[m.random.IntN(len(names))]
	var i *item
	switch {
	case len(list) == 0:
	case name == "la":
		i = list[len(list)-1]
	case name == "ol":
		i = list[0]
	default:
		i = list[m.random.IntN(len(list))]
		name = i.rn
	}
	a := m.c.Delete(m.t, owner, "/"+parent.address+"/"+name)
	if i == nil {
		a.Expect(m.t, 4004, 404)
		return
	}
	a.Expect(m.t, 2002, 200)
	i.remove()
}

// strangers asks for what isn't there or isn't allowed; nothing changes.
func (m *machine) strangers() {
	i := m.container()
	m.c.Get(m.t, owner, "/"+i.address+"/nothing").Expect(m.t, 4004, 404)
	m.c.Create(m.t, owner, "/"+i.address+"/nothing", 3, `{"m2m:cnt":{}}`).Expect(m.t, 4004, 404)
	m.c.Delete(m.t, "Celse01", "/"+i.address).Expect(m.t, 4103, 403)
	if list := i.instances(); len(list) > 0 {
		m.c.Update(m.t, owner, "/"+list[0].address, `{"m2m:cin":{"lbl":["x"]}}`).Expect(m.t, 4005, 405)
		m.c.Create(m.t, owner, "/"+list[0].address, 3, `{"m2m:cnt":{}}`).Expect(m.t, 4108, 403)
	}
}

func (m *machine) retrieve() {
	if i := m.box(); i != nil {
		m.compare(i)
	}
}

// compare holds one container with its instances against the model.
func (m *machine) compare(i *item) {
	a := m.c.Get(m.t, owner, "/"+i.address)
	a.Expect(m.t, 2000, 200)
	list := i.instances()
	want := map[string]int{"cni": len(list), "cbs": i.bytes(), "st": i.tag, "mni": i.number, "mbs": i.octets}
	for name, n := range want {
		if a.Number(name) != n {
			m.t.Errorf("%s: %s is %d, want %d", i.address, name, a.Number(name), n)
		}
	}
	var got []string
	texts, _ := a.Attribute("lbl").([]any)
	for _, l := range texts {
		got = append(got, fmt.Sprint(l))
	}
	if diff := cmp.Diff(i.labels, got); diff != "" {
		m.t.Errorf("%s: labels (-want +got):\n%s", i.address, diff)
	}
	for name, at := range map[string]int{"la": len(list) - 1, "ol": 0} {
		b := m.c.Get(m.t, owner, "/"+i.address+"/"+name)
		if len(list) == 0 {
			b.Expect(m.t, 4004, 404)
			continue
		}
		b.Expect(m.t, 2000, 200)
		if b.Text("rn") != list[at].rn || b.Text("con") != list[at].con || b.Number("st") != list[at].tag {
			m.t.Errorf("%s/%s is %s, want %s", i.address, name, b, list[at].rn)
		}
	}
}

func (m *machine) discover() {
	root := m.container()
	f := newFilter(m.random, m.moments)
	a := m.c.Get(m.t, owner, "/"+root.address+"?"+f.query())
	a.Expect(m.t, 2000, 200)
	got, ok := a.List()
	if !ok {
		m.t.Errorf("no list in %s", a)
	}
	want, next := f.page(root)
	if diff := cmp.Diff(want, got); diff != "" {
		m.t.Errorf("%s?%s (-want +got):\n%s", root.address, f.query(), diff)
	}
	status, offset := "", ""
	if next > 0 {
		status, offset = "1", strconv.Itoa(next)
	}
	if cts := a.Header.Get("X-M2M-CTS"); a.Header.Get("X-M2M-CTO") != offset || cts != status && (next > 0 || cts != "2") {
		m.t.Errorf("%s?%s: X-M2M-CTS %q, X-M2M-CTO %q, want %q and %q", root.address, f.query(), cts, a.Header.Get("X-M2M-CTO"), status, offset)
	}
}

func (m *machine) compareAll() {
	for _, i := range m.top.all(3) {
		m.compare(i)
	}
	want, _ := filter{limit: -1, offset: 1}.page(m.top)
	got, _ := m.c.Get(m.t, owner, "/cse-in/top?fu=1").List()
	if diff := cmp.Diff(want, got); diff != "" && len(want) < 1000 {
		m.t.Errorf("everything (-want +got):\n%s", diff)
	}
}
