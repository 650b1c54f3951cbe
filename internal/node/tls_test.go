package node_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulwark/internal/node"
	"bulwark/test/harness"
)

const secure = "[[listen]]\nbinding = \"https\"\naddress = \"127.0.0.1:0\"\n"

// post sends a question and returns the status and the text of the answer.
func post(t *testing.T, url, method string, cfg *tls.Config, body string) (int, string) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: cfg}
	defer transport.CloseIdleConnections()
	q, err := http.NewRequestWithContext(t.Context(), method, url+node.ExplainPath, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: transport, Timeout: long}).Do(q)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestExplain_AnswersTheAdministratorAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	ca := harness.NewAuthority(t, dir)
	r := start(t, dir, strings.Replace(secure, "\n", "\nsa = \"optional\"\n", 1), node.Options{})
	admin, lamp, nobody := ca.Client(ca.Admin()), ca.Client(ca.AE("CLamp")), ca.Client()
	const question = `{"from":"CLamp","to":"cse-in","operation":"delete"}`
	tests := []struct {
		name, method, body string
		tls                *tls.Config
		status             int
		want               string
	}{
		{"a question", "POST", question, admin, 200, `"permit":false,"rsc":4103,`},
		{"a question that is permitted", "POST", `{"from":"CAdmin","to":"cse-in","operation":"retrieve"}`, admin, 200, `"permit":true`},
		{"another AE", "POST", question, lamp, 403, "only the administrator's certificate opens this"},
		{"nobody", "POST", question, nobody, 403, "only the administrator's certificate opens this"},
		{"no question", "GET", "", admin, 405, "POST a question"},
		{"no JSON", "POST", "hello", admin, 400, "not a question: "},
		{"a member that nobody knows", "POST", `{"form":"CLamp"}`, admin, 400, "not a question: "},
		{"too long a question", "POST", `{"from":"` + strings.Repeat("x", 40_000) + `"}`, admin, 400, "not a question: "},
		{"no operation", "POST", `{"from":"CLamp","to":"cse-in","operation":"dance"}`, admin, 400, "operation: create, retrieve,"},
		{"no address", "POST", `{"from":"CLamp","to":"cse-in","operation":"retrieve","source":"here"}`, admin, 400, "source: not an IP address"},
		{"nothing there", "POST", `{"from":"CLamp","to":"cse-in/none","operation":"retrieve"}`, admin, 404, ""},
	}
	for _, tt := range tests {
		status, text := post(t, r.Addresses()[0], tt.method, tt.tls, tt.body)
		if status != tt.status || !strings.Contains(text, tt.want) {
			t.Errorf("%s: %d %s", tt.name, status, text)
		}
	}
}

func TestExplain_IsNotThereWithoutTLS(t *testing.T) {
	t.Parallel()
	r := start(t, "", plain, node.Options{})
	if status, text := post(t, r.Addresses()[0], "POST", nil, `{"from":"CAdmin","to":"cse-in","operation":"retrieve"}`); status == 200 || strings.Contains(text, "permit") {
		t.Errorf("%d %s", status, text)
	}
}

// trail returns the audit trail once it contains a word.
func (r *running) trail(t *testing.T, word string) string {
	t.Helper()
	for range int(long / (10 * time.Millisecond)) {
		files, err := filepath.Glob(filepath.Join(r.dir, "audit", "*.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
		if strings.Contains(all.String(), word) {
			return all.String()
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%q does not come into the trail", word)
	return ""
}

func TestHandshake_S096_FailuresAreCountedByReasonAndAudited(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	ca := harness.NewAuthority(t, dir)
	r := start(t, dir, "ops = \"127.0.0.1:0\"\n"+secure, node.Options{})
	url := r.Addresses()[0]

	expired := harness.Template("CLamp")
	expired.NotBefore, expired.NotAfter = time.Now().Add(-3*time.Hour), time.Now().Add(-2*time.Hour)
	stranger := harness.SelfSigned(t, harness.Template("CLamp"))
	for _, cfg := range []*tls.Config{ca.Client(), ca.Client(stranger), ca.Client(ca.Forge(expired))} {
		if status, text := post(t, url, "POST", cfg, "{}"); status != 0 {
			t.Errorf("%d %s", status, text)
		}
	}
	harness.Exchange(t, url, nil, "GET / HTTP/1.0\r\n\r\n") // to the TLS port
	if status, text := post(t, url, "GET", ca.Client(ca.Admin()), ""); status != 405 {
		t.Errorf("the administrator: %d %s", status, text)
	}

	for _, result := range []string{"no-certificate", "untrusted", "expired", "protocol"} {
		r.counts(t, `onem2m_handshakes_total{result="`+result+`",suite=""} `)
	}
	r.counts(t, `onem2m_handshakes_total{result="ok",suite="TLS_`)
	trail := r.trail(t, "the peer did not complete the handshake")
	for _, reason := range []string{"the peer showed no certificate", "the certificate is not trusted", "has expired or is not yet valid"} {
		if !strings.Contains(trail, reason) {
			t.Errorf("%q is not in the trail", reason)
		}
	}
	if !strings.Contains(trail, `"event":"association","source":"127.0.0.1","bind":"https","stage":"handshake","result":"deny"`) {
		t.Errorf("the form of the record: %s", trail)
	}
}

// The short limit of this node is for a peer that says nothing; handshakes that
// are meant to come to an end have nodes with a longer one.
func TestHandshake_S096_ASilentPeerIsGivenUp(t *testing.T) {
	t.Parallel()
	r := start(t, "", "ops = \"127.0.0.1:0\"\n[limits]\nread-header-timeout = \"1s\"\n"+secure, node.Options{})
	if answer := harness.Exchange(t, r.Addresses()[0], nil, ""); answer != "" {
		t.Errorf("a silent peer gets %q", answer)
	}
	r.counts(t, `onem2m_handshakes_total{result="timeout",suite=""} 1`)
	r.trail(t, "took too long")
}

// counts waits until the metrics contain a line: a peer may see the end of its
// connection before it is counted.
func (r *running) counts(t *testing.T, line string) {
	t.Helper()
	_, ops, _ := strings.Cut(strings.TrimSpace(r.ready.String()), "ops=")
	var metrics string
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		metrics = harness.Exchange(t, ops, nil, "GET /metrics HTTP/1.0\r\n\r\n")
		if strings.Contains(metrics, line) {
			return
		}
	}
	t.Fatalf("%s is not counted:\n%s\n%s", line, metrics, r.log)
}

func TestHandshake_S096_ManyAlikeAreSummedUp(t *testing.T) {
	t.Parallel()
	r := start(t, "", secure, node.Options{})
	for range 30 {
		harness.Exchange(t, r.Addresses()[0], nil, "GET / HTTP/1.0\r\n\r\n")
	}
	r.stop()
	if err := r.end(t); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	trail := r.trail(t, `"event":"repeated"`)
	if n := strings.Count(trail, "the peer did not complete the handshake"); n != 11 {
		t.Errorf("%d records for 30 failures", n)
	}
}

func TestListen_EachListenerHasItsOwnAnchorsAndCertificate(t *testing.T) {
	t.Parallel()
	dir, other := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "other")
	here, elsewhere := harness.NewAuthority(t, dir), harness.NewAuthority(t, other)
	r := start(t, dir, secure+secure+`client-ca = "`+elsewhere.CAFile()+`"
cert = "`+filepath.Join(other, "pki", "server.crt")+`"
key = "`+filepath.Join(other, "pki", "server.key")+"\"\n", node.Options{})
	urls := r.Addresses()
	tests := []struct {
		name   string
		url    string
		tls    *tls.Config
		status int
	}{
		{"the first to its own", urls[0], here.Client(here.AE("CLamp")), 403},
		{"the first to the other's", urls[0], here.Client(elsewhere.AE("CLamp")), 0},
		{"the second to its own", urls[1], elsewhere.Client(elsewhere.AE("CLamp")), 403},
		{"the second to the other's", urls[1], elsewhere.Client(here.AE("CLamp")), 0},
	}
	for _, tt := range tests {
		if status, text := post(t, tt.url, "POST", tt.tls, "{}"); status != tt.status {
			t.Errorf("%s: %d %s", tt.name, status, text)
		}
	}
}
