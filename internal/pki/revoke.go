package pki

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
	"time"
)

// Revoke revokes a certificate for good and writes the revocation lists. which
// is the file of the certificate, or its serial number in hexadecimal. Revoking
// again changes nothing.
func (a *Authority) Revoke(which string) (Record, error) {
	serial := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(which, "0x"), ":", ""))
	if cert, err := readCertificate(which); err == nil {
		serial = cert.SerialNumber.Text(16)
	} else if n, ok := new(big.Int).SetString(serial, 16); ok && os.IsNotExist(err) {
		serial = n.Text(16)
	} else {
		return Record{}, fmt.Errorf("%q is neither the file of a certificate nor a serial number: %w", which, err)
	}
	var revoked Record
	err := a.change(func(records []Record) ([]Record, error) {
		for i := range records {
			if records[i].Serial != serial {
				continue
			}
			if records[i].Revoked.IsZero() {
				records[i].Revoked = a.now().UTC().Truncate(time.Second)
			}
			revoked = records[i]
			return records, nil
		}
		return nil, fmt.Errorf("the CA in %s has not issued %s", a.dir, serial)
	})
	if err != nil {
		return Record{}, err
	}
	_, err = a.CRL()
	return revoked, err
}

// CRL writes the revocation lists of all CAs, good for a year, into one file
// and returns its path.
func (a *Authority) CRL() (string, error) {
	unlock, err := a.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	records, err := a.List()
	if err != nil {
		return "", err
	}
	return a.CRLFile(), a.writeCRL(records)
}

// writeCRL makes one list per CA. The caller holds the lock.
func (a *Authority) writeCRL(records []Record) error {
	number, err := a.nextCRLNumber()
	if err != nil {
		return err
	}
	var out []byte
	for _, name := range append([]Kind{"root"}, kinds()...) {
		ca, key, err := a.issuer(string(name))
		if err != nil {
			return err
		}
		list := &x509.RevocationList{
			Number:             number,
			ThisUpdate:         a.now().Add(-backdate),
			NextUpdate:         a.now().Add(crlLife),
			SignatureAlgorithm: x509.ECDSAWithSHA256,
		}
		for _, r := range records {
			serial, ok := new(big.Int).SetString(r.Serial, 16)
			if r.Kind != name || r.Revoked.IsZero() {
				continue
			}
			if !ok {
				return errors.New("the index has a serial number that is none")
			}
			list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
				SerialNumber: serial, RevocationTime: r.Revoked,
			})
		}
		der, err := x509.CreateRevocationList(rand.Reader, list, ca, key)
		if err != nil {
			return err
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})...)
	}
	return writeFile(a.CRLFile(), out, certMode)
}

// nextCRLNumber returns a number greater than that of the lists in the file, so
// that readers can tell an old list from a new one. It follows the clock, for
// the case that the file is lost.
func (a *Authority) nextCRLNumber() (*big.Int, error) {
	next := big.NewInt(a.now().UnixMilli())
	last, err := a.lastCRL()
	if os.IsNotExist(err) {
		return next, nil
	}
	if err != nil {
		return nil, err
	}
	if last.Number != nil && last.Number.Cmp(next) >= 0 {
		next.Add(last.Number, big.NewInt(1))
	}
	return next, nil
}

// lastCRL reads the first of the lists in the file.
func (a *Authority) lastCRL() (*x509.RevocationList, error) {
	data, err := os.ReadFile(a.CRLFile())
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s: there is no revocation list in it; remove it and write it again", a.CRLFile())
	}
	return x509.ParseRevocationList(block.Bytes)
}
