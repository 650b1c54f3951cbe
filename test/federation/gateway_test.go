package federation

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"bulwark/test/harness"
)

// polls changes a CSE so that it tells no point of access and polls.
func (b *box) polls() {
	b.toml += "\n[remote]\npoll = true\n"
}

func TestGateway_C078_ACSEThatCannotBeCalledPolls(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.polls()
	mn.start()
	mn.joined(s.in)
	entry := s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn")
	if entry.Attribute("rr") != false || entry.Attribute("poa") != nil {
		t.Errorf("registered as %s", entry)
	}
	await(t, "the polling channel is there", func() bool {
		return s.in.plain.Get(t, "/id-mn", "/cse-in/id-mn/poll").RSC == 2000
	})
	s.in.plain.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	mn.open(t, "box", "/id-in/Cvisitor")
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			a := s.in.plain.Create(t, "Cvisitor", "/~/id-mn/cse-mn/box", 4, fmt.Sprintf(`{"m2m:cin":{"con":%d}}`, i))
			a.Expect(t, 2001, 201)
		})
	}
	group.Wait()
	if n := mn.plain.Get(t, "CAdmin", "/cse-mn/box").Number("cni"); n != 20 {
		t.Errorf("%d instances", n)
	}
	mn.halt()
	a := s.in.plain.Send(t, harness.Request{Method: "GET", Target: "/~/id-mn/cse-mn/box", From: "Cvisitor", Header: map[string][]string{"X-M2M-RET": {"500"}}})
	a.Expect(t, 4008, 504) // nobody fetches it
	mn.start()
	mn.joined(s.in)
	await(t, "it is back", func() bool { return s.in.plain.Get(t, "Cvisitor", "/~/id-mn/cse-mn/box").RSC == 2000 })
	s.in.halt()
	s.in.start()
	await(t, "the registrar knows its polling channel again", func() bool { return s.in.plain.Get(t, "Cvisitor", "/~/id-mn/cse-mn/box").RSC == 2000 })
}

func TestRestart_OfEitherSide(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.start()
	mn.joined(s.in)
	mn.plain.Make(t, "Cvisitor", "/cse-mn", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	s.in.open(t, "box", "/id-mn/Cvisitor")
	first := s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn").Text("ct")

	t.Run("C-076 the registrar is away", func(t *testing.T) {
		s.in.halt()
		mn.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box").Expect(t, 5103, 404)
		if d := harness.Took(func() { mn.plain.Get(t, "Cvisitor", "/cse-mn?rcn=1").Expect(t, 2000, 200) }); d > 2*time.Second {
			t.Errorf("a local request took %s", d)
		}
	})
	t.Run("C-219 and comes back", func(t *testing.T) {
		s.in.start()
		await(t, "the way is open again", func() bool { return mn.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box").RSC == 2000 })
	})
	t.Run("the registree comes back to the same registration", func(t *testing.T) {
		mn.halt()
		mn.start()
		mn.joined(s.in)
		await(t, "the way is open again", func() bool { return mn.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box").RSC == 2000 })
		if ct := s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn").Text("ct"); ct != first {
			t.Errorf("registered anew at %s", ct)
		}
	})
	t.Run("C-219 the registrar has forgotten it", func(t *testing.T) {
		s.in.plain.Delete(t, "CAdmin", "/cse-in/id-mn").Expect(t, 2002, 200)
		mn.joined(s.in)
	})
	t.Run("C-217 C-411 it leaves when it has no registrar any more", func(t *testing.T) {
		mn.halt()
		delete(mn.flags, "registrar")
		delete(mn.flags, "registrar-id")
		mn.start()
		await(t, "both sides have let go", func() bool {
			return s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn").RSC == 4004 && mn.plain.Get(t, "CAdmin", "/cse-mn/id-in").RSC == 4004
		})
		mn.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box").Expect(t, 4004, 404)
	})
}

func TestCredentials_S012_AreRenewedWithoutARestart(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.start()
	mn.joined(s.in)
	mn.plain.Make(t, "Cvisitor", "/cse-mn", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	s.in.open(t, "box", "/id-mn/Cvisitor")
	mn.open(t, "box", "/id-in/CAdmin")
	mn.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box").Expect(t, 2000, 200)

	replace := func(from, to string) {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	former := mn.creds.CertFile + ".former"
	replace(mn.creds.CertFile, former)
	renewed := s.authority.CSE("/id-mn")
	replace(renewed.KeyFile, mn.creds.KeyFile)
	replace(renewed.CertFile, mn.creds.CertFile)
	if _, err := s.authority.Revoke(former); err != nil {
		t.Fatal(err)
	}
	time.Sleep(6 * time.Second) // the longest that a revoked credential is believed
	await(t, "the new certificate is shown", func() bool { return mn.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box").RSC == 2000 })
	await(t, "in the other direction too", func() bool { return s.in.plain.Get(t, "CAdmin", "/~/id-mn/cse-mn/box").RSC == 2000 })
}
