package notify

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func TestRecord_FiresWhatTheCriteriaName(t *testing.T) {
	t.Parallel()
	child := &store.Record{
		ID: 50, RI: "cin1", Type: onem2m.TypeContentInstance, Root: "m2m:cin", Attributes: []byte(`{"con":21.5}`),
		Created: onem2m.TimestampOf(mustTime(t, "20260301T101500")), Size: 4,
	}
	created := Event{Type: ChildCreated, Child: child}
	updated := Event{Type: Updated, Touched: []string{"lbl", "mni"}, Modified: []byte(`{"mni":3}`)}
	tests := []struct {
		id, name, enc string
		event         Event
		fires         bool
	}{
		{"C-270", "no criteria mean update", ``, updated, true},
		{"C-270", "no criteria don't mean creation", ``, created, false},
		{"C-270", "criteria without event types mean update", `"enc":{"atr":["mni"]}`, updated, true},
		{"C-285", "one listed attribute was given", `"enc":{"net":[1],"atr":["x","mni"]}`, updated, true},
		{"C-285", "no listed attribute was given", `"enc":{"net":[1],"atr":["mbs"]}`, updated, false},
		{"C-285", "attributes filter updates only", `"enc":{"net":[3],"atr":["mbs"]}`, created, true},
		{"C-286", "a child of a listed type", `"enc":{"net":[3],"chty":[3,4]}`, created, true},
		{"C-286", "a child of another type", `"enc":{"net":[3],"chty":[3]}`, created, false},
		{"C-286", "deletion of a child of another type", `"enc":{"net":[4],"chty":[3]}`, Event{Type: ChildDeleted, Child: child}, false},
		{"C-293", "several event types fire once", `"enc":{"net":[1,3,3]}`, created, true},
		{"C-290", "size condition met", `"enc":{"net":[3],"sza":4}`, created, true},
		{"C-290", "size condition not met", `"enc":{"net":[3],"sza":5}`, created, false},
		{"C-290", "size below is strict", `"enc":{"net":[3],"szb":4}`, created, false},
		{"C-290", "all conditions by default", `"enc":{"net":[3],"sza":5,"crb":"20270101T000000"}`, created, false},
		{"C-290", "one of the conditions with fo 2", `"enc":{"net":[3],"sza":5,"crb":"20270101T000000","fo":2}`, created, true},
		{"C-290", "exactly one of two with fo 3", `"enc":{"net":[3],"sza":4,"crb":"20270101T000000","fo":3}`, created, false},
		{"C-290", "created after includes the instant", `"enc":{"net":[3],"cra":"20260301T101500"}`, created, true},
		{"C-290", "state of the updated resource", `"enc":{"net":[1],"stb":4,"sts":5}`, updated, true},
		{"C-290", "state too small", `"enc":{"net":[1],"stb":5}`, updated, false},
		{"C-290", "no state, no match", `"enc":{"net":[3],"sts":5}`, created, false},
		{"C-290", "no expiry, no match", `"enc":{"net":[3],"exa":"20200101T000000"}`, created, false},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			attributes := `"nu":["http://192.0.2.50/a"]`
			if tt.enc != "" {
				attributes += "," + tt.enc
			}
			b.subscribe("sub1", attributes)
			ev := tt.event
			ev.Resource = b.parent
			b.record(ev)
			want := 0
			if tt.fires {
				want = 1
			}
			if got := len(b.queued()); got != want {
				t.Errorf("%d deliveries, want %d", got, want)
			}
		})
	}
}

func TestRecord_C287_ASubscriptionIsNotToldOfItself(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	first := b.subscribe("sub1", `"nu":["http://192.0.2.50/a"],"enc":{"net":[3,4]}`)
	b.record(Event{Type: ChildCreated, Resource: b.parent, Child: first})
	if n := len(b.queued()); n != 0 {
		t.Fatalf("%d deliveries for its own creation", n)
	}
	second := b.subscribe("sub2", `"nu":["http://192.0.2.50/b"],"enc":{"net":[3,4]}`)
	b.record(Event{Type: ChildCreated, Resource: b.parent, Child: second})
	if q := b.queued(); len(q) != 1 || q[0].Subscription != "sub1" {
		t.Errorf("the first subscription was not told of the second: %v", q)
	}
}

func TestRecord_LeavesOutWhatHasExpired(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.update(func(tx store.Tx) error {
		return tx.Insert(&store.Record{
			ID: tx.NextID(), Parent: b.parent.ID, RI: "old", Type: onem2m.TypeSubscription, Expires: 1,
			Attributes: []byte(`{"nu":["http://192.0.2.50/a"]}`),
		})
	})
	b.touch(1)
	if n := len(b.queued()); n != 0 {
		t.Errorf("%d deliveries for an expired subscription", n)
	}
}

func TestRecord_RefusesAnEventWithoutItsResource(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	err := b.store.Update(t.Context(), func(tx store.Tx) error {
		return b.engine.Record(tx, Event{Type: ChildCreated, Resource: b.parent})
	})
	if err == nil {
		t.Error("an event without its child was recorded")
	}
}

func TestRecord_Payload(t *testing.T) {
	t.Parallel()
	child := &store.Record{ID: 50, RI: "cin1", Type: onem2m.TypeContentInstance, Root: "m2m:cin", Attributes: []byte(`{"con":21.50,"x":"\u003c"}`)}
	tests := []struct {
		id, name, attributes string
		event                Event
		want                 map[string]string // by target
	}{
		{
			"C-297", "all attributes of a new child, byte for byte", `"nu":["http://192.0.2.50/a"],"enc":{"net":[3]},"nct":1`,
			Event{Type: ChildCreated, Child: child},
			map[string]string{"http://192.0.2.50/a": `{"m2m:sgn":{"nev":{"net":3,"rep":{"m2m:cin":{"con":21.50,"x":"\u003c"}}},"sur":"/id-in/sub1"}}`},
		},
		{
			"C-297", "the address of a new child", `"nu":["http://192.0.2.50/a"],"enc":{"net":[3]},"nct":3`,
			Event{Type: ChildCreated, Child: child},
			map[string]string{"http://192.0.2.50/a": `{"m2m:sgn":{"nev":{"net":3,"rep":{"m2m:uri":"/id-in/cin1"}},"sur":"/id-in/sub1"}}`},
		},
		{
			"C-297", "all attributes with counters after an update", `"nu":["http://192.0.2.50/a"]`,
			Event{Type: Updated, Modified: []byte(`{"mni":3}`)},
			map[string]string{"http://192.0.2.50/a": `{"m2m:sgn":{"nev":{"net":1,"rep":{"m2m:cnt":{"rn":"temp","ri":"cnt1","st":4,"cni":0,"cbs":0}}},"sur":"/id-in/sub1"}}`},
		},
		{
			"C-297", "modified attributes", `"nu":["http://192.0.2.50/a"],"nct":2`,
			Event{Type: Updated, Modified: []byte(`{"mni":3}`)},
			map[string]string{"http://192.0.2.50/a": `{"m2m:sgn":{"nev":{"net":1,"rep":{"m2m:cnt":{"mni":3}}},"sur":"/id-in/sub1"}}`},
		},
		{
			"C-295", "creator and forwarding address, and the form that each receiver understands",
			`"nu":["Crecv01","/id-far/Cx","//other.example/id-x/Cy"],"nct":3,"cr":"Cflow01","nfu":"http://192.0.2.9/\"f"`,
			Event{Type: Updated},
			map[string]string{
				"Crecv01":                 `{"m2m:sgn":{"nev":{"net":1,"rep":{"m2m:uri":"/id-in/cnt1"}},"sur":"/id-in/sub1","cr":"Cflow01","nfu":"http://192.0.2.9/\"f"}}`,
				"/id-far/Cx":              `{"m2m:sgn":{"nev":{"net":1,"rep":{"m2m:uri":"/id-in/cnt1"}},"sur":"/id-in/sub1","cr":"/id-in/Cflow01","nfu":"http://192.0.2.9/\"f"}}`,
				"//other.example/id-x/Cy": `{"m2m:sgn":{"nev":{"net":1,"rep":{"m2m:uri":"//m2m.example/id-in/cnt1"}},"sur":"//m2m.example/id-in/sub1","cr":"//m2m.example/id-in/Cflow01","nfu":"http://192.0.2.9/\"f"}}`,
			},
		},
		{
			"C-293", "a target that is named twice is told once", `"nu":["http://192.0.2.50/a","http://192.0.2.50/a"],"enc":{"net":[2]},"nct":3`,
			Event{Type: Deleted},
			map[string]string{"http://192.0.2.50/a": `{"m2m:sgn":{"nev":{"net":2,"rep":{"m2m:uri":"/id-in/cnt1"}},"sur":"/id-in/sub1"}}`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.subscribe("sub1", tt.attributes)
			ev := tt.event
			ev.Resource = b.parent
			b.record(ev)
			got := map[string]string{}
			for _, d := range b.queued() {
				got[d.Target] = string(d.Payload)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("payloads (-want +got):\n%s", diff)
			}
			if len(b.queued()) != len(tt.want) {
				t.Errorf("%d deliveries, want %d", len(b.queued()), len(tt.want))
			}
		})
	}
}

func TestRecord_C297_AnEventHasOneNumberAndItsRequestsDifferentIdentifiers(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.subscribe("sub1", `"nu":["http://192.0.2.50/a","http://192.0.2.50/b"],"nsp":7`)
	b.touch(1)
	b.touch(2)
	q := b.queued()
	if len(q) != 4 {
		t.Fatalf("%d deliveries, want 4", len(q))
	}
	if q[0].Event != q[1].Event || q[0].Event == q[2].Event {
		t.Errorf("event numbers %d %d %d", q[0].Event, q[1].Event, q[2].Event)
	}
	seen := map[string]bool{}
	for _, d := range q {
		seen[d.RequestID] = true
		if d.Priority != 7 || d.Created == 0 || d.Final {
			t.Errorf("delivery %+v", d)
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d request identifiers for 4 requests", len(seen))
	}
}

func TestRemoved_C281_TellsTheSubscriber(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	sub := b.subscribe("sub1", `"nu":["http://192.0.2.50/a"],"su":"http://192.0.2.50/su","cr":"Cflow01"`)
	b.unsubscribe(sub)
	q := b.queued()
	if len(q) != 1 {
		t.Fatalf("%d deliveries, want 1", len(q))
	}
	want := `{"m2m:sgn":{"sud":true,"sur":"/id-in/sub1","cr":"Cflow01"}}`
	if q[0].Target != "http://192.0.2.50/su" || string(q[0].Payload) != want || !q[0].Final {
		t.Errorf("got %+v %s", q[0], q[0].Payload)
	}
	b.unsubscribe(b.subscribe("sub2", `"nu":["http://192.0.2.50/a"]`))
	if n := len(b.queued()); n != 1 {
		t.Errorf("%d deliveries: a subscription without su was announced", n)
	}
}

func mustTime(t *testing.T, s string) time.Time {
	t.Helper()
	ts, err := onem2m.ParseTimestamp(s)
	if err != nil {
		t.Fatal(err)
	}
	return ts.Time()
}

func BenchmarkRecord(b *testing.B) {
	for _, subs := range []int{0, 1, 10} {
		b.Run(fmt.Sprint(subs), func(b *testing.B) {
			e := New(Options{Home: home})
			tx := &discardTx{}
			for range subs {
				tx.subs = append(tx.subs, &store.Record{ID: 9, RI: "sub1", Attributes: []byte(`{"nu":["http://192.0.2.50/a"],"enc":{"net":[3]},"nct":1}`)})
			}
			parent := &store.Record{ID: 1, RI: "cnt1", Root: "m2m:cnt"}
			child := &store.Record{ID: 2, RI: "cin1", Root: "m2m:cin", Attributes: []byte(`{"con":21.5}`)}
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Record(tx, Event{Type: ChildCreated, Resource: parent, Child: child}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// discardTx takes deliveries and forgets them.
type discardTx struct {
	store.Tx
	subs []*store.Record
}

func (x *discardTx) Subscriptions(int64) ([]*store.Record, error) { return x.subs, nil }
func (x *discardTx) Enqueue(*store.Delivery) error                { return nil }
func (x *discardTx) OnCommit(func())                              {}
