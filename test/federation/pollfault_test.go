package federation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

// What a CSE that can't be called fetches, and what it answers, is damaged on the
// way: it is carried out once or not at all, and the next request finds its way.
func TestFaults_C078_APollThatBreaksOff(t *testing.T) {
	t.Parallel()
	s := newProvider(t, "//m2m.example")
	s.in.toml += "\n[cse]\npoints = [\"https://127.0.0.1:9\"]\n" // no way but by the line
	s.in.start()
	way := newLine(t, "127.0.0.1:"+s.in.port)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.flags["registrar"] = way.url
	mn.polls()
	mn.start()
	mn.joined(s.in)
	s.in.plain.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	mn.open(t, "box", "/id-in/Cvisitor")
	post := func(text string) *harness.Answer {
		return ask(t, s.in, "POST", "Cvisitor", "/~/id-mn/cse-mn/box", 4, `{"m2m:cin":{"con":"`+text+`"}}`, within(2*time.Second))
	}
	good := func() {
		t.Helper()
		await(t, "the way is good", func() bool { return s.in.plain.Get(t, "Cvisitor", "/~/id-mn/cse-mn/box").RSC == 2000 })
	}
	acknowledged := map[string]bool{}
	for i, mode := range []int32{cuts, truncates, holds, dead, cuts, repeats} {
		good()
		way.set(mode)
		text := fmt.Sprint("damage ", i)
		var a *harness.Answer
		took := harness.Took(func() { a = post(text) })
		if !slices.Contains([]int{2001, 4008, 5103}, a.RSC) {
			t.Errorf("%s: %s", text, a)
		}
		if took > 6*time.Second {
			t.Errorf("C-076: %s took %s", text, took)
		}
		acknowledged[text] = a.RSC == 2001
		way.set(passes)
	}
	good()
	await(t, "a request is carried out again", func() bool { return post("last").RSC == 2001 })
	list := mn.plain.Get(t, "CAdmin", "/cse-mn/box?rcn=4").Body
	for text, done := range acknowledged {
		if n := strings.Count(list, `"con":"`+text+`"`); n > 1 || done && n == 0 {
			t.Errorf("%s: %d instances, acknowledged %t", text, n, done)
		}
	}
}
