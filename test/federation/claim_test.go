package federation

import (
	"fmt"
	"testing"
	"time"
)

// A registree says without end that a certain CSE is below it. That one registers
// with the IN-CSE nevertheless, moves below another CSE, and is reached there.
func TestClaim_S093_ALiarKeepsNoCSEFromMoving(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	roamer := s.below(s.in, "mn", "/id-roam", "cse-roam")
	mn.start()
	mn.joined(s.in)
	mn.open(t, "box", "/id-roam", "/id-roam/Cx")

	liar := s2client(t, tree{system: s}, "/id-liar")
	liar.Create(t, "/id-liar", "/cse-in", 16, `{"m2m:csr":{"rn":"id-liar","cb":"/id-liar/cse","csi":"/id-liar","rr":false,"srv":["3"]}}`).Expect(t, 2001, 201)
	claim := func() int {
		return liar.Update(t, "/id-liar", "/cse-in/id-liar", `{"m2m:csr":{"dcse":["/id-roam"]}}`).RSC
	}
	if rsc := claim(); rsc != 2004 {
		t.Fatalf("the first claim: %d", rsc)
	}
	roamer.start()
	roamer.joined(s.in)
	over, ended := make(chan struct{}), make(chan struct{})
	defer func() { close(over); <-ended }()
	go func() {
		defer close(ended)
		for {
			select {
			case <-over:
				return
			case <-time.After(20 * time.Millisecond):
				if rsc := claim(); rsc == 2004 {
					t.Error("the claim has come back")
				}
			}
		}
	}()
	roamer.halt()
	roamer.flags["registrar"], roamer.flags["registrar-id"] = mn.url(), mn.id
	roamer.start()
	roamer.joined(mn)
	await(t, "the IN-CSE knows where it is", func() bool {
		return fmt.Sprint(s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn").Attribute("dcse")) == "[/id-roam]"
	})
	if a := s.in.plain.Get(t, "CAdmin", "/cse-in/id-liar"); a.Attribute("dcse") != nil {
		t.Errorf("the liar has %s", a)
	}
	roamer.open(t, "box", "/id-in/CAdmin")
	await(t, "it is reached from the IN-CSE", func() bool {
		return s.in.plain.Get(t, "CAdmin", "/~/id-roam/cse-roam/box").RSC == 2000
	})
}
