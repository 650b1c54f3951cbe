package client_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/client"
	"bulwark/e2e/escertke"
	"bulwark/internal/identity"
	"bulwark/onem2m"
	"bulwark/test/harness"
)

// otherEnd is an end-point behind CSEs, with the certificate of a CSE, that
// accepts one AE; last is the message that it got last.
type otherEnd struct {
	*httptest.Server

	stored *escertke.Key
	to     string
	answer func(*onem2m.Content) *onem2m.Content // changes what it says; nil: nothing
}

func newOtherEnd(t *testing.T, authority *harness.Authority, cse string, accepts onem2m.ID) *otherEnd {
	t.Helper()
	own := authority.CSE(cse).TLS
	trust, err := identity.NewTrust(identity.TrustConfig{Home: harness.Home(), Anchors: authority.Anchors()})
	if err != nil {
		t.Fatal(err)
	}
	term := escertke.NewTerminator(escertke.TerminatorOptions{
		End:     escertke.End{Certificate: func() *tls.Certificate { return &own }, Trust: trust},
		Allowed: func(id onem2m.ID) bool { return id == accepts },
	})
	t.Cleanup(term.Close)
	o := &otherEnd{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, body := onem2m.OK, []byte(nil)
		from, _, err := harness.Home().ParseID(r.Header.Get("X-M2M-Origin"))
		if err != nil {
			t.Error(err)
		}
		message, err := messageIn(r.Body)
		if err != nil {
			t.Error(err)
		}
		o.to = r.URL.Path
		answer, key, err := term.Receive(r.Context(), from, message)
		switch {
		case err != nil:
			code = onem2m.AsError(err).Code
		default:
			content := onem2m.NewESCertKEInfo(answer).Content()
			if o.answer != nil {
				content = o.answer(content)
			}
			if content != nil {
				body = []byte(`{"` + content.Name + `":` + string(content.Value) + `}`)
			}
		}
		if key != nil {
			o.stored = key
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header()["X-M2M-RSC"] = []string{strconv.Itoa(int(code))}
		w.Header()["X-M2M-RI"] = []string{r.Header.Get("X-M2M-RI")}
		w.WriteHeader(code.HTTP())
		_, _ = w.Write(body)
	}))
	t.Cleanup(o.Close)
	return o
}

func messageIn(body io.Reader) ([]byte, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	outer, err := onem2m.ParseObject(jsontext.Value(text))
	if err != nil {
		return nil, err
	}
	info, err := onem2m.ParseSecurityInfo(outer.Get(onem2m.SecurityInfoName))
	if err != nil {
		return nil, err
	}
	return info.ESCertKE()
}

func TestClient_E95_E102_AgreesOnAKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority := harness.NewAuthority(t, dir)
	ca := filepath.Join(dir, "pki", "ca.crt")
	me := authority.AE("Cone001")
	const peer onem2m.ID = "//m2m.example/id-far"
	there := newOtherEnd(t, authority, "/id-far", "//m2m.example/id-in/Cone001")
	c := connect(t, client.Options{URL: there.URL, From: "Cone001", CA: ca, Cert: me.CertFile, Key: me.KeyFile})

	key, err := c.AgreeKey(t.Context(), client.Agreement{Peer: peer})
	if err != nil {
		t.Fatal(err)
	}
	if there.stored == nil || there.stored.ID != key.ID || !there.stored.Secret.Equal(key.Secret) || key.Peer != peer || there.stored.Peer != "//m2m.example/id-in/Cone001" {
		t.Errorf("the ends have %+v and %+v", key, there.stored)
	}
	if there.to != "/_/m2m.example/id-far/-" {
		t.Errorf("the notification went to %s", there.to)
	}

	if _, err := c.AgreeKey(t.Context(), client.Agreement{Peer: "//m2m.example/id-other", To: "/id-far/-"}); !errors.Is(err, escertke.ErrPeer) {
		t.Errorf("E-102: the certificate of another CSE: %v", err)
	}
	c.SetFrom("Cother1")
	if _, err := c.AgreeKey(t.Context(), client.Agreement{Peer: peer}); code(err) != onem2m.OriginatorHasNoPrivilege {
		t.Errorf("E-103: an originator that the other end doesn't know: %v", err)
	}
	c.SetFrom("Cone001")
	for name, change := range map[string]func(*onem2m.Content) *onem2m.Content{
		"nothing":      func(*onem2m.Content) *onem2m.Content { return nil },
		"another type": func(*onem2m.Content) *onem2m.Content { return onem2m.NewESPrimInfo("a.b.c.d.e").Content() },
		"another root": func(c *onem2m.Content) *onem2m.Content { return &onem2m.Content{Name: "m2m:sgn", Value: c.Value} },
		"a lie":        func(*onem2m.Content) *onem2m.Content { return onem2m.NewESCertKEInfo([]byte("lie")).Content() },
	} {
		there.answer = change
		if key, err := c.AgreeKey(t.Context(), client.Agreement{Peer: peer}); !errors.Is(err, escertke.ErrMessage) || key != nil {
			t.Errorf("E-109 an answer with %s: %v", name, err)
		}
	}
}

func TestClient_E102_WhatAnAgreementNeeds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority := harness.NewAuthority(t, dir)
	ca := filepath.Join(dir, "pki", "ca.crt")
	me := authority.AE("Cone001")
	for name, tt := range map[string]struct {
		o    client.Options
		with client.Agreement
	}{
		"no certificate":           {client.Options{CA: ca}, client.Agreement{Peer: "//m2m.example/id-far"}},
		"no anchor":                {client.Options{Cert: me.CertFile, Key: me.KeyFile}, client.Agreement{Peer: "//m2m.example/id-far"}},
		"an anchor that is absent": {client.Options{Cert: me.CertFile, Key: me.KeyFile}, client.Agreement{Peer: "//m2m.example/id-far", CA: ca + "x"}},
		"a relative peer":          {client.Options{Cert: me.CertFile, Key: me.KeyFile, CA: ca}, client.Agreement{Peer: "/id-far"}},
		"a key that is absent":     {client.Options{Cert: me.CertFile, Key: ca, CA: ca}, client.Agreement{Peer: "//m2m.example/id-far"}},
		"a domain that is none":    {client.Options{Cert: me.CertFile, Key: me.KeyFile, CA: ca}, client.Agreement{Peer: "//m2m.example/Id_X", Domain: "-"}},
	} {
		tt.o.URL = "http://127.0.0.1:9"
		c := connect(t, tt.o)
		if _, err := c.AgreeKey(t.Context(), tt.with); err == nil || strings.Contains(err.Error(), "127.0.0.1:9") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeyExchange_E112_AnAEAnswers(t *testing.T) {
	t.Parallel()
	n := harness.StartNode(t, listeners+"[[escertke.peer]]\nid = \"//m2m.example/id-in/Clamp01\"\n", nil)
	authority := harness.NewAuthority(t, n.Dir)
	ca := filepath.Join(n.Dir, "pki", "ca.crt")
	as := func(stem string) *client.Client {
		me := authority.AE(stem)
		return connect(t, client.Options{URL: n.Addresses[1], From: stem, CA: ca, Cert: me.CertFile, Key: me.KeyFile})
	}
	const lamp, button onem2m.ID = "//m2m.example/id-in/Clamp01", "//m2m.example/id-in/Cbutton1"
	stored := make(chan escertke.Key, 2)
	full := false
	there := as("Clamp01")
	exchange, err := there.NewKeyExchange(lamp, func(_ context.Context, key escertke.Key) error {
		if full {
			return errors.New("no room")
		}
		stored <- key
		return nil
	}, client.Agreement{Peer: button}, client.Agreement{Peer: "//m2m.example/id-in"})
	if err != nil {
		t.Fatal(err)
	}
	defer exchange.Close()
	l, err := client.ListenFor(t.Context(), "127.0.0.1:0", client.Handlers{KeyExchange: exchange})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := there.Register(t.Context(), client.AE{Name: "lamp", App: "Ntest", Points: []string{l.URL}, Reachable: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := there.Create(t.Context(), "cse-in/lamp", onem2m.TypeAccessControlPolicy, attrs("rn", `"open"`, "pv", `{"acr":[{"acor":["all"],"acop":16}]}`, "pvs", `{"acr":[{"acor":["Clamp01"],"acop":63}]}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := there.Update(t.Context(), "cse-in/lamp", "m2m:ae", attrs("acpi", `["cse-in/lamp/open"]`)); err != nil {
		t.Fatal(err)
	}
	here, stranger := as("Cbutton1"), as("Cother1")
	for _, c := range []*client.Client{here, stranger} {
		if _, err := c.Register(t.Context(), client.AE{App: "Ntest"}); err != nil {
			t.Fatal(err)
		}
	}
	key, err := here.AgreeKey(t.Context(), client.Agreement{Peer: lamp})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-stored; got.ID != key.ID || !got.Secret.Equal(key.Secret) || got.Peer != button || key.Peer != lamp {
		t.Errorf("the ends have %+v and %+v", key, got)
	}
	if _, err := stranger.AgreeKey(t.Context(), client.Agreement{Peer: lamp}); code(err) != onem2m.OriginatorHasNoPrivilege {
		t.Errorf("E-103: an AE that is not a peer: %v", err)
	}
	// The CSE begins when the administrator says so, and with nobody else.
	admin := authority.Admin()
	operator := connect(t, client.Options{URL: n.Addresses[1], CA: ca, Cert: admin.CertFile, Key: admin.KeyFile})
	establish := func(c *client.Client, peer string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.Addresses[1]+"/__bulwark/establish", strings.NewReader(`{"peer":"`+peer+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.HTTP(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	if status, _ := establish(here, string(lamp)); status != http.StatusForbidden {
		t.Errorf("somebody else: %d", status)
	}
	if status, _ := establish(operator, string(button)); status != http.StatusNotFound {
		t.Errorf("with an AE that is not configured: %d", status)
	}
	if status, text := establish(operator, string(lamp)); status != http.StatusOK || !strings.Contains(text, (<-stored).ID) {
		t.Errorf("with one that is: %d %s", status, text)
	}
	full = true
	if status, _ := establish(operator, string(lamp)); status != http.StatusBadGateway {
		t.Errorf("with one that refuses: %d", status)
	}
	if _, err := here.AgreeKey(t.Context(), client.Agreement{Peer: lamp}); code(err) != onem2m.InternalServerError {
		t.Errorf("E-107: a key that is not kept: %v", err)
	}
	for _, tt := range []struct {
		self  onem2m.ID
		peers []client.Agreement
	}{{"//m2m.example/id-in", []client.Agreement{{Peer: button}}}, {lamp, nil}, {lamp, []client.Agreement{{Peer: button, CA: ca + "x"}}}} {
		if _, err := there.NewKeyExchange(tt.self, func(context.Context, escertke.Key) error { return nil }, tt.peers...); err == nil {
			t.Errorf("%+v passes", tt)
		}
	}
}

func TestClient_E23_ACertificateThatIsAdvertisedProvesNothing(t *testing.T) {
	t.Parallel()
	n := harness.StartNode(t, listeners, nil)
	authority := harness.NewAuthority(t, n.Dir)
	ca := filepath.Join(n.Dir, "pki", "ca.crt")
	const lamp onem2m.ID = "//m2m.example/id-in/Clamp01"
	// Somebody who has a certificate of an authority of their own, in the name of
	// the lamp, says so in the <AE>.
	elsewhere := t.TempDir()
	own := harness.NewAuthority(t, elsewhere).AE("Clamp01")
	me, asking := authority.AE("Clamp01"), authority.AE("Cbutton1")
	c := connect(t, client.Options{URL: n.Addresses[1], From: "Clamp01", CA: ca, Cert: me.CertFile, Key: me.KeyFile})
	impostor := connect(t, client.Options{URL: n.Addresses[0], From: "Clamp01", CA: ca, Cert: own.CertFile, Key: own.KeyFile})
	exchange, err := impostor.NewKeyExchange(lamp, func(context.Context, escertke.Key) error { return nil }, client.Agreement{Peer: "//m2m.example/id-in/Cbutton1"})
	if err != nil {
		t.Fatal(err)
	}
	defer exchange.Close()
	l, err := client.ListenFor(t.Context(), "127.0.0.1:0", client.Handlers{KeyExchange: exchange})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := c.Register(t.Context(), client.AE{Name: "lamp", App: "Ntest", Points: []string{l.URL}, Reachable: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(t.Context(), "cse-in/lamp", onem2m.TypeAccessControlPolicy, attrs("rn", `"open"`, "pv", `{"acr":[{"acor":["all"],"acop":16}]}`, "pvs", `{"acr":[{"acor":["Clamp01"],"acop":63}]}`)); err != nil {
		t.Fatal(err)
	}
	escert := base64.StdEncoding.EncodeToString(own.TLS.Certificate[0])
	for _, change := range []onem2m.Object{attrs("esi", `{"esf":[43],"escert":["`+escert+`"]}`), attrs("acpi", `["cse-in/lamp/open"]`)} {
		if _, err := c.Update(t.Context(), "cse-in/lamp", "m2m:ae", change); err != nil {
			t.Fatal(err)
		}
	}
	button := connect(t, client.Options{URL: n.Addresses[1], From: "Cbutton1", CA: ca, Cert: asking.CertFile, Key: asking.KeyFile})
	if _, err := button.Register(t.Context(), client.AE{App: "Ntest"}); err != nil {
		t.Fatal(err)
	}
	if key, err := button.AgreeKey(t.Context(), client.Agreement{Peer: lamp}); !errors.Is(err, escertke.ErrPeer) || key != nil {
		t.Errorf("got %v", err)
	}
}
