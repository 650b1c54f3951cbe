package cse

import (
	"testing"

	"bulwark/e2e/esprim"
	"bulwark/onem2m"
)

// BenchmarkESPrim measures the RETRIEVE of an instance at the CSE: plain, and
// protected from end to end with what the originator does for it.
func BenchmarkESPrim(b *testing.B) {
	c := benchCSE(b)
	const id = onem2m.ID("//m2m.example/id-in/Capp01")
	protecting(b, id)(&c.Options)
	if _, err := c.Advertise(b.Context()); err != nil {
		b.Fatal(err)
	}
	g, err := esprim.NewOriginator(esprim.OriginatorOptions{
		Key:  esprim.Key{ID: keyOf(id), Secret: secretKey(b, "k"), Peer: c.Home.ID()},
		Uses: 1 << 14,
	})
	if err != nil {
		b.Fatal(err)
	}
	rand, _, err := c.ESPrim.Shared()
	if err != nil {
		b.Fatal(err)
	}
	value, err := rand.JSON()
	if err == nil {
		err = g.Learn(value)
	}
	if err != nil {
		b.Fatal(err)
	}
	req := &onem2m.Request{Operation: onem2m.Retrieve, To: "cse-in/app/c1/la", From: "Capp01", HasFrom: true, RequestID: "r", Release: "3"}
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if res := c.Handle(b.Context(), trusted(), req); res.Code != onem2m.OK {
				b.Fatal(res.Code)
			}
		}
	})
	b.Run("protected", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			object, call, err := g.Seal(req)
			if err != nil {
				b.Fatal(err)
			}
			res := c.Handle(b.Context(), trusted(), &onem2m.Request{
				Operation: onem2m.Notify, To: "/id-in/-", From: "Capp01", HasFrom: true, RequestID: "o", Release: "3", Content: onem2m.NewESPrimInfo(object).Content(),
			})
			info, err := onem2m.SecurityInfoOf(res.Content)
			if err != nil {
				b.Fatal(res.Code)
			}
			epo, err := info.ESPrim()
			if err != nil {
				b.Fatal(err)
			}
			if inner, err := call.Open(epo); err != nil || inner.Code != onem2m.OK {
				b.Fatal(err)
			}
		}
	})
}
