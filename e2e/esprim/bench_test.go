package esprim

import (
	"testing"

	"bulwark/onem2m"
)

// BenchmarkExchange seals a request, opens it, seals the response and opens
// that: all that ESPrim adds to an exchange on both sides.
func BenchmarkExchange(b *testing.B) {
	w := newWorld(b, func(ro *ReceiverOptions, oo *OriginatorOptions) {
		ro.Limits.Marks, ro.Limits.AllMarks, oo.Uses = 1<<30, 1<<30, 1<<30
	})
	w.learn()
	req := &onem2m.Request{Operation: onem2m.Retrieve, To: "/id-in/-/lamp", From: "/id-mn/Cmeter1", HasFrom: true, RequestID: "r", Release: "3"}
	b.ReportAllocs()
	for b.Loop() {
		text, call, err := w.g.Seal(req)
		if err != nil {
			b.Fatal(err)
		}
		x, err := w.r.Open(b.Context(), text)
		if err != nil {
			b.Fatal(err)
		}
		answer, err := x.Seal(&onem2m.Response{Code: onem2m.OK, RequestID: "r"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := call.Open(answer); err != nil {
			b.Fatal(err)
		}
	}
}
