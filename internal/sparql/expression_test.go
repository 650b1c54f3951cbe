package sparql

import (
	"context"
	"testing"
	"time"

	"bulwark/internal/rdf"
)

// value evaluates one expression; an error is "-".
func value(t *testing.T, expression string) string {
	t.Helper()
	q, err := Parse(prefix + `SELECT (` + expression + ` AS ?value) { OPTIONAL { :hall :none ?unbound } BIND(:hall AS ?iri) }`)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	result, err := q.Run(context.Background(), graphOf(t, rooms), Limits{Now: time.Date(2026, 11, 25, 10, 20, 30, 500e6, time.UTC)})
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return short(result.Rows[0][0])
}

func TestExpressions_C435(t *testing.T) {
	t.Parallel()
	const yes, no = `"true"^boolean`, `"false"^boolean`
	for expression, want := range map[string]string{
		// Arithmetic and its types.
		"1 + 2 * 3": `"7"^integer`, "(1 + 2) * 3": `"9"^integer`, "7 / 2": `"3.5"^decimal`, "6 / 2": `"3"^decimal`, "1 / 3": `"0.333333333333333333"^decimal`,
		"1.5 + 1": `"2.5"^decimal`, "1e0 + 1": `"2.0E0"^double`, "-(2)": `"-2"^integer`, "3 -1": `"2"^integer`, "3-1": `"2"^integer`, "1 / 0": "-",
		"1e0 / 0": `"INF"^double`, "0e0/0": `"NaN"^double`, "\"1\" + 1": "-", "9223372036854775807 + 1": `"9223372036854775808"^integer`,
		"1e2": `"1e2"^double`, "1e2 + 0": `"1.0E2"^double`, "\"2\"^^xsd:float / 4": `"5.0E-1"^float`, "\"7\"^^xsd:byte + 1": `"8"^integer`, "\"x\"^^xsd:integer + 1": "-",
		"0.1 + 0.2 = 0.3": yes, "?unbound + 1": "-",
		// Comparison.
		"1 = 1.0": yes, "1 != 2": yes, "2 > 1.5e0": yes, "\"a\" < \"b\"": yes, "\"a\" = \"a\"@en": no, "\"a\"@en < \"b\"@en": "-", "?iri = :hall": yes, "?iri != :attic": yes,
		"true > false": yes, "\"1\"^^xsd:boolean = true": yes, "0e0/0 = 0e0/0": no, "0e0/0 != 0e0/0": yes, "\"a\"^^:t = \"a\"^^:t": yes, "\"a\"^^:t = \"b\"^^:t": "-",
		"\"a\"^^:t = \"a\"": "-", "\"a\" = 1": no, "\"x\"^^xsd:integer = 1": "-", "?iri = \"a\"": no, "?iri < :z": "-", "?unbound = 1": "-",
		`"2026-01-01T00:00:00Z"^^xsd:dateTime < "2026-01-01T00:00:00-01:00"^^xsd:dateTime`: yes, `"2026-01-01T00:00:00"^^xsd:dateTime = "2026-01-01T01:00:00+01:00"^^xsd:dateTime`: yes,
		`"2026-01-01"^^xsd:date < "2026-02-01"^^xsd:date`: yes, `"2026-01-01"^^xsd:date < "2026-01-01T00:00:00"^^xsd:dateTime`: "-", `"soon"^^xsd:dateTime = "now"^^xsd:dateTime`: "-",
		// Logic with three values.
		"true && false": no, "false && ?unbound": no, "?unbound && false": no, "true && ?unbound": "-", "true || ?unbound": yes, "?unbound || true": yes, "false || ?unbound": "-",
		"!true": no, "!?unbound": "-", "! \"\"": yes, "!(0)": yes, "!?iri": "-", "! \"x\"^^:t": "-", "! \"x\"^^xsd:integer": yes, "!(0e0/0)": yes,
		"1 IN (1, 2)": yes, "3 IN (1, 2)": no, "1 IN ()": no, "1 NOT IN (2)": yes, "2 IN (1/0, 2)": yes, "3 IN (1/0, 2)": "-", "3 NOT IN (1/0, 2)": "-",
		"1 < 2 && 2 < 3 || 1/0 = 1": yes,
		// Functional forms.
		"bound(?unbound)": no, "bound(?iri)": yes, "IF(1 < 2, \"a\", 1/0)": `"a"`, "IF(?unbound, 1, 2)": "-", "COALESCE(?unbound, 1/0, 3)": `"3"^integer`, "COALESCE()": "-",
		"sameTerm(1, 1.0)": no, "sameTerm(?iri, :hall)": yes, "EXISTS { ?iri :next ?x }": yes, "NOT EXISTS { ?iri :none ?x }": yes,
		// Terms.
		"isIRI(?iri)": yes, "isURI(\"a\")": no, "isBlank(BNODE())": yes, "isLiteral(1)": yes, "isNumeric(1.5)": yes, "isNumeric(\"1\")": no, "isNumeric(\"x\"^^xsd:int)": no,
		"str(?iri)": `"http://example.com/hall"`, "str(1e0)": `"1e0"`, "str(BNODE())": "-", "lang(\"a\"@en-GB)": `"en-gb"`, "lang(\"a\")": `""`, "lang(?iri)": "-",
		"datatype(1)": "<" + rdf.Integer, "datatype(\"a\")": "<" + rdf.String, "datatype(\"a\"@en)": "<" + rdf.LangString, "datatype(?iri)": "-",
		"IRI(\"http://example.com/x\")": ":x", "URI(?iri)": ":hall", "IRI(\"a b\")": "-", "IRI(\"rel\")": "-", "IRI(1)": "-",
		"STRDT(\"1\", xsd:integer)": `"1"^integer`, "STRDT(1, xsd:integer)": "-", "STRLANG(\"a\", \"fr\")": `"a"@fr`, "STRLANG(\"a\", \"f r\")": "-",
		"BNODE(\"a\") = BNODE(\"a\")": yes, "BNODE() = BNODE()": no, "STRLEN(STRUUID())": `"36"^integer`, "strstarts(str(UUID()), \"urn:uuid:\")": yes,
		"langMatches(\"de-AT\", \"de\")": yes, "langMatches(\"de-AT\", \"*\")": yes, "langMatches(\"\", \"*\")": no, "langMatches(\"den\", \"de\")": no,
		// Strings.
		"STRLEN(\"é😀\")": `"2"^integer`, "SUBSTR(\"foobar\", 4)": `"bar"`, "SUBSTR(\"foobar\"@en, 4, 1)": `"b"@en`, "SUBSTR(\"é😀x\", 2, 1)": `"😀"`, "SUBSTR(\"abc\", 0, 2)": `"a"`,
		"SUBSTR(\"abc\", 1.5, 2.6)": `"bc"`, "SUBSTR(\"abc\", 0e0/0)": `""`, "UCASE(\"é\"@fr)": `"É"@fr`, "LCASE(\"ABC\")": `"abc"`, "contains(\"abc\", \"bc\")": yes,
		"contains(\"abc\"@en, \"bc\")": yes, "contains(\"abc\", \"bc\"@en)": "-", "strstarts(\"abc\", \"ab\")": yes, "strends(\"abc\", \"ab\")": no, "contains(1, \"1\")": "-",
		"STRBEFORE(\"abc\"@en, \"b\")": `"a"@en`, "STRBEFORE(\"abc\"@en, \"z\")": `""`, "STRAFTER(\"abc\", \"b\")": `"c"`, "STRAFTER(\"abc\", \"\")": `"abc"`, "STRBEFORE(\"abc\", \"\")": `""`,
		"ENCODE_FOR_URI(\"a b/é~\")": `"a%20b%2F%C3%A9~"`, "CONCAT(\"a\"@en, \"b\"@en)": `"ab"@en`, "CONCAT(\"a\"@en, \"b\")": `"ab"`, "CONCAT()": `""`, "CONCAT(\"a\", 1)": "-",
		// Numbers.
		"ABS(-1.5)": `"1.5"^decimal`, "CEIL(1.1)": `"2"^decimal`, "CEIL(-1.1)": `"-1"^decimal`, "FLOOR(-1.1)": `"-2"^decimal`, "ROUND(2.5)": `"3"^decimal`, "ROUND(-2.5)": `"-2"^decimal`,
		"ROUND(2.5e0)": `"3.0E0"^double`, "ABS(\"a\")": "-", "RAND() < 1": yes, "FLOOR(3)": `"3"^integer`,
		// Dates.
		"NOW()": `"2026-11-25T10:20:30.5Z"^dateTime`, "YEAR(NOW())": `"2026"^integer`, "MONTH(NOW())": `"11"^integer`, "DAY(\"2026-03-04\"^^xsd:date)": `"4"^integer`,
		"HOURS(NOW())": `"10"^integer`, "MINUTES(NOW())": `"20"^integer`, "SECONDS(NOW())": `"30.5"^decimal`, "TZ(NOW())": `"Z"`, "YEAR(\"2026\")": "-",
		`TIMEZONE("2026-01-01T00:00:00-08:30"^^xsd:dateTime)`: `"-PT8H30M"^dayTimeDuration`, `TIMEZONE("2026-01-01T00:00:00Z"^^xsd:dateTime)`: `"PT0S"^dayTimeDuration`,
		`TIMEZONE("2026-01-01T00:00:00"^^xsd:dateTime)`: "-", `TZ("2026-01-01T00:00:00-08:00"^^xsd:dateTime)`: `"-08:00"`, `TZ("2026-01-01T00:00:00"^^xsd:dateTime)`: `""`,
		// Hashes.
		"MD5(\"abc\")": `"900150983cd24fb0d6963f7d28e17f72"`, "SHA1(\"abc\")": `"a9993e364706816aba3e25717850c26c9cd0d89d"`,
		"SHA256(\"abc\")": `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`, "STRLEN(SHA512(\"\"))": `"128"^integer`, "STRLEN(SHA384(\"\"))": `"96"^integer`,
		// Casts.
		"xsd:integer(\"7\")": `"7"^integer`, "xsd:integer(7.9)": `"7"^integer`, "xsd:integer(-7.9e0)": `"-7"^integer`, "xsd:integer(\"7.5\")": "-", "xsd:integer(true)": `"1"^integer`,
		"xsd:decimal(1.5e0)": `"1.5"^decimal`, "xsd:double(1)": `"1.0E0"^double`, "xsd:float(\"INF\")": `"INF"^float`, "xsd:integer(0e0/0)": "-", "xsd:string(1)": `"1"`,
		"xsd:string(?iri)": `"http://example.com/hall"`, "xsd:boolean(\"true\")": yes, "xsd:boolean(0)": no, "xsd:boolean(\"maybe\")": "-", "xsd:dateTime(\"2026-01-01T00:00:00Z\")": `"2026-01-01T00:00:00Z"^dateTime`,
		"xsd:dateTime(\"x\")": "-", ":unknown(1)": "-", "xsd:integer()": "-", "xsd:integer(?iri)": "-",
	} {
		if got := value(t, expression); got != want {
			t.Errorf("%s: got %s, want %s", expression, got, want)
		}
	}
}

func TestRegularExpressions_C435(t *testing.T) {
	t.Parallel()
	const yes, no = `"true"^boolean`, `"false"^boolean`
	for expression, want := range map[string]string{
		`REGEX("abc", "b")`: yes, `REGEX("abc", "^b")`: no, `REGEX("abc", "B")`: no, `REGEX("abc", "B", "i")`: yes, `REGEX("a\nb", "a.b")`: no, `REGEX("a\nb", "a.b", "s")`: yes,
		`REGEX("a\nb", "^b")`: no, `REGEX("a\nb", "^b", "m")`: yes, `REGEX("ab", "a b", "x")`: yes, `REGEX("a b", "a[ ]b", "x")`: yes, `REGEX("a.b", "a.b", "q")`: yes,
		`REGEX("axb", "a.b", "q")`: no, `REGEX("AxB", "axb", "qi")`: yes, `REGEX("abc"@en, "b")`: yes, `REGEX(1, "1")`: "-", `REGEX("a", 1)`: "-", `REGEX("a", "a", "z")`: "-",
		`REGEX("a", "(")`: "-", `REGEX("a1", "^\\w\\d$")`: yes, `REGEX("-", "\\W")`: yes, `REGEX("é", "^\\w$")`: yes, `REGEX("_", "^\\i\\c*$")`: yes, `REGEX("1", "^\\i")`: no,
		`REGEX("1", "^\\I$")`: yes, `REGEX("x", "[\\s\\d]")`: no, `REGEX("7", "[^\\D]")`: yes, `REGEX("x", "\\p{Lu}")`: no, `REGEX("X", "\\p{Lu}")`: yes, `REGEX("X", "\\P{L}")`: no,
		// What one of the two languages does not know.
		`REGEX("aa", "(a)\\1")`: "-", `REGEX("a", "[a-z-[b]]")`: "-", `REGEX("a", "\\p{IsBasicLatin}")`: "-", `REGEX("a", "(?i)A")`: "-", `REGEX("a", "\\ba")`: "-",
		`REGEX("a", "\\Aa")`: "-", `REGEX("a", "[[:alpha:]]")`: "-", `REGEX("a", "(?:a|b)")`: yes, `REGEX("a", "a\\")`: "-", `REGEX("a", "[a")`: "-", `REGEX("a", "[]a]")`: "-",
		`REPLACE("abcb", "b", "X")`: `"aXcX"`, `REPLACE("abc"@en, "(a)(b)", "$2$1")`: `"bac"@en`, `REPLACE("abc", "b", "\\$")`: `"a$c"`, `REPLACE("a.c", ".", "x", "q")`: `"axc"`,
		`REPLACE("abc", "b*", "x")`: "-", `REPLACE("abc", "b", "$")`: "-", `REPLACE("abc", "(b)", "$12")`: `"ab2c"`, `REPLACE("abc", "b", "$3")`: `"ac"`, `REPLACE("abc", "B", "x", "i")`: `"axc"`,
		`REPLACE("darted", "^(.*?)d(.*)$", "$1c$2")`: `"carted"`, `REPLACE("abracadabra", "a(.)", "a$1$1")`: `"abbraccaddabbra"`,
	} {
		if got := value(t, expression); got != want {
			t.Errorf("%s: got %s, want %s", expression, got, want)
		}
	}
}
