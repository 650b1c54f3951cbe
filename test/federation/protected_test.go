package federation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"bulwark/client"
	"bulwark/e2e/esprim"
	"bulwark/e2e/keys"
	"bulwark/onem2m"
)

const (
	meterID = onem2m.ID("//m2m.example/id-mn/Cmeter1")
	lampID  = onem2m.ID("//m2m.example/id-mn2/Clamp1")
	mn2ID   = onem2m.ID("//m2m.example/id-mn2")
	// What must be read nowhere on the way.
	question, answer = "marker-in-the-question", "marker-in-the-answer"
)

// shared is a key of the meter with somebody.
func shared(t *testing.T, id string, peer onem2m.ID) esprim.Key {
	t.Helper()
	s, err := keys.NewSecret([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return esprim.Key{ID: id, Secret: s, Peer: peer}
}

// pairwise are the keys of the lamp.
type pairwise map[string]esprim.Key

func (p pairwise) ESPrimKey(_ context.Context, id string) (esprim.Key, error) {
	if key, ok := p[id]; ok {
		return key, nil
	}
	return esprim.Key{}, errors.New("unknown")
}

// journal keeps what a node logs.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
	next io.Writer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Write(p)
	return j.next.Write(p)
}

func (j *journal) has(s string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.text.String(), s)
}

// hostile is a hop in front of an AE that does as it likes.
type hostile struct {
	to string

	mu   sync.Mutex
	mode string // "", "change" or "repeat"
	said []string
	last []byte // body of the last request
}

func (h *hostile) set(mode string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mode = mode
}

func (h *hostile) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	body, err := io.ReadAll(hr.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mode == "change" {
		if at := bytes.LastIndexByte(body, '.'); at > 0 { // the tag of the object
			other := byte('A') // of the same alphabet
			if body[at+1] == other {
				other = 'B'
			}
			body[at+1] = other
		}
	}
	if h.mode == "repeat" && bytes.Contains(body, []byte(`"epo"`)) {
		first, err := h.pass(hr, body)
		if err != nil {
			return
		}
		h.said = append(h.said, first.Header.Get("X-M2M-RSC"))
		_ = first.Body.Close()
	}
	h.last = body
	res, err := h.pass(hr, body)
	if err != nil {
		return
	}
	defer res.Body.Close()
	maps.Copy(w.Header(), res.Header)
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body)
}

func (h *hostile) pass(hr *http.Request, body []byte) (*http.Response, error) {
	out, err := http.NewRequestWithContext(hr.Context(), hr.Method, h.to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.Header = hr.Header.Clone()
	return http.DefaultTransport.RoundTrip(out)
}

// story is an AE below one MN-CSE that asks an AE below another one, and that
// CSE, by way of the IN-CSE.
type story struct {
	in, mn, mn2 *box
	log         *journal
	way         *hostile
	ran         *[]string // what the lamp was asked, in the order of time
	toLamp      *client.Client
	toCSE       *client.Client
	plain       *client.Client
}

func newStory(t *testing.T) *story {
	t.Helper()
	s := newProvider(t, "//m2m.example")
	st := &story{in: s.in, log: &journal{next: s.in.log}, ran: &[]string{}}
	s.in.log = st.log
	s.in.start()
	st.mn, st.mn2 = s.below(s.in, "mn", "/id-mn", "cse-mn"), s.below(s.in, "mn", "/id-mn2", "cse-mn2")
	st.mn2.toml += fmt.Sprintf("\n[[esprim.key]]\nid = \"cse.key@m2m.example\"\npeer = %q\nkey = \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"\n", meterID)
	for _, b := range []*box{st.mn, st.mn2} {
		b.start()
		b.joined(s.in)
	}
	st.lamp(t)
	st.mn.plain.Make(t, "Cmeter1", "/cse-mn", 2, `{"m2m:ae":{"api":"N.example.meter","rr":false,"srv":["3"]}}`)
	addresses := st.mn.node.Addresses()
	var err error
	if st.plain, err = client.New(client.Options{URL: addresses[len(addresses)-1], From: "Cmeter1"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.plain.Close)
	st.toLamp = st.protect(t, client.Target{To: "/id-mn2/Clamp1", Self: meterID, Key: shared(t, "lamp.key@m2m.example", lampID)})
	st.toCSE = st.protect(t, client.Target{To: "/id-mn2/-", Self: meterID, Key: shared(t, "cse.key@m2m.example", mn2ID)})
	return st
}

func (st *story) protect(t *testing.T, target client.Target) *client.Client {
	t.Helper()
	c, err := st.plain.ESPrim(target)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lamp registers an AE that takes protected requests behind the hostile hop.
func (st *story) lamp(t *testing.T) {
	t.Helper()
	r, err := client.NewReceiver(lampID, pairwise{"lamp.key@m2m.example": shared(t, "lamp.key@m2m.example", meterID)})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	l, err := client.ListenFor(t.Context(), "127.0.0.1:0", client.Handlers{Receiver: r, Request: func(_ context.Context, from onem2m.ID, req *onem2m.Request) *onem2m.Response {
		mu.Lock()
		defer mu.Unlock()
		*st.ran = append(*st.ran, string(from)+" "+req.Operation.String()+" "+req.To)
		return &onem2m.Response{Code: onem2m.OK, Content: &onem2m.Content{Name: "m2m:cin", Value: []byte(`{"con":"` + answer + `"}`)}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	st.way = &hostile{to: l.URL}
	server := httptest.NewServer(st.way)
	t.Cleanup(server.Close)
	c := st.mn2.plain
	c.Make(t, "Clamp1", "/cse-mn2", 2, `{"m2m:ae":{"rn":"lamp","api":"N.example.lamp","rr":true,"poa":["`+server.URL+`"],"srv":["3"]}}`)
	c.Make(t, "Clamp1", "/cse-mn2/lamp", 1, `{"m2m:acp":{"rn":"p","pv":{"acr":[{"acor":["/id-mn/Cmeter1"],"acop":18},{"acor":["Clamp1"],"acop":63}]},"pvs":{"acr":[{"acor":["Clamp1"],"acop":63}]}}}`)
	c.Update(t, "Clamp1", "/cse-mn2/lamp", `{"m2m:ae":{"acpi":["cse-mn2/lamp/p"]}}`).Expect(t, 2004, 200)
}

// unread fails if a CSE has left a text anywhere in its data, or in its log.
func (st *story) unread(t *testing.T, secret string) {
	t.Helper()
	if st.log.has(secret) {
		t.Errorf("E-06: %q is in the log of the IN-CSE", secret)
	}
	for _, b := range []*box{st.in, st.mn} {
		err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err == nil && bytes.Contains(data, []byte(secret)) {
				t.Errorf("E-06: %q is in %s of %s", secret, filepath.Base(path), b.id)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestProtected_E05_E06_E82_E83_AnAEAsksAnAEThroughCSEsThatCannotRead(t *testing.T) {
	t.Parallel()
	st := newStory(t)
	for i := range 3 {
		r, err := st.toLamp.Retrieve(t.Context(), fmt.Sprint("/id-mn2/Clamp1/", question, i))
		if err != nil {
			t.Fatal(err)
		}
		if con, _ := r.Text("con"); con != answer {
			t.Errorf("got %s", r.Append(nil))
		}
	}
	if len(*st.ran) != 3 || !strings.HasPrefix((*st.ran)[0], string(meterID)+" RETRIEVE") {
		t.Errorf("E-69: the lamp was asked %q", *st.ran)
	}
	if bytes.Contains(st.way.last, []byte(question)) || !bytes.Contains(st.way.last, []byte(`"epo"`)) {
		t.Errorf("E-04: the lamp got %s", st.way.last)
	}
	st.unread(t, question)
	st.unread(t, answer)
	st.unread(t, "0123456789abcdef0123456789abcdef") // E-33
}

func TestProtected_E61_E92_AHostileHopIsNoticed(t *testing.T) {
	t.Parallel()
	st := newStory(t)
	if _, err := st.toLamp.Retrieve(t.Context(), "/id-mn2/Clamp1/x"); err != nil {
		t.Fatal(err)
	}
	var outer *client.OuterError
	st.way.set("change")
	if _, err := st.toLamp.Retrieve(t.Context(), "/id-mn2/Clamp1/x"); !errors.As(err, &outer) || outer.Code != onem2m.ESPrimBadMAC {
		t.Errorf("E-61: changed on the way: %v", err)
	}
	st.way.set("repeat")
	if _, err := st.toLamp.Retrieve(t.Context(), "/id-mn2/Clamp1/x"); !errors.As(err, &outer) || outer.Code != onem2m.ESPrimDecryptionError {
		t.Errorf("E-92: repeated on the way: %v", err)
	}
	if len(*st.ran) != 2 {
		t.Errorf("E-92: the lamp has carried out %d requests", len(*st.ran))
	}
	st.way.set("")
	if _, err := st.toLamp.Retrieve(t.Context(), "/id-mn2/Clamp1/x"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if _, err := st.plain.Create(t.Context(), "/id-mn2/Clamp1", onem2m.TypeContainer, nil); err == nil {
		t.Error("E-67: a plain request got as far")
	}
}

func TestProtected_E71_E158_A27_OnlyAProtectedRequestOpensAFlaggedRule(t *testing.T) {
	t.Parallel()
	st := newStory(t)
	c := st.mn2.plain
	c.Make(t, "CAdmin", "/cse-mn2", 1, `{"m2m:acp":{"rn":"flagged","pv":{"acr":[{"acor":["/id-mn/Cmeter1"],"acop":63,"acaf":true}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	c.Make(t, "CAdmin", "/cse-mn2", 3, `{"m2m:cnt":{"rn":"data","acpi":["cse-mn2/flagged"]}}`)
	var e *onem2m.Error
	if _, err := st.plain.Retrieve(t.Context(), "/id-mn2/cse-mn2/data"); !errors.As(err, &e) || e.Code != onem2m.OriginatorHasNoPrivilege {
		t.Errorf("without protection: %v", err)
	}
	ctx := t.Context()
	if _, err := st.toCSE.Create(ctx, "/id-mn2/cse-mn2/data", onem2m.TypeContentInstance, onem2m.Object{{Name: "rn", Value: []byte(`"first"`)}, {Name: "con", Value: []byte(`"` + question + `"`)}}); err != nil {
		t.Fatal(err)
	}
	if r, err := st.toCSE.Retrieve(ctx, "/id-mn2/cse-mn2/data/la"); err != nil || string(r.Get("con")) != `"`+question+`"` {
		t.Errorf("RETRIEVE: %v %v", r, err)
	}
	if _, err := st.toCSE.Update(ctx, "/id-mn2/cse-mn2/data", "m2m:cnt", onem2m.Object{{Name: "lbl", Value: []byte(`["x"]`)}}); err != nil {
		t.Errorf("UPDATE: %v", err)
	}
	if found, _, err := st.toCSE.Discover(ctx, "/id-mn2/cse-mn2/data", onem2m.FilterCriteria{}); err != nil || len(found) == 0 {
		t.Errorf("discovery: %v %v", found, err)
	}
	if err := st.toCSE.Delete(ctx, "/id-mn2/cse-mn2/data/first"); err != nil {
		t.Errorf("DELETE: %v", err)
	}
	if _, err := st.toCSE.Retrieve(ctx, "/id-mn2/cse-mn2/nothing"); !errors.As(err, &e) || e.Code != onem2m.NotFound {
		t.Errorf("E-73: what isn't there: %v", err)
	}
	st.unread(t, question)
}

func TestProtected_E16_E45_E93_TheAdvertisementLeadsToItAndARestartIsSurvived(t *testing.T) {
	t.Parallel()
	st := newStory(t)
	admin := st.in.plain
	await(t, "the IN-CSE knows what the other does", func() bool {
		return strings.Contains(admin.Get(t, "CAdmin", "/cse-in/id-mn2?atrl=esi").Body, `"esro"`)
	})
	can, err := asAdmin(t, st.mn2).EndToEnd(t.Context(), "/id-mn2/-")
	if err != nil || !can.ESPrim() || can.Rand == nil {
		t.Fatalf("E-45: %+v %v", can, err)
	}
	c := st.mn2.plain
	c.Make(t, "CAdmin", "/cse-mn2", 1, `{"m2m:acp":{"rn":"flagged","pv":{"acr":[{"acor":["/id-mn/Cmeter1"],"acop":63,"acaf":true}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	c.Make(t, "CAdmin", "/cse-mn2", 3, `{"m2m:cnt":{"rn":"data","acpi":["cse-mn2/flagged"]}}`)
	published := st.protect(t, client.Target{To: "/id-mn2/-", Self: meterID, Key: shared(t, "cse.key@m2m.example", mn2ID), Rand: can.Rand})
	for _, who := range []*client.Client{published, st.toCSE} {
		if _, err := who.Retrieve(t.Context(), "/id-mn2/cse-mn2/data"); err != nil {
			t.Fatal(err)
		}
	}
	st.mn2.halt()
	st.mn2.start()
	st.mn2.joined(st.in)
	for _, who := range []*client.Client{published, st.toCSE} { // it has forgotten all sessions (decision 7)
		await(t, "it answers again", func() bool {
			_, err := who.Retrieve(t.Context(), "/id-mn2/cse-mn2/data")
			return err == nil
		})
	}
}

// asAdmin is a client of the administrator of a CSE.
func asAdmin(t *testing.T, b *box) *client.Client {
	t.Helper()
	addresses := b.node.Addresses()
	c, err := client.New(client.Options{URL: addresses[len(addresses)-1], From: "CAdmin"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
