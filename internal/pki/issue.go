package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bulwark/onem2m"
)

// Options are the choices of an Issue or Renew.
type Options struct {
	DNS      []string      // further names of the host, for CSE and FQDN certificates
	IPs      []netip.Addr  // addresses of the host, for CSE certificates
	Validity time.Duration // 0: DefaultValidity
	Out      string        // files are Out.crt and Out.key; "": named after the entity, in the CA's directory
	Replace  bool          // write over files that exist
	NewKey   bool          // Renew: make a new key; else the certificate gets the one in the file
}

// Issued is what an Issue or Renew wrote.
type Issued struct {
	Record

	CertFile string // the certificate and the CA above it
	KeyFile  string
}

// Issue makes a key and a certificate for an entity. name is as on the command
// line: "Csensor" or "//m2m.example/id-in/Csensor" for an AE, "/id-mn" for a
// CSE, a domain name, the URN of a node, the OID of a device. Issuing again for
// a name is allowed; the earlier certificate stays good until it is revoked.
func (a *Authority) Issue(kind Kind, name string, opts Options) (Issued, error) {
	s, err := parseName(a.home, kind, name)
	if err != nil {
		return Issued{}, err
	}
	if err := s.addHosts(a.settings, opts.DNS, opts.IPs); err != nil {
		return Issued{}, err
	}
	out := opts.Out
	if out == "" {
		out = filepath.Join(a.dir, fileName(s.name))
	}
	if !opts.Replace {
		for _, path := range []string{out + ".crt", out + ".key"} {
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				return Issued{}, fmt.Errorf("%s is there already; name another place, or renew it", path)
			}
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Issued{}, err
	}
	return a.write(s, key, out, opts)
}

// Renew makes a new certificate with the names of one that this authority
// issued, in its place, for the same key unless a new one is asked for. The old
// certificate stays good until it expires; revoke it if it was lost.
func (a *Authority) Renew(certFile string, opts Options) (Issued, error) {
	old, err := readCertificate(certFile)
	if err != nil {
		return Issued{}, err
	}
	records, err := a.List()
	if err != nil {
		return Issued{}, err
	}
	i := slices.IndexFunc(records, func(r Record) bool { return r.Serial == old.SerialNumber.Text(16) })
	if i < 0 {
		return Issued{}, fmt.Errorf("%s was not issued by the CA in %s", certFile, a.dir)
	}
	if !records[i].Revoked.IsZero() {
		return Issued{}, fmt.Errorf("%s is revoked; issue a new one", certFile)
	}
	s, err := parseName(a.home, records[i].Kind, records[i].Name)
	if err != nil {
		return Issued{}, err
	}
	s.dns, s.ips = old.DNSNames, nil
	for _, ip := range old.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			s.ips = append(s.ips, addr.Unmap())
		}
	}
	prefix := strings.TrimSuffix(certFile, ".crt")
	key, err := readKey(prefix + ".key")
	if err != nil {
		return Issued{}, err
	}
	if pub, ok := old.PublicKey.(*ecdsa.PublicKey); !ok || !key.PublicKey.Equal(pub) {
		return Issued{}, fmt.Errorf("%s.key is not the key of %s", prefix, certFile)
	}
	if opts.NewKey {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return Issued{}, err
		}
	}
	if opts.Out != "" {
		prefix = opts.Out
	}
	return a.write(s, key, prefix, opts)
}

// write signs a certificate, notes it in the index, and writes the files; in
// this order, so that whatever is out can be revoked.
func (a *Authority) write(s subject, key *ecdsa.PrivateKey, out string, opts Options) (Issued, error) {
	if folder := filepath.Dir(out); !isFolder(folder) { // looked at before the certificate counts as issued
		return Issued{}, fmt.Errorf("%s.crt: there is no folder %s", out, folder)
	}
	ca, caKey, err := a.issuer(string(s.kind))
	if err != nil {
		return Issued{}, err
	}
	template, err := a.template(s, ca, opts.Validity)
	if err != nil {
		return Issued{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, caKey)
	if err != nil {
		return Issued{}, err
	}
	text, err := keyPEM(key)
	if err != nil {
		return Issued{}, err
	}
	defer clear(text)
	issued := Issued{CertFile: out + ".crt", KeyFile: out + ".key", Record: Record{
		Serial: template.SerialNumber.Text(16), Kind: s.kind, Name: s.name, File: out + ".crt",
		NotBefore: template.NotBefore, NotAfter: template.NotAfter,
	}}
	err = a.change(func(records []Record) ([]Record, error) { return append(records, issued.Record), nil })
	if err != nil {
		return Issued{}, err
	}
	if err := writeFile(issued.KeyFile, text, keyMode); err != nil {
		return Issued{}, err
	}
	return issued, writeFile(issued.CertFile, certPEM(der, ca.Raw), certMode)
}

// template is a certificate of the profile, yet unsigned (S-037, S-054).
func (a *Authority) template(s subject, ca *x509.Certificate, validity time.Duration) (*x509.Certificate, error) {
	switch {
	case validity == 0:
		validity = DefaultValidity
	case validity < 0:
		return nil, errors.New("the validity is negative")
	}
	now := a.now().UTC().Truncate(time.Second)
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber:          serial,
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           s.kind.usages(),
		BasicConstraintsValid: true,
		SignatureAlgorithm:    x509.ECDSAWithSHA256,
	}
	if t.NotAfter.After(ca.NotAfter) {
		t.NotAfter = ca.NotAfter
	}
	return t, s.fill(t, a.settings.SP)
}

// change replaces the index by what fn makes of it, alone.
func (a *Authority) change(fn func([]Record) ([]Record, error)) error {
	unlock, err := a.lock()
	if err != nil {
		return err
	}
	defer unlock()
	records, err := a.List()
	if err != nil {
		return err
	}
	if records, err = fn(records); err != nil {
		return err
	}
	return writeIndex(a.ca("issued.jsonl"), records)
}

// List returns what the authority has issued, oldest first.
func (a *Authority) List() ([]Record, error) { return readIndex(a.ca("issued.jsonl")) }

// fileName makes a file name of an entity's name: its last segment, with what
// isn't plain replaced. "ca" is the authority's own.
func fileName(name string) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	name = strings.Map(func(r rune) rune {
		if onem2m.ValidName(string(r)) || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
	if name == "ca" || name == "" || name[0] == '.' {
		return "entity-" + name
	}
	return name
}
