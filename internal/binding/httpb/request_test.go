package httpb_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"bulwark/internal/binding/httpb"
	"bulwark/onem2m"
)

// base is the primitive of message without anything else.
func base(op onem2m.Operation, to string, change func(*onem2m.Request)) *onem2m.Request {
	r := &onem2m.Request{Operation: op, To: to, From: "Cabc", HasFrom: true, RequestID: "r1", Release: "3"}
	if change != nil {
		change(r)
	}
	return r
}

func container(r *onem2m.Request) {
	r.Type = new(int64(3))
	r.Content = &onem2m.Content{Name: "m2m:cnt", Value: jsontext.Value(`{"rn":"soil"}`)}
}

func TestRequest_B01_B15_BecomesThePrimitive(t *testing.T) {
	t.Parallel()
	const cnt = `{"m2m:cnt":{"rn":"soil"}}`
	tests := []struct {
		id, name, raw string
		want          *onem2m.Request
	}{
		{"B-15", "POST with ty is CREATE", message("POST", "/cse-in/ae1", cnt, "Content-Type: application/json;ty=3"), base(onem2m.Create, "cse-in/ae1", container)},
		{"B-15", "POST without ty is NOTIFY", message("POST", "/-/ae1", `{"m2m:sgn":{}}`, "Content-Type: application/json"), base(onem2m.Notify, "-/ae1", func(r *onem2m.Request) {
			r.Content = &onem2m.Content{Name: "m2m:sgn", Value: jsontext.Value(`{}`)}
		})},
		{"B-01", "GET is RETRIEVE", message("GET", "/c83k2", ""), base(onem2m.Retrieve, "c83k2", nil)},
		{"B-01", "PUT is UPDATE", message("PUT", "/cse-in/x", `{"m2m:cnt":{"mni": 5 , "lbl":null}}`, "Content-Type: application/vnd.onem2m-res+json"), base(onem2m.Update, "cse-in/x", func(r *onem2m.Request) {
			r.Content = &onem2m.Content{Name: "m2m:cnt", Value: jsontext.Value(`{"mni":5,"lbl":null}`)}
		})},
		{"B-01", "DELETE is DELETE", message("DELETE", "/cse-in/x", ""), base(onem2m.Delete, "cse-in/x", nil)},
		{"B-11", "blanks, quotes, charset and case in Content-Type are tolerated", message("POST", "/a", cnt, `Content-Type: Application/JSON ; charset="utf-8" ; TY = "3"`), base(onem2m.Create, "a", container)},
		{"B-01", "ty on a RETRIEVE is for the CSE to judge", message("GET", "/a", "", "Content-Type: application/json;ty=2"), base(onem2m.Retrieve, "a", func(r *onem2m.Request) { r.Type = new(int64(2)) })},
		{"B-11", "ty left in the header of a DELETE", message("DELETE", "/a", "", "Content-Type: application/json;ty=3"), base(onem2m.Delete, "a", nil)},
		{"B-11", "ty left in the header of a PUT", message("PUT", "/a", cnt, "Content-Type: application/json;ty=3"), base(onem2m.Update, "a", func(r *onem2m.Request) {
			container(r)
			r.Type = nil
		})},
		{"B-19", "an empty object on DELETE", message("DELETE", "/a", " {}\r\n", "Content-Type: application/json"), base(onem2m.Delete, "a", nil)},
		{"B-11", "the vendor type carries ty", message("POST", "/a", cnt, "Content-Type: application/vnd.onem2m-res+json; ty=3"), base(onem2m.Create, "a", container)},
		{"B-14", "header names in any case, unknown headers ignored", "GET /a HTTP/1.1\r\nhost: x\r\nx-m2m-ri: r1\r\nX-m2M-oRIGIN: Cabc\r\nx-m2m-rvi: 3\r\nlocale: ko\r\n\r\n", base(onem2m.Retrieve, "a", nil)},
		{"B-17", "SP-relative address", message("GET", "/~/cse1/-/ae1", ""), base(onem2m.Retrieve, "/cse1/-/ae1", nil)},
		{"B-17", "absolute address", message("GET", "/_/sp.example/cse1/-/ae1", ""), base(onem2m.Retrieve, "//sp.example/cse1/-/ae1", nil)},
		{"B-17", "an escaped tilde is a tilde", message("GET", "/%7e/cse1/ae%31", ""), base(onem2m.Retrieve, "/cse1/ae1", nil)},
		{"B-18", "absolute-form target", message("GET", "http://proxy.example:80/~/cse1/ae1?rcn=1", ""), base(onem2m.Retrieve, "/cse1/ae1", func(r *onem2m.Request) { r.ResultContent = new(int64(1)) })},
		{"B-19", "a body on GET is ignored", message("GET", "/a", "rubbish"), base(onem2m.Retrieve, "a", nil)},
		{"B-22", "RTU with entries", message("GET", "/a?rt=2", "", "X-M2M-RTU: http://a.example/x&http://b.example"), base(onem2m.Retrieve, "a", func(r *onem2m.Request) {
			r.ResponseType, r.HasNotifyURIs, r.NotificationURIs = new(int64(2)), true, []string{"http://a.example/x", "http://b.example"}
		})},
		{"B-22", "RTU present but empty", message("GET", "/a?rt=2", "", "X-M2M-RTU:"), base(onem2m.Retrieve, "a", func(r *onem2m.Request) {
			r.ResponseType, r.HasNotifyURIs = new(int64(2)), true
		})},
		{"B-10", "From present but empty", "GET /a HTTP/1.1\r\nHost: x\r\nX-M2M-RI: r1\r\nX-M2M-RVI: 3\r\nX-M2M-Origin:\r\n\r\n", base(onem2m.Retrieve, "a", func(r *onem2m.Request) { r.From = "" })},
		{"B-21", "From absent is for the CSE to judge", "GET /a HTTP/1.1\r\nHost: x\r\nX-M2M-RI: r1\r\nX-M2M-RVI: 3\r\n\r\n", base(onem2m.Retrieve, "a", func(r *onem2m.Request) { r.From, r.HasFrom = "", false })},
		{"B-23", "a blank in front of a value isn't part of it", "GET /a HTTP/1.1\r\nHost: x\r\nX-M2M-RI: r1\r\nX-M2M-RVI: 3\r\nX-M2M-Origin:  Cabc \r\n\r\n", base(onem2m.Retrieve, "a", nil)},
		{"B-01", "every header", message("GET", "/a", "", "X-M2M-OT: 20260301T101500", "X-M2M-RET: 20991231T235959", "X-M2M-RST: 20991231T235959,5", "X-M2M-OET: 1000",
			"X-M2M-EC: 2", "X-M2M-GID: g1", "X-M2M-VSI: vendor text", "X-M2M-AS: s1 + s2", "X-M2M-GTM: a/b+c", "Authorization: aaa.bbb.ccc + ddd.eee.fff"), base(onem2m.Retrieve, "a", func(r *onem2m.Request) {
			r.OriginatingTimestamp, r.RequestExpiration, r.ResultExpiration, r.ExecutionTime = "20260301T101500", "20991231T235959", "20991231T235959,5", "1000"
			r.EventCategory, r.GroupRequestID, r.VendorInformation = new(int64(2)), "g1", new("vendor text")
			r.AuthorSigns, r.GroupTargets, r.Tokens = []string{"s1", "s2"}, []string{"a/b", "c"}, []string{"aaa.bbb.ccc", "ddd.eee.fff"}
		})},
		{"B-10 S-146", "Authorization with a scheme is for the transport", message("GET", "/a", "", "Authorization: Bearer aaa.bbb.ccc"), base(onem2m.Retrieve, "a", nil)},
		{"B-10 S-146", "any scheme", message("GET", "/a", "", "Authorization: DPoP abc"), base(onem2m.Retrieve, "a", nil)},
		{"B-24", "query parameters", message("GET", "/a?rt=3&rcn=4&drt=2&rp=1000&da=1&tqi=true&atrl=lbl+lt", ""), base(onem2m.Retrieve, "a", func(r *onem2m.Request) {
			r.ResponseType, r.ResultContent, r.DesiredIDType, r.ResultPersistence = new(int64(3)), new(int64(4)), new(int64(2)), "1000"
			r.DeliveryAggregate, r.TokenRequest, r.Attributes = new(true), new(true), []string{"lbl", "lt"}
		})},
		{"B-26", "lists by plus and by repetition", message("GET", "/a?fu=1&ty=3+4&ty=2&lbl=a%2Bb+c%20d&lbl=gr%C3%BCn", ""), base(onem2m.Retrieve, "a", func(r *onem2m.Request) {
			r.Filter = &onem2m.FilterCriteria{FilterUsage: new(int64(1)), Types: []onem2m.ResourceType{3, 4, 2}, Labels: []string{"a+b", "c d", "grün"}}
		})},
		{"B-26", "colon, quotes, equals signs and backslash in a value", message("GET", "/a?fu=1&lbl=x'%20OR%20'1'='1&lbl=tag:blue&lbl=tag%3Ablue&lbl=back%5Cslash&lbl=50%25", ""), base(onem2m.Retrieve, "a", func(r *onem2m.Request) {
			r.Filter = &onem2m.FilterCriteria{FilterUsage: new(int64(1)), Labels: []string{"x' OR '1'='1", "tag:blue", "tag:blue", `back\slash`, "50%"}}
		})},
		{"B-27", "attribute conditions", message("GET", "/a?cni=5&c.mni=5&p.rn=y", ""), base(onem2m.Retrieve, "a", func(r *onem2m.Request) {
			r.Filter = &onem2m.FilterCriteria{
				Attributes:       []onem2m.AttributeCondition{{Name: "cni", Value: "5"}},
				ChildAttributes:  []onem2m.AttributeCondition{{Name: "mni", Value: "5"}},
				ParentAttributes: []onem2m.AttributeCondition{{Name: "rn", Value: "y"}},
			}
		})},
		{"B-28", "the parameter wins over the attribute of the same name", message("GET", "/a?rt=3&ty=3", ""), base(onem2m.Retrieve, "a", func(r *onem2m.Request) {
			r.ResponseType = new(int64(3))
			r.Filter = &onem2m.FilterCriteria{Types: []onem2m.ResourceType{3}}
		})},
		{"B-29", "short names that the table of HTTP leaves out", message("GET", "/a?clbl=x&palb=y&chty=4&pty=2&arp=b/c", ""), base(onem2m.Retrieve, "a", func(r *onem2m.Request) {
			r.Filter = &onem2m.FilterCriteria{
				ChildLabels: []string{"x"}, ParentLabels: []string{"y"}, ChildTypes: []onem2m.ResourceType{4}, ParentTypes: []onem2m.ResourceType{2}, RelativePath: "b/c",
			}
		})},
		{"B-30", "queries inside a query", message("GET", "/a?fu=1&lbq=a%20EQ%20b%2Bc&cfs=1&cfq=%24.a%20GT%20%221%26x=2%22&smf=ASK%20%7B%3Fs%20%3Fp%20%22a%26b%3D%2B%22%7D", ""), base(onem2m.Retrieve, "a", func(r *onem2m.Request) {
			r.Filter = &onem2m.FilterCriteria{
				SemanticsFilter: []string{`ASK {?s ?p "a&b=+"}`},
				FilterUsage:     new(int64(1)), LabelsQuery: []string{"a EQ b+c"}, ContentFilterSyntax: new(int64(1)), ContentFilterQuery: `$.a GT "1&x=2"`,
			}
		})},
		{"B-26", "empty fields between ampersands", message("GET", "/a?&rcn=1&&", ""), base(onem2m.Retrieve, "a", func(r *onem2m.Request) { r.ResultContent = new(int64(1)) })},
		{"B-01", "no body is no content", message("PUT", "/a", "", "Content-Type: application/json"), base(onem2m.Update, "a", nil)},
		{"B-40", "a chunked body", "PUT /a HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: Cabc\r\nX-M2M-RI: r1\r\nX-M2M-RVI: 3\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"m2m:cnt\r\n5\r\n\":{}}\r\n0\r\n\r\n", base(onem2m.Update, "a", func(r *onem2m.Request) {
			r.Content = &onem2m.Content{Name: "m2m:cnt", Value: jsontext.Value(`{}`)}
		})},
	}
	h := &recorder{}
	address := start(t, httpb.Options{}, h)
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			a := send(t, address, tt.raw)
			if a.status != 200 {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			if diff := cmp.Diff(tt.want, h.last(t).request); diff != "" {
				t.Errorf("primitive (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequest_B17_B32_RefusesWhatIsMalformed(t *testing.T) {
	t.Parallel()
	json := "Content-Type: application/json"
	noRI := "GET /a HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: Cabc\r\n\r\n"
	tests := []struct {
		id, name, raw string
		status        int
		rsc           string
	}{
		{"B-13", "a body that isn't JSON", message("POST", "/a", "x", "Content-Type: text/plain"), 415, "4015"},
		{"B-13", "a format that isn't one of oneM2M", message("POST", "/a", "x: 1", "Content-Type: application/yaml;ty=2"), 415, "4015"},
		{"B-13", "a body without Content-Type", message("POST", "/a", `{"m2m:cnt":{}}`), 415, "4015"},
		{"B-13", "a form", message("POST", "/a", `a=b`, "Content-Type: application/x-www-form-urlencoded"), 415, "4015"},
		{"B-13", "HTML wanted", message("GET", "/a", "", "Accept: text/html"), 406, "5207"},
		{"B-13", "only HTML wanted", message("GET", "/a", "", "Accept: text/html"), 406, "5207"},
		{"B-13", "JSON ruled out", message("GET", "/a", "", "Accept: application/json;q=0, text/html"), 406, "5207"},
		{"B-13", "everything ruled out", message("GET", "/a", "", "Accept: */*;q=0"), 406, "5207"},
		{"B-16", "PATCH", message("PATCH", "/a", ""), 405, "4005"},
		{"B-16", "HEAD", message("HEAD", "/a", ""), 405, "4005"},
		{"B-16", "TRACE", message("TRACE", "/a", ""), 405, "4005"},
		{"B-16", "CONNECT", message("CONNECT", "a.example:80", ""), 405, "4005"},
		{"B-16", "an invented method", message("BREW", "/a", ""), 405, "4005"},
		{"B-17", "an empty path", message("GET", "/", ""), 400, "4000"},
		{"B-17", "a trailing slash", message("GET", "/cse-in/lab/?fu=1", ""), 400, "4000"},
		{"B-17", "a double slash", message("GET", "/cse-in//lab", ""), 400, "4000"},
		{"B-17", "a double slash in front", message("GET", "//cse-in/lab", ""), 400, "4000"},
		{"B-17", "a dot segment", message("GET", "/cse-in/./lab", ""), 400, "4000"},
		{"B-17", "two dots", message("GET", "/cse-in/../etc/passwd", ""), 400, "4000"},
		{"B-17", "two escaped dots", message("GET", "/cse-in/%2e%2E/x", ""), 400, "4000"},
		{"B-17", "an escaped NUL", message("GET", "/cse-in/lab%00", ""), 400, "4000"},
		{"B-17", "an escaped slash", message("GET", "/cse-in%2Flab", ""), 400, "4000"},
		{"B-17", "an escaped backslash", message("GET", "/cse-in%5Clab", ""), 400, "4000"},
		{"B-17", "an escaped number sign", message("GET", "/cse-in%23lbl", ""), 400, "4000"},
		{"B-17", "an escaped line end", message("GET", "/cse-in%0d%0aX:y", ""), 400, "4000"},
		{"B-17", "an escape that isn't UTF-8", message("GET", "/cse-in/%ff", ""), 400, "4000"},
		{"B-17", "a scope without anything behind", message("GET", "/~", ""), 400, "4000"},
		{"B-17", "a scope and a slash", message("GET", "/_/", ""), 400, "4000"},
		{"B-17", "a path longer than an address", message("GET", "/"+strings.Repeat("a", 3000), ""), 400, "4000"},
		{"B-18", "absolute form without a path", message("GET", "http://a.example", ""), 400, "4000"},
		{"B-18", "another scheme", message("GET", "ftp://a.example/x", ""), 400, "4000"},
		{"B-19", "a body on DELETE", message("DELETE", "/a", `{"m2m:cnt":{}}`, json), 400, "4000"},
		{"B-21", "no request identifier", noRI, 400, "4000"},
		{"B-23", "two originators", message("GET", "/a", "", "X-M2M-Origin: C1"), 400, "4000"},
		{"B-23", "two request identifiers", message("GET", "/a", "", "X-M2M-RI: r2"), 400, "4000"},
		{"B-23", "two Content-Types", message("POST", "/a", "{}", json, json), 400, "4000"},
		{"B-23", "two Authorizations", message("GET", "/a", "", "Authorization: a.b.c", "Authorization: d.e.f"), 400, "4000"},
		{"B-23", "two ty", message("POST", "/a", `{"a":{}}`, json+";ty=3;ty=4"), 400, "4000"},
		{"B-15", "ty that is no number", message("POST", "/a", `{"a":{}}`, json+";ty=three"), 400, "4000"},
		{"B-15", "ty beyond any number", message("POST", "/a", `{"a":{}}`, json+";ty=99999999999999999999"), 400, "4000"},
		{"B-15", "ty without value", message("POST", "/a", `{"a":{}}`, json+";ty="), 400, "4000"},
		{"B-23", "a field twice", message("GET", "/a?fu=1&fu=2", ""), 400, "4000"},
		{"B-25", "a boolean that is none", message("GET", "/a?da=maybe", ""), 400, "4000"},
		{"B-26", "a broken escape", message("GET", "/a?fu=1&lbl=50%", ""), 400, "4000"},
		{"B-26", "an escape that is no number", message("GET", "/a?fu=1&lbl=%zz", ""), 400, "4000"},
		{"B-26", "an escape that isn't UTF-8", message("GET", "/a?fu=1&lbl=%ff%fe", ""), 400, "4000"},
		{"B-26", "an escaped NUL in a value", message("GET", "/a?fu=1&lbl=a%00b", ""), 400, "4000"},
		{"B-26", "an empty label", message("GET", "/a?fu=1&lbl=", ""), 400, "4000"},
		{"B-31 C-170", "an unknown field", message("GET", "/a?fu=1&whatever=1", ""), 400, "4000"},
		{"B-32", "a filter on CREATE", message("POST", "/a?lim=5", `{"m2m:cnt":{}}`, json+";ty=3"), 400, "4000"},
		{"B-32", "a filter on NOTIFY", message("POST", "/a?lbl=x", `{"m2m:sgn":{}}`, json), 400, "4000"},
		{"B-31", "a field without name", message("GET", "/a?=1", ""), 400, "4000"},
		{"B-09", "a query of 100,000 characters", message("GET", "/a?fu=1&lbl="+strings.Repeat("x", 100_000), ""), 400, "4000"},
		{"B-01", "an event category that is no number", message("GET", "/a", "", "X-M2M-EC: soon"), 400, "4000"},
	}
	h := &recorder{}
	address := start(t, httpb.Options{}, h)
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			a := send(t, address, tt.raw)
			if a.status != tt.status || a.rsc() != tt.rsc {
				t.Errorf("status %d, RSC %q, want %d and %s: %s", a.status, a.rsc(), tt.status, tt.rsc, a.body)
			}
			if want := "r1"; tt.raw != noRI && tt.name != "two request identifiers" && a.header.Get("X-M2M-RI") != want {
				t.Errorf("B-06 request identifier %q, want %q", a.header.Get("X-M2M-RI"), want)
			}
			if a.header.Get("Location") != "" {
				t.Error("a redirect")
			}
			if a.status == 405 && a.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
	if n := h.count(); n != 0 {
		t.Errorf("%d malformed requests reached the CSE", n)
	}
}

func TestRequest_B46_OptionsDoesNotTouchTheCSE(t *testing.T) {
	t.Parallel()
	h := &recorder{}
	address := start(t, httpb.Options{}, h)
	for _, target := range []string{"*", "/cse-in"} {
		a := send(t, address, "OPTIONS "+target+" HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\n\r\n")
		if a.status != 204 || a.header.Get("Allow") == "" || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: status %d, header %v", target, a.status, a.header)
		}
	}
	if h.count() != 0 {
		t.Error("OPTIONS reached the CSE")
	}
}

func TestRequest_B45_ExpirationBecomesTheDeadline(t *testing.T) {
	t.Parallel()
	h := &recorder{}
	address := start(t, httpb.Options{}, h)
	for _, tt := range []struct {
		value string
		want  bool
	}{{"20000", true}, {"20991231T235959", true}, {"-5", false}, {"20010101T000000", false}, {"soon", false}, {"99999999999999999999999", false}} {
		send(t, address, message("GET", "/a/pcu", "", "X-M2M-RET: "+tt.value))
		if c := h.last(t); !c.deadline.IsZero() != tt.want || c.request.RequestExpiration != tt.value {
			t.Errorf("X-M2M-RET %s: deadline %v, parameter %q", tt.value, c.deadline, c.request.RequestExpiration)
		}
	}
}
