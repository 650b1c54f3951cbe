package esdata

import (
	"bytes"
	"crypto/elliptic"
	"fmt"
	"testing"
)

// BenchmarkData seals and opens data of every class, in sizes from a reading to
// a picture.
func BenchmarkData(b *testing.B) {
	direct, wrap := shared(b, "direct@m2m.example", Direct, 32), shared(b, "wrap@m2m.example", A256KW, 32)
	agreed, mic := private(b, "target", ECDHA256KW, elliptic.P256()), shared(b, "mic@m2m.example", HS256, 32)
	sign := private(b, "source", ES256, elliptic.P256())
	group := make([]*Key, MaxRecipients)
	for i := range group {
		k, err := NewSymmetric(fmt.Sprintf("member%d@m2m.example", i), A256KW, secretOf(b, 32, byte(i)))
		group[i] = must(b, k, err)
	}
	members, err := ForGroup(sign.seal, group...)
	if err != nil {
		b.Fatal(err)
	}
	ring := NewRing(direct.open, wrap.open, agreed.open, mic.open, sign.open, group[0])
	for _, class := range []struct {
		name string
		p    Protection
	}{
		{"encrypted, dir", Protection{Encrypt: []*Key{direct.seal}}},
		{"encrypted, A256KW", Protection{Encrypt: []*Key{wrap.seal}}},
		{"encrypted, ECDH-ES+A256KW", Protection{Encrypt: []*Key{agreed.seal}}},
		{"signed, HS256", Protection{Sign: []*Key{mic.seal}}},
		{"signed, ES256", Protection{Sign: []*Key{sign.seal}}},
		{"nested, ES256 in A256KW", Protection{Sign: []*Key{sign.seal}, Encrypt: []*Key{wrap.seal}}},
		{"nested, for a group of 16", members},
	} {
		for _, size := range []int{100, 10_000, 500_000} {
			payload := bytes.Repeat([]byte("x"), size)
			var text string
			b.Run(fmt.Sprintf("seal/%s/%d", class.name, size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for b.Loop() {
					var err error
					if text, err = Seal(payload, class.p); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(text)-size), "octets-more")
			})
			b.Run(fmt.Sprintf("open/%s/%d", class.name, size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for b.Loop() {
					if _, err := open(text, class.p.serialization(), ring); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
