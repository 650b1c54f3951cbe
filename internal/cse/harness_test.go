package cse

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/access"
	"bulwark/internal/identity"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// world is a CSE on a store of its own, with everything around it recorded.
type world struct {
	t     *testing.T
	c     *CSE
	store *sql.Store
	home  onem2m.Home

	mu                   sync.Mutex // guards what follows
	clock                time.Time
	events               []notify.Event
	removed              []string
	crossed              []string // what Cross was asked
	changed              [][2]*store.Record
	schedules, consulted []string
	consult              func(context.Context) (onem2m.StatusCode, error) // what Consult answers; nil: 2000
	results              []result                                         // what Tell was asked
	gathered, ended      []string                                         // what Gather and EndGathering were asked
	hastened             [][]string                                       // what Hasten was asked
	verified             [][]string
	refuse               error // what Verify answers
	audits               []Audit
	sent                 []*onem2m.Request
	answer               *onem2m.Response
	located              map[onem2m.ID]*access.Location
	requests             int
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	return newWorldIn(t, t.TempDir(), change...)
}

// newWorldIn is newWorld with a store that outlives it.
func newWorldIn(t *testing.T, dir string, change ...func(*Options)) *world {
	t.Helper()
	w := &world{
		t: t, home: onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"},
		clock: time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC), located: map[onem2m.ID]*access.Location{},
	}
	w.open(dir, change...)
	return w
}

func (w *world) open(dir string, change ...func(*Options)) {
	w.t.Helper()
	var err error
	w.store, err = sql.Open(w.t.Context(), sql.Options{Dir: dir})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			w.t.Error(err)
		}
	})
	o := Options{
		Home: w.home, Admin: "CAdmin", Store: w.store, Notifier: w, Sender: w, Auditor: w, Now: w.now,
		Locate: func(id onem2m.ID) *access.Location { return w.located[id] },
		Log:    slog.New(slog.NewTextHandler(w.t.Output(), nil)),
	}
	for _, f := range change {
		f(&o)
	}
	w.c, err = New(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func (w *world) Record(_ store.Tx, ev notify.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, ev)
	return nil
}

func (w *world) Removed(_ store.Tx, sub *store.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removed = append(w.removed, sub.RN)
	return nil
}

func (w *world) Changed(_ store.Tx, before, after *store.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = append(w.changed, [2]*store.Record{before, after})
	return nil
}

func (w *world) Schedule(owner string, ty onem2m.ResourceType, entries []*onem2m.Schedule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf("%s %d", owner, ty)
	for _, s := range entries {
		text += " " + s.String()
	}
	w.schedules = append(w.schedules, text)
}

func (w *world) Cross(_ store.Tx, sub *store.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.crossed = append(w.crossed, sub.RN)
	return nil
}

func (w *world) Blocked(*store.Record, notify.Event) bool { return true }

func (w *world) Consult(ctx context.Context, sub *store.Record, ev notify.Event) (onem2m.StatusCode, error) {
	w.mu.Lock()
	w.consulted = append(w.consulted, sub.RN+" "+string(ev.Modified))
	answer := w.consult
	w.mu.Unlock()
	if answer == nil {
		return onem2m.OK, nil
	}
	return answer(ctx)
}

// result is one result of a non-blocking request on its way.
type result struct {
	target, response string
	until            onem2m.Timestamp
}

func (w *world) Tell(_ store.Tx, target string, response []byte, until onem2m.Timestamp) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.results = append(w.results, result{target: target, response: string(response), until: until})
	return nil
}

func (w *world) Hasten(targets ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hastened = append(w.hastened, targets)
}

func (w *world) Gather(_ context.Context, address, rqi string, payload []byte, _ onem2m.Timestamp) (onem2m.StatusCode, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gathered = append(w.gathered, address+" "+rqi+" "+string(payload))
	return onem2m.OK, nil
}

func (w *world) EndGathering(_ store.Tx, address string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = append(w.ended, address)
	return nil
}

func (w *world) Verify(_ context.Context, _ string, _, _ onem2m.ID, targets []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.verified = append(w.verified, targets)
	return w.refuse
}

func (w *world) Decision(a Audit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.audits = append(w.audits, a)
}

func (w *world) Send(_ context.Context, _ string, _ onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, req)
	if w.answer == nil {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "nobody there")
	}
	return w.answer, nil
}

// trusted is the association of a trust-plain listener.
func trusted() *identity.Association {
	return &identity.Association{Framework: "none", Trusted: true, Binding: "http", Source: netip.MustParseAddr("192.0.2.77")}
}

// certificate is the association of an AE-ID or CSE-ID certificate.
func certificate(kind identity.Kind, id onem2m.ID) *identity.Association {
	number := "33-"
	if kind == identity.KindCSE {
		number = "32-"
	}
	return &identity.Association{
		Kind: kind, Framework: "certificate", CredentialID: number + string(id), IDs: []onem2m.ID{id},
		Required: true, Binding: "https", Source: netip.MustParseAddr("192.0.2.77"),
	}
}

// ask builds a request: op is C, R, U, D or N, with the type of a CREATE behind
// it; query as in HTTP.
type ask struct {
	op    string
	to    string
	from  string
	body  string
	rvi   string
	assoc *identity.Association
	edit  func(*onem2m.Request)
}

// do sends a request and returns the response.
func (w *world) do(q ask) *onem2m.Response {
	w.t.Helper()
	req := w.request(q)
	a := q.assoc
	if a == nil {
		a = trusted()
	}
	res := w.c.Handle(w.t.Context(), a, req)
	seenCodes.Store(res.Code, true)
	return res
}

func (w *world) request(q ask) *onem2m.Request {
	w.t.Helper()
	w.mu.Lock()
	w.requests++
	id := fmt.Sprintf("r%d", w.requests)
	w.mu.Unlock()
	req := &onem2m.Request{From: q.from, HasFrom: q.from != "", RequestID: id, Release: "3"}
	if q.rvi != "" {
		req.Release = q.rvi
	}
	to, query, _ := strings.Cut(q.to, "?")
	req.To = to
	if query != "" {
		var pairs []onem2m.QueryPair
		for part := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(part, "=")
			pairs = append(pairs, onem2m.QueryPair{Name: name, Values: strings.Split(value, "+")})
		}
		if err := onem2m.ParseQuery(pairs, req); err != nil {
			w.t.Fatalf("query %s: %v", query, err)
		}
	}
	var ty int64
	switch q.op[0] {
	case 'C':
		req.Operation = onem2m.Create
		if _, err := fmt.Sscan(q.op[1:], &ty); err == nil {
			req.Type = &ty
		}
	case 'R':
		req.Operation = onem2m.Retrieve
	case 'U':
		req.Operation = onem2m.Update
	case 'D':
		req.Operation = onem2m.Delete
	case 'N':
		req.Operation = onem2m.Notify
	}
	if q.body != "" {
		content, err := wire.DecodeContent([]byte(q.body), wire.Limits{})
		if err != nil {
			w.t.Fatalf("body %s: %v", q.body, err)
		}
		req.Content = content
	}
	if q.edit != nil {
		q.edit(req)
	}
	return req
}

// must sends a request that has to end with a certain code, and returns the
// attributes in its answer.
func (w *world) must(code onem2m.StatusCode, q ask) onem2m.Object {
	w.t.Helper()
	res := w.do(q)
	if res.Code != code {
		w.t.Fatalf("%s %s by %s %s: got %d %s, want %d", q.op, q.to, q.from, q.body, res.Code, text(res), code)
	}
	if res.Content == nil {
		return nil
	}
	o, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		return nil
	}
	return o
}

func text(res *onem2m.Response) string {
	if res.Content == nil {
		return ""
	}
	return string(res.Content.Append(nil))
}

// register registers an AE with the given stem and name.
func (w *world) register(stem, name string) {
	w.t.Helper()
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: stem, body: `{"m2m:ae":{"rn":"` + name + `","api":"Ntest","rr":false,"srv":["3"]}}`})
}
