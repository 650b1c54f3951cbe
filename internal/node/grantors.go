package node

import (
	"fmt"
	"io"
	"os"
	"strings"

	"bulwark/internal/dynauth"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
	"bulwark/token"
)

// maxKeyFile bounds a file with the keys of an issuer in octets.
const maxKeyFile = 256 << 10

// Issuers reads what [[token.issuer]] says: what tokens are verified by, nil
// without any issuer, and which tokens are revoked. Errors name the entry and
// repeat nothing of a key.
func Issuers(cfg *config.Config) (*token.Verifier, *token.Revocations, error) {
	if len(cfg.Token.Issuers) == 0 {
		return nil, nil, nil
	}
	revoked := token.NewRevocations(0)
	issuers := make([]token.Issuer, 0, len(cfg.Token.Issuers))
	for i, c := range cfg.Token.Issuers {
		keys, err := readKeys(string(c.JWKS))
		if err != nil {
			return nil, nil, fmt.Errorf("token.issuer[%d].jwks: %w", i, err)
		}
		issuer, err := dynauth.NewIssuer(onem2m.ID(c.ID), []string{c.FQDN}, c.Accept, keys)
		if err != nil {
			return nil, nil, fmt.Errorf("token.issuer[%d] %s: %w", i, c.ID, err)
		}
		issuers = append(issuers, issuer)
		if c.Revocations != "" {
			revoked.Await(onem2m.ID(c.ID)) // until its list has been read once
		}
		for _, id := range c.Revoked {
			if err := revoked.Add(token.Revocation{Ref: token.Ref{Issuer: onem2m.ID(c.ID), ID: id}}, 0); err != nil {
				return nil, nil, fmt.Errorf("token.issuer[%d].revoked: %w", i, err)
			}
		}
	}
	verifier, err := token.NewVerifier(0, issuers...)
	if err != nil {
		return nil, nil, fmt.Errorf("token.issuer: %w", err)
	}
	return verifier, revoked, nil
}

// Servers returns the Dynamic Authorization Servers of [[token.issuer]]: those of
// which it is known where they are asked. Errors name the entry and repeat nothing
// of a key.
func Servers(cfg *config.Config) (dynauth.Servers, error) {
	var all dynauth.Servers
	for i, c := range cfg.Token.Issuers {
		if len(c.PoA) == 0 {
			continue
		}
		s := dynauth.Server{ID: onem2m.ID(c.ID), Domains: []string{c.FQDN}, Points: c.PoA}
		if c.Seal != "" {
			data, err := readKeys(string(c.Seal))
			if err == nil {
				s.Seal, err = dynauth.ParseSeal(data)
			}
			if err != nil {
				return nil, fmt.Errorf("token.issuer[%d].seal: %w", i, err)
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// readKeys reads a file that should be small.
func readKeys(name string) (_ []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(data) > maxKeyFile {
		err = fmt.Errorf("%s is larger than %d octets", name, maxKeyFile)
	}
	return data, err
}

// authorities returns those of [[trust.role-authority]].
func authorities(cfg *config.Config) dynauth.Authorities {
	var all dynauth.Authorities
	for _, a := range cfg.Trust.Roles {
		all = append(all, dynauth.Authority{ID: onem2m.ID(a.ID), Domains: []string{strings.ToLower(a.FQDN)}, Repository: a.Repository})
	}
	return all
}

// tokenRepositories are where the issuers of [[token.issuer]] keep their <token>s.
func tokenRepositories(cfg *config.Config) map[string]string {
	all := map[string]string{}
	for _, issuer := range cfg.Token.Issuers {
		if issuer.Repository != "" {
			all[strings.ToLower(issuer.FQDN)] = issuer.Repository
		}
	}
	return all
}
