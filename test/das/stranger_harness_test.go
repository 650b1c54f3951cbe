package das

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/internal/pki"
	"bulwark/test/harness"
)

// stranger is a CSE with a Dynamic Authorization Server that is a program in
// another language, and tokens that the command jose makes: nothing of what the CSE
// is made of takes part in either.
type stranger struct {
	t       *testing.T
	dir     string
	url     string // of the server
	config  string
	pki     *harness.Authority
	process *harness.Process
	clients map[string]*harness.Client // by stem
	rows    int
}

// word is what the server answers.
type word struct {
	Status  int               `json:"status,omitzero"`
	RSC     string            `json:"rsc,omitzero"`
	RQI     string            `json:"rqi,omitzero"`
	Headers map[string]string `json:"headers,omitzero"`
	Type    string            `json:"type,omitzero"`
	Body    string            `json:"body,omitzero"`
	Blanks  int               `json:"blanks,omitzero"`  // behind the body
	Lacking int               `json:"lacking,omitzero"` // octets that are promised and don't come
	Piece   int               `json:"piece,omitzero"`   // octets that come at a time
	Pause   float64           `json:"pause,omitzero"`   // seconds between them
	Delay   float64           `json:"delay,omitzero"`   // seconds
	Hangup  bool              `json:"hangup,omitzero"`
}

// seci is an answer with security information.
func seci(content string) word { return word{RSC: "2000", Body: `{"m2m:seci":` + content + `}`} }

// grants is an answer with tokens.
func grants(tokens ...string) word {
	return seci(`{"sit":2,"dres":{"tkns":["` + strings.Join(tokens, `","`) + `"]}}`)
}

// opens is an answer with privileges.
func opens(rules, more string) word {
	return seci(`{"sit":2,"dres":{"dai":{"gp":{"acr":[` + rules + `]}` + more + `}}}`)
}

func newStranger(t *testing.T) *stranger {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	if _, err := exec.LookPath("jose"); err != nil {
		t.Skip("there is no jose")
	}
	s := &stranger{t: t, dir: t.TempDir(), clients: map[string]*harness.Client{}}
	data := filepath.Join(s.dir, "data")
	s.pki = harness.NewAuthority(t, data)
	s.url = s.serve(python, "localhost")
	for name, template := range map[string]string{"das": `{"alg":"ES256","kid":"das-1"}`, "other": `{"alg":"ES256","kid":"das-1"}`, "es384": `{"alg":"ES384","kid":"das-1"}`, "rsa": `{"alg":"RS256","kid":"das-1"}`, "shared": `{"alg":"A256GCM","kid":"das-1"}`} {
		s.jose("", "jwk", "gen", "-i", template, "-o", s.file(name+".jwk"))
	}
	s.jose("", "jwk", "pub", "-s", "-i", s.file("das.jwk"), "-o", s.file("das.jwks"))
	s.config = s.write("in.toml", fmt.Sprintf(`
[[listen]]
binding = "https"
address = "127.0.0.1:0"
[timing]
consultation = "6s"
[outbound]
ca = "data/pki/ca.crt"
[[token.issuer]]
id = "//m2m.example/Sdas001"
fqdn = "das.m2m.example"
poa = "%s/main"
jwks = "das.jwks"
accept = ["sign:ES256"]
`, s.url))
	s.start()
	bay := s.clients["Cbay001"]
	bay.Make(t, "Cbay001", "/cse-in/bay", 3, `{"m2m:cnt":{"rn":"elsewhere"}}`)
	return s
}

// start runs the CSE, again on its data for a second time.
func (s *stranger) start() {
	s.t.Helper()
	s.process = harness.Start(s.t, filepath.Join(s.dir, "data"), "--config", s.config)
	for stem, name := range map[string]string{"Cbay001": "bay", "Ctok001": "tok1", "Ctok002": "tok2"} {
		s.clients[stem] = harness.NewClient(s.t, s.process.HTTPS, s.pki.Client(s.pki.AE(stem)), 1)
		if s.rows == 0 {
			s.clients[stem].Register(s.t, stem, name)
		}
	}
	s.clients["CAdmin"] = harness.NewClient(s.t, s.process.HTTPS, s.pki.Client(s.pki.Admin()), 1)
}

// serve runs a server that shows a certificate for a host, and returns its URL.
func (s *stranger) serve(python, host string) string {
	s.t.Helper()
	shown, err := s.pki.Issue(pki.CSE, "/id-"+strings.ReplaceAll(host, ".", "-"), pki.Options{Out: filepath.Join(s.dir, "shown-"+host), DNS: []string{host}})
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), python, "testdata/server.py", s.dir, shown.CertFile, shown.KeyFile, s.pki.CAFile())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // its end is the kill
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	port := ""
	if n, _ := fmt.Sscanf(line, "ready %s", &port); err != nil || n != 1 {
		s.t.Fatalf("the server says %q, %v", line, err)
	}
	return "https://localhost:" + port
}

func (s *stranger) file(name string) string { return filepath.Join(s.dir, name) }

func (s *stranger) write(name, text string) string {
	s.t.Helper()
	if err := os.WriteFile(s.file(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.file(name)
}

// jose runs the command with an input.
func (s *stranger) jose(input string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "jose", args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("jose %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

const usual = `"typ":"JWT","alg":"ES256","kid":"das-1"`

// signed makes a token with a key and the members of its header.
func (s *stranger) signed(key, header, claims string) string {
	s.t.Helper()
	return s.jose(claims, "jws", "sig", "-I", "-", "-k", s.file(key+".jwk"), "-s", `{"protected":{`+header+`}}`, "-c")
}

// encrypted makes one with the shared key.
func (s *stranger) encrypted(content string) string {
	s.t.Helper()
	return s.jose(content, "jwe", "enc", "-I", "-", "-k", s.file("shared.jwk"), "-i", `{"protected":{"typ":"JWT","alg":"dir","enc":"A256GCM","kid":"das-1"}}`, "-c")
}

// claims are those of a token for Ctok001 at this CSE that permits to RETRIEVE a
// container.
type claims struct {
	id, holder, issuer, audience, resources, more string
	begins, ends                                  time.Duration // from now
}

func (s *stranger) claims(container string, change func(*claims)) string {
	c := claims{
		id: container + "@das.m2m.example", holder: "//m2m.example/id-in/Ctok001", issuer: "//m2m.example/Sdas001", audience: `"//m2m.example/id-in"`,
		resources: `"ris":["/id-in/cse-in/bay/` + container + `"],`, begins: -time.Minute, ends: time.Hour,
	}
	if change != nil {
		change(&c)
	}
	now := time.Now()
	return fmt.Sprintf(`{"tkvr":"1.0.0","jti":%q,"iss":%q,"azp":%q,"nbf":%d,"exp":%d,"aud":[%s],"tkps":{"pm":[{%s"pv":{"acr":[{"acor":["/id-in/Ctok001"],"acop":2}]}}]}%s}`,
		c.id, c.issuer, c.holder, now.Add(c.begins).Unix(), now.Add(c.ends).Unix(), c.audience, c.resources, c.more)
}

// governed makes a container that a server at an address is asked about.
func (s *stranger) governed(point string) string {
	s.t.Helper()
	s.rows++
	name := fmt.Sprintf("row%d", s.rows)
	bay := s.clients["Cbay001"]
	if point == "" {
		point = s.url + "/" + name
	}
	bay.Make(s.t, "Cbay001", "/cse-in/bay", 34, fmt.Sprintf(`{"m2m:dac":{"rn":"das-%s","dae":true,"dap":[%q]}}`, name, point))
	bay.Make(s.t, "Cbay001", "/cse-in/bay", 3, fmt.Sprintf(`{"m2m:cnt":{"rn":%q,"daci":["cse-in/bay/das-%s"]}}`, name, name))
	return name
}

// says makes the server answer questions about a container.
func (s *stranger) says(container string, w word) {
	s.t.Helper()
	text, err := json.Marshal(w)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(container+".json", string(text))
}

// get retrieves a container.
func (s *stranger) get(stem, container string) *harness.Answer {
	return s.clients[stem].Get(s.t, stem, "/cse-in/bay/"+container)
}

// asked returns what the server was asked about a container.
func (s *stranger) asked(container string) (out []string) {
	s.t.Helper()
	text, err := os.ReadFile(s.file("asked.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `"path": "/`+container+`"`) {
			out = append(out, line)
		}
	}
	return out
}
