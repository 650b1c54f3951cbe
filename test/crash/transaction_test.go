package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/test/harness"
)

// market is two containers that transactions change together.
type market struct {
	dir  string
	sink *harness.Sink
}

func newMarket(t *testing.T) (*market, *harness.Process, *harness.Client) {
	t.Helper()
	m := &market{dir: filepath.Join(t.TempDir(), "data"), sink: harness.NewSink(t)}
	p, c := m.start(t)
	c.Register(t, "Ctrade", "trade")
	for _, rn := range []string{"a", "b"} {
		c.Make(t, "Ctrade", "/cse-in/trade", 3, `{"m2m:cnt":{"rn":"`+rn+`","lbl":["0"]}}`)
	}
	return m, p, c
}

func (m *market) start(t *testing.T) (*harness.Process, *harness.Client) {
	t.Helper()
	p := harness.Start(t, m.dir, "--https", "off", "--http", "127.0.0.1:0", "--trust-plain", "--log-level", "error")
	return p, harness.NewClient(t, p.HTTP, nil, 1)
}

// deal is a <transactionMgmt> that gives both containers a label.
func deal(rn, label, more string) string {
	var requests []string
	for i, target := range []string{"a", "b"} {
		requests = append(requests, fmt.Sprintf(`{"op":3,"to":"cse-in/trade/%s","fr":"Ctrade","rqi":"q%d","pc":{"m2m:cnt":{"lbl":[%q]}}}`, target, i, label))
	}
	return fmt.Sprintf(`{"m2m:tram":{"rn":%q,"rqps":{"req":[%s]}%s}}`, rn, strings.Join(requests, ","), more)
}

func labelOf(t *testing.T, c *harness.Client, target string) string {
	t.Helper()
	a := c.Get(t, "Ctrade", target)
	a.Expect(t, 2000, 200)
	return strings.Trim(fmt.Sprint(a.Attribute("lbl")), "[]")
}

// TestTransaction_C442_GoesOnAfterAKill executes a transaction, kills the
// process, and commits or aborts in the next one.
func TestTransaction_C442_GoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	m, p, c := newMarket(t)
	const tm = "/cse-in/trade/tm"
	c.Make(t, "Ctrade", "/cse-in/trade/a", 23, fmt.Sprintf(`{"m2m:sub":{"rn":"watch","nu":[%q],"nct":1,"enc":{"net":[1]}}}`, m.sink.URL+"/told"))
	step := func(control int) *harness.Answer {
		t.Helper()
		a := c.Update(t, "Ctrade", tm, fmt.Sprintf(`{"m2m:tram":{"tctl":%d}}`, control))
		a.Expect(t, 2004, 200)
		return a
	}
	locked := func() {
		t.Helper()
		a := c.Send(t, harness.Request{Method: "GET", From: "Ctrade", Target: "/cse-in/trade/b", Header: map[string][]string{"X-M2M-RET": {"200"}}})
		if a.RSC != 4008 {
			t.Errorf("a locked container: %s", a)
		}
	}
	c.Make(t, "Ctrade", "/cse-in/trade", 50, deal("tm", "1", `,"tmd":2,"tmh":2`))
	step(2)
	step(3)
	p.Kill()

	p, c = m.start(t)
	if got := c.Get(t, "Ctrade", tm).Number("trst"); got != 3 {
		t.Errorf("state %d after the restart", got)
	}
	locked()
	if got := m.sink.Got(); len(got) != 0 {
		t.Errorf("told before the commit: %v", got)
	}
	step(4)
	p.Kill()

	p, c = m.start(t)
	if got := labelOf(t, c, "/cse-in/trade/a") + labelOf(t, c, "/cse-in/trade/b"); got != "11" {
		t.Errorf("labels %s after the commit", got)
	}
	if got := m.sink.Wait(time.Minute, harness.AtLeast(1)); len(got) == 0 {
		t.Error("the commit wasn't told")
	}
	c.Delete(t, "Ctrade", tm).Expect(t, 2002, 200)

	c.Make(t, "Ctrade", "/cse-in/trade", 50, deal("tm", "2", `,"tmd":2,"tmh":2`))
	step(2)
	step(3)
	p.Kill()
	p, c = m.start(t)
	locked()
	step(5)
	if got := labelOf(t, c, "/cse-in/trade/a") + labelOf(t, c, "/cse-in/trade/b"); got != "11" {
		t.Errorf("labels %s after the abort", got)
	}
	p.Stop()
}

// TestTransaction_C442_AllOrNothingAcrossKills kills the process at random
// moments while transactions are carried out.
func TestTransaction_C442_AllOrNothingAcrossKills(t *testing.T) {
	t.Parallel()
	m, p, c := newMarket(t)
	last := 0
	for round := range harness.Rounds(3, 30) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		var work sync.WaitGroup
		sent, acknowledged := last, last
		work.Go(func() {
			for {
				sent++
				a, err := c.Do(ctx, harness.Request{
					Method: "POST", From: "Ctrade", Target: "/cse-in/trade", Type: 50,
					Body: deal(fmt.Sprintf("t%d", sent), fmt.Sprint(sent), ""),
				})
				if err != nil {
					return // killed
				}
				if a.RSC != 2001 || a.Number("trst") != 4 {
					t.Errorf("transaction %d: %s", sent, a)
					return
				}
				acknowledged = sent
			}
		})
		time.Sleep(time.Duration(50+rand.IntN(300)) * time.Millisecond) // the moment of the kill
		p.Kill()
		work.Wait()
		cancel()
		p, c = m.start(t)
		a, b := labelOf(t, c, "/cse-in/trade/a"), labelOf(t, c, "/cse-in/trade/b")
		if a != b || a != fmt.Sprint(acknowledged) && a != fmt.Sprint(sent) {
			t.Fatalf("round %d: labels %s and %s, acknowledged %d, sent %d", round, a, b, acknowledged, sent)
		}
		last = sent
		c.Update(t, "Ctrade", "/cse-in/trade/a", fmt.Sprintf(`{"m2m:cnt":{"lbl":["%d"]}}`, last)).Expect(t, 2004, 200)
		c.Update(t, "Ctrade", "/cse-in/trade/b", fmt.Sprintf(`{"m2m:cnt":{"lbl":["%d"]}}`, last)).Expect(t, 2004, 200)
	}
	p.Stop()
}
