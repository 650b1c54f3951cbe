package federation

import "testing"

// BenchmarkForward compares a request to the CSE that hosts the target with the
// same one over one and over two CSEs before it, which talk over mutual TLS.
func BenchmarkForward(b *testing.B) {
	s := newSystem(b)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	asn := s.below(mn, "asn", "/id-asn", "cse-asn")
	mn.start()
	asn.start()
	mn.joined(s.in)
	asn.joined(mn)
	s.in.plain.Make(b, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"all","pv":{"acr":[{"acor":["all"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	s.in.plain.Make(b, "CAdmin", "/cse-in", 3, `{"m2m:cnt":{"rn":"box","lbl":["bench"],"acpi":["cse-in/all"]}}`)
	for name, at := range map[string]*box{"local": s.in, "one hop": mn, "two hops": asn} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if a := at.plain.Get(b, "CAdmin", "/~/id-in/cse-in/box"); a.RSC != 2000 {
					b.Fatal(a)
				}
			}
		})
	}
}
