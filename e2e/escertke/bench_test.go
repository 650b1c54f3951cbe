package escertke

import "testing"

// BenchmarkHandshake is the whole procedure, both ends.
func BenchmarkHandshake(b *testing.B) {
	a := newAuthority(b)
	initiator := a.end(b, near)
	term := terminator(b, a.end(b, far))
	b.ReportAllocs()
	for b.Loop() {
		var stored []*Key
		if _, err := Initiate(b.Context(), initiator, far, through(term, near, &stored)); err != nil {
			b.Fatal(err)
		}
	}
}
