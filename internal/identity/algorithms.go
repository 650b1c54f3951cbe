package identity

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
)

// Algorithms are all that connections may use.
type Algorithms struct {
	Versions   []uint16 // of TLS
	Suites     []uint16 // of both versions, between entities that are known by identity
	HostSuites []uint16 // besides, towards receivers that are named by URL
	Groups     []tls.CurveID
	Signatures []x509.SignatureAlgorithm // of certificates of AEs, CSEs, nodes, devices and hosts of ours
}

// InUse returns the algorithms in use, for a report on them. They are those of
// the configurations that this package makes, not a list beside them.
func InUse() Algorithms {
	cfg := baseConfig()
	a := Algorithms{Groups: cfg.CurvePreferences, Signatures: []x509.SignatureAlgorithm{x509.ECDSAWithSHA256}}
	for _, s := range tls.CipherSuites() {
		for _, v := range s.SupportedVersions {
			if v >= cfg.MinVersion && !slices.Contains(a.Versions, v) {
				a.Versions = append(a.Versions, v)
			}
		}
		if slices.Contains(s.SupportedVersions, tls.VersionTLS13) {
			a.Suites = append(a.Suites, s.ID) // crypto/tls leaves no choice among those
		}
	}
	slices.SortFunc(a.Versions, func(v, w uint16) int { return int(w) - int(v) })
	a.Suites = append(a.Suites, cfg.CipherSuites...)
	for _, s := range HostConfig(nil, nil).CipherSuites {
		if !slices.Contains(a.Suites, s) {
			a.HostSuites = append(a.HostSuites, s)
		}
	}
	return a
}
