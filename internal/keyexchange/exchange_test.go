package keyexchange

import (
	"context"
	"crypto/tls"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"bulwark/e2e/escertke"
	"bulwark/internal/identity"
	"bulwark/internal/pki"
	"bulwark/onem2m"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book is Keys in memory.
type book struct {
	mu   sync.Mutex // guards keys
	keys []escertke.Key
	err  error
}

func (b *book) Keep(_ context.Context, key escertke.Key) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.keys = append(b.keys, key)
	}
	return b.err
}

func (b *book) Latest(_ context.Context, peer onem2m.ID) (expires time.Time, found bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range b.keys {
		if k.Peer == peer {
			expires, found = k.Expires, true
		}
	}
	return expires, found, b.err
}

// world is two CSEs and an AE of one service provider, at a time that the test
// sets.
type world struct {
	in, mn   *side
	at       time.Time
	trust    *identity.Trust
	ae       tls.Certificate
	unheard  bool // notifications get no answer
	messages int
}

// side is one CSE.
type side struct {
	*Exchanger

	id     onem2m.ID
	book   book
	events []Event
}

const (
	inID onem2m.ID = "//m2m.example/id-in"
	mnID onem2m.ID = "//m2m.example/id-mn"
	aeID onem2m.ID = "//m2m.example/id-mn/Cmeter1"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	home := onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}
	authority, err := pki.Init(filepath.Join(t.TempDir(), "pki"), home, pki.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{at: time.Now()}
	if w.trust, err = identity.NewTrust(identity.TrustConfig{Home: home, Anchors: authority.Anchors(), Now: func() time.Time { return w.at }}); err != nil {
		t.Fatal(err)
	}
	certificate := func(kind pki.Kind, name string) tls.Certificate {
		out := filepath.Join(t.TempDir(), "own")
		if _, err := authority.Issue(kind, name, pki.Options{Out: out}); err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(out+".crt", out+".key")
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	w.ae = certificate(pki.AE, string(aeID))
	w.in = w.side(t, inID, certificate(pki.CSE, "/id-in"), Peer{ID: mnID, Trust: w.trust}, Peer{ID: aeID, Trust: w.trust})
	w.mn = w.side(t, mnID, certificate(pki.CSE, "/id-mn"), Peer{ID: inID, Trust: w.trust, Initiate: true})
	return w
}

func (w *world) side(t *testing.T, id onem2m.ID, own tls.Certificate, peers ...Peer) *side {
	t.Helper()
	s := &side{id: id}
	x, err := New(Options{
		Home: onem2m.Home{SP: id.SP(), CSE: id.SPRelative(), Name: "cse"}, Certificate: func() *tls.Certificate { return &own }, Peers: peers,
		Keys: &s.book, Send: func(ctx context.Context, to string, content *onem2m.Content) (*onem2m.Response, error) {
			return w.carry(ctx, id, to, content)
		},
		Observe: func(e Event) { s.events = append(s.events, e) }, Now: func() time.Time { return w.at },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Exchanger = x
	t.Cleanup(x.Close)
	return s
}

// carry is the way of a notification to a CSE and back.
func (w *world) carry(ctx context.Context, from onem2m.ID, to string, content *onem2m.Content) (*onem2m.Response, error) {
	w.messages++
	target := map[string]*side{string(inID) + "/-": w.in, string(mnID) + "/-": w.mn}[to]
	if w.unheard || target == nil {
		return nil, errors.New("nobody answers")
	}
	info, err := onem2m.SecurityInfoOf(content)
	if err != nil {
		return nil, err
	}
	message, err := info.ESCertKE()
	if err != nil {
		return nil, err
	}
	answer, err := target.Exchange(ctx, from, message)
	if err != nil {
		return &onem2m.Response{Code: onem2m.AsError(err).Code}, nil
	}
	return &onem2m.Response{Code: onem2m.OK, Content: onem2m.NewESCertKEInfo(answer).Content()}, nil
}

func TestExchanger_E102_E105_E107_TwoCSEsAgreeOnAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, err := w.mn.Establish(t.Context(), inID)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.in.book.keys) != 1 || len(w.mn.book.keys) != 1 {
		t.Fatalf("%d and %d keys are kept", len(w.in.book.keys), len(w.mn.book.keys))
	}
	there := w.in.book.keys[0]
	if there.ID != key.ID || there.Peer != mnID || key.Peer != inID || !there.Secret.Equal(key.Secret) {
		t.Errorf("%s with %s, and %s with %s", key.ID, key.Peer, there.ID, there.Peer)
	}
	if diff := cmp.Diff([]Event{{Peer: mnID, KeyID: key.ID}}, w.in.events); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Event{{Peer: inID, Initiator: true, KeyID: key.ID}}, w.mn.events); diff != "" {
		t.Error(diff)
	}
}

func TestExchanger_E103_OnlyConfiguredPeers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.mn.Establish(t.Context(), aeID); err == nil {
		t.Error("a key with somebody who is not configured")
	}
	// The other way round: the MN-CSE doesn't take the IN-CSE for an end that it
	// may answer unless it is configured, which it is.
	if _, err := w.in.Establish(t.Context(), mnID); err != nil {
		t.Errorf("either end may begin: %v", err)
	}
	ae := escertke.End{Certificate: func() *tls.Certificate { return &w.ae }, Trust: w.trust}
	if _, err := escertke.Initiate(t.Context(), ae, mnID, w.from(aeID, mnID)); code(err) != onem2m.OriginatorHasNoPrivilege {
		t.Errorf("an AE that is not configured: %v", err)
	}
	if _, err := escertke.Initiate(t.Context(), ae, inID, w.from(aeID, inID)); err != nil {
		t.Errorf("an AE that is: %v", err)
	}
	if _, err := escertke.Initiate(t.Context(), ae, inID, w.from(mnID, inID)); code(err) != onem2m.OriginatorNotAuthenticated {
		t.Errorf("E-106: an AE that says to be a CSE: %v", err)
	}
	for _, peers := range [][]Peer{{{ID: inID, Trust: w.trust}}, {{ID: mnID, Trust: w.trust}, {ID: mnID, Trust: w.trust}}, {{ID: mnID}}, {{Trust: w.trust}}} {
		if _, err := New(Options{Home: onem2m.Home{SP: "//m2m.example", CSE: "/id-in"}, Peers: peers}); err == nil {
			t.Errorf("%v passes", peers)
		}
	}
}

// from carries the messages of an entity to a CSE.
func (w *world) from(from, to onem2m.ID) escertke.Exchange {
	return func(ctx context.Context, message []byte) ([]byte, error) {
		res, err := w.carry(ctx, from, to.NotifyAddress(), onem2m.NewESCertKEInfo(message).Content())
		if err != nil {
			return nil, err
		}
		return Answer(res)
	}
}

func code(err error) onem2m.StatusCode {
	var e *onem2m.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code
}

func TestExchanger_E107_NothingIsSaidBeforeTheKeyIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in.book.err = errors.New("the disk is full")
	if _, err := w.mn.Establish(t.Context(), inID); code(err) != onem2m.InternalServerError || len(w.mn.book.keys) != 0 {
		t.Errorf("the terminator can't keep it: %v, %d keys", err, len(w.mn.book.keys))
	}
	w.in.book.err, w.mn.book.err = nil, errors.New("the disk is full")
	if _, err := w.mn.Establish(t.Context(), inID); err == nil || !strings.Contains(err.Error(), "disk") {
		t.Errorf("the initiator can't keep it: %v", err)
	}
}

func TestExchanger_RunKeepsAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rounds := func(step, total time.Duration) int {
		before := len(w.mn.book.keys)
		for end := w.at.Add(total); w.at.Before(end); w.at = w.at.Add(step) {
			w.mn.Round(t.Context())
		}
		return len(w.mn.book.keys) - before
	}
	w.unheard = true
	if n := rounds(every, time.Hour); n != 0 {
		t.Fatalf("%d keys without a peer", n)
	}
	if w.messages > 12 {
		t.Errorf("%d tries in an hour: it doesn't wait longer each time", w.messages)
	}
	w.unheard = false
	if n := rounds(time.Minute, time.Hour); n != 1 {
		t.Fatalf("%d keys in the next hour", n)
	}
	if n := rounds(time.Hour, 22*24*time.Hour); n != 0 {
		t.Errorf("%d keys in the first three quarters of its life", n)
	}
	if n := rounds(time.Hour, 24*time.Hour); n != 1 {
		t.Errorf("%d keys a day later", n)
	}
	// A process that starts again finds the key.
	w.mn.tried = map[onem2m.ID]attempt{}
	if n := rounds(time.Minute, time.Hour); n != 0 {
		t.Errorf("%d keys after a restart", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.mn.Run(ctx)
}
