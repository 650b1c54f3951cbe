package main

import (
	"bytes"
	"fmt"
	"strings"
)

// Words of status names that aren't written like This.
var words = map[string]string{
	"OK": "OK", "ID": "ID", "ESPRIM": "ESPrim", "MAC": "MAC", "IPE": "IPE",
	"SPARQL": "SPARQL", "RQET": "RQET", "OET": "OET",
}

// goName turns "ESPRIM_BAD_MAC" into "ESPrimBadMAC".
func goName(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		if w, ok := words[word]; ok {
			b.WriteString(w)
			continue
		}
		b.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return b.String()
}

func writeStatus(b *bytes.Buffer, codes []statusCode) {
	names := map[string]bool{}
	b.WriteString("// Response status codes, TS-0004 clause 6.6.\nconst (\n")
	for _, c := range codes {
		name := goName(c.Name)
		if names[name] { // a later release has one name for two codes
			name = fmt.Sprintf("%s%d", name, c.Code)
		}
		names[name] = true
		fmt.Fprintf(b, "%s StatusCode = %d\n", name, c.Code)
	}
	b.WriteString(")\n\nvar statusTable = [...]statusInfo{\n")
	for _, c := range codes {
		http, coap := c.HTTP, firstCoAP(c)
		if c.Code == 4128 { // missing from both mapping tables; as 4126
			http, coap = 403, "4.03"
		}
		fmt.Fprintf(b, "{code: %d, name: %q", c.Code, c.Name)
		if http != 0 {
			fmt.Fprintf(b, ", http: %d", http)
		}
		if coap != "" {
			fmt.Fprintf(b, ", coap: %q", coap)
		}
		if c.Later {
			b.WriteString(", later: true")
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n\n// statusIndex returns the position of c in statusTable, or -1.\nfunc statusIndex(c StatusCode) int {\nswitch c {\n")
	for i, c := range codes {
		fmt.Fprintf(b, "case %d:\nreturn %d\n", c.Code, i)
	}
	b.WriteString("}\nreturn -1\n}\n")
}

// firstCoAP returns the CoAP code, of RETRIEVE where it depends on the
// operation, or the first of several.
func firstCoAP(c statusCode) string {
	text := string(c.CoAP)
	switch {
	case text == "" || text == "null":
		return ""
	case strings.Contains(text, "2.05"):
		return "2.05"
	}
	return strings.Trim(strings.Split(strings.Trim(text, "[]"), ",")[0], `" `)
}
