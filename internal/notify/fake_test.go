package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/goleak"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var home = onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}

// image is one committed state of a memoryStore; it is never changed.
type image struct {
	records    map[int64]*store.Record
	deliveries map[int64]*store.Delivery
	record     int64
	delivery   int64
}

// memoryStore is a store.Store in memory, with one writer and snapshots.
type memoryStore struct {
	writer  sync.Mutex
	mu      sync.Mutex
	current image
	refuse  func() error // asked at the end of each Update
	commits int
}

func newMemoryStore() *memoryStore {
	return &memoryStore{current: image{records: map[int64]*store.Record{}, deliveries: map[int64]*store.Delivery{}}}
}

func (m *memoryStore) image() image {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current
}

func (m *memoryStore) Read(ctx context.Context, fn func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn(&memoryTx{image: m.image()})
}

func (m *memoryStore) Update(ctx context.Context, fn func(store.Tx) error) error {
	m.writer.Lock()
	defer m.writer.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	tx := &memoryTx{image: m.image()}
	tx.records, tx.deliveries = maps.Clone(tx.records), maps.Clone(tx.deliveries)
	if err := fn(tx); err != nil {
		return err
	}
	if m.refuse != nil {
		if err := m.refuse(); err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.current = tx.image
	m.commits++
	m.mu.Unlock()
	for _, after := range tx.after {
		after()
	}
	return nil
}

func (m *memoryStore) Close() error { return nil }

// memoryTx implements what the engine uses of store.Tx.
type memoryTx struct {
	store.Tx
	image
	after []func()
}

func (x *memoryTx) ByRI(ri string) (*store.Record, error) {
	for _, r := range x.records {
		if r.RI == ri {
			return r, nil
		}
	}
	return nil, store.ErrNotFound
}

func (x *memoryTx) Subscriptions(parent int64) ([]*store.Record, error) {
	var out []*store.Record
	for _, r := range x.records {
		if r.Parent == parent && r.Type == onem2m.TypeSubscription {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *store.Record) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

func (x *memoryTx) Deliveries(after int64, limit int) ([]*store.Delivery, error) {
	var out []*store.Delivery
	for _, id := range slices.Sorted(maps.Keys(x.deliveries)) {
		if id > after && len(out) < limit {
			out = append(out, x.deliveries[id])
		}
	}
	return out, nil
}

func (x *memoryTx) Held(subscription string, after int64, limit int) ([]*store.Delivery, error) {
	var out []*store.Delivery
	for _, id := range slices.Sorted(maps.Keys(x.deliveries)) {
		if d := x.deliveries[id]; id > after && d.Held > 0 && d.Subscription == subscription && len(out) < limit {
			out = append(out, d)
		}
	}
	return out, nil
}

func (x *memoryTx) Undelivered(subscription string, event int64) (int, error) {
	n := 0
	for _, d := range x.deliveries {
		if d.Subscription == subscription && d.Event == event {
			n++
		}
	}
	return n, nil
}

func (x *memoryTx) NextID() int64                 { x.record++; return x.record }
func (x *memoryTx) Insert(r *store.Record) error  { x.records[r.ID] = r; return nil }
func (x *memoryTx) Replace(r *store.Record) error { x.records[r.ID] = r; return nil }
func (x *memoryTx) Remove(id int64) error         { delete(x.records, id); return nil }
func (x *memoryTx) OnCommit(fn func())            { x.after = append(x.after, fn) }

func (x *memoryTx) Enqueue(d *store.Delivery) error {
	x.delivery++
	d.ID = x.delivery
	d.Events = max(d.Events, 1)
	x.deliveries[d.ID] = d
	return nil
}

func (x *memoryTx) Postpone(id int64, attempts int, notBefore onem2m.Timestamp) error {
	d, ok := x.deliveries[id]
	if !ok {
		return store.ErrNotFound
	}
	next := *d
	next.Attempts, next.NotBefore = attempts, notBefore
	x.deliveries[id] = &next
	return nil
}

func (x *memoryTx) Settle(id int64) error {
	if _, ok := x.deliveries[id]; !ok {
		return store.ErrNotFound
	}
	delete(x.deliveries, id)
	return nil
}

// call is one request that reached the fake sender.
type call struct {
	at       time.Time
	url      string
	identity onem2m.ID
	request  onem2m.Request
	content  string
}

// fakeSender records calls and answers as told.
type fakeSender struct {
	mu     sync.Mutex
	calls  []call
	answer func(ctx context.Context, c call) (*onem2m.Response, error) // nil: 2000
}

func (s *fakeSender) Send(ctx context.Context, url string, identity onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	c := call{at: time.Now(), url: url, identity: identity, request: *req, content: string(req.Content.Append(nil))}
	s.mu.Lock()
	s.calls = append(s.calls, c)
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		return answer(ctx, c)
	}
	return ok(c)
}

func (s *fakeSender) seen() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// contents returns what was sent to a URL, in order.
func (s *fakeSender) contents(url string) []string {
	var out []string
	for _, c := range s.seen() {
		if c.url == url {
			out = append(out, c.content)
		}
	}
	return out
}

func ok(c call) (*onem2m.Response, error) {
	return &onem2m.Response{Code: onem2m.OK, RequestID: c.request.RequestID}, nil
}

func code(n onem2m.StatusCode) func(context.Context, call) (*onem2m.Response, error) {
	return func(_ context.Context, c call) (*onem2m.Response, error) {
		return &onem2m.Response{Code: n, RequestID: c.request.RequestID}, nil
	}
}

// hang waits for the end of the context.
func hang(ctx context.Context, _ call) (*onem2m.Response, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// fakeDirectory knows targets by their text.
type fakeDirectory map[string]Reach

func (d fakeDirectory) Reach(_ context.Context, target string) (Reach, error) {
	r, ok := d[target]
	if !ok {
		return Reach{}, onem2m.Errorf(onem2m.NotFound, "", "no such entity")
	}
	return r, nil
}

// bench is an engine on fakes with one subscribed-to container.
type bench struct {
	t         *testing.T
	store     *memoryStore
	sender    *fakeSender
	directory fakeDirectory
	engine    *Engine
	parent    *store.Record
	outcomes  chan Outcome
	expired   []string
}

func newBench(t *testing.T, change func(*Options)) *bench {
	t.Helper()
	b := &bench{t: t, store: newMemoryStore(), sender: &fakeSender{}, directory: fakeDirectory{}, outcomes: make(chan Outcome, 10000)}
	b.engine = b.newEngine(b.store, b.sender, change)
	b.update(func(tx store.Tx) error {
		b.parent = &store.Record{
			ID: tx.NextID(), RI: "cnt1", RN: "temp", Type: onem2m.TypeContainer, Root: "m2m:cnt",
			Attributes: []byte(`{"rn":"temp","ri":"cnt1"}`), Counted: true, Counters: store.Counters{State: 4},
		}
		return tx.Insert(b.parent)
	})
	return b
}

func (b *bench) newEngine(s store.Store, sender Sender, change func(*Options)) *Engine {
	o := Options{
		Home: home, Store: s, Sender: sender, Directory: b.directory,
		Random: rand.NewChaCha8([32]byte{1}), Log: slog.New(slog.DiscardHandler),
		Observe: func(o Outcome) {
			select {
			case b.outcomes <- o:
			default:
			}
		},
		Limits: Limits{Workers: 8},
	}
	o.Expire = func(tx store.Tx, sub *store.Record) error {
		b.expired = append(b.expired, sub.RI)
		if err := b.engine.Removed(tx, sub); err != nil {
			return err
		}
		return tx.Remove(sub.ID)
	}
	if change != nil {
		change(&o)
	}
	return New(o)
}

func (b *bench) update(fn func(store.Tx) error) {
	b.t.Helper()
	if err := b.store.Update(context.Background(), fn); err != nil {
		b.t.Errorf("update: %v", err)
	}
}

// subscribe stores a subscription with the given further attributes.
func (b *bench) subscribe(ri, attributes string) *store.Record {
	b.t.Helper()
	var sub *store.Record
	b.update(func(tx store.Tx) error {
		sub = &store.Record{
			ID: tx.NextID(), Parent: b.parent.ID, RI: ri, RN: ri, Type: onem2m.TypeSubscription, Root: "m2m:sub",
			Attributes: []byte(`{"rn":"` + ri + `","ri":"` + ri + `",` + attributes + `}`),
		}
		return tx.Insert(sub)
	})
	return sub
}

func (b *bench) unsubscribe(sub *store.Record) {
	b.t.Helper()
	b.update(func(tx store.Tx) error {
		if err := b.engine.Removed(tx, sub); err != nil {
			return err
		}
		return tx.Remove(sub.ID)
	})
}

func (b *bench) record(ev Event) {
	b.t.Helper()
	b.update(func(tx store.Tx) error { return b.engine.Record(tx, ev) })
}

// touch records an update whose only modified attribute is n.
func (b *bench) touch(n int) {
	b.t.Helper()
	b.record(Event{Type: Updated, Resource: b.parent, Touched: []string{"lbl"}, Modified: fmt.Appendf(nil, `{"n":%d}`, n)})
}

// queued returns what is in the outbox.
func (b *bench) queued() []*store.Delivery {
	var out []*store.Delivery
	i := b.store.image()
	for _, id := range slices.Sorted(maps.Keys(i.deliveries)) {
		out = append(out, i.deliveries[id])
	}
	return out
}

// run starts the engine and returns what stops it and waits.
func (b *bench) run(e *Engine) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("Run: %v", err)
		}
	}
}

// kinds drains the outcomes and counts them.
func (b *bench) kinds() map[OutcomeKind]int {
	out := map[OutcomeKind]int{}
	for {
		select {
		case o := <-b.outcomes:
			out[o.Kind]++
		default:
			return out
		}
	}
}

var errRefusedConnection = errors.New("connection refused")

// unmarshal reads JSON text.
func unmarshal(text string, out any) error { return json.Unmarshal([]byte(text), out) }
