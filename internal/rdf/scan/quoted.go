package scan

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// iri reads <reference>. In SPARQL a "<" that starts no reference is the operator.
func (s *Scanner) iri(t *Token) error {
	i := s.pos + 1
	for i < len(s.text) && s.text[i] > ' ' && strings.IndexByte("<>\"{}|^`", s.text[i]) < 0 {
		i++
	}
	if i >= len(s.text) || s.text[i] != '>' {
		if s.sparql {
			return s.mark(t)
		}
		return Fail(s.line, "an IRI is not closed, or contains a character that must be escaped")
	}
	text, err := s.unescape(s.text[s.pos+1:i], false)
	if err != nil {
		return err
	}
	for j := range len(text) {
		if text[j] <= ' ' || strings.IndexByte("<>\"{}|^`\\", text[j]) >= 0 {
			return Fail(s.line, "an IRI contains %q", text[j])
		}
	}
	t.Kind, t.Text = IRI, text
	s.pos = i + 1
	return nil
}

// str reads a string of one line or, with three quotes, of several.
func (s *Scanner) str(t *Token) error {
	quote := s.text[s.pos : s.pos+1]
	if long := strings.Repeat(quote, 3); strings.HasPrefix(s.text[s.pos:], long) {
		quote = long
	}
	line, start := s.line, s.pos+len(quote)
	i := start
	for ; ; i++ {
		if i >= len(s.text) {
			return Fail(line, "a string is not closed")
		}
		if i-start > 6*s.literal { // an escape takes up to ten octets for four, \uXXXX six for one
			return Fail(line, "a string is longer than %d octets", s.literal)
		}
		c := s.text[i]
		if c == '\\' {
			i++
			continue
		}
		if c == '\n' || c == '\r' {
			if len(quote) == 1 {
				return Fail(line, "a string is not closed in its line")
			}
			if c == '\n' {
				s.line++
			}
		}
		if c == quote[0] && strings.HasPrefix(s.text[i:], quote) {
			break
		}
	}
	text, err := s.unescape(s.text[start:i], true)
	if err != nil {
		return err
	}
	if len(text) > s.literal {
		return Fail(line, "a string is longer than %d octets", s.literal)
	}
	t.Kind, t.Text, t.Quote = String, text, quote
	s.pos = i + len(quote)
	return nil
}

// unescape resolves \uXXXX and \UXXXXXXXX and, in strings, \n and the like.
func (s *Scanner) unescape(text string, str bool) (string, error) {
	next := strings.IndexByte(text, '\\')
	if next < 0 {
		return text, nil
	}
	var out strings.Builder
	for next >= 0 {
		out.WriteString(text[:next])
		text = text[next+1:]
		if text == "" {
			return "", Fail(s.line, "an escape is cut off")
		}
		c := text[0]
		text = text[1:]
		if c == 'u' || c == 'U' {
			r, rest, ok := codePoint(c, text)
			if !ok {
				return "", Fail(s.line, "\\%c without the hexadecimal digits of a character", c)
			}
			out.WriteRune(r)
			text = rest
		} else {
			plain, ok := plainEscape(c)
			if !ok || !str {
				return "", Fail(s.line, "unknown escape \\%c", c)
			}
			out.WriteByte(plain)
		}
		next = strings.IndexByte(text, '\\')
	}
	out.WriteString(text)
	return out.String(), nil
}

func codePoint(kind byte, text string) (r rune, rest string, ok bool) {
	n := 4
	if kind == 'U' {
		n = 8
	}
	if len(text) < n {
		return 0, "", false
	}
	for i := range n {
		if !isHex(text[i]) {
			return 0, "", false
		}
	}
	v, err := strconv.ParseUint(text[:n], 16, 32)
	if err != nil || v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
		return 0, "", false
	}
	return rune(v), text[n:], true
}

func plainEscape(c byte) (byte, bool) {
	switch c {
	case 't':
		return '\t', true
	case 'b':
		return '\b', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 'f':
		return '\f', true
	case '"', '\'', '\\':
		return c, true
	default:
		return 0, false
	}
}
