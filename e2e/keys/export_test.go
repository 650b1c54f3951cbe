package keys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

func TestExport_E113_E114_E124_FollowsTheVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "tls12-exporter") {
		session := tls12{v.octets(t, "master_secret_hex"), v.octets(t, "client_random_hex"), v.octets(t, "server_random_hex")}
		var (
			export             func(Exporter) (Exported, error)
			id, key, formatted string
		)
		switch v.text(t, "label") {
		case LabelEnrolment:
			export, id, key, formatted = ExportEnrolment, "RelativeKeID_hex", "Ke_hex", "KeID"
		case LabelConnection:
			export, id, key, formatted = ExportConnection, "KcID_hex", "Kc_hex", "KeyIdentifier"
		case LabelESCertKE:
			export, id, key, formatted = ExportESCertKE, "pairwiseE2EKeyID_hex", "pairwiseE2EKey_hex", "kid"
		default:
			t.Fatalf("%s has the label %q", v.ID, v.text(t, "label"))
		}
		got, err := export(session)
		if err != nil {
			t.Fatalf("%s: %v", v.ID, err)
		}
		if have := hex.EncodeToString(got.ID[:]); have != v.text(t, id) {
			t.Errorf("%s: identifier %s, want %s", v.ID, have, v.text(t, id))
		}
		v.want(t, key, got.Key)
		v.unwanted(t, "mustNotEqual_hex", append(got.ID[:], got.Key.Bytes()...))
		name, err := ExportedIdentifier(got.ID, v.text(t, "fqdn"))
		if err != nil || name.String() != v.text(t, formatted) {
			t.Errorf("%s: identifier %q, %v", v.ID, name, err)
		}
	}
}

func TestExport_E113_BothEndsOfAHandshakeShareTheKeys(t *testing.T) {
	t.Parallel()
	client, server := handshake(t)
	for _, export := range []func(Exporter) (Exported, error){ExportEnrolment, ExportConnection, ExportESCertKE} {
		a, err := export(client)
		if err != nil {
			t.Fatal(err)
		}
		b, err := export(server)
		if err != nil {
			t.Fatal(err)
		}
		if a.ID != b.ID || !a.Key.Equal(b.Key) || a.Key.Len() != KeyLength {
			t.Error("the two ends have different keys")
		}
	}
	if a, _ := ExportEnrolment(client); true {
		if b, _ := ExportConnection(client); a.Key.Equal(b.Key) {
			t.Error("two labels give one key")
		}
	}
}

// handshake makes a TLS 1.2 session and returns the states of both ends.
func handshake(t *testing.T) (client, server *tls.ConnectionState) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"id-in.m2m.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	s := tls.Server(far, &tls.Config{
		MaxVersion: tls.VersionTLS12, SessionTicketsDisabled: true,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	})
	done := make(chan error, 1)
	go func() { done <- s.HandshakeContext(t.Context()) }()
	c := tls.Client(near, &tls.Config{MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true})
	if err := c.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	cs, ss := c.ConnectionState(), s.ConnectionState()
	return &cs, &ss
}

// broken is a session that cannot be exported from, or exports too little.
type broken struct{ err error }

func (b broken) ExportKeyingMaterial(string, []byte, int) ([]byte, error) {
	return make([]byte, ExportLength-1), b.err
}

func TestExport_FailsWithItsSession(t *testing.T) {
	t.Parallel()
	unsafe := errors.New("no extended master secret")
	if _, err := ExportESCertKE(broken{unsafe}); !errors.Is(err, unsafe) {
		t.Errorf("the error is %v", err)
	}
	if _, err := ExportESCertKE(broken{}); err == nil || !strings.Contains(err.Error(), "47 octets") {
		t.Errorf("the error is %v", err)
	}
}

func TestIdentifier_E124_VectorsAndCase(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "key-identifier-mef", "key-identifier-maf") {
		octets, fqdn, want := v.text(t, "RelativeKeID_hex"), v.text(t, "MEF_FQDN"), v.text(t, "KeID")
		if v.Type == "key-identifier-maf" {
			octets, fqdn, want = v.text(t, "KcID_hex"), v.text(t, "MAF_FQDN"), v.text(t, "KeyIdentifier")
		}
		got, err := ExportedIdentifier([IdentifierLength]byte(unhex(t, octets)), fqdn)
		if err != nil || got.String() != want {
			t.Errorf("%s: %q, %v", v.ID, got, err)
		}
		lower, err := ParseIdentifier(strings.ToLower(want))
		if err != nil || !lower.Equal(got) {
			t.Errorf("%s: in lower case it is another one, %v", v.ID, err)
		}
	}
}

func TestIdentifier_Parse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		ok         bool
	}{
		{"the identifier of an ESCertKE key", "E39F065AFEDDD80E23B7992BD89C3DDD", true},
		{"one digit short", "E39F065AFEDDD80E23B7992BD89C3DD", false},
		{"a name without an FQDN", "door", false},
		{"a name of the issuer", "door_1.a-b@mef.example.com", true},
		{"an FQDN in upper case", "door@MEF.example.com", true},
		{"no name", "@mef.example.com", false},
		{"no FQDN", "door@", false},
		{"two ats", "a@b@example.com", false},
		{"a slash in the name", "a/b@example.com", false},
		{"an empty label", "a@example..com", false},
		{"nothing", "", false},
		{"too long", strings.Repeat("a", MaxIdentifier) + "@example.com", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			id, err := ParseIdentifier(tc.text)
			if (err == nil) != tc.ok {
				t.Fatalf("%v", err)
			}
			if err == nil && id.String() != tc.text {
				t.Errorf("becomes %q", id)
			}
		})
	}
}

func TestIdentifier_E124_NamesOfOtherKeysKeepTheirCase(t *testing.T) {
	t.Parallel()
	a, b := Identifier{"door", "maf.example.com"}, Identifier{"Door", "MAF.example.com"}
	if a.Equal(b) || !a.EqualKm(b) {
		t.Error("only a KmID has a name that is compared without case")
	}
	if a.EqualKm(Identifier{"door", "other.example.com"}) {
		t.Error("the FQDN counts")
	}
}

func FuzzParseIdentifier(f *testing.F) {
	for _, seed := range []string{"", "a@example.com", "E39F065AFEDDD80E23B7992BD89C3DDD", "a@b@c", "\xff@example.com"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseIdentifier(s)
		if err != nil {
			return
		}
		again, err := ParseIdentifier(id.String())
		if err != nil || !again.Equal(id) || id.String() != s {
			t.Errorf("%q becomes %q, %v", s, id, err)
		}
	})
}
