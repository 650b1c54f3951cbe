package httpb_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// BenchmarkExchange compares the binding with a bare net/http handler in one
// run: requests over one kept-alive connection per goroutine.
func BenchmarkExchange(b *testing.B) {
	body := strings.Repeat("x", 300)
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})
	resource := &onem2m.Content{Name: "m2m:cnt", Value: jsontext.Value(`{"rn":"` + strings.Repeat("x", 390) + `"}`)}
	cse := &fixed{onem2m.Response{Code: onem2m.OK, RequestID: "r1", Release: "3", OriginatingTimestamp: "20260301T101500,000000", Content: resource}}
	get := message("GET", "/~/id-in/cse-in/ae/cnt", "", "Accept: application/json")
	post := message("POST", "/cse-in/ae/cnt", `{"m2m:cin":{"con":"`+strings.Repeat("7", 80)+`"}}`, "Content-Type: application/json;ty=4")
	query := message("GET", "/cse-in?fu=1&ty=3&lbl=a%3Ab&lim=10", "", "Accept: application/json")
	for _, bb := range []struct {
		name, raw string
		address   string
		tls       bool
	}{
		{"bare GET", get, serveBare(b, bare), false},
		{"GET", get, start(b, httpb.Options{}, cse), false},
		{"bare GET over TLS", get, serveBareTLS(b, bare), true},
		{"GET over TLS", get, start(b, tlsOptions(b), cse), true},
		{"GET with a filter", query, start(b, httpb.Options{}, cse), false},
		{"bare POST", post, serveBare(b, bare), false},
		{"POST", post, start(b, httpb.Options{}, cse), false},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				var c net.Conn
				c, err := net.Dial("tcp", bb.address)
				if err != nil {
					b.Error(err)
					return
				}
				defer c.Close()
				if bb.tls {
					c = tls.Client(c, clientTLS(b, "Calpha1"))
				}
				r := bufio.NewReader(c)
				for pb.Next() {
					if _, err := io.WriteString(c, bb.raw); err != nil {
						b.Error(err)
						return
					}
					if err := skipAnswer(r); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

type fixed struct{ onem2m.Response }

func (f *fixed) Handle(context.Context, *identity.Association, *onem2m.Request) *onem2m.Response {
	return &f.Response
}

// skipAnswer reads one answer with as little work as possible.
func skipAnswer(r *bufio.Reader) error {
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err := r.Discard(length)
			return err
		}
		if strings.HasPrefix(string(line), "Content-Length: ") {
			for _, d := range line[len("Content-Length: ") : len(line)-2] {
				length = length*10 + int(d-'0')
			}
		}
	}
}

func serveBare(b *testing.B, h http.Handler) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	return serveOn(b, l, h)
}

func serveBareTLS(b *testing.B, h http.Handler) string {
	l, err := tls.Listen("tcp", "127.0.0.1:0", tlsOptions(b).TLS)
	if err != nil {
		b.Fatal(err)
	}
	return serveOn(b, l, h)
}

func serveOn(b *testing.B, l net.Listener, h http.Handler) string {
	s := &http.Server{Handler: h, ReadHeaderTimeout: httpb.DefaultReadHeaderTimeout, IdleTimeout: httpb.DefaultIdleTimeout}
	done := make(chan struct{})
	go func() { _ = s.Serve(l); close(done) }()
	b.Cleanup(func() { _ = s.Close(); <-done })
	return l.Addr().String()
}
