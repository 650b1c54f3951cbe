package esdata

import (
	"encoding/hex"
	"errors"
	"os"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/e2e/keys"
)

// vector is one entry of testdata/vectors.json.
type vector struct {
	ID    string `json:"id"`
	Type  string `json:"type"`
	Input struct {
		Serialization   string         `json:"serialization"`
		ProtectedHeader string         `json:"protectedHeader"`
		Plaintext       string         `json:"plaintext"`
		AAD             string         `json:"aad"`
		Reproducible    bool           `json:"reproducible"`
		Envelope        string         `json:"envelope"`
		InnerEnvelope   string         `json:"innerEnvelope"`
		InnerKey        string         `json:"innerKey_hex"`
		Key             string         `json:"key_hex"`
		KeyID           string         `json:"kid"`
		JWK             jsontext.Value `json:"jwk"`
		Public          jsontext.Value `json:"publicJwk"`
		Keys            []vectorKey    `json:"keys"`
	} `json:"input"`
	Output struct {
		Envelope jsontext.Value `json:"envelope"`
	} `json:"output"`
}

type vectorKey struct {
	KeyID  string         `json:"kid"`
	Key    string         `json:"key_hex"`
	Public jsontext.Value `json:"publicJwk"`
}

// envelope returns the text to open and how it is serialized.
func (v vector) envelope(t *testing.T) (string, Serialization) {
	t.Helper()
	switch {
	case v.Input.Envelope != "":
		return v.Input.Envelope, Compact
	case v.Output.Envelope.Kind() == '{':
		return string(v.Output.Envelope), JSON
	}
	var s string
	if err := json.Unmarshal(v.Output.Envelope, &s); err != nil {
		t.Fatal(err)
	}
	return s, Compact
}

// key makes a key out of the material of a vector, for the algorithm of one of
// the headers that name it.
func key(t *testing.T, id string, a Algorithm, octets string, jwk jsontext.Value) *Key {
	t.Helper()
	if octets != "" {
		raw, err := hex.DecodeString(octets)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := keys.NewSecret(raw)
		if err != nil {
			t.Fatal(err)
		}
		k, err := NewSymmetric(id, a, secret)
		return must(t, k, err)
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(jwk); err != nil {
		t.Fatal(err)
	}
	if parsed.IsPublic() {
		k, err := NewPublic(id, a, parsed.Key)
		return must(t, k, err)
	}
	k, err := NewPrivate(id, a, parsed.Key)
	return must(t, k, err)
}

// ring holds the keys that a vector gives, under the names of its headers.
func (v vector) ring(t *testing.T, e *Envelope) *Ring {
	t.Helper()
	var all []*Key
	for _, h := range e.Headers() {
		octets, jwk := v.Input.Key, v.Input.JWK
		if octets == "" && v.Input.Public != nil {
			jwk = v.Input.Public
		}
		for _, k := range v.Input.Keys {
			if k.KeyID == h.KeyID {
				octets, jwk = k.Key, k.Public
			}
		}
		all = append(all, key(t, h.KeyID, h.Algorithm, octets, jwk))
	}
	if v.Input.InnerEnvelope != "" {
		inner, err := Parse(v.Input.InnerEnvelope, Compact)
		if err != nil {
			t.Fatal(err)
		}
		h := inner.Headers()[0]
		all = append(all, key(t, h.KeyID, h.Algorithm, "", v.Input.Public))
	}
	return NewRing(all...)
}

func readVectors(t *testing.T) []vector {
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
	if len(file.Vectors) < 19 {
		t.Fatalf("%d vectors", len(file.Vectors))
	}
	return file.Vectors
}

func TestOpen_E131_E134_E135_E137_E139_E141_FollowsTheVectors(t *testing.T) {
	t.Parallel()
	class := map[string]Class{"esdata-jwe": EncryptionOnly, "esdata-jws": SignatureOnly, "esdata-nested": Nested}
	for _, v := range readVectors(t) {
		if class[v.Type] == 0 {
			continue
		}
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			text, s := v.envelope(t)
			e, err := Parse(text, s)
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.Open(v.ring(t, e))
			if err != nil {
				t.Fatal(err)
			}
			if got.Class != class[v.Type] || string(got.Payload) != v.Input.Plaintext {
				t.Errorf("class %v, payload %q", got.Class, got.Payload)
			}
			if string(got.Decrypted.AAD) != v.Input.AAD {
				t.Errorf("additional data %q", got.Decrypted.AAD)
			}
			if got.Class == Nested && string(got.Decrypted.Plaintext) != v.Input.InnerEnvelope {
				t.Errorf("inside is %q", got.Decrypted.Plaintext)
			}
			if len(v.Input.Keys) > 0 && s == JSON && v.Type == "esdata-jws" && len(got.Verified.By) != len(v.Input.Keys) {
				t.Errorf("%d credentials verified", len(got.Verified.By))
			}
		})
	}
}

func TestSeal_E137_WritesTheVectors(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t) {
		if v.Type != "esdata-jws" || !v.Input.Reproducible {
			continue
		}
		text, s := v.envelope(t)
		e, err := Parse(text, s)
		if err != nil {
			t.Fatal(err)
		}
		h := e.Headers()[0]
		got, err := Seal([]byte(v.Input.Plaintext), Protection{Sign: []*Key{key(t, h.KeyID, h.Algorithm, v.Input.Key, v.Input.JWK)}})
		if err != nil || got != text {
			t.Errorf("%s: %s, %v", v.ID, got, err)
		}
	}
}

func TestOpen_E142_E136_E139_RefusesTheVectors(t *testing.T) {
	t.Parallel()
	want := map[string]error{"E2E-77": ErrSyntax, "E2E-78": ErrAlgorithm, "E2E-79": ErrClass, "E2E-80": ErrCryptography}
	for _, v := range readVectors(t) {
		if v.Type != "esdata-reject" {
			continue
		}
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			const kid, outer = "//iot.example.org/mn-cse", "243B5E3D0B75E559707C1978F4F85A23@mef.trust.example.org"
			var all []*Key
			if v.Input.Public != nil {
				all = append(all, key(t, kid, ES256, "", v.Input.Public))
			}
			if v.Input.Key != "" {
				all = append(all, key(t, outer, Direct, v.Input.Key, nil), key(t, kid, HS256, v.Input.InnerKey, nil))
			}
			_, err := open(v.Input.Envelope, Compact, NewRing(all...))
			if !errors.Is(err, want[v.ID]) {
				t.Errorf("the error is %v, want %v", err, want[v.ID])
			}
		})
	}
}
