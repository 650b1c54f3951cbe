package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/test/harness"
)

// bridge is two CSEs, each in a process of its own: the second is registered
// with the first.
type bridge struct {
	dirs  [2]string
	ports [2]string
	p     [2]*harness.Process
	c     [2]*harness.Client
}

func (b *bridge) start(t *testing.T, i int) {
	t.Helper()
	args := []string{"--https", "off", "--http", "127.0.0.1:" + b.ports[i], "--trust-plain", "--log-level", "error"}
	if i == 1 {
		args = append(args, "--cse-type", "mn", "--cse-id", "/id-mn", "--cse-name", "cse-mn", "--registrar", "http://127.0.0.1:"+b.ports[0], "--registrar-id", "/id-in")
	}
	b.p[i] = harness.Start(t, b.dirs[i], args...)
	b.c[i] = harness.NewClient(t, b.p[i].HTTP, nil, 1)
}

func newBridge(t *testing.T) *bridge {
	t.Helper()
	b := &bridge{}
	for i := range b.ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, b.ports[i], _ = net.SplitHostPort(l.Addr().String())
		_ = l.Close()
		b.dirs[i] = filepath.Join(t.TempDir(), "data")
	}
	b.start(t, 0)
	b.start(t, 1)
	b.joined(t)
	b.c[1].Make(t, "Ctrade", "/cse-mn", 2, `{"m2m:ae":{"rn":"trade","api":"N.example.test","rr":false,"srv":["3"]}}`)
	b.c[1].Make(t, "Ctrade", "/cse-mn/trade", 3, `{"m2m:cnt":{"rn":"a","lbl":["0"]}}`)
	b.c[0].Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"acp","pv":{"acr":[{"acor":["/id-mn/Ctrade"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	b.c[0].Make(t, "CAdmin", "/cse-in", 3, `{"m2m:cnt":{"rn":"b","lbl":["0"],"acpi":["cse-in/acp"]}}`)
	return b
}

func (b *bridge) joined(t *testing.T) {
	t.Helper()
	eventually(t, "the CSEs know each other", func() bool {
		return b.c[1].Get(t, "CAdmin", "/id-in/cse-in").RSC != 0 && b.c[1].Get(t, "CAdmin", "/cse-mn/id-in").RSC == 2000 && b.c[0].Get(t, "CAdmin", "/cse-in/id-mn").RSC == 2000
	})
}

func eventually(t *testing.T, what string, look func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if look() {
			return
		}
	}
	t.Fatalf("not within three minutes: %s", what)
}

// soon reads a resource, and doesn't wait for a lock.
func (b *bridge) soon(t *testing.T, i int, from, target string) *harness.Answer {
	t.Helper()
	return b.c[i].Send(t, harness.Request{Method: "GET", From: from, Target: target, Header: map[string][]string{"X-M2M-RET": {"500"}}})
}

// TestTransaction_C441_KilledOnEitherSide kills one of two CSEs at a random
// moment of a transaction that changes something on both: when it is back, both
// are changed or none, and nothing stays locked.
func TestTransaction_C441_KilledOnEitherSide(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	for round := range harness.Rounds(4, 40) {
		name, label := fmt.Sprintf("tm%d", round), fmt.Sprintf("n%d", round)
		body := fmt.Sprintf(`{"m2m:tram":{"rn":%q,"tmh":2,"rqps":{"req":[{"op":3,"to":"cse-mn/trade/a","fr":"Ctrade","rqi":"q1","pc":{"m2m:cnt":{"lbl":[%q]}}},{"op":3,"to":"/id-in/cse-in/b","fr":"Ctrade","rqi":"q2","pc":{"m2m:cnt":{"lbl":[%q]}}}]}}}`, name, label, label)
		victim := rand.IntN(2)
		var asking sync.WaitGroup
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, _ = b.c[1].Do(ctx, harness.Request{Method: "POST", From: "Ctrade", Target: "/cse-mn/trade", Type: 50, Body: body})
		})
		time.Sleep(rand.N(40 * time.Millisecond))
		b.p[victim].Kill()
		b.start(t, victim)
		asking.Wait()
		b.joined(t)
		eventually(t, "nothing is locked", func() bool {
			return b.soon(t, 1, "Ctrade", "/cse-mn/trade/a").RSC == 2000 && b.soon(t, 0, "CAdmin", "/cse-in/b").RSC == 2000
		})
		state := 0
		eventually(t, "the transaction is over", func() bool {
			a := b.soon(t, 1, "Ctrade", "/cse-mn/trade/"+name)
			state = a.Number("trst")
			return a.RSC == 4004 || state == 4 || state == 6
		})
		eventually(t, "nothing is locked", func() bool {
			return b.soon(t, 1, "Ctrade", "/cse-mn/trade/a").RSC == 2000 && b.soon(t, 0, "CAdmin", "/cse-in/b").RSC == 2000
		})
		near := strings.Trim(fmt.Sprint(b.c[1].Get(t, "Ctrade", "/cse-mn/trade/a").Attribute("lbl")), "[]")
		far := strings.Trim(fmt.Sprint(b.c[0].Get(t, "CAdmin", "/cse-in/b").Attribute("lbl")), "[]")
		if near != far || (state == 4) != (near == label) {
			t.Fatalf("round %d, killed %d: %q here and %q there, state %d", round, victim, near, far, state)
		}
		b.c[1].Delete(t, "Ctrade", "/cse-mn/trade/"+name)
	}
}
