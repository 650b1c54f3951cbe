package dasserver_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/goleak"

	"bulwark/client"
	"bulwark/internal/dasserver"
	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/das"
	"bulwark/internal/ops/audit"
	"bulwark/internal/ops/config"
	"bulwark/internal/pki"
	"bulwark/onem2m"
	"bulwark/token"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
}

const (
	visitor = "//m2m.example/id-in/CVisitor"
	lamp    = "//m2m.example/id-in/lamp1"
	policy  = `
[[grant]]
name = "read"
originators = ["//m2m.example/id-in/CVisitor*"]
cses = ["//m2m.example/*"]
resources = ["//m2m.example/*/*"]
operations = ["retrieve"]
give-operations = ["retrieve"]
lifetime = "10m"
`
)

// world is a server that runs, and the authority that everybody trusts.
type world struct {
	t    *testing.T
	dir  string
	s    *dasserver.Server
	url  string
	pki  *pki.Authority
	stop func()
}

func start(t *testing.T, more string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.write("policy.toml", policy)
	w.write("das.toml", "data = \"data\"\n[das]\nid = \"//m2m.example/Sdas\"\nfqdn = \"das.m2m.example\"\npolicy = \"policy.toml\"\naddress = \"127.0.0.1:0\"\n"+more)
	cfg, err := config.Load(config.Sources{File: filepath.Join(w.dir, "das.toml")})
	if err != nil {
		t.Fatal(err)
	}
	if w.s, err = dasserver.Open(t.Context(), cfg, dasserver.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := w.s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- w.s.Run(ctx) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-done, w.s.Close()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(w.stop)
	w.url = "https://localhost" + w.s.Address()[strings.LastIndexByte(w.s.Address(), ':'):]
	if w.pki, err = pki.Open(filepath.Join(w.dir, "data", "pki")); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// options are those of somebody with a certificate.
func (w *world) options(kind pki.Kind, name string) client.Options {
	w.t.Helper()
	issued, err := w.pki.Issue(kind, name, pki.Options{Replace: true, Out: filepath.Join(w.dir, strings.ReplaceAll(string(kind)+name, "/", "_"))})
	if err != nil {
		w.t.Fatal(err)
	}
	return client.Options{URL: w.url, CA: w.pki.CAFile(), Cert: issued.CertFile, Key: issued.KeyFile}
}

// cse is a client with the certificate of a CSE.
func (w *world) cse(id string) *client.Client {
	w.t.Helper()
	o := w.options(pki.CSE, id)
	o.From = id
	c, err := client.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) ae(name string) *client.DAS {
	w.t.Helper()
	d, err := client.NewDAS(w.options(pki.AE, name))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(d.Close)
	return d
}

// notify sends security information.
func notify(t *testing.T, c *client.Client, info onem2m.SecurityInfo) *onem2m.Response {
	t.Helper()
	res, err := c.Do(t.Context(), &onem2m.Request{Operation: onem2m.Notify, To: "/Sdas", Content: info.Content()})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func ask(change func(*onem2m.DASRequest)) onem2m.SecurityInfo {
	m := &onem2m.DASRequest{Originator: visitor, TargetType: onem2m.TypeContainer, Operation: onem2m.Retrieve, Target: lamp, RequestTime: "20260302T100000"}
	if change != nil {
		change(m)
	}
	return onem2m.SecurityInfo{SIT: onem2m.SecurityDasRequest, DasRequest: m.Value()}
}

func TestServer_A141_A145_ACSEAsksAndGetsAToken(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	in := w.cse("/id-in")
	res := notify(t, in, ask(nil))
	info, err := onem2m.SecurityInfoOf(res.Content)
	if err != nil || res.Code != onem2m.OK || info.SIT != onem2m.SecurityDasResponse {
		t.Fatalf("%+v, %v", res, err)
	}
	answer, err := onem2m.ParseDASResponse(info.DasResponse)
	if err != nil || len(answer.Tokens) != 1 {
		t.Fatal(answer, err)
	}
	w.verify(answer.Tokens[0])
	if res := notify(t, in, ask(func(m *onem2m.DASRequest) { m.Operation = onem2m.Delete })); res.Code != onem2m.OK || res.Content != nil {
		t.Errorf("a refusal is %+v", res)
	}
	w.stop()
	found := false
	for r, err := range audit.Records(filepath.Join(w.dir, "data", "das", "audit")) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(r.Reason, answer.Tokens[0]) {
			t.Error("the token is in the audit trail")
		}
		found = found || r.Event == "grant" && r.Result == audit.Permit && r.Originator == visitor && r.Target == lamp && r.Rule == "read" && slices.Equal(r.Bound, []string{"//m2m.example/id-in"})
	}
	if !found {
		t.Error("the grant is not in the audit trail")
	}
}

// verify reads a token as a CSE does that has the published keys.
func (w *world) verify(text string) *token.Verified {
	w.t.Helper()
	set, err := os.ReadFile(filepath.Join(w.dir, "data", "das", "jwks.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	issuer, err := dynauth.NewIssuer("//m2m.example/Sdas", []string{"das.m2m.example"}, []string{"sign:ES256"}, set)
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := token.NewVerifier(0, issuer)
	if err != nil {
		w.t.Fatal(err)
	}
	verified, err := v.Verify(text)
	if err != nil {
		w.t.Fatal(err)
	}
	return verified
}

func TestServer_NoSecondOneServesTheSameLedger(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	cfg, err := config.Load(config.Sources{File: filepath.Join(w.dir, "das.toml")})
	if err != nil {
		t.Fatal(err)
	}
	second, err := dasserver.Open(t.Context(), cfg, dasserver.Options{}) // as the commands of the operator do
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "serves "+filepath.Join(w.dir, "data", "das")+" already") {
		t.Errorf("Listen: %v", err)
	}
	w.stop()
	if err := second.Listen(t.Context()); err != nil {
		t.Errorf("Listen after the first has stopped: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func TestServer_OnlyACSEIsBelievedAndOnlyForItself(t *testing.T) {
	t.Parallel()
	w := start(t, "forwarders = [\"//m2m.example/id-in\"]\n")
	for _, tt := range []struct {
		name, cert, from string
		info             onem2m.SecurityInfo
		want             onem2m.StatusCode
	}{
		{"itself", "/id-mn", "/id-mn", ask(func(m *onem2m.DASRequest) { m.Target = "/id-mn/x" }), onem2m.OK},
		{"itself, absolute", "/id-mn", "//m2m.example/id-mn", ask(func(m *onem2m.DASRequest) { m.Target = "x" }), onem2m.OK},
		{"another CSE", "/id-mn", "/id-in", ask(nil), onem2m.OriginatorNotAuthenticated},
		{"a forwarder", "/id-in", "/id-mn", ask(func(m *onem2m.DASRequest) { m.Target = "x" }), onem2m.OK},
		{"for a resource of another", "/id-mn", "/id-mn", ask(nil), onem2m.BadRequest},
		{"an AE-ID", "/id-mn", "/id-mn/CVisitor", ask(nil), onem2m.BadRequest},
		{"a type that is for others", "/id-in", "/id-in", onem2m.SecurityInfo{SIT: onem2m.SecurityRandRequest}, onem2m.NotImplemented},
		{"relationships of nothing", "/id-in", "/id-in", onem2m.SecurityInfo{SIT: onem2m.SecurityRelMapRequest, DynAuthRelMapRequest: jsontext.Value(`{}`)}, onem2m.BadRequest},
		{"a request with an unknown member", "/id-in", "/id-in", onem2m.SecurityInfo{SIT: onem2m.SecurityDasRequest, DasRequest: jsontext.Value(`{"x":1}`)}, onem2m.BadRequest},
	} {
		c := w.cse(tt.cert)
		c.SetFrom(tt.from)
		if res := notify(t, c, tt.info); res.Code != tt.want {
			t.Errorf("%s: %d", tt.name, res.Code)
		}
	}
	ae, err := client.New(w.options(pki.AE, "CVisitor"))
	if err != nil {
		t.Fatal(err)
	}
	defer ae.Close()
	ae.SetFrom("/id-in")
	if res := notify(t, ae, ask(nil)); res.Code != onem2m.SecurityAssociationRequired {
		t.Errorf("an AE that says it is a CSE: %d", res.Code)
	}
	in := w.cse("/id-in")
	if res, err := in.Do(t.Context(), &onem2m.Request{Operation: onem2m.Retrieve, To: "/Sdas"}); err != nil || res.Code != onem2m.OperationNotAllowed {
		t.Errorf("a RETRIEVE: %+v, %v", res, err)
	}
}

func TestServer_NobodyIsHeardWithoutACertificate(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	roots := x509.NewCertPool()
	text, err := os.ReadFile(w.pki.CAFile())
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	defer c.CloseIdleConnections()
	for _, path := range []string{client.TokenPath, client.KeysPath, "/"} {
		if res, err := c.Get(w.url + path); err == nil {
			res.Body.Close()
			t.Errorf("%s answers with %d", path, res.StatusCode)
		}
	}
}

func question(change func(*onem2m.DASRequest)) client.TokenQuestion {
	return client.TokenQuestion{Request: ask(change).DasRequest}
}

func TestTokenEndpoint_A155_F2_AnOriginatorGetsATokenOrItsID(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	me := w.ae("CVisitor")
	answer, err := me.Token(t.Context(), question(nil))
	if err != nil || len(answer.Tokens) != 1 || len(answer.Summaries) != 1 || answer.SignRequest {
		t.Fatal(answer, err)
	}
	v := w.verify(answer.Tokens[0])
	s, err := onem2m.ParseTokenSummary(answer.Summaries[0])
	if err != nil || s.ID != v.ID || s.NotAfter != v.NotAfter || s.Audience[0] != "//m2m.example/id-in" {
		t.Errorf("%+v, %v", s, err)
	}
	q := question(nil)
	q.IDsOnly, q.AuthorSign = true, true
	if ids, err := me.Token(t.Context(), q); err != nil || ids.Tokens != nil || !ids.SignRequest {
		t.Errorf("%+v, %v", ids, err)
	}
	info := onem2m.TokenRequestInfo{
		{URI: "https://other.example/das"},
		{URI: w.url + "/onem2m", Request: &onem2m.DASRequest{Originator: visitor, Operation: onem2m.Retrieve, Target: lamp}},
	}
	if again, err := me.TokenFor(t.Context(), info, false); err != nil || again.Tokens[0] != answer.Tokens[0] {
		t.Errorf("with token request information: %+v, %v", again, err)
	}
	if keys, err := me.Keys(t.Context()); err != nil || !strings.Contains(string(keys), `"keys"`) {
		t.Errorf("%s, %v", keys, err)
	}
	for name, tt := range map[string]struct {
		q    client.TokenQuestion
		want onem2m.StatusCode
	}{
		"for somebody else":   {question(func(m *onem2m.DASRequest) { m.Originator = visitor + "2" }), onem2m.OriginatorHasNoPrivilege},
		"more than there is":  {question(func(m *onem2m.DASRequest) { m.Operation = onem2m.Delete }), onem2m.OriginatorHasNoPrivilege},
		"nothing":             {client.TokenQuestion{}, onem2m.BadRequest},
		"both":                {client.TokenQuestion{Request: q.Request, Secured: "a.b.c"}, onem2m.BadRequest},
		"a secured one, torn": {client.TokenQuestion{Secured: "a.b.c.d.e"}, onem2m.BadRequest},
	} {
		_, err := me.Token(t.Context(), tt.q)
		if e, ok := errors.AsType[*onem2m.Error](err); !ok || e.Code != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := me.Revoked(t.Context(), ""); err == nil {
		t.Error("an originator gets the list for CSEs")
	}
}

func TestSignatureEndpoint_A160_ThroughTheCertificateOfTheOriginator(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	o := w.options(pki.AE, "CVisitor")
	me, err := client.NewDAS(o)
	if err != nil {
		t.Fatal(err)
	}
	defer me.Close()
	answer, err := me.Token(t.Context(), question(nil))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := client.AuthorSign(o.Key, answer.Tokens[0])
	if err != nil {
		t.Fatal(err)
	}
	m := &onem2m.RelationRequest{Tokens: answer.Tokens, Signatures: []string{signature}}
	if err := w.ae("COther").Sign(t.Context(), m); err == nil {
		t.Error("somebody else's signature is kept")
	}
	if err := me.Sign(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	wants := true
	res := notify(t, w.cse("/id-in"), onem2m.SecurityInfo{
		SIT:                  onem2m.SecurityRelMapRequest,
		DynAuthRelMapRequest: (&onem2m.RelationRequest{Tokens: answer.Tokens, SignRequest: &wants}).Value(),
	})
	info, err := onem2m.SecurityInfoOf(res.Content)
	if err != nil || info.SIT != onem2m.SecurityRelMapResponse {
		t.Fatalf("%+v, %v", res, err)
	}
	recorded, err := onem2m.ParseRelationResponse(info.DynAuthRelMapResponse)
	if err != nil || len(recorded.Signatures) != 1 || recorded.Signatures[0] != signature {
		t.Errorf("%+v, %v", recorded, err)
	}
}

func TestServer_APolicyThatChangesCountsAtOnce(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	me, in := w.ae("CVisitor"), w.cse("/id-in")
	if _, err := me.Token(t.Context(), question(nil)); err != nil {
		t.Fatal(err)
	}
	wait := func(what string, holds func() bool) {
		t.Helper()
		for range 2400 {
			if holds() {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Errorf("%s: not within two minutes", what)
	}
	w.write("policy.toml", strings.Replace(policy, "CVisitor*", "CStaff*", 1))
	wait("what was granted is revoked", func() bool {
		all, err := w.s.Authority().Revoked(t.Context(), "")
		return err == nil && len(all) == 1
	})
	if _, err := me.Token(t.Context(), question(nil)); err == nil {
		t.Error("granted under the policy that is gone")
	}
	o := w.options(pki.CSE, "/id-in")
	d, err := client.NewDAS(o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if list, err := d.Revoked(t.Context(), ""); err != nil || len(list.Tokens) != 1 {
		t.Errorf("the CSE is told of %v, %v", list, err)
	}
	w.write("policy.toml", policy+"[[nonsense]]\n")
	wait("a policy that cannot be read grants nothing", func() bool {
		res := notify(t, in, ask(nil))
		return res.Code == onem2m.OK && res.Content == nil
	})
	w.write("policy.toml", policy)
	wait("a policy that is right again", func() bool {
		res := notify(t, in, ask(nil))
		return res.Content != nil
	})
	if _, err := w.s.Authority().Entries(t.Context(), das.Filter{}); err != nil {
		t.Error(err)
	}
}
