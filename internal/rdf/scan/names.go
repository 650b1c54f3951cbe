package scan

import (
	"strings"
	"unicode/utf8"
)

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// isNameBase is PN_CHARS_BASE.
func isNameBase(r rune) bool {
	switch {
	case r < 0x80:
		return isLetter(byte(r & 0x7F))
	case r == utf8.RuneError:
		return false
	case r <= 0x2FF:
		return r >= 0xC0 && r != 0xD7 && r != 0xF7
	default:
		return 0x370 <= r && r <= 0x1FFF && r != 0x37E || r == 0x200C || r == 0x200D || 0x2070 <= r && r <= 0x218F || 0x2C00 <= r && r <= 0x2FEF ||
			0x3001 <= r && r <= 0xD7FF || 0xF900 <= r && r <= 0xFDCF || 0xFDF0 <= r && r <= 0xFFFD || 0x10000 <= r && r <= 0xEFFFF
	}
}

// isNameStart is PN_CHARS_U or a digit.
func isNameStart(r rune) bool { return r == '_' || '0' <= r && r <= '9' || isNameBase(r) }

// isNameMark are the combining characters that PN_CHARS and VARNAME add.
func isNameMark(r rune) bool {
	return r == 0xB7 || 0x300 <= r && r <= 0x36F || r == 0x203F || r == 0x2040
}

// isName is PN_CHARS.
func isName(r rune) bool { return r == '-' || isNameStart(r) || isNameMark(r) }

// run returns the offset after a run of PN_CHARS and inner dots.
func (s *Scanner) run(at int) int {
	end := at
	for at < len(s.text) {
		r, n := utf8.DecodeRuneInString(s.text[at:])
		if !isName(r) && r != '.' {
			break
		}
		at += n
		if r != '.' {
			end = at
		}
	}
	return end
}

// varName returns the length of the VARNAME at an offset.
func (s *Scanner) varName(at int) int {
	i := at
	for i < len(s.text) {
		r, n := utf8.DecodeRuneInString(s.text[i:])
		if !isNameStart(r) && (i == at || !isNameMark(r)) {
			break
		}
		i += n
	}
	return i - at
}

func (s *Scanner) blank(t *Token) error {
	r, _ := utf8.DecodeRuneInString(s.text[s.pos+2:])
	if !isNameStart(r) {
		return Fail(s.line, "a blank node needs a label")
	}
	end := s.run(s.pos + 2)
	t.Kind, t.Text = Blank, s.text[s.pos+2:end]
	s.pos = end
	return nil
}

// at reads a language tag, or the word of a directive.
func (s *Scanner) at(t *Token) error {
	i := s.pos + 1
	for i < len(s.text) && isLetter(s.text[i]) {
		i++
	}
	if i == s.pos+1 {
		return Fail(s.line, "@ without a language or a directive")
	}
	for i+1 < len(s.text) && s.text[i] == '-' && (isLetter(s.text[i+1]) || isDigit(s.text[i+1])) {
		i++
		for i < len(s.text) && (isLetter(s.text[i]) || isDigit(s.text[i])) {
			i++
		}
	}
	t.Kind, t.Text = At, s.text[s.pos+1:i]
	s.pos = i
	return nil
}

// name reads prefix:local, or a word when no colon follows.
func (s *Scanner) name(t *Token) error {
	end := s.pos
	if s.text[end] != ':' {
		end = s.run(s.pos)
	}
	if end < len(s.text) && s.text[end] == ':' {
		t.Kind, t.Text = Name, s.text[s.pos:end]
		s.pos = end + 1
		return s.local(t)
	}
	end = s.pos
	for end < len(s.text) && (isLetter(s.text[end]) || isDigit(s.text[end]) || s.text[end] == '_') {
		end++
	}
	if end == s.pos {
		r, _ := utf8.DecodeRuneInString(s.text[s.pos:])
		return Fail(s.line, "unexpected character %q", r)
	}
	t.Kind, t.Text = Word, s.text[s.pos:end]
	s.pos = end
	return nil
}

// local reads PN_LOCAL: names with inner dots, colons, %XX and escaped punctuation.
func (s *Scanner) local(t *Token) error {
	var out strings.Builder
	start, end, kept := s.pos, s.pos, 0
	for i := s.pos; i < len(s.text); {
		r, n := utf8.DecodeRuneInString(s.text[i:])
		switch {
		case r == '.' && i > start:
			out.WriteByte('.')
			i++
			continue
		case r == '%':
			if i+2 >= len(s.text) || !isHex(s.text[i+1]) || !isHex(s.text[i+2]) {
				return Fail(s.line, "%% without two hexadecimal digits in a name")
			}
			n = 3
			out.WriteString(s.text[i : i+3])
		case r == '\\':
			if i+1 >= len(s.text) || strings.IndexByte("_~.-!$&'()*+,;=/?#@%", s.text[i+1]) < 0 {
				return Fail(s.line, "a character that needs no escape in a name is escaped")
			}
			n = 2
			out.WriteByte(s.text[i+1])
		case r == ':' || isNameStart(r) || i > start && isName(r):
			out.WriteRune(r)
		default:
			i = len(s.text)
			continue
		}
		i += n
		end, kept = i, out.Len()
	}
	t.Local = out.String()[:kept]
	s.pos = end
	return nil
}
