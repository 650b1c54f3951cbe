package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// vector is one entry of testdata/vectors.json.
type vector struct {
	ID     string                    `json:"id"`
	Type   string                    `json:"type"`
	Input  map[string]jsontext.Value `json:"input"`
	Output map[string]jsontext.Value `json:"output"`
}

// text returns a string member of the input or the output, "" for null or none.
func (v vector) text(t *testing.T, name string) string {
	t.Helper()
	value, ok := v.Input[name]
	if !ok {
		value = v.Output[name]
	}
	if value == nil || string(value) == "null" {
		return ""
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		t.Fatalf("%s %s: %v", v.ID, name, err)
	}
	return s
}

func (v vector) octets(t *testing.T, name string) []byte {
	t.Helper()
	return unhex(t, v.text(t, name))
}

func (v vector) secret(t *testing.T, name string) Secret {
	t.Helper()
	return secretFor(t, v.octets(t, name))
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	out, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func secretFor(t *testing.T, octets []byte) Secret {
	t.Helper()
	s, err := NewSecret(octets)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// want fails unless got is the octets that the vector names.
func (v vector) want(t *testing.T, name string, got Secret) {
	t.Helper()
	if have := hex.EncodeToString(got.Bytes()); have != v.text(t, name) {
		t.Errorf("%s: %s is %s, want %s", v.ID, name, have, v.text(t, name))
	}
}

// unwanted fails if got is the octets that a known mistake gives.
func (v vector) unwanted(t *testing.T, name string, got []byte) {
	t.Helper()
	if wrong := v.text(t, name); wrong == "" || hex.EncodeToString(got) == wrong {
		t.Errorf("%s: the result is that of the mistake %s", v.ID, name)
	}
}

func vectors(t *testing.T, types ...string) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	var out []vector
	for _, v := range file.Vectors {
		for _, wanted := range types {
			if v.Type == wanted {
				out = append(out, v)
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("no vector of the types %v", types)
	}
	return out
}

// tls12 exports from the secrets of a TLS 1.2 session with a SHA-256 suite, as
// RFC 5705 says. With a context, even an empty one, it mixes in its length.
type tls12 struct{ master, client, server []byte }

func (s tls12) ExportKeyingMaterial(label string, context []byte, length int) ([]byte, error) {
	seed := append([]byte(label), s.client...)
	seed = append(seed, s.server...)
	if context != nil {
		seed = append(seed, byte(len(context)>>8), byte(len(context)))
		seed = append(seed, context...)
	}
	sum := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, s.master)
		for _, part := range parts {
			h.Write(part)
		}
		return h.Sum(nil)
	}
	var out []byte
	for a := sum(seed); len(out) < length; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:length], nil
}
