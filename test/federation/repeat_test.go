package federation

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"bulwark/test/harness"
)

// A notification comes over three hops to an AE that takes it but can't answer in
// good order: when it is repeated the AE knows it again, and the next one is
// another one.
func TestFaults_C007_ARepeatedNotificationIsKnownAgainAfterThreeHops(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	sink := harness.NewSink(t)
	tr.asn.plain.Make(t, "CAdmin", "/cse-asn", 1, `{"m2m:acp":{"rn":"reach","pv":{"acr":[{"acor":["/id-mn2"],"acop":16},{"acor":["Ctold"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	tr.asn.plain.Make(t, "Ctold", "/cse-asn", 2, `{"m2m:ae":{"rn":"told","api":"N.example.test","rr":true,"srv":["3"],"poa":["`+sink.URL+`"],"acpi":["cse-asn/reach"]}}`)
	tr.mn2.open(t, "box", "/id-asn/Ctold")
	tr.asn.plain.Create(t, "Ctold", "/~/id-mn2/cse-mn2/box", 23, `{"m2m:sub":{"rn":"watch","nu":["/id-asn/Ctold"],"enc":{"net":[3]}}}`).Expect(t, 2001, 201)

	var told atomic.Int32
	sink.Answer(func(w http.ResponseWriter, r *http.Request, body string) {
		if told.Add(1) > 2 {
			harness.Agree(w, r, body)
			return
		}
		w.Header().Set("X-M2M-RSC", "5000")
		w.Header().Set("X-M2M-RI", r.Header.Get("X-M2M-RI"))
		w.WriteHeader(http.StatusInternalServerError)
	})
	before := len(sink.Got())
	tr.mn2.plain.Make(t, "CAdmin", "/cse-mn2/box", 4, `{"m2m:cin":{"con":"first"}}`)
	sink.Wait(patience, harness.AtLeast(before+3))
	tr.mn2.plain.Make(t, "CAdmin", "/cse-mn2/box", 4, `{"m2m:cin":{"con":"second"}}`)
	got := sink.Wait(patience, harness.AtLeast(before+4))[before:]
	if len(got) != 4 {
		t.Fatalf("%d have arrived", len(got))
	}
	ids := make([]string, 0, len(got))
	for _, r := range got {
		ids = append(ids, r.Header.Get("X-M2M-RI"))
	}
	if !strings.Contains(got[2].Body, "first") || ids[0] == "" || ids[1] != ids[0] || ids[2] != ids[0] {
		t.Errorf("the first came as %q", ids[:3])
	}
	if !strings.Contains(got[3].Body, "second") || ids[3] == ids[0] {
		t.Errorf("the second came as %q, the first as %q", ids[3], ids[0])
	}
}
