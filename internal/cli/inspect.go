package cli

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"bulwark/internal/ops/config"
)

const (
	// soon is how long before its end a certificate is mentioned.
	soon = 30 * 24 * time.Hour
	// maxPEM bounds a certificate file in octets.
	maxPEM = 1 << 20
	// minRSA and minEC are the shortest keys that current guidance accepts, in bits.
	minRSA, minEC = 3000, 250
)

// inspector looks at the files that a configuration names.
type inspector struct {
	now      time.Time
	findings []config.Finding
}

func (i *inspector) add(s config.Severity, subject, format string, args ...any) {
	i.findings = append(i.findings, config.Finding{Severity: s, Subject: subject, Text: fmt.Sprintf(format, args...)})
}

// inspect returns what is wrong or risky with the files of a configuration.
func inspect(c *config.Config, file string) []config.Finding {
	i := &inspector{now: time.Now()}
	if file != "" {
		i.notWritable(file)
	}
	if info, err := os.Stat(string(c.Data)); err == nil && info.Mode().Perm()&0o077 != 0 {
		i.add(config.Warning, string(c.Data), "the data directory is open to others (mode %04o); chmod 700", info.Mode().Perm())
	}
	for _, l := range c.Listen {
		if l.Cert == c.PKI("server.crt") && !exists(l.Cert) {
			continue // made at first start
		}
		i.certificates(l.Cert)
		i.certificates(l.ClientCA)
		i.secret(l.Key)
	}
	if c.Secrets.MasterKeyFile != "" {
		i.secret(c.Secrets.MasterKeyFile)
	}
	for _, a := range c.Anchors {
		i.certificates(a.CA)
		if a.CRL != "" && !a.CRL.IsURL() {
			i.present(config.Path(a.CRL))
		}
	}
	for _, p := range c.Peers {
		i.certificates(p.CA)
	}
	for _, issuer := range c.Token.Issuers {
		if exists(issuer.JWKS) || !c.Publishes(issuer) {
			i.keys(issuer.JWKS)
		}
	}
	i.certificates(c.Outbound.CA)
	i.present(c.CSE.BasePolicy)
	return i.findings
}

func exists(p config.Path) bool {
	_, err := os.Stat(string(p))
	return err == nil
}

// present reports a file that is not there.
func (i *inspector) present(p config.Path) bool {
	if p == "" {
		return false
	}
	if _, err := os.Stat(string(p)); err != nil {
		text := err.Error()
		if errors.Is(err, fs.ErrNotExist) {
			text = "is not there"
		}
		i.add(config.Fault, string(p), "%s", text)
		return false
	}
	return true
}

// notWritable reports a file that others can change.
func (i *inspector) notWritable(name string) {
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o022 != 0 {
		i.add(config.Fault, name, "others can change it (mode %04o); chmod go-w", info.Mode().Perm())
	}
}

// secret reports a file that others can read.
func (i *inspector) secret(p config.Path) {
	if !i.present(p) {
		return
	}
	if info, err := os.Stat(string(p)); err == nil && info.Mode().Perm()&0o077 != 0 {
		i.add(config.Fault, string(p), "others can read this secret (mode %04o); chmod 600", info.Mode().Perm())
	}
}

// keys reports a file of keys, public ones perhaps, that others can read or write.
func (i *inspector) keys(p config.Path) {
	if !i.present(p) {
		return
	}
	i.notWritable(string(p))
	if info, err := os.Stat(string(p)); err == nil && info.Mode().Perm()&0o077 != 0 {
		i.add(config.Info, string(p), "others can read these keys (mode %04o); chmod 600 if one of them isn't public", info.Mode().Perm())
	}
}

// certificates reports what is wrong with the certificates of a PEM file.
func (i *inspector) certificates(p config.Path) {
	if !i.present(p) {
		return
	}
	name := string(p)
	i.notWritable(name)
	info, err := os.Stat(name)
	if err != nil || info.Size() > maxPEM {
		i.add(config.Fault, name, "is larger than %d octets", maxPEM)
		return
	}
	data, err := os.ReadFile(name)
	if err != nil {
		i.add(config.Fault, name, "%v", err)
		return
	}
	count := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		count++
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			i.add(config.Fault, name, "certificate %d: %v", count, err)
			continue
		}
		i.certificate(fmt.Sprintf("%s (%s)", name, cert.Subject), cert)
	}
	if count == 0 {
		i.add(config.Fault, name, "has no PEM certificate")
	}
}

func (i *inspector) certificate(subject string, cert *x509.Certificate) {
	const day = "2006-01-02"
	switch {
	case i.now.After(cert.NotAfter):
		i.add(config.Fault, subject, "expired on %s", cert.NotAfter.Format(day))
	case i.now.Before(cert.NotBefore):
		i.add(config.Fault, subject, "is not valid before %s", cert.NotBefore.Format(day))
	case i.now.Add(soon).After(cert.NotAfter):
		i.add(config.Warning, subject, "expires on %s", cert.NotAfter.Format(day))
	}
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA {
			i.add(config.Warning, subject, "RSA key of %d bits; current guidance asks for %d", bits, minRSA)
		}
	case *ecdsa.PublicKey:
		if bits := key.Params().BitSize; bits < minEC {
			i.add(config.Warning, subject, "elliptic curve of %d bits; current guidance asks for %d", bits, minEC)
		}
	}
	broken := []x509.SignatureAlgorithm{x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1}
	if slices.Contains(broken, cert.SignatureAlgorithm) {
		i.add(config.Fault, subject, "is signed with %s, which is broken", cert.SignatureAlgorithm)
	}
}
