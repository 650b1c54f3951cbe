package federation

import (
	"fmt"
	"testing"
	"time"

	"bulwark/test/harness"
)

// onPlain changes a CSE so that it has a trusting plain listener alone, and
// returns the URL of it.
func (b *box) onPlain() string {
	b.toml = fmt.Sprintf("[timing]\nregistration-check = \"1s\"\n[[listen]]\nbinding = \"http\"\naddress = \"127.0.0.1:%s\"\ntrust-plain = true\n", b.port)
	return "http://127.0.0.1:" + b.port
}

func TestPlain_SeveralCSEsOnOneMachineWithoutCertificates(t *testing.T) {
	t.Parallel()
	s := newProvider(t, "//m2m.example")
	url := s.in.onPlain()
	s.in.start()
	mn := s.box("mn", "/id-mn", "cse-mn")
	mn.onPlain()
	mn.flags["registrar"], mn.flags["registrar-id"] = url, "/id-in"
	mn.start()
	mn.joined(s.in)
	mn.plain.Make(t, "Cvisitor", "/cse-mn", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	s.in.plain.Make(t, "Cguest", "/cse-in", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	s.in.open(t, "box", "/id-mn/Cvisitor")
	mn.open(t, "box", "/id-in/Cguest")
	mn.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box").Expect(t, 2000, 200)
	s.in.plain.Get(t, "Cguest", "/~/id-mn/cse-mn/box").Expect(t, 2000, 200)
	mn.plain.Get(t, "/id-in/Cguest", "/~/id-gone/x").Expect(t, 4004, 404) // C-068: from the registrar, and not sent back to it
}

func TestPlain_C079_ARingOfCSEsEndsARequest(t *testing.T) {
	t.Parallel()
	s := newProvider(t, "//m2m.example")
	var ring []*box
	var urls []string
	for i := range 3 {
		b := s.box("mn", fmt.Sprintf("/id-ring%d", i), fmt.Sprintf("cse-ring%d", i))
		ring = append(ring, b)
		urls = append(urls, b.onPlain())
	}
	for i, b := range ring {
		b.flags["registrar"], b.flags["registrar-id"] = urls[(i+1)%3], ring[(i+1)%3].id
		b.start()
	}
	for i, b := range ring {
		b.joined(ring[(i+1)%3])
	}
	ring[0].plain.Make(t, "Cvisitor", "/"+ring[0].name, 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	if d := harness.Took(func() { ring[0].plain.Get(t, "Cvisitor", "/~/id-gone/cse-gone").Expect(t, 4004, 404) }); d > 5*time.Second {
		t.Errorf("it took %s", d)
	}
}
