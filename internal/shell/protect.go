package shell

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"bulwark/client"
	"bulwark/e2e/esprim"
	"bulwark/e2e/keys"
	"bulwark/internal/cli"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
)

// protected makes of a client one whose requests are protected from end to end.
func protected(c *client.Client, r cli.AERequest) (*client.Client, error) {
	p := r.Protection
	octets, err := config.ReadKey(p.KeyFile)
	if err != nil {
		return nil, err
	}
	secret, err := keys.NewSecret(octets)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.KeyFile, err)
	}
	self := onem2m.ID(p.Self)
	if self == "" {
		if self, err = absoluteIdentity(r.Cert); err != nil {
			return nil, err
		}
	}
	return c.ESPrim(client.Target{To: p.Target, Self: self, Key: esprim.Key{ID: p.KID, Secret: secret, Peer: onem2m.ID(p.Peer)}})
}

// absoluteIdentity reads the absolute AE-ID out of a certificate.
func absoluteIdentity(file string) (onem2m.ID, error) {
	none := errors.New("say who asks with --self: an absolute AE-ID, such as //m2m.example/id-in/CLamp")
	if file == "" {
		return "", none
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return "", fmt.Errorf("%s: no PEM certificate", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	for _, u := range cert.URIs {
		if id, form, err := (onem2m.Home{}).ParseID("//" + u.Host + u.Path); err == nil && form == onem2m.FormAbsolute {
			return id, nil
		}
	}
	return "", none
}
