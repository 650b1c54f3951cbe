package main

import (
	"bytes"
	"fmt"
	"strings"
)

func writeParameters(b *bytes.Buffer, p parameterFile) {
	var index strings.Builder
	b.WriteString("var parameters = [...]Parameter{\n")
	i := 0
	write := func(q parameter, later bool) {
		fmt.Fprintf(b, "{Long: %q, Short: %q", q.Long, q.Short)
		if q.List || strings.HasPrefix(q.Type, "list of") {
			b.WriteString(", List: true")
		}
		if later {
			b.WriteString(", Later: true")
		}
		b.WriteString(", presence: [5]Presence{")
		for _, op := range []string{"C", "R", "U", "D", "N"} {
			switch {
			case later:
				b.WriteString("Optional, ")
			case presences[q.Operations[op]] == "":
				b.WriteString("NotPresent, ")
			default:
				b.WriteString(presences[q.Operations[op]] + ", ")
			}
		}
		b.WriteString("}},\n")
		fmt.Fprintf(&index, "case %q:\nreturn %d\n", q.Short, i)
		i++
	}
	for _, q := range p.Request {
		write(q, false)
	}
	for _, q := range p.LaterRequest {
		write(q, true)
	}
	b.WriteString("}\n\n// parameterIndex returns the position of the parameter in parameters, or -1.\nfunc parameterIndex(short string) int {\nswitch short {\n")
	b.WriteString(index.String())
	b.WriteString("}\nreturn -1\n}\n\nvar resultContents = [...]resultContent{\n")
	rows := append([]resultContent(nil), p.Results...)
	// Of later releases, not in the tables: discovery result references and permissions.
	rows = append(rows,
		resultContent{Value: 11, C: "n/a", R: "n/a", U: "n/a", D: "n/a", Discovery: "default"},
		resultContent{Value: 12, C: "n/a", R: "valid", U: "n/a", D: "n/a", Discovery: "n/a"})
	for n, r := range rows {
		if r.Value != int64(n) {
			continue // the test of the generator tells
		}
		fmt.Fprintf(b, "{operations: [5]bool{%t, %t, %t, %t, false}, discovery: %t},\n", r.C != "n/a", r.R != "n/a", r.U != "n/a", r.D != "n/a", r.Discovery != "n/a")
	}
	b.WriteString("}\n")
}
