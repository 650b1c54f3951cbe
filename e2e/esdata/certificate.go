package esdata

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
)

// SourceCertificate returns the key that verifies signatures of the certificate's
// holder. Whether the certificate is to be trusted, and for whom, is the
// caller's decision (TS-0003 clause 8.5.2.3.2.1); its keyUsage must hold
// digitalSignature.
func SourceCertificate(id string, algorithm Algorithm, certificate *x509.Certificate) (*Key, error) {
	if !algorithm.NonRepudiable() || certificate.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return nil, fmt.Errorf("%w: not a certificate for signatures", ErrKey)
	}
	return certified(id, algorithm, certificate)
}

// TargetCertificate returns the key that encrypts for the certificate's holder.
// Its keyUsage must hold keyAgreement, or keyEncipherment for RSA, and must not
// hold digitalSignature: a key for signatures is not used here (TS-0003 clause
// 8.5.2.2.4.1, E-136).
func TargetCertificate(id string, algorithm Algorithm, certificate *x509.Certificate) (*Key, error) {
	wanted := x509.KeyUsageKeyAgreement
	if algorithm.kind() == kindRSA {
		wanted = x509.KeyUsageKeyEncipherment
	}
	usage := certificate.KeyUsage
	if !algorithm.Encrypts() || algorithm.Symmetric() || usage&wanted == 0 || usage&x509.KeyUsageDigitalSignature != 0 {
		return nil, fmt.Errorf("%w: not a certificate for encryption", ErrKey)
	}
	return certified(id, algorithm, certificate)
}

// certified returns the public key of a certificate, to be found by its
// thumbprint too.
func certified(id string, algorithm Algorithm, certificate *x509.Certificate) (*Key, error) {
	k, err := NewPublic(id, algorithm, certificate.PublicKey)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(certificate.Raw)
	k.thumbprint = base64.RawURLEncoding.EncodeToString(sum[:])
	return k, nil
}
