package onem2m

import (
	"fmt"
	"strings"
)

// Home is the identity of the CSE that interprets identifiers: relative forms
// are relative to it (TS-0001 clause 7.2).
type Home struct {
	SP   string // M2M-SP-ID, "//" and a lower-case FQDN: "//m2m.example"
	CSE  string // SP-relative CSE-ID: "/id-in"
	Name string // resourceName of the CSEBase: "cse-in"
}

// ID returns the absolute identity of the CSE itself.
func (h Home) ID() ID { return ID(h.SP + h.CSE) }

// ResourceID is the resourceID of the CSEBase: its CSE-ID without the slash.
func (h Home) ResourceID() string { return strings.TrimPrefix(h.CSE, "/") }

// ID is the absolute form of an AE-ID or CSE-ID, with the SP part in lower
// case. Two IDs name the same entity exactly if they are equal (TS-0001
// clause 7.2, C-022), so an ID may be a map key. The zero ID is nobody.
//
//	//sp.example/cse      a CSE, or
//	//sp.example/Sabc     an AE with an SP-assigned stem
//	//sp.example/cse/Cabc an AE with a registrar-assigned stem
type ID string

// split returns the SP part with its slashes and the one or two path segments
// behind it. It allocates nothing: every request asks for it several times.
func (id ID) split() (sp, first, second string) {
	rest, ok := strings.CutPrefix(string(id), "//")
	if !ok {
		return "", "", ""
	}
	slash := strings.IndexByte(rest, '/')
	if slash < 0 {
		return string(id), "", ""
	}
	first, second, _ = strings.Cut(rest[slash+1:], "/")
	return string(id[:2+slash]), first, second
}

// SP returns the M2M-SP-ID of the entity, "//sp.example".
func (id ID) SP() string { sp, _, _ := id.split(); return sp }

// SPRelative returns the identifier without its SP part, "/cse/Cabc".
func (id ID) SPRelative() string { return string(id[len(id.SP()):]) }

// Registrar returns the CSE part of a C-type AE-ID and "" for anything else.
func (id ID) Registrar() ID {
	_, _, second := id.split()
	if second == "" {
		return ""
	}
	return id[:len(id)-len(second)-1]
}

// Stem returns the AE-ID-Stem: the last segment of an AE-ID. For an identifier
// that can only be a CSE-ID it returns "".
func (id ID) Stem() string {
	_, first, second := id.split()
	switch {
	case second != "":
		return second
	case strings.HasPrefix(first, "S"):
		return first
	}
	return ""
}

// NotifyAddress is where notifications to the entity go: an AE is addressed by
// its identifier, a CSE by its <CSEBase> (TS-0001 clause 7.2).
func (id ID) NotifyAddress() string {
	if id.Stem() != "" {
		return string(id)
	}
	return string(id) + "/-"
}

// In returns the shortest form of the identifier that is valid at home: the
// stem of an AE registered there or of an S-type AE of its SP, else the
// SP-relative form inside its SP, else the absolute form (C-021).
func (id ID) In(home Home) string {
	sp, first, second := id.split()
	switch {
	case sp != home.SP:
		return string(id)
	case first == home.ResourceID() && strings.HasPrefix(second, "C"):
		return second // below a CSE an S would be read as another entity, that of the SP
	case second == "" && strings.HasPrefix(first, "S") && first != home.ResourceID():
		return first
	}
	return id.SPRelative()
}

// Across returns the form in which the identifier crosses to another CSE:
// SP-relative inside home's SP, else absolute (C-070).
func (id ID) Across(home Home) string {
	if id.SP() == home.SP {
		return id.SPRelative()
	}
	return string(id)
}

// Form tells how an identifier was written (TS-0001 table 7.2-1).
type Form int

// The forms of an AE-ID or CSE-ID.
const (
	FormStem       Form = iota + 1 // "Cabc", "Sabc"
	FormSPRelative                 // "/cse", "/cse/Cabc", "/Sabc"
	FormAbsolute                   // "//sp.example/cse", …
)

// ParseID reads an AE-ID or CSE-ID in any of its forms and makes it absolute.
// It fails on anything that isn't an identifier of TS-0001 clause 7.2: wrong
// number of segments, characters that aren't RFC 3986 unreserved, a stem that
// begins with neither C nor S.
func (h Home) ParseID(s string) (ID, Form, error) {
	switch {
	case strings.HasPrefix(s, "//"):
		fqdn, path, ok := strings.Cut(s[2:], "/")
		if !ok || !validFQDN(fqdn) {
			return "", 0, fmt.Errorf("not an AE-ID or CSE-ID")
		}
		if err := checkEntityPath(path); err != nil {
			return "", 0, err
		}
		return ID("//" + strings.ToLower(fqdn) + "/" + path), FormAbsolute, nil
	case strings.HasPrefix(s, "/"):
		if err := checkEntityPath(s[1:]); err != nil {
			return "", 0, err
		}
		return ID(h.SP + s), FormSPRelative, nil
	}
	if !ValidName(s) {
		return "", 0, fmt.Errorf("not an AE-ID or CSE-ID")
	}
	switch s[0] {
	case 'C':
		return ID(h.SP + h.CSE + "/" + s), FormStem, nil
	case 'S':
		return ID(h.SP + "/" + s), FormStem, nil
	}
	return "", 0, fmt.Errorf("an AE-ID begins with C or S")
}

// checkEntityPath accepts "cse", "Sabc" and "cse/Cabc".
func checkEntityPath(path string) error {
	first, second, two := strings.Cut(path, "/")
	if !ValidName(first) || two && !ValidName(second) {
		return fmt.Errorf("not an AE-ID or CSE-ID")
	}
	if two && second[0] != 'C' && second[0] != 'S' {
		return fmt.Errorf("an AE-ID begins with C or S")
	}
	return nil
}

// ParseSP reads an M2M-SP-ID, "//" and an FQDN, and returns it in lower case.
func ParseSP(s string) (string, error) {
	fqdn, ok := strings.CutPrefix(s, "//")
	if !ok || !validFQDN(fqdn) {
		return "", fmt.Errorf("an M2M-SP-ID is // and a domain name")
	}
	return "//" + strings.ToLower(fqdn), nil
}

// validFQDN accepts letters, digits, hyphens and dots, no empty label.
func validFQDN(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if !isAlphaNum(label[i]) && label[i] != '-' {
				return false
			}
		}
	}
	return true
}

// MaxName bounds a resourceName, resourceID or identifier segment in octets.
// The text sets no limit; ours keeps an address of 64 segments inside MaxAddress.
const MaxName = 255

// ValidName reports whether s can be one segment of an identifier or a
// resourceName: RFC 3986 unreserved characters, and none of the path markers
// "-", "~", "_", "." and ".." (C-001).
func ValidName(s string) bool {
	switch s {
	case "", "-", "~", "_", ".", "..":
		return false
	}
	if len(s) > MaxName {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlphaNum(c) && c != '-' && c != '.' && c != '_' && c != '~' {
			return false
		}
	}
	return true
}

func isAlphaNum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
