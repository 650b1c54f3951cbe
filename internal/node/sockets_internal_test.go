package node

import (
	"testing"
	"time"

	"bulwark/internal/identity"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
)

// gateway is a node of an MN-CSE that registers with /id-in.
func gateway(registrar string) *Node {
	n := &Node{cfg: &config.Config{}}
	n.cfg.CSE.SP, n.cfg.CSE.ID = "//m2m.example", "/id-mn"
	n.cfg.Remote.URL, n.cfg.Remote.ID = "wss://in.m2m.example", registrar
	return n
}

func TestSockets_S093_S152_WhoAsksOverAConnectionThatThisCSEHasOpened(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		registrar string
		who       onem2m.ID
		secure    bool
		kind      identity.Kind
		upstream  bool
	}{
		{"the registrar, proved by its certificate", "/id-in", "//m2m.example/id-in", true, identity.KindCSE, true},
		{"the registrar on this machine", "/id-in", "//m2m.example/id-in", false, identity.KindCSE, true},
		{"a CSE of another provider", "/id-in", "//far.example/id-far", true, identity.KindCSE, false},
		{"the registrar of another provider", "//far.example/id-far", "//far.example/id-far", true, identity.KindCSE, false},
		{"C-217 a former registrar, which is taken leave of", "/id-in", "//m2m.example/id-old", true, identity.KindCSE, false},
		{"S-152 one that has proved nothing", "/id-in", "//far.example/id-far", false, identity.KindNone, false},
	} {
		a := gateway(test.registrar).opened(test.who, test.secure)
		if a.Kind != test.kind || a.Upstream != test.upstream || !a.Required || (len(a.IDs) == 1) != (test.kind == identity.KindCSE) {
			t.Errorf("%s: %+v", test.name, a)
		}
	}
}

func TestSockets_B92_S080_WhoAConnectionSpeaksFor(t *testing.T) {
	t.Parallel()
	n := gateway("/id-in")
	ok := &onem2m.Response{Code: onem2m.OK}
	trusted := &identity.Association{Trusted: true}
	device := &identity.Association{Kind: identity.KindAE, CredentialID: "31-device"}
	ae := int64(onem2m.TypeAE)
	registered := &onem2m.Response{Code: onem2m.Created, Content: &onem2m.Content{Name: "m2m:ae", Value: []byte(`{"aei":"Cnew01"}`)}}
	for _, test := range []struct {
		name string
		peer *identity.Association
		from string
		ty   *int64
		res  *onem2m.Response
		want onem2m.ID
	}{
		{"an AE", trusted, "Clamp", nil, ok, "//m2m.example/id-mn/Clamp"},
		{"a device, of the AE bound to it", device, "Clamp", nil, ok, "//m2m.example/id-mn/Clamp"},
		{"a device that registers an AE", device, "C", &ae, registered, "//m2m.example/id-mn/Cnew01"},
		{"a CSE", trusted, "/id-asn", nil, ok, "//m2m.example/id-asn"},
		{"what a CSE passes on", trusted, "/id-asn/Cfar", nil, ok, ""},
		{"what was refused", trusted, "Clamp", nil, &onem2m.Response{Code: onem2m.NotFound}, ""},
		{"nobody", &identity.Association{}, "Clamp", nil, ok, ""},
	} {
		req := &onem2m.Request{Operation: onem2m.Retrieve, From: test.from, Type: test.ty}
		if test.ty != nil {
			req.Operation = onem2m.Create
		}
		if got := n.speaker(test.peer, req, test.res); got != test.want {
			t.Errorf("%s: %q", test.name, got)
		}
	}
}

func TestSockets_S095_S118_WhoseConnectionFits(t *testing.T) {
	t.Parallel()
	device := &identity.Association{Kind: identity.KindAE, CredentialID: "31-device"}
	cse := &identity.Association{Kind: identity.KindCSE, CredentialID: "32-//m2m.example/Sx"}
	trusted := &identity.Association{Trusted: true}
	named := &identity.Association{Kind: identity.KindAE, CredentialID: "33-lamp", IDs: []onem2m.ID{"//m2m.example/id-mn/Clamp"}}
	then := time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC)
	registered := onem2m.TimestampOf(then)
	for name, got := range map[string][2]bool{
		"an AE over its credential":                {ofAE("31-device", 0)(device, then), true},
		"an AE over another credential":            {ofAE("33-lamp", 0)(device, then), false},
		"a bound AE over a trusted connection":     {ofAE("33-lamp", 0)(trusted, then), false},
		"an AE that is bound to nothing":           {ofAE("", 0)(trusted, then), true},
		"B-92 an AE that was registered meanwhile": {ofAE("", registered)(trusted, then.Add(-time.Second)), false},
		"B-92 an AE that has registered over it":   {ofAE("", registered)(trusted, then), true},
		"B-92 one that the credential names":       {ofAE("", registered)(named, then.Add(-time.Second)), true},
		"B-92 one that is bound to the credential": {ofAE("31-device", registered)(device, then.Add(-time.Second)), true},
		"S-123 an AE over the connection of a CSE": {ofAE("", 0)(cse, then), false},
		"S-123 a CSE over that of an AE":           {ofCSE(registered)(device, then), false},
		"a CSE":                                    {ofCSE(registered)(cse, then.Add(-time.Second)), true},
		"a CSE that its certificate names":         {proved(cse, then), true},
		"a CSE that no certificate names":          {proved(trusted, then), false},
		"a CSE that is trusted":                    {ofCSE(registered)(trusted, then), true},
		"B-92 a CSE that was registered meanwhile": {ofCSE(registered)(trusted, then.Add(-time.Second)), false},
		"B-92 a CSE that isn't registered":         {ofCSE(0)(trusted, then), false},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %t", name, got[0])
		}
	}
}
