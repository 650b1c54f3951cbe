// Package guidance says what current recommendations think of the cryptographic
// algorithms in use: BSI TR-02102-2, NIST SP 800-52r2 and RFC 9325. It decides
// nothing; what is used is in package identity.
package guidance

import (
	"crypto/tls"
	"fmt"

	"bulwark/internal/identity"
	"bulwark/internal/ops/config"
)

// Rating is the sum of the recommendations on one algorithm.
type Rating string

// The ratings.
const (
	Recommended Rating = "recommended" // by all three documents
	Acceptable  Rating = "acceptable"  // not by all of them; none has objections
	Unknown     Rating = "not rated"   // here; it needs a look
)

// all is the reason of what every document recommends.
const all = "BSI TR-02102-2, NIST SP 800-52r2, RFC 9325"

// opinion is what the documents say of one algorithm.
type opinion struct {
	rating Rating
	reason string
}

// opinions are by the name of the algorithm.
func opinions() map[string]opinion {
	const chacha = "recommended by RFC 8446 and RFC 7905 where AES has no hardware; BSI and NIST do not list it"
	return map[string]opinion{
		"TLS 1.3": {Recommended, all},
		"TLS 1.2": {Acceptable, "with the suites below permitted by all three; they prefer TLS 1.3"},

		"TLS_AES_128_GCM_SHA256":                        {Recommended, all},
		"TLS_AES_256_GCM_SHA384":                        {Recommended, all},
		"TLS_CHACHA20_POLY1305_SHA256":                  {Acceptable, chacha},
		"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256":       {Recommended, all},
		"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384":       {Recommended, all},
		"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": {Acceptable, chacha},
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256":         {Recommended, all},
		"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384":         {Recommended, all},
		"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256":   {Acceptable, chacha},

		"X25519MLKEM768": {Acceptable, "hybrid with ML-KEM (FIPS 203), so that traffic recorded now stays secret from quantum computers; younger than SP 800-52r2 and RFC 9325"},
		"X25519":         {Acceptable, "recommended by RFC 9325; the lists of BSI and NIST have other curves"},
		"CurveP256":      {Recommended, all},

		"ECDSA-SHA256": {Recommended, all + "; the keys are on the curve P-256"},
	}
}

// Findings rates every algorithm in use.
func Findings() []config.Finding {
	var findings []config.Finding
	known := opinions()
	add := func(kind, name, note string) {
		o, ok := known[name]
		severity := config.Info
		if !ok {
			o, severity = opinion{Unknown, "the documents have not been consulted on it"}, config.Warning
		}
		findings = append(findings, config.Finding{
			Severity: severity, Subject: "algorithms", Text: fmt.Sprintf("%s %s%s: %s (%s)", kind, name, note, o.rating, o.reason),
		})
	}
	in := identity.InUse()
	for _, v := range in.Versions {
		add("version", tls.VersionName(v), "")
	}
	for _, s := range in.Suites {
		add("suite", tls.CipherSuiteName(s), "")
	}
	for _, s := range in.HostSuites {
		add("suite", tls.CipherSuiteName(s), " towards receivers named by URL")
	}
	for _, g := range in.Groups {
		add("key exchange", g.String(), "")
	}
	for _, s := range in.Signatures {
		add("certificate signature", s.String(), "")
	}
	return findings
}
