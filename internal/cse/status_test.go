package cse

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"bulwark/onem2m"
)

// seenCodes are the response status codes that the tests of this package have
// got from a CSE.
var seenCodes sync.Map

// elsewhere says of every code that no test of this package gets why that is so.
var elsewhere = because(map[string][]onem2m.StatusCode{
	"only ever in the operationResult of a <request>": {1000},
	"of the bindings":                                  {4015},
	"of end-to-end security, which is refused":         {4111, 4112, 4113, 4114, 4115, 4116, 5210, 5211},
	"of device triggering, which is refused":           {4122, 5218, 5219},
	"of multicast groups, which are refused":           {5216, 5217},
	"of a management protocol, of which there is none": {5106, 6005, 6020, 6021, 6025, 6026, 6029, 6030, 6031},
	"of an underlying network, of which there is none": {6033, 6034},
	"of later releases, for what isn't there yet":      {4130, 4131, 4132, 4133, 4135, 4136, 4137, 4138, 4139, 4140, 4141, 4142, 5230, 5231, 5232},
	"the answer of somebody else to a verification":    {5205},
	"this CSE has <request>s":                          {5206},
	"a defect":                                         {5000},
})

// because turns reasons with their codes into codes with their reasons.
func because(reasons map[string][]onem2m.StatusCode) map[onem2m.StatusCode]string {
	by := map[onem2m.StatusCode]string{}
	for reason, codes := range reasons {
		for _, code := range codes {
			by[code] = reason
		}
	}
	return by
}

// counting is a run of the tests that afterwards looks at the codes (C-483).
type counting struct{ m *testing.M }

// Run implements what goleak wants.
func (c counting) Run() int {
	code := c.m.Run()
	if only := flag.Lookup("test.run"); code != 0 || only != nil && only.Value.String() != "" {
		return code
	}
	if list := flag.Lookup("test.list"); list != nil && list.Value.String() != "" {
		return code
	}
	for _, missing := range unanswered() {
		fmt.Fprintln(os.Stderr, "C-483: no test gets the response status code", missing)
		code = 1
	}
	return code
}

// unanswered lists the codes that a CSE of this version can answer and no test
// got.
func unanswered() (list []onem2m.StatusCode) {
	for status := onem2m.StatusCode(1000); status < 7000; status++ {
		if _, got := seenCodes.Load(status); !got && status.Known() && elsewhere[status] == "" {
			list = append(list, status)
		}
	}
	return list
}

func TestStatus_C483_C047_CodesOfSuccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	rt := func(n int64) func(*onem2m.Request) { return func(r *onem2m.Request) { r.ResponseType = &n } }
	w.follow(t, []step{
		{name: "C-047 CREATE", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c"}}`}, code: 2001},
		{name: "C-047 RETRIEVE", ask: ask{op: "R", to: "cse-in/app/c", from: "Capp01"}, code: 2000},
		{name: "C-047 UPDATE", ask: ask{op: "U", to: "cse-in/app/c", from: "Capp01", body: `{"m2m:cnt":{}}`}, code: 2004},
		{name: "C-047 DELETE", ask: ask{op: "D", to: "cse-in/app/c", from: "Capp01"}, code: 2002},
		{name: "C-047 synchronous", ask: ask{op: "R", to: "cse-in/app", from: "Capp01", edit: rt(1)}, code: 1001},
		{name: "C-047 asynchronous", ask: ask{op: "R", to: "cse-in/app", from: "Capp01", edit: rt(2)}, code: 1002},
	})
	t.Run("C-047 accepted and not yet done, in the <request>", func(t *testing.T) {
		list := w.must(onem2m.OK, ask{op: "R", to: "cse-in?rcn=8&ty=17", from: "CAdmin"})
		requests, _ := list.Objects("m2m:req")
		if len(requests) != 2 {
			t.Fatalf("%d requests", len(requests))
		}
		for _, req := range requests {
			if ors, _ := req.Object("ors"); string(ors.Get("rsc")) != "1000" {
				t.Errorf("ors: %s", req.Get("ors"))
			}
		}
	})
}
