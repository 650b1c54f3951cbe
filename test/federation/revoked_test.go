package federation

import (
	"testing"
	"time"

	"bulwark/test/harness"
)

// A CSE whose certificate is revoked is neither heard nor called any more, and the
// others go on.
func TestCredentials_S060_ARevokedCSEIsShutOut(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	bad, good := s.below(s.in, "mn", "/id-bad", "cse-bad"), s.below(s.in, "mn", "/id-good", "cse-good")
	for _, b := range []*box{bad, good} {
		b.start()
		b.joined(s.in)
		b.plain.Make(t, "Cvisitor", "/"+b.name, 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
		b.open(t, "box", "/id-in/CAdmin")
	}
	s.in.open(t, "box", "/id-bad/Cvisitor", "/id-good/Cvisitor")
	up := func(b *box) *harness.Answer { return b.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box") }
	down := func(b *box) *harness.Answer { return s.in.plain.Get(t, "CAdmin", "/~"+b.id+"/"+b.name+"/box") }
	for _, b := range []*box{bad, good} {
		up(b).Expect(t, 2000, 200)
		down(b).Expect(t, 2000, 200)
	}
	if _, err := s.authority.Revoke(bad.creds.CertFile); err != nil {
		t.Fatal(err)
	}
	d := harness.Took(func() {
		await(t, "nothing comes from it", func() bool { return up(bad).RSC == 5103 })
		await(t, "nothing is sent to it", func() bool { return down(bad).RSC == 5103 })
	})
	if d > 10*time.Second {
		t.Errorf("it took %s", d)
	}
	time.Sleep(time.Second)
	if a := up(bad); a.RSC != 5103 {
		t.Errorf("later: %s", a)
	}
	if a := down(bad); a.RSC != 5103 {
		t.Errorf("later: %s", a)
	}
	up(good).Expect(t, 2000, 200)
	down(good).Expect(t, 2000, 200)
}
