package identity

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"time"
)

// KeyPair is an own certificate with its key, read again from its files when
// they change, so that a renewed certificate needs no restart. It may be used
// by many goroutines.
type KeyPair struct {
	certFile, keyFile string

	mu       sync.Mutex // guards what follows
	current  *tls.Certificate
	stamps   [2]fileStamp
	lookNext time.Time
}

// LoadKeyPair reads a certificate with its chain, and its key, in PEM.
func LoadKeyPair(certFile, keyFile string) (*KeyPair, error) {
	k := &KeyPair{certFile: certFile, keyFile: keyFile}
	if err := k.read(); err != nil {
		return nil, err
	}
	k.lookNext = time.Now().Add(lookInterval)
	return k, nil
}

// FixedKeyPair returns a KeyPair that has no files and never changes.
func FixedKeyPair(cert tls.Certificate) *KeyPair { return &KeyPair{current: &cert} }

// read reads both files. A pair that doesn't fit together, as it may be for a
// moment while it is being replaced, is an error.
func (k *KeyPair) read() error {
	certPEM, certStamp, err := readFile(k.certFile)
	if err != nil {
		return err
	}
	keyPEM, keyStamp, err := readFile(k.keyFile)
	if err != nil {
		return err
	}
	defer clear(keyPEM)
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", k.certFile, k.keyFile, err)
	}
	k.current, k.stamps = &cert, [2]fileStamp{certStamp, keyStamp}
	return nil
}

// Certificate returns the pair as the files are now; if they can't be read as
// they are, the last one that could.
func (k *KeyPair) Certificate() *tls.Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if k.certFile == "" || now.Before(k.lookNext) {
		return k.current
	}
	k.lookNext = now.Add(lookInterval)
	cert, errCert := stampOf(k.certFile)
	key, errKey := stampOf(k.keyFile)
	if errCert == nil && errKey == nil && (!cert.same(k.stamps[0]) || !key.same(k.stamps[1])) {
		_ = k.read() // the last pair stays in use, and the next look tries again
	}
	return k.current
}

// Leaf returns the certificate itself, for what has to be said about it.
func (k *KeyPair) Leaf() *x509.Certificate { return k.Certificate().Leaf }

// GetCertificate is for tls.Config.
func (k *KeyPair) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return k.Certificate(), nil
}

// GetClientCertificate is for tls.Config.
func (k *KeyPair) GetClientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return k.Certificate(), nil
}
