package sparql

import (
	"crypto/md5"  //nolint:gosec // the query names it; nothing is protected by it
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"bulwark/internal/rdf"
)

// stringFunction finds a function on strings (section 17.4.3).
func stringFunction(name string) (builtin, bool) {
	switch name {
	case "STRLEN":
		return builtin{1, 1, func(_ *run, args []rdf.Term) (rdf.Term, error) {
			if !isText(args[0]) {
				return rdf.Term{}, errType
			}
			return rdf.NewLiteral(fmt.Sprint(length(args[0].Value)), rdf.Integer), nil
		}}, true
	case "SUBSTR":
		return builtin{2, 3, substr}, true
	case "UCASE":
		return textual(strings.ToUpper), true
	case "LCASE":
		return textual(strings.ToLower), true
	case "ENCODE_FOR_URI":
		return builtin{1, 1, func(r *run, args []rdf.Term) (rdf.Term, error) {
			if !isText(args[0]) {
				return rdf.Term{}, errType
			}
			return r.made(rdf.NewString(encode(args[0].Value)))
		}}, true
	case "CONTAINS":
		return compared(strings.Contains), true
	case "STRSTARTS":
		return compared(strings.HasPrefix), true
	case "STRENDS":
		return compared(strings.HasSuffix), true
	case "STRBEFORE":
		return divided(func(text string, at, _ int) string { return text[:at] }), true
	case "STRAFTER":
		return divided(func(text string, at, n int) string { return text[at+n:] }), true
	case "CONCAT":
		return builtin{0, maxVariables, concat}, true
	default:
		return builtin{}, false
	}
}

func textual(change func(string) string) builtin {
	return builtin{1, 1, func(r *run, args []rdf.Term) (rdf.Term, error) {
		if !isText(args[0]) {
			return rdf.Term{}, errType
		}
		return r.made(like(args[0], change(args[0].Value)))
	}}
}

func compared(test func(a, b string) bool) builtin {
	return builtin{2, 2, func(_ *run, args []rdf.Term) (rdf.Term, error) {
		if !agree(args[0], args[1]) {
			return rdf.Term{}, errType
		}
		return truth(test(args[0].Value, args[1].Value)), nil
	}}
}

// divided is STRBEFORE and STRAFTER: a plain empty string when the second argument does not occur.
func divided(cut func(text string, at, n int) string) builtin {
	return builtin{2, 2, func(r *run, args []rdf.Term) (rdf.Term, error) {
		if !agree(args[0], args[1]) {
			return rdf.Term{}, errType
		}
		at := strings.Index(args[0].Value, args[1].Value)
		if at < 0 {
			return rdf.NewString(""), nil
		}
		return r.made(like(args[0], cut(args[0].Value, at, len(args[1].Value))))
	}}
}

// substr counts characters from 1 and rounds, as fn:substring does.
func substr(r *run, args []rdf.Term) (rdf.Term, error) {
	if !isText(args[0]) {
		return rdf.Term{}, errType
	}
	from, ok := numeric(args[1])
	if !ok {
		return rdf.Term{}, errType
	}
	start := math.Floor(from.approximate() + 0.5)
	end := math.Inf(1)
	if len(args) > 2 {
		n, ok := numeric(args[2])
		if !ok {
			return rdf.Term{}, errType
		}
		end = start + math.Floor(n.approximate()+0.5)
	}
	var out strings.Builder
	at := 1.0
	for _, c := range args[0].Value {
		if at >= start && at < end {
			out.WriteRune(c)
		}
		at++
	}
	return r.made(like(args[0], out.String()))
}

// concat keeps a language that all arguments share.
func concat(r *run, args []rdf.Term) (rdf.Term, error) {
	size := 0
	for _, a := range args {
		if !isText(a) {
			return rdf.Term{}, errType
		}
		size += len(a.Value)
	}
	if err := r.fits(size); err != nil {
		return rdf.Term{}, err
	}
	var out strings.Builder
	result := rdf.NewString("")
	for i, a := range args {
		out.WriteString(a.Value)
		if i == 0 {
			result = a
		} else if a.Language != result.Language {
			result = rdf.NewString("")
		}
	}
	return r.made(like(result, out.String()))
}

// encode is fn:encode-for-uri: everything but the unreserved characters of RFC 3986.
func encode(text string) string {
	var out strings.Builder
	for i := range len(text) {
		c := text[i]
		if 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

// numberFunction finds a function on numbers (section 17.4.4).
func numberFunction(name string) (builtin, bool) {
	switch name {
	case "ABS", "CEIL", "FLOOR", "ROUND":
		return builtin{1, 1, func(_ *run, args []rdf.Term) (rdf.Term, error) {
			n, ok := numeric(args[0])
			if !ok {
				return rdf.Term{}, errType
			}
			return n.round(name).term()
		}}, true
	case "RAND":
		return builtin{0, 0, func(*run, []rdf.Term) (rdf.Term, error) {
			return number{rank: double, float: rand.Float64()}.term() //nolint:gosec // for sampling, no secret
		}}, true
	default:
		return builtin{}, false
	}
}

// hashFunction finds a hash function (section 17.4.6).
func hashFunction(name string) (builtin, bool) {
	var sum func(text []byte) []byte
	switch name {
	case "MD5":
		sum = func(text []byte) []byte { h := md5.Sum(text); return h[:] } //nolint:gosec // the query names it; nothing is protected by it
	case "SHA1":
		sum = func(text []byte) []byte { h := sha1.Sum(text); return h[:] } //nolint:gosec // the same
	case "SHA256":
		sum = func(text []byte) []byte { h := sha256.Sum256(text); return h[:] }
	case "SHA384":
		sum = func(text []byte) []byte { h := sha512.Sum384(text); return h[:] }
	case "SHA512":
		sum = func(text []byte) []byte { h := sha512.Sum512(text); return h[:] }
	default:
		return builtin{}, false
	}
	return builtin{1, 1, func(r *run, args []rdf.Term) (rdf.Term, error) {
		if args[0].Datatype != rdf.String {
			return rdf.Term{}, errType
		}
		return r.made(rdf.NewString(hex.EncodeToString(sum([]byte(args[0].Value)))))
	}}, true
}
