package httpb

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

type echo struct{}

func (echo) Handle(_ context.Context, _ *identity.Association, req *onem2m.Request) *onem2m.Response {
	return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID, Release: req.Release, VendorInformation: req.VendorInformation, Content: req.Content}
}

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /~/id-in/cse-in?fu=1&ty=3+4&lbl=a%2Bb HTTP/1.1\r\nHost: x\r\nX-M2M-RI: r\r\nX-M2M-Origin: C1\r\nX-M2M-RVI: 3\r\nAccept: */*;q=0.5, application/json\r\n\r\n",
		"POST /cse-in HTTP/1.1\r\nHost: x\r\nX-M2M-RI: r\r\nContent-Type: application/json; ty=\"2\"\r\nContent-Length: 23\r\n\r\n{\"m2m:ae\":{\"rn\":\"a\"}}  ",
		"PUT http://x/_/sp.example/id/a HTTP/1.1\r\nHost: x\r\nX-M2M-RI: r\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"DELETE /a HTTP/1.1\r\nHost: x\r\nX-M2M-RI: r\r\nX-M2M-RTU: a&b\r\nAuthorization: a.b.c + d\r\nX-M2M-EC: 4\r\nX-M2M-RET: PT5S\r\nX-Forwarded-For: 1.2.3.4, x\r\n\r\n",
		"PATCH /%2f/..//%00 HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		f.Add(seed)
	}
	s := NewServer(Options{}, echo{})
	a, b := net.Pipe()
	f.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	l := &link{Conn: a, association: &identity.Association{}}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r.WithContext(context.WithValue(t.Context(), linkKey{}, l)))
		sent := func(name string) string { return strings.Join(w.Header()[name], "\n") } // the names are not canonical
		rsc, rqi := sent("X-M2M-RSC"), sent("X-M2M-RI")
		switch {
		case w.Code >= 500 && rsc != "5001":
			t.Fatalf("status %d: %s", w.Code, w.Body)
		case r.Method != http.MethodOptions && len(rsc) != 4:
			t.Fatalf("RSC %q: %v", rsc, w.Header())
		case w.Code == http.StatusOK && rqi != r.Header.Get("X-M2M-RI"):
			t.Fatalf("request identifier %q", rqi)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"fu=1&lbl=a+b%2Bc", "=", "&&a", "a=%zz", "a=b=c&a=%00", "\xff", "lbl=50%25&ty=3&ty=4+2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		pairs, err := splitQuery(query, DefaultQuery)
		if err != nil {
			if err.Code != onem2m.BadRequest {
				t.Fatal(err)
			}
			return
		}
		var w queryWriter
		for _, p := range pairs {
			w.list(p.Name, p.Values)
		}
		again, err := splitQuery(w.String(), 4*DefaultQuery)
		if err != nil || len(again) != len(pairs) {
			t.Fatalf("%q became %q: %v", query, w.String(), err)
		}
		for i := range pairs {
			if pairs[i].Name != again[i].Name || strings.Join(pairs[i].Values, "\x00") != strings.Join(again[i].Values, "\x00") {
				t.Fatalf("%q became %q", pairs[i], again[i])
			}
		}
		if failed := onem2m.ParseQuery(pairs, new(onem2m.Request)); failed != nil {
			if c := onem2m.AsError(failed).Code; c != onem2m.BadRequest && c != onem2m.NotImplemented {
				t.Fatal(failed)
			}
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/", "/a", "/~/id/a", "/_/sp/id/a", "/%7e/x", "//", "/a/../b", "/a%2fb", "/./a", "/~", "/a%00", "\xd2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		to, err := decodePath(path)
		if err != nil {
			if err.Code != onem2m.BadRequest || err.Subject != "to" {
				t.Fatal(err)
			}
			return
		}
		for i, segment := range strings.Split(strings.TrimLeft(to, "/"), "/") {
			if segment == "" || segment == ".." || segment == "." && i > 0 && !strings.HasPrefix(to, "/") || strings.ContainsAny(segment, "\x00#\\ ") {
				t.Fatalf("%q became %q", path, to)
			}
		}
		again, err := decodePath(encodePath(to))
		if err != nil || again != to {
			t.Fatalf("%q became %q and then %q: %v", path, to, again, err)
		}
	})
}

func FuzzAssigned(f *testing.F) {
	for _, seed := range []string{"l1:t1@das.example + l2:t2", "a:b:c", ":", "+", "\xff:\"", "a:b+"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := parseAssigned(text)
		if v == nil {
			return
		}
		if !v.IsValid() {
			t.Fatalf("%q became %s", text, v)
		}
		if written := assignedText(v); written != "" && string(parseAssigned(written)) != string(v) {
			t.Fatalf("%s became %q", v, written)
		}
	})
}
