package esprim

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"bulwark/e2e/keys"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

const (
	kid   = "0123456789abcdef@mef.m2m.example"
	asker = onem2m.ID("//m2m.example/id-mn/Cmeter1")
	host  = onem2m.ID("//m2m.example/id-in")
)

// world is a receiver and an originator with one clock.
type world struct {
	t     testing.TB
	mu    sync.Mutex
	clock time.Time
	keys  ring
	r     *Receiver
	g     *Originator
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func newWorld(t testing.TB, change ...func(*ReceiverOptions, *OriginatorOptions)) *world {
	t.Helper()
	w := &world{t: t, clock: time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC)}
	key := Key{ID: kid, Secret: secretOf(t, strings.Repeat("07", 32)), Peer: asker}
	w.keys = ring{kid: key}
	key.Peer = host
	ro := ReceiverOptions{Home: onem2m.Home{SP: "//m2m.example", CSE: "/id-in"}, Registers: true, Keys: w.keys, Now: w.now}
	oo := OriginatorOptions{Key: key, Now: w.now}
	for _, f := range change {
		f(&ro, &oo)
	}
	var err error
	if w.r, err = NewReceiver(ro); err != nil {
		t.Fatal(err)
	}
	if w.g, err = NewOriginator(oo); err != nil {
		t.Fatal(err)
	}
	return w
}

// learn fetches a receiver object.
func (w *world) learn() ReceiverRand {
	w.t.Helper()
	rro, err := w.r.Offer(asker)
	if err != nil {
		w.t.Fatal(err)
	}
	w.teach(rro)
	return rro
}

func (w *world) teach(rro ReceiverRand) {
	w.t.Helper()
	text, err := rro.JSON()
	if err == nil {
		err = w.g.Learn(text)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// request seals a RETRIEVE.
func (w *world) request(rqi string) (string, *Call) {
	w.t.Helper()
	text, call, err := w.g.Seal(&onem2m.Request{Operation: onem2m.Retrieve, To: "/id-in/-/lamp", From: "/id-mn/Cmeter1", HasFrom: true, RequestID: rqi, Release: "3"})
	if err != nil {
		w.t.Fatal(err)
	}
	return text, call
}

// refused fails unless the receiver refuses an object with a code.
func (w *world) refused(code onem2m.StatusCode, text string) {
	w.t.Helper()
	if _, err := w.r.Open(w.t.Context(), text); err == nil || onem2m.AsError(err).Code != code {
		w.t.Fatalf("got %v, want %d", err, code)
	}
}

// round sends a request and its response, and returns the header of both.
func (w *world) round(rqi string) (there, back *object) {
	w.t.Helper()
	text, call := w.request(rqi)
	x, err := w.r.Open(w.t.Context(), text)
	if err != nil {
		w.t.Fatal(err)
	}
	if x.Originator != asker || x.Request.RequestID != rqi || x.Fault != nil {
		w.t.Fatalf("E-69: opened %+v", x)
	}
	answer, err := x.Seal(&onem2m.Response{Code: onem2m.OK, RequestID: rqi})
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := call.Open(answer)
	if err != nil || res.Code != onem2m.OK {
		w.t.Fatalf("E-73: got %v %v", res, err)
	}
	there, _ = parseObject(text, nil)
	back, _ = parseObject(answer, nil)
	return there, back
}

func TestExchange_E34_E37_E39_E45_E52_E62_E66_E74_E85(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, _, err := w.g.Seal(&onem2m.Request{}); !errors.Is(err, ErrNoRand) {
		t.Fatalf("E-45: sealed without a receiver object: %v", err)
	}
	w.learn()
	first, answer := w.round("a")
	second, _ := w.round("b")
	if first.oro == nil || second.oro != nil || second.ori != first.ori || answer.oro != nil || answer.kid != kid || answer.enc != "A256GCM" {
		t.Errorf("headers %+v, %+v, %+v", first.header, second.header, answer.header)
	}
	if len(w.r.peers[kid].objects) != 1 || w.r.count != 1 || w.r.marks != 2 {
		t.Errorf("E-66: the receiver keeps %d sessions and %d marks", w.r.count, w.r.marks)
	}
	if first.oro.expires > w.g.rro.Expires || !bytes.Equal([]byte(first.oro.Value[:1]), []byte("x")) || len(first.oro.Value) != 33 || first.oro.ID[0] != 'U' {
		t.Errorf("E-35 E-37 E-39: %+v", first.oro)
	}
}

func TestReplay_E92_E91(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.learn()
	text, _ := w.request("a")
	if _, err := w.r.Open(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	x, err := w.r.Open(t.Context(), text)
	if onem2m.AsError(err).Code != onem2m.ESPrimDecryptionError || x != nil {
		t.Errorf("the same object again: %v %v", x, err)
	}
	w.advance(11 * time.Minute)
	w.refused(onem2m.ESPrimUnknownRecvRandID, text)
}

func TestRestart_E88_E93_DropsEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.learn()
	w.round("a")
	text, _ := w.request("b")
	again := newWorld(t)
	again.refused(onem2m.ESPrimUnknownRecvRandID, text)
	if !w.g.Forget(onem2m.ESPrimUnknownRecvRandID) {
		t.Error("E-88: no other try")
	}
	if _, _, err := w.g.Seal(&onem2m.Request{}); !errors.Is(err, ErrNoRand) {
		t.Errorf("E-88: the receiver object is still in use: %v", err)
	}
	for _, code := range []onem2m.StatusCode{4111, 4112, 4115, 4116, 5210, 4103} {
		if w.g.Forget(code) {
			t.Errorf("E-88: another try after %d", code)
		}
	}
}

func TestReflection_E79_E87(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.learn()
	text, call := w.request("a")
	if _, err := call.Open(text); !errors.Is(err, ErrDiscarded) {
		t.Errorf("E-87: the request was taken for its response: %v", err)
	}
	x, err := w.r.Open(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := x.Seal(&onem2m.Response{Code: onem2m.OK, RequestID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	w.refused(onem2m.ESPrimDecryptionError, answer)
	other, err := x.Seal(&onem2m.Response{Code: onem2m.OK, RequestID: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call.Open(other); !errors.Is(err, ErrDiscarded) {
		t.Errorf("E-87: the response to another request was taken: %v", err)
	}
	if res, err := call.Open(answer); err != nil || res.Code != onem2m.OK {
		t.Errorf("the response: %v %v", res, err)
	}
}

func TestImpersonation_E67_E68_E91(t *testing.T) {
	t.Parallel()
	for from, ok := range map[string]bool{
		"/id-mn/Cmeter1": true, "//m2m.example/id-mn/Cmeter1": true, "//other.example/id-mn/Cmeter1": false,
		"Cmeter1": false, "/id-in/Cmeter1": false, "/id-mn/cmeter1": false, "/id-mn/Cmeter1x": false, "": false,
	} {
		w := newWorld(t)
		w.learn()
		text, call, err := w.g.Seal(&onem2m.Request{Operation: onem2m.Retrieve, To: "x", From: from, HasFrom: true, RequestID: "q"})
		if err != nil {
			t.Fatal(err)
		}
		x, err := w.r.Open(t.Context(), text)
		if ok {
			if err != nil {
				t.Errorf("%s: %v", from, err)
			}
			continue
		}
		if err == nil || onem2m.AsError(err).Code != onem2m.ESPrimImpersonationError || x == nil || x.Request != nil {
			t.Fatalf("%q: got %+v %v", from, x, err)
		}
		detail, err := x.Refuse(onem2m.ESPrimImpersonationError)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := call.Open(detail); err != nil || res.Code != onem2m.ESPrimImpersonationError || res.RequestID != "q" {
			t.Errorf("E-91: the detail is %+v %v", res, err)
		}
	}
}

func TestImpersonation_E68_AStemAtAnAE(t *testing.T) {
	t.Parallel()
	stem := func(ro *ReceiverOptions, _ *OriginatorOptions) {
		ro.Home.CSE = "/id-mn"
	}
	for _, registers := range []bool{true, false} {
		w := newWorld(t, stem, func(ro *ReceiverOptions, _ *OriginatorOptions) { ro.Registers = registers })
		w.learn()
		text, _, err := w.g.Seal(&onem2m.Request{Operation: onem2m.Retrieve, To: "x", From: "Cmeter1", HasFrom: true, RequestID: "q"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.r.Open(t.Context(), text); (err == nil) != registers {
			t.Errorf("registers %t: %v", registers, err)
		}
	}
}

func TestKeys_E27_E30_E32(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.learn()
	text, _ := w.request("a")
	key := w.keys[kid]
	for name, bad := range map[string]Key{
		"expired":   {ID: kid, Secret: key.Secret, Peer: asker, Expires: onem2m.TimestampOf(w.clock)},
		"too short": {ID: kid, Secret: secretOf(t, strings.Repeat("07", 15)), Peer: asker},
		"nobody's":  {ID: kid, Secret: key.Secret},
	} {
		w.keys[kid] = bad
		if _, err := w.r.Open(t.Context(), text); err == nil || onem2m.AsError(err).Code != onem2m.ESPrimUnknownKeyID {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.keys[kid] = key
	w.round("b")
	replaced := key
	replaced.Secret = secretOf(t, strings.Repeat("08", 32))
	w.keys[kid] = replaced
	late, _ := w.request("c")
	w.refused(onem2m.ESPrimBadMAC, late) // no session of a key that has been replaced
	if _, err := NewOriginator(OriginatorOptions{Key: Key{ID: kid, Peer: host, Secret: secretOf(t, "00")}}); err == nil {
		t.Error("an originator took a key of one octet")
	}
}

func TestRandObjects_E36_E42_E43_E46_E47(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ro *ReceiverOptions, _ *OriginatorOptions) { ro.Limits.Offers = 20; ro.Limits.Rate = 100 })
	other := "fedcba9876543210@mef.m2m.example"
	w.keys[other] = Key{ID: other, Secret: secretOf(t, strings.Repeat("09", 32)), Peer: "//m2m.example/id-mn/Cother1"}
	inUse := w.learn()
	w.round("a")
	seen := map[string]bool{inUse.ID: true}
	for range 40 {
		w.advance(time.Second / ownRate)
		rro, err := w.r.Offer(asker)
		if err != nil {
			t.Fatal(err)
		}
		if seen[rro.ID] || rro.ID[0] != 'U' {
			t.Fatalf("E-36 E-37 E-42: %s", rro.ID)
		}
		seen[rro.ID] = true
	}
	if len(w.r.offers) != 16 || w.r.offers[inUse.ID] == nil {
		t.Errorf("E-47: %d objects are kept", len(w.r.offers))
	}
	w.round("b") // who asks for many takes nothing from who uses one
	w.g.o.Key.ID, w.g.o.Key.Secret, w.g.current = other, w.keys[other].Secret, nil
	stolen, _ := w.request("c")
	w.refused(onem2m.ESPrimUnknownRecvRandID, stolen) // E-46
	w.advance(time.Minute)
	granted := 0
	for range 300 {
		if _, err := w.r.Offer(asker); err == nil {
			granted++
		} else if onem2m.AsError(err).Code != onem2m.InternalServerError {
			t.Errorf("E-47: %v", err)
		}
	}
	if granted != ownBurst {
		t.Errorf("E-47: one requester got %d at once", granted)
	}
	for i := range 300 { // under names of its own making
		if _, err := w.r.Offer(onem2m.ID(fmt.Sprintf("//m2m.example/id-mn/C%d", i))); err != nil {
			if i < 100 {
				t.Errorf("E-47: one that asks often takes it from others: after %d: %v", i, err)
			}
			return
		}
	}
	t.Error("E-47: there is no limit")
}

func TestSharedObject_E40_E48(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, renew, err := w.r.Shared()
	if err != nil || first.ID[0] != 'S' {
		t.Fatal(first, err)
	}
	w.teach(first)
	if again, _, _ := w.r.Shared(); again.ID != first.ID {
		t.Error("another one at once")
	}
	w.advance(renew.Time().Sub(w.now()))
	second, _, err := w.r.Shared()
	if err != nil || second.ID == first.ID {
		t.Fatalf("E-48: not renewed: %v", err)
	}
	w.round("a") // with the first, which is still good
	w.advance(12 * time.Hour)
	w.g.current = nil
	if _, _, err := w.g.Seal(&onem2m.Request{}); !errors.Is(err, ErrNoRand) {
		t.Errorf("E-45: an expired object was used: %v", err)
	}
}

func TestRefresh_E53_E89_InBand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.learn()
	w.round("a")
	oris, rris := map[string]bool{}, map[string]bool{}
	announced := false
	for range 240 { // an hour
		w.advance(15 * time.Second)
		there, back := w.round("x")
		oris[there.ori], rris[there.rri] = true, true
		announced = announced || back.rro != nil || there.oro != nil && there.oro.ID != there.ori
	}
	if len(oris) < 10 || len(rris) < 5 || !announced || w.g.rro.ID == first.ID {
		t.Errorf("an hour had %d originator and %d receiver objects", len(oris), len(rris))
	}
	w.advance(time.Hour)
	w.r.Purge()
	if len(w.r.offers)+len(w.r.peers)+w.r.count+w.r.marks != 0 {
		t.Errorf("E-40 E-93: left are %d offers, %d peers, %d sessions, %d marks", len(w.r.offers), len(w.r.peers), w.r.count, w.r.marks)
	}
}

func TestOriginatorObject_E63_E78(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.learn()
	w.round("a")
	w.g.current.confirmed = false
	w.g.current.oro.Value = "x" + strings.Repeat("0", 32)
	changed, err := sealRand(w.g.current.oro.OriginatorRand, w.g.current.oro.expires)
	if err != nil {
		t.Fatal(err)
	}
	w.g.current.oro = changed
	conflict, _ := w.request("b")
	w.refused(onem2m.ESPrimUnknownOrigRandID, conflict)
}

func TestAlgorithms_E55_E59_E65_10And11(t *testing.T) {
	t.Parallel()
	for _, p := range []int64{keys.A128GCM, keys.A192GCM, keys.A256GCM} {
		w := newWorld(t, func(ro *ReceiverOptions, oo *OriginatorOptions) {
			ro.Protections, oo.Protections = []int64{12, 11, 10}, []int64{p}
		})
		w.learn()
		if there, back := w.round("a"); there.enc != encName(p) || back.enc != there.enc {
			t.Errorf("%d: %s, %s", p, there.enc, back.enc)
		}
	}
	w := newWorld(t, func(_ *ReceiverOptions, oo *OriginatorOptions) { oo.Protections = []int64{keys.A128GCM} })
	rro, _ := w.r.Offer(asker)
	text, _ := rro.JSON()
	if err := w.g.Learn(text); !errors.Is(err, ErrNoCommonOption) {
		t.Errorf("nothing in common: %v", err)
	}
}

// A JOSE library opens what is sealed here, and the other way round.
func TestObject_E49_AgainstAJOSELibrary(t *testing.T) {
	t.Parallel()
	secret := secretOf(t, strings.Repeat("42", 32))
	for enc, p := range map[jose.ContentEncryption]int64{jose.A128GCM: keys.A128GCM, jose.A192GCM: keys.A192GCM, jose.A256GCM: keys.A256GCM} {
		content, err := keys.ContentKey(secret, p)
		if err != nil {
			t.Fatal(err)
		}
		aead, err := newAEAD(secret, p)
		if err != nil {
			t.Fatal(err)
		}
		h := header{enc: encName(p), kid: kid, cty: requestType + "json", ori: "U1", rri: "U2"}
		text, err := seal(bytes.NewReader(bytes.Repeat([]byte{3}, ivLength)), aead, &h, []byte(`{"op":2}`))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{enc})
		if err != nil {
			t.Fatal(err)
		}
		plain, err := theirs.Decrypt(content.Bytes())
		if err != nil || string(plain) != `{"op":2}` || theirs.Header.KeyID != kid {
			t.Errorf("%s: they read %s %v", enc, plain, err)
		}
		encrypter, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: jose.DIRECT, Key: content.Bytes(), KeyID: kid},
			(&jose.EncrypterOptions{}).WithHeader("ori", "U1").WithHeader("rri", "U2").WithContentType("application/json"))
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := encrypter.Encrypt([]byte(`{"op":3}`))
		if err != nil {
			t.Fatal(err)
		}
		compact, err := sealed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		o, err := parseObject(compact, nil)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err = o.open(aead); err != nil || string(plain) != `{"op":3}` || o.cty != "application/json" {
			t.Errorf("%s: we read %s %v", enc, plain, err)
		}
	}
}

// dry is a source of randomness that fails.
type dry struct{ left int }

func (d *dry) Read(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errors.New("dry")
	}
	return len(p), nil
}

func TestExchange_E75_AResponseThatCannotBeProtected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ro *ReceiverOptions, _ *OriginatorOptions) { ro.Random = &dry{left: randOctets + idOctets} })
	w.learn()
	text, _ := w.request("a")
	x, err := w.r.Open(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Seal(&onem2m.Response{Code: onem2m.OK, RequestID: "a"}); err == nil || onem2m.AsError(err).Code != onem2m.ESPrimEncryptionError {
		t.Errorf("got %v", err)
	}
	if _, err := w.r.Offer(asker); err == nil {
		t.Error("a rand object without randomness")
	}
}

func TestExchange_E56_E57_InnerPrimitivesInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, f := range []wire.Format{wire.JSON, wire.CBOR, wire.XML} {
		w := newWorld(t)
		w.learn()
		w.round("a")
		req := wire.EncodeRequest(&onem2m.Request{Operation: onem2m.Retrieve, To: "/id-in/-/lamp", From: "/id-mn/Cmeter1", HasFrom: true, RequestID: "q"})
		plain, err := wire.Codec{}.AppendPrimitive(nil, f, wire.RequestRoot, req)
		if err != nil {
			t.Fatal(err)
		}
		h := header{enc: "A256GCM", kid: kid, ori: w.g.current.oro.ID, rri: w.g.current.rro.ID}
		text, err := seal(rand.Reader, w.g.current.aead, &h, plain) // without a content type
		if err != nil {
			t.Fatal(err)
		}
		x, err := w.r.Open(t.Context(), text)
		if err != nil || x.Request.RequestID != "q" || x.Request.To != "/id-in/-/lamp" {
			t.Fatalf("%s: %+v %v", f.Name(), x, err)
		}
		answer, err := x.Seal(&onem2m.Response{Code: onem2m.OK, RequestID: "q", Content: &onem2m.Content{Name: "m2m:cin", Value: []byte(`{"con":"1"}`)}})
		if err != nil {
			t.Fatal(err)
		}
		o, err := parseObject(answer, nil)
		if err != nil || o.cty != "application/vnd.onem2m-prsp+"+f.Name() {
			t.Errorf("%s: the response is %q, %v", f.Name(), o.cty, err)
		}
		res, err := (&Call{g: w.g, tie: w.g.current, rqi: "q"}).Open(answer)
		if err != nil || res.Code != onem2m.OK || string(res.Content.Value) != `{"con":"1"}` {
			t.Errorf("%s: %+v %v", f.Name(), res, err)
		}
	}
}
