package federation

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/test/harness"
)

// socketed gives a CSE a WebSocket listener too, and returns its URL.
func (b *box) socketed(ca string) string {
	address := "127.0.0.1:" + port(b.tb)
	shown := ""
	if b.creds.CertFile != "" {
		shown = fmt.Sprintf("cert = %q\nkey = %q\nclient-ca = %q\n", b.creds.CertFile, b.creds.KeyFile, ca)
	}
	b.toml = strings.Replace(b.toml, "[[listen]]", fmt.Sprintf("[[listen]]\nbinding = \"wss\"\naddress = %q\n%s\n[[listen]]", address, shown), 1)
	return "wss://" + address
}

// gateway prepares an MN-CSE without a listener that others can call: all it has
// is the connection to its registrar.
func (s *system) gateway(registrar, id, name string, through *box) *box {
	b := s.box("mn", id, name)
	b.flags["registrar"], b.flags["registrar-id"] = registrar, through.id
	b.toml = fmt.Sprintf("[timing]\nregistration-check = \"1s\"\n[remote]\ncert = %q\nkey = %q\nca = %q\n[[listen]]\nbinding = \"http\"\naddress = \"127.0.0.1:0\"\ntrust-plain = true\n",
		b.creds.CertFile, b.creds.KeyFile, s.authority.CAFile())
	return b
}

// A registrar that takes nothing but WebSocket is taken leave of over that.
func TestSocket_C217_B95_AFormerRegistrarIsToldOverWebSocket(t *testing.T) {
	t.Parallel()
	s := newProvider(t, "//m2m.example")
	s.in.toml = strings.Replace(s.in.toml, `"https"`, `"wss"`, 1)
	s.in.start()
	mn := s.box("mn", "/id-mn", "cse-mn")
	mn.flags["registrar"], mn.flags["registrar-id"] = "wss://127.0.0.1:"+s.in.port, s.in.id
	mn.start()
	mn.joined(s.in)
	mn.halt()
	other := s.box("mn", "/id-up", "cse-up")
	other.start()
	mn.flags["registrar"], mn.flags["registrar-id"] = other.url(), other.id
	mn.start()
	mn.joined(other)
	await(t, "the former registrar has let go", func() bool { return s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn").RSC == 4004 })
}

func TestSocket_S015_B87_B96_S153_ACSEIsReachedOverTheConnectionItHasOpened(t *testing.T) {
	t.Parallel()
	s := newProvider(t, "//m2m.example")
	url := s.in.socketed("")
	s.in.start()
	mn := s.gateway(url, "/id-mn", "cse-mn", s.in)
	below := mn.socketed(s.authority.CAFile())
	mn.start()
	mn.joined(s.in)
	asn := s.gateway(below, "/id-asn", "cse-asn", mn)
	asn.flags["cse-type"] = "asn"
	asn.start()
	asn.joined(mn)
	const visitor = `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`
	all := []*box{s.in, mn, asn}
	for _, b := range all {
		b.plain.Make(t, "Cvisitor", "/"+b.name, 2, visitor)
	}
	for _, b := range all {
		b.open(t, "box", "/id-in/Cvisitor", "/id-mn/Cvisitor", "/id-asn/Cvisitor")
	}
	await(t, "the IN-CSE knows the CSE two hops below", func() bool { return s.in.plain.Get(t, "Cvisitor", "/~/id-asn/cse-asn/box").RSC == 2000 })
	for _, from := range all {
		for _, to := range all {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				var group sync.WaitGroup
				for i := range 40 {
					group.Go(func() {
						name := fmt.Sprint(strings.TrimPrefix(from.name, "cse-"), i)
						base := "/~" + to.id + "/" + to.name + "/box"
						from.plain.Create(t, "Cvisitor", base, 4, fmt.Sprintf(`{"m2m:cin":{"rn":%q,"con":"x"}}`, name)).Expect(t, 2001, 201)
						from.plain.Get(t, "Cvisitor", base+"/"+name).Expect(t, 2000, 200)
						from.plain.Delete(t, "Cvisitor", base+"/"+name).Expect(t, 2002, 200)
					})
				}
				group.Wait()
			})
		}
	}
	entry := s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn")
	if poa := entry.Attribute("poa"); poa != nil && !strings.Contains(fmt.Sprint(poa), "wss://") {
		t.Errorf("registered as %s", entry)
	}
	t.Run("B-94 the registrar comes back", func(t *testing.T) {
		s.in.halt()
		mn.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box").Expect(t, 5103, 404)
		s.in.start()
		await(t, "the way down is open again without a request from below", func() bool {
			return s.in.plain.Get(t, "Cvisitor", "/~/id-asn/cse-asn/box").RSC == 2000
		})
	})
	t.Run("the registree is away", func(t *testing.T) {
		mn.halt()
		if d := harness.Took(func() { s.in.plain.Get(t, "Cvisitor", "/~/id-mn/cse-mn/box").Expect(t, 5103, 404) }); d > 2*time.Second {
			t.Errorf("answered after %s", d)
		}
		mn.start()
		await(t, "it is back", func() bool { return s.in.plain.Get(t, "Cvisitor", "/~/id-mn/cse-mn/box").RSC == 2000 })
	})
}

func TestSocket_B97_S152_IdentitiesHoldAsOverHTTP(t *testing.T) {
	t.Parallel()
	s := newProvider(t, "//m2m.example")
	url := s.in.socketed("")
	s.in.start()
	s.in.plain.Make(t, "Cvictim", "/cse-in", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	s.in.open(t, "box", "Cvictim", "/id-mn/Cvisitor", "/id-other/Cvisitor")

	t.Run("S-152 a certificate of another CSE doesn't register as this one", func(t *testing.T) {
		liar := s.gateway(url, "/id-mn", "cse-mn", s.in)
		other := s.authority.CSE("/id-other")
		liar.toml = strings.Replace(liar.toml, liar.creds.CertFile, other.CertFile, 1)
		liar.toml = strings.Replace(liar.toml, liar.creds.KeyFile, other.KeyFile, 1)
		liar.start()
		time.Sleep(1500 * time.Millisecond)
		s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn").Expect(t, 4004, 404)
		liar.halt()
	})
	t.Run("S-014 a server that isn't the registrar is not talked to", func(t *testing.T) {
		b := s.gateway(url, "/id-mn", "cse-mn", s.in)
		b.flags["registrar-id"] = "/id-somebody"
		b.start()
		time.Sleep(1500 * time.Millisecond)
		s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn").Expect(t, 4004, 404)
		b.halt()
	})
	t.Run("the right one is", func(t *testing.T) {
		b := s.gateway(url, "/id-mn", "cse-mn", s.in)
		b.start()
		b.joined(s.in)
		b.plain.Make(t, "Cvisitor", "/cse-mn", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
		b.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box").Expect(t, 2000, 200)
	})
}
