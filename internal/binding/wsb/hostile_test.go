package wsb

import (
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

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// silent upgrades connections and then never reads from them.
func silent(t *testing.T) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"oneM2M.json"}})
		if err != nil {
			return
		}
		<-t.Context().Done() // it ends before the clean-up
		_ = c.CloseNow()
	}
}

func TestSocket_ARequestToAPeerThatDoesNotReadEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newStill(t, silent(t)).client(t, ClientOptions{})
		large := retrieve("")
		large.Content = &onem2m.Content{Name: "m2m:cin", Value: onem2m.TextValue(strings.Repeat("x", 900<<10))}
		var group sync.WaitGroup
		var unsent atomic.Int64
		begun := time.Now()
		for i := range 40 { // more than is taken over
			req := *large
			req.RequestID = fmt.Sprint("r", i)
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := c.Send(ctx, "ws://in.m2m.example/", "//m2m.example/id-in", &req)
				if onem2m.AsError(err).Code != onem2m.RequestTimeout {
					t.Error(err)
				}
				if !wasSent(err) {
					unsent.Add(1)
				}
			})
		}
		group.Wait()
		if d := time.Since(begun); d > time.Second {
			t.Errorf("it took %s", d)
		}
		if unsent.Load() == 0 {
			t.Error("what has waited for room counts as sent")
		}
	})
}

func TestSocket_APeerThatDoesNotReadItsAnswersIsLetGo(t *testing.T) {
	t.Parallel()
	answer := onem2m.TextValue(strings.Repeat("x", 512<<10))
	s, url := listen(t, Options{Handler: handlerFunc(func(_ context.Context, _ *identity.Association, req *onem2m.Request) *onem2m.Response {
		return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID, Content: &onem2m.Content{Name: "m2m:uri", Value: answer}}
	})})
	c := connect(t, url, "oneM2M.json")
	for i := range 400 { // 200 MiB of answers
		if err := c.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"op":2,"to":"x","fr":"y","rqi":"r%d"}`, i)); err != nil {
			break
		}
	}
	for s.Connected(registree, anybody) {
		time.Sleep(10 * time.Millisecond)
	}
}

func TestSocket_TheOctetsOfRequestsInProgressAreBounded(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	_, url := listen(t, Options{Handler: handlerFunc(func(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
		<-goOn
		return echo(ctx, a, req)
	})})
	defer close(goOn)
	c := connect(t, url, "oneM2M.json")
	filling := strings.Repeat("x", 1000<<10)
	for i := range maxAsked>>20 + 1 {
		if err := c.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"op":5,"to":"x","fr":"y","rqi":"r%d","pc":{"m2m:cin":{"con":"%s"}}}`, i, filling)); err != nil {
			t.Fatal(err)
		}
	}
	_, b, err := c.Read(t.Context())
	if err != nil || !strings.Contains(string(b), "too many requests") {
		t.Errorf("%s, %v", b, err)
	}
}

func TestSocket_B98_AMessageThatDoesNotEndCostsTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := stillServer(t, Options{Handler: handlerFunc(echo)})
		c := l.connect(t)
		w, err := c.Writer(t.Context(), websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(`{"op":2,`)); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if _, _, err := c.Read(t.Context()); err == nil { // pings are answered meanwhile
			t.Error("an answer to half a message")
		}
		if d := time.Since(begun); d > 3*DefaultPing { // the first ping sees it begin
			t.Errorf("it took %s", d)
		}
		synctest.Wait()
		if s.Connected(registree, anybody) {
			t.Error("the connection is still there")
		}
	})
}

func TestServer_B95_S139_AConnectionIsClosedInGoodOrderBeforeItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun, goOn := make(chan struct{}), make(chan struct{})
		s := NewServer(Options{Handler: handlerFunc(func(_ context.Context, _ *identity.Association, req *onem2m.Request) *onem2m.Response {
			close(begun)
			<-goOn
			return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID}
		})})
		const age = time.Hour
		l := newStill(t, func(w http.ResponseWriter, r *http.Request) {
			Door{Server: s}.ServeSocket(w, r, &identity.Association{IDs: []onem2m.ID{registree}}, time.Now().Add(age))
		})
		c := l.connect(t)
		if err := c.Write(t.Context(), websocket.MessageText, []byte(`{"op":2,"to":"x","fr":"y","rqi":"slow"}`)); err != nil {
			t.Fatal(err)
		}
		<-begun
		answers := make(chan string, 1)
		ended := make(chan error, 1)
		go func() {
			for {
				_, b, err := c.Read(t.Context())
				if err != nil {
					ended <- err
					return
				}
				answers <- string(b)
			}
		}()
		time.Sleep(age - leaveTime - time.Second)
		if !s.Connected(registree, anybody) {
			t.Error("nothing more is sent over it before its time")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s.Connected(registree, anybody) {
			t.Error("more is sent over it")
		}
		close(goOn)
		if b := <-answers; !strings.Contains(b, "slow") {
			t.Error(b)
		}
		if err := <-ended; websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Error(err)
		}
	})
}

func TestServer_B98_AConnectionOfNobodyThatSaysNothingIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(Options{Handler: handlerFunc(echo)})
		l := newStill(t, func(w http.ResponseWriter, r *http.Request) {
			Door{Server: s}.ServeSocket(w, r, &identity.Association{Binding: "ws"}, time.Time{})
		})
		c := l.connect(t)
		begun := time.Now()
		if _, _, err := c.Read(t.Context()); err == nil { // pings are answered meanwhile
			t.Error("it was told something")
		}
		if d := time.Since(begun); d < idleTicks*DefaultPing || d > (idleTicks+1)*DefaultPing {
			t.Errorf("it was closed after %s", d)
		}
	})
}

func TestServer_ShutdownIsNotHeldUpByAPeerThatDoesNotSayGoodBye(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := stillServer(t, Options{Handler: handlerFunc(echo)})
		l.connect(t) // nobody reads
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_ = s.Shutdown(ctx)
		if d := time.Since(begun); d > 100*time.Millisecond+closeTime {
			t.Errorf("it took %s", d)
		}
	})
}

func TestClient_PointsThatLeadNowhereTakeNobodysPlace(t *testing.T) {
	t.Parallel()
	_, url := listen(t, Options{Handler: handlerFunc(echo)})
	c := newClient(t, ClientOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range maxSockets + 1 {
		_, _ = c.Send(ctx, fmt.Sprintf("ws://192.0.2.1:%d/", 1000+i), "//far.example/id-far", retrieve("r")) // fails at once
	}
	if _, err := c.Send(t.Context(), url, "//m2m.example/id-in", retrieve("r")); err != nil {
		t.Error(err)
	}
}

func TestClient_AConnectionMadeWhileAllAreDroppedIsNotUsed(t *testing.T) {
	t.Parallel()
	s, url := listen(t, Options{Handler: handlerFunc(echo)})
	var c *Client
	var dials atomic.Int64
	c = newClient(t, ClientOptions{Dial: func(ctx context.Context, _ bool, address string, _ onem2m.ID) (Dialed, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", address)
		if dials.Add(1) == 1 {
			c.Drop() // the credential has changed since
		}
		return Dialed{Conn: conn}, err
	}})
	if _, err := c.Send(t.Context(), url, "//m2m.example/id-in", retrieve("r")); err != nil {
		t.Error(err)
	}
	if dials.Load() != 2 {
		t.Errorf("%d connections", dials.Load())
	}
	for n := 0; n != 1; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		n = len(s.open)
		s.mu.Unlock()
	}
}

func TestClient_B95_AnOldConnectionEndsWhenItsRequestsAreThrough(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	begun := make(chan struct{})
	_, url := listen(t, Options{Handler: handlerFunc(func(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
		if req.RequestID == "slow" {
			close(begun)
			<-goOn
		}
		return echo(ctx, &identity.Association{IDs: a.IDs}, req)
	})})
	var clock atomic.Int64
	c := newClient(t, ClientOptions{
		Options: Options{Now: func() time.Time { return time.Unix(clock.Load(), 0) }}, MaxAge: time.Hour,
	})
	slow := make(chan error, 1)
	go func() {
		_, err := c.Send(t.Context(), url, "//m2m.example/id-in", retrieve("slow"))
		slow <- err
	}()
	<-begun
	clock.Store(3601)
	next := make(chan error, 1)
	go func() {
		_, err := c.Send(t.Context(), url, "//m2m.example/id-in", retrieve("next"))
		next <- err
	}()
	if err := <-next; err != nil {
		t.Error("the next:", err)
	}
	close(goOn)
	if err := <-slow; err != nil {
		t.Error("the one in progress:", err)
	}
}

func TestClient_S060_AnIdleConnectionIsLookedAtToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := stillServer(t, Options{Handler: handlerFunc(echo)})
		var revoked atomic.Bool
		var closed atomic.Int64
		c := l.client(t, ClientOptions{
			Options: Options{Handler: handlerFunc(echo)},
			Closed:  func(onem2m.ID) { closed.Add(1) },
			Dial: func(ctx context.Context, _ bool, _ string, _ onem2m.ID) (Dialed, error) {
				conn, err := l.dial(ctx)
				return Dialed{Conn: conn, Stands: func() error {
					if revoked.Load() {
						return errors.New("revoked")
					}
					return nil
				}}, err
			},
		})
		if _, err := c.Send(t.Context(), "ws://in.m2m.example/", "//m2m.example/id-in", retrieve("r")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := s.Send(t.Context(), registree, anybody, retrieve("down")); err != nil {
			t.Error("while the credential stands:", err)
		}
		revoked.Store(true)
		time.Sleep(DefaultPing + closeTime)
		synctest.Wait()
		if closed.Load() == 0 {
			t.Error("whoever has no credential any more still has a connection over which it asks")
		}
		if _, err := s.Send(t.Context(), registree, anybody, retrieve("late")); err == nil {
			t.Error("and is answered")
		}
	})
}

func TestClient_B95_ShutdownWaitsForTheRequestsOfBothSides(t *testing.T) {
	t.Parallel()
	goOn, begun := make(chan struct{}), make(chan struct{})
	s, url := listen(t, Options{Handler: handlerFunc(echo)})
	c := newClient(t, ClientOptions{Options: Options{Handler: handlerFunc(func(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
		close(begun)
		<-goOn
		if ctx.Err() != nil {
			t.Error("cut off")
		}
		return echo(ctx, a, req)
	})}})
	if _, err := c.Send(t.Context(), url, "//m2m.example/id-in", retrieve("r")); err != nil {
		t.Fatal(err)
	}
	answered, stopped := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Send(t.Context(), registree, anybody, retrieve("down"))
		answered <- err
	}()
	<-begun
	go func() { stopped <- c.Shutdown(t.Context()) }()
	select {
	case err := <-stopped:
		t.Fatal("it didn't wait", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	if err := errors.Join(<-answered, <-stopped); err != nil {
		t.Error(err)
	}
}

func TestServer_S095_S118_APlaceBelongsToOneCredential(t *testing.T) {
	t.Parallel()
	const lamp = onem2m.ID("//m2m.example/id-in/Clamp")
	s := NewServer(Options{Handler: handlerFunc(echo)})
	l := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Door{Server: s}.ServeSocket(w, r, &identity.Association{Kind: identity.KindAE, IDs: []onem2m.ID{lamp}, CredentialID: r.Header.Get("X-Credential")}, time.Time{})
	}))
	t.Cleanup(l.Close)
	open := func(credential string) *websocket.Conn {
		c, _, err := websocket.Dial(t.Context(), l.URL, &websocket.DialOptions{
			Subprotocols: []string{"oneM2M.json"}, HTTPHeader: http.Header{"X-Credential": {credential}},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.CloseNow() })
		return c
	}
	of := func(credential string) Fits {
		return func(a *identity.Association, _ time.Time) bool { return a.CredentialID == credential }
	}
	open("31-device")
	for !s.Connected(lamp, of("31-device")) {
		time.Sleep(time.Millisecond)
	}
	thief := open("33-lamp")
	for !s.Connected(lamp, of("33-lamp")) {
		time.Sleep(time.Millisecond)
	}
	if !s.Connected(lamp, of("31-device")) || s.find(lamp, of("31-device")).peer.CredentialID != "31-device" {
		t.Error("the other credential has taken the place")
	}
	_ = thief.CloseNow()
	for s.Connected(lamp, of("33-lamp")) {
		time.Sleep(time.Millisecond)
	}
	if !s.Connected(lamp, anybody) {
		t.Error("and taken it along")
	}
}

func TestHandshake_B100_S157_WebPages(t *testing.T) {
	t.Parallel()
	door := Door{Origins: []string{"*.Example.com"}}
	certified := &identity.Association{Kind: identity.KindAE, Binding: "wss"}
	for name, test := range map[string]struct {
		host, origin string
		peer         *identity.Association
		refused      bool
	}{
		"none":                                  {"127.0.0.1:8080", "", &identity.Association{Binding: "ws"}, false},
		"a page of the listener itself":         {"127.0.0.1:8080", "http://127.0.0.1:8080", &identity.Association{Binding: "ws"}, false},
		"likewise by the name of this machine":  {"localhost:8080", "http://LOCALHOST:8080", &identity.Association{Binding: "ws"}, false},
		"a page whose name leads here suddenly": {"evil.test:8080", "http://evil.test:8080", &identity.Association{Binding: "ws"}, true},
		"one that is named":                     {"127.0.0.1:8080", "https://dash.example.com", &identity.Association{Binding: "ws"}, false},
		"another one":                           {"127.0.0.1:8080", "https://evil.test", &identity.Association{Binding: "ws"}, true},
		"a page without an origin":              {"127.0.0.1:8080", "null", &identity.Association{Binding: "ws"}, true},
		"over TLS, of the listener itself":      {"in.m2m.example", "https://in.m2m.example", certified, false},
		"over TLS without a certificate":        {"in.m2m.example", "https://dash.example.com", &identity.Association{Binding: "wss"}, true},
		"over TLS with one of a device":         {"in.m2m.example", "https://dash.example.com", certified, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = test.host
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		if why := door.refusesPage(r, test.peer); (why != "") != test.refused {
			t.Errorf("%s: %q", name, why)
		}
	}
}

func TestServer_AnAnswerMayBeLargerThanARequest(t *testing.T) {
	t.Parallel()
	answer := onem2m.TextValue(strings.Repeat("x", 3<<20))
	_, url := listen(t, Options{Handler: handlerFunc(func(_ context.Context, _ *identity.Association, req *onem2m.Request) *onem2m.Response {
		return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID, Content: &onem2m.Content{Name: "m2m:uri", Value: answer}}
	})})
	c := newClient(t, ClientOptions{Options: Options{Answer: 4 << 20}})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if _, err := c.Send(t.Context(), url, "//m2m.example/id-in", retrieve(fmt.Sprint("r", i))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestClient_AConnectionThatIsClosedAtOnceIsNotOpenedAgainAtOnce(t *testing.T) {
	t.Parallel()
	s, url := listen(t, Options{Handler: handlerFunc(echo)})
	var told atomic.Int64
	c := newClient(t, ClientOptions{Pause: time.Minute, Closed: func(onem2m.ID) { told.Add(1) }})
	if _, err := c.Send(t.Context(), url, "//m2m.example/id-in", retrieve("r")); err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if told.Load() != 0 {
		t.Error("it was told at once")
	}
}

func TestMessage_XMLIsReadOnceByItsRoot(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`<m2m:rqp xmlns:m2m="x">`:                   "rqp",
		`<?xml version="1.0"?><!-- <rsp> --><rqp/>`: "rqp",
		"\n<m2m:rsp\n>":                             "rsp",
		`<`:                                         "",
		``:                                          "",
		`<!--`:                                      "",
	} {
		if got := rootOf([]byte(document)); got != want {
			t.Errorf("%s: %q", document, got)
		}
	}
}
