package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// Lifetimes of what the CA makes. The CAs live longer than any device is
// likely to be in the field without a visit.
const (
	rootLife         = 25 * 365 * 24 * time.Hour
	intermediateLife = 20 * 365 * 24 * time.Hour
	crlLife          = 365 * 24 * time.Hour
	// DefaultValidity is how long a certificate lives if nothing else is said.
	DefaultValidity = 365 * 24 * time.Hour
	// backdate allows for clocks of peers that are behind.
	backdate = 5 * time.Minute
)

// Authority is a certificate authority in a directory:
//
//	ca.crt         the root, which peers trust
//	ca.crl         the revocation lists of all CAs
//	ca/            the CAs' certificates and keys, the index, the settings
type Authority struct {
	dir      string
	settings settings
	home     onem2m.Home
	now      func() time.Time
}

// Scope widens what a new Authority issues for beyond its SP's domain and
// loopback. It is written into the CAs' name constraints and can't be widened
// later.
type Scope struct {
	Domains  []string       // of MAFs, MEFs and CSEs
	Networks []netip.Prefix // of CSEs
}

// ErrExists says that there is an authority in the directory already.
var ErrExists = errors.New("there is a CA in this directory already")

// Init makes a new authority in dir, for the SP and default CSE of home. It
// fails with ErrExists if there is one.
func Init(dir string, home onem2m.Home, scope Scope) (*Authority, error) {
	return initAt(dir, home, scope, time.Now)
}

func initAt(dir string, home onem2m.Home, scope Scope, now func() time.Time) (*Authority, error) {
	c := settings{SP: home.SP, CSE: home.CSE}
	for _, d := range scope.Domains {
		parsed, err := onem2m.ParseSP("//" + d)
		if err != nil {
			return nil, fmt.Errorf("%q is not a domain name", d)
		}
		c.Domains = append(c.Domains, parsed[2:])
	}
	for _, p := range scope.Networks {
		c.Networks = append(c.Networks, p.Masked().String())
	}
	a, err := newAuthority(dir, c, now)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(a.ca(""), dirMode); err != nil {
		return nil, err
	}
	unlock, err := a.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := os.Stat(a.ca("settings.json")); err == nil {
		return nil, fmt.Errorf("%s: %w", dir, ErrExists)
	}
	if err := a.makeCAs(); err != nil {
		return nil, fmt.Errorf("making the CA in %s: %w", dir, err)
	}
	if err := a.writeCRL(nil); err != nil {
		return nil, fmt.Errorf("making the CA in %s: %w", dir, err)
	}
	// The settings come last: without them there is no authority, and the next
	// Init starts anew.
	data, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return a, writeFile(a.ca("settings.json"), append(data, '\n'), keyMode)
}

// missingError says that there is no authority in a folder.
type missingError string

// Error says how to get one.
func (dir missingError) Error() string {
	return fmt.Sprintf("there is no CA in %s; make one with: bulwark pki init --dir %s", string(dir), string(dir))
}

// Is reports that a file isn't there.
func (missingError) Is(target error) bool { return target == os.ErrNotExist }

// Open opens the authority in dir.
func Open(dir string) (*Authority, error) { return openAt(dir, time.Now) }

func openAt(dir string, now func() time.Time) (*Authority, error) {
	path := filepath.Join(dir, "ca", "settings.json")
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, missingError(dir)
	}
	if err != nil {
		return nil, err
	}
	var c settings
	if err := json.Unmarshal(data, &c, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return newAuthority(dir, c, now)
}

// newAuthority checks the settings.
func newAuthority(dir string, c settings, now func() time.Time) (*Authority, error) {
	sp, err := onem2m.ParseSP(c.SP)
	if err != nil {
		return nil, fmt.Errorf("SP %q: %w; write it like //m2m.example", c.SP, err)
	}
	c.SP = sp
	home := onem2m.Home{SP: sp, CSE: c.CSE}
	id, form, err := home.ParseID(c.CSE)
	if err != nil || form != onem2m.FormSPRelative || id.Registrar() != "" {
		return nil, fmt.Errorf("CSE-ID %q: write it like /id-in", c.CSE)
	}
	return &Authority{dir: dir, settings: c, home: home, now: now}, nil
}

// ca returns the path of a file of the CAs.
func (a *Authority) ca(name string) string { return filepath.Join(a.dir, "ca", name) }

// CAFile returns the path of the root certificate, which peers have to trust.
func (a *Authority) CAFile() string { return filepath.Join(a.dir, "ca.crt") }

// CRLFile returns the path of the revocation lists.
func (a *Authority) CRLFile() string { return filepath.Join(a.dir, "ca.crl") }

// Home returns the SP and default CSE that the authority was made for.
func (a *Authority) Home() onem2m.Home { return a.home }

// Anchors returns the CA of each flavour as a trust anchor for that flavour
// alone, so that none can vouch for what another is for (S-052).
func (a *Authority) Anchors() []identity.Anchor {
	var out []identity.Anchor
	for _, k := range kinds() {
		out = append(out, identity.Anchor{CA: a.ca(string(k) + ".crt"), Flavours: k.flavour(), CRL: a.CRLFile()})
	}
	return out
}

// lock keeps other processes and goroutines out while the index changes.
func (a *Authority) lock() (func(), error) {
	f, err := os.OpenFile(a.ca("lock"), os.O_CREATE|os.O_RDWR, keyMode)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // nothing was written to it
}

// makeCAs makes the root and the CA of each kind.
func (a *Authority) makeCAs() error {
	now := a.now()
	root := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{a.settings.SP[2:]}, CommonName: "Root CA"},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(rootLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            1,
	}
	rootKey, err := a.makeCA("root", root, root, nil)
	if err != nil {
		return err
	}
	for _, k := range kinds() {
		ca := &x509.Certificate{
			Subject:               pkix.Name{Organization: []string{a.settings.SP[2:]}, CommonName: "CA for certificates of kind " + string(k)},
			NotBefore:             now.Add(-backdate),
			NotAfter:              now.Add(intermediateLife),
			KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
			ExtKeyUsage:           k.usages(),
			BasicConstraintsValid: true,
			IsCA:                  true,
			MaxPathLenZero:        true,
		}
		a.settings.constrain(k, ca)
		if _, err := a.makeCA(string(k), ca, root, rootKey); err != nil {
			return err
		}
	}
	data, err := os.ReadFile(a.ca("root.crt"))
	if err != nil {
		return err
	}
	return writeFile(a.CAFile(), data, certMode)
}

// makeCA makes the key of one CA and its certificate; a nil parentKey makes it
// self-signed. The template is completed on the way, to serve as parent.
func (a *Authority) makeCA(name string, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if parentKey == nil {
		parentKey = key
	}
	if template.SerialNumber, err = newSerial(); err != nil {
		return nil, err
	}
	template.SignatureAlgorithm = x509.ECDSAWithSHA256
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, err
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	template.SubjectKeyId = made.SubjectKeyId
	text, err := keyPEM(key)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	if err := writeFile(a.ca(name+".key"), text, keyMode); err != nil {
		return nil, err
	}
	return key, writeFile(a.ca(name+".crt"), certPEM(der), certMode)
}

// newSerial returns a random serial number of 127 bits, never zero.
func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return n.Add(n, big.NewInt(1)), nil
}

// issuer reads the certificate and key of the CA of a kind.
func (a *Authority) issuer(name string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	cert, err := readCertificate(a.ca(name + ".crt"))
	if err != nil {
		return nil, nil, err
	}
	key, err := readKey(a.ca(name + ".key"))
	return cert, key, err
}
