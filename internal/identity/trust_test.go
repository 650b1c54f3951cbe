package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"bulwark/onem2m"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is the CAs of a test, one per flavour, and a Trust in them.
type site struct {
	root, ae, cse, device *authority
	own                   tls.Certificate
	trust                 *Trust
}

// newSite makes a site.
func newSite(t testing.TB, change func(*TrustConfig)) *site {
	t.Helper()
	s := &site{root: newAuthority(t, nil, nil)}
	s.ae = newAuthority(t, s.root, forAEs)
	s.cse = newAuthority(t, s.root, forCSEs)
	s.device = newAuthority(t, s.root, nil)
	s.own = s.cse.issue(t, dns("id-in.m2m.example", "localhost"))
	cfg := TrustConfig{Home: home(), Anchors: []Anchor{
		{CA: file(t, s.ae), Flavours: FlavourAE},
		{CA: file(t, s.cse), Flavours: FlavourCSE},
		{CA: file(t, s.device), Flavours: FlavourDevice | FlavourNode},
	}}
	if change != nil {
		change(&cfg)
	}
	var err error
	if s.trust, err = NewTrust(cfg); err != nil {
		t.Fatal(err)
	}
	return s
}

// connect makes a handshake of a client with the site's listener.
func (s *site) connect(t testing.TB, opts ServerOptions, client ...tls.Certificate) (*Association, error) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.root.cert)
	cfg := &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}
	if len(client) > 0 {
		cfg.GetClientCertificate = FixedKeyPair(client[0]).GetClientCertificate
	}
	a, _, err := handshake(t, s.trust.ServerConfig(FixedKeyPair(s.own), opts), cfg, s.trust)
	return a, err
}

// addresses lets cmp compare source addresses.
func addresses() cmp.Option {
	return cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
}

func TestServerConfig_TakesEachFlavourForWhatItNames(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *TrustConfig) {
		c.Registrar = "//m2m.example/id-up"
		c.Peers = []Peer{{ID: "//far.example/id-far", DNS: "CSE.m2m.example"}, {ID: "//m2m.example/mn-7", DNS: "mn-7.id-in.m2m.example"}}
	})
	for _, tc := range []struct {
		id, name   string
		by         *authority
		names      func(*x509.Certificate)
		kind       Kind
		entity     onem2m.ID
		credential string
		upstream   bool
	}{
		{"S-073", "an AE-ID with scheme", s.ae, uri("m2m://m2m.example/id-in/Calpha1"), KindAE, alpha, "33-//m2m.example/id-in/Calpha1", false},
		{"S-040", "an AE-ID without scheme (E3)", s.ae, uri("//m2m.example/Smeter42"), KindAE, meter, "33-//m2m.example/Smeter42", false},
		{"S-048", "an AE-ID in both forms", s.ae, all(uri("m2m://m2m.example/Smeter42"), uri("//M2M.example/Smeter42")), KindAE, meter, "33-//m2m.example/Smeter42", false},
		{"S-041", "a CSE by the rule", s.cse, dns("id-mn.m2m.example"), KindCSE, middle, "32-//m2m.example/id-mn", false},
		{"S-041", "a CSE by the rule, in capitals, with a name of its host", s.cse, dns("localhost", "ID-MN.m2m.example"), KindCSE, middle, "32-//m2m.example/id-mn", false},
		{"S-041", "a CSE by the map", s.cse, dns("cse.m2m.example"), KindCSE, "//far.example/id-far", "32-//far.example/id-far", false},
		{"S-041", "a CSE by the map (E4)", s.cse, dns("mn-7.id-in.m2m.example"), KindCSE, "//m2m.example/mn-7", "32-//m2m.example/mn-7", false},
		{"S-018", "the registrar", s.cse, dns("id-up.m2m.example"), KindCSE, "//m2m.example/id-up", "32-//m2m.example/id-up", true},
		{"S-044", "a device (E6)", s.device, device("0.2.481.1.100.3030.10011", 4, false), KindAE, "", "31-0.2.481.1.100.3030.10011", false},
		{"S-044", "a device with a critical name", s.device, device("0.2.481.1.100.3030.10011", 4, true), KindAE, "", "31-0.2.481.1.100.3030.10011", false},
		{"S-043", "a node", s.device, uri("urn:oid:0.2.481.1.9.1.1"), KindAE, "", "34-urn:oid:0.2.481.1.9.1.1", false},
		{"S-054", "an AE for both uses", s.ae, all(uri("m2m://m2m.example/Smeter42"), func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		}), KindAE, meter, "33-//m2m.example/Smeter42", false},
	} {
		t.Run(tc.id+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			cert := tc.by.issue(t, tc.names)
			got, err := s.connect(t, ServerOptions{}, cert)
			if err != nil {
				t.Fatal(err)
			}
			want := &Association{Kind: tc.kind, Framework: FrameworkCertificate, CredentialID: tc.credential, Upstream: tc.upstream, Expires: cert.Leaf.NotAfter}
			if tc.entity != "" {
				want.IDs = []onem2m.ID{tc.entity}
			}
			if diff := cmp.Diff(want, got, addresses()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// badCertificates are those of field case 12 and more.
func badCertificates(t *testing.T, s *site) map[string]tls.Certificate {
	t.Helper()
	good := uri("m2m://m2m.example/id-in/Calpha1")
	at := func(from, until time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(until)
		}
	}
	use := func(u x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{u} }
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	self := newAuthority(t, nil, all(good, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature }))
	foreign := newAuthority(t, nil, forAEs)
	free := newAuthority(t, s.ae, nil) // below the AEs' CA: allowed as long as it is constrained by it
	authorityAE := newAuthority(t, s.ae, all(good, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageDigitalSignature }))
	tooDeep := newAuthority(t, newAuthority(t, free, nil), nil)
	return map[string]tls.Certificate{
		"S-045 expired":                                s.ae.issue(t, all(good, at(-2*time.Hour, -time.Minute))),
		"S-045 not yet valid":                          s.ae.issue(t, all(good, at(time.Hour, 2*time.Hour))),
		"S-045 self-signed":                            {Certificate: [][]byte{self.cert.Raw}, PrivateKey: self.key},
		"S-045 of another CA":                          foreign.issue(t, good),
		"S-049 without an identity":                    s.ae.issue(t, func(*x509.Certificate) {}),
		"S-055 with the identity as common name alone": s.ae.issue(t, func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "Calpha1"} }),
		"S-054 for server use alone":                   s.ae.issue(t, all(good, use(x509.ExtKeyUsageServerAuth))),
		"S-037 without key usage":                      s.ae.issue(t, all(good, func(c *x509.Certificate) { c.KeyUsage = 0 })),
		"S-037 with an RSA key":                        s.ae.issueFor(t, rsaKey, good),
		"S-037 with a P-384 key":                       s.ae.issueFor(t, p384, good),
		"S-037 with a SHA-384 signature":               s.ae.issue(t, all(good, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA384 })),
		"S-039 at the end of a chain of five":          tooDeep.issue(t, good),
		"S-040 with an AE-ID of another provider":      s.ae.issue(t, uri("m2m://evil.example/id-in/Calpha1")),
		"S-040 with a wildcard in the AE-ID":           s.ae.issue(t, uri("m2m://m2m.example/id-in/C%2A")),
		"S-048 with a query behind the AE-ID":          s.ae.issue(t, uri("m2m://m2m.example/id-in/Calpha1?x")),
		"S-048 with a user before the AE-ID":           s.ae.issue(t, uri("m2m://Calpha1@m2m.example/id-in/Calpha1")),
		"S-048 with a port in the AE-ID":               s.ae.issue(t, uri("m2m://m2m.example:1/id-in/Calpha1")),
		"S-048 with another scheme":                    s.ae.issue(t, uri("https://m2m.example/id-in/Calpha1")),
		"S-048 with a CSE-ID as URI":                   s.ae.issue(t, uri("m2m://m2m.example/id-in")),
		"S-052 of a CSE by the CA for AEs":             s.ae.issue(t, dns("id-mn.m2m.example")),
		"S-052 of an AE by the CA for CSEs":            s.cse.issue(t, good),
		"S-052 of an AE by the CA for devices":         s.device.issue(t, good),
		"S-052 of a device by the CA for AEs":          s.ae.issue(t, device("0.2.481.1.100.3030.10011", 4, false)),
		"S-053 with names of two flavours":             s.ae.issue(t, all(good, dns("id-mn.m2m.example"))),
		"S-053 with two AE-IDs":                        s.ae.issue(t, all(good, uri("m2m://m2m.example/id-in/Cbravo1"))),
		"S-053 with two CSE-IDs":                       s.cse.issue(t, dns("id-mn.m2m.example", "id-mn2.m2m.example")),
		"S-041 with a wildcard":                        s.cse.issue(t, dns("*.m2m.example")),
		"S-041 with a name below that of an AE":        s.cse.issue(t, dns("Calpha1.evil.example")),
		"S-041 with a name two levels below the SP":    s.cse.issue(t, dns("id-mn.sub.m2m.example")),
		"S-042 of a host that is no CSE":               s.cse.issue(t, dns("localhost")),
		"S-045 of a CA":                                {Certificate: [][]byte{authorityAE.cert.Raw}, PrivateKey: authorityAE.key},
		"S-041 with a wildcard beside a good name":     s.cse.issue(t, dns("id-mn.m2m.example", "*.m2m.example")),
	}
}

func TestServerConfig_RefusesBadCertificatesInTheHandshake(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for name, cert := range badCertificates(t, s) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, opts := range []ServerOptions{{}, {Optional: true}} {
				if a, err := s.connect(t, opts, cert); err == nil {
					t.Errorf("optional %v: the handshake makes %+v", opts.Optional, a)
				}
			}
		})
	}
}

func TestServerConfig_S136_ACertificateIsDemandedUnlessOptional(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	if a, err := s.connect(t, ServerOptions{}); err == nil {
		t.Errorf("without a certificate: %+v", a)
	}
	a, err := s.connect(t, ServerOptions{Optional: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Association{Framework: FrameworkNone}, a, addresses()); diff != "" {
		t.Error(diff)
	}
}

func TestServerConfig_S039_AChainOfFourIsLongEnough(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	third := newAuthority(t, newAuthority(t, s.ae, nil), nil) // the anchor is s.ae: leaf, two CAs, anchor
	if _, err := s.connect(t, ServerOptions{}, third.issue(t, uri("m2m://m2m.example/Smeter42"))); err != nil {
		t.Error(err)
	}
}

func TestServerConfig_S047_NameConstraints(t *testing.T) {
	t.Parallel()
	bare := newAuthority(t, nil, nil)
	names := map[Flavours]func(*x509.Certificate){
		FlavourAE: uri("m2m://m2m.example/Smeter42"), FlavourCSE: dns("id-mn.m2m.example"), FlavourNode: uri("urn:oid:1.2.3"),
	}
	for _, tc := range []struct {
		name    string
		flavour Flavours
		strict  bool
		ok      bool
	}{
		{"an AE's CA must have them", FlavourAE, false, false},
		{"a CSE's CA should have them", FlavourCSE, false, true},
		{"a CSE's CA must have them if the operator is strict", FlavourCSE, true, false},
		{"a node's CA needs none", FlavourNode, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, func(c *TrustConfig) {
				c.Strict = tc.strict
				c.Anchors = []Anchor{{CA: file(t, bare), Flavours: tc.flavour}}
			})
			_, err := s.connect(t, ServerOptions{}, bare.issue(t, names[tc.flavour]))
			if (err == nil) != tc.ok {
				t.Errorf("the handshake: %v", err)
			}
		})
	}
}

func TestServerConfig_S046_AURNBelowAConstraintOnURIsIsRefused(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, nil, forAEs)
	s := newSite(t, func(c *TrustConfig) { c.Anchors = []Anchor{{CA: file(t, ca), Flavours: AllFlavours}} })
	if a, err := s.connect(t, ServerOptions{}, ca.issue(t, uri("urn:oid:1.2.3"))); err == nil {
		t.Errorf("the handshake makes %+v", a)
	}
}

func TestServerConfig_S052_APeerWithItsOwnAnchor(t *testing.T) {
	t.Parallel()
	theirs := newAuthority(t, nil, nil)
	s := newSite(t, func(c *TrustConfig) {
		c.Peers = []Peer{{ID: middle, CA: file(t, theirs)}}
	})
	if _, err := s.connect(t, ServerOptions{}, theirs.issue(t, dns("id-mn.m2m.example"))); err != nil {
		t.Errorf("the peer by its anchor: %v", err)
	}
	if _, err := s.connect(t, ServerOptions{}, theirs.issue(t, dns("id-mn2.m2m.example"))); err == nil {
		t.Error("the peer's anchor vouches for another CSE")
	}
	if _, err := s.connect(t, ServerOptions{}, s.cse.issue(t, dns("id-mn.m2m.example"))); err == nil {
		t.Error("another anchor vouches for the peer")
	}
}

func TestNewTrust_GA13_OneNameForOneCSE(t *testing.T) {
	t.Parallel()
	for name, peers := range map[string][]Peer{
		"one name for two CSEs":  {{ID: middle, DNS: "a.example"}, {ID: "//m2m.example/id-mn2", DNS: "A.example"}},
		"two names for one CSE":  {{ID: middle, DNS: "a.example"}, {ID: middle, DNS: "b.example"}},
		"a name that is no name": {{ID: middle, DNS: "a b"}},
		"a wildcard":             {{ID: middle, DNS: "*.example"}},
	} {
		if _, err := NewTrust(TrustConfig{Home: home(), Peers: peers}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	s := newSite(t, func(c *TrustConfig) { c.Peers = []Peer{{ID: middle, DNS: "other.m2m.example"}} })
	if a, err := s.connect(t, ServerOptions{}, s.cse.issue(t, dns("id-mn.m2m.example"))); err == nil {
		t.Errorf("the rule leads to a CSE that has another name: %+v", a)
	}
}

func TestTrust_S051_RevocationLists(t *testing.T) {
	t.Parallel()
	now := time.Now()
	list := filepath.Join(t.TempDir(), "ca.crl")
	ca := newAuthority(t, nil, forAEs)
	bad := ca.issue(t, uri("m2m://m2m.example/id-in/Calpha1"))
	good := ca.issue(t, uri("m2m://m2m.example/id-in/Cbravo1"))
	day := now.Add(24 * time.Hour)
	replace(t, list, ca.crl(t, 2, day))
	s := newSite(t, func(c *TrustConfig) {
		c.Now = func() time.Time { return now }
		c.Anchors = []Anchor{{CA: file(t, ca), Flavours: FlavourAE, CRL: list}}
	})
	state := func(c tls.Certificate) *tls.ConnectionState {
		return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.Leaf}}
	}
	step := func(name string, wantBad, wantGood error) {
		t.Helper()
		now = now.Add(5 * time.Second) // S-140
		for _, c := range []struct {
			cert tls.Certificate
			want error
		}{{bad, wantBad}, {good, wantGood}} {
			if err := s.trust.Revalidate(state(c.cert), now); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			if _, err := s.trust.AssociationOf(state(c.cert)); !errors.Is(err, c.want) {
				t.Errorf("%s: the next handshake: %v, want %v", name, err, c.want)
			}
		}
	}
	forged := newAuthority(t, nil, func(c *x509.Certificate) { c.Subject = ca.cert.Subject })
	step("nothing is revoked", nil, nil)
	replace(t, list, ca.crl(t, 3, day, bad.Leaf))
	step("one is revoked", ErrRevoked, nil)
	replace(t, list, ca.crl(t, 1, day))
	step("an older list doesn't un-revoke", ErrRevoked, nil)
	replace(t, list, []byte("no list"))
	step("an unreadable list leaves the last one", ErrRevoked, nil)
	replace(t, list, newAuthority(t, nil, nil).crl(t, 9, day))
	step("a list of another CA is none of this one", ErrNoRevocations, ErrNoRevocations)
	replace(t, list, ca.crl(t, 4, now.Add(8*time.Second)))
	step("a current list", nil, nil)
	replace(t, list, forged.crl(t, 5, day))
	step("a list that only has the name of this CA", ErrNoRevocations, ErrNoRevocations)
	replace(t, list, ca.crl(t, 6, now.Add(8*time.Second)))
	step("a current list again", nil, nil)
	step("the list has expired", ErrNoRevocations, ErrNoRevocations)
	if _, err := NewTrust(TrustConfig{Home: home(), Anchors: []Anchor{{CA: file(t, ca), Flavours: FlavourAE, CRL: list + ".none"}}}); err == nil {
		t.Error("a server starts without the revocation list that it is to have")
	}
	if _, err := NewTrust(TrustConfig{Home: home(), Anchors: []Anchor{{CA: file(t, ca), Flavours: FlavourAE, CRL: "http://m2m.example/ca.crl"}}}); err == nil {
		t.Error("a list at a URL is taken")
	}
}

func TestTrust_S060_ASessionEndsWithItsCertificateAndItsAnchor(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ca := newAuthority(t, nil, forAEs)
	path := file(t, ca)
	s := newSite(t, func(c *TrustConfig) {
		c.Now = func() time.Time { return now }
		c.Anchors = []Anchor{{CA: path, Flavours: FlavourAE}}
	})
	cert := ca.issue(t, uri("m2m://m2m.example/Smeter42"))
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert.Leaf}}
	if err := s.trust.Revalidate(state, now); err != nil {
		t.Fatal(err)
	}
	if err := s.trust.Revalidate(state, cert.Leaf.NotAfter.Add(time.Second)); err == nil {
		t.Error("the session outlives its certificate")
	}
	short := ca.issue(t, all(uri("m2m://m2m.example/Smeter42"), func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = now.Add(-time.Hour), now.Add(time.Minute)
	}))
	brief := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{short.Leaf}}
	if err := s.trust.Revalidate(brief, now); err != nil {
		t.Error(err)
	}
	if err := s.trust.Revalidate(brief, now.Add(2*time.Minute)); err == nil {
		t.Error("a verdict outlives its certificate")
	}
	other := newAuthority(t, nil, forAEs)
	data, _, err := readFile(file(t, other))
	if err != nil {
		t.Fatal(err)
	}
	replace(t, path, data)
	now = now.Add(5 * time.Second)
	if err := s.trust.Revalidate(state, now); err == nil {
		t.Error("the session outlives the trust in its anchor")
	}
	if err := s.trust.Revalidate(&tls.ConnectionState{}, now); err != nil {
		t.Errorf("a session without certificate: %v", err)
	}
}

func TestClientConfig_S014_TheServerMustBeTheTarget(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	client := s.cse.issue(t, dns("id-mn.m2m.example"))
	reachable := s.ae.issue(t, uri("m2m://m2m.example/id-in/Calpha1"))
	usage := s.ae.issue(t, all(uri("m2m://m2m.example/id-in/Calpha1"), func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}))
	for _, tc := range []struct {
		name   string
		server tls.Certificate
		expect onem2m.ID
		ok     bool
	}{
		{"the CSE that is meant", s.own, home().ID(), true},
		{"the AE that is meant, whatever the host", reachable, alpha, true},
		{"another CSE", s.own, middle, false},
		{"another AE", reachable, bravo, false},
		{"the AE with a certificate for clients", usage, alpha, false},
		{"nobody is meant", s.own, "", false},
		{"nobody is meant and a device answers", s.device.issue(t, device("0.2.481.1.100.3030.10011", 4, false)), "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, state, err := handshake(t, s.trust.ServerConfig(FixedKeyPair(tc.server), ServerOptions{}), s.trust.ClientConfig(FixedKeyPair(client), tc.expect), s.trust)
			if (err == nil) != tc.ok {
				t.Errorf("the handshake: %v", err)
			}
			if err == nil && state.DidResume {
				t.Error("the session is resumed")
			}
		})
	}
}

func TestHostConfig_ChecksTheHostName(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	roots := x509.NewCertPool()
	roots.AddCert(s.root.cert)
	client := s.cse.issue(t, dns("id-mn.m2m.example"))
	for name, ok := range map[string]bool{"localhost": true, "other.example": false} {
		cfg := HostConfig(FixedKeyPair(client), roots)
		cfg.ServerName = name
		_, _, err := handshake(t, s.trust.ServerConfig(FixedKeyPair(s.own), ServerOptions{}), cfg, s.trust)
		if (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServerConfig_S130_OffersModernVersionsAndSuitesAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	client := FixedKeyPair(s.cse.issue(t, dns("id-mn.m2m.example")))
	for _, tc := range []struct {
		id, name string
		change   func(*tls.Config)
		ok       bool
	}{
		{"S-124", "TLS 1.2", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, true},
		{"S-129", "TLS 1.1", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, false},
		{"S-132", "CBC", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256}
		}, false},
		{"S-135", "P-256 alone", func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP256} }, true},
		{"S-135", "P-521 alone", func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP521} }, false},
	} {
		t.Run(tc.id+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			cfg := s.trust.ClientConfig(client, home().ID())
			tc.change(cfg)
			if _, _, err := handshake(t, s.trust.ServerConfig(FixedKeyPair(s.own), ServerOptions{}), cfg, s.trust); (err == nil) != tc.ok {
				t.Errorf("the handshake: %v", err)
			}
		})
	}
	_, state, err := handshake(t, s.trust.ServerConfig(FixedKeyPair(s.own), ServerOptions{}), s.trust.ClientConfig(client, home().ID()), s.trust)
	if err != nil || state.Version != tls.VersionTLS13 || state.CurveID != tls.X25519MLKEM768 {
		t.Errorf("two sides of this program: version %x, curve %v, %v", state.Version, state.CurveID, err)
	}
}

func TestServerConfig_S079_NothingIsResumed(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	client := s.trust.ClientConfig(FixedKeyPair(s.cse.issue(t, dns("id-mn.m2m.example"))), home().ID())
	client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	client.ServerName = "localhost"
	server := s.trust.ServerConfig(FixedKeyPair(s.own), ServerOptions{})
	for range 2 {
		if _, state, err := handshake(t, server, client, s.trust); err != nil || state.DidResume {
			t.Fatalf("resumed %v, %v", state.DidResume, err)
		}
	}
}

func BenchmarkRevalidate(b *testing.B) {
	s := newSite(b, nil)
	cert := s.ae.issue(b, uri("m2m://m2m.example/Smeter42"))
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert.Leaf}}
	for b.Loop() {
		if err := s.trust.Revalidate(state, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
