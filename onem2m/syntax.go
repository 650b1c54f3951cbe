package onem2m

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// checkText returns what a string of the type should be, or "" if b is that.
func (d *DataType) checkText(b []byte) string {
	switch d.Syntax {
	case SyntaxString:
		return ""
	case SyntaxToken, SyntaxLabel:
		return want(validToken(b), "the text must not be empty, hold control characters, or have blanks at its ends or one after the other")
	case SyntaxURI:
		return want(len(b) > 0 && !hasControl(b) && bytes.IndexByte(b, ' ') < 0, "the identifier must not be empty or hold spaces or control characters")
	case SyntaxName:
		return want(validNCName(b), "the value must be a name")
	case SyntaxResource:
		return want(ValidName(string(b)), "a resourceName has letters, digits and - . _ ~ only")
	case SyntaxTimestamp:
		return wantNoError(ParseTimestamp(string(b)))("a timestamp is YYYYMMDDThhmmss, optionally with a comma and up to 6 digits")
	case SyntaxAbsRel:
		return wantNoError(ParseAbsRel(string(b), 0))("a timestamp, a number of milliseconds or a duration is expected")
	case SyntaxDuration:
		return wantNoError(ParseDuration(string(b)))("a duration is PnYnMnDTnHnMnS and not negative")
	case SyntaxSchedule:
		return wantNoError(ParseSchedule(string(b)))("a schedule has seven fields: second, minute, hour, day, month, weekday, year")
	default:
		return d.checkCode(b)
	}
}

// checkCode is the part of checkText for encodings, addresses and the like.
func (d *DataType) checkCode(b []byte) string {
	switch d.Syntax {
	case SyntaxBase64:
		_, err := base64.StdEncoding.Strict().AppendDecode(nil, b)
		return want(err == nil, "the value must be base64")
	case SyntaxHex:
		_, err := hex.AppendDecode(nil, b)
		return want(err == nil, "the value must be hexadecimal")
	case SyntaxContentInfo:
		_, err := ParseContentInfo(string(b))
		return want(err == nil, "contentInfo is type/subtype:encoding, optionally with :security")
	case SyntaxCountry:
		return want(len(b) == 2 && isUpper(b[0]) && isUpper(b[1]), "a country is two capital letters")
	case SyntaxIPv4, SyntaxIPv6:
		return want(validIP(string(b), d.Syntax == SyntaxIPv4), "the value must be an address or a prefix of the IP version")
	case SyntaxScopedName:
		name, fqdn, ok := strings.Cut(string(b), "@")
		return want(ok && ValidName(name) && validFQDN(fqdn), "the identifier must be a name, @ and a domain name")
	case SyntaxJWS, SyntaxJWE, SyntaxJWT:
		return want(d.validJWT(b), "the value must be a compact JWS or JWE")
	case SyntaxValues:
		return want(slices.Contains(d.Values, string(b)), "the value must be one of "+strings.Join(d.Values, ", "))
	case SyntaxSerialization:
		s := string(b)
		s = s[strings.LastIndexAny(s, "/+")+1:]
		return want(slices.Contains(d.Values, s), "the value must be one of "+strings.Join(d.Values, ", "))
	case SyntaxGeometry:
		return "" // its shape depends on the geometry beside it
	default:
		return "the value must not be a string"
	}
}

func want(ok bool, text string) string {
	if ok {
		return ""
	}
	return text
}

// wantNoError takes the two results of a parser.
func wantNoError[T any](_ T, err error) func(string) string {
	return func(text string) string { return want(err == nil, text) }
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// hasControl reports whether b has a C0 control character or DEL.
func hasControl(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return true
		}
	}
	return false
}

// validToken is xs:token, but for the empty one: what is left of a text when its
// white space has been collapsed.
func validToken(b []byte) bool {
	return len(b) > 0 && !hasControl(b) && b[0] != ' ' && b[len(b)-1] != ' ' && !bytes.Contains(b, []byte("  "))
}

// validNCName is xs:NCName with a wider choice of first characters: short
// names may begin with a digit. No colon, no white space.
func validNCName(b []byte) bool {
	if len(b) == 0 || hasControl(b) {
		return false
	}
	for _, c := range b {
		if c < utf8.RuneSelf && !isAlphaNum(c) && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

func validIP(s string, four bool) bool {
	if prefix, err := netip.ParsePrefix(s); err == nil {
		return prefix.Addr().Is4() == four
	}
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == "" && a.Is4() == four
}

// validJWT checks the number of parts, which of them may be empty and their
// alphabet, not what is in them: a JWS has a header and a signature, a JWE a
// header and a ciphertext (TS-0004 clause 6.3.3).
func (d *DataType) validJWT(b []byte) bool {
	var lengths [5]int
	part := 0
	for _, c := range b {
		switch {
		case c == '.':
			if part++; part == len(lengths) {
				return false
			}
		case !isAlphaNum(c) && c != '-' && c != '_':
			return false
		default:
			lengths[part]++
		}
	}
	signed := part == 2 && lengths[0] > 0 && lengths[2] > 0
	encrypted := part == 4 && lengths[0] > 0 && lengths[3] > 0
	switch d.Syntax {
	case SyntaxJWS:
		return signed
	case SyntaxJWE:
		return encrypted
	default:
		return signed || encrypted
	}
}

// ContentInfo is a parsed m2m:contentInfo (TS-0004 clause 6.3.3).
type ContentInfo struct {
	MediaType string // "application/json", parameters included
	Encoding  int    // 0 plain, 1 base64 of a string, 2 base64 of octets
	Security  int    // content security, -1 if absent
}

// ParseContentInfo reads "type/subtype:encoding" or
// "type/subtype:encoding:security" (C-245). Errors are 4000.
func ParseContentInfo(s string) (ContentInfo, error) {
	info := ContentInfo{Security: -1}
	bad := Errorf(BadRequest, "cnf", "contentInfo is type/subtype:encoding, optionally with :security")
	media, rest, ok := strings.Cut(s, ":")
	if !ok || !validMediaType(media) {
		return info, bad
	}
	encoding, security, more := strings.Cut(rest, ":")
	if len(encoding) != 1 || encoding[0] < '0' || encoding[0] > '2' {
		return info, bad
	}
	info.MediaType, info.Encoding = media, int(encoding[0]-'0')
	if more {
		n, err := strconv.ParseUint(security, 10, 8)
		if err != nil || !contentSecurity().Has(int64(n)) {
			return info, bad
		}
		info.Security = int(n)
	}
	return info, nil
}

func contentSecurity() *Enumeration { return EnumerationByName("m2m:contentSecurity") }

// validMediaType accepts type/subtype of RFC 9110 tokens, perhaps with
// parameters behind a semicolon, which aren't looked at.
func validMediaType(s string) bool {
	media, _, _ := strings.Cut(s, ";")
	kind, sub, ok := strings.Cut(strings.TrimRight(media, " "), "/")
	return ok && isToken(kind) && isToken(sub) && !hasControl([]byte(s))
}

func isToken(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if !isAlphaNum(s[i]) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(s[i])) {
			return false
		}
	}
	return true
}
