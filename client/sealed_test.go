package client_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/client"
	"bulwark/e2e/esdata"
	"bulwark/e2e/keys"
	"bulwark/onem2m"
	"bulwark/test/harness"
)

// keysOf are those of a source and its reader.
type keysOf struct {
	wrap, direct, mic *esdata.Key // both have them
	sign, verify      *esdata.Key
}

func newKeys(t *testing.T) keysOf {
	t.Helper()
	symmetric := func(id string, a esdata.Algorithm) *esdata.Key {
		octets := make([]byte, 32)
		_, _ = rand.Read(octets)
		secret, err := keys.NewSecret(octets)
		if err != nil {
			t.Fatal(err)
		}
		k, err := esdata.NewSymmetric(id, a, secret)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := keysOf{wrap: symmetric("wrap@m2m.example", esdata.A256KW), direct: symmetric("direct@m2m.example", esdata.Direct), mic: symmetric("mic@m2m.example", esdata.HS256)}
	if k.sign, err = esdata.NewPrivate("//m2m.example/id-in/Csource", esdata.ES256, private); err != nil {
		t.Fatal(err)
	}
	if k.verify, err = esdata.NewPublic("//m2m.example/id-in/Csource", esdata.ES256, &private.PublicKey); err != nil {
		t.Fatal(err)
	}
	return k
}

const reading = `{"temperature":21.5,"where":"the strong room"}`

// container starts a CSE with an AE and a container.
func container(t *testing.T) (*client.Client, *harness.Node) {
	t.Helper()
	n := harness.StartNode(t, listeners, nil)
	c := connect(t, client.Options{URL: n.Addresses[0]})
	if _, err := c.Register(t.Context(), client.AE{Name: "app", App: "Ntest"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(t.Context(), "cse-in/app", onem2m.TypeContainer, attrs("rn", `"box"`)); err != nil {
		t.Fatal(err)
	}
	return c, n
}

func TestSealed_E128_E129_E130_E143_ThePlatformStoresWhatItCannotRead(t *testing.T) {
	t.Parallel()
	c, n := container(t)
	k := newKeys(t)
	ring := esdata.NewRing(k.wrap, k.direct, k.mic, k.verify)
	for _, tt := range []struct {
		name       string
		protection esdata.Protection
		cnf        string
		class      esdata.Class
	}{
		{"a key that is shared", esdata.Protection{Encrypt: []*esdata.Key{k.direct}}, "application/json:0:1", esdata.EncryptionOnly},
		{"a key that wraps, in JSON", esdata.Protection{Encrypt: []*esdata.Key{k.wrap}, Serialization: esdata.JSON}, "application/json:0:2", esdata.EncryptionOnly},
		{"the same in base64", esdata.Protection{Encrypt: []*esdata.Key{k.wrap}, Serialization: esdata.JSONBase64}, "application/json:0:3", esdata.EncryptionOnly},
		{"signed, then encrypted", esdata.Protection{Sign: []*esdata.Key{k.sign}, Encrypt: []*esdata.Key{k.wrap}}, "application/json:0:1", esdata.Nested},
		{"signed", esdata.Protection{Sign: []*esdata.Key{k.sign}}, "application/json:0:1", esdata.SignatureOnly},
		{"with a MIC and a signature", esdata.Protection{Sign: []*esdata.Key{k.mic, k.sign}, Serialization: esdata.JSON}, "application/json:0:2", esdata.SignatureOnly},
	} {
		s := c.Sealed(client.DataSecurity{Protection: tt.protection, Ring: ring})
		made, err := s.Create(t.Context(), "cse-in/app/box", client.Data{MediaType: "application/json", Payload: []byte(reading)})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if cnf, _ := made.Text("cnf"); cnf != tt.cnf {
			t.Errorf("%s: contentInfo is %s", tt.name, cnf)
		}
		got, err := s.Retrieve(t.Context(), "cse-in/app/box/la")
		if err != nil || string(got.Payload) != reading || got.MediaType != "application/json" || got.Class != tt.class {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
		if signed := tt.class != esdata.EncryptionOnly; signed != (len(got.VerifiedBy) > 0) || (tt.class == esdata.SignatureOnly) != (got.DecryptedBy == "") {
			t.Errorf("%s: by %q and %q", tt.name, got.VerifiedBy, got.DecryptedBy)
		}
	}
	// What only is signed is in clear, in base64url; of the encrypted ones nothing may be found.
	if err := c.Delete(t.Context(), "cse-in/app/box"); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(n.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // a folder
		}
		if bytes.Contains(data, []byte("strong room")) {
			t.Errorf("%s holds the payload", name)
		}
	}
}

func TestSealed_E138_E139_TakesNothingLessThanDemanded(t *testing.T) {
	t.Parallel()
	c, _ := container(t)
	k := newKeys(t)
	ring := esdata.NewRing(k.wrap, k.mic, k.verify)
	nested := esdata.Protection{Sign: []*esdata.Key{k.sign}, Encrypt: []*esdata.Key{k.wrap}}
	reader := c.Sealed(client.DataSecurity{Protection: nested, Ring: ring, Sources: []string{"//m2m.example/id-in/Csource"}})
	instance := func(cnf string, con jsontext.Value) client.Resource {
		o := onem2m.Object{{Name: "con", Value: con}}
		if cnf != "" {
			o.Set("cnf", onem2m.TextValue(cnf))
		}
		return client.Resource{Root: "m2m:cin", Object: o}
	}
	sealed := func(p esdata.Protection) jsontext.Value {
		p.ContentType = "json"
		text, err := esdata.Seal([]byte("aGVsbG8="), p)
		if err != nil {
			t.Fatal(err)
		}
		return onem2m.TextValue(text)
	}
	for _, tt := range []struct {
		name string
		r    client.Resource
		want error
	}{
		{"in clear", instance("application/json:0", onem2m.TextValue("hello")), client.ErrNotSealed},
		{"without contentInfo", instance("", sealed(nested)), client.ErrNotSealed},
		{"said to be in clear", instance("application/json:0:0", sealed(nested)), client.ErrNotSealed},
		{"E-144 in XML", instance("application/json:0:4", sealed(nested)), client.ErrNotSealed},
		{"only encrypted", instance("application/json:0:1", sealed(esdata.Protection{Encrypt: []*esdata.Key{k.wrap}})), client.ErrWeaker},
		{"only signed", instance("application/json:0:1", sealed(esdata.Protection{Sign: []*esdata.Key{k.sign}})), client.ErrWeaker},
		{"decoded by what nobody protects", instance("application/json:1:1", sealed(nested)), client.ErrWeaker},
		{"no envelope", instance("application/json:0:1", onem2m.TextValue("hello")), esdata.ErrSyntax},
		{"in another serialization", instance("application/json:0:2", sealed(nested)), esdata.ErrSyntax},
	} {
		if got, err := reader.Open(tt.r); !errors.Is(err, tt.want) || got.Payload != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	good := instance("application/json:0:1", sealed(nested))
	if got, err := reader.Open(good); err != nil || got.MediaType != "application/json" {
		t.Errorf("as demanded: %+v, %v", got, err)
	}
	if _, err := c.Sealed(client.DataSecurity{Protection: nested, Ring: ring, Sources: []string{"//m2m.example/id-in/Cother1"}}).Open(good); !errors.Is(err, client.ErrWeaker) {
		t.Errorf("of another source: %v", err)
	}
	encoded := c.Sealed(client.DataSecurity{Class: esdata.Nested, Ring: ring, Encoded: true})
	if got, err := encoded.Open(instance("text/plain:1:1", sealed(nested))); err != nil || string(got.Payload) != "hello" {
		t.Errorf("encoded, and expected so: %q, %v", got.Payload, err)
	}
	if _, err := encoded.Create(t.Context(), "cse-in/app/box", client.Data{MediaType: "text/plain", Payload: []byte("x")}); !errors.Is(err, esdata.ErrProtection) {
		t.Errorf("a reader writes: %v", err)
	}
	if _, err := reader.Create(t.Context(), "cse-in/app/box", client.Data{MediaType: "nonsense", Payload: []byte("x")}); code(err) != onem2m.BadRequest {
		t.Errorf("no media type: %v", err)
	}
	json := esdata.Protection{Encrypt: []*esdata.Key{k.wrap}, Serialization: esdata.JSON}
	text, err := esdata.Seal([]byte("hello"), json)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Sealed(client.DataSecurity{Protection: json, Ring: ring}).Open(instance("text/plain:0:2", jsontext.Value(text))); err != nil || string(got.Payload) != "hello" {
		t.Errorf("JSON as it is: %q, %v", got.Payload, err)
	}
}

func TestSealed_E132_GroupsReadWithOneContentKey(t *testing.T) {
	t.Parallel()
	c, _ := container(t)
	source, one, two := newKeys(t), newKeys(t), newKeys(t)
	p, err := esdata.ForGroup(source.sign, one.wrap)
	if err != nil {
		t.Fatal(err)
	}
	writer := c.Sealed(client.DataSecurity{Protection: p})
	if _, err := writer.Create(t.Context(), "cse-in/app/box", client.Data{MediaType: "text/plain", Payload: []byte("close the gate")}); err != nil {
		t.Fatal(err)
	}
	as := func(k keysOf) error {
		got, err := c.Sealed(client.DataSecurity{Class: esdata.Nested, Ring: esdata.NewRing(k.wrap, source.verify)}).Retrieve(t.Context(), "cse-in/app/box/la")
		if err == nil && (string(got.Payload) != "close the gate" || !strings.HasSuffix(got.VerifiedBy[0], "/Csource")) {
			t.Errorf("got %+v", got)
		}
		return err
	}
	if err := as(one); err != nil {
		t.Errorf("a member: %v", err)
	}
	if err := as(two); !errors.Is(err, esdata.ErrCryptography) {
		t.Errorf("not a member, with a key of the same name: %v", err)
	}
}
