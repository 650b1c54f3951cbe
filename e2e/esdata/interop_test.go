package esdata

import (
	"crypto/elliptic"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// command finds the jose program, another implementation of JOSE, or skips.
func command(t *testing.T) func(stdin string, args ...string) string {
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

// known leaves out the algorithms that the program was built without, such as
// RSA-OAEP-256 with some versions of its library.
func known(t *testing.T, run func(string, ...string) string) []pair {
	t.Helper()
	listed := strings.Fields(run("", "alg"))
	out := slices.DeleteFunc(all(t), func(p pair) bool { return !slices.Contains(listed, string(p.seal.algorithm)) })
	if len(out) < 10 {
		t.Fatalf("jose knows only %v", out)
	}
	return out
}

// file writes a key as a JWK for the program.
func file(t *testing.T, k *Key) string {
	t.Helper()
	jwk := jose.JSONWebKey{Key: k.material(), KeyID: k.id}
	octets, err := jwk.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "key.jwk")
	if err := os.WriteFile(name, octets, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// header is the template from which the program makes an envelope.
func (k *Key) template(encryption Encryption) string {
	out := `{"protected":{"alg":"` + string(k.algorithm) + `","kid":"` + k.id + `"`
	if k.encrypts() {
		if own, direct := k.encryption(); direct {
			encryption = own
		}
		out += `,"enc":"` + string(encryption) + `"`
	}
	return out + `}}`
}

func TestInterop_E135_JoseOpensWhatIsSealed(t *testing.T) {
	t.Parallel()
	run := command(t)
	for _, p := range known(t, run) {
		for _, s := range []Serialization{Compact, JSON} {
			var got string
			if p.seal.signs() {
				text, err := Seal([]byte(payload), Protection{Sign: []*Key{p.seal}, Serialization: s})
				if err != nil {
					t.Fatal(err)
				}
				got = run(text, "jws", "ver", "-i-", "-k", file(t, p.open), "-O-")
			} else {
				text, err := Seal([]byte(payload), Protection{Encrypt: []*Key{p.seal}, Serialization: s, Encryption: A128GCM})
				if p.seal.algorithm == Direct {
					text, err = Seal([]byte(payload), Protection{Encrypt: []*Key{p.seal}, Serialization: s})
				}
				if err != nil {
					t.Fatal(err)
				}
				got = run(text, "jwe", "dec", "-i-", "-k", file(t, p.open), "-O-")
			}
			if got != payload {
				t.Errorf("%v: jose reads %q", p.seal, got)
			}
		}
	}
}

func TestInterop_E135_OpensWhatJoseSeals(t *testing.T) {
	t.Parallel()
	run := command(t)
	for _, p := range known(t, run) {
		for _, s := range []Serialization{Compact, JSON} {
			args := []string{"jwe", "enc", "-I-", "-k", file(t, p.seal), "-i", p.seal.template(A256GCM)}
			if p.seal.signs() {
				args = []string{"jws", "sig", "-I-", "-k", file(t, p.seal), "-s", p.seal.template("")}
			}
			if s == Compact {
				args = append(args, "-c")
			}
			text := strings.TrimSpace(run(payload, args...))
			got, err := open(text, s, NewRing(p.open))
			if err != nil || string(got.Payload) != payload {
				t.Errorf("%v, serialization %d: %v from %s", p.seal, s, err, text)
			}
		}
	}
}

func TestInterop_E130_SeveralRecipientsAndSignatures(t *testing.T) {
	t.Parallel()
	run := command(t)
	var signers, recipients []pair
	for _, p := range all(t) {
		switch p.seal.algorithm {
		case HS256, ES256:
			signers = append(signers, p)
		case A128KW, A256KW, ECDHA128KW:
			recipients = append(recipients, p)
		default:
		}
	}
	protection := Protection{Serialization: JSON, Encryption: A128GCM}
	args := []string{"jwe", "enc", "-I-", "-i", `{"protected":{"enc":"A128GCM"}}`}
	for _, p := range recipients {
		protection.Encrypt = append(protection.Encrypt, p.seal)
		args = append(args, "-k", file(t, p.seal), "-r", `{"header":{"alg":"`+string(p.seal.algorithm)+`","kid":"`+p.seal.id+`"}}`)
	}
	sealed, err := Seal([]byte(payload), protection)
	if err != nil {
		t.Fatal(err)
	}
	theirs := run(payload, args...)
	for _, p := range recipients {
		if got := run(sealed, "jwe", "dec", "-i-", "-k", file(t, p.open), "-O-"); got != payload {
			t.Errorf("%v: jose reads %q", p.open, got)
		}
		if got, err := open(theirs, JSON, NewRing(p.open)); err != nil || string(got.Payload) != payload {
			t.Errorf("%v: %v from %s", p.open, err, theirs)
		}
	}

	protection = Protection{Serialization: JSON}
	args = []string{"jws", "sig", "-I-"}
	for _, p := range signers {
		protection.Sign = append(protection.Sign, p.seal)
		args = append(args, "-k", file(t, p.seal), "-s", p.seal.template(""))
	}
	signed, err := Seal([]byte(payload), protection)
	if err != nil {
		t.Fatal(err)
	}
	theirs = run(payload, args...)
	for _, p := range signers {
		if got := run(signed, "jws", "ver", "-i-", "-k", file(t, p.open), "-O-"); got != payload {
			t.Errorf("%v: jose reads %q", p.open, got)
		}
	}
	if got, err := open(theirs, JSON, openAll(signers)); err != nil || len(got.Verified.By) != len(signers) {
		t.Errorf("%+v, %v from %s", got, err, theirs)
	}
}

func TestInterop_E139_JoseOpensWhatIsForAGroupFromTheOutsideIn(t *testing.T) {
	t.Parallel()
	run := command(t)
	source := private(t, "//m2m.example/id-in/Csource", ES256, elliptic.P256())
	members := []pair{shared(t, "first@m2m.example", A256KW, 32), private(t, "second", ECDHA128KW, elliptic.P256())}
	p, err := ForGroup(source.seal, members[0].seal, members[1].seal)
	if err != nil {
		t.Fatal(err)
	}
	p.Encryption = A128GCM
	text, err := Seal([]byte(payload), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		inner := run(text, "jwe", "dec", "-i-", "-k", file(t, m.open), "-O-")
		if got := run(inner, "jws", "ver", "-i-", "-k", file(t, source.open), "-O-"); got != payload {
			t.Errorf("%v: jose reads %q", m.open, got)
		}
	}
	// And the other way: signed, then encrypted, by the program.
	signed := strings.TrimSpace(run(payload, "jws", "sig", "-I-", "-k", file(t, source.seal), "-s", source.seal.template(""), "-c"))
	header := strings.Replace(members[0].seal.template(A256GCM), `{"protected":{`, `{"protected":{"cty":"JOSE",`, 1)
	nested := strings.TrimSpace(run(signed, "jwe", "enc", "-I-", "-k", file(t, members[0].seal), "-i", header, "-c"))
	if got, err := open(nested, Compact, NewRing(members[0].open, source.open)); err != nil || got.Class != Nested || string(got.Payload) != payload {
		t.Errorf("%+v, %v from %s", got, err, nested)
	}
}
