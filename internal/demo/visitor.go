package demo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"bulwark/client"
	"bulwark/internal/pki"
	"bulwark/internal/process"
	"bulwark/onem2m"
)

// house is a CSE of its own with a Dynamic Authorization Server in its process,
// and two applications.
type house struct {
	config, policy string // files
	ca             *pki.Authority
	process        *process.Process
	owner, visitor *client.Client
}

func (h *house) close() {
	for _, c := range []*client.Client{h.owner, h.visitor} {
		if c != nil {
			c.Close()
		}
	}
	if h.process != nil {
		h.process.Stop()
	}
}

// What the visitor comes for, and the policy of the server that lets it in.
const (
	door        = "cse-in/owner/door"
	guestPolicy = `[[grant]]
name = "guests"
originators = ["//m2m.example/id-in/CVisitor"]
cses = ["//m2m.example/id-in"]
resources = ["//m2m.example/id-in/**"]
operations = ["retrieve"]
give-operations = ["retrieve"]
lifetime = "10m"
`
)

// visit: what no policy permits, a Dynamic Authorization Server grants for a
// while.
func (s *story) visit(ctx context.Context) bool {
	s.chapter("9  A visitor, and the server that may let it in")
	h := &house{config: filepath.Join(s.dir, "house.toml"), policy: filepath.Join(s.dir, "house-policy.toml")}
	s.house = h
	return s.step("Another CSE starts, with a Dynamic Authorization Server that grants nothing yet", "both are ready; an owner and a visitor register", func() (string, error) {
		return "registered as COwner and CVisitor", s.openHouse(ctx, h)
	}) && s.step("The owner makes a door, and says whom to ask about it", "created: no policy lets anybody else in", func() (string, error) {
		return "created, linked to a <dynamicAuthorizationConsultation>", h.furnish(ctx)
	}) && s.step("The visitor reads the door", "denied: the CSE asks the server, which grants nothing", func() (string, error) {
		return refused(h.ask(ctx, "visit-1", onem2m.Retrieve), onem2m.OriginatorHasNoPrivilege)
	}) && h.explained(ctx, s, "visit-1", "deny") &&
		s.step("The operator of the server writes a policy: CVisitor may read, for ten minutes", "the visitor's next attempt gets a token, and is let in", func() (string, error) {
			if err := os.WriteFile(h.policy, []byte(guestPolicy), 0o600); err != nil {
				return "", err
			}
			attempt := 0
			err := eventually(ctx, func() error {
				attempt++
				return h.ask(ctx, fmt.Sprintf("visit-2-%d", attempt), onem2m.Retrieve)
			})
			return "let in", errors.Join(err, h.ask(ctx, "visit-2", onem2m.Retrieve))
		}) && h.explained(ctx, s, "visit-2", "permit") &&
		s.step("The visitor opens the door: an UPDATE", "denied: the token is for reading", func() (string, error) {
			return refused(h.ask(ctx, "visit-3", onem2m.Update), onem2m.OriginatorHasNoPrivilege)
		}) && s.step("The operator lists what was granted, and calls it back", "the visitor is denied again", func() (string, error) {
		return s.callBack(ctx, h)
	})
}

// openHouse starts the CSE with its server.
func (s *story) openHouse(ctx context.Context, h *house) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "house-data")
	settings := fmt.Sprintf(`
data = %q
[[listen]]
binding = "https"
address = "127.0.0.1:0"
[outbound]
ca = %q
[das]
id = "//m2m.example/Sdas"
fqdn = "das.m2m.example"
policy = %q
address = "127.0.0.1:%s"
[[token.issuer]]
id = "//m2m.example/Sdas"
fqdn = "das.m2m.example"
poa = "https://localhost:%s"
jwks = %q
accept = ["sign:ES256"]
`, data, filepath.Join(data, "pki", "ca.crt"), h.policy, port, port, filepath.Join(data, "das", "jwks.json"))
	if err := errors.Join(os.WriteFile(h.config, []byte(settings), 0o600), os.WriteFile(h.policy, nil, 0o600)); err != nil {
		return err
	}
	if h.process, err = process.Start(ctx, "--config", h.config); err != nil {
		return err
	}
	if h.ca, err = pki.Open(filepath.Join(data, "pki")); err != nil {
		return err
	}
	h.owner, err = h.register(ctx, s.dir, "COwner")
	if err == nil {
		h.visitor, err = h.register(ctx, s.dir, "CVisitor")
	}
	if err != nil {
		return err
	}
	_, err = h.owner.Create(ctx, "cse-in/owner", onem2m.TypeDynamicAuthorizationConsultation, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("ask")},
		{Name: "dae", Value: onem2m.BoolValue(true)},
		{Name: "dap", Value: onem2m.TextsValue([]string{"https://localhost:" + port})},
	})
	return err
}

// register makes a certificate for an AE and registers it.
func (h *house) register(ctx context.Context, dir, stem string) (*client.Client, error) {
	u, err := url.Parse(h.process.URL)
	if err != nil {
		return nil, err
	}
	prefix := filepath.Join(dir, "house-"+stem)
	if _, err := h.ca.Issue(pki.AE, stem, pki.Options{Out: prefix}); err != nil {
		return nil, err
	}
	c, err := client.New(client.Options{
		URL: "https://localhost:" + u.Port(), From: stem, CA: h.ca.CAFile(), Cert: prefix + ".crt", Key: prefix + ".key", Timeout: patience,
	})
	if err != nil {
		return nil, err
	}
	_, err = c.Register(ctx, client.AE{Name: strings.ToLower(strings.TrimPrefix(stem, "C")), App: "N" + stem + ".m2m.example"})
	return c, err
}

// furnish makes what the visitor comes for.
func (h *house) furnish(ctx context.Context) error {
	_, err := h.owner.Create(ctx, "cse-in/owner", onem2m.TypeContainer, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("door")},
		{Name: "daci", Value: onem2m.TextsValue([]string{"cse-in/owner/ask"})},
	})
	return err
}

// ask sends a request of the visitor about the door.
func (h *house) ask(ctx context.Context, id string, op onem2m.Operation) error {
	req := &onem2m.Request{Operation: op, To: door, RequestID: id}
	if op == onem2m.Update {
		req.Content = &onem2m.Content{Name: "m2m:cnt", Value: []byte(`{"lbl":["open"]}`)}
	}
	res, err := h.visitor.Do(ctx, req)
	if err != nil {
		return err
	}
	return client.Failure(res)
}

// run runs a command of this very program for the operator.
func (h *house) run(ctx context.Context, args ...string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, self, append(args, "--config", h.config)...).CombinedOutput() //nolint:gosec // it is this program
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return string(out), err
}

// explained asks for what the audit trail says of a request.
func (h *house) explained(ctx context.Context, s *story, id, expected string) bool {
	text := ""
	ok := s.step("explain: what became of request "+id+"?", "the audit trail names the stage that decided", func() (string, error) {
		err := eventually(ctx, func() (err error) {
			text, err = h.run(ctx, "explain", "--request", id)
			return err
		})
		if err == nil && !strings.Contains(text, expected) {
			err = fmt.Errorf("it doesn't say %s: %s", expected, text)
		}
		return expected, err
	})
	if ok {
		s.note(text)
	}
	return ok
}

// callBack revokes what the visitor has.
func (s *story) callBack(ctx context.Context, h *house) (string, error) {
	list, err := h.run(ctx, "das", "list")
	if err != nil {
		return "", err
	}
	if !strings.Contains(list, "CVisitor") {
		return "", fmt.Errorf("nothing is listed for the visitor: %s", list)
	}
	if _, err := h.run(ctx, "das", "revoke", "--holder", "CVisitor", "--because", "end of the visit"); err != nil {
		return "", err
	}
	attempt, happened := 0, ""
	err = eventually(ctx, func() error {
		attempt++
		happened, err = refused(h.ask(ctx, fmt.Sprintf("visit-4-%d", attempt), onem2m.Retrieve), onem2m.OriginatorHasNoPrivilege)
		return err
	})
	return happened, err
}
