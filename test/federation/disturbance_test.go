package federation

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/test/harness"
)

// over prepares an MN-CSE that others reach by a line alone.
func (s *system) over(t *testing.T, id, name string) (*box, *line) {
	t.Helper()
	b := s.below(s.in, "mn", id, name)
	way := newLine(t, "127.0.0.1:"+b.port)
	b.toml += fmt.Sprintf("\n[cse]\npoints = [%q]\n", way.url)
	return b, way
}

func TestFaults_C008_DamageOnTheWayMakesNothingHappenTwice(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn, way := s.over(t, "/id-mn", "cse-mn")
	mn.start()
	mn.joined(s.in)
	s.in.plain.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	mn.open(t, "box", "/id-in/Cvisitor")
	post := func(text string) *harness.Answer {
		return ask(t, s.in, "POST", "Cvisitor", "/~/id-mn/cse-mn/box", 4, `{"m2m:cin":{"con":"`+text+`"}}`, within(20*time.Second))
	}
	tests := []struct {
		name  string
		mode  int32
		codes []int
	}{
		{"an answer that breaks off", truncates, []int{5103, 4008}},
		{"a request that arrives twice", repeats, []int{2001, 5103, 4008}},
		{"an answer that comes in drops", dawdles, []int{2001}},
	}
	acknowledged := map[string]bool{}
	for _, tt := range tests {
		await(t, "the line is good", func() bool { return s.in.plain.Get(t, "Cvisitor", "/~/id-mn/cse-mn/box").RSC == 2000 })
		way.set(tt.mode)
		a := post(tt.name)
		way.set(passes)
		if !slices.Contains(tt.codes, a.RSC) {
			t.Errorf("%s: %s", tt.name, a)
		}
		acknowledged[tt.name] = a.RSC == 2001
	}
	await(t, "the line is good", func() bool { return post("last").RSC == 2001 })
	time.Sleep(200 * time.Millisecond) // for what is still in work
	list := mn.plain.Get(t, "CAdmin", "/cse-mn/box?rcn=4").Body
	for _, tt := range tests {
		n := strings.Count(list, `"con":"`+tt.name+`"`)
		if n > 1 || acknowledged[tt.name] && n == 0 {
			t.Errorf("%s: %d instances, acknowledged %t", tt.name, n, acknowledged[tt.name])
		}
	}
}

func TestFaults_C356_ASlowMemberOfAFanOut(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	slow, way := s.over(t, "/id-slow", "cse-slow")
	good := s.below(s.in, "mn", "/id-good", "cse-good")
	slow.start()
	good.start()
	slow.joined(s.in)
	good.joined(s.in)
	in := s.in.plain
	in.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":false,"srv":["3"]}}`)
	s.in.open(t, "near", "Cvisitor")
	good.open(t, "far", "/id-in/Cvisitor")
	slow.open(t, "far", "/id-in/Cvisitor")
	in.Make(t, "Cvisitor", "/cse-in/visitor", 9, `{"m2m:grp":{"rn":"g","mnm":3,"mid":["cse-in/near","/id-slow/cse-slow/far","/id-good/cse-good/far"]}}`)
	all := func(limit time.Duration) *harness.Answer {
		return ask(t, s.in, "GET", "Cvisitor", "/cse-in/visitor/g/fopt", 0, "", within(limit))
	}
	answered := func(a *harness.Answer) int { return strings.Count(a.Body, `"rsc":2000`) }
	await(t, "all members answer", func() bool { return answered(all(10*time.Second)) == 3 })
	way.set(holds)
	defer way.set(passes)
	harness.InTime(t, 2*time.Second, func(unit time.Duration) error {
		var a *harness.Answer
		if d := harness.Took(func() { a = all(unit) }); d > 2*unit {
			return fmt.Errorf("the answer took %s", d)
		}
		if a.RSC != 2000 || answered(a) != 2 {
			return fmt.Errorf("the others' answers are lost: %s", a)
		}
		return nil
	})
	if d := harness.Took(func() { in.Get(t, "Cvisitor", "/~/id-good/cse-good/far").Expect(t, 2000, 200) }); d > 2*time.Second {
		t.Errorf("another member took %s", d)
	}
	way.set(passes)
	await(t, "all members answer again", func() bool { return answered(all(10*time.Second)) == 3 })
}

func TestFaults_C076_ARegistreeThatFloods(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	stuck, way := s.over(t, "/id-stuck", "cse-stuck")
	good := s.below(s.in, "mn", "/id-good", "cse-good")
	stuck.start()
	good.start()
	stuck.joined(s.in)
	good.joined(s.in)
	s.in.open(t, "box", "/id-good/Cvisitor")
	good.plain.Make(t, "Cvisitor", "/cse-good", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	flooder := harness.NewClient(t, s.in.url(), s.authority.Client(s.authority.CSE("/id-flood")), 2)
	flooder.Create(t, "/id-flood", "/cse-in", 16, `{"m2m:csr":{"cb":"/id-flood/cse-flood","csi":"/id-flood","rr":false,"srv":["3"]}}`).Expect(t, 2001, 201)

	defer way.set(passes)
	harness.InTime(t, 3*time.Second, func(unit time.Duration) error {
		way.set(passes)
		await(t, "the way is good", func() bool { return s.in.plain.Get(t, "CAdmin", "/~/id-stuck/cse-stuck").RSC == 4103 })
		way.set(holds)
		var group sync.WaitGroup
		var refused, late atomic.Int64
		const flood = 400 // beyond what waits for one CSE
		for range flood {
			group.Go(func() {
				a, err := flooder.Do(t.Context(), harness.Request{Method: "GET", Target: "/~/id-stuck/cse-stuck", From: "/id-flood/Cx", Header: within(unit)})
				switch {
				case err != nil: // it is missed below
				case a.RSC == 5103:
					refused.Add(1)
				case a.RSC == 4008:
					late.Add(1)
				default:
					t.Errorf("got %s", a)
				}
			})
		}
		time.Sleep(unit / 6)
		fastest := time.Hour // the machine may be slow now and then; who is shut out waits every time
		for range 5 {
			fastest = min(fastest, harness.Took(func() {
				good.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box").Expect(t, 2000, 200)
				s.in.plain.Get(t, "CAdmin", "/cse-in").Expect(t, 2000, 200)
			}))
		}
		group.Wait()
		if fastest > unit/3 {
			return fmt.Errorf("others waited %s at the least", fastest)
		}
		if refused.Load() == 0 || late.Load() == 0 || refused.Load()+late.Load() != flood {
			return fmt.Errorf("%d refused, %d without an answer", refused.Load(), late.Load())
		}
		return nil
	})
}

func TestFaults_NotificationsOutlastAPartition(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn, way := s.over(t, "/id-mn", "cse-mn")
	mn.start()
	mn.joined(s.in)
	sink := harness.NewSink(t)
	mn.plain.Make(t, "CAdmin", "/cse-mn", 1, `{"m2m:acp":{"rn":"reach","pv":{"acr":[{"acor":["/id-in"],"acop":16},{"acor":["Cvisitor"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	mn.plain.Make(t, "Cvisitor", "/cse-mn", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":true,"srv":["3"],"poa":["`+sink.URL+`"],"acpi":["cse-mn/reach"]}}`)
	s.in.open(t, "box", "/id-mn/Cvisitor")
	mn.plain.Create(t, "Cvisitor", "/~/id-in/cse-in/box", 23, `{"m2m:sub":{"rn":"watch","nu":["/id-mn/Cvisitor"],"enc":{"net":[3]}}}`).Expect(t, 2001, 201)
	say := func(text string) {
		s.in.plain.Make(t, "CAdmin", "/cse-in/box", 4, `{"m2m:cin":{"con":"`+text+`"}}`)
	}
	say("before")
	if got := sink.Wait(patience, harness.AtLeast(1)); len(got) != 1 {
		t.Fatalf("got %+v", got)
	}
	way.set(dead)
	say("first")
	say("second")
	time.Sleep(500 * time.Millisecond)
	way.set(passes)
	// One whose acknowledgement was lost may come again, as itself.
	var order []string
	seen := map[string]bool{}
	sink.Wait(patience, func(all []harness.Received) bool {
		order = order[:0]
		clear(seen)
		for _, r := range all {
			if id := r.Header.Get("X-M2M-RI"); !seen[id] {
				seen[id] = true
				order = append(order, between(r.Body, `"con":"`, `"`))
			}
		}
		return len(order) >= 3
	})
	if diff := cmp.Diff([]string{"before", "first", "second"}, order); diff != "" {
		t.Error(diff)
	}
}
