package rdf

import (
	"fmt"
	"strings"
)

// reference is an IRI or a relative reference in its parts (RFC 3986 section 3). Text is never decoded or encoded.
type reference struct {
	scheme, authority, path, query, fragment string
	hasAuthority, hasQuery, hasFragment      bool
}

// IsAbsolute tells whether an IRI has a scheme.
func IsAbsolute(iri string) bool { return schemeLength(iri) > 0 }

// schemeLength returns the length of the scheme without the colon, 0 when there is none.
func schemeLength(iri string) int {
	for i := range len(iri) {
		c := iri[i]
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		case c == ':':
			return i
		default:
			return 0
		}
	}
	return 0
}

func split(iri string) reference {
	var r reference
	if n := schemeLength(iri); n > 0 {
		r.scheme, iri = iri[:n], iri[n+1:]
	}
	iri, r.fragment, r.hasFragment = strings.Cut(iri, "#")
	iri, r.query, r.hasQuery = strings.Cut(iri, "?")
	if rest, ok := strings.CutPrefix(iri, "//"); ok {
		r.hasAuthority = true
		end := strings.IndexByte(rest, '/')
		if end < 0 {
			end = len(rest)
		}
		r.authority, iri = rest[:end], rest[end:]
	}
	r.path = iri
	return r
}

func (r reference) String() string {
	var out strings.Builder
	if r.scheme != "" {
		out.WriteString(r.scheme + ":")
	}
	if r.hasAuthority {
		out.WriteString("//" + r.authority)
	}
	out.WriteString(r.path)
	if r.hasQuery {
		out.WriteString("?" + r.query)
	}
	if r.hasFragment {
		out.WriteString("#" + r.fragment)
	}
	return out.String()
}

// Resolve makes a reference absolute as RFC 3986 section 5.2 says, without normalizing one that already is. A relative reference without a base
// that is absolute, and a character that an IRI cannot have, are errors.
func Resolve(base, ref string) (string, error) {
	for i := range len(ref) {
		if ref[i] <= ' ' || strings.IndexByte("<>\"{}|^`\\", ref[i]) >= 0 {
			return "", fmt.Errorf("an IRI contains %q", ref[i])
		}
	}
	if IsAbsolute(ref) {
		return ref, nil
	}
	if !IsAbsolute(base) {
		return "", fmt.Errorf("the IRI %q is relative and there is no base", ref)
	}
	b, r := split(base), split(ref)
	r.scheme = b.scheme
	switch {
	case r.hasAuthority:
		r.path = withoutDots(r.path)
	case r.path == "":
		r.authority, r.hasAuthority, r.path = b.authority, b.hasAuthority, b.path
		if !r.hasQuery {
			r.query, r.hasQuery = b.query, b.hasQuery
		}
	default:
		r.authority, r.hasAuthority = b.authority, b.hasAuthority
		if r.path[0] != '/' {
			r.path = merge(b, r.path)
		}
		r.path = withoutDots(r.path)
	}
	return r.String(), nil
}

// merge is RFC 3986 section 5.2.3.
func merge(base reference, path string) string {
	if base.hasAuthority && base.path == "" {
		return "/" + path
	}
	return base.path[:strings.LastIndexByte(base.path, '/')+1] + path
}

// withoutDots is RFC 3986 section 5.2.4.
func withoutDots(path string) string {
	rooted := strings.HasPrefix(path, "/")
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	out := make([]string, 0, len(segments))
	for i, s := range segments {
		last := i == len(segments)-1
		switch s {
		case ".":
		case "..":
			out = out[:max(0, len(out)-1)]
		default:
			out = append(out, s)
			continue
		}
		if last {
			out = append(out, "")
		}
	}
	joined := strings.Join(out, "/")
	if rooted {
		return "/" + joined
	}
	return joined
}
