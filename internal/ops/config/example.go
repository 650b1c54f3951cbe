package config

import (
	"fmt"
	"strings"
)

// Example returns a TOML file with every key, its meaning and its default.
// Every line is commented out, so that it loads as it stands.
func Example() string {
	var b strings.Builder
	b.WriteString("# Configuration of bulwark serve. Every key is shown with its default; remove the\n" +
		"# \"# \" in front of what you change, and of the table that it is in.\n" +
		"# The environment goes over this file, and flags go over both.\n" +
		"# A relative file name counts from the folder of this file.\n" +
		"# Keep secrets out of this file: name a file that holds them.\n")
	for _, t := range Tables() {
		b.WriteString("\n")
		if t.Name != "" {
			comment(&b, "##", t.Doc)
			fmt.Fprintf(&b, "# %s\n", header(t.Name))
		}
		for _, k := range t.Keys {
			comment(&b, "  #", k.Doc)
			fmt.Fprintf(&b, "# %s = %s\n", k.Name, exampleValue(k))
		}
	}
	return b.String()
}

// comment writes text in lines of some 90 columns.
func comment(b *strings.Builder, lead, text string) {
	const width = 90
	column := 0
	for word := range strings.FieldsSeq(text) {
		if column == 0 || column+1+len(word) > width {
			if column > 0 {
				b.WriteString("\n")
			}
			b.WriteString(lead)
			column = len(lead)
		}
		b.WriteString(" " + word)
		column += 1 + len(word)
	}
	b.WriteString("\n")
}

func header(table string) string {
	if name, ok := strings.CutSuffix(table, "[]"); ok {
		return "[[" + name + "]]"
	}
	return "[" + table + "]"
}

// exampleValue is the default of a key in TOML, or a plausible value where it
// has none.
func exampleValue(k Key) string {
	text := k.Default
	if text == "" {
		text = samples()[k.Path]
	}
	switch k.Kind {
	case "list":
		var items []string
		for item := range strings.SplitSeq(text, ",") {
			if item != "" {
				items = append(items, fmt.Sprintf("%q", item))
			}
		}
		return "[" + strings.Join(items, ", ") + "]"
	case "number", "true or false":
		return text
	}
	return fmt.Sprintf("%q", text)
}

// samples are values for keys without a default.
func samples() map[string]string {
	return map[string]string{
		"cse.id":                      "/id-in",
		"cse.name":                    "cse-in",
		"cse.base-policy":             "base-policy.json",
		"listen[].binding":            "https",
		"listen[].address":            "127.0.0.1:8443",
		"listen[].trust-plain":        "false",
		"listen[].sa":                 "required",
		"listen[].client-ca":          "clients.crt",
		"listen[].cert":               "server.crt",
		"listen[].key":                "server.key",
		"listen[].psk":                "false",
		"listen[].profile":            "modern",
		"listen[].trusted-proxies":    "192.0.2.10/32",
		"listen[].origins":            "",
		"anchor[].ca":                 "ca.crt",
		"anchor[].flavours":           "ae,cse",
		"anchor[].crl":                "ca.crl",
		"location[].id":               "//m2m.example/id-in/CLamp",
		"location[].latitude":         "52.52",
		"location[].longitude":        "13.405",
		"location[].uncertainty":      "25.0",
		"location[].country":          "DE",
		"peer[].id":                   "/id-far",
		"peer[].dns":                  "id-far.m2m.example",
		"peer[].ca":                   "far.crt",
		"peer[].network":              "cell",
		"peer[].dns-port":             "0",
		"token.issuer[].id":           "//m2m.example/Sdas",
		"token.issuer[].fqdn":         "das.m2m.example",
		"token.issuer[].jwks":         "das.jwks",
		"token.issuer[].accept":       "sign:ES256,nested:ES256+ECDH-ES+A256KW+A256GCM",
		"token.issuer[].revoked":      "lost1@das.m2m.example",
		"pdp.resource":                "cse-in/pdp",
		"pdp.tokens-to":               "/id-far",
		"prp.resource":                "cse-in/prp",
		"pip.resource":                "cse-in/pip",
		"pip.ask":                     "/id-far/cse-far/pip",
		"governed[].targets":          "//m2m.example/id-mn/*",
		"governed[].policies":         "cse-in/central",
		"token.issuer[].revocations":  "https://das.m2m.example:8444",
		"trust.role-authority[].id":   "//m2m.example/Sroles",
		"trust.role-authority[].fqdn": "roles.m2m.example",
		"esprim.key[].id":             "lamp1@m2m.example",
		"esprim.key[].peer":           "//m2m.example/id-mn/CLamp",
		"esprim.key[].key":            "", // better in a file
		"esprim.key[].key-file":       "lamp1.key",
		"esprim.key[].expires":        "2031-01-01T00:00:00Z",
		"escertke.peer[].id":          "//m2m.example/id-mn",
		"escertke.peer[].ca":          "mn-ca.crt",
		"escertke.peer[].dns":         "mn.m2m.example",
		"cse.points":                  "https://in.m2m.example:8443",
		"das.id":                      "//m2m.example/Sdas",
		"das.fqdn":                    "das.m2m.example",
		"das.policy":                  "das-policy.toml",
		"das.cert":                    "das.crt",
		"das.key":                     "das.key",
		"das.client-ca":               "clients.crt",
		"das.forwarders":              "//m2m.example/id-in",
		"das.register":                "https://in.m2m.example:8443",
		"das.point":                   "https://das.m2m.example:8444",
		"das.ae-cert":                 "das-ae.crt",
		"das.ae-key":                  "das-ae.key",
		"remote.url":                  "https://in.far.example:8443",
		"remote.id":                   "//far.example/id-far",
		"remote.cert":                 "server.crt",
		"remote.key":                  "server.key",
		"remote.ca":                   "registrar.crt",
		"secrets.master-key-file":     "/etc/bulwark/master.key",
		"secrets.systemd-credential":  "", // in place of the file
		"outbound.allow":              "127.0.0.1/32,receiver.example.com",
		"outbound.deny":               "10.0.0.0/8",
		"outbound.ca":                 "receivers.crt",
		"algorithms.allow":            "",
		"algorithms.deny":             "",

		"token.issuer[].repository":         "/id-far/cse-far",
		"trust.role-authority[].repository": "/id-far/cse-far",
	}
}

// Reference returns the reference page of the configuration in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Configuration

One TOML file (` + "`--config FILE`" + ` or ` + "`BULWARK_CONFIG`" + `), the environment over it, flags over both.
An unknown table or key is refused with its line and column, and so is a value that does not fit.
` + "`bulwark check --config FILE`" + ` says what is wrong and what is risky; ` + "`docs/bulwark.example.toml`" + ` shows every key.

- **Durations** are text with units: "500ms", "2s", "10m", "1h", "30d", "5y" (a year is 365 days).
- **Sizes** are a number of octets or text with KiB, MiB or GiB.
- **Files** are relative to the folder of the configuration file; in the environment and in flags, to the working directory.
- **Lists** are written with commas in the environment.
- An empty environment variable counts as not set. Lists of tables can be set in the file only.
- Tables of later versions (` + "`" + strings.Join(laterTables(), "`, `") + "`" + `) are refused with "not in this version".
- The variables ` + "`BULWARK_AE_…`" + ` are those of ` + "`bulwark ae`" + `.

The flags ` + "`--https ADDR|off`, `--http ADDR|off`, `--wss ADDR|off`, `--ws ADDR|off`" + ` (` + "`BULWARK_HTTPS`, `BULWARK_HTTP`, `BULWARK_WSS`, `BULWARK_WS`" + `)
change the address of the one listener of that binding, add it where there is none, or remove it.
` + "`--trust-plain` (`BULWARK_TRUST_PLAIN`)" + ` is for the plain ones.
`)
	for _, t := range Tables() {
		if t.Name == "" {
			b.WriteString("\n## At the top of the file\n\n")
		} else {
			fmt.Fprintf(&b, "\n## `%s`\n\n%s\n\n", header(t.Name), t.Doc)
		}
		b.WriteString("| Key | Kind | Default | Environment | Flag | Meaning |\n|---|---|---|---|---|---|\n")
		for _, k := range t.Keys {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n",
				k.Name, k.Kind, code(k.Default), code(k.Env...), code(flagName(k)...), strings.ReplaceAll(k.Doc, "|", "\\|"))
		}
	}
	return b.String()
}

func flagName(k Key) []string {
	if k.Flag == "" {
		return nil
	}
	return []string{"--" + k.Flag}
}

// code sets words in code style; no words give an empty cell.
func code(words ...string) string {
	var out []string
	for _, w := range words {
		if w != "" {
			out = append(out, "`"+w+"`")
		}
	}
	return strings.Join(out, ", ")
}
