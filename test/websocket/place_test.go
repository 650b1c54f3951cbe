package websocket

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"bulwark/test/harness"
)

// The AE that registered over a connection is gone, and another one has its AE-ID
// now, with a point of access over HTTP: the old connection is nothing to it.
func TestPlace_B92_B96_AConnectionSpeaksForNoLaterRegistration(t *testing.T) {
	t.Parallel()
	n := harness.StartNode(t, "[[listen]]\nbinding = \"ws\"\naddress = \"127.0.0.1:0\"\ntrust-plain = true\n[[listen]]\nbinding = \"http\"\naddress = \"127.0.0.1:0\"\ntrust-plain = true\n", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	notified := make(chan string, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body) // what is short is seen below
		notified <- string(b)
		w.Header().Set("X-M2M-RSC", "2000")
		w.Header().Set("X-M2M-RI", r.Header.Get("X-M2M-RI"))
	}))
	t.Cleanup(receiver.Close)

	old, _, err := websocket.Dial(ctx, n.Addresses[0], &websocket.DialOptions{Subprotocols: []string{"oneM2M.json"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = old.CloseNow() })
	said := 0
	say := func(primitive, rsc string) {
		t.Helper()
		said++
		if err := old.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"fr":"Clamp","rqi":"w%d","rvi":"3",%s}`, said, primitive)); err != nil {
			t.Fatal(err)
		}
		if _, b, err := old.Read(ctx); err != nil || !strings.Contains(string(b), `"rsc":`+rsc) {
			t.Fatalf("%s: %s, %v", primitive, b, err)
		}
	}
	app := func(more string) string {
		return `{"m2m:ae":{"rn":"lamp","api":"Napp","srv":["3"],` + more + `}}`
	}
	say(`"op":1,"to":"cse-in","ty":2,"pc":`+app(`"rr":false`), "2001")
	say(`"op":4,"to":"cse-in/lamp"`, "2002")

	post := func(to, ty, body string) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.Addresses[1]+"/"+to, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"X-M2M-Origin": "Clamp", "X-M2M-RI": to + ty, "X-M2M-RVI": "3", "Content-Type": "application/json;ty=" + ty} {
			req.Header.Set(name, value)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if b, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusCreated {
			t.Fatalf("%s: %s %s", to, res.Status, b)
		}
	}
	post("cse-in", "2", app(`"rr":true,"poa":["`+receiver.URL+`"]`))
	post("cse-in/lamp", "3", `{"m2m:cnt":{"rn":"log"}}`)
	post("cse-in/lamp/log", "23", `{"m2m:sub":{"rn":"s","nu":["cse-in/lamp"],"enc":{"net":[3]}}}`)
	heard := make(chan string, 1)
	go func() {
		if _, b, err := old.Read(ctx); err == nil {
			heard <- string(b)
		}
	}()
	post("cse-in/lamp/log", "4", `{"m2m:cin":{"con":"secret"}}`)
	select {
	case b := <-notified:
		if !strings.Contains(b, "secret") {
			t.Errorf("notified of %s", b)
		}
	case b := <-heard:
		t.Errorf("the connection from before is notified: %s", b)
	case <-ctx.Done():
		t.Error("nobody is notified")
	}
}
