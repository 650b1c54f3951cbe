package sparql

import (
	"regexp"
	"strings"
)

// The multi-character escapes of XML Schema regular expressions, as they stand inside of a class.
const (
	classSpace    = ` \t\n\r`
	classNotSpace = `\x00-\x08\x0B\x0C\x0E-\x1F\x21-\x{10FFFF}`
	classWord     = `\p{L}\p{M}\p{N}\p{S}`
	classNotWord  = `\p{P}\p{Z}\p{C}`
	classStart    = `:A-Z_a-z\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{2FF}\x{370}-\x{37D}\x{37F}-\x{1FFF}\x{200C}-\x{200D}\x{2070}-\x{218F}` +
		`\x{2C00}-\x{2FEF}\x{3001}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFFD}\x{10000}-\x{EFFFF}`
	className = classStart + `\-.0-9\x{B7}\x{300}-\x{36F}\x{203F}-\x{2040}`
)

// translate writes an expression of XPath (XML Schema part 2 appendix F with the additions of F&O section 5.6.1) as one of Go, with its flags.
// What Go cannot do (back references, subtraction of classes, blocks) is refused, and so is what only Go knows.
func translate(pattern, flags string) (string, bool) {
	if strings.Trim(flags, "ismxq") != "" {
		return "", false
	}
	var set strings.Builder
	for _, f := range "ism" {
		if strings.ContainsRune(flags, f) {
			set.WriteRune(f)
		}
	}
	prefix := ""
	if set.Len() > 0 {
		prefix = "(?" + set.String() + ")"
	}
	if strings.Contains(flags, "q") {
		return prefix + regexp.QuoteMeta(pattern), true
	}
	x := xpath{text: pattern, spaces: strings.Contains(flags, "x")}
	if !x.run() {
		return "", false
	}
	return prefix + x.out.String(), true
}

// xpath is a translation under way.
type xpath struct {
	text   string
	out    strings.Builder
	spaces bool // whether white space outside of classes is left out
	class  bool
	first  bool // at the begin of a class
}

func (x *xpath) run() bool {
	for x.text != "" {
		c := x.text[0]
		switch {
		case c == '\\':
			if len(x.text) < 2 || !x.escape() {
				return false
			}
			x.first = false
			continue
		case x.class:
			if !x.inClass(c) {
				return false
			}
		case c == '[':
			x.class, x.first = true, true
		case c == '(' && strings.HasPrefix(x.text, "(?") && !strings.HasPrefix(x.text, "(?:"):
			return false
		case x.spaces && strings.IndexByte(" \t\r\n", c) >= 0:
			x.text = x.text[1:]
			continue
		}
		x.out.WriteByte(c)
		x.text = x.text[1:]
	}
	return !x.class
}

// inClass checks a character of a class.
func (x *xpath) inClass(c byte) bool {
	switch c {
	case '[': // subtraction, or a class of POSIX, which only Go knows
		return false
	case ']':
		if x.first {
			return false
		}
		x.class = false
	case '^':
		return true // "first" stays: "[^]" is empty too
	}
	x.first = false
	return true
}

// escape translates an escape.
func (x *xpath) escape() bool {
	c := x.text[1]
	rest := x.text[2:]
	switch c {
	case 'p', 'P':
		end := strings.IndexByte(rest, '}')
		if end < 2 || rest[0] != '{' || end > 3 {
			return false
		}
		x.out.WriteString(x.text[:2] + rest[:end+1])
		x.text = rest[end+1:]
		return true
	case 'n', 'r', 't', '\\', '|', '.', '-', '^', '?', '*', '+', '{', '}', '(', ')', '[', ']', '$':
		x.out.WriteString(x.text[:2])
	default:
		text, ok := multi(c)
		switch {
		case ok && x.class:
			x.out.WriteString(text)
		case ok:
			x.out.WriteString("[" + text + "]")
		case (c == 'I' || c == 'C') && !x.class:
			text, _ = multi(c | 0x20)
			x.out.WriteString("[^" + text + "]")
		default:
			return false
		}
	}
	x.text = rest
	return true
}

// multi returns the class of a multi-character escape.
func multi(c byte) (text string, ok bool) {
	switch c {
	case 's':
		return classSpace, true
	case 'S':
		return classNotSpace, true
	case 'd':
		return `\p{Nd}`, true
	case 'D':
		return `\P{Nd}`, true
	case 'w':
		return classWord, true
	case 'W':
		return classNotWord, true
	case 'i':
		return classStart, true
	case 'c':
		return className, true
	default:
		return "", false
	}
}
