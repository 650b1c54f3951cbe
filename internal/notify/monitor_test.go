package notify

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func TestMonitor_C291_C292_WhichAttemptsAreTold(t *testing.T) {
	t.Parallel()
	const me = onem2m.ID("//m2m.example/id-in/Cme")
	for _, tt := range []struct {
		name, om  string
		reading   int64
		operation onem2m.Operation
		discovery bool
		who       onem2m.ID
		want      string // operationMonitor in the notification; "" for none
	}{
		{"the bit of UPDATE", `{"ops":4}`, 0, onem2m.Update, false, me, `{"op":3,"or":"Cme"}`},
		{"UPDATE among several", `{"ops":6}`, 3, onem2m.Update, false, me, `{"op":3,"or":"Cme"}`},
		{"another bit", `{"ops":3}`, 3, onem2m.Update, false, me, ""},
		{"row 35: the number of UPDATE", `{"ops":3}`, 4, onem2m.Update, false, me, `{"ops":3,"org":"Cme"}`},
		{"row 35: another number", `{"ops":4}`, 4, onem2m.Update, false, me, ""},
		{"an originator and any operation", `{"or":"Cme"}`, 3, onem2m.Delete, false, me, `{"op":4,"or":"Cme"}`},
		{"an originator by its other name and form", `{"org":"/id-in/Cme","ops":2}`, 4, onem2m.Retrieve, false, me, `{"ops":2,"org":"Cme"}`},
		{"another originator", `{"or":"Cyou","ops":63}`, 3, onem2m.Delete, false, me, ""},
		{"one of two entries", `{"ops":1},{"ops":8}`, 3, onem2m.Delete, false, me, `{"op":4,"or":"Cme"}`},
		{"a Discovery", `{"ops":32}`, 3, onem2m.Retrieve, true, me, `{"op":2,"or":"Cme"}`},
		{"a Discovery isn't a RETRIEVE", `{"ops":2}`, 3, onem2m.Retrieve, true, me, ""},
		{"a RETRIEVE isn't a Discovery", `{"ops":32}`, 3, onem2m.Retrieve, false, me, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.update(func(tx store.Tx) error {
				return tx.Insert(&store.Record{
					ID: tx.NextID(), Parent: b.parent.ID, RI: "sub1", Type: onem2m.TypeSubscription, Size: tt.reading,
					Attributes: []byte(`{"nu":["` + urlA + `"],"nct":3,"enc":{"om":[` + tt.om + `]}}`),
				})
			})
			subs, err := (&memoryTx{image: b.store.image()}).Subscriptions(b.parent.ID)
			if err != nil || !Monitored(subs) || Listener(subs, Updated) != nil {
				t.Fatalf("monitored %v, %v", Monitored(subs), err)
			}
			b.record(Event{Type: Operation, Resource: b.parent, Operation: tt.operation, Discovery: tt.discovery, Originator: tt.who})
			b.touch(1) // it watches no changes
			var want, got []string
			if tt.want != "" {
				want = []string{`{"m2m:sgn":{"nev":{"om":` + tt.want + `,"rep":{"m2m:uri":"/id-in/cnt1"}},"sur":"/id-in/sub1"}}`}
			}
			for _, d := range b.queued() {
				got = append(got, string(d.Payload))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("outbox (-want +got):\n%s", diff)
			}
		})
	}
}

// Whether the series is being watched is nothing to the window: it runs on while
// nothing comes (C-386).
func TestGaps_C385_C386_TheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		sub := b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":5,"enc":{"net":[8],"md":{"num":2,"dur":"PT10S"}}`)
		stop := b.run(b.engine)
		miss := func(pause time.Duration, points ...onem2m.Timestamp) {
			b.record(Event{Type: MissingData, Resource: b.parent, Missing: points})
			time.Sleep(pause)
		}
		tell := func(list string, count string) string {
			return `{"m2m:sgn":{"nev":{"net":8,"rep":{"m2m:tsn":{"mdlt":[` + list + `],"mdc":` + count + `}}},"sur":"/id-in/sub1"}}`
		}
		p := func(n onem2m.Timestamp) string { return `"` + (n * 1e6).String() + `"` }
		miss(time.Second, 1e6)
		miss(time.Second, 2e6)      // two: told
		miss(time.Second, 3e6, 4e6) // and each further one
		stop()                      // the window survives a stop
		b.engine = b.newEngine(b.store, b.sender, nil)
		defer b.run(b.engine)()
		miss(8*time.Second, 5e6)
		miss(time.Second, 6e6) // the next window: one is not enough
		b.update(func(tx store.Tx) error {
			next := &store.Record{ID: sub.ID, Parent: sub.Parent, RI: sub.RI, RN: sub.RN, Type: sub.Type, Attributes: []byte(`{"nu":["` + urlA + `"],"nct":5,"enc":{"net":[8],"md":{"num":2,"dur":"PT20S"}}}`)}
			if err := b.engine.Changed(tx, sub, next); err != nil {
				return err
			}
			return tx.Replace(next)
		})
		miss(time.Second, 7e6) // C-280: it begins anew
		miss(time.Second, 8e6)
		want := []string{
			tell(p(1)+","+p(2), "2"), tell(p(3), "3"), tell(p(4), "4"), tell(p(5), "5"), tell(p(7)+","+p(8), "2"),
		}
		if diff := cmp.Diff(want, b.sender.contents(urlA)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

func TestRecord_C284_TheOriginatorOfTheEvent(t *testing.T) {
	t.Parallel()
	for attributes, want := range map[string]string{
		`"eeno":true`:              `"cr":"Cme"`,
		`"eeno":true,"cr":"Cyou"`:  `"cr":"Cyou"`,
		`"eeno":false`:             `"sur":"/id-in/sub1"}}`,
		`"eeno":true,"nfu":"/x/y"`: `"nfu":"/x/y"`,
	} {
		b := newBench(t, nil)
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":3,`+attributes)
		b.record(Event{Type: Updated, Resource: b.parent, Originator: "//m2m.example/id-in/Cme"})
		if got := string(b.queued()[0].Payload); !strings.Contains(got, want) || strings.Contains(got, `"cr"`) != strings.Contains(attributes, "true") {
			t.Errorf("%s: %s", attributes, got)
		}
	}
}

func TestCrossed_C278_C281_AreToldWhenTheyAreLeft(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	sub := b.subscribe("sub1", `"nu":["`+urlA+`"],"acrs":["/id-a/crs1","/id-b/crs2"],"su":"Cx"`)
	next := &store.Record{ID: sub.ID, Parent: sub.Parent, RI: sub.RI, Type: sub.Type, Attributes: []byte(`{"nu":["` + urlA + `"],"acrs":["/id-b/crs2"],"su":"Cx"}`)}
	targets := func() (list []string) {
		for _, d := range b.queued() {
			if !isDeletion(d.Payload) || !d.Final {
				t.Errorf("not a last word: %s", d.Payload)
			}
			list = append(list, d.Target)
		}
		return list
	}
	b.update(func(tx store.Tx) error { return b.engine.Changed(tx, sub, next) })
	if diff := cmp.Diff([]string{"/id-a/crs1"}, targets()); diff != "" {
		t.Errorf("C-278 (-want +got):\n%s", diff)
	}
	b.unsubscribe(next)
	if diff := cmp.Diff([]string{"/id-a/crs1", "Cx", "/id-b/crs2"}, targets()); diff != "" {
		t.Errorf("C-281 (-want +got):\n%s", diff)
	}
}

func TestConsult_C315_ReturnsTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.directory["Cx"] = Reach{ID: "//m2m.example/id-in/Cx", Points: []string{urlB, urlA}}
		sub := b.subscribe("sub1", `"nu":["Cx"],"nct":2,"enc":{"net":[7],"atr":["lbl"]}`)
		ev := Event{Resource: b.parent, Touched: []string{"lbl"}, Modified: []byte(`{"lbl":["x"]}`)}
		if !b.engine.Blocked(sub, ev) || b.engine.Blocked(sub, Event{Resource: b.parent, Touched: []string{"mni"}}) {
			t.Error("C-314: enc.atr isn't heeded")
		}
		answers := map[string]onem2m.StatusCode{urlA: onem2m.OperationNotAllowed}
		b.sender.answer = func(ctx context.Context, c call) (*onem2m.Response, error) {
			if answers[c.url] == 0 {
				return nil, errRefusedConnection
			}
			return code(answers[c.url])(ctx, c)
		}
		got, err := b.engine.Consult(t.Context(), sub, ev)
		if err != nil || got != onem2m.OperationNotAllowed {
			t.Errorf("got %d, %v", got, err)
		}
		want := `{"m2m:sgn":{"nev":{"net":7,"rep":{"m2m:cnt":{"lbl":["x"]}}},"sur":"/id-in/sub1"}}`
		if seen := b.sender.seen(); len(seen) != 2 || seen[1].content != want || seen[1].request.To != "Cx" {
			t.Errorf("sent %+v", seen)
		}
		answers[urlA] = 0
		if _, err := b.engine.Consult(t.Context(), sub, ev); err == nil {
			t.Error("no error without an answer")
		}
	})
}
