package sparql

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"bulwark/internal/rdf"
)

// Bounds of regular expressions. Go's engine is linear in the text for a given expression, but its constant is the size of the compiled expression.
const (
	maxPattern  = 1024 // octets of the expression
	maxProgram  = 4096 // instructions that it compiles to
	maxCompiled = 64   // expressions that a run keeps
)

// matcher is a compiled expression with its cost.
type matcher struct {
	*regexp.Regexp
	size int
}

// regex compiles an expression of XPath (F&O section 5.6.1). An expression that is wrong is an error of the expression.
func (r *run) regex(pattern, flags string) (*matcher, error) {
	key := flags + "/" + pattern
	if m, ok := r.regexps[key]; ok {
		if m == nil {
			return nil, errType
		}
		return m, nil
	}
	if len(r.regexps) >= maxCompiled {
		clear(r.regexps)
	}
	m := compile(pattern, flags)
	r.regexps[key] = m
	if m == nil {
		return nil, errType
	}
	return m, r.tick(100 + m.size)
}

// compile returns nil for an expression that is wrong or too large.
func compile(pattern, flags string) *matcher {
	if len(pattern) > maxPattern {
		return nil
	}
	text, ok := translate(pattern, flags)
	if !ok {
		return nil
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > maxProgram {
		return nil
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil
	}
	return &matcher{Regexp: compiled, size: len(program.Inst)}
}

// cost pays for matching a text.
func (m *matcher) cost(r *run, text string) error {
	return r.tick(1 + len(text)*m.size/16)
}

// matches is REGEX (section 17.4.3.14).
func matches(r *run, args []rdf.Term) (rdf.Term, error) {
	m, err := r.regexOf(args, 2)
	if err != nil {
		return rdf.Term{}, err
	}
	if err := m.cost(r, args[0].Value); err != nil {
		return rdf.Term{}, err
	}
	return truth(m.MatchString(args[0].Value)), nil
}

// regexOf compiles the second argument with the flags at a position.
func (r *run) regexOf(args []rdf.Term, flagsAt int) (*matcher, error) {
	if !isText(args[0]) || args[1].Datatype != rdf.String {
		return nil, errType
	}
	flags := ""
	if len(args) > flagsAt {
		if args[flagsAt].Datatype != rdf.String {
			return nil, errType
		}
		flags = args[flagsAt].Value
	}
	return r.regex(args[1].Value, flags)
}

// replace is REPLACE (section 17.4.3.15).
func replace(r *run, args []rdf.Term) (rdf.Term, error) {
	m, err := r.regexOf(args, 3)
	if err != nil {
		return rdf.Term{}, err
	}
	if args[2].Datatype != rdf.String || m.MatchString("") {
		return rdf.Term{}, errType // an expression that matches nothing is an error of fn:replace
	}
	if err := m.cost(r, args[0].Value); err != nil {
		return rdf.Term{}, err
	}
	literal := len(args) > 3 && strings.Contains(args[3].Value, "q")
	template, ok := replacement(args[2].Value, literal, m.NumSubexp())
	if !ok {
		return rdf.Term{}, errType
	}
	var out []byte
	text, last := args[0].Value, 0
	for _, found := range m.FindAllStringSubmatchIndex(text, -1) {
		out = append(out, text[last:found[0]]...)
		for _, part := range template {
			if part.group < 0 {
				out = append(out, part.text...)
			} else if from := found[2*part.group]; from >= 0 {
				out = append(out, text[from:found[2*part.group+1]]...)
			}
		}
		last = found[1]
		if err := r.fits(len(out)); err != nil {
			return rdf.Term{}, err
		}
	}
	out = append(out, text[last:]...)
	return r.made(like(args[0], string(out)))
}

// piece is a part of a replacement: text, or a group when that is not negative.
type piece struct {
	text  string
	group int
}

// replacement reads $N and the escapes of a replacement.
func replacement(text string, literal bool, groups int) ([]piece, bool) {
	if literal {
		return []piece{{text: text, group: -1}}, true
	}
	var pieces []piece
	for text != "" {
		next := strings.IndexAny(text, `\$`)
		if next < 0 {
			next = len(text)
		}
		if next > 0 {
			pieces = append(pieces, piece{text: text[:next], group: -1})
			text = text[next:]
			continue
		}
		if len(text) < 2 {
			return nil, false
		}
		c := text[1]
		if text[0] == '\\' {
			if c != '\\' && c != '$' {
				return nil, false
			}
			pieces = append(pieces, piece{text: string(c), group: -1})
			text = text[2:]
			continue
		}
		if c < '0' || c > '9' {
			return nil, false
		}
		group, used := int(c-'0'), 2
		for used < len(text) && '0' <= text[used] && text[used] <= '9' && group*10+int(text[used]-'0') <= groups {
			group = group*10 + int(text[used]-'0')
			used++
		}
		if group <= groups { // of a group that does not exist nothing is put in
			pieces = append(pieces, piece{group: group})
		}
		text = text[used:]
	}
	return pieces, true
}
