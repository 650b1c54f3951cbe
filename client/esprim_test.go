package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"bulwark/client"
	"bulwark/e2e/esprim"
	"bulwark/e2e/keys"
	"bulwark/onem2m"
)

const (
	panel = onem2m.ID("//m2m.example/id-in/Cpanel")
	lamp  = onem2m.ID("//m2m.example/id-in/Clamp")
)

func pairwise(t *testing.T, peer onem2m.ID) esprim.Key {
	t.Helper()
	s, err := keys.NewSecret([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return esprim.Key{ID: "k@m2m.example", Secret: s, Peer: peer}
}

type oneKey esprim.Key

func (k oneKey) ESPrimKey(_ context.Context, id string) (esprim.Key, error) {
	if id != k.ID {
		return esprim.Key{}, errors.New("unknown")
	}
	return esprim.Key(k), nil
}

// receiver is a lamp that takes protected requests.
func receiver(t *testing.T) *client.Listener {
	t.Helper()
	r, err := client.NewReceiver(lamp, oneKey(pairwise(t, panel)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := client.ListenFor(t.Context(), "127.0.0.1:0", client.Handlers{Receiver: r, Request: func(_ context.Context, from onem2m.ID, req *onem2m.Request) *onem2m.Response {
		if req.To == "none" {
			return &onem2m.Response{Code: onem2m.NotFound}
		}
		return &onem2m.Response{Code: onem2m.OK, Content: &onem2m.Content{Name: "m2m:cin", Value: onem2m.Object{{Name: "con", Value: onem2m.TextValue(string(from))}}.Append(nil)}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// transit is a CSE that passes everything on, or does something else.
type transit struct {
	mu      sync.Mutex
	to      string
	instead func(w http.ResponseWriter, body string) bool
	header  http.Header // of the last request
	count   int
}

func (tr *transit) set(f func()) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	f()
}

func (tr *transit) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	body, _ := io.ReadAll(hr.Body)
	tr.header = hr.Header.Clone()
	tr.count++
	if tr.instead != nil && tr.instead(w, string(body)) {
		return
	}
	out, err := http.NewRequestWithContext(hr.Context(), http.MethodPost, tr.to, strings.NewReader(string(body)))
	if err != nil {
		return
	}
	out.Header = hr.Header.Clone()
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(out)
	if err != nil {
		return
	}
	defer res.Body.Close()
	for _, name := range []string{"X-M2M-RSC", "X-M2M-RI", "Content-Type"} {
		w.Header()[name] = res.Header[http.CanonicalHeaderKey(name)]
	}
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body)
}

// asker is a panel behind a transit CSE.
func asker(t *testing.T) (*client.Client, *transit) {
	t.Helper()
	tr := &transit{to: receiver(t).URL}
	server := httptest.NewServer(tr)
	t.Cleanup(server.Close)
	outer := connect(t, client.Options{URL: server.URL, From: "Cpanel"})
	c, err := outer.ESPrim(client.Target{To: "Clamp", Self: panel, Key: pairwise(t, lamp)})
	if err != nil {
		t.Fatal(err)
	}
	return c, tr
}

func TestESPrim_E81_E84_E85_Requests(t *testing.T) {
	t.Parallel()
	c, tr := asker(t)
	r, err := c.Retrieve(t.Context(), "x")
	if con, _ := r.Text("con"); err != nil || con != string(panel) {
		t.Fatalf("got %v %v", r, err)
	}
	if _, err := c.Retrieve(t.Context(), "none"); code(err) != onem2m.NotFound {
		t.Errorf("the inner refusal: %v", err)
	}
	if tr.count != 3 { // one of them asked for the rand object
		t.Errorf("E-85: %d requests", tr.count)
	}
	ec, yes := int64(3), true
	if _, err := c.Do(t.Context(), &onem2m.Request{
		Operation: onem2m.Retrieve, To: "x", RequestExpiration: "20400101T000000", ResultExpiration: "20400102T000000",
		EventCategory: &ec, DeliveryAggregate: &yes, GroupRequestID: "group",
	}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"X-M2M-RET": "20400101T000000", "X-M2M-RST": "20400102T000000", "X-M2M-EC": "3", "X-M2M-GID": ""} {
		if got := tr.header.Get(name); got != want {
			t.Errorf("E-84: the outer %s is %q", name, got)
		}
	}
}

func TestESPrim_E88_WhatIsNotProtectedIsNoAnswer(t *testing.T) {
	t.Parallel()
	c, tr := asker(t)
	if _, err := c.Retrieve(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	tr.set(func() { tr.to = receiver(t).URL }) // a lamp that has forgotten everything
	if _, err := c.Retrieve(t.Context(), "x"); err != nil {
		t.Errorf("E-88: not tried again: %v", err)
	}
	says := func(rsc string, content string) func(http.ResponseWriter, string) bool {
		return func(w http.ResponseWriter, body string) bool {
			if strings.Contains(body, `"sit":3`) && rsc != "2000" {
				return false
			}
			w.Header()["X-M2M-RSC"] = []string{rsc}
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, content)
			return true
		}
	}
	for _, tt := range []struct {
		name, rsc, content string
		code               onem2m.StatusCode // of an OuterError, or 0
		tries              int
	}{
		{"a lie about the receiver object", "4114", `{"m2m:dbg":"x"}`, onem2m.ESPrimUnknownRecvRandID, 3},
		{"a lie about the key", "4112", `{"m2m:dbg":"x"}`, onem2m.ESPrimUnknownKeyID, 1},
		{"not there", "5103", `{"m2m:dbg":"x"}`, onem2m.TargetNotReachable, 1},
		{"a success that nobody has made", "2000", `{"m2m:cin":{"con":"forged"}}`, onem2m.OK, 1},
		{"an object that nobody has made", "2000", `{"m2m:seci":{"sit":5,"epo":"a..b.c.d"}}`, 0, 1},
		{"E-44 an answer of another type", "2000", `{"m2m:seci":{"sit":3}}`, 0, 1},
	} {
		tr.set(func() { tr.instead = nil })
		if _, err := c.Retrieve(t.Context(), "x"); err != nil {
			t.Fatalf("%s: before: %v", tt.name, err)
		}
		tr.set(func() { tr.instead, tr.count = says(tt.rsc, tt.content), 0 })
		r, err := c.Retrieve(t.Context(), "x")
		var outer *client.OuterError
		switch {
		case err == nil:
			t.Errorf("%s: taken: %v", tt.name, r)
		case tt.code != 0 && (!errors.As(err, &outer) || outer.Code != tt.code):
			t.Errorf("%s: %v", tt.name, err)
		case tt.code == 0 && !errors.Is(err, esprim.ErrDiscarded):
			t.Errorf("%s: %v", tt.name, err)
		case code(err) != 0:
			t.Errorf("%s: it looks like the target's own: %v", tt.name, err)
		}
		if tr.count != tt.tries {
			t.Errorf("%s: sent %d times", tt.name, tr.count)
		}
	}
}

func TestESPrim_E88_WhatChangesSomethingIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, op := range []onem2m.Operation{onem2m.Create, onem2m.Update, onem2m.Delete, onem2m.Notify} {
		c, tr := asker(t)
		request := func() error {
			req := &onem2m.Request{Operation: op, To: "x"}
			if op == onem2m.Create {
				ty := int64(onem2m.TypeContentInstance)
				req.Type = &ty
			}
			if op != onem2m.Delete {
				req.Content = &onem2m.Content{Name: "m2m:cin", Value: []byte(`{"con":"1"}`)}
			}
			_, err := c.Do(t.Context(), req)
			return err
		}
		if err := request(); err != nil {
			t.Fatalf("%d: before: %v", op, err)
		}
		for _, rsc := range []string{"4113", "4114"} {
			tr.set(func() {
				tr.count = 0
				tr.instead = func(w http.ResponseWriter, _ string) bool { // it has swallowed the answer
					w.Header()["X-M2M-RSC"] = []string{rsc}
					return true
				}
			})
			var outer *client.OuterError
			if err := request(); !errors.As(err, &outer) || tr.count != 1 {
				t.Errorf("%d: %v after %d requests", op, err, tr.count)
			}
			tr.set(func() { tr.instead = nil })
			if err := request(); err != nil {
				t.Errorf("%d: the next one has no session: %v", op, err)
			}
		}
	}
}

func TestESPrim_E44_ARandObjectThatIsNone(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{"m2m:seci":{"sit":5,"epo":"a..b.c.d"}}`, `{"m2m:seci":{"sit":4,"ero":{}}}`, `{"m2m:seci":{"sit":4}}`, ``} {
		c, tr := asker(t)
		tr.instead = func(w http.ResponseWriter, _ string) bool {
			w.Header()["X-M2M-RSC"] = []string{"2000"}
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, answer)
			return true
		}
		if _, err := c.Retrieve(t.Context(), "x"); err == nil || tr.count != 1 {
			t.Errorf("%s: %v after %d requests", answer, err, tr.count)
		}
	}
}

func TestListenFor_RefusesWhatItIsNotFor(t *testing.T) {
	t.Parallel()
	l, err := client.Listen(t.Context(), "127.0.0.1:0", func(client.Notification) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	outer := connect(t, client.Options{URL: l.URL, From: "Cpanel"})
	c, err := outer.ESPrim(client.Target{To: "Clamp", Self: panel, Key: pairwise(t, lamp)})
	if err != nil {
		t.Fatal(err)
	}
	var e *client.OuterError
	if _, err := c.Retrieve(t.Context(), "x"); !errors.As(err, &e) || e.Code != onem2m.NotImplemented {
		t.Errorf("got %v", err)
	}
	for _, bad := range []client.Target{
		{To: "a//b", Self: panel, Key: pairwise(t, lamp)},
		{To: "Clamp", Self: "Cpanel", Key: pairwise(t, lamp)},
		{To: "Clamp", Self: panel},
		{To: "Clamp", Self: panel, Key: pairwise(t, lamp), Rand: []byte(`{}`)},
	} {
		if _, err := outer.ESPrim(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
