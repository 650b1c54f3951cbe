package das_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/e2e/esdata"
	"bulwark/internal/dynauth/das"
	"bulwark/token"
)

// josetool finds the jose program, another implementation of JOSE, or skips.
func josetool(t *testing.T) func(stdin string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("jose")
	if err != nil {
		t.Skip("the jose command is not installed")
	}
	return func(stdin string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Stdin = strings.NewReader(stdin)
		var complaint strings.Builder
		cmd.Stderr = &complaint
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("jose %s: %v %s", strings.Join(args, " "), err, complaint.String())
		}
		return string(out)
	}
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestInterop_AnotherImplementationReadsTheTokens(t *testing.T) {
	t.Parallel()
	run := josetool(t)
	s := start(t, tenMinutes)
	check := func(payload string) {
		t.Helper()
		c, err := token.ParseJWT([]byte(payload))
		if err != nil || c.Holder != visitor || c.Issuer != self().ID || len(c.Permissions) != 1 {
			t.Errorf("%+v, %v", c, err)
		}
	}
	set, err := s.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	published := file(t, string(set))
	signed := s.direct(ask()).Tokens[0]
	check(run("", "jws", "ver", "-i", file(t, signed), "-k", published, "-O", "-"))

	shared := octets("14-d@das.m2m.example", "dir")
	for target, protect := range map[string]string{"lamp2": "encrypt:dir+A256GCM", "lamp3": "nested:ES256+dir+A256GCM"} {
		s.mu.Lock()
		s.policy = parse(t, tenMinutes+"\n[[audience]]\ncse = \"//m2m.example/id-in\"\nprotect = \""+protect+"\"\nkeys = \"k\"\n", "k", shared)
		s.mu.Unlock()
		m := ask()
		m.Target = target
		payload := run("", "jwe", "dec", "-i", file(t, s.direct(m).Tokens[0]), "-k", file(t, strings.Replace(shared, `"alg":"dir"`, `"alg":"A256GCM"`, 1)), "-O", "-")
		if strings.HasPrefix(protect, "nested") {
			payload = run("", "jws", "ver", "-i", file(t, payload), "-k", published, "-O", "-")
		}
		check(payload)
	}
}

func TestInterop_C49_AnotherImplementationSecuresARequest(t *testing.T) {
	t.Parallel()
	run := josetool(t)
	s := start(t, tenMinutes)
	keys, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(keys, func(k das.KeyRecord) bool { return k.Algorithm == esdata.ECDHA256KW })
	sealed := run("", "jwe", "enc", "-c", "-i", `{"protected":{"typ":"JWT","alg":"ECDH-ES+A256KW","enc":"A256GCM","kid":"`+keys[i].ID+`"}}`,
		"-I", file(t, string(ask().Value())), "-k", file(t, string(keys[i].Public)))
	m, err := s.Open(t.Context(), strings.TrimSpace(sealed))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(ask().Value()), string(m.Value())); diff != "" {
		t.Error(diff)
	}
}
