package wsb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"bulwark/internal/identity"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// registree is who opens the connections of the tests.
const registree = onem2m.ID("//m2m.example/id-mn")

// handlerFunc is a CSE.
type handlerFunc func(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response

func (f handlerFunc) Handle(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
	return f(ctx, a, req)
}

// echo answers with what it got.
func echo(_ context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
	text := onem2m.TextValue(req.To + " from " + string(a.IDs[0]))
	return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID, Content: &onem2m.Content{Name: "m2m:uri", Value: text}}
}

// anybody fits every connection.
func anybody(*identity.Association, time.Time) bool { return true }

func retrieve(rqi string) *onem2m.Request {
	return &onem2m.Request{Operation: onem2m.Retrieve, To: "cse-in", From: "/id-mn", HasFrom: true, RequestID: rqi, Release: "3"}
}

// listen serves a Server on loopback, with registree at the other end of each
// connection.
func listen(t *testing.T, o Options, origins ...string) (*Server, string) {
	t.Helper()
	s := NewServer(o)
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	l := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serving.Add(1)
		defer serving.Done()
		Door{s, origins}.ServeSocket(w, r, &identity.Association{IDs: []onem2m.ID{registree}, Kind: identity.KindCSE, CredentialID: "credential", Binding: "wss"}, time.Time{})
	}))
	l.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	l.Start()
	t.Cleanup(func() { cancel(); l.Close(); serving.Wait() })
	return s, "ws" + strings.TrimPrefix(l.URL, "http")
}

// connect returns a client of the library's own, for what package wsb never
// does.
func connect(t *testing.T, url string, subprotocols ...string) *websocket.Conn {
	t.Helper()
	c, answer, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: subprotocols})
	if err != nil {
		t.Fatal(err, answer)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func newClient(t *testing.T, o ClientOptions) *Client {
	t.Helper()
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, _ bool, address string, _ onem2m.ID) (Dialed, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, "tcp", address)
			return Dialed{Conn: c}, err
		}
	}
	o.Peer = func(onem2m.ID, bool) *identity.Association {
		return &identity.Association{IDs: []onem2m.ID{"//m2m.example/id-in"}, Binding: "ws"}
	}
	c := NewClient(o)
	t.Cleanup(c.Close)
	return c
}

func TestSocket_B90_CarriesRequestsOfBothSidesAtOnce(t *testing.T) {
	t.Parallel()
	s, url := listen(t, Options{Handler: handlerFunc(echo)})
	c := newClient(t, ClientOptions{Options: Options{Handler: handlerFunc(echo)}})
	if _, err := c.Send(t.Context(), url, "//m2m.example/id-in", retrieve("first")); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 500 {
		rqi := fmt.Sprintf("r%d", i)
		for from, send := range map[string]func() (*onem2m.Response, error){
			"/id-mn": func() (*onem2m.Response, error) {
				return c.Send(t.Context(), url, "//m2m.example/id-in", retrieve(rqi))
			},
			"/id-in": func() (*onem2m.Response, error) { return s.Send(t.Context(), registree, anybody, retrieve(rqi)) },
		} {
			group.Go(func() {
				res, err := send()
				if err != nil || res.RequestID != rqi || string(res.Content.Value) != `"cse-in from //m2m.example`+from+`"` {
					t.Error(from, rqi, res, err)
				}
			})
		}
	}
	group.Wait()
}

func TestSocket_B86_B89_SpeaksEveryFormat(t *testing.T) {
	t.Parallel()
	_, url := listen(t, Options{Handler: handlerFunc(echo)})
	for name, f := range map[string]wire.Format{"oneM2M.json": wire.JSON, "oneM2M.cbor": wire.CBOR, "oneM2M.xml": wire.XML} {
		t.Run(name, func(t *testing.T) { // one after the other: of a credential the newest connection counts (S-156)
			c := connect(t, url, "somebody.else", name, "oneM2M.json")
			if c.Subprotocol() != name {
				t.Fatalf("subprotocol %q", c.Subprotocol())
			}
			s := serialization{format: f}
			b, err := s.request(nil, retrieve("one"))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Write(t.Context(), s.kind(), b); err != nil {
				t.Fatal(err)
			}
			kind, b, err := c.Read(t.Context())
			if err != nil || kind != s.kind() {
				t.Fatal(kind, err)
			}
			v, err := s.codec.DecodePrimitive(f, b, wire.ResponseRoot, wire.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			res, err := wire.DecodeResponse(v, wire.Limits{})
			if err != nil || res.RequestID != "one" || res.Code != onem2m.OK {
				t.Fatal(res, err)
			}
		})
	}
}

func TestHandshake_B86_B87_B100(t *testing.T) {
	t.Parallel()
	_, url := listen(t, Options{Handler: handlerFunc(echo)}, "dash.example.com")
	for name, test := range map[string]struct {
		path   string
		header map[string]string
		status int
	}{
		"the usual one":                     {"/", nil, 101},
		"without a subprotocol":             {"/", map[string]string{"Sec-WebSocket-Protocol": ""}, 400},
		"with unknown subprotocols":         {"/", map[string]string{"Sec-WebSocket-Protocol": "chat, oneM2M.JSON"}, 400},
		"with another path":                 {"/cse-in", nil, 404},
		"of another version":                {"/", map[string]string{"Sec-WebSocket-Version": "8"}, 400},
		"without an upgrade":                {"/", map[string]string{"Upgrade": ""}, 426},
		"from a web page":                   {"/", map[string]string{"Origin": "https://evil.example.com"}, 403},
		"from a web page that is permitted": {"/", map[string]string{"Origin": "https://dash.example.com"}, 101},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hr, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+strings.TrimPrefix(url, "ws")+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range map[string]string{
				"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
				"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "oneM2M.json",
			} {
				hr.Header.Set(k, v)
			}
			for k, v := range test.header {
				hr.Header.Set(k, v)
				if v == "" {
					hr.Header.Del(k)
				}
			}
			answer, err := http.DefaultTransport.RoundTrip(hr)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != test.status {
				t.Errorf("answered %s", answer.Status)
			}
		})
	}
}

func TestSocket_B88_B89_B98_RefusesWhatIsNoPrimitive(t *testing.T) {
	t.Parallel()
	_, url := listen(t, Options{Handler: handlerFunc(echo), Message: 4096})
	for name, test := range map[string]struct {
		kind    websocket.MessageType
		text    string
		answer  onem2m.StatusCode
		closing websocket.StatusCode
	}{
		"neither request nor response":            {websocket.MessageText, `{"rqi":"a","to":"x"}`, onem2m.BadRequest, 0},
		"both request and response":               {websocket.MessageText, `{"rqi":"a","op":2,"rsc":2000}`, onem2m.BadRequest, 0},
		"a request with an unknown parameter":     {websocket.MessageText, `{"rqi":"a","op":2,"to":"x","fr":"y","huh":1}`, onem2m.BadRequest, 0},
		"neither, and nobody to answer":           {websocket.MessageText, `{"to":"x"}`, 0, websocket.StatusProtocolError},
		"a request without an identifier":         {websocket.MessageText, `{"op":2,"to":"x","rqi":7}`, 0, websocket.StatusProtocolError},
		"no JSON":                                 {websocket.MessageText, `<m2m:rqp>`, 0, websocket.StatusProtocolError},
		"nothing":                                 {websocket.MessageText, ``, 0, websocket.StatusProtocolError},
		"the wrong type of frame":                 {websocket.MessageBinary, `{"op":2,"to":"x","fr":"y","rqi":"a"}`, 0, websocket.StatusUnsupportedData},
		"a response that nobody waits for":        {websocket.MessageText, `{"rsc":2000,"rqi":"never"}`, 0, 0},
		"a content that has both names inside it": {websocket.MessageText, `{"op":2,"to":"x","fr":"y","rqi":"a","pc":{"m2m:cin":{"rsc":1,"op":2}}}`, onem2m.OK, 0},
	} {
		t.Run(name, func(t *testing.T) { // one after the other: of a credential the newest connection counts (S-156)
			c := connect(t, url, "oneM2M.json")
			if err := c.Write(t.Context(), test.kind, []byte(test.text)); err != nil {
				t.Fatal(err)
			}
			if test.answer == 0 && test.closing == 0 { // the connection still works
				if err := c.Write(t.Context(), test.kind, []byte(`{"op":2,"to":"x","fr":"y","rqi":"a"}`)); err != nil {
					t.Fatal(err)
				}
				test.answer = onem2m.OK
			}
			_, b, err := c.Read(t.Context())
			if test.closing != 0 {
				if websocket.CloseStatus(err) != test.closing {
					t.Errorf("%s, %v", b, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			res, err := wire.DecodeResponse(b, wire.Limits{})
			if err != nil || res.Code != test.answer || res.RequestID != "a" {
				t.Errorf("%s, %v", b, err)
			}
		})
	}
}

func TestServer_B93_S156_ANewerConnectionOfTheSameCredentialTakesTheOldOnesPlace(t *testing.T) {
	t.Parallel()
	s, url := listen(t, Options{Handler: handlerFunc(echo)})
	old := connect(t, url, "oneM2M.json")
	for !s.Connected(registree, anybody) {
		time.Sleep(time.Millisecond)
	}
	before := s.find(registree, anybody)
	connect(t, url, "oneM2M.json")
	_, _, err := old.Read(t.Context())
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Error(err)
	}
	if now := s.find(registree, anybody); now == nil || now == before {
		t.Error("the entity isn't known by its new connection")
	}
}

func TestServer_B95_ShutdownWaitsForWhatIsInProgress(t *testing.T) {
	t.Parallel()
	begun, goOn := make(chan struct{}), make(chan struct{})
	s, url := listen(t, Options{Handler: handlerFunc(func(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
		close(begun)
		<-goOn
		return echo(ctx, a, req)
	})})
	c := newClient(t, ClientOptions{})
	answered := make(chan error, 1)
	go func() {
		_, err := c.Send(t.Context(), url, "//m2m.example/id-in", retrieve("slow"))
		answered <- err
	}()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(t.Context()) }()
	select {
	case err := <-stopped:
		t.Fatal("it didn't wait", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	if err := errors.Join(<-answered, <-stopped); err != nil {
		t.Error(err)
	}
	var e *onem2m.Error
	if _, err := c.Send(t.Context(), url, "//m2m.example/id-in", retrieve("late")); !errors.As(err, &e) || e.Code != onem2m.TargetNotReachable {
		t.Error(err)
	}
}

// wasSent reports what a Carrier asks of an error.
func wasSent(err error) bool {
	var s interface{ Sent() bool }
	return errors.As(err, &s) && s.Sent()
}

func TestClient_B94_OpensAgainWithTheNextRequest(t *testing.T) {
	t.Parallel()
	var cut atomic.Bool
	taken := make(chan struct{}, 2)
	s, url := listen(t, Options{Handler: handlerFunc(func(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
		if cut.Load() {
			taken <- struct{}{}
			<-ctx.Done()
			return nil
		}
		return echo(ctx, a, req)
	})})
	closed := make(chan onem2m.ID, 1)
	c := newClient(t, ClientOptions{Pause: time.Millisecond, Closed: func(who onem2m.ID) { closed <- who }})
	send := func(ctx context.Context, rqi string) error {
		_, err := c.Send(ctx, url, "//m2m.example/id-in", retrieve(rqi))
		return err
	}
	if err := send(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	cut.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-taken; cancel() }()
	err := send(ctx, "no answer in time")
	if onem2m.AsError(err).Code != onem2m.RequestTimeout || !wasSent(err) {
		t.Error("without an answer:", err)
	}
	lost := make(chan error, 1)
	go func() { lost <- send(t.Context(), "cut") }()
	for k := s.find(registree, anybody); ; time.Sleep(time.Millisecond) {
		if k.mu.Lock(); k.busy >= 2 {
			k.mu.Unlock()
			_ = k.conn.CloseNow()
			break
		}
		k.mu.Unlock()
	}
	if err := <-lost; onem2m.AsError(err).Code != onem2m.TargetNotReachable || !wasSent(err) {
		t.Error("cut:", err)
	}
	if who := <-closed; who != "//m2m.example/id-in" {
		t.Error("told of", who)
	}
	cut.Store(false)
	if err := send(t.Context(), "again"); err != nil {
		t.Error("opened again:", err)
	}
}

func TestClient_S060_LooksAtTheCredentialAgain(t *testing.T) {
	t.Parallel()
	_, url := listen(t, Options{Handler: handlerFunc(echo)})
	var dials atomic.Int64
	var revoked atomic.Bool
	var clock atomic.Int64
	c := newClient(t, ClientOptions{
		Options: Options{Now: func() time.Time { return time.Unix(clock.Load(), 0) }},
		MaxAge:  time.Hour,
		Dial: func(ctx context.Context, _ bool, address string, _ onem2m.ID) (Dialed, error) {
			dials.Add(1)
			if revoked.Load() {
				return Dialed{}, errors.New("the certificate is revoked")
			}
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", address)
			return Dialed{Conn: conn, Stands: func() error {
				if revoked.Load() {
					return errors.New("revoked")
				}
				return nil
			}}, err
		},
	})
	for i, step := range []struct {
		at      int64
		revoked bool
		dials   int64
		reached bool
	}{{0, false, 1, true}, {2, false, 1, true}, {3600, false, 2, true}, {3602, true, 3, false}, {3603, false, 4, true}} {
		clock.Store(step.at)
		revoked.Store(step.revoked)
		_, err := c.Send(t.Context(), url, "//m2m.example/id-in", retrieve(fmt.Sprint("r", i)))
		if (err == nil) != step.reached || dials.Load() != step.dials {
			t.Errorf("step %d: %v, %d connections", i, err, dials.Load())
		}
	}
}

func TestSocket_B98_APeerThatIsDeadIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := stillServer(t, Options{Handler: handlerFunc(echo)})
		c := l.connect(t)
		ended := make(chan error, 1)
		go func() {
			_, _, err := c.Read(t.Context()) // which answers pings
			ended <- err
		}()
		time.Sleep(time.Hour)
		select {
		case err := <-ended:
			t.Fatal("a peer that answers isn't kept:", err)
		default:
		}
		if !s.Connected(registree, anybody) {
			t.Error("a peer that answers isn't connected")
		}
		_ = c.CloseNow()
		if err := <-ended; err == nil {
			t.Error("it was told something")
		}
		synctest.Wait()
		if s.Connected(registree, anybody) {
			t.Error("a connection that is closed is kept")
		}
		dead := l.connect(t) // and reads nothing
		time.Sleep(DefaultPing)
		if !s.Connected(registree, anybody) {
			t.Error("a peer isn't given the time to answer")
		}
		time.Sleep(DefaultPing + closeTime)
		synctest.Wait()
		if s.Connected(registree, anybody) {
			t.Error("a peer that doesn't answer is kept")
		}
		_ = dead.CloseNow()
	})
}

func TestSocket_C038_NothingIsAnsweredWhereNothingIsWanted(t *testing.T) {
	t.Parallel()
	got := make(chan string, 2)
	_, url := listen(t, Options{Handler: handlerFunc(func(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
		res := echo(ctx, a, req)
		res.NoResponse = req.ResponseType != nil
		got <- req.RequestID
		return res
	})})
	c := newClient(t, ClientOptions{})
	quiet := retrieve("quiet")
	none := int64(5)
	quiet.ResponseType = &none
	res, err := c.Send(t.Context(), url, "//m2m.example/id-in", quiet)
	if err != nil || res.Code != 0 {
		t.Error(res, err)
	}
	if rqi := <-got; rqi != "quiet" {
		t.Error(rqi)
	}
}

func TestSocket_APanicCostsOneRequest(t *testing.T) {
	t.Parallel()
	_, url := listen(t, Options{Handler: handlerFunc(func(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
		switch req.RequestID {
		case "panic":
			panic("broken")
		case "nothing":
			return nil
		}
		return echo(ctx, a, req)
	})})
	c := newClient(t, ClientOptions{})
	for rqi, code := range map[string]onem2m.StatusCode{"panic": onem2m.InternalServerError, "nothing": onem2m.InternalServerError, "fine": onem2m.OK} {
		res, err := c.Send(t.Context(), url, "//m2m.example/id-in", retrieve(rqi))
		if err != nil || res.Code != code {
			t.Error(rqi, res, err)
		}
	}
}

func TestSocket_TheRequestsInProgressAreBounded(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	_, url := listen(t, Options{Handler: handlerFunc(func(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
		<-goOn
		return echo(ctx, a, req)
	})})
	c := connect(t, url, "oneM2M.json")
	for i := range maxWork + 1 {
		if err := c.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"op":2,"to":"x","fr":"y","rqi":"r%d"}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	_, b, err := c.Read(t.Context())
	if err != nil || !bytes.Contains(b, []byte("too many requests")) {
		t.Errorf("%s, %v", b, err)
	}
	close(goOn)
	seen := map[string]bool{}
	for range maxWork {
		_, b, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		res, err := wire.DecodeResponse(b, wire.Limits{})
		if err != nil || res.Code != onem2m.OK {
			t.Fatalf("%s, %v", b, err)
		}
		seen[res.RequestID] = true
	}
	if len(seen) != maxWork {
		t.Errorf("%d answers", len(seen))
	}
}

func TestServer_B92_KnowsWhoATrustedConnectionSpeaksFor(t *testing.T) {
	t.Parallel()
	s := NewServer(Options{
		Handler: handlerFunc(func(_ context.Context, _ *identity.Association, req *onem2m.Request) *onem2m.Response {
			return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID}
		}),
		Speaker: func(_ *identity.Association, req *onem2m.Request, _ *onem2m.Response) onem2m.ID {
			return onem2m.ID("//m2m.example/id-in/" + req.From)
		},
	})
	l := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Door{Server: s}.ServeSocket(w, r, &identity.Association{Trusted: true}, time.Time{})
	}))
	t.Cleanup(l.Close)
	c := connect(t, "ws"+strings.TrimPrefix(l.URL, "http"), "oneM2M.json")
	for i := range maxSpeakers + 2 {
		if err := c.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"op":2,"to":"x","fr":"C%d","rqi":"r"}`, i)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := []bool{s.Connected("//m2m.example/id-in/C2", anybody), s.Connected("//m2m.example/id-in/C65", anybody), s.Connected("//m2m.example/id-in/C1", anybody), s.Connected("//m2m.example/id-in/Cother", anybody)}
	if diff := cmp.Diff([]bool{true, true, false, false}, got); diff != "" {
		t.Error(diff)
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	for s.Connected("//m2m.example/id-in/C65", anybody) {
		time.Sleep(time.Millisecond)
	}
}

func TestSocket_B88_WhatIsTooLarge(t *testing.T) {
	t.Parallel()
	_, url := listen(t, Options{Handler: handlerFunc(echo), Message: 4096, Answer: 100_000})
	c := connect(t, url, "oneM2M.json")
	say := func(content int) (string, error) {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(`{"op":2,"to":"x","fr":"y","rqi":"a","pc":{"m2m:cin":{"con":"`+strings.Repeat("x", content)+`"}}}`)); err != nil {
			t.Fatal(err)
		}
		_, b, err := c.Read(t.Context())
		return string(b), err
	}
	for content, rsc := range map[int]string{30_000: `"rsc":2000`, 50_000: `"rsc":4000`, 10: `"rsc":2000`} {
		if got, err := say(content); err != nil || !strings.Contains(got, rsc) {
			t.Errorf("%d octets: %.80s, %v, want %s", content, got, err, rsc)
		}
	}
	if _, err := say(150_000); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("more than any message: %v", err)
	}
}
