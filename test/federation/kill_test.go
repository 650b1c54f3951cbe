package federation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/test/harness"
)

// process runs the CSE as a process of its own, which can be killed.
func (b *box) process(t *testing.T) *harness.Process {
	t.Helper()
	args := []string{"--config", harness.Configure(t, b.toml), "--log-level", "error"}
	for name, value := range b.flags {
		if name != "data" {
			args = append(args, "--"+name, value)
		}
	}
	p := harness.Start(t, b.dir, args...)
	b.plain = harness.NewClient(t, p.HTTP, nil, 1)
	return p
}

// asker sends requests over two CSEs and notes what it was told.
type asker struct {
	name         string // begins the name of everything that it makes
	near, far    *box
	stem, target string

	n        int
	made     []string          // acknowledged
	accepted map[string]string // name to the address of the <request>
}

// run works until ctx ends.
func (a *asker) run(ctx context.Context, c *harness.Client) {
	for ctx.Err() == nil {
		a.n++
		name, target := fmt.Sprintf("%s-%d", a.name, a.n), a.target
		later := a.n%4 == 0
		if later {
			target += "?rt=1"
		}
		res, err := c.Do(ctx, harness.Request{
			Method: "POST", Target: target, From: a.stem, Type: 3, Body: `{"m2m:cnt":{"lbl":["` + name + `"]}}`,
			Header: map[string][]string{"X-M2M-RET": {"5000"}},
		})
		switch {
		case err != nil:
			time.Sleep(20 * time.Millisecond)
		case res.RSC == 2001:
			a.made = append(a.made, name)
		case res.RSC == 1001:
			a.accepted[name] = between(res.Body, `"m2m:uri":"`, `"`)
		}
	}
}

// settle compares what there is with what was acknowledged. What was made of one
// request has a label of its own and a name of the far CSE's choice: it would be
// there twice if it had been carried out twice.
func (a *asker) settle(t *testing.T) {
	t.Helper()
	unstored := func(name string) bool { return a.count(t, name) == 0 }
	for i := range a.n {
		name := fmt.Sprintf("%s-%d", a.name, i+1)
		if n := a.count(t, name); n > 1 {
			t.Errorf("%s was carried out %d times", name, n)
		}
	}
	for _, name := range a.made {
		if unstored(name) {
			t.Errorf("%s was acknowledged and isn't there", name)
		}
	}
	for name, address := range a.accepted {
		var r *harness.Answer
		await(t, name+" is done", func() bool {
			r = a.near.plain.Get(t, a.stem, "/"+address[strings.LastIndexByte(address, '/')+1:])
			return r.Number("rs") == 1 || r.Number("rs") == 2
		})
		if done := strings.Contains(r.Body, `"rsc":2001`); done && unstored(name) {
			t.Errorf("%s was done and isn't there", name)
		}
	}
	if len(a.made) == 0 || a.n >= 8 && len(a.accepted) == 0 {
		t.Logf("%s got nothing done: %d of %d acknowledged, %d accepted", a.name, len(a.made), a.n, len(a.accepted))
	}
	a.made, a.accepted = nil, map[string]string{}
}

func (a *asker) count(t *testing.T, name string) int {
	t.Helper()
	res := a.far.plain.Get(t, "CAdmin", "/"+a.far.name+"/box?fu=1&lbl="+name)
	res.Expect(t, 2000, 200)
	return strings.Count(res.Body, a.far.name+"/box/")
}

// Either side is killed while requests are on their way in both directions and
// resources are announced.
func TestFaults_C480_C126_KilledWithRequestsOnTheirWay(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	s := newProvider(t, "//m2m.example")
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	running := map[*box]*harness.Process{s.in: s.in.process(t), mn: mn.process(t)}
	mn.joined(s.in)
	ae := `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]%s}}`
	s.in.plain.Make(t, "Cabove", "/cse-in", 2, fmt.Sprintf(ae, ""))
	mn.plain.Make(t, "Cbelow", "/cse-mn", 2, fmt.Sprintf(ae, ""))
	s.in.open(t, "box", "/id-mn/Cbelow")
	mn.open(t, "box", "/id-in/Cabove")
	mn.plain.Make(t, "Clamp", "/cse-mn", 2, fmt.Sprintf(ae, `,"rn":"lamp","at":["/id-in"]`))
	sink := harness.NewSink(t)
	mn.plain.Make(t, "Cear", "/cse-mn", 2, `{"m2m:ae":{"rn":"ear","api":"N.example.test","rr":true,"srv":["3"],"poa":["`+sink.URL+`"]}}`)
	mn.plain.Make(t, "Cear", "/cse-mn/ear", 1, `{"m2m:acp":{"rn":"acp","pv":{"acr":[{"acor":["/id-in"],"acop":16},{"acor":["Cear"],"acop":63}]},"pvs":{"acr":[{"acor":["Cear"],"acop":63}]}}}`)
	mn.plain.Update(t, "Cear", "/cse-mn/ear", `{"m2m:ae":{"acpi":["cse-mn/ear/acp"]}}`).Expect(t, 2004, 200)
	s.in.open(t, "heard", "/id-mn/Cear", "Cabove")
	mn.plain.Create(t, "Cear", "/~/id-in/cse-in/heard", 23, `{"m2m:sub":{"rn":"watch","nu":["/id-mn/Cear"],"enc":{"net":[3]}}}`).Expect(t, 2001, 201)
	var said []string // acknowledged, and to be told
	var askers []*asker
	for i := range 3 {
		askers = append(askers,
			&asker{name: fmt.Sprint("up", i), near: mn, far: s.in, stem: "Cbelow", target: "/~/id-in/cse-in/box", accepted: map[string]string{}},
			&asker{name: fmt.Sprint("down", i), near: s.in, far: mn, stem: "Cabove", target: "/~/id-mn/cse-mn/box", accepted: map[string]string{}})
	}
	for round := range harness.Rounds(2, 10) {
		victim := []*box{s.in, mn}[round%2]
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		for _, a := range askers {
			work.Go(func() { a.run(ctx, harness.NewClient(t, a.near.plain.Base, nil, 1)) })
		}
		saying := harness.NewClient(t, s.in.plain.Base, nil, 1)
		work.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				text := fmt.Sprintf("%d-%d", round, i)
				res, err := saying.Do(ctx, harness.Request{Method: "POST", Target: "/cse-in/heard", From: "Cabove", Type: 4, Body: `{"m2m:cin":{"con":"` + text + `"}}`})
				if err == nil && res.RSC == 2001 {
					said = append(said, text)
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
		announcing := harness.NewClient(t, mn.plain.Base, nil, 1)
		work.Go(func() {
			for ctx.Err() == nil {
				_, _ = announcing.Do(ctx, harness.Request{Method: "POST", Target: "/cse-mn/lamp", From: "Clamp", Type: 3, Body: `{"m2m:cnt":{"lbl":["shown"],"at":["/id-in"]}}`})
			}
		})
		time.Sleep(time.Duration(100+random.IntN(400)) * time.Millisecond)
		running[victim].Kill()
		time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond)
		cancel()
		work.Wait()
		running[victim] = victim.process(t)
		mn.joined(s.in)
		await(t, "the way up is open", func() bool { return mn.plain.Get(t, "Cbelow", "/~/id-in/cse-in/box").RSC == 2000 })
		await(t, "the way down is open", func() bool { return s.in.plain.Get(t, "Cabove", "/~/id-mn/cse-mn/box").RSC == 2000 })
		for _, a := range askers {
			a.settle(t)
		}
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	lost := func(all []harness.Received) []string {
		heard := told(all)
		return slices.DeleteFunc(slices.Clone(said), func(text string) bool { return slices.Contains(heard, text) })
	}
	sink.Wait(patience, func(all []harness.Received) bool { return len(lost(all)) == 0 })
	if list := lost(sink.Got()); len(list) > 0 {
		t.Errorf("of %d that were acknowledged %d were never told: %v", len(said), len(list), list)
	}
	await(t, "C-126 as many copies as announced originals", func() bool { return slices.Equal(copiesAbove(t, s.in), announcedBelow(t, mn)) })
}

// copiesAbove lists the originals of the copies that an IN-CSE has.
func copiesAbove(t *testing.T, in *box) (links []string) {
	t.Helper()
	return attributesOf(t, in, "/cse-in?fu=1&ty=10003&lbl=shown&drt=2", "lnk")
}

// announcedBelow lists the resources of an MN-CSE that say they have a copy.
func announcedBelow(t *testing.T, mn *box) (list []string) {
	t.Helper()
	for _, ri := range attributesOf(t, mn, "/cse-mn/lamp?fu=1&ty=3&lbl=shown&drt=2", "ri") {
		if a := mn.plain.Get(t, "CAdmin", "/"+ri); a.Attribute("at") != nil {
			list = append(list, "/id-mn/"+ri)
		}
	}
	slices.Sort(list)
	return list
}

// attributesOf reads an attribute of everything that a discovery finds.
func attributesOf(t *testing.T, b *box, discovery, name string) (list []string) {
	t.Helper()
	a := b.plain.Get(t, "CAdmin", discovery)
	a.Expect(t, 2000, 200)
	for text := range strings.SplitSeq(between(a.Body, "[", "]"), ",") {
		if address := strings.Trim(text, `"`); address != "" {
			list = append(list, b.plain.Get(t, "CAdmin", "/"+address[strings.LastIndexByte(address, '/')+1:]).Text(name))
		}
	}
	slices.Sort(list)
	return list
}
