package endtoend

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"

	"bulwark/client"
	"bulwark/e2e/escertke"
	"bulwark/e2e/esdata"
	"bulwark/e2e/esprim"
	"bulwark/e2e/keys"
	"bulwark/onem2m"
	"bulwark/test/harness"
)

// The blocks of Go in docs/end-to-end.md stand here word for word, and run.

// store is data that a CSE can't read, from a meter to an office.
func store(ctx context.Context, c *client.Client, signing, wrapping *esdata.Key) error {
	sealed := c.Sealed(client.DataSecurity{Protection: esdata.Protection{
		Sign:    []*esdata.Key{signing},  // the meter's private key
		Encrypt: []*esdata.Key{wrapping}, // a key that the office has too, or the public key of its certificate
	}})
	_, err := sealed.Create(ctx, "cse-in/meter/data", client.Data{MediaType: "application/json", Payload: []byte(`{"kWh":21.5}`)})
	return err
}

// read opens it.
func read(ctx context.Context, c *client.Client, wrapping, meter *esdata.Key) (string, error) {
	sealed := c.Sealed(client.DataSecurity{
		Ring:    esdata.NewRing(wrapping, meter), // meter is the public key
		Class:   esdata.Nested,                   // signed, then encrypted: nothing less
		Sources: []string{"meter1"},
	})
	data, err := sealed.Retrieve(ctx, "cse-in/meter/data/la")
	if errors.Is(err, client.ErrNotSealed) || errors.Is(err, client.ErrWeaker) {
		return "", errors.New("somebody has put something else in its place")
	}
	return string(data.Payload), err
}

// group is data for the members of a group.
func group(ctx context.Context, c *client.Client, signing *esdata.Key, members ...*esdata.Key) error {
	protection, err := esdata.ForGroup(signing, members...)
	if err != nil {
		return err
	}
	sealed := c.Sealed(client.DataSecurity{Protection: protection})
	_, err = sealed.Create(ctx, "cse-in/meter/data", client.Data{MediaType: "text/plain", Payload: []byte("close the valves")})
	return err
}

// ask is a protected request under a key that is established by certificate.
func ask(ctx context.Context, c *client.Client) (string, error) {
	key, err := c.AgreeKey(ctx, client.Agreement{Peer: "//m2m.example/id-in"})
	if err != nil {
		return "", err
	}
	protected, err := c.ESPrim(client.Target{
		To: "/id-in/-", Self: "//m2m.example/id-in/Cmeter1",
		Key: esprim.Key{ID: key.ID, Secret: key.Secret, Peer: key.Peer, Expires: onem2m.TimestampOf(key.Expires)},
	})
	if err != nil {
		return "", err
	}
	box, err := protected.Retrieve(ctx, "/id-in/cse-in/meter/data") // as any other client
	return box.Name(), err
}

// keptKey is where an AE that answers keeps keys.
type keptKey struct{ key esprim.Key }

// ESPrimKey implements esprim.Keys.
func (k *keptKey) ESPrimKey(_ context.Context, id string) (esprim.Key, error) {
	if k.key.ID != id {
		return esprim.Key{}, errors.New("unknown key")
	}
	return k.key, nil
}

// serve is an AE that answers: it lets button establish a key, and takes its
// protected requests.
func serve(ctx context.Context, c *client.Client, kept *keptKey) (*client.Listener, *client.KeyExchange, error) {
	const self, button onem2m.ID = "//m2m.example/id-in/Cmeter1", "//m2m.example/id-in/Coffice1"
	exchange, err := c.NewKeyExchange(self, func(_ context.Context, key escertke.Key) error {
		kept.key = esprim.Key{ID: key.ID, Secret: key.Secret, Peer: key.Peer, Expires: onem2m.TimestampOf(key.Expires)}
		return nil // once it is stored
	}, client.Agreement{Peer: button})
	if err != nil {
		return nil, nil, err
	}
	receiver, err := client.NewReceiver(self, kept)
	if err != nil {
		return nil, nil, err
	}
	listener, err := client.ListenFor(ctx, "127.0.0.1:0", client.Handlers{
		KeyExchange: exchange,
		Receiver:    receiver,
		Request: func(_ context.Context, from onem2m.ID, req *onem2m.Request) *onem2m.Response {
			if from != button || req.Operation != onem2m.Retrieve {
				return &onem2m.Response{Code: onem2m.OriginatorHasNoPrivilege}
			}
			return &onem2m.Response{Code: onem2m.OK, Content: &onem2m.Content{Name: "m2m:cin", Value: []byte(`{"con":"on"}`)}}
		},
	})
	return listener, exchange, err
}

// wrapping makes a key that source and target share.
func wrapping(t *testing.T, id string) *esdata.Key {
	t.Helper()
	octets := make([]byte, 32)
	_, _ = rand.Read(octets)
	secret, err := keys.NewSecret(octets)
	if err != nil {
		t.Fatal(err)
	}
	k, err := esdata.NewSymmetric(id, esdata.A256KW, secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const configuration = `
[[listen]]
binding = "https"
address = "127.0.0.1:0"

[[escertke.peer]]
id = "//m2m.example/id-in/Cmeter1"
`

func TestExamples_OfTheGuide(t *testing.T) {
	t.Parallel()
	n := harness.StartNode(t, configuration, nil)
	authority := harness.NewAuthority(t, n.Dir)
	as := func(stem, name string, points ...string) *client.Client {
		me := authority.AE(stem)
		c, err := client.New(client.Options{URL: n.Addresses[0], From: stem, CA: filepath.Join(n.Dir, "pki", "ca.crt"), Cert: me.CertFile, Key: me.KeyFile})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		if _, err := c.Register(t.Context(), client.AE{Name: name, App: "Ntest", Points: points, Reachable: len(points) > 0}); err != nil {
			t.Fatal(err)
		}
		return c
	}
	ctx := t.Context()
	office := as("Coffice1", "office")
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signing, err := esdata.NewPrivate("meter1", esdata.ES256, private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := esdata.NewPublic("meter1", esdata.ES256, &private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	kept := &keptKey{}
	me := authority.AE("Cmeter1")
	bare, err := client.New(client.Options{URL: n.Addresses[0], From: "Cmeter1", CA: filepath.Join(n.Dir, "pki", "ca.crt"), Cert: me.CertFile, Key: me.KeyFile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bare.Close)
	listener, exchange, err := serve(ctx, bare, kept)
	if err != nil {
		t.Fatal(err)
	}
	defer exchange.Close()
	defer listener.Close()
	meter := as("Cmeter1", "meter", listener.URL)
	for _, r := range []struct {
		ty    onem2m.ResourceType
		attrs string
	}{
		{onem2m.TypeAccessControlPolicy, `{"rn":"readers","pv":{"acr":[{"acor":["Cmeter1"],"acop":63},{"acor":["Coffice1"],"acop":18}]},"pvs":{"acr":[{"acor":["Cmeter1"],"acop":63}]}}`},
		{onem2m.TypeContainer, `{"rn":"data","acpi":["cse-in/meter/readers"]}`},
	} {
		o, err := onem2m.ParseObject([]byte(r.attrs))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := meter.Create(ctx, "cse-in/meter", r.ty, o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := meter.Update(ctx, "cse-in/meter", "m2m:ae", onem2m.Object{{Name: "acpi", Value: []byte(`["cse-in/meter/readers"]`)}}); err != nil {
		t.Fatal(err)
	}

	wrap := wrapping(t, "office1")
	if err := store(ctx, meter, signing, wrap); err != nil {
		t.Errorf("store: %v", err)
	}
	if got, err := read(ctx, office, wrap, public); err != nil || got != `{"kWh":21.5}` {
		t.Errorf("read: %q, %v", got, err)
	}
	if err := group(ctx, meter, signing, wrap, wrapping(t, "plant1")); err != nil {
		t.Errorf("group: %v", err)
	}
	if got, err := read(ctx, office, wrap, public); err != nil || got != "close the valves" {
		t.Errorf("a member reads: %q, %v", got, err)
	}
	if name, err := ask(ctx, meter); err != nil || name != "data" {
		t.Errorf("ask: %q, %v", name, err)
	}

	key, err := office.AgreeKey(ctx, client.Agreement{Peer: "//m2m.example/id-in/Cmeter1"})
	if err != nil {
		t.Fatal(err)
	}
	protected, err := office.ESPrim(client.Target{
		To: "/id-in/Cmeter1", Self: "//m2m.example/id-in/Coffice1",
		Key: esprim.Key{ID: key.ID, Secret: key.Secret, Peer: key.Peer},
	})
	if err != nil {
		t.Fatal(err)
	}
	if state, err := protected.Retrieve(ctx, "/id-in/Cmeter1"); err != nil || string(state.Get("con")) != `"on"` {
		t.Errorf("serve: %+v, %v", state, err)
	}
}
