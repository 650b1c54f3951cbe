package escertke

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"bulwark/e2e/keys"
)

// vector is the recorded exchange of testdata/vectors.json.
type vector struct {
	ID    string `json:"id"`
	Input struct {
		Messages     [][]byte `json:"escertkeMessages_b64"`
		MasterSecret string   `json:"master_secret_hex"`
	} `json:"input"`
	Output struct {
		Records [][]struct {
			ContentType byte `json:"contentType"`
			Length      int  `json:"length"`
		} `json:"records"`
		ClientRandom string `json:"client_random_hex"`
		ServerRandom string `json:"server_random_hex"`
		KeyID        string `json:"pairwiseE2EKeyID_hex"`
		Key          string `json:"pairwiseE2EKey_hex"`
		Name         string `json:"kid"`
	} `json:"output"`
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	out, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// recorded is a session whose secrets are known.
type recorded struct{ master, client, server []byte }

// prf is the function of RFC 5246 clause 5.
func (r recorded) prf(length int, label string, seed ...[]byte) []byte {
	all := append([]byte(label), bytes.Join(seed, nil)...)
	sum := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, r.master)
		for _, part := range parts {
			h.Write(part)
		}
		return h.Sum(nil)
	}
	var out []byte
	for a := sum(all); len(out) < length; a = sum(a) {
		out = append(out, sum(a, all)...)
	}
	return out[:length]
}

// ExportKeyingMaterial implements keys.Exporter, without context.
func (r recorded) ExportKeyingMaterial(label string, _ []byte, length int) ([]byte, error) {
	return r.prf(length, label, r.client, r.server), nil
}

// split returns the bodies of the records of a message.
func split(t *testing.T, message []byte) (bodies [][]byte) {
	t.Helper()
	for len(message) > 0 {
		n := headerLength + int(message[3])<<8 + int(message[4])
		bodies = append(bodies, message[headerLength:n])
		message = message[n:]
	}
	return bodies
}

// finished decrypts a record of the suite C023 and returns the handshake message.
func finished(t *testing.T, body, key []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	plain := make([]byte, len(body)-aes.BlockSize)
	cipher.NewCBCDecrypter(block, body[:aes.BlockSize]).CryptBlocks(plain, body[aes.BlockSize:])
	padding := int(plain[len(plain)-1]) + 1
	return plain[:len(plain)-padding-sha256.Size]
}

func TestVector_E95_E97_E98_E105_TheRecordedExchange(t *testing.T) {
	t.Parallel()
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
	for _, v := range file.Vectors {
		session := recorded{unhex(t, v.Input.MasterSecret), unhex(t, v.Output.ClientRandom), unhex(t, v.Output.ServerRandom)}
		var transcript []byte // of handshake messages
		keyBlock := session.prf(96, "key expansion", session.server, session.client)
		for i, message := range v.Input.Messages {
			if err := checkShape(message, i+1); err != nil {
				t.Errorf("%s: message %d: %v", v.ID, i+1, err)
			}
			types, err := records(message)
			if err != nil || len(types) != len(v.Output.Records[i]) {
				t.Fatalf("%s: message %d has %d records, %v", v.ID, i+1, len(types), err)
			}
			bodies := split(t, message)
			for j, want := range v.Output.Records[i] {
				if types[j] != want.ContentType || len(bodies[j]) != want.Length {
					t.Errorf("%s: record %d of message %d is %d with %d octets", v.ID, j, i+1, types[j], len(bodies[j]))
				}
			}
			label, key, plain := "", []byte(nil), bodies
			switch i {
			case 2:
				label, key, plain = "client finished", keyBlock[64:80], bodies[:len(bodies)-2]
			case 3:
				label, key, plain = "server finished", keyBlock[80:96], nil
			}
			transcript = append(transcript, bytes.Join(plain, nil)...)
			if label == "" {
				continue
			}
			hash := sha256.Sum256(transcript)
			got := finished(t, bodies[len(bodies)-1], key)
			if want := append([]byte{20, 0, 0, 12}, session.prf(12, label, hash[:])...); !bytes.Equal(got, want) {
				t.Errorf("%s: message %d ends with %x, want %x", v.ID, i+1, got, want)
			}
			transcript = append(transcript, got...)
		}
		exported, err := keys.ExportESCertKE(session)
		if err != nil {
			t.Fatal(err)
		}
		name, err := keys.ExportedIdentifier(exported.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		got := []string{hex.EncodeToString(exported.ID[:]), hex.EncodeToString(exported.Key.Bytes()), name.String()}
		if diff := cmp.Diff([]string{v.Output.KeyID, v.Output.Key, v.Output.Name}, got); diff != "" {
			t.Errorf("%s: %s", v.ID, diff)
		}
	}
}
