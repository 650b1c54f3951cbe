package federation

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/test/harness"
)

// One connection carries everything between a gateway and its registrar: whatever
// happens to it, in both directions nothing is carried out twice, nothing hangs,
// and the gateway connects again.
func TestFaults_C008_B94_AWebSocketThatIsDamaged(t *testing.T) {
	t.Parallel()
	s := newProvider(t, "//m2m.example")
	url := s.in.socketed("")
	s.in.start()
	way := newLine(t, strings.TrimPrefix(url, "wss://"))
	mn := s.gateway(strings.Replace(way.url, "https://", "wss://", 1), "/id-mn", "cse-mn", s.in)
	mn.start()
	mn.joined(s.in)
	for _, b := range []*box{s.in, mn} {
		b.plain.Make(t, "Cvisitor", "/"+b.name, 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	}
	s.in.open(t, "box", "/id-mn/Cvisitor")
	mn.open(t, "box", "/id-in/Cvisitor")
	type direction struct {
		name     string
		from, to *box
	}
	ways := []direction{{"up", mn, s.in}, {"down", s.in, mn}}
	post := func(d direction, text string) *harness.Answer {
		return ask(t, d.from, "POST", "Cvisitor", "/~"+d.to.id+"/"+d.to.name+"/box", 4, `{"m2m:cin":{"con":"`+text+`"}}`, within(2*time.Second))
	}
	good := func() {
		t.Helper()
		for _, d := range ways {
			await(t, "the way "+d.name+" is good", func() bool {
				return d.from.plain.Get(t, "Cvisitor", "/~"+d.to.id+"/"+d.to.name+"/box").RSC == 2000
			})
		}
	}
	acknowledged := map[string]bool{}
	for name, mode := range map[string]int32{"cuts": cuts, "truncates": truncates, "holds": holds, "dead": dead, "repeats": repeats, "dawdles": dawdles} {
		for _, d := range ways {
			good()
			way.set(mode)
			text := fmt.Sprint(name, " ", d.name)
			var a *harness.Answer
			took := harness.Took(func() { a = post(d, text) })
			if !slices.Contains([]int{2001, 4008, 5103}, a.RSC) {
				t.Errorf("%s: %s", text, a)
			}
			if took > 6*time.Second {
				t.Errorf("C-076: %s took %s", text, took)
			}
			took = harness.Took(func() { d.from.plain.Get(t, "CAdmin", "/"+d.from.name).Expect(t, 2000, 200) })
			if took > 2*time.Second {
				t.Errorf("C-076: %s: somebody else waited %s", text, took)
			}
			acknowledged[text] = a.RSC == 2001
			way.set(passes)
		}
	}
	good()
	for _, d := range ways {
		list := d.to.plain.Get(t, "CAdmin", "/"+d.to.name+"/box?rcn=4").Body
		for text, done := range acknowledged {
			if !strings.HasSuffix(text, d.name) {
				continue
			}
			if n := strings.Count(list, `"con":"`+text+`"`); n > 1 || done && n == 0 {
				t.Errorf("%s: %d instances, acknowledged %t", text, n, done)
			}
		}
	}
}

// What is too large for one message is refused, and all others go on: they share
// the connection.
func TestFaults_C076_AMessageThatIsTooLargeBreaksNoWebSocket(t *testing.T) {
	t.Parallel()
	s := newProvider(t, "//m2m.example")
	url := s.in.socketed("")
	s.in.start()
	mn := s.gateway(url, "/id-mn", "cse-mn", s.in)
	mn.start()
	mn.joined(s.in)
	large := `{"m2m:cin":{"con":"` + strings.Repeat("x", 1<<20-100) + `"}}` // just what a request may have
	for _, b := range []*box{s.in, mn} {
		b.plain.Make(t, "Cvisitor", "/"+b.name, 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
		b.open(t, "box", "/id-in/Cvisitor", "/id-mn/Cvisitor")
		b.open(t, "slow", "/id-in/Cvisitor", "/id-mn/Cvisitor")
		for range 5 {
			b.plain.Make(t, "CAdmin", "/"+b.name+"/box", 4, large)
		}
	}
	for _, d := range []struct {
		name     string
		from, to *box
	}{{"up", mn, s.in}, {"down", s.in, mn}} {
		t.Run(d.name, func(t *testing.T) {
			base := "/~" + d.to.id + "/" + d.to.name
			wait := make(chan *harness.Answer)
			later := time.Now().Add(2 * time.Second).UTC().Format("20060102T150405")
			go func() {
				wait <- ask(t, d.from, "POST", "Cvisitor", base+"/slow", 4, `{"m2m:cin":{"con":"meanwhile"}}`, map[string][]string{"X-M2M-OET": {later}})
			}()
			d.from.plain.Create(t, "Cvisitor", base+"/slow", 4, large).Expect(t, 2001, 201)
			for instances, rsc := range map[int]int{1: 2000, 3: 2000, 5: 5207} { // three are more than a request may have
				if a := d.from.plain.Get(t, "Cvisitor", fmt.Sprintf("%s/box?rcn=4&lim=%d", base, instances)); a.RSC != rsc {
					t.Errorf("%d instances: %d, want %d", instances, a.RSC, rsc)
				}
			}
			if a := <-wait; a.RSC != 2001 {
				t.Errorf("what waited meanwhile: %s", a)
			}
		})
	}
}

// A gateway that doesn't read keeps nobody waiting for longer than they said.
func TestFaults_C076_AWebSocketThatTakesNothing(t *testing.T) {
	t.Parallel()
	s := newProvider(t, "//m2m.example")
	url := s.in.socketed("")
	s.in.start()
	way := newLine(t, strings.TrimPrefix(url, "wss://"))
	mn := s.gateway(strings.Replace(way.url, "https://", "wss://", 1), "/id-mn", "cse-mn", s.in)
	mn.start()
	mn.joined(s.in)
	s.in.plain.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	mn.open(t, "box", "/id-in/Cvisitor")
	way.set(holds)
	defer way.set(passes)
	large := `{"m2m:cin":{"con":"` + strings.Repeat("x", 900<<10) + `"}}`
	var group sync.WaitGroup
	for range 20 {
		time.Sleep(20 * time.Millisecond) // one after the other
		group.Go(func() {
			var a *harness.Answer
			took := harness.Took(func() {
				a = ask(t, s.in, "POST", "Cvisitor", "/~/id-mn/cse-mn/box", 4, large, within(2*time.Second))
			})
			if took > 15*time.Second || a.RSC != 4008 && a.RSC != 5103 {
				t.Errorf("%s after %s", a, took)
			}
		})
	}
	group.Wait()
}
