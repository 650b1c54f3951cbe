package fieldcase

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

const asking = `
[outbound]
timeout = "%[1]s"
connect-timeout = "%[1]s"

[[listen]]
binding = "http"
address = "127.0.0.1:0"
trust-plain = true

[[listen]]
binding = "https"
address = "127.0.0.1:0"
`

// pump is the setup of case 11.
type pump struct {
	*harness.Client

	sink      *harness.Sink
	authority *harness.Authority
	process   *harness.Process
}

// patient is a limit that a receiver keeps that wants to.
const patient = "20s"

// newPump starts the setup; a receiver may take so long for its answer.
func newPump(t *testing.T, limit string) *pump {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	authority := harness.NewAuthority(t, dir)
	process := harness.Start(t, dir, "--config", harness.Configure(t, fmt.Sprintf(asking, limit)))
	p := &pump{Client: harness.NewClient(t, process.HTTP, nil, 1), sink: harness.NewSink(t), authority: authority, process: process}
	p.Register(t, "Cmaker1", "maker")
	p.Make(t, "CAdmin", "/cse-in", 1, policy("notify", "CAdmin", `{"acor":["Cmaker1","/id-in"],"acop":16}`, `{"acor":["CAdmin"],"acop":63}`))
	p.Make(t, "CAdmin", "/cse-in", 1, policy("flow", "CAdmin", `{"acor":["Cmaker1"],"acop":35}`))
	p.Make(t, "CAdmin", "/cse-in", 3, `{"m2m:cnt":{"rn":"pump"}}`)
	p.Make(t, "CAdmin", "/cse-in/pump", 3, `{"m2m:cnt":{"rn":"flow","acpi":["cse-in/flow"]}}`)
	p.receiver(t, "Crecv01", p.sink.URL+"/in")
	return p
}

// receiver registers an AE that is reachable.
func (p *pump) receiver(t *testing.T, stem, poa string) {
	t.Helper()
	p.Make(t, stem, "/cse-in", 2, fmt.Sprintf(`{"m2m:ae":{"rn":"ae-%s","api":"N.example.r","rr":true,"srv":["3"],"poa":[%q],"acpi":["cse-in/notify"]}}`, stem, poa))
}

func (p *pump) subscribe(t *testing.T, rn string, targets ...string) *harness.Answer {
	t.Helper()
	return p.Create(t, "Cmaker1", "/cse-in/pump/flow", 23,
		fmt.Sprintf(`{"m2m:sub":{"rn":%q,"nu":["%s"],"enc":{"net":[3]},"nct":1}}`, rn, strings.Join(targets, `","`)))
}

// refused checks that a subscription was refused for its receiver and doesn't exist.
func (p *pump) refused(t *testing.T, a *harness.Answer, rn string) {
	t.Helper()
	a.Expect(t, 5204, 500)
	p.Get(t, "CAdmin", "/cse-in/pump/flow/"+rn).Expect(t, 4004, 404)
}

func TestFieldCase11_TheFirstNotificationIsAQuestion(t *testing.T) {
	t.Parallel()
	p := newPump(t, patient)
	t.Run("C-274 A receiver that agrees", func(t *testing.T) {
		a := p.subscribe(t, "s1", "/id-in/Crecv01")
		a.Expect(t, 2001, 201)
		got := p.sink.Got()
		if len(got) != 1 {
			t.Fatalf("%d questions", len(got))
		}
		q := got[0]
		if !strings.HasPrefix(q.Path, "/in") || !strings.HasSuffix(q.Path, "/id-in/Crecv01") {
			t.Errorf("asked at %s", q.Path)
		}
		if q.Header.Get("X-M2M-Origin") != "/id-in" || q.Header.Get("X-M2M-RI") == "" || q.Header.Get("X-M2M-RVI") == "" {
			t.Errorf("headers %v", q.Header)
		}
		want := `{"m2m:sgn":{"vrq":true,"sur":"/id-in/` + a.Text("ri") + `","cr":"Cmaker1"}}`
		if !sameJSON(t, q.Body, want) {
			t.Errorf("the question is %s, want %s", q.Body, want)
		}
	})
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request, string){
		"refuses":              harness.Refuse,
		"has no response code": func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusOK) },
	} {
		t.Run("C-274 A receiver that "+name, func(t *testing.T) {
			p.sink.Answer(answer)
			p.refused(t, p.subscribe(t, "s2", "/id-in/Crecv01"), "s2")
		})
	}
	t.Run("C-274 A receiver that says nothing within the time", func(t *testing.T) {
		hasty := newPump(t, "1s")
		hasty.sink.Answer(func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() })
		hasty.refused(t, hasty.subscribe(t, "s2", "/id-in/Crecv01"), "s2")
	})
	t.Run("A receiver's silence holds up nobody else", func(t *testing.T) {
		over := make(chan struct{})
		p.sink.Answer(func(w http.ResponseWriter, r *http.Request, body string) {
			<-over
			harness.Refuse(w, r, body)
		})
		done := make(chan *harness.Answer, 1)
		before := len(p.sink.Got())
		go func() { done <- p.subscribe(t, "s3", "/id-in/Crecv01") }()
		p.sink.Wait(10*time.Second, harness.AtLeast(before+1))
		took := harness.Took(func() {
			p.Create(t, "Cmaker1", "/cse-in/pump/flow", 4, `{"m2m:cin":{"con":"1"}}`).Expect(t, 2001, 201)
			p.Get(t, "Cmaker1", "/cse-in/pump/flow/la").Expect(t, 2000, 200)
		})
		select {
		case a := <-done:
			t.Errorf("the subscription was answered first: %s", a)
		default:
		}
		if took > 2*time.Second {
			t.Errorf("others waited %s", took)
		}
		close(over)
		p.refused(t, <-done, "s3")
	})
	p.sink.Answer(harness.Agree)
	t.Run("Nobody listens", func(t *testing.T) {
		gone := httptest.NewServer(http.NotFoundHandler())
		gone.Close()
		p.receiver(t, "Cgone01", gone.URL)
		p.refused(t, p.subscribe(t, "s4", "/id-in/Cgone01"), "s4")
	})
	t.Run("C-274 No question to", func(t *testing.T) {
		for name, target := range map[string]string{"url": p.sink.URL + "/in", "self": "Cmaker1", "self2": "/id-in/Cmaker1"} {
			before := len(p.sink.Got())
			p.subscribe(t, "to-"+name, target).Expect(t, 2001, 201)
			if got := p.sink.Got()[before:]; slices.ContainsFunc(got, func(r harness.Received) bool { return strings.Contains(r.Body, "vrq") }) {
				t.Errorf("%s was asked", target)
			}
			p.Delete(t, "CAdmin", "/cse-in/pump/flow/to-"+name).Expect(t, 2002, 200)
		}
	})
	t.Run("C-274 One of two doesn't exist", func(t *testing.T) {
		p.refused(t, p.subscribe(t, "s5", "/id-in/Crecv01", "/id-in/Cnobody"), "s5")
	})
}

func TestFieldCase11_WhereNobodyIsAsked(t *testing.T) {
	t.Parallel()
	p := newPump(t, patient)
	own := strings.TrimPrefix(p.process.HTTP, "http://")
	_, port, _ := strings.Cut(own, ":")
	for i, poa := range []string{
		"http://" + own, "http://localhost:" + port, "http://[::ffff:127.0.0.1]:" + port, p.process.HTTPS,
		"http://169.254.169.254/latest", "http://169.254.1.1/", "http://[fe80::1]/", "http://0.0.0.0:" + port, "http://224.0.0.1/",
		"file:///etc/passwd", "gopher://127.0.0.1:70/",
	} {
		t.Run(poa[:strings.Index(poa, ":")]+" "+fmt.Sprint(i), func(t *testing.T) {
			stem, rn := fmt.Sprintf("Cevil%d", i), fmt.Sprintf("s%d", i)
			a := p.Create(t, stem, "/cse-in", 2, fmt.Sprintf(`{"m2m:ae":{"rn":"ae-%s","api":"N.example.r","rr":true,"srv":["3"],"poa":[%q],"acpi":["cse-in/notify"]}}`, stem, poa))
			if a.RSC == 4000 {
				return // refused before it could do harm
			}
			if took := harness.Took(func() { p.refused(t, p.subscribe(t, rn, "/id-in/"+stem), rn) }); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
	// The own listener would have noted a question in the trail.
	for _, line := range p.process.Audit() {
		if strings.Contains(line, `"notify"`) {
			t.Errorf("the CSE asked itself: %s", line)
		}
	}
}

func TestFieldCase11_S014_WhomTheCSEAsksByHTTPS(t *testing.T) {
	t.Parallel()
	p := newPump(t, patient)
	for _, tc := range []struct {
		name, stem string
		cred       harness.Credential
		asked      bool
	}{
		{"a receiver with the certificate of the target", "Csafe01", p.authority.AE("Csafe01"), true},
		{"a receiver with the certificate of another AE", "Csafe02", p.authority.AE("Cother02"), false},
		{"a receiver with a certificate of its own", "Csafe03", harness.SelfSigned(t, harness.Template("Csafe03")), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			names := make(chan []*x509.Certificate, 8)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				names <- r.TLS.PeerCertificates
				harness.Agree(w, r, "")
			}))
			server.TLS = &tls.Config{Certificates: []tls.Certificate{tc.cred.TLS}, ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
			server.StartTLS()
			defer server.Close()
			p.receiver(t, tc.stem, server.URL)
			a := p.subscribe(t, "tls-"+tc.stem, "/id-in/"+tc.stem)
			if !tc.asked {
				p.refused(t, a, "tls-"+tc.stem)
				if len(names) != 0 {
					t.Error("it was asked nevertheless")
				}
				return
			}
			a.Expect(t, 2001, 201)
			if shown := <-names; !slices.Contains(shown[0].DNSNames, "id-in.m2m.example") {
				t.Errorf("the CSE shows itself as %v", shown[0].DNSNames)
			}
		})
	}
}
