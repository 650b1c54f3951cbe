package federation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/test/harness"
)

// split is an IN-CSE and an MN-CSE that reach each other by two lines, with what
// has to catch up after either of them was cut.
type split struct {
	*system
	mn       *box
	up, down *line
	below    *harness.Sink // of the AE at the MN-CSE
	above    *harness.Sink // of the one at the IN-CSE
	copied   string        // address of the copy of /cse-mn/lamp/shown
}

func newSplit(t *testing.T) *split {
	t.Helper()
	s := &split{system: newProvider(t, "//m2m.example"), below: harness.NewSink(t), above: harness.NewSink(t)}
	s.in.toml += "\n[cse]\npoints = [\"https://127.0.0.1:9\"]\n" // no way but by the line
	s.in.start()
	s.up = newLine(t, "127.0.0.1:"+s.in.port)
	s.mn, s.down = s.over(t, "/id-mn", "cse-mn")
	s.mn.flags["registrar"] = s.up.url
	s.mn.start()
	s.mn.joined(s.in)
	furnish := func(b *box, stem string, sink *harness.Sink, other *box, others string) {
		b.plain.Make(t, "CAdmin", "/"+b.name, 1, `{"m2m:acp":{"rn":"reach","pv":{"acr":[{"acor":["`+other.id+`"],"acop":16},{"acor":["`+stem+`"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
		b.plain.Make(t, stem, "/"+b.name, 2, `{"m2m:ae":{"rn":"ae","api":"N.example.test","rr":true,"srv":["3"],"poa":["`+sink.URL+`"],"acpi":["`+b.name+`/reach"]}}`)
		b.open(t, "box", other.id+"/"+others)
	}
	furnish(s.in, "Cabove", s.above, s.mn, "Cbelow")
	furnish(s.mn, "Cbelow", s.below, s.in, "Cabove")
	watch := func(b *box, stem, own string, other *box) {
		b.plain.Create(t, stem, "/~"+other.id+"/"+other.name+"/box", 23, `{"m2m:sub":{"rn":"watch","nu":["`+own+`"],"enc":{"net":[3]}}}`).Expect(t, 2001, 201)
	}
	watch(s.mn, "Cbelow", "/id-mn/Cbelow", s.in)
	watch(s.in, "Cabove", "/id-in/Cabove", s.mn)
	s.mn.plain.Make(t, "Clamp", "/cse-mn", 2, `{"m2m:ae":{"rn":"lamp","api":"N.lamp","rr":false,"srv":["3"],"at":["/id-in"]}}`)
	a := s.mn.plain.Create(t, "Clamp", "/cse-mn/lamp", 3, `{"m2m:cnt":{"rn":"shown","at":["/id-in"],"aa":["mni"],"mni":1}}`)
	a.Expect(t, 2001, 201)
	s.copied = announced(t, a)
	return s
}

// told returns what a sink was told of instances, in order; a repetition counts
// once.
func told(all []harness.Received) (list []string) {
	seen := map[string]bool{}
	for _, r := range all {
		text := between(strings.ReplaceAll(r.Body, `": "`, `":"`), `"con":"`, `"`)
		if id := r.Header.Get("X-M2M-RI"); text != "" && strings.Contains(r.Body, "m2m:sgn") && !seen[id] {
			seen[id] = true
			list = append(list, text)
		}
	}
	return list
}

func TestFaults_C219_PartitionsInEitherDirectionHeal(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	asn := s.system.below(s.mn, "asn", "/id-asn", "cse-asn")
	var wanted []string
	for i, tt := range []struct {
		name string
		cut  []*line
	}{
		{"nothing goes down", []*line{s.down}},
		{"nothing goes up", []*line{s.up}},
		{"nothing goes either way", []*line{s.up, s.down}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, l := range tt.cut {
				l.set(dead)
			}
			for _, n := range []string{"a", "b"} {
				text := fmt.Sprint(n, i)
				wanted = append(wanted, text)
				s.in.plain.Make(t, "CAdmin", "/cse-in/box", 4, `{"m2m:cin":{"con":"`+text+`"}}`)
				s.mn.plain.Make(t, "CAdmin", "/cse-mn/box", 4, `{"m2m:cin":{"con":"`+text+`"}}`)
			}
			s.mn.plain.Update(t, "Clamp", "/cse-mn/lamp/shown", fmt.Sprintf(`{"m2m:cnt":{"mni":%d}}`, i+10)).Expect(t, 2004, 200)
			ask(t, s.in, "GET", "/id-mn/Cbelow", "/cse-in/box/la?rt=2", 0, "", map[string][]string{"X-M2M-RST": {"60000"}}).Expect(t, 1002, 202)
			descendants := "[/id-asn]"
			if i%2 == 0 {
				asn.start()
				asn.joined(s.mn)
			} else {
				asn.halt()
				s.mn.plain.Delete(t, "CAdmin", "/cse-mn/id-asn").Expect(t, 2002, 200)
				descendants = "<nil>"
			}
			for _, b := range []*box{s.in, s.mn} { // nobody is harmed meanwhile
				if d := harness.Took(func() { b.plain.Get(t, "CAdmin", "/"+b.name).Expect(t, 2000, 200) }); d > 2*time.Second {
					t.Errorf("C-076: %s took %s", b.id, d)
				}
			}
			time.Sleep(500 * time.Millisecond)
			for _, l := range tt.cut {
				l.set(passes)
			}
			for _, sink := range []*harness.Sink{s.below, s.above} {
				sink.Wait(patience, func(all []harness.Received) bool { return len(told(all)) >= len(wanted) })
				if diff := cmp.Diff(wanted, told(sink.Got())); diff != "" {
					t.Error(diff)
				}
			}
			s.below.Wait(patience, func(all []harness.Received) bool {
				return slices.ContainsFunc(all, func(r harness.Received) bool {
					return strings.Contains(r.Body, "m2m:rsp") && strings.Contains(r.Body, fmt.Sprint("b", i))
				})
			})
			await(t, "C-395 the copy is told", func() bool { return s.in.plain.Get(t, "CAdmin", s.copied).Number("mni") == i+10 })
			await(t, "C-215 descendants are "+descendants, func() bool {
				return fmt.Sprint(s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn").Attribute("dcse")) == descendants
			})
			await(t, "C-183 the result is told", func() bool {
				return slices.ContainsFunc(s.below.Got(), func(r harness.Received) bool { return strings.Contains(r.Body, "m2m:rsp") })
			})
		})
	}
	t.Run("C-219 the registrar was away for longer than the registration lasts", func(t *testing.T) {
		await(t, "the registration ends soon", func() bool {
			return s.in.plain.Update(t, "CAdmin", "/cse-in/id-mn", `{"m2m:csr":{"et":"`+time.Now().UTC().Add(2*time.Second).Format("20060102T150405")+`"}}`).RSC == 2004
		})
		s.up.set(dead)
		time.Sleep(3 * time.Second)
		s.up.set(passes)
		s.mn.joined(s.in)
		await(t, "the way down is open", func() bool {
			return s.in.plain.Create(t, "Cabove", "/~/id-mn/cse-mn/box", 4, `{"m2m:cin":{"con":"again"}}`).RSC == 2001
		})
		await(t, "the way up is open", func() bool {
			return s.mn.plain.Create(t, "Cbelow", "/~/id-in/cse-in/box", 4, `{"m2m:cin":{"con":"again"}}`).RSC == 2001
		})
	})
}

// The answer to the CREATE of a copy is lost on the way: neither is one left that
// nobody knows of, nor are there two.
func TestFaults_C394_AnAnnouncementWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	copies := func(label string) int {
		a := s.in.plain.Get(t, "CAdmin", "/cse-in?fu=1&ty=10003&lbl="+label)
		a.Expect(t, 2000, 200)
		return strings.Count(a.Body, "cntA")
	}
	for _, tt := range []struct {
		name string
		mode int32
	}{{"cut", cuts}, {"half", truncates}} {
		t.Run(tt.name, func(t *testing.T) {
			s.up.set(tt.mode)
			a := s.mn.plain.Create(t, "Clamp", "/cse-mn/lamp", 3, `{"m2m:cnt":{"rn":"`+tt.name+`","lbl":["`+tt.name+`"],"at":["/id-in"]}}`)
			s.up.set(passes)
			a.Expect(t, 2001, 201) // C-394: the request itself has succeeded
			if a.Attribute("at") != nil {
				t.Errorf("announced: %s", a)
			}
			await(t, "the line is good", func() bool { return s.mn.plain.Get(t, "Cbelow", "/~/id-in/cse-in/box").RSC == 2000 })
			await(t, "C-394 no copy is left that nobody knows of", func() bool { return copies(tt.name) == 0 })
			a = s.mn.plain.Update(t, "Clamp", "/cse-mn/lamp/"+tt.name, `{"m2m:cnt":{"at":["/id-in"]}}`)
			a.Expect(t, 2004, 200)
			if announced(t, s.mn.plain.Get(t, "Clamp", "/cse-mn/lamp/"+tt.name)); copies(tt.name) != 1 {
				t.Errorf("%d copies", copies(tt.name))
			}
		})
	}
}

// A CSE on the way that knows no way for the moment doesn't end what is owed.
func TestFaults_C215_ACSEOnTheWayThatHasLostTheRegistrationBelow(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	asn := s.system.below(s.mn, "asn", "/id-asn", "cse-asn")
	asn.start()
	asn.joined(s.mn)
	sink := harness.NewSink(t)
	asn.plain.Make(t, "CAdmin", "/cse-asn", 1, `{"m2m:acp":{"rn":"reach","pv":{"acr":[{"acor":["/id-in"],"acop":16},{"acor":["Cfar"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	asn.plain.Make(t, "Cfar", "/cse-asn", 2, `{"m2m:ae":{"rn":"far","api":"N.example.test","rr":true,"srv":["3"],"poa":["`+sink.URL+`"],"acpi":["cse-asn/reach"]}}`)
	s.in.open(t, "seen", "/id-asn/Cfar")
	await(t, "the way is known", func() bool {
		return asn.plain.Create(t, "Cfar", "/~/id-in/cse-in/seen", 23, `{"m2m:sub":{"rn":"watch","nu":["/id-asn/Cfar"],"enc":{"net":[3]}}}`).RSC == 2001
	})
	asn.halt()
	s.up.set(dead) // so that the IN-CSE believes what it knows
	s.mn.plain.Delete(t, "CAdmin", "/cse-mn/id-asn").Expect(t, 2002, 200)
	s.in.plain.Make(t, "CAdmin", "/cse-in/seen", 4, `{"m2m:cin":{"con":"owed"}}`)
	time.Sleep(300 * time.Millisecond)
	s.up.set(passes)
	asn.start()
	asn.joined(s.mn)
	sink.Wait(patience, func(all []harness.Received) bool { return len(told(all)) > 0 })
	if diff := cmp.Diff([]string{"owed"}, told(sink.Got())); diff != "" {
		t.Error(diff)
	}
}
