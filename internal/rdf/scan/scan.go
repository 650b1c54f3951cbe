// Package scan cuts Turtle, N-Triples and SPARQL text into tokens. The three share their terminals: RDF 1.1 Turtle section 6.5, RDF 1.1 N-Triples
// section 7 and SPARQL 1.1 Query section 19.8. What a token means is the parser's business.
package scan

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind is the kind of a token.
type Kind uint8

// The kinds of tokens. End comes for ever once the text has been read.
const (
	End      Kind = iota
	IRI           // <reference>
	Name          // prefix:local
	Blank         // _:label
	Variable      // ?name or $name, in SPARQL only
	String        // a quoted string of any of the four forms
	At            // @word: a language tag, or @prefix and @base
	Integer       // digits without sign
	Decimal       // digits with a point
	Double        // digits with an exponent
	Word          // a keyword, true, false, a, or the name of a function
	Mark          // punctuation
)

// Token is one terminal of the text.
type Token struct {
	Kind  Kind
	Text  string // unescaped and without delimiters; of a Name the prefix
	Local string // of a Name the part after the colon, unescaped
	Quote string // of a String its opening quotes
	Line  int    // where it starts, from 1
	Start int    // offset of its first octet
	End   int    // offset after its last octet
}

// Is tells whether the token is this punctuation.
func (t Token) Is(mark string) bool { return t.Kind == Mark && t.Text == mark }

// IsWord tells whether the token is this keyword in any case.
func (t Token) IsWord(word string) bool { return t.Kind == Word && strings.EqualFold(t.Text, word) }

// String shows the token in an error message, shortened.
func (t Token) String() string {
	text := t.Text
	if cut := 40; len(text) > cut {
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	switch t.Kind {
	case End:
		return "the end"
	case IRI:
		return "<" + text + ">"
	case Name:
		return text + ":" + t.Local
	case Blank:
		return "_:" + text
	case Variable:
		return "?" + text
	case String:
		return "a string"
	case At:
		return "@" + text
	default:
		return text
	}
}

// Error says what is wrong with a text, and in which line.
type Error struct {
	Line   int // from 1; 0 when no line is to blame
	Reason string
}

// Error shows line and reason.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// Fail makes an error of a line.
func Fail(line int, format string, args ...any) *Error {
	return &Error{Line: line, Reason: fmt.Sprintf(format, args...)}
}

// Scanner reads tokens.
type Scanner struct {
	text    string
	pos     int
	line    int
	sparql  bool
	literal int // the longest string, in octets
}

// Turtle scans Turtle or N-Triples with strings of at most so many octets.
func Turtle(text string, literal int) *Scanner {
	return &Scanner{text: strings.TrimPrefix(text, "\ufeff"), line: 1, literal: literal}
}

// SPARQL scans a query or an update with strings of at most so many octets.
func SPARQL(text string, literal int) *Scanner {
	return &Scanner{text: strings.TrimPrefix(text, "\ufeff"), line: 1, literal: literal, sparql: true}
}

func (s *Scanner) peek(ahead int) byte {
	if s.pos+ahead < len(s.text) {
		return s.text[s.pos+ahead]
	}
	return 0
}

func (s *Scanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case '\n':
			s.line++
			s.pos++
		case ' ', '\t', '\r':
			s.pos++
		case '#':
			if end := strings.IndexAny(s.text[s.pos:], "\r\n"); end >= 0 {
				s.pos += end
			} else {
				s.pos = len(s.text)
			}
		default:
			return
		}
	}
}

// Next reads a token. A text that no terminal fits is an *Error.
func (s *Scanner) Next() (Token, error) {
	s.space()
	t := Token{Line: s.line, Start: s.pos}
	err := s.token(&t)
	t.End = s.pos
	return t, err
}

func (s *Scanner) token(t *Token) error {
	if s.pos >= len(s.text) {
		return nil
	}
	c := s.text[s.pos]
	switch {
	case c == '<':
		return s.iri(t)
	case c == '"', c == '\'':
		return s.str(t)
	case c == '@':
		return s.at(t)
	case c == '_' && s.peek(1) == ':':
		return s.blank(t)
	case isDigit(c), c == '.' && isDigit(s.peek(1)):
		s.number(t)
		return nil
	case s.sparql && (c == '?' || c == '$'):
		if n := s.varName(s.pos + 1); n > 0 {
			t.Kind, t.Text = Variable, s.text[s.pos+1:s.pos+1+n]
			s.pos += 1 + n
			return nil
		}
	}
	if r, _ := utf8.DecodeRuneInString(s.text[s.pos:]); r == ':' || isNameBase(r) {
		return s.name(t)
	}
	return s.mark(t)
}

// mark reads punctuation, the longest first.
func (s *Scanner) mark(t *Token) error {
	const single = "{}()[].;,=<>!+-*/|^?"
	t.Kind = Mark
	for _, two := range []string{"^^", "&&", "||", "!=", "<=", ">="} {
		if strings.HasPrefix(s.text[s.pos:], two) {
			t.Text = two
			s.pos += 2
			return nil
		}
	}
	if strings.IndexByte(single, s.text[s.pos]) >= 0 {
		t.Text = s.text[s.pos : s.pos+1]
		s.pos++
		return nil
	}
	r, _ := utf8.DecodeRuneInString(s.text[s.pos:])
	return Fail(s.line, "unexpected character %q", r)
}

func (s *Scanner) number(t *Token) {
	digits := func() {
		for isDigit(s.peek(0)) {
			s.pos++
		}
	}
	start := s.pos
	t.Kind = Integer
	digits()
	if s.peek(0) == '.' && (isDigit(s.peek(1)) || s.exponent(s.pos+1) > 0 && s.pos > start) {
		t.Kind = Decimal
		s.pos++
		digits()
	}
	if n := s.exponent(s.pos); n > 0 {
		t.Kind = Double
		s.pos += n
	}
	t.Text = s.text[start:s.pos]
}

// exponent returns the length of the exponent at an offset, 0 when there is none.
func (s *Scanner) exponent(at int) int {
	i := at
	if i >= len(s.text) || s.text[i]|0x20 != 'e' {
		return 0
	}
	i++
	if i < len(s.text) && (s.text[i] == '+' || s.text[i] == '-') {
		i++
	}
	digits := i
	for i < len(s.text) && isDigit(s.text[i]) {
		i++
	}
	if i == digits {
		return 0
	}
	return i - at
}
