package fieldcase

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"bulwark/test/harness"
)

// Requests and answers as public client libraries and test tools build them.

func TestFieldCase_LibrariesThatSetOneHeaderForAllRequests(t *testing.T) {
	t.Parallel()
	c, _ := trusting(t)
	c.Register(t, "Cnode01", "node")
	c.Make(t, "Cnode01", "/cse-in/node", 3, `{"m2m:cnt":{"rn":"data"}}`)
	left := release1("Content-Type", "application/json;ty=3", "Accept", "application/json")
	for _, tc := range []struct {
		name, method, body string
		code, status       int
	}{
		{"B-11 a GET with the ty of the CREATE before", http.MethodGet, "", 4000, 400}, // it may be meant as a filter
		{"B-11 a PUT with the ty of the resource", http.MethodPut, `{"m2m:cnt":{"lbl":["a"]}}`, 2004, 200},
		{"B-19 a DELETE with content", http.MethodDelete, `{"m2m:cnt":{}}`, 4000, 400},
		{"B-19 a DELETE with an empty object", http.MethodDelete, "{}", 2002, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.Send(t, harness.Request{
				Method: tc.method, Target: "/cse-in/node/data", From: "Cnode01", Body: tc.body, Header: left,
			}).Expect(t, tc.code, tc.status)
		})
	}
}

func TestFieldCase_C091_ClientsThatCompareTheExpirationTimeAsText(t *testing.T) {
	t.Parallel()
	c, _ := trusting(t)
	c.Register(t, "Cnode01", "node")
	soon := time.Now().UTC().Add(time.Hour).Format("20060102T150405")
	c.Make(t, "Cnode01", "/cse-in/node", 3, `{"m2m:cnt":{"rn":"data","et":"`+soon+`"}}`)
	a := c.Get(t, "Cnode01", "/cse-in/node/data")
	a.Expect(t, 2000, 200)
	if got := a.Text("et"); got != soon {
		t.Errorf("et is %q, want %q", got, soon)
	}
}

func TestFieldCase_B43_AReceiverThatAnswersCreated(t *testing.T) {
	t.Parallel()
	c, sink := line(t)
	c.Update(t, "Cpeek01", "/cse-in/peek", `{"m2m:ae":{"poa":["`+sink.URL+`"],"rr":true}}`).Expect(t, 2004, 200)
	c.Make(t, "CAdmin", "/cse-in", 1, policy("open", "CAdmin", `{"acor":["Cflow01","/id-in"],"acop":16}`))
	c.Update(t, "CAdmin", "/cse-in/peek", `{"m2m:ae":{"acpi":["cse-in/open"]}}`).Expect(t, 2004, 200)
	c.Make(t, "Cflow01", "/cse-in/line1/temp", 23, `{"m2m:sub":{"rn":"watch","nu":["cse-in/peek"],"enc":{"net":[3]}}}`)
	sink.Answer(harness.Acknowledge)
	for i := range 2 {
		c.Make(t, "Cflow01", "/cse-in/line1/temp", 4, fmt.Sprintf(`{"m2m:cin":{"con":%d}}`, i))
	}
	sink.Wait(time.Minute, harness.AtLeast(3))
	// A repetition would come a second after the first. The verification counts.
	if got := len(sink.Wait(3*time.Second, harness.AtLeast(4))); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
}
