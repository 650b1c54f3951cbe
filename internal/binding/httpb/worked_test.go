package httpb_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/binding/httpb"
	"bulwark/onem2m"
)

// TestWorked_ExamplesOneToNine carries the worked examples of the HTTP binding through
// the binding: the request as it is written there to its primitive, and the
// response primitive to the message that is written there.
func TestWorked_ExamplesOneToNine(t *testing.T) {
	t.Parallel()
	const res, preq, prsp = "application/vnd.onem2m-res+json", "application/vnd.onem2m-preq+json", "application/vnd.onem2m-prsp+json"
	tests := []struct {
		id, method, target, body string
		headers                  []string
		want                     func(*onem2m.Request)
		reply                    onem2m.Response
		status                   int
		lines                    []string
	}{
		{
			"E1", "POST", "/mn", `{"m2m:ae":{"rn":"garden"}}`,
			[]string{"Content-Type: application/json;ty=2", "Accept: application/json"},
			func(r *onem2m.Request) {
				r.Operation, r.To, r.Type, r.Content = onem2m.Create, "mn", new(int64(2)), content("m2m:ae", `{"rn":"garden"}`)
			},
			onem2m.Response{Code: onem2m.Created, OriginatingTimestamp: "20260302T101500", Content: content("m2m:ae", `{"ty":2}`)},
			201,
			[]string{"X-M2M-RSC: 2001", "X-M2M-OT: 20260302T101500", "Content-Type: application/json"},
		},
		{
			"E2", "POST", "/-/garden?rcn=9", `{"m2m:cnt":{"rn":"soil","mni":100,"lbl":["zone:north"]}}`,
			[]string{"Content-Type: " + res + "; ty=3"},
			func(r *onem2m.Request) {
				r.Operation, r.To, r.Type, r.ResultContent = onem2m.Create, "-/garden", new(int64(3)), new(int64(9))
				r.Content = content("m2m:cnt", `{"rn":"soil","mni":100,"lbl":["zone:north"]}`)
			},
			onem2m.Response{Code: onem2m.Created, Content: content("m2m:cnt", `{"ri":"cnt5f2"}`)},
			201,
			[]string{"X-M2M-RSC: 2001", "Content-Type: " + res},
		},
		{
			"E3", "POST", "/-/garden/soil", `{"m2m:cin":{"con":"…"}}`,
			[]string{"Content-Type: application/json;ty=4"},
			func(r *onem2m.Request) {
				r.Operation, r.To, r.Type, r.Content = onem2m.Create, "-/garden/soil", new(int64(4)), content("m2m:cin", `{"con":"…"}`)
			},
			onem2m.Response{Code: onem2m.NotAcceptable, Content: content("m2m:dbg", `"too large"`)},
			406,
			[]string{"X-M2M-RSC: 5207", "Content-Type: application/json"},
		},
		{
			"E4", "GET", "/~/mn1/-?fu=1&ty=3&lbl=zone%3Anorth&lim=2&drt=2", "",
			[]string{"Accept: application/json"},
			func(r *onem2m.Request) {
				r.Operation, r.To, r.DesiredIDType = onem2m.Retrieve, "/mn1/-", new(int64(2))
				r.Filter = &onem2m.FilterCriteria{FilterUsage: new(int64(1)), Types: []onem2m.ResourceType{3}, Labels: []string{"zone:north"}, Limit: new(int64(2))}
			},
			onem2m.Response{Code: onem2m.OK, ContentStatus: 1, ContentOffset: 3, Content: content("m2m:uril", `["/mn1/cnt5f2","/mn1/cnt6a0"]`)},
			200,
			[]string{"X-M2M-RSC: 2000", "X-M2M-CTS: 1", "X-M2M-CTO: 3", "Content-Type: application/json"},
		},
		{
			"E5", "POST", "/~/mn1/Cpanel02", `{"m2m:sgn":{"vrq":true}}`,
			[]string{"Content-Type: application/vnd.onem2m-ntfy+json"},
			func(r *onem2m.Request) {
				r.Operation, r.To, r.Content = onem2m.Notify, "/mn1/Cpanel02", content("m2m:sgn", `{"vrq":true}`)
			},
			onem2m.Response{Code: onem2m.OK},
			200,
			[]string{"X-M2M-RSC: 2000", "Content-Length: 0"},
		},
		{
			"E7", "DELETE", "/-/garden/old?rt=1&rp=300000", "", nil,
			func(r *onem2m.Request) {
				r.Operation, r.To, r.ResponseType, r.ResultPersistence = onem2m.Delete, "-/garden/old", new(int64(1)), "300000"
			},
			onem2m.Response{Code: onem2m.AcceptedForNonBlockingRequestSynch, Content: content("m2m:uri", `"mn/req77"`)},
			202,
			[]string{"X-M2M-RSC: 1001", "Content-Type: application/json"},
		},
		{
			"E8", "GET", "/-/garden/all/fopt/la", "", nil,
			func(r *onem2m.Request) { r.Operation, r.To = onem2m.Retrieve, "-/garden/all/fopt/la" },
			onem2m.Response{Code: onem2m.OK, Content: content("m2m:agr", `{"m2m:rsp":[]}`)},
			200,
			[]string{"Content-Type: application/json"},
		},
		{
			"E9", "GET", "/-/garden/pch/pcu", "",
			[]string{"X-M2M-RET: 20000"},
			func(r *onem2m.Request) {
				r.Operation, r.To, r.RequestExpiration = onem2m.Retrieve, "-/garden/pch/pcu", "20000"
			},
			onem2m.Response{Code: onem2m.OK, Content: content("m2m:rqp", `{"op":5}`)},
			200,
			[]string{"Content-Type: " + preq},
		},
		{
			"E9", "POST", "/-/garden/pch/pcu", `{"m2m:rsp":{"rsc":2000}}`,
			[]string{"Content-Type: " + prsp},
			func(r *onem2m.Request) {
				r.Operation, r.To, r.Content = onem2m.Notify, "-/garden/pch/pcu", content("m2m:rsp", `{"rsc":2000}`)
			},
			onem2m.Response{Code: onem2m.OK},
			200,
			[]string{"X-M2M-RSC: 2000"},
		},
		{
			"E9", "GET", "/-/garden/pch/pcu", "", nil,
			func(r *onem2m.Request) { r.Operation, r.To = onem2m.Retrieve, "-/garden/pch/pcu" },
			onem2m.Response{Code: onem2m.RequestTimeout},
			504,
			[]string{"X-M2M-RSC: 4008"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.method+" "+tt.target, func(t *testing.T) {
			t.Parallel()
			h := &recorder{reply: func(_ context.Context, req *onem2m.Request) *onem2m.Response {
				resp := tt.reply
				resp.RequestID, resp.Release = req.RequestID, req.Release
				return &resp
			}}
			a := send(t, start(t, httpb.Options{}, h), message(tt.method, tt.target, tt.body, tt.headers...))
			if diff := cmp.Diff(base(0, "", tt.want), h.last(t).request); diff != "" {
				t.Errorf("primitive (-want +got):\n%s", diff)
			}
			for _, line := range append(tt.lines, "X-M2M-RI: r1", "X-M2M-RVI: 3") {
				if !a.has(line) {
					t.Errorf("no %q in %q", line, a.lines)
				}
			}
			if a.status != tt.status {
				t.Errorf("status %d, want %d", a.status, tt.status)
			}
		})
	}
}
