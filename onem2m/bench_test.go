package onem2m_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

func BenchmarkValidateCreate(b *testing.B) {
	for name, body := range map[string]string{
		"contentInstance":         `{"con":"21.5"}`,
		"contentInstanceWithInfo": `{"rn":"x1","lbl":["a:1","b"],"cnf":"application/json:0","con":"{\"t\":21.5}"}`,
		"subscription":            `{"rn":"s","nu":["/id-in/Cabc"],"nct":1,"enc":{"net":[1,3],"atr":["mni"]},"bn":{"num":3,"dur":"PT30S"}}`,
	} {
		ty := onem2m.TypeContentInstance
		if name == "subscription" {
			ty = onem2m.TypeSubscription
		}
		b.Run(name, func(b *testing.B) {
			t := onem2m.TypeByNumber(ty)
			o, err := wire.DecodeObject(jsontext.Value(body))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := t.ValidateCreate(o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseTimestamp(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := onem2m.ParseTimestamp("20260301T101500,123456"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseAddress(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := onem2m.ParseAddress("/id-in/cse-in/app/data/la"); err != nil {
			b.Fatal(err)
		}
	}
}
