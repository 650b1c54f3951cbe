package httpb

import (
	"strings"
	"unicode/utf8"

	"bulwark/onem2m"
)

// splitTarget separates path and query of a request target in origin form, or
// in the absolute form that proxies send (B-18); only these two parts count.
func splitTarget(target string) (path, query string, err *onem2m.Error) {
	if !strings.HasPrefix(target, "/") {
		scheme, rest, ok := strings.Cut(target, "://")
		if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
			return "", "", onem2m.Errorf(onem2m.BadRequest, "to", "the request target has no path")
		}
		slash := strings.IndexAny(rest, "/?")
		if slash < 0 || rest[slash] == '?' {
			return "", "", onem2m.Errorf(onem2m.BadRequest, "to", "the address is empty")
		}
		target = rest[slash:]
	}
	path, query, _ = strings.Cut(target, "?")
	return path, query, nil
}

// decodePath turns the path of a request target into a To parameter (TS-0009
// clause 6.2.2.1): "/x" is CSE-relative, "/~/x" SP-relative, "/_/x" absolute.
// Nothing is cleaned up: an empty segment, a dot segment or a slash hidden in
// an escape is an error, because two spellings of one address would let rules
// about addresses be evaded (B-17).
func decodePath(path string) (string, *onem2m.Error) {
	to := strings.TrimPrefix(path, "/")
	if strings.IndexByte(to, '%') >= 0 {
		var err *onem2m.Error
		if to, err = decodeSegments(to); err != nil {
			return "", err
		}
	}
	if to == "" {
		return "", onem2m.Errorf(onem2m.BadRequest, "to", "the address is empty")
	}
	if len(to) > onem2m.MaxAddress {
		return "", onem2m.Errorf(onem2m.BadRequest, "to", "the address is longer than %d octets", onem2m.MaxAddress)
	}
	for rest, at := to, 0; ; at++ {
		segment, tail, more := strings.Cut(rest, "/")
		if err := checkSegment(segment, at); err != nil {
			return "", err
		}
		if !more {
			break
		}
		rest = tail
	}
	switch first, rest, more := strings.Cut(to, "/"); {
	case first == "~" && more:
		return to[len("~"):], nil
	case first == "_" && more:
		return "//" + rest, nil
	case first == "~" || first == "_":
		return "", onem2m.Errorf(onem2m.BadRequest, "to", "nothing follows the scope %q", first)
	}
	return to, nil
}

// decodeSegments takes the escapes out of each segment of path.
func decodeSegments(path string) (string, *onem2m.Error) {
	decoded, ok := unescape(path)
	if !ok {
		return "", onem2m.Errorf(onem2m.BadRequest, "to", "a percent escape is broken")
	}
	if strings.Count(decoded, "/") != strings.Count(path, "/") {
		return "", onem2m.Errorf(onem2m.BadRequest, "to", "a path segment contains a slash")
	}
	return decoded, nil
}

// checkSegment refuses what an address can't contain and what HTTP software
// on the way might have understood differently. "." in front is left to the
// CSE: an example of the text has it.
func checkSegment(segment string, at int) *onem2m.Error {
	switch {
	case segment == "":
		return onem2m.Errorf(onem2m.BadRequest, "to", "a path segment is empty")
	case segment == "..", segment == "." && at > 0:
		return onem2m.Errorf(onem2m.BadRequest, "to", "dot segments are not part of an address")
	}
	for i := range len(segment) {
		// "#" would smuggle an attribute name in, which HTTP puts into the query.
		if c := segment[i]; c <= ' ' || c >= 0x7f || c == '#' || c == '\\' {
			return onem2m.Errorf(onem2m.BadRequest, "to", "a path segment has a character that an address can't have")
		}
	}
	return nil
}

// splitQuery takes a query string apart without reading it as a form: "+"
// separates list entries, a literal one is %2B (B-26). The values are those of
// one field in its order; the same name may occur again.
func splitQuery(query string, limit int) ([]onem2m.QueryPair, *onem2m.Error) {
	if query == "" {
		return nil, nil
	}
	if len(query) > limit {
		return nil, onem2m.Errorf(onem2m.BadRequest, "", "the query string is longer than %d octets", limit)
	}
	pairs := make([]onem2m.QueryPair, 0, strings.Count(query, "&")+1)
	for field := range strings.SplitSeq(query, "&") {
		if field == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(field, "=")
		name, ok := unescape(rawName)
		if !ok || name == "" {
			return nil, onem2m.Errorf(onem2m.BadRequest, "", "a query field has no name or a broken one")
		}
		values := strings.Split(rawValue, "+")
		for i := range values {
			if values[i], ok = unescape(values[i]); !ok {
				return nil, onem2m.Errorf(onem2m.BadRequest, shortName(name), "a percent escape is broken or not UTF-8")
			}
		}
		pairs = append(pairs, onem2m.QueryPair{Name: name, Values: values})
	}
	return pairs, nil
}

// shortName returns name if it can be shown as the subject of an error.
func shortName(name string) string {
	if len(name) > 32 || !onem2m.ValidName(name) {
		return ""
	}
	return name
}

// unescape decodes percent escapes. It fails on a broken escape, on a NUL and
// on what isn't UTF-8.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) {
				return "", false
			}
			high, ok1 := unhex(s[i+1])
			low, ok2 := unhex(s[i+2])
			if !ok1 || !ok2 {
				return "", false
			}
			c = high<<4 | low
			i += 2
		}
		if c == 0 {
			return "", false
		}
		b = append(b, c)
	}
	return string(b), utf8.Valid(b)
}

// unhex returns the value of a hexadecimal digit.
func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
