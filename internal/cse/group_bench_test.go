package cse

import (
	"strconv"
	"strings"
	"testing"

	"bulwark/onem2m"
)

// BenchmarkFanOut asks a group of 100 local containers; compare with
// BenchmarkRetrieve.
func BenchmarkFanOut(b *testing.B) {
	c, a := benchCSE(b), trusted()
	make1 := func(ty int64, to, root, body string) {
		res := c.Handle(b.Context(), a, &onem2m.Request{
			Operation: onem2m.Create, To: to, From: "Capp01", HasFrom: true, RequestID: "r", Release: "3",
			Type: &ty, Content: &onem2m.Content{Name: root, Value: []byte(body)},
		})
		if res.Code != onem2m.Created {
			b.Fatal(res.Code, text(res))
		}
	}
	var members []string
	for i := range 100 {
		name := "m" + strconv.Itoa(i)
		make1(3, "cse-in/app", "m2m:cnt", `{"rn":"`+name+`","lbl":["`+strings.Repeat("a", 150)+`"]}`)
		members = append(members, `"cse-in/app/`+name+`"`)
	}
	make1(9, "cse-in/app", "m2m:grp", `{"rn":"g","mnm":100,"mid":[`+strings.Join(members, ",")+`]}`)
	req := &onem2m.Request{Operation: onem2m.Retrieve, To: "cse-in/app/g/fopt", From: "Capp01", HasFrom: true, RequestID: "r1", Release: "3"}
	b.ReportAllocs()
	for b.Loop() {
		if res := c.Handle(b.Context(), a, req); res.Code != onem2m.OK {
			b.Fatal(res.Code, text(res))
		}
	}
}
