package dynauth

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
)

// Server is a Dynamic Authorization Server that the operator has told a CSE
// about: a Token Issuer, and where its AE takes questions.
type Server struct {
	ID      onem2m.ID   // absolute AE-ID of the server's AE
	Domains []string    // FQDNs, in lower case, behind the "@" of its Token-IDs and Role-IDs
	Points  []string    // URLs, or the resource-ID or AE-ID of the AE, in the order to try
	Seal    *esdata.Key // what requests that an originator carries are encrypted with; nil: they are plain
}

// Servers are those that a CSE knows.
type Servers []Server

// MaxLeeway is the greatest difference of clocks that may be allowed.
const MaxLeeway = time.Minute

// CheckPoint refuses what can't be a point of access of a server: it is a URL of a
// protocol, or the identifier of an AE.
func CheckPoint(point string) error {
	if !strings.Contains(point, ":") {
		a, err := onem2m.ParseAddress(point)
		if err == nil && a.Attribute != "" {
			err = errPoint
		}
		return err
	}
	if u, err := url.Parse(point); err != nil || u.Host == "" || u.Fragment != "" {
		return errPoint
	}
	return nil
}

var errPoint = errors.New("a point of access is a URL or the identifier of an AE")

// ParseSeal reads the key that requests for a server are encrypted with: one JSON
// Web Key that names its algorithm. Errors repeat nothing of it.
func ParseSeal(data []byte) (*esdata.Key, error) {
	list, err := ParseKeys(data, []esdata.Algorithm{
		esdata.Direct, "A128KW", "A256KW", "RSA-OAEP-256", "ECDH-ES+A128KW", "ECDH-ES+A256KW",
	})
	switch {
	case err != nil:
		return nil, err
	case len(list) != 1:
		return nil, errors.New("it holds more than one key")
	}
	if _, err := (&Server{Seal: list[0]}).Secure(&onem2m.DASRequest{Originator: "/x", Operation: onem2m.Retrieve, Target: "x"}); err != nil {
		return nil, errors.New("nothing can be encrypted with it; a private key can't")
	}
	return list[0], nil
}

// MaxPoints bounds the points of access of a server: they are tried in turn
// while a request waits.
const MaxPoints = 16

var errServer = errors.New("a Dynamic Authorization Server has an absolute AE-ID, a domain and a point of access")

// Check refuses servers that nobody could ask.
func (all Servers) Check() error {
	for _, s := range all {
		absolute, form, err := (onem2m.Home{}).ParseID(string(s.ID))
		if err != nil || form != onem2m.FormAbsolute || absolute != s.ID || len(s.Domains) == 0 || len(s.Points) == 0 {
			return errServer
		}
		if len(s.Points) > MaxPoints {
			return fmt.Errorf("%s: more than %d points of access", s.ID, MaxPoints)
		}
	}
	return nil
}

// Of returns the server that speaks for a Role-ID or Token-ID, or nil: the one
// of the domain behind its "@" (C-20, C-26).
func (all Servers) Of(name string) *Server {
	for i := range all {
		if all[i].Speaks(name) {
			return &all[i]
		}
	}
	return nil
}

// By returns the server with an AE-ID, or nil.
func (all Servers) By(id onem2m.ID) *Server {
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
	}
	return nil
}

// At returns the server that is reached at a point of access, or nil. The point
// may be one of its own, or its AE-ID in any form.
func (all Servers) At(home onem2m.Home, point string) *Server {
	id, _, err := home.ParseID(point)
	for i := range all {
		if slices.Contains(all[i].Points, point) || err == nil && all[i].ID == id {
			return &all[i]
		}
	}
	return nil
}

// Speaks reports whether a Role-ID or Token-ID is of one of the server's domains.
func (s *Server) Speaks(name string) bool {
	_, fqdn, ok := strings.Cut(name, "@")
	return ok && slices.Contains(s.Domains, strings.ToLower(fqdn))
}

// Secure encrypts a request for the server, so that the originator that carries
// it doesn't read which roles would be enough. The payload is the request
// as JSON with its short names (C-49).
func (s *Server) Secure(r *onem2m.DASRequest) (string, error) {
	return esdata.Seal(r.Value(), esdata.Protection{Encrypt: []*esdata.Key{s.Seal}, Type: "JWT"})
}
