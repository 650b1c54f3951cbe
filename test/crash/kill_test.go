package crash

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/test/harness"
)

const writers = 6

// siege is the whole test: the program, those who write, and what they know.
type siege struct {
	dir     string
	sink    *harness.Sink
	writers []*writer
	shared  map[string][]string // instances of each round's gathering in their order
}

func TestKill_C480_C481_WhatWasAcknowledgedIsThere(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	s := &siege{dir: filepath.Join(t.TempDir(), "data"), sink: harness.NewSink(t), shared: map[string][]string{}}
	for i := range writers {
		name := fmt.Sprintf("Ckill%d", i)
		s.writers = append(s.writers, &writer{name: name, sink: s.sink.URL + "/" + name, random: rand.New(rand.NewPCG(seed, uint64(10+i)))})
	}
	for round := range harness.Rounds(3, 50) {
		s.round(t, round, time.Duration(50+random.IntN(600))*time.Millisecond)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	p, c := s.start(t)
	for _, w := range s.writers {
		w.settle(t, c)
	}
	s.notified(t)
	p.Stop()
}

func (s *siege) start(t *testing.T) (*harness.Process, *harness.Client) {
	t.Helper()
	p := harness.Start(t, s.dir, "--https", "off", "--http", "127.0.0.1:0", "--trust-plain", "--log-level", "error")
	return p, harness.NewClient(t, p.HTTP, nil, 1)
}

// round lets everybody write until the process is killed, starts it again and
// compares.
func (s *siege) round(t *testing.T, round int, life time.Duration) {
	t.Helper()
	p, c := s.start(t)
	g := &gathering{rn: fmt.Sprintf("shared-%d", round)}
	if round == 0 {
		c.Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"all","pv":{"acr":[{"acor":["all"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
		for _, w := range s.writers {
			c.Register(t, w.name, w.name)
		}
	}
	c.Make(t, "CAdmin", "/cse-in", 3, `{"m2m:cnt":{"rn":"`+g.rn+`","acpi":["cse-in/all"]}}`)
	c.Make(t, "CAdmin", "/cse-in/"+g.rn, 23, fmt.Sprintf(`{"m2m:sub":{"rn":"watch","nu":[%q],"nct":1,"enc":{"net":[3]}}}`, s.sink.URL+"/"+g.rn))

	ctx, cancel := context.WithTimeout(t.Context(), life+20*time.Second)
	defer cancel()
	var work sync.WaitGroup
	for _, w := range s.writers {
		own := harness.NewClient(t, p.HTTP, nil, 1)
		work.Go(func() { w.run(ctx, t, own, g) })
	}
	time.Sleep(life) // the moment of the kill
	p.Kill()
	work.Wait()

	p, c = s.start(t)
	for _, w := range s.writers {
		w.settle(t, c)
	}
	s.shared[g.rn] = g.settle(t, c)
	p.Kill()
}

// delivery is what the sink knows about one instance.
type delivery struct {
	first int // position of the first arrival
	ids   map[string]bool
}

// arrived sorts what the sink has got by target and instance.
func arrived(t *testing.T, got []harness.Received) map[string]map[string]*delivery {
	t.Helper()
	all := map[string]map[string]*delivery{}
	for i, r := range got {
		var body struct {
			N struct {
				Event struct {
					Rep struct {
						CIN struct {
							Con string `json:"con"`
						} `json:"m2m:cin"`
					} `json:"rep"`
				} `json:"nev"`
			} `json:"m2m:sgn"`
		}
		if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
			t.Errorf("notification %s: %v", r.Body, err)
			continue
		}
		target, con := strings.TrimPrefix(r.Path, "/"), body.N.Event.Rep.CIN.Con
		if all[target] == nil {
			all[target] = map[string]*delivery{}
		}
		if all[target][con] == nil {
			all[target][con] = &delivery{first: i, ids: map[string]bool{}}
		}
		all[target][con].ids[r.Header.Get("X-M2M-RI")] = true
	}
	return all
}

// notified waits for the outbox to be empty and compares what arrived with what
// was due: at least once, the same identifier each time, and per target in the
// order of the events (decision 30).
func (s *siege) notified(t *testing.T) {
	t.Helper()
	due := map[string][]string{}
	maps.Copy(due, s.shared)
	for _, w := range s.writers {
		due[w.name] = w.told
	}
	missing := func(all map[string]map[string]*delivery) (n int) {
		for target, list := range due {
			for _, con := range list {
				if all[target][con] == nil {
					n++
				}
			}
		}
		return n
	}
	all := arrived(t, s.sink.Got())
	for end := time.Now().Add(2 * time.Minute); missing(all) > 0 && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		all = arrived(t, s.sink.Got())
	}
	if n := missing(all); n > 0 {
		t.Errorf("%d notifications never came", n)
	}
	total := 0
	for target, list := range due {
		last, before := -1, ""
		for _, con := range list {
			d := all[target][con]
			if d == nil {
				continue
			}
			total++
			if d.first < last {
				t.Errorf("%s: %s came before %s", target, con, before)
			}
			if len(d.ids) != 1 {
				t.Errorf("%s: %s came with the identifiers %v", target, con, slices.Collect(maps.Keys(d.ids)))
			}
			last, before = d.first, con
		}
	}
	for _, w := range s.writers {
		for _, con := range w.never {
			if all[w.name][con] != nil {
				t.Errorf("%s was notified and doesn't exist", con)
			}
		}
	}
	t.Logf("%d notifications were due, %d requests came", total, len(s.sink.Got()))
}
