package websocket

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"bulwark/test/harness"
)

// The CSE that registered over a connection is gone, and another one has its CSE-ID
// now, with a point of access over HTTP: the old connection is nothing to it.
func TestPlace_B96_S156_AConnectionSpeaksForNoLaterCSE(t *testing.T) {
	t.Parallel()
	n := harness.StartNode(t, "[[listen]]\nbinding = \"ws\"\naddress = \"127.0.0.1:0\"\ntrust-plain = true\n[[listen]]\nbinding = \"http\"\naddress = \"127.0.0.1:0\"\ntrust-plain = true\n", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	reached := make(chan string, 8)
	registree := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached <- r.URL.Path
		w.Header().Set("X-M2M-RSC", "4004")
		w.Header().Set("X-M2M-RI", r.Header.Get("X-M2M-RI"))
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(registree.Close)
	plain := harness.NewClient(t, n.Addresses[1], nil, 1)
	const entry = `{"m2m:csr":{"rn":"mn","csi":"/id-mn","cb":"/id-mn/cse-mn","cst":2,"srv":["3"],`

	old, _, err := websocket.Dial(ctx, n.Addresses[0], &websocket.DialOptions{Subprotocols: []string{"oneM2M.json"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = old.CloseNow() })
	said := 0
	say := func(primitive, rsc string) {
		t.Helper()
		said++
		if err := old.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"fr":"/id-mn","rqi":"w%d","rvi":"3",%s}`, said, primitive)); err != nil {
			t.Fatal(err)
		}
		if _, b, err := old.Read(ctx); err != nil || !strings.Contains(string(b), `"rsc":`+rsc) {
			t.Fatalf("%s: %s, %v", primitive, b, err)
		}
	}
	say(`"op":1,"to":"cse-in","ty":16,"pc":`+entry+`"rr":false}}`, "2001")
	plain.Make(t, "Cguest", "/cse-in", 2, `{"m2m:ae":{"api":"Napp","rr":false,"srv":["3"]}}`)

	heard := make(chan string, 8)
	go func() {
		for {
			_, b, err := old.Read(ctx)
			if err != nil {
				return
			}
			heard <- string(b)
			_, id, _ := strings.Cut(string(b), `"rqi":"`)
			id, _, _ = strings.Cut(id, `"`)
			if old.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"rsc":4004,"rqi":%q,"rvi":"3"}`, id)) != nil {
				return
			}
		}
	}()
	plain.Get(t, "Cguest", "/~/id-mn/cse-mn/first").Expect(t, 4004, 404)
	if len(heard) != 1 {
		t.Fatal("its own registration doesn't count")
	}
	<-heard
	plain.Delete(t, "/id-mn", "/cse-in/mn").Expect(t, 2002, 200)
	plain.Make(t, "/id-mn", "/cse-in", 16, entry+`"rr":true,"poa":["`+registree.URL+`"]}}`)
	plain.Get(t, "Cguest", "/~/id-mn/cse-mn/second").Expect(t, 4004, 404)
	select {
	case path := <-reached:
		if !strings.HasSuffix(path, "second") {
			t.Errorf("reached with %s", path)
		}
	case b := <-heard:
		t.Errorf("the connection from before got %s", b)
	}
}
