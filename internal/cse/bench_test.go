package cse

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
)

// silent is a notifier without subscriptions.
type silent struct{}

func (silent) Record(store.Tx, notify.Event) error   { return nil }
func (silent) Removed(store.Tx, *store.Record) error { return nil }
func (silent) EndGathering(store.Tx, string) error   { return nil }
func (silent) Gather(context.Context, string, string, []byte, onem2m.Timestamp) (onem2m.StatusCode, error) {
	return onem2m.OK, nil
}
func (silent) Tell(store.Tx, string, []byte, onem2m.Timestamp) error    { return nil }
func (silent) Changed(store.Tx, *store.Record, *store.Record) error     { return nil }
func (silent) Schedule(string, onem2m.ResourceType, []*onem2m.Schedule) {}
func (silent) Blocked(*store.Record, notify.Event) bool                 { return false }
func (silent) Consult(context.Context, *store.Record, notify.Event) (onem2m.StatusCode, error) {
	return onem2m.OK, nil
}
func (silent) Cross(store.Tx, *store.Record) error                                  { return nil }
func (silent) Hasten(...string)                                                     {}
func (silent) Verify(context.Context, string, onem2m.ID, onem2m.ID, []string) error { return nil }

// benchCSE is a CSE with one AE and a container that an instance is in.
func benchCSE(b testing.TB) *CSE {
	b.Helper()
	s, err := sql.Open(b.Context(), sql.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	c, err := New(b.Context(), Options{Home: onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}, Admin: "CAdmin", Store: s, Notifier: silent{}})
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range []struct {
		to, root, body string
		ty             int64
	}{
		{"cse-in", "m2m:ae", `{"rn":"app","api":"Nbench","rr":false,"srv":["3"]}`, 2},
		{"cse-in/app", "m2m:cnt", `{"rn":"c1","lbl":["` + strings.Repeat("a", 150) + `"]}`, 3},
		{"cse-in/app/c1", "m2m:cin", `{"con":"x"}`, 4},
	} {
		res := c.Handle(b.Context(), trusted(), &onem2m.Request{
			Operation: onem2m.Create, To: q.to, From: "Capp01", HasFrom: true, RequestID: "r", Release: "3",
			Type: &q.ty, Content: &onem2m.Content{Name: q.root, Value: []byte(q.body)},
		})
		if res.Code != onem2m.Created {
			b.Fatal(res.Code, text(res))
		}
	}
	return c
}

func BenchmarkRetrieve(b *testing.B) {
	for name, to := range map[string]string{"structured": "cse-in/app/c1", "latest": "cse-in/app/c1/la"} {
		b.Run(name, func(b *testing.B) {
			c, a := benchCSE(b), trusted()
			req := &onem2m.Request{Operation: onem2m.Retrieve, To: to, From: "Capp01", HasFrom: true, RequestID: "r1", Release: "3"}
			b.ReportAllocs()
			for b.Loop() {
				if res := c.Handle(b.Context(), a, req); res.Code != onem2m.OK {
					b.Fatal(res.Code)
				}
			}
		})
	}
}

func BenchmarkCreateInstance(b *testing.B) {
	c, a := benchCSE(b), trusted()
	var ids atomic.Int64
	ty := int64(4)
	content := &onem2m.Content{Name: "m2m:cin", Value: []byte(`{"con":"` + strings.Repeat("x", 100) + `"}`)}
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res := c.Handle(b.Context(), a, &onem2m.Request{
				Operation: onem2m.Create, To: "cse-in/app/c1", From: "Capp01", HasFrom: true, Release: "3",
				RequestID: string(onem2m.IntValue(ids.Add(1))), Type: &ty, Content: content,
			})
			if res.Code != onem2m.Created {
				b.Error(res.Code)
				return
			}
		}
	})
}
