package sparql

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"bulwark/internal/rdf"
)

// builtin is a function of section 17.4 whose arguments are all evaluated first.
type builtin struct {
	least, most int
	call        func(r *run, args []rdf.Term) (rdf.Term, error)
}

// lookup finds a function by its name in upper case.
func lookup(name string) (builtin, bool) {
	switch name {
	case "STR":
		return builtin{1, 1, str}, true
	case "LANG":
		return builtin{1, 1, lang}, true
	case "LANGMATCHES":
		return builtin{2, 2, langMatches}, true
	case "DATATYPE":
		return builtin{1, 1, datatype}, true
	case "IRI", "URI":
		return builtin{least: 1, most: 1}, true
	case "BNODE":
		return builtin{0, 1, blankNode}, true
	case "SAMETERM":
		return builtin{2, 2, func(_ *run, args []rdf.Term) (rdf.Term, error) { return truth(args[0] == args[1]), nil }}, true
	case "ISIRI", "ISURI":
		return isKind(rdf.IRI), true
	case "ISBLANK":
		return isKind(rdf.Blank), true
	case "ISLITERAL":
		return isKind(rdf.Literal), true
	case "ISNUMERIC":
		return builtin{1, 1, func(_ *run, args []rdf.Term) (rdf.Term, error) {
			_, ok := numeric(args[0])
			return truth(ok), nil
		}}, true
	case "STRDT":
		return builtin{2, 2, strdt}, true
	case "STRLANG":
		return builtin{2, 2, strlang}, true
	case "UUID":
		return builtin{0, 0, func(r *run, _ []rdf.Term) (rdf.Term, error) { return r.made(rdf.NewIRI("urn:uuid:" + uuid())) }}, true
	case "STRUUID":
		return builtin{0, 0, func(r *run, _ []rdf.Term) (rdf.Term, error) { return r.made(rdf.NewString(uuid())) }}, true
	case "REGEX":
		return builtin{2, 3, matches}, true
	case "REPLACE":
		return builtin{3, 4, replace}, true
	}
	for _, find := range []func(string) (builtin, bool){stringFunction, numberFunction, timeFunction, hashFunction} {
		if b, ok := find(name); ok {
			return b, true
		}
	}
	return builtin{}, false
}

func isKind(kind rdf.Kind) builtin {
	return builtin{1, 1, func(_ *run, args []rdf.Term) (rdf.Term, error) { return truth(args[0].Kind == kind), nil }}
}

func str(_ *run, args []rdf.Term) (rdf.Term, error) {
	if args[0].Kind == rdf.Blank {
		return rdf.Term{}, errType
	}
	return rdf.NewString(args[0].Value), nil
}

func lang(_ *run, args []rdf.Term) (rdf.Term, error) {
	if args[0].Kind != rdf.Literal {
		return rdf.Term{}, errType
	}
	return rdf.NewString(args[0].Language), nil
}

// langMatches is basic filtering of RFC 4647 section 3.3.1.
func langMatches(_ *run, args []rdf.Term) (rdf.Term, error) {
	if args[0].Datatype != rdf.String || args[1].Datatype != rdf.String {
		return rdf.Term{}, errType
	}
	tag, span := strings.ToLower(args[0].Value), strings.ToLower(args[1].Value)
	if span == "*" {
		return truth(tag != ""), nil
	}
	return truth(tag == span || strings.HasPrefix(tag, span+"-")), nil
}

func datatype(_ *run, args []rdf.Term) (rdf.Term, error) {
	if args[0].Kind != rdf.Literal {
		return rdf.Term{}, errType
	}
	return rdf.NewIRI(args[0].Datatype), nil
}

// blankNode is BNODE. With an argument the node is the same for the same text within the expressions of one solution.
func blankNode(r *run, args []rdf.Term) (rdf.Term, error) {
	if len(args) == 0 {
		return r.made(r.freshBlank(rand.Text()[:12]))
	}
	if args[0].Datatype != rdf.String {
		return rdf.Term{}, errType
	}
	node, ok := r.bnodes[args[0].Value]
	if !ok {
		node = r.freshBlank(rand.Text()[:12])
		r.bnodes[args[0].Value] = node
	}
	return r.made(node)
}

func strdt(r *run, args []rdf.Term) (rdf.Term, error) {
	if args[0].Datatype != rdf.String || args[1].Kind != rdf.IRI || args[1].Value == rdf.LangString {
		return rdf.Term{}, errType
	}
	return r.made(rdf.NewLiteral(args[0].Value, args[1].Value))
}

func strlang(r *run, args []rdf.Term) (rdf.Term, error) {
	if args[0].Datatype != rdf.String || args[1].Datatype != rdf.String || !rdf.IsLanguage(args[1].Value) {
		return rdf.Term{}, errType
	}
	return r.made(rdf.NewLang(args[0].Value, args[1].Value))
}

// uuid is a random UUID (RFC 9562 section 5.4).
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0F | 0x40
	b[8] = b[8]&0x3F | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func timeFunction(name string) (builtin, bool) {
	if name == "NOW" {
		return builtin{0, 0, func(r *run, _ []rdf.Term) (rdf.Term, error) {
			if r.limits.Now.IsZero() {
				return rdf.Term{}, errType
			}
			return rdf.NewLiteral(r.limits.Now.UTC().Format(time.RFC3339Nano), rdf.DateTime), nil
		}}, true
	}
	switch name {
	case "YEAR", "MONTH", "DAY", "HOURS", "MINUTES", "SECONDS", "TIMEZONE", "TZ":
	default:
		return builtin{}, false
	}
	return builtin{1, 1, func(_ *run, args []rdf.Term) (rdf.Term, error) {
		at, ok := moment(args[0])
		if !ok {
			return rdf.Term{}, errType
		}
		return part(name, args[0], at)
	}}, true
}

// part returns a part of a date as it is written, in its own zone.
func part(name string, t rdf.Term, at time.Time) (rdf.Term, error) {
	n := 0
	switch name {
	case "YEAR":
		n = at.Year()
	case "MONTH":
		n = int(at.Month())
	case "DAY":
		n = at.Day()
	case "HOURS":
		n = at.Hour()
	case "MINUTES":
		n = at.Minute()
	case "SECONDS":
		text := fmt.Sprintf("%d.%09d", at.Second(), at.Nanosecond())
		return rdf.NewLiteral(strings.TrimSuffix(strings.TrimRight(text, "0"), "."), rdf.Decimal), nil
	default:
		return zone(name, t, at)
	}
	return rdf.NewLiteral(fmt.Sprint(n), rdf.Integer), nil
}

// zone is TZ, the zone as written, or TIMEZONE, the same as a duration.
func zone(name string, t rdf.Term, at time.Time) (rdf.Term, error) {
	text := ""
	switch {
	case strings.HasSuffix(t.Value, "Z"):
		text = "Z"
	case len(t.Value) > 16 && strings.ContainsAny(t.Value[len(t.Value)-6:len(t.Value)-5], "+-"):
		text = t.Value[len(t.Value)-6:]
	}
	if name == "TZ" {
		return rdf.NewString(text), nil
	}
	if text == "" {
		return rdf.Term{}, errType
	}
	_, seconds := at.Zone()
	duration := ""
	if seconds < 0 {
		duration, seconds = "-", -seconds
	}
	duration += "PT"
	if hours := seconds / 3600; hours > 0 {
		duration += fmt.Sprintf("%dH", hours)
	}
	if minutes := seconds / 60 % 60; minutes > 0 {
		duration += fmt.Sprintf("%dM", minutes)
	}
	if seconds == 0 {
		duration += "0S"
	}
	return rdf.NewLiteral(duration, rdf.XSD+"dayTimeDuration"), nil
}

// isText tells whether a literal is a string, with or without language.
func isText(t rdf.Term) bool { return t.Datatype == rdf.String || t.Datatype == rdf.LangString }

// like makes a string with the language of another.
func like(t rdf.Term, text string) rdf.Term {
	t.Value = text
	return t
}

// agree tells whether two strings may be compared (section 17.4.3.1.2).
func agree(a, b rdf.Term) bool {
	return isText(a) && isText(b) && (b.Datatype == rdf.String || a.Language == b.Language)
}

func length(text string) int { return utf8.RuneCountInString(text) }
