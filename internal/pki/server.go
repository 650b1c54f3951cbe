package pki

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// Files are what a server and its operator need of an authority.
type Files struct {
	Dir       string // the authority's directory
	CA        string // what peers have to trust
	CRL       string
	ServerCrt string
	ServerKey string
	AdminCrt  string
	AdminKey  string
	Made      bool // the authority is new
	Anchors   []identity.Anchor
}

// EnsureServer sees to it that the data directory dir has an authority in its
// folder pki, a certificate for the CSE of home, reachable by loopback, and one
// for the administrator with the AE-ID-Stem admin. What is there and good stays
// as it is; what is about to expire is renewed, what names another entity is
// made again. It is safe to call at every start.
func EnsureServer(dir string, home onem2m.Home, admin string) (Files, error) {
	pki := filepath.Join(dir, "pki")
	made := false
	a, err := Open(pki)
	if errors.Is(err, os.ErrNotExist) {
		a, err = Init(pki, home, Scope{})
		made = true
	}
	if err != nil {
		return Files{}, err
	}
	if a.home.SP != home.SP {
		return Files{}, fmt.Errorf("the CA in %s is that of %s, not of %s; name another data directory", pki, a.home.SP, home.SP)
	}
	a.home.CSE = home.CSE
	f := Files{
		Dir: pki, CA: a.CAFile(), CRL: a.CRLFile(), Made: made, Anchors: a.Anchors(),
		ServerCrt: filepath.Join(pki, "server.crt"), ServerKey: filepath.Join(pki, "server.key"),
		AdminCrt: filepath.Join(pki, "admin.crt"), AdminKey: filepath.Join(pki, "admin.key"),
	}
	server := Options{
		DNS: []string{"localhost"}, Out: filepath.Join(pki, "server"), Replace: true,
		IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")},
	}
	if _, ok := identity.DomainName(home.ID()); !ok {
		server.DNS = []string{substituteName(home), "localhost"}
	}
	if err := a.ensure(CSE, string(home.ID()), server); err != nil {
		return Files{}, fmt.Errorf("certificate of the server: %w", err)
	}
	if admin != "" {
		if err := a.ensure(AE, admin, Options{Out: filepath.Join(pki, "admin"), Replace: true}); err != nil {
			return Files{}, fmt.Errorf("certificate of the administrator: %w", err)
		}
	}
	return f, a.freshCRL()
}

// substituteName makes a domain name for a CSE whose CSE-ID is no label. It has
// nothing of the CSE-ID in it, lest it be the name of another CSE by the rule.
func substituteName(home onem2m.Home) string {
	sum := sha256.Sum256([]byte(home.CSE))
	return "x-" + hex.EncodeToString(sum[:8]) + "." + home.SP[2:]
}

// ensure issues a certificate unless the file has a good one for the name, and
// renews it in the last third of its life.
func (a *Authority) ensure(kind Kind, name string, opts Options) error {
	s, err := parseName(a.home, kind, name)
	if err != nil {
		return err
	}
	file := opts.Out + ".crt"
	cert, err := readCertificate(file)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		_, err = a.Issue(kind, name, opts)
		return err
	}
	records, err := a.List()
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Serial != cert.SerialNumber.Text(16) {
			continue
		}
		_, err := readKey(opts.Out + ".key")
		left := cert.NotAfter.Sub(a.now())
		switch {
		case err != nil || !r.Revoked.IsZero() || r.Name != s.name:
			_, err = a.Issue(kind, name, opts)
		case left < cert.NotAfter.Sub(cert.NotBefore)/3:
			_, err = a.Renew(file, Options{})
		}
		return err
	}
	return fmt.Errorf("%s was not issued by the CA in %s; move it away, and name it as cert of a listener", file, a.dir)
}

// freshCRL writes the revocation lists again when half of their life is over.
func (a *Authority) freshCRL() error {
	last, err := a.lastCRL()
	if err == nil && last.NextUpdate.Sub(a.now()) > crlLife/2 {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_, err = a.CRL()
	return err
}
