package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// home is the CSE of all tests.
func home() onem2m.Home { return onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"} }

// newCA makes an authority in a new directory.
func newCA(t *testing.T) *Authority {
	t.Helper()
	a, err := Init(filepath.Join(t.TempDir(), "pki"), home(), Scope{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// issue issues a certificate and reads it.
func issue(t *testing.T, a *Authority, kind Kind, name string, opts Options) (Issued, *x509.Certificate) {
	t.Helper()
	issued, err := a.Issue(kind, name, opts)
	if err != nil {
		t.Fatalf("Issue(%s, %s): %v", kind, name, err)
	}
	cert, err := readCertificate(issued.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	return issued, cert
}

// association verifies the file of a certificate as that of a client.
func association(t *testing.T, trust *identity.Trust, file string) (*identity.Association, error) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		certs = append(certs, cert)
	}
	return trust.AssociationOf(&tls.ConnectionState{PeerCertificates: certs})
}

// newTrust trusts the authority's CAs, each for its flavour.
func newTrust(t *testing.T, a *Authority, now func() time.Time) *identity.Trust {
	t.Helper()
	trust, err := identity.NewTrust(identity.TrustConfig{Home: home(), Anchors: a.Anchors(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

func TestIssue_MakesWhatTheListenerTakesForTheEntity(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	trust := newTrust(t, a, time.Now)
	for _, tc := range []struct {
		id, name   string
		kind       Kind
		entity     string
		want       identity.Kind
		ids        []onem2m.ID
		credential string
	}{
		{"S-040", "an AE by its stem", AE, "Csensor", identity.KindAE, []onem2m.ID{"//m2m.example/id-in/Csensor"}, "33-//m2m.example/id-in/Csensor"},
		{"S-040", "an AE by its SP-relative AE-ID", AE, "/id-mn/Cother", identity.KindAE, []onem2m.ID{"//m2m.example/id-mn/Cother"}, "33-//m2m.example/id-mn/Cother"},
		{"S-073", "an AE with an SP-assigned stem", AE, "//m2m.example/Smeter42", identity.KindAE, []onem2m.ID{"//m2m.example/Smeter42"}, "33-//m2m.example/Smeter42"},
		{"S-041", "a CSE by its CSE-ID", CSE, "/id-mn", identity.KindCSE, []onem2m.ID{"//m2m.example/id-mn"}, "32-//m2m.example/id-mn"},
		{"S-043", "a node by its URN", Node, "urn:oid:0.2.481.1.9.1.1", identity.KindAE, nil, "34-urn:oid:0.2.481.1.9.1.1"},
		{"S-044", "a device by its OID", Device, "0.2.481.1.100.3030.10011", identity.KindAE, nil, "31-0.2.481.1.100.3030.10011"},
	} {
		t.Run(tc.id+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			issued, cert := issue(t, a, tc.kind, tc.entity, Options{Out: filepath.Join(t.TempDir(), "x")})
			got, err := association(t, trust, issued.CertFile)
			if err != nil {
				t.Fatal(err)
			}
			want := &identity.Association{
				Kind: tc.want, Framework: identity.FrameworkCertificate, CredentialID: tc.credential, IDs: tc.ids, Expires: cert.NotAfter,
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIssue_S042_TheCertificateOfAHostIsNoClients(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	issued, cert := issue(t, a, FQDN, "maf.m2m.example", Options{})
	if diff := cmp.Diff([]string{"maf.m2m.example"}, cert.DNSNames); diff != "" {
		t.Error(diff)
	}
	if a, err := association(t, newTrust(t, a, time.Now), issued.CertFile); err == nil {
		t.Errorf("a host's certificate makes the association %+v", a)
	}
}

func TestIssue_RefusesNamesAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	lan := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	for _, tc := range []struct {
		name   string
		kind   Kind
		entity string
		opts   Options
		text   string
	}{
		{"an AE of another SP", AE, "//evil.example/id-in/Csensor", Options{}, "this CA issues for //m2m.example alone"},
		{"an AE without a stem", AE, "C", Options{}, "write it like Csensor"},
		{"an AE that is a CSE", AE, "/id-mn", Options{}, "write it like Csensor"},
		{"an AE with a wildcard", AE, "C*", Options{}, "write it like Csensor"},
		{"an AE with a host name", AE, "Csensor", Options{DNS: []string{"a.m2m.example"}}, "has no names or addresses of hosts"},
		{"a CSE of another SP", CSE, "//evil.example/id-in", Options{}, "this CA issues for //m2m.example alone"},
		{"a CSE that is an AE", CSE, "/id-in/Csensor", Options{}, "write it like /id-mn"},
		{"a CSE whose CSE-ID is no label", CSE, "/ID_mn", Options{}, "give a name to issue"},
		{"a CSE with a name of another domain", CSE, "/id-mn", Options{DNS: []string{"evil.example"}}, "issues names below m2m.example, localhost"},
		{"a CSE with an address that isn't loopback", CSE, "/id-mn", Options{IPs: lan}, "name further networks"},
		{"a host of another domain", FQDN, "maf.evil.example", Options{}, "issues names below m2m.example"},
		{"a host with a wildcard", FQDN, "*.m2m.example", Options{}, "not a domain name"},
		{"a node without URN", Node, "node1", Options{}, "write it like urn:oid:"},
		{"a node with a wildcard", Node, "urn:oid:1.2.*", Options{}, "write it like urn:oid:"},
		{"a device without OID", Device, "sensor", Options{}, "write it like 0.2.481.1.100.3030.10011"},
		{"a device with an OID that is too short", Device, "1.2.3", Options{}, "write it like 0.2.481.1.100.3030.10011"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := a.Issue(tc.kind, tc.entity, tc.opts)
			if err == nil || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("Issue: %v, want a text with %q", err, tc.text)
			}
		})
	}
}

func TestIssue_CountsNothingAsIssuedWhoseFolderIsNotThere(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	_, err := a.Issue(AE, "Csensor", Options{Out: filepath.Join(a.dir, "nowhere", "sensor")})
	if err == nil || !strings.Contains(err.Error(), "there is no folder "+filepath.Join(a.dir, "nowhere")) {
		t.Errorf("Issue: %v", err)
	}
	if records, err := a.List(); err != nil || len(records) != 0 {
		t.Errorf("issued: %v, %v", records, err)
	}
}

func TestIssue_FilesAreForTheirOwnerAndNotWrittenOver(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	issued, _ := issue(t, a, AE, "Csensor", Options{})
	if want := filepath.Join(a.dir, "Csensor.crt"); issued.CertFile != want {
		t.Errorf("the certificate is in %s, want %s", issued.CertFile, want)
	}
	if _, err := a.Issue(AE, "Csensor", Options{}); err == nil {
		t.Error("the second Issue wrote over the first")
	}
	err := filepath.Walk(a.dir, func(path string, info os.FileInfo, err error) error {
		want := certMode
		switch {
		case err != nil:
			return err
		case info.IsDir():
			want = dirMode
		case filepath.Ext(path) == ".key", filepath.Ext(path) == ".json", filepath.Ext(path) == ".jsonl", info.Name() == "lock":
			want = keyMode
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestInit_TwiceIsRefusedAndLeavesTheFirst(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	before, err := os.ReadFile(a.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Init(a.dir, home(), Scope{}); !errors.Is(err, ErrExists) {
		t.Fatalf("Init again: %v", err)
	}
	after, err := os.ReadFile(a.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Error("the root has changed")
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "bulwark pki init") {
		t.Errorf("Open without a CA: %v", err)
	}
}

func TestInit_AScopeAdmitsFurtherNetworksAndDomains(t *testing.T) {
	t.Parallel()
	a, err := Init(t.TempDir(), home(), Scope{Domains: []string{"plant.example"}, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	if err != nil {
		t.Fatal(err)
	}
	issued, _ := issue(t, a, CSE, "/id-mn", Options{DNS: []string{"gw.plant.example"}, IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}})
	got, err := association(t, newTrust(t, a, time.Now), issued.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	if got.IDs[0] != "//m2m.example/id-mn" {
		t.Errorf("the certificate names %v", got.IDs)
	}
}

func TestRevoke_S051_TheListenerRefusesTheCertificateFromThenOn(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	now := time.Now()
	trust := newTrust(t, a, func() time.Time { return now })
	bad, _ := issue(t, a, AE, "Cbad", Options{})
	good, _ := issue(t, a, AE, "Cgood", Options{})
	if _, err := association(t, trust, bad.CertFile); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Revoke(bad.CertFile); err != nil {
		t.Fatal(err)
	}
	now = now.Add(5 * time.Second) // S-140
	if _, err := association(t, trust, bad.CertFile); !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("the revoked certificate: %v", err)
	}
	if _, err := association(t, trust, good.CertFile); err != nil {
		t.Errorf("another certificate: %v", err)
	}
	again, err := a.Revoke(bad.Serial)
	if err != nil || again.Revoked.IsZero() {
		t.Errorf("revoking again by serial number: %+v, %v", again, err)
	}
	if _, err := a.Revoke("12ab"); err == nil {
		t.Error("a serial number that was never issued is revoked")
	}
	if _, err := a.Renew(bad.CertFile, Options{}); err == nil {
		t.Error("a revoked certificate is renewed")
	}
	now = now.Add(2 * crlLife)
	if _, err := association(t, trust, good.CertFile); err == nil {
		t.Error("with an expired list and an expired certificate the association still stands")
	}
}

func TestRenew_KeepsNamesAndKeyUnlessANewOneIsAsked(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	issued, old := issue(t, a, CSE, "/id-mn", Options{DNS: []string{"localhost"}, IPs: []netip.Addr{netip.MustParseAddr("::1")}})
	if _, err := a.Renew(issued.CertFile, Options{}); err != nil {
		t.Fatal(err)
	}
	same, err := readCertificate(issued.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Renew(issued.CertFile, Options{NewKey: true}); err != nil {
		t.Fatal(err)
	}
	other, err := readCertificate(issued.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	names := func(c *x509.Certificate) any { return []any{c.DNSNames, c.IPAddresses} }
	if diff := cmp.Diff(names(old), names(same)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(names(old), names(other)); diff != "" {
		t.Error(diff)
	}
	spki := func(c *x509.Certificate) string { return string(c.RawSubjectPublicKeyInfo) }
	if spki(old) != spki(same) || spki(old) == spki(other) || old.SerialNumber.Cmp(same.SerialNumber) == 0 {
		t.Error("the keys or serial numbers are not as asked")
	}
	if _, err := tls.LoadX509KeyPair(issued.CertFile, issued.KeyFile); err != nil {
		t.Error(err)
	}
	records, err := a.List()
	if err != nil || len(records) != 3 {
		t.Errorf("the index has %d records (%v), want 3", len(records), err)
	}
}

func TestEnsureServer_MakesWhatAServerNeedsOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := EnsureServer(dir, home(), "CAdmin")
	if err != nil {
		t.Fatal(err)
	}
	stamp := func() map[string]string {
		out := map[string]string{}
		for _, path := range []string{first.CA, first.CRL, first.ServerCrt, first.ServerKey, first.AdminCrt, first.AdminKey} {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out[path] = string(data)
		}
		return out
	}
	before := stamp()
	second, err := EnsureServer(dir, home(), "CAdmin")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, stamp()); diff != "" || !first.Made || second.Made {
		t.Errorf("the second call changed something: %s", diff)
	}
	server, err := readCertificate(first.ServerCrt)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"id-in.m2m.example", "localhost", "127.0.0.1", "::1"} {
		if err := server.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	trust, err := identity.NewTrust(identity.TrustConfig{Home: home(), Anchors: first.Anchors})
	if err != nil {
		t.Fatal(err)
	}
	admin, err := association(t, trust, first.AdminCrt)
	if err != nil || len(admin.IDs) != 1 || admin.IDs[0] != "//m2m.example/id-in/CAdmin" {
		t.Errorf("the administrator's association: %+v, %v", admin, err)
	}
	if _, err := EnsureServer(dir, home(), "CBoss"); err != nil {
		t.Fatal(err)
	}
	boss, err := association(t, trust, first.AdminCrt)
	if err != nil || boss.IDs[0] != "//m2m.example/id-in/CBoss" {
		t.Errorf("after a change of the administrator: %+v, %v", boss, err)
	}
	if _, err := EnsureServer(dir, onem2m.Home{SP: "//other.example", CSE: "/id-in"}, "CAdmin"); err == nil {
		t.Error("the CA of one SP serves another")
	}
	if _, err := EnsureServer(t.TempDir(), onem2m.Home{SP: "//m2m.example", CSE: "/My_CSE"}, "Sadmin"); err != nil {
		t.Errorf("a CSE-ID that is no label: %v", err)
	}
}

func TestEnsureServer_RenewsInTheLastThird(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	out := filepath.Join(a.dir, "server")
	opts := Options{Out: out, Replace: true, Validity: 90 * 24 * time.Hour}
	if err := a.ensure(CSE, "/id-in", opts); err != nil {
		t.Fatal(err)
	}
	serial := func() string {
		cert, err := readCertificate(out + ".crt")
		if err != nil {
			t.Fatal(err)
		}
		return cert.SerialNumber.String()
	}
	first := serial()
	a.now = func() time.Time { return time.Now().Add(50 * 24 * time.Hour) }
	if err := a.ensure(CSE, "/id-in", opts); err != nil || serial() != first {
		t.Errorf("renewed too early (%v)", err)
	}
	a.now = func() time.Time { return time.Now().Add(70 * 24 * time.Hour) }
	if err := a.ensure(CSE, "/id-in", opts); err != nil || serial() == first {
		t.Errorf("not renewed (%v)", err)
	}
}

// openssl runs the program of that name, which the test needs.
func openssl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl")
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	return string(out), err
}

func TestInterop_OpenSSLVerifiesWhatIsIssued(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	for _, tc := range []struct {
		kind   Kind
		entity string
		san    string
	}{
		{AE, "Csensor", "URI:m2m://m2m.example/id-in/Csensor"},
		{CSE, "/id-mn", "DNS:id-mn.m2m.example"},
		{FQDN, "maf.m2m.example", "DNS:maf.m2m.example"},
		{Node, "urn:oid:0.2.481.1.9.1.1", "URI:urn:oid:0.2.481.1.9.1.1"},
		{Device, "0.2.481.1.100.3030.10011", "othername: 0.2.481.1"},
	} {
		issued, _ := issue(t, a, tc.kind, tc.entity, Options{})
		verify := []string{"verify", "-crl_check_all", "-CAfile", a.CAFile(), "-untrusted", issued.CertFile, "-CRLfile", a.CRLFile(), issued.CertFile}
		if out, err := openssl(t, verify...); err != nil {
			t.Errorf("S-045 %s: %v\n%s", tc.kind, err, out)
		}
		out, err := openssl(t, "x509", "-in", issued.CertFile, "-noout", "-ext", "subjectAltName")
		if err != nil || !strings.Contains(out, tc.san) {
			t.Errorf("table 4.3, %s: %v, openssl prints %s, want %s", tc.kind, err, out, tc.san)
		}
		if _, err := a.Revoke(issued.CertFile); err != nil {
			t.Fatal(err)
		}
		if out, err := openssl(t, verify...); err == nil || !strings.Contains(out, "revoked") {
			t.Errorf("S-051 %s: revoked, but openssl says %s", tc.kind, out)
		}
	}
}
