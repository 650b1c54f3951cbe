package cse

import (
	"fmt"
	"strings"
	"testing"

	"bulwark/onem2m"
)

func TestRemoteCSE_S093_WhoStatedADescendantFirstHasItAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	change := func(o *Options) { o.Type = MN }
	w := newWorldIn(t, dir, change)
	for _, id := range []string{"/id-late", "/id-first"} { // the later one has the older <remoteCSE>
		w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: id, body: `{"m2m:csr":{"rn":"` + id[1:] + `","cb":"` + id + `/cse","srv":["3"],"rr":false}}`})
	}
	for _, id := range []string{"/id-first", "/id-late"} {
		w.must(onem2m.Updated, ask{op: "U", to: "cse-in" + id, from: id, body: `{"m2m:csr":{"dcse":["/id-deep"]}}`})
		w.advance(1000)
	}
	via := func(want onem2m.ID) {
		t.Helper()
		if n, _ := w.c.peers.Via("//m2m.example/id-deep", 0); n.ID != want {
			t.Errorf("/id-deep is below %q, want %q", n.ID, want)
		}
	}
	via("//m2m.example/id-first")
	w.restart(dir, change)
	via("//m2m.example/id-first")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/id-first", from: "/id-first", body: `{"m2m:csr":{"dcse":["/id-deep","/id-deeper"]}}`})
	via("//m2m.example/id-first")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/id-first", from: "/id-first", body: `{"m2m:csr":{"dcse":null}}`})
	via("//m2m.example/id-late")
}

func TestRemoteCSE_C215_TheNumberOfDescendantsHasABound(t *testing.T) {
	t.Parallel()
	w, _ := crossroads(t)
	list := make([]string, 0, 1001)
	for i := range 1001 {
		list = append(list, fmt.Sprintf(`"/id-d%d"`, i))
	}
	dcse := func(n int) string { return `{"m2m:csr":{"dcse":[` + strings.Join(list[:n], ",") + `]}}` }
	w.must(onem2m.BadRequest, ask{op: "U", to: "cse-in/id-open", from: "/id-open", body: dcse(1001)})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/id-open", from: "/id-open", body: dcse(1000)})
}
