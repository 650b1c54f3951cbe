package federation

import (
	"fmt"
	"slices"
	"strings"
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
		return ask(t, d.from, "POST", "Cvisitor", "/~"+d.to.id+"/"+d.to.name+"/box", 4, `{"m2m:cin":{"con":"`+text+`"}}`, map[string][]string{"X-M2M-RET": {"2000"}})
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
			begun := time.Now()
			a := post(d, text)
			if !slices.Contains([]int{2001, 4008, 5103}, a.RSC) {
				t.Errorf("%s: %s", text, a)
			}
			if took := time.Since(begun); took > 4*time.Second {
				t.Errorf("C-076: %s took %s", text, took)
			}
			begun = time.Now()
			d.from.plain.Get(t, "CAdmin", "/"+d.from.name).Expect(t, 2000, 200)
			if took := time.Since(begun); took > time.Second {
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
