package fieldcase

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"bulwark/test/harness"
)

// platform is the setup of case 12: a CSE with a listener that demands
// certificates, one that doesn't insist, and a plain one.
type platform struct {
	authority *harness.Authority
	process   *harness.Process
	required  string
	optional  string
	plain     string
	alpha     harness.Credential
	bravo     harness.Credential
	middle    harness.Credential
	other     harness.Credential
	revoked   harness.Credential
}

const shared = `
[[listen]]
binding = "https"
address = "127.0.0.1:0"

[[listen]]
binding = "https"
address = "127.0.0.1:0"
sa = "optional"

[[listen]]
binding = "http"
address = "127.0.0.1:0"
`

func newPlatform(t *testing.T) *platform {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	a := harness.NewAuthority(t, dir)
	p := &platform{
		authority: a, alpha: a.AE("Calpha1"), bravo: a.AE("Cbravo1"),
		middle: a.CSE("/id-mn"), other: a.CSE("/id-mn2"), revoked: a.AE("Cgone01"),
	}
	if _, err := a.Revoke(p.revoked.CertFile); err != nil {
		t.Fatal(err)
	}
	p.process = harness.Start(t, dir, "--config", harness.Configure(t, shared))
	p.required, p.optional, p.plain = p.process.URLs[0], p.process.URLs[1], p.process.URLs[2]

	// The identifier is asked of the CSE, which has only one to give.
	alpha := p.client(t, p.required, 1, p.alpha)
	a1 := alpha.Create(t, "C", "/cse-in", 2, `{"m2m:ae":{"rn":"alpha","api":"N.example.a","rr":true,"srv":["3"]}}`)
	a1.Expect(t, 2001, 201)
	if a1.Text("aei") != "Calpha1" {
		t.Fatalf("the AE-ID is %q", a1.Text("aei"))
	}
	bravo := p.client(t, p.required, 1, p.bravo)
	bravo.Register(t, "Cbravo1", "bravo")
	bravo.Make(t, "Cbravo1", "/cse-in/bravo", 3, `{"m2m:cnt":{"rn":"data"}}`)
	p.client(t, p.required, 1, p.middle).Make(t, "/id-mn", "/cse-in", 16, `{"m2m:csr":{"rn":"mn","cb":"/id-mn/cse-mn","csi":"/id-mn","rr":false,"srv":["3"]}}`)
	p.client(t, p.required, 1, p.other).Make(t, "/id-mn2", "/cse-in", 16, `{"m2m:csr":{"rn":"mn2","cb":"/id-mn2/cse-mn","csi":"/id-mn2","rr":false,"srv":["3"]}}`)
	admin := p.client(t, p.required, 1, a.Admin())
	admin.Make(t, "CAdmin", "/cse-in", 1, policy("everybody", "CAdmin", `{"acor":["all"],"acop":63}`))
	admin.Make(t, "CAdmin", "/cse-in", 3, `{"m2m:cnt":{"rn":"open","acpi":["cse-in/everybody"]}}`)
	p.client(t, p.plain, 1).Register(t, "Cplain1", "plain")
	return p
}

func (p *platform) client(t *testing.T, base string, version int, creds ...harness.Credential) *harness.Client {
	t.Helper()
	var cfg *tls.Config
	if base != p.plain {
		cfg = p.authority.Client(creds...)
	}
	return harness.NewClient(t, base, cfg, version)
}

// claim is a row of the tables: an originator, what it asks, and the answer.
type claim struct {
	name, from, method, target string
	rsc, status                int
}

func (r claim) request() harness.Request {
	q := harness.Request{Method: r.method, Target: r.target, From: r.from}
	if r.method == "" {
		q.Method = http.MethodGet
	}
	if r.method == http.MethodPost {
		q.Type, q.Body = 2, `{"m2m:ae":{"rn":"another","api":"N.example.a","rr":true,"srv":["3"]}}`
	}
	if r.from == "" {
		q.Header = map[string][]string{"X-M2M-Origin": nil}
	}
	return q
}

func TestFieldCase12_TheCertificateSaysAAndTheHeaderB(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	asAlpha := []claim{
		{"A-12 itself", "Calpha1", "", "/cse-in/alpha", 2000, 200},
		{"A-11 another's data", "Cbravo1", "", "/cse-in/bravo/data", 4106, 403},
		{"A-11 open to all", "Cbravo1", "", "/cse-in/open", 4106, 403},
		{"S-087 an address that doesn't exist", "Cbravo1", "", "/cse-in/nowhere", 4106, 403},
		{"A-13 the other's SP-relative name", "/id-in/Cbravo1", "", "/cse-in/bravo/data", 4000, 400},
		{"A-13 the other's absolute name", "//m2m.example/id-in/Cbravo1", "", "/cse-in/bravo/data", 4000, 400},
		{"A-13 its own SP-relative name", "/id-in/Calpha1", "", "/cse-in/alpha", 4000, 400},
		{"S-081 a CSE", "/id-mn", "", "/cse-in", 4106, 403},
		{"A-22 the CSE itself", "/id-in", "", "/cse-in", 4000, 400},
		{"A-11 the administrator", "CAdmin", http.MethodDelete, "/cse-in/bravo", 4106, 403},
		{"A-14 nobody", "", "", "/cse-in/alpha", 4000, 400},
		{"S-092 a second identifier", "C", http.MethodPost, "/cse-in", 4117, 403},
		{"A-11 registering as another", "Cthird1", http.MethodPost, "/cse-in", 4106, 403},
		{"A-11 an AE without credential", "Cplain1", "", "/cse-in/plain", 4106, 403},
		{"A-18 another, at an address elsewhere", "Cbravo1", "", "/~/id-far/cse-far", 4106, 403},
		{"itself, at what is another's", "Calpha1", "", "/cse-in/bravo/data", 4103, 403},
	}
	asMiddle := []claim{
		{"A-26 itself", "/id-mn", "", "/cse-in", 2000, 200},
		{"A-15 one of its AEs where all may", "/id-mn/Cxyz1", "", "/cse-in/open", 2000, 200},
		{"A-15 one of its AEs where it may not", "/id-mn/Cxyz1", "", "/cse-in/bravo/data", 4103, 403},
		{"A-15 a stem", "Calpha1", "", "/cse-in/alpha", 4106, 403},
		{"A-15 another CSE", "/id-mn2", "", "/cse-in", 4106, 403},
		{"S-093 an AE of another CSE", "/id-mn2/Cxyz1", "", "/cse-in/open", 4106, 403},
		{"A-15 an AE of this CSE", "/id-in/Calpha1", "", "/cse-in/alpha", 4106, 403},
		{"A-22 this CSE", "/id-in", "", "/cse-in", 4106, 403},
		{"the administrator", "/id-in/CAdmin", "", "/cse-in/alpha", 4106, 403},
	}
	nobody := []claim{
		{"A-16 an AE with a credential", "Calpha1", "", "/cse-in/alpha", 4106, 403},
		{"A-16 an AE without one", "Cplain1", "", "/cse-in/plain", 2000, 200},
		{"A-16 nobody known", "Cnever1", "", "/cse-in/open", 4106, 403},
		{"the administrator", "CAdmin", "", "/cse-in", 4106, 403},
		{"A-17 a CSE", "/id-mn", "", "/cse-in", 4107, 403},
	}
	for _, table := range []struct {
		name, base string
		creds      []harness.Credential
		rows       []claim
	}{
		{"with the certificate of an AE", p.required, []harness.Credential{p.alpha}, asAlpha},
		{"with the certificate of an AE where none is demanded", p.optional, []harness.Credential{p.alpha}, asAlpha},
		{"with the certificate of a CSE", p.required, []harness.Credential{p.middle}, asMiddle},
		{"without certificate", p.optional, nil, nobody},
		{"plain", p.plain, nil, nobody},
	} {
		for version := 1; version <= 2; version++ {
			if version == 2 && table.base == p.plain {
				continue
			}
			name := table.name + " over HTTP/1.1"
			if version == 2 {
				name = table.name + " over HTTP/2"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := p.client(t, table.base, version, table.creds...)
				for i, r := range table.rows {
					t.Run(r.name, func(t *testing.T) { // one after the other, on one connection
						q := r.request()
						if q.Header == nil {
							q.Header = map[string][]string{}
						}
						if _, ok := q.Header["X-M2M-RI"]; !ok { // others are the same originator at the same time
							q.Header["X-M2M-RI"] = []string{fmt.Sprintf("r%d-%d-%d", len(table.name), version, i)}
						}
						a := c.Send(t, q)
						a.Expect(t, r.rsc, r.status)
						if a.Proto != version {
							t.Errorf("the protocol is HTTP/%d", a.Proto)
						}
						if i > 0 && !a.Reused {
							t.Error("the connection wasn't kept")
						}
					})
				}
			})
		}
	}
}

func TestFieldCase12_AClaimInAHeaderIsNoCertificate(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	text := p.bravo.CertificateText()
	for name, value := range map[string]string{
		"X-SSL-Client-Cert": text, "X-Client-Cert": text, "Client-Cert": text, "X-SSL-Client-S-DN": "CN=Cbravo1",
		"X-Forwarded-Client-Cert": "Subject=\"CN=Cbravo1\";URI=m2m://m2m.example/id-in/Cbravo1", "X-Remote-User": "Cbravo1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := ""
			for _, r := range value {
				if r != '\n' {
					one += string(r)
				}
			}
			q := harness.Request{Method: http.MethodGet, Target: "/cse-in/bravo/data", From: "Cbravo1", Header: map[string][]string{name: {one}}}
			p.client(t, p.plain, 1).Send(t, q).Expect(t, 4106, 403)
			p.client(t, p.optional, 1).Send(t, q).Expect(t, 4106, 403)
			p.client(t, p.required, 1, p.alpha).Send(t, q).Expect(t, 4106, 403)
		})
	}
}

func TestFieldCase12_S051_ACertificateRevokedWhileTheServerRuns(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	ask := harness.Request{Method: http.MethodGet, Target: "/cse-in/alpha", From: "Calpha1"}
	p.client(t, p.required, 1, p.alpha).Send(t, ask).Expect(t, 2000, 200)
	if _, err := p.authority.Revoke(p.alpha.CertFile); err != nil {
		t.Fatal(err)
	}
	// The list is looked at every few seconds.
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		a, err := p.client(t, p.required, 1, p.alpha).Do(t.Context(), ask)
		if err != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("a new connection is still served after the revocation: %s", a)
		}
	}
	p.client(t, p.required, 1, p.bravo).Get(t, "Cbravo1", "/cse-in/bravo").Expect(t, 2000, 200)
}
