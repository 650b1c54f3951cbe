package federation

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulwark/client"
	"bulwark/e2e/escertke"
	"bulwark/e2e/esprim"
	"bulwark/onem2m"
	"bulwark/test/harness"
)

// established lists the identifiers of the keys that a CSE says to have
// established with a peer, from its audit trail.
func (b *box) established(t *testing.T, peer string) (kids []string) {
	t.Helper()
	for _, line := range auditOf(t, b) {
		if _, rest, ok := strings.Cut(line, `"credential":"13-`); ok && strings.Contains(line, `"fr":"`+peer+`"`) {
			kid, _, _ := strings.Cut(rest, `"`)
			kids = append(kids, kid)
		}
	}
	return kids
}

// auditOf reads the audit trail of a CSE.
func auditOf(t *testing.T, b *box) (lines []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(b.dir, "audit", "audit-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(string(text), "\n")...)
	}
	return lines
}

// A key comes about between two CSEs because the configuration says so, and
// between an AE and a CSE two hops away because the AE asks for it; with it the
// AE passes a rule that is for authenticated originators alone.
func TestKeyExchange_E95_E103_E105_E108_E111_AcrossCSEs(t *testing.T) {
	t.Parallel()
	const meter = "//m2m.example/id-mn/Cmeter1"
	s := newProvider(t, harness.Home().SP)
	s.in.toml += fmt.Sprintf("[[escertke.peer]]\nid = \"//m2m.example/id-mn\"\n[[escertke.peer]]\nid = %q\n", meter)
	s.in.start()
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.toml += fmt.Sprintf("[[anchor]]\nca = %q\nflavours = [\"ae\", \"cse\"]\n[[escertke.peer]]\nid = \"//m2m.example/id-in\"\ninitiate = true\n", s.authority.CAFile())
	mn.start()
	mn.joined(s.in)
	await(t, "the CSEs have a key", func() bool {
		here, there := mn.established(t, "//m2m.example/id-in"), s.in.established(t, "//m2m.example/id-mn")
		return len(here) == 1 && len(there) == 1 && here[0] == there[0]
	})
	if a := s.in.plain.Get(t, "CAdmin", "/cse-in"); !strings.Contains(fmt.Sprint(a.Attribute("esi")), "escert") {
		t.Errorf("E-111: the <CSEBase> says nothing of it: %s", a)
	}

	s.in.plain.Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"strict","pv":{"acr":[{"acor":["/id-mn/Cmeter1"],"acaf":true,"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	s.in.plain.Make(t, "CAdmin", "/cse-in", 3, `{"m2m:cnt":{"rn":"strictbox","acpi":["cse-in/strict"]}}`)
	creds := s.authority.AE("/id-mn/Cmeter1")
	options := client.Options{URL: mn.node.Addresses()[1], From: "Cmeter1", CA: s.authority.CAFile(), Cert: creds.CertFile, Key: creds.KeyFile}
	c, err := client.New(options)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Register(t.Context(), client.AE{App: "N.example.test"}); err != nil {
		t.Fatal(err)
	}
	key, err := c.AgreeKey(t.Context(), client.Agreement{Peer: "//m2m.example/id-in"})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the IN-CSE has the key of the AE", func() bool {
		kids := s.in.established(t, meter)
		return len(kids) == 1 && kids[0] == key.ID
	})
	if a := mn.plain.Get(t, "Cmeter1", "/~/id-in/cse-in/strictbox"); a.RSC != 4103 {
		t.Errorf("E-71: without protection: %s", a)
	}
	protected, err := c.ESPrim(client.Target{
		To: "/id-in/-", Self: meter,
		Key: esprim.Key{ID: key.ID, Secret: key.Secret, Peer: key.Peer, Expires: onem2m.TimestampOf(key.Expires)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if box, err := protected.Retrieve(t.Context(), "/id-in/cse-in/strictbox"); err != nil || box.Name() != "strictbox" {
		t.Errorf("E-108: with the key: %+v, %v", box, err)
	}

	c.SetFrom("Cother1")
	if _, err := c.AgreeKey(t.Context(), client.Agreement{Peer: "//m2m.example/id-in"}); err == nil || errors.Is(err, escertke.ErrPeer) {
		t.Errorf("E-103: an AE that is not configured: %v", err)
	}
	if kid, err := s.in.node.EstablishKey(t.Context(), "//m2m.example/id-mn"); err != nil || kid == key.ID {
		t.Errorf("the other CSE begins: %q, %v", kid, err)
	}
	if _, err := s.in.node.EstablishKey(t.Context(), "//m2m.example/id-mn2"); err == nil {
		t.Error("a key with a CSE that is not configured")
	}
	if _, err := mn.node.EstablishKey(t.Context(), "//m2m.example/id-in"); err != nil {
		t.Errorf("again: %v", err)
	}
	await(t, "the CSEs have three keys", func() bool {
		return len(mn.established(t, "//m2m.example/id-in")) == 3 && len(s.in.established(t, "//m2m.example/id-mn")) == 3
	})
	// Two of them are kept, and they outlive the process.
	s.in.halt()
	s.in.start()
	if box, err := protected.Retrieve(t.Context(), "/id-in/cse-in/strictbox"); err != nil || box.Name() != "strictbox" {
		t.Errorf("after a restart: %+v, %v", box, err)
	}
}

// Two meters behind one gateway each have their own key with the IN-CSE. The
// gateway passes on what it can't read, neither can ask in the name of the
// other, and each is answered for itself.
func TestKeyExchange_E158_EveryMemberOfAGatewayIsAuthenticatedByItself(t *testing.T) {
	t.Parallel()
	s := newProvider(t, harness.Home().SP)
	stems := []string{"Cmeter1", "Cmeter2"}
	for _, stem := range stems {
		s.in.toml += fmt.Sprintf("[[escertke.peer]]\nid = \"//m2m.example/id-mn/%s\"\n", stem)
	}
	s.in.start()
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.start()
	mn.joined(s.in)
	type member struct {
		*client.Client

		self onem2m.ID
		key  esprim.Key
	}
	var members []member
	for _, stem := range stems {
		self := onem2m.ID("//m2m.example/id-mn/" + stem)
		s.in.plain.Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"acp`+stem+`","pv":{"acr":[{"acor":["/id-mn/`+stem+`"],"acaf":true,"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
		s.in.plain.Make(t, "CAdmin", "/cse-in", 3, `{"m2m:cnt":{"rn":"`+stem+`","acpi":["cse-in/acp`+stem+`"]}}`)
		creds := s.authority.AE("/id-mn/" + stem)
		c, err := client.New(client.Options{URL: mn.node.Addresses()[1], From: stem, CA: s.authority.CAFile(), Cert: creds.CertFile, Key: creds.KeyFile})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		if _, err := c.Register(t.Context(), client.AE{App: "N.example.test"}); err != nil {
			t.Fatal(err)
		}
		key, err := c.AgreeKey(t.Context(), client.Agreement{Peer: "//m2m.example/id-in"})
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, member{c, self, esprim.Key{ID: key.ID, Secret: key.Secret, Peer: key.Peer}})
	}
	if members[0].key.Secret.Equal(members[1].key.Secret) {
		t.Error("E-159: the members share a key")
	}
	ask := func(c *client.Client, self onem2m.ID, key esprim.Key, box string) error {
		protected, err := c.ESPrim(client.Target{To: "/id-in/-", Self: self, Key: key})
		if err != nil {
			return err
		}
		_, err = protected.Retrieve(t.Context(), "/id-in/cse-in/"+box)
		return err
	}
	for i, m := range members {
		if err := ask(m.Client, m.self, m.key, stems[i]); err != nil {
			t.Errorf("%s: its own: %v", m.self, err)
		}
		var refused *onem2m.Error
		if err := ask(m.Client, m.self, m.key, stems[1-i]); !errors.As(err, &refused) || refused.Code != onem2m.OriginatorHasNoPrivilege {
			t.Errorf("%s: what is the other's: %v", m.self, err)
		}
		if err := ask(m.Client, members[1-i].self, m.key, stems[1-i]); !errors.As(err, &refused) || refused.Code != onem2m.ESPrimImpersonationError {
			t.Errorf("%s: in the name of the other: %v", m.self, err)
		}
	}
	// The gateway has the plain From and nothing of what is asked for.
	for _, line := range auditOf(t, mn) {
		for _, stem := range stems {
			if strings.Contains(line, "cse-in/"+stem) {
				t.Errorf("the gateway knows what is asked for: %s", line)
			}
		}
	}
}
