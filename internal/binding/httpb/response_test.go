package httpb_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/binding/httpb"
	"bulwark/onem2m"
)

// replying answers everything with resp.
func replying(resp onem2m.Response) *recorder {
	return &recorder{reply: func(context.Context, *onem2m.Request) *onem2m.Response { return &resp }}
}

func content(name, value string) *onem2m.Content {
	return &onem2m.Content{Name: name, Value: jsontext.Value(value)}
}

// statusTable is the table of TS-0009 clause 6.3.2, written down a second time.
var statusTable = map[int][]onem2m.StatusCode{
	200: {2000, 2002, 2004},
	201: {2001},
	202: {1000, 1001, 1002},
	400: {4000, 4102, 4110, 4123, 4143, 6010, 6022, 6023, 6024, 4120, 4122, 4142, 4999},
	403: {
		4101, 4103, 4106, 4107, 4108, 4109, 4111, 4112, 4113, 4114, 4115, 4116, 4117, 4126, 4127, 4128,
		5105, 5203, 5205, 5208, 5214, 5215, 5218, 5222,
	},
	404: {4004, 4118, 4119, 4121, 5103, 5107, 6003, 6005},
	405: {4005},
	406: {5207},
	409: {4104, 4105, 4124, 5106, 5219, 5220, 6028, 6029},
	415: {4015},
	500: {5000, 5204, 5209, 5210, 5211, 5212, 5216, 5217, 5221, 6020, 6021, 6025, 6026, 5999, 6999},
	501: {4001, 4125, 5001, 5206},
	504: {4008, 6030, 6031},
}

func TestResponse_B37_B38_A187_S150_S151_EveryCodeHasItsStatus(t *testing.T) {
	t.Parallel()
	var code onem2m.StatusCode
	address := start(t, httpb.Options{}, &recorder{reply: func(context.Context, *onem2m.Request) *onem2m.Response {
		return &onem2m.Response{Code: code, RequestID: "r1"}
	}})
	for status, codes := range statusTable {
		for _, code = range codes {
			a := send(t, address, message("GET", "/a", ""))
			if a.status != status || a.rsc() != fmt.Sprint(int(code)) {
				t.Errorf("%d: status %d and RSC %s, want status %d", code, a.status, a.rsc(), status)
			}
		}
	}
}

func TestResponse_B33_B34_CarriesTheParameters(t *testing.T) {
	t.Parallel()
	a := send(t, start(t, httpb.Options{}, replying(onem2m.Response{
		Code: onem2m.OK, RequestID: "r1", From: "/id-in", To: "Cabc", Release: "3", OriginatingTimestamp: "20260301T101500,000000",
		ResultExpiration: "20260302T101500", EventCategory: new(int64(2)), VendorInformation: new("v"),
		ContentStatus: 1, ContentOffset: 3, Content: content("m2m:cnt", `{"a":"ü"}`),
	})), message("GET", "/a", ""))
	for _, line := range []string{
		"X-M2M-RSC: 2000", "X-M2M-RI: r1", "X-M2M-RVI: 3", "X-M2M-OT: 20260301T101500,000000", "X-M2M-RST: 20260302T101500",
		"X-M2M-Origin: /id-in", "X-M2M-EC: 2", "X-M2M-VSI: v", "X-M2M-CTS: 1", "X-M2M-CTO: 3", "Content-Type: application/json", "Content-Length: 22",
	} {
		if !a.has(line) {
			t.Errorf("decision 16: no line %q in %q", line, a.lines)
		}
	}
	if a.body != `{"m2m:cnt":{"a":"ü"}}` {
		t.Errorf("body %s", a.body)
	}
}

func TestResponse_B34_WithoutContent(t *testing.T) {
	t.Parallel()
	a := send(t, start(t, httpb.Options{}, replying(onem2m.Response{Code: onem2m.Deleted, RequestID: "r1"})), message("DELETE", "/a", ""))
	if !a.has("Content-Length: 0") || a.header.Get("Content-Type") != "" {
		t.Errorf("header %q", a.lines)
	}
	for _, name := range []string{"X-M2M-RVI", "X-M2M-CTS", "X-M2M-VSI", "X-M2M-Origin", "X-M2M-EC"} {
		if _, ok := a.header[name]; ok {
			t.Errorf("%s without a value to carry", name)
		}
	}
}

func TestResponse_B34_C038_NoResponse(t *testing.T) {
	t.Parallel()
	a := send(t, start(t, httpb.Options{}, replying(onem2m.Response{Code: onem2m.OK, RequestID: "r1", NoResponse: true})), message("GET", "/a?rt=5", ""))
	if a.status != 204 || !a.has("X-M2M-RI: r1") || a.rsc() != "" || a.body != "" {
		t.Errorf("status %d, lines %q", a.status, a.lines)
	}
}

func TestResponse_C046_B33_FormatFollowsAccept(t *testing.T) {
	t.Parallel()
	const vendor, plain = "application/vnd.onem2m-res+json", "application/json"
	tests := []struct {
		name, contentType, accept, root, want string
	}{
		{"nothing said", "", "", "m2m:cnt", plain},
		{"as the request", vendor + ";ty=3", "", "m2m:cnt", vendor},
		{"as the request, anything accepted", vendor + ";ty=3", "*/*", "m2m:cnt", vendor},
		{"Accept wins over the request", vendor + ";ty=3", plain, "m2m:cnt", plain},
		{"the vendor type", "", vendor, "m2m:cnt", vendor},
		{"in any case", "", "APPLICATION/JSON", "m2m:cnt", plain},
		{"the highest weight", "", plain + ";q=0.5, " + vendor + ";q=0.9", "m2m:cnt", vendor},
		{"weights with blanks", "", vendor + " ; q = 0.1 , " + plain + " ; q=0.2", "m2m:cnt", plain},
		{"the first of equals", "", vendor + ", " + plain, "m2m:cnt", vendor},
		{"a broken weight is none", "", vendor + ";q=much", "m2m:cnt", vendor},
		{"unknown types are skipped", "", "application/yaml, text/html, " + vendor + ";q=0.1", "m2m:cnt", vendor},
		{"XML", "", "application/xml", "m2m:cnt", "application/xml"},
		{"XML by the vendor type", "", "application/vnd.onem2m-res+xml", "m2m:cnt", "application/vnd.onem2m-res+xml"},
		{"CBOR before JSON", "", plain + ";q=0.5, application/cbor", "m2m:cnt", "application/cbor"},
		{"another name of CBOR", "", "application/vnd.onem2m-ntfy+cbor", "m2m:sgn", "application/vnd.onem2m-ntfy+cbor"},
		{"everything but JSON", "", plain + ";q=0, " + vendor + ";q=0, application/*", "m2m:cnt", "application/cbor"},
		{"a range weighs what isn't named", "", "*/*, " + plain + ";q=0.1", "m2m:cnt", vendor},
		{"a browser", "", "text/html,application/xhtml+xml,*/*;q=0.8", "m2m:cnt", plain},
		{"one ruled out", "", plain + ";q=0, */*", "m2m:cnt", vendor},
		{"an empty header", "", "", "m2m:cnt", plain},
		{"B-101 a poll answer is named for what it is", "", "", "m2m:rqp", "application/vnd.onem2m-preq+json"},
		{"B-12 unless the generic type is asked for", "", plain, "m2m:rqp", plain},
		{"a notification in the vendor family", "", "application/vnd.onem2m-ntfy+json", "m2m:sgn", "application/vnd.onem2m-ntfy+json"},
		{"a response in the vendor family", "", "application/vnd.onem2m-prsp+json", "m2m:rsp", "application/vnd.onem2m-prsp+json"},
	}
	for _, tt := range tests {
		t.Run("B-33 "+tt.name, func(t *testing.T) {
			t.Parallel()
			extra := []string{"X-Nothing: 1"}
			method, body := "GET", ""
			if tt.contentType != "" {
				method, body = "POST", `{"m2m:cnt":{}}`
				extra = append(extra, "Content-Type: "+tt.contentType)
			}
			if tt.accept != "" || tt.name == "an empty header" {
				extra = append(extra, "Accept: "+tt.accept)
			}
			a := send(t, start(t, httpb.Options{}, replying(onem2m.Response{Code: onem2m.OK, RequestID: "r1", Content: content(tt.root, `{}`)})), message(method, "/a", body, extra...))
			if got := a.header.Get("Content-Type"); got != tt.want {
				t.Errorf("Content-Type %q, want %q", got, tt.want)
			}
		})
	}
}

func TestResponse_C101_C143_ContentLocationOfWhatWasCreated(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		code    onem2m.StatusCode
		content *onem2m.Content
		want    string
	}{
		{"rcn 2", onem2m.Created, content("m2m:uri", `"cse-in/ae1/x"`), "cse-in/ae1/x"},
		{"rcn 3", onem2m.Created, content("m2m:rce", `{"m2m:cnt":{"ri":"x"},"uri":"cse-in/ae1/x"}`), "cse-in/ae1/x"},
		{"rcn 1", onem2m.Created, content("m2m:cnt", `{"uri":"no"}`), ""},
		{"an acknowledgement", onem2m.AcceptedForNonBlockingRequestSynch, content("m2m:uri", `"cse-in/req"`), ""},
		{"an address that would end the line", onem2m.Created, content("m2m:uri", `"a\r\nSet-Cookie: x"`), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := send(t, start(t, httpb.Options{}, replying(onem2m.Response{Code: tt.code, RequestID: "r1", Content: tt.content})),
				message("POST", "/a", `{"m2m:cnt":{}}`, "Content-Type: application/json;ty=3"))
			if got := a.header.Get("Content-Location"); got != tt.want || a.header.Get("Set-Cookie") != "" {
				t.Errorf("Content-Location %q, want %q", got, tt.want)
			}
		})
	}
}

func TestResponse_C008_RequestIdentifierIsEchoedByteForByte(t *testing.T) {
	t.Parallel()
	address := start(t, httpb.Options{}, &recorder{})
	for _, rqi := range []string{"a b  c", "grün", "<script>", "\xff\xfe", `"quoted"`, "%0d%0aX-Evil: 1", strings.Repeat("x", 10_000)} {
		a := send(t, address, "GET /a HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: C1\r\nX-M2M-RI: "+rqi+"\r\n\r\n")
		if !a.has("X-M2M-RI: " + rqi) {
			t.Errorf("%.40q came back as %.80q", rqi, a.lines)
		}
	}
}

func TestResponse_ValuesCannotEndTheHeader(t *testing.T) {
	t.Parallel()
	a := send(t, start(t, httpb.Options{}, replying(onem2m.Response{
		Code: onem2m.OK, RequestID: "r1\r\nX-Evil: 1", VendorInformation: new("v\nX-Evil: 2"), From: "/id\x00",
	})), message("GET", "/a", ""))
	if a.status != 200 || a.header.Get("X-Evil") != "" || a.header.Get("X-M2M-VSI") != "" || a.header.Get("X-M2M-Origin") != "" {
		t.Errorf("lines %q", a.lines)
	}
}

func TestResponse_PanicAndNilBecome5000(t *testing.T) {
	t.Parallel()
	fail := false
	address := start(t, httpb.Options{}, &recorder{reply: func(context.Context, *onem2m.Request) *onem2m.Response {
		if fail {
			panic("a secret that must not leave")
		}
		return nil
	}})
	for _, fail = range []bool{false, true} {
		a := send(t, address, message("GET", "/a", ""))
		if a.status != 500 || a.rsc() != "5000" || !a.has("X-M2M-RI: r1") || !a.has("X-M2M-RVI: 3") || strings.Contains(a.body, "secret") {
			t.Errorf("status %d, RSC %s, body %s", a.status, a.rsc(), a.body)
		}
		if a.header.Get("X-M2M-OT") == "" {
			t.Error("C-042: no originating timestamp")
		}
	}
}
