package wire_test

import (
	"testing"

	"bulwark/onem2m/wire"
)

func BenchmarkDecodeContent(b *testing.B) {
	body := []byte(`{"m2m:cin": {"rn": "x1", "lbl": ["a:1", "b"], "cnf": "application/json:0", "con": "{\"t\":21.5}"}}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		c, err := wire.DecodeContent(body, wire.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := wire.DecodeObject(c.Value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeRequest(b *testing.B) {
	body := []byte(`{"op":1,"to":"cse-in/app/data","fr":"Capp01","rqi":"12345","ty":4,"rvi":"3","pc":{"m2m:cin":{"con":"21.5"}}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeRequest(body, wire.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
