package httpb_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/notify"
	"bulwark/onem2m"
)

var _ notify.Sender = (*httpb.Client)(nil)

// target is a receiver that answers each request with fixed octets and keeps
// what it got.
type target struct {
	address string
	got     chan string
}

func receiver(t *testing.T, reply string) target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := target{address: l.Addr().String(), got: make(chan string, 10)}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { r.serve(c, reply) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); work.Wait() })
	return r
}

func (r target) serve(c net.Conn, reply string) {
	defer c.Close()
	b := bufio.NewReader(c)
	for {
		var raw strings.Builder
		length := 0
		for {
			line, err := b.ReadString('\n')
			if err != nil {
				return
			}
			raw.WriteString(line)
			if n, ok := strings.CutPrefix(strings.TrimSpace(line), "Content-Length: "); ok {
				for _, d := range n {
					length = length*10 + int(d-'0')
				}
			}
			if line == "\r\n" {
				break
			}
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(b, body); err != nil {
			return
		}
		r.got <- raw.String() + string(body)
		if reply == "" {
			continue // never answers
		}
		if _, err := io.WriteString(c, reply); err != nil {
			return
		}
	}
}

func client(t *testing.T, o httpb.ClientOptions) *httpb.Client {
	t.Helper()
	c := httpb.NewClient(o)
	t.Cleanup(c.Close)
	return c
}

func loopback() httpb.ClientOptions {
	return httpb.ClientOptions{Policy: httpb.Policy{LoopbackAllowed: true}}
}

func notification() *onem2m.Request {
	return &onem2m.Request{
		Operation: onem2m.Notify, To: "/id-in/Cpanel02", From: "/id-in", HasFrom: true, RequestID: "n1", Release: "3",
		Content: content("m2m:sgn", `{"sur":"/id-in/sub1"}`),
	}
}

const ok200 = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

func TestClient_B42_C131_C299_PlainURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, reply string
		want        onem2m.StatusCode
	}{
		{"200 without RSC", ok200, onem2m.OK},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", onem2m.OK},
		{"202 with a page", "HTTP/1.1 202 Fine\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<p/>", onem2m.OK},
		{"200 with JSON that is no primitive", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]", onem2m.OK},
		{"200 with an RSC that says otherwise", "HTTP/1.1 200 OK\r\nX-M2M-RSC: 4000\r\nContent-Length: 0\r\n\r\n", onem2m.OK},
		{"404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", onem2m.NotFound},
		{"503", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", onem2m.InternalServerError},
		{"500 that claims 2000", "HTTP/1.1 500 No\r\nX-M2M-RSC: 2000\r\nContent-Length: 0\r\n\r\n", onem2m.InternalServerError},
		{"a redirect isn't followed", "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", onem2m.TargetNotReachable},
	}
	for _, tt := range tests {
		t.Run("B-42 "+tt.name, func(t *testing.T) {
			t.Parallel()
			r := receiver(t, tt.reply)
			resp, err := client(t, loopback()).Send(t.Context(), "http://"+r.address+"/onem2m?x=1+2", "", notification())
			if err != nil || resp.Code != tt.want || resp.RequestID != "n1" {
				t.Fatalf("%+v, %v, want %d", resp, err, tt.want)
			}
			got := <-r.got
			for _, part := range []string{
				"POST /onem2m?x=1+2 HTTP/1.1\r\n", "X-M2M-RI: n1\r\n", "X-M2M-RVI: 3\r\n", "X-M2M-Origin: /id-in\r\n",
				"Content-Type: application/json\r\n", `{"m2m:sgn":{"sur":"/id-in/sub1"}}`,
			} {
				if !strings.Contains(got, part) {
					t.Errorf("no %q in %q", part, got)
				}
			}
		})
	}
}

func TestClient_B43_B44_ResourceID(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nX-M2M-RI: n1\r\nContent-Length: 0\r\n\r\n"
	tests := []struct {
		name, path, to, line, reply string
		want                        onem2m.StatusCode
	}{
		{"B-43 SP-relative", "", "/id-in/Cpanel02", "POST /~/id-in/Cpanel02 HTTP/1.1\r\n", head, onem2m.OK},
		{"B-43 absolute", "/", "//m2m.example/id-in/Cpanel02", "POST /_/m2m.example/id-in/Cpanel02 HTTP/1.1\r\n", head, onem2m.OK},
		{"B-43 CSE-relative", "", "Cpanel02", "POST /Cpanel02 HTTP/1.1\r\n", head, onem2m.OK},
		{"B-44 a point of access with a path", "/h/p%2Fq", "/id-in/Cpanel02", "POST /h/p%2Fq/~/id-in/Cpanel02 HTTP/1.1\r\n", head, onem2m.OK},
		{"B-39 the RSC counts", "", "Cx", "POST /Cx HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\nX-M2M-RSC: 5105\r\nContent-Length: 0\r\n\r\n", onem2m.ReceiverHasNoPrivilege},
		{"B-36 without RSC the status", "", "Cx", "POST /Cx HTTP/1.1\r\n", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", onem2m.OriginatorHasNoPrivilege},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := receiver(t, tt.reply)
			req := notification()
			req.To = tt.to
			resp, err := client(t, loopback()).Send(t.Context(), "http://"+r.address+tt.path, "//m2m.example/id-in/Cpanel02", req)
			if err != nil || resp.Code != tt.want {
				t.Fatalf("%+v, %v, want %d", resp, err, tt.want)
			}
			if got := <-r.got; !strings.HasPrefix(got, tt.line) || !strings.Contains(got, "Content-Type: application/json\r\n") {
				t.Errorf("sent %q", got)
			}
		})
	}
}

func TestClient_A145_AQuestionIsAnsweredWithAResponseCode(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]onem2m.StatusCode{
		"HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nContent-Length: 0\r\n\r\n": onem2m.OK,
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":                    0,
		"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n":                    onem2m.OriginatorHasNoPrivilege,
	} {
		r := receiver(t, reply)
		req := notification()
		req.Content = onem2m.SecurityInfo{SIT: onem2m.SecurityDasRequest, DasRequest: []byte("{}")}.Content()
		resp, err := client(t, loopback()).Send(t.Context(), "http://"+r.address+"/das", "", req)
		if err != nil || resp.Code != want {
			t.Errorf("%q: %+v, %v, want %d", reply, resp, err, want)
		}
	}
}

func TestClient_B36_StatusWithoutCode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		op     onem2m.Operation
		want   onem2m.StatusCode
	}{
		{200, onem2m.Retrieve, 2000},
		{201, onem2m.Create, 2001},
		{200, onem2m.Update, 2004},
		{200, onem2m.Delete, 2002},
		{200, onem2m.Notify, 0}, // B-43: an entity states its code
		{404, onem2m.Retrieve, 4004},
		{403, onem2m.Retrieve, 4103},
		{401, onem2m.Retrieve, 4103},
		{405, onem2m.Retrieve, 4005},
		{406, onem2m.Retrieve, 5207},
		{409, onem2m.Create, 4105},
		{415, onem2m.Create, 4015},
		{418, onem2m.Create, 4000},
		{429, onem2m.Create, 4008},
		{408, onem2m.Create, 4008},
		{500, onem2m.Retrieve, 5000},
		{502, onem2m.Retrieve, 5000},
		{504, onem2m.Retrieve, 4008},
		{307, onem2m.Retrieve, 5103},
	}
	for _, tt := range tests {
		r := receiver(t, "HTTP/1.1 "+itoa(tt.status)+" x\r\nContent-Length: 0\r\n\r\n")
		resp, err := client(t, loopback()).Send(t.Context(), "http://"+r.address, "//m2m.example/id-x", &onem2m.Request{Operation: tt.op, To: "a", RequestID: "r"})
		if err != nil || resp.Code != tt.want {
			t.Errorf("%d to %s: %+v, %v, want %d", tt.status, tt.op, resp, err, tt.want)
		}
	}
}

func TestClient_B01_B08_RoundTripKeepsThePrimitive(t *testing.T) {
	t.Parallel()
	full := base(onem2m.Retrieve, "/id-in/cse-in/a", func(r *onem2m.Request) {
		r.OriginatingTimestamp, r.RequestExpiration, r.ResultExpiration, r.ExecutionTime = "20260301T101500", "20991231T235959", "20991231T235959,5", "1000"
		r.EventCategory, r.GroupRequestID, r.VendorInformation = new(int64(2)), "g1", new("vendor text")
		r.AuthorSigns, r.GroupTargets, r.Tokens = []string{"s1", "s2"}, []string{"a/b", "c"}, []string{"a.b.c", "d.e.f"}
		r.ResponseType, r.HasNotifyURIs, r.NotificationURIs = new(int64(2)), true, []string{"http://a.example/?x=1", "http://b.example"}
		r.ResultContent, r.DesiredIDType, r.ResultPersistence = new(int64(4)), new(int64(2)), "1000"
		r.DeliveryAggregate, r.TokenRequest, r.AuthorSignReq, r.AuthorRelation, r.SemanticQuery = new(true), new(false), new(true), new(false), new(false)
		r.RoleIDs, r.TokenIDs, r.LocalTokenIDs = []string{"1@role.example", "2@role.example"}, []string{"t1@i.example"}, []string{"lt1"}
		at := onem2m.Timestamp(1_750_000_000_123_456)
		r.Filter = &onem2m.FilterCriteria{
			CreatedAfter: &at, CreatedBefore: &at, ModifiedSince: &at, UnmodifiedSince: &at, ExpireAfter: &at, ExpireBefore: &at,
			StateTagSmaller: new(int64(9)), StateTagBigger: new(int64(1)), SizeAbove: new(int64(1)), SizeBelow: new(int64(9)),
			Labels: []string{"a+b", "c d", "grün", "x&y=z", "50%", "k:v#"}, ChildLabels: []string{"q"}, ParentLabels: []string{"p"},
			Types: []onem2m.ResourceType{3, 4}, ChildTypes: []onem2m.ResourceType{4}, ParentTypes: []onem2m.ResourceType{2},
			ContentTypes: []string{"application/json:0"}, FilterUsage: new(int64(2)), FilterOperation: new(int64(2)),
			Limit: new(int64(5)), Offset: new(int64(2)), Level: new(int64(3)), RelativePath: "a/b",
			Attributes:       []onem2m.AttributeCondition{{Name: "cni", Value: "5"}, {Name: "cr", Value: "Ca b+c"}},
			ChildAttributes:  []onem2m.AttributeCondition{{Name: "mni", Value: "5"}},
			ParentAttributes: []onem2m.AttributeCondition{{Name: "rn", Value: "y*"}},
		}
	})
	requests := []*onem2m.Request{
		full, base(onem2m.Create, "//m2m.example/id-in/-/a", container), base(onem2m.Update, "cse-in/a", func(r *onem2m.Request) { r.Content = content("m2m:cnt", `{"lbl":["ü"]}`) }),
		base(onem2m.Delete, "-/a", nil), base(onem2m.Notify, "/id-in/Cabc", func(r *onem2m.Request) { r.Content = content("m2m:sgn", `{}`) }),
		base(onem2m.Notify, "/id-in/a/pch/pcu", func(r *onem2m.Request) { r.Content = content("m2m:rsp", `{"rsc":2000}`) }),
		base(onem2m.Retrieve, "a", func(r *onem2m.Request) { r.Attributes = []string{"lbl", "lt"} }),
		base(onem2m.Retrieve, "a", func(r *onem2m.Request) { r.HasNotifyURIs, r.ResponseType = true, new(int64(2)) }),
		{Operation: onem2m.Create, To: "cse-in", HasFrom: true, RequestID: "r", Type: new(int64(2)), Content: content("m2m:ae", `{}`)},
	}
	h := &recorder{reply: func(_ context.Context, req *onem2m.Request) *onem2m.Response {
		return &onem2m.Response{
			Code: onem2m.Created, RequestID: req.RequestID, Release: "3", From: "/id-in", OriginatingTimestamp: "20260301T101500", ResultExpiration: "20260302T101500",
			EventCategory: new(int64(2)), VendorInformation: new("v"), ContentStatus: 1, ContentOffset: 3, Content: content("m2m:cnt", `{"a":1}`),
		}
	}}
	address := start(t, httpb.Options{}, h)
	c := client(t, loopback())
	for _, req := range requests {
		resp, err := c.Send(t.Context(), "http://"+address, "//m2m.example/id-in", req)
		if err != nil {
			t.Fatal(err)
		}
		if h.count() == 0 || resp.Code == onem2m.BadRequest {
			t.Fatalf("%s %s: %d %s", req.Operation, req.To, resp.Code, resp.Content)
		}
		if diff := cmp.Diff(req, h.last(t).request); diff != "" {
			t.Errorf("request (-sent +received):\n%s", diff)
		}
		if diff := cmp.Diff(h.reply(t.Context(), req), resp); diff != "" {
			t.Errorf("response (-sent +received):\n%s", diff)
		}
	}
}

func TestClient_A186_DynamicAuthorizationInTheResponse(t *testing.T) {
	t.Parallel()
	want := &onem2m.Response{
		Code: onem2m.OriginatorHasNoPrivilege, RequestID: "r1", AuthorSignRequest: new(true),
		AssignedTokenIDs: jsontext.Value(`{"ltia":[{"lti":"l1","tkid":"t1@das.example"},{"lti":"l2","tkid":"t:2@das.example"}]}`),
		TokenRequestInfo: jsontext.Value(`{"dasi":[{"uri":"https://das.example/"}]}`),
	}
	address := start(t, httpb.Options{}, replying(*want))
	got, err := client(t, loopback()).Send(t.Context(), "http://"+address, "//m2m.example/id-in", base(onem2m.Retrieve, "a", nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("response (-sent +received):\n%s", diff)
	}
	a := send(t, address, message("GET", "/a", ""))
	if !a.has("X-M2M-ATI: l1:t1@das.example+l2:t:2@das.example") || !a.has("X-M2M-ASRI: true") || a.body != `{"m2m:tqf":{"dasi":[{"uri":"https://das.example/"}]}}` {
		t.Errorf("lines %q, body %s", a.lines, a.body)
	}
	for _, broken := range []string{`{}`, `[]`, `{"ltia":[1]}`, `{"ltia":[{"lti":"a"}]}`, `{"ltia":[{"lti":"a+b","tkid":"c"}]}`} {
		a := send(t, start(t, httpb.Options{}, replying(onem2m.Response{Code: onem2m.OK, AssignedTokenIDs: jsontext.Value(broken)})), message("GET", "/a", ""))
		if v, ok := a.header["X-M2m-Ati"]; ok {
			t.Errorf("%s became %q", broken, v)
		}
	}
}

func TestClient_AttributeAddressBecomesAtrl(t *testing.T) {
	t.Parallel()
	req, err := httpb.EncodeRequest(t.Context(), "http://x.example", base(onem2m.Retrieve, "-/garden#lbl", nil))
	if err != nil || req.URL.String() != "http://x.example/-/garden?atrl=lbl" {
		t.Errorf("%v, %v", req.URL, err)
	}
}

func TestClient_B08_RefusesWhatCannotBeCarried(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*onem2m.Request){
		"a line end in a header":       func(r *onem2m.Request) { r.VendorInformation = new("a\r\nX-Evil: 1") },
		"a separator in a list":        func(r *onem2m.Request) { r.Tokens = []string{"a+b"} },
		"no operation":                 func(r *onem2m.Request) { r.Operation = 0 },
		"a line end in the request ID": func(r *onem2m.Request) { r.RequestID = "a\nb" },
	} {
		if _, err := httpb.EncodeRequest(t.Context(), "http://x.example", base(onem2m.Retrieve, "a", change)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestClient_B41_Failures(t *testing.T) {
	t.Parallel()
	silent := receiver(t, "")
	large := receiver(t, "HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nContent-Length: 3000\r\n\r\n"+strings.Repeat("x", 3000))
	garbage := receiver(t, "220 mail.example ESMTP\r\n")
	unread := receiver(t, "HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	o := loopback()
	o.Timeout, o.MaxResponse = patience, 1000
	patient := client(t, o)
	o.Timeout = 200 * time.Millisecond
	impatient := client(t, o)
	for name, tt := range map[string]struct {
		url  string
		want onem2m.StatusCode
	}{
		"nobody listens":            {"http://" + closed.Addr().String(), onem2m.TargetNotReachable},
		"no answer":                 {"http://" + silent.address, onem2m.RequestTimeout},
		"an answer that is too big": {"http://" + large.address, onem2m.TargetNotReachable},
		"not HTTP":                  {"http://" + garbage.address, onem2m.TargetNotReachable},
		"an unreadable answer":      {"http://" + unread.address, onem2m.TargetNotReachable},
		"B-04 another scheme":       {"coap://" + silent.address, onem2m.TargetNotReachable},
		"credentials in the URL":    {"http://user:secret@" + silent.address, onem2m.TargetNotReachable},
		"no host":                   {"http:///x", onem2m.TargetNotReachable},
		"not a URL":                 {"http://%zz", onem2m.TargetNotReachable},
		"https without trust":       {"https://" + silent.address, onem2m.TargetNotReachable},
	} {
		c := patient
		if tt.want == onem2m.RequestTimeout {
			c = impatient
		}
		_, err := c.Send(t.Context(), tt.url, "//m2m.example/id-x", notification())
		var e *onem2m.Error
		if !errors.As(err, &e) || e.Code != tt.want || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %d", name, err, tt.want)
		}
	}
}

func TestClient_S014_TheIdentityIsCheckedPerTarget(t *testing.T) {
	t.Parallel()
	serverCert := certificate(t, "id-mn")
	h := &recorder{}
	address := start(t, httpb.Options{TLS: &tls.Config{Certificates: []tls.Certificate{serverCert}}, Identify: byName}, h)
	o := loopback()
	o.TLSFor = func(who onem2m.ID) *tls.Config {
		if who == "" {
			pool := x509.NewCertPool()
			pool.AddCert(serverCert.Leaf)
			return &tls.Config{RootCAs: pool}
		}
		return &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
			if "//m2m.example/"+s.PeerCertificates[0].Subject.CommonName != string(who) {
				return errors.New("another identity")
			}
			return nil
		}}
	}
	c := client(t, o)
	send := func(who onem2m.ID) error {
		_, err := c.Send(t.Context(), "https://"+address, who, notification())
		return err
	}
	if err := send("//m2m.example/id-mn"); err != nil {
		t.Error(err)
	}
	if err := send("//m2m.example/id-far"); err == nil {
		t.Error("a connection made for one identity is used for another")
	}
	// A plain URL without a path is answered 400 by a CSE, but it is reached.
	if resp, err := c.Send(t.Context(), "https://"+address+"/x", "", notification()); err != nil || resp.Code != onem2m.OK {
		t.Errorf("%+v, %v", resp, err)
	}
	if h.count() != 2 {
		t.Errorf("%d requests arrived", h.count())
	}
}

func TestClient_Decision26_WhereItMayConnect(t *testing.T) {
	t.Parallel()
	own := func() []netip.AddrPort {
		return []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:8443"), netip.MustParseAddrPort("10.0.0.1:8080")}
	}
	names := map[string]string{
		"link.example": "169.254.169.254", "loop.example": "127.0.0.1", "mixed.example": "::ffff:127.0.0.1", "six.example": "::1", "far.deny.example": "192.0.2.9",
		"meta.example": "fd00:ec2::254", "allowed.example": "127.0.0.1",
	}
	policy := httpb.Policy{
		Own: own, DenyNames: []string{"deny.example"}, DenyPrefixes: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")},
		AllowNames: []string{"Allowed.example."}, AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("127.7.0.0/16")},
	}
	tests := []struct {
		name, host string
		denied     bool
	}{
		{"link-local", "169.254.1.1:80", true},
		{"metadata", "169.254.169.254:80", true},
		{"metadata over IPv6", "[fd00:ec2::254]:80", true},
		{"metadata elsewhere", "100.100.100.200:80", true},
		{"link-local over IPv6", "[fe80::1]:80", true},
		{"multicast", "224.0.0.1:80", true},
		{"multicast over IPv6", "[ff02::1]:80", true},
		{"unspecified", "0.0.0.0:80", true},
		{"unspecified over IPv6", "[::]:80", true},
		{"this network", "0.1.2.3:80", true},
		{"broadcast", "255.255.255.255:80", true},
		{"loopback", "127.0.0.1:1", true},
		{"loopback over IPv6", "[::1]:1", true},
		{"loopback mapped into IPv6", "[::ffff:127.0.0.1]:1", true},
		{"loopback behind NAT64", "[64:ff9b::7f00:1]:1", true},
		{"loopback in an IPv4-translated address", "[::ffff:0:7f00:1]:1", true},
		{"loopback behind the NAT64 of the own network", "[64:ff9b:1::7f00:1]:1", true},
		{"metadata behind 6to4", "[2002:a9fe:a9fe::1]:80", true},
		{"loopback in the compatible range", "[::127.0.0.1]:1", true},
		{"a name for link-local", "link.example:80", true},
		{"a name for loopback", "loop.example:1", true},
		{"a name for mapped loopback", "mixed.example:1", true},
		{"a name for IPv6 loopback", "SIX.example.:1", true},
		{"a name for metadata", "meta.example:80", true},
		{"a denied domain", "far.deny.example:80", true},
		{"a denied prefix", "198.51.100.7:80", true},
		{"an own listener on every address", "127.7.0.1:8443", true},
		{"an own listener", "10.0.0.1:8080", true},
		{"loopback in an allowed prefix", "127.7.0.1:1", false},
		{"an allowed name for loopback", "allowed.example:1", false},
	}
	for _, tt := range tests {
		t.Run("decision 26 "+tt.name, func(t *testing.T) {
			t.Parallel()
			c := client(t, httpb.ClientOptions{Policy: policy, ConnectTimeout: patience, Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
				a, ok := names[host]
				if !ok {
					return nil, errors.New("no such host")
				}
				return []netip.Addr{netip.MustParseAddr(a)}, nil
			}})
			_, err := c.Send(t.Context(), "http://"+tt.host+"/x", "", notification())
			if denied := err != nil && strings.Contains(err.Error(), "not allowed"); denied != tt.denied {
				t.Errorf("denied %v, want %v: %v", denied, tt.denied, err)
			}
			var e *onem2m.Error
			if !errors.As(err, &e) || e.Code != onem2m.TargetNotReachable {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestClient_Decision26_ANameWithAForbiddenAndAnAllowedAddress(t *testing.T) {
	t.Parallel()
	r := receiver(t, ok200)
	port := r.address[strings.LastIndex(r.address, ":"):]
	o := loopback()
	calls := 0
	o.Resolve = func(context.Context, string) ([]netip.Addr, error) {
		calls++
		return []netip.Addr{netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	c := client(t, o)
	for range 2 {
		if _, err := c.Send(t.Context(), "http://two.example"+port+"/x", "", notification()); err != nil {
			t.Fatal(err)
		}
		<-r.got
	}
	if calls != 1 {
		t.Errorf("resolved %d times: the connection isn't kept", calls)
	}
}

func TestClient_B05_DefaultPorts(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"http://192.0.2.1/x", "https://192.0.2.2/x"} {
		o := loopback()
		o.TLSFor = func(onem2m.ID) *tls.Config { return &tls.Config{} }
		// An own listener there makes the address that is dialled visible.
		o.Policy.Own = func() []netip.AddrPort {
			return []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:80"), netip.MustParseAddrPort("192.0.2.2:443")}
		}
		if _, err := client(t, o).Send(t.Context(), target, "", notification()); err == nil || !strings.Contains(err.Error(), "own listeners") {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestClient_AskWithoutIdentity(t *testing.T) {
	t.Parallel()
	h := &recorder{}
	address := start(t, httpb.Options{}, h)
	resp, err := client(t, loopback()).Ask(t.Context(), "http://"+address, "", base(onem2m.Retrieve, "cse-in", nil))
	if err != nil || resp.Code != onem2m.OK || h.last(t).request.To != "cse-in" {
		t.Errorf("%+v, %v", resp, err)
	}
	for _, target := range []string{"http://" + address + "?x=1", "http://" + address + "/?"} {
		if _, err := client(t, loopback()).Ask(t.Context(), target, "", base(onem2m.Retrieve, "cse-in", nil)); err == nil {
			t.Errorf("%s is taken as a point of access", target)
		}
	}
	if _, err := client(t, loopback()).Send(t.Context(), "http://"+address, "", base(onem2m.Delete, "cse-in", nil)); err == nil {
		t.Error("a DELETE goes to a plain URL")
	}
}

func TestClient_IgnoresTheProxyOfTheEnvironment(t *testing.T) {
	r := receiver(t, ok200)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	if _, err := client(t, loopback()).Send(t.Context(), "http://"+r.address+"/x", "", notification()); err != nil {
		t.Error(err)
	}
}

func TestClient_A145_AnAnswerToSecurityInformationIsRead(t *testing.T) {
	t.Parallel()
	body := `{"m2m:seci":{"sit":2,"dres":{"tkns":["a.b.c"]}}}`
	r := receiver(t, "HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nX-M2M-RI: n1\r\nContent-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body)
	req := notification()
	req.Content = &onem2m.Content{Name: "m2m:seci", Value: []byte(`{"sit":1,"dreq":{"or":"/Sa","op":2,"trid":"x"}}`)}
	resp, err := client(t, loopback()).Send(t.Context(), "http://"+r.address+"/das", "", req)
	if err != nil || resp.Code != onem2m.OK || resp.Content == nil || string(resp.Content.Append(nil)) != body {
		t.Errorf("%+v, %v", resp, err)
	}
}
