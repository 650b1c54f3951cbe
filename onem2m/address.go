package onem2m

import "strings"

// Limits of an address (C-024): refused with 4000 before any lookup.
const (
	MaxAddress  = 2048 // octets of the To parameter
	MaxSegments = 64   // path elements behind the CSE-ID
)

// Address is a parsed To parameter or resource identifier (TS-0001 clause
// 7.2, TS-0004 clause 6.2.4).
type Address struct {
	SP        string   // "//sp.example" in an absolute address, else ""
	CSE       string   // "/cse" in an SP-relative or absolute address, else ""
	Path      []string // CSE-relative part: "-", a CSEBase name or a resourceID first
	Attribute string   // short name behind "#", else ""
}

// ParseAddress reads an address in any scope (CSE-relative, SP-relative,
// absolute) and any path style (structured, unstructured, hybrid). Errors are
// 4000 and name the parameter "to".
func ParseAddress(s string) (Address, error) {
	var a Address
	if s == "" {
		return a, Errorf(BadRequest, "to", "the address is empty")
	}
	if len(s) > MaxAddress {
		return a, Errorf(BadRequest, "to", "the address is longer than %d octets", MaxAddress)
	}
	rest := s
	if path, attribute, ok := strings.Cut(rest, "#"); ok {
		if !ValidName(attribute) {
			return a, Errorf(BadRequest, "to", "the attribute name behind # is malformed")
		}
		rest, a.Attribute = path, attribute
	}
	if r, ok := strings.CutPrefix(rest, "//"); ok {
		fqdn, path, _ := strings.Cut(r, "/")
		if !validFQDN(fqdn) {
			return a, Errorf(BadRequest, "to", "the M2M-SP-ID is malformed")
		}
		a.SP = "//" + strings.ToLower(fqdn)
		rest = "/" + path
	}
	if r, ok := strings.CutPrefix(rest, "/"); ok {
		cse, path, more := strings.Cut(r, "/")
		if !ValidName(cse) {
			return a, Errorf(BadRequest, "to", "the CSE-ID is malformed")
		}
		a.CSE = "/" + cse
		if !more {
			return a, nil
		}
		rest = path
	}
	a.Path = strings.Split(rest, "/")
	if len(a.Path) > MaxSegments {
		return a, Errorf(BadRequest, "to", "the address has more than %d segments", MaxSegments)
	}
	for i, segment := range a.Path {
		if i == 0 && segment == "-" {
			continue
		}
		if !ValidName(segment) {
			if segment == "." && i == 0 {
				continue // a marker of an example that the text never defines: 4004, not 4000 (C-005)
			}
			return a, Errorf(BadRequest, "to", "a path segment is empty or has characters other than letters, digits, - . _ ~")
		}
	}
	return a, nil
}

// Local reports whether home hosts the address (C-015).
func (a Address) Local(home Home) bool {
	return (a.SP == "" || a.SP == home.SP) && (a.CSE == "" || a.CSE == home.CSE)
}

// Host returns the CSE-ID of the CSE that hosts the address, in absolute form;
// "" if that is told nowhere but in an SP.
func (a Address) Host(home Home) ID {
	switch {
	case a.SP == "" && a.CSE == "":
		return home.ID()
	case a.SP == "":
		return ID(home.SP + a.CSE)
	}
	return ID(a.SP + a.CSE)
}

// Entity returns the entity that the address can also be read as: "/cse/Cabc",
// "//sp/cse" or a stem, in absolute form, or "" if it can't be one.
func (a Address) Entity(home Home) ID {
	if a.Attribute != "" || len(a.Path) > 1 {
		return ""
	}
	s := a.SP + a.CSE
	if len(a.Path) == 1 {
		if s != "" {
			s += "/"
		}
		s += a.Path[0]
	}
	id, _, err := home.ParseID(s)
	if err != nil {
		return ""
	}
	return id
}

// String returns the address as it is written on the wire.
func (a Address) String() string {
	s := a.SP + a.CSE
	if len(a.Path) > 0 {
		if s != "" {
			s += "/"
		}
		s += strings.Join(a.Path, "/")
	}
	if a.Attribute != "" {
		s += "#" + a.Attribute
	}
	return s
}
