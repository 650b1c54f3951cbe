package guidance_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"bulwark/internal/identity"
	"bulwark/internal/ops/config"
	"bulwark/internal/ops/guidance"
)

func TestFindings_RateEveryAlgorithmInUse(t *testing.T) {
	t.Parallel()
	var all []string
	for _, f := range guidance.Findings() {
		if f.Severity != config.Info {
			t.Errorf("%s: %s", f.Subject, f.Text)
		}
		all = append(all, f.Text)
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{
		"version TLS 1.3: recommended (BSI TR-02102-2, NIST SP 800-52r2, RFC 9325)", "version TLS 1.2: acceptable (",
		"suite TLS_AES_128_GCM_SHA256: recommended (", "suite TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: acceptable (",
		"suite TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 towards receivers named by URL: recommended (",
		"key exchange X25519MLKEM768: acceptable (", "key exchange CurveP256: recommended (", "certificate signature ECDSA-SHA256: recommended (",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not among\n%s", want, text)
		}
	}
}

func TestInUse_IsWhatAServerOffers(t *testing.T) {
	t.Parallel()
	in := identity.InUse()
	server := (&identity.Trust{}).ServerConfig(&identity.KeyPair{}, identity.ServerOptions{})
	if len(in.Versions) != 2 || in.Versions[0] != tls.VersionTLS13 || in.Versions[1] != server.MinVersion {
		t.Errorf("versions %x", in.Versions)
	}
	if len(in.Suites) != 3+len(server.CipherSuites) || len(in.Groups) != len(server.CurvePreferences) || len(in.HostSuites) != 3 {
		t.Errorf("%+v", in)
	}
}
