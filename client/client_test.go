package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bulwark/client"
	"bulwark/onem2m"
	"bulwark/test/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const listeners = `
[[listen]]
binding = "http"
address = "127.0.0.1:0"
trust-plain = true

[[listen]]
binding = "https"
address = "127.0.0.1:0"
`

// connect returns a client of a running CSE.
func connect(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func code(err error) onem2m.StatusCode {
	var e *onem2m.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code
}

func attrs(pairs ...string) (o onem2m.Object) {
	for i := 0; i < len(pairs); i += 2 {
		o.Set(pairs[i], []byte(pairs[i+1]))
	}
	return o
}

func TestClient_WorksOnARunningCSE(t *testing.T) {
	t.Parallel()
	n := harness.StartNode(t, listeners, nil)
	c := connect(t, client.Options{URL: n.Addresses[0]})
	ctx := t.Context()

	me, err := c.Register(ctx, client.AE{Name: "app", App: "Ntest", Labels: []string{"x"}})
	if err != nil || me.Name() != "app" || c.From() != me.ID() || !strings.HasPrefix(c.From(), "C") {
		t.Fatalf("Register: %+v, From %q, %v", me, c.From(), err)
	}
	if _, err := c.Register(ctx, client.AE{App: "Ntest"}); code(err) != onem2m.OriginatorHasAlreadyRegistered {
		t.Errorf("registering twice: %v", err)
	}
	box, err := c.Create(ctx, "cse-in/app", onem2m.TypeContainer, attrs("rn", `"box"`, "mni", "5"))
	if err != nil || box.Root != "m2m:cnt" || box.Name() != "box" {
		t.Fatalf("Create: %+v, %v", box, err)
	}
	if _, err := c.Create(ctx, "cse-in/app", onem2m.TypeContainer, attrs("rn", `"box"`)); code(err) != onem2m.Conflict {
		t.Errorf("creating twice: %v", err)
	}
	if got, err := c.Update(ctx, "cse-in/app/box", box.Root, attrs("mni", "null", "lbl", `["a"]`)); err != nil || got.Has("mni") {
		t.Errorf("Update: %+v, %v", got, err)
	}
	if got, err := c.Retrieve(ctx, box.ID()); err != nil || string(got.Get("lbl")) != `["a"]` {
		t.Errorf("Retrieve: %+v, %v", got, err)
	}
	if _, err := c.Retrieve(ctx, "cse-in/nothing"); code(err) != onem2m.NotFound {
		t.Errorf("Retrieve of nothing: %v", err)
	}
	if err := c.Delete(ctx, "cse-in/app/box"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if err := c.Delete(ctx, "cse-in/app/box"); code(err) != onem2m.NotFound {
		t.Errorf("Delete again: %v", err)
	}
	stranger := connect(t, client.Options{URL: n.Addresses[0], From: "Cother1"})
	if _, err := stranger.Retrieve(ctx, "cse-in/app"); code(err) != onem2m.OriginatorHasNoPrivilege {
		t.Errorf("a stranger's Retrieve: %v", err)
	}
}

func TestClient_DiscoverTurnsPages(t *testing.T) {
	t.Parallel()
	n := harness.StartNode(t, listeners, nil)
	c := connect(t, client.Options{URL: n.Addresses[0]})
	ctx := t.Context()
	if _, err := c.Register(ctx, client.AE{Name: "app", App: "Ntest"}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("c%d", i)
		want = append(want, "cse-in/app/"+name)
		if _, err := c.Create(ctx, "cse-in/app", onem2m.TypeContainer, attrs("rn", `"`+name+`"`)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	pages := 0
	for next := 1; next != 0; pages++ {
		addresses, more, err := c.Discover(ctx, "cse-in/app", onem2m.FilterCriteria{
			Types: []onem2m.ResourceType{onem2m.TypeContainer}, Limit: new(int64(3)), Offset: new(int64(next)),
		})
		if err != nil {
			t.Fatal(err)
		}
		got, next = append(got, addresses...), more
	}
	if pages != 3 || !slices.Equal(got, want) {
		t.Errorf("%d pages: %v", pages, got)
	}
	if got, next, err := c.Discover(ctx, "cse-in/app", onem2m.FilterCriteria{Labels: []string{"none"}}); err != nil || next != 0 || len(got) != 0 {
		t.Errorf("no match: %v, %d, %v", got, next, err)
	}
}

func TestClient_SpeaksTLSWithItsCertificate(t *testing.T) {
	t.Parallel()
	n := harness.StartNode(t, listeners, nil)
	authority := harness.NewAuthority(t, n.Dir)
	ca := filepath.Join(n.Dir, "pki", "ca.crt")
	me := authority.AE("Cone001")
	c := connect(t, client.Options{URL: n.Addresses[1], From: "Cone001", CA: ca, Cert: me.CertFile, Key: me.KeyFile, CSE: "//m2m.example/id-in"})
	if got, err := c.Register(t.Context(), client.AE{App: "Ntest"}); err != nil || got.ID() != "Cone001" {
		t.Fatalf("Register: %+v, %v", got, err)
	}
	c.SetFrom("Cother1")
	if _, err := c.Retrieve(t.Context(), "cse-in"); code(err) != onem2m.OriginatorNotAuthenticated {
		t.Errorf("another's From: %v", err)
	}
	wrong := connect(t, client.Options{URL: n.Addresses[1], From: "Cone001", CA: ca, Cert: me.CertFile, Key: me.KeyFile, CSE: "//m2m.example/id-far"})
	if _, err := wrong.Retrieve(t.Context(), "cse-in"); err == nil || code(err) != 0 {
		t.Errorf("the certificate of another CSE: %v", err)
	}
	blind := connect(t, client.Options{URL: n.Addresses[1], From: "Cone001", Cert: me.CertFile, Key: me.KeyFile})
	if _, err := blind.Retrieve(t.Context(), "cse-in"); err == nil || !strings.Contains(err.Error(), "name the file of roots") {
		t.Errorf("no authority: %v", err)
	}
	other := harness.NewAuthority(t, t.TempDir())
	stranger := other.AE("Cone001")
	misled := connect(t, client.Options{URL: n.Addresses[1], From: "Cone001", CA: stranger.CertFile, Cert: me.CertFile, Key: me.KeyFile})
	if _, err := misled.Retrieve(t.Context(), "cse-in"); err == nil || !strings.Contains(err.Error(), stranger.CertFile+", doesn't fit") {
		t.Errorf("an unknown authority: %v", err)
	}
	refused := connect(t, client.Options{URL: n.Addresses[1], From: "Cone001", CA: ca, Cert: stranger.CertFile, Key: stranger.KeyFile})
	if _, err := refused.Retrieve(t.Context(), "cse-in"); err == nil || !strings.Contains(err.Error(), "doesn't take "+stranger.CertFile) {
		t.Errorf("a certificate of another authority: %v", err)
	}
	bare := connect(t, client.Options{URL: n.Addresses[1], From: "Cone001", CA: ca})
	if _, err := bare.Retrieve(t.Context(), "cse-in"); err == nil || !strings.Contains(err.Error(), "asks for a certificate") {
		t.Errorf("no certificate: %v", err)
	}
	plain := connect(t, client.Options{URL: strings.Replace(n.Addresses[1], "https:", "http:", 1), From: "Cone001"})
	if _, err := plain.Retrieve(t.Context(), "cse-in"); err == nil || code(err) != 0 || !strings.Contains(err.Error(), "does it want https?") {
		t.Errorf("http where https is spoken: %v", err)
	}
	if _, err := client.New(client.Options{URL: n.Addresses[1], Cert: me.CertFile, Key: stranger.KeyFile}); err == nil || !strings.Contains(err.Error(), stranger.KeyFile) {
		t.Errorf("a key of another certificate: %v", err)
	}
}

func TestListener_ReceivesNotifications(t *testing.T) {
	t.Parallel()
	n := harness.StartNode(t, listeners, nil)
	c := connect(t, client.Options{URL: n.Addresses[0]})
	ctx := t.Context()
	arrived := make(chan client.Notification, 10)
	l, err := client.Listen(ctx, "127.0.0.1:0", func(n client.Notification) error { arrived <- n; return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for range 2 {
			if err := l.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	}()
	if _, err := c.Register(ctx, client.AE{Name: "app", App: "Ntest"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(ctx, "cse-in/app", onem2m.TypeContainer, attrs("rn", `"box"`)); err != nil {
		t.Fatal(err)
	}
	target := `["` + l.URL + `"]`
	sub, err := c.Create(ctx, "cse-in/app/box", onem2m.TypeSubscription, attrs("rn", `"sub"`, "nu", target, "su", `"`+l.URL+`"`, "enc", `{"net":[3]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(ctx, "cse-in/app/box", onem2m.TypeContentInstance, attrs("con", `"hello"`)); err != nil {
		t.Fatal(err)
	}
	got := wait(t, arrived)
	if con, _ := got.Resource.Text("con"); con != "hello" || got.Event != 3 || got.Resource.Root != "m2m:cin" || !strings.HasSuffix(got.Subscription, sub.ID()) || got.Request == "" {
		t.Errorf("got %+v", got)
	}
	if _, err := c.Update(ctx, "cse-in/app/box/sub", "m2m:sub", attrs("nct", "3")); err != nil {
		t.Fatal(err)
	}
	made, err := c.Create(ctx, "cse-in/app/box", onem2m.TypeContentInstance, attrs("con", `"hello"`))
	if err != nil {
		t.Fatal(err)
	}
	if got := wait(t, arrived); !strings.HasSuffix(got.URI, made.ID()) || got.Resource.Root != "" {
		t.Errorf("nct 3: got %+v", got)
	}
	if err := c.Delete(ctx, "cse-in/app/box/sub"); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, arrived); !got.Deleted {
		t.Errorf("sud: got %+v", got)
	}
}

func wait(t *testing.T, arrived <-chan client.Notification) client.Notification {
	t.Helper()
	select {
	case n := <-arrived:
		return n
	case <-time.After(time.Minute):
		t.Fatal("no notification within a minute")
		return client.Notification{}
	}
}

func TestListener_RefusesWhatIsNoNotification(t *testing.T) {
	t.Parallel()
	l, err := client.Listen(t.Context(), "127.0.0.1:0", func(n client.Notification) error {
		if n.Verification {
			return onem2m.Errorf(onem2m.SubscriptionCreatorHasNoPrivilege, "", "no")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, tt := range []struct{ name, method, body, rsc string }{
		{"a verification that the application refuses", "POST", `{"m2m:sgn":{"vrq":true,"sur":"/id-in/s"}}`, "4101"},
		{"another method", "GET", "", "4005"},
		{"no JSON", "POST", "hello", "4000"},
		{"another root element", "POST", `{"m2m:cnt":{}}`, "4000"},
		{"no object", "POST", `{"m2m:sgn":5}`, "4000"},
		{"a notification without event", "POST", `{"m2m:sgn":{"sur":"/id-in/s"}}`, "2000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, l.URL, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-M2M-RI", "r1")
			req.Close = true
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got := res.Header.Get("X-M2M-RSC"); got != tt.rsc || res.Header.Get("X-M2M-RI") != "r1" {
				t.Errorf("got %s, want %s", got, tt.rsc)
			}
		})
	}
}

func TestClient_FailuresWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost:8443", "ftp://localhost", "https://"} {
		if _, err := client.New(client.Options{URL: url}); err == nil {
			t.Errorf("%q passes for an address", url)
		}
	}
	for _, o := range []client.Options{
		{URL: "https://localhost", CA: "missing.crt"}, {URL: "https://localhost", Cert: "missing.crt"}, {URL: "https://localhost", CSE: "nonsense"},
	} {
		if _, err := client.New(o); err == nil {
			t.Errorf("%+v passes", o)
		}
	}
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(release)
	c := connect(t, client.Options{URL: slow.URL, From: "Capp01", Timeout: 20 * time.Millisecond})
	if _, err := c.Retrieve(t.Context(), "cse-in"); !errors.Is(err, context.DeadlineExceeded) || code(err) != 0 || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("a CSE that doesn't answer: %v", err)
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer proxy.Close()
	c = connect(t, client.Options{URL: proxy.URL, From: "Capp01"})
	if _, err := c.Retrieve(t.Context(), "cse-in"); err == nil {
		t.Error("an answer that isn't oneM2M passes for one")
	}
}

func TestFailure_TellsCodeAndText(t *testing.T) {
	t.Parallel()
	if err := client.Failure(&onem2m.Response{Code: onem2m.Created}); err != nil {
		t.Errorf("a success: %v", err)
	}
	err := client.Failure(&onem2m.Response{Code: onem2m.NotFound, Content: &onem2m.Content{Name: "m2m:dbg", Value: onem2m.TextValue("gone")}})
	if code(err) != onem2m.NotFound || !strings.Contains(err.Error(), "gone") {
		t.Errorf("got %v", err)
	}
}
