package federation

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulwark/internal/cli"
	"bulwark/internal/dasserver"
	"bulwark/internal/ops/config"
	"bulwark/test/harness"
)

// fair is an IN-CSE with a Dynamic Authorization Server in its process, and an
// MN-CSE that asks that server about its resources. The server is an AE of the
// IN-CSE: what it has to tell the MN-CSE goes by way of that.
type fair struct {
	tree

	policy string // file
}

const fairPolicy = `
[[grant]]
name = "rules"
originators = ["//m2m.example/id-mn/Cvisitor"]
cses = ["//m2m.example/id-mn"]
resources = ["//m2m.example/id-mn/*"]
types = ["cnt"]
operations = ["retrieve"]
give-operations = ["retrieve"]
form = "rules"
lifetime = "1h"

[[grant]]
name = "tokens"
originators = ["//m2m.example/id-mn/Cguest"]
cses = ["//m2m.example/id-mn"]
resources = ["//m2m.example/id-mn/*"]
operations = ["retrieve"]
give-operations = ["retrieve"]
lifetime = "1h"
`

func newFair(t *testing.T) *fair {
	t.Helper()
	f := &fair{policy: filepath.Join(t.TempDir(), "policy.toml")}
	f.write(t, fairPolicy)
	s := newProvider(t, "//m2m.example")
	server := port(t)
	s.in.toml += fmt.Sprintf(`
[outbound]
ca = %q
[das]
id = "//m2m.example/Sdas"
fqdn = "das.m2m.example"
policy = %q
address = "127.0.0.1:%s"
register = %q
`, s.authority.CAFile(), f.policy, server, s.in.url())
	s.in.start()
	f.tree = tree{system: s, mn: s.below(s.in, "mn", "/id-mn", "cse-mn")}
	f.mn.toml += fmt.Sprintf(`
[outbound]
ca = %q
[[token.issuer]]
id = "//m2m.example/Sdas"
fqdn = "das.m2m.example"
poa = "https://localhost:%s/"
jwks = %q
accept = ["sign:ES256"]
`, s.authority.CAFile(), server, filepath.Join(s.in.dir, "das", "jwks.json"))
	f.mn.start()
	f.mn.joined(s.in)
	await(t, "the server is registered", func() bool { return s.in.plain.Get(t, "CAdmin", "/cse-in/das-Sdas").RSC == 2000 })
	for _, stem := range []string{"Cowner", "Cvisitor", "Cguest"} {
		f.mn.plain.Make(t, stem, "/cse-mn", 2, `{"m2m:ae":{"rn":"`+strings.ToLower(stem)+`","api":"N.example.test","rr":false,"srv":["3"]}}`)
	}
	f.mn.plain.Make(t, "Cowner", "/cse-mn/cowner", 34, fmt.Sprintf(`{"m2m:dac":{"rn":"ask","dae":true,"dap":["https://localhost:%s/"]}}`, server))
	f.mn.plain.Make(t, "Cowner", "/cse-mn/cowner", 3, `{"m2m:cnt":{"rn":"lamp","daci":["cse-mn/cowner/ask"]}}`)
	return f
}

func (f *fair) write(t *testing.T, policy string) {
	t.Helper()
	if err := os.WriteFile(f.policy, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
}

// operate runs a command of the server's operator.
func (f *fair) operate(t *testing.T, r cli.DASRequest) {
	t.Helper()
	cfg, err := config.Load(config.Sources{File: harness.Configure(t, f.in.toml), Flags: f.in.flags})
	if err != nil {
		t.Fatal(err)
	}
	r.Config = cfg
	if err := dasserver.Command(t.Context(), r, slog.New(slog.DiscardHandler), io.Discard); err != nil {
		t.Fatal(err)
	}
}

func (f *fair) read(t *testing.T, who string) int {
	t.Helper()
	return f.mn.plain.Get(t, who, "/cse-mn/cowner/lamp").RSC
}

// soon is how long what was called back may go on to count where all is well.
// It is a moment; whoever isn't told finds out when the grant ends, much later.
const soon = 10 * time.Second

// ends waits until an originator is refused.
func (f *fair) ends(t *testing.T, what, who string) {
	t.Helper()
	if took := harness.Took(func() { await(t, what, func() bool { return f.read(t, who) == 4103 }) }); took > soon {
		t.Errorf("%s: it took %s", what, took)
	}
}

func TestRecall_WhatAServerHasGrantedToAnotherCSEEndsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFair(t)
	for _, who := range []string{"Cvisitor", "Cguest"} {
		if rsc := f.read(t, who); rsc != 2000 {
			t.Fatalf("%s: %d", who, rsc)
		}
	}
	f.operate(t, cli.DASRequest{Verb: "revoke", Grant: "tokens", Because: "end of the visit"})
	f.ends(t, "a token that was revoked", "Cguest")
	if rsc := f.read(t, "Cvisitor"); rsc != 2000 {
		t.Errorf("rules that were not: %d", rsc)
	}
	f.operate(t, cli.DASRequest{Verb: "revoke", Grant: "rules", Because: "end of the visit"})
	f.ends(t, "rules that were revoked", "Cvisitor")
}

func TestRecall_AChangedPolicyEndsRulesOnAnotherCSE(t *testing.T) {
	t.Parallel()
	f := newFair(t)
	if rsc := f.read(t, "Cvisitor"); rsc != 2000 {
		t.Fatal(rsc)
	}
	f.write(t, strings.Replace(fairPolicy, "id-mn/Cvisitor", "id-mn/Cstaff", 1))
	f.ends(t, "the policy does not give them any more", "Cvisitor")
}

// TestRecall_IsOwedWhileEitherSideIsAway: the CSE is down when something is
// revoked, and the server is before it has told of it.
func TestRecall_IsOwedWhileEitherSideIsAway(t *testing.T) {
	t.Parallel()
	f := newFair(t)
	for _, who := range []string{"Cvisitor", "Cguest"} {
		if rsc := f.read(t, who); rsc != 2000 {
			t.Fatalf("%s: %d", who, rsc)
		}
	}
	f.mn.halt()
	f.operate(t, cli.DASRequest{Verb: "revoke", Grant: "rules"})
	f.operate(t, cli.DASRequest{Verb: "revoke", Grant: "tokens"})
	time.Sleep(time.Second) // an attempt that fails
	f.in.halt()
	f.in.start()
	f.mn.start()
	f.mn.joined(f.in)
	for _, who := range []string{"Cvisitor", "Cguest"} {
		await(t, who+": both are back", func() bool { return f.read(t, who) == 4103 })
	}
	f.in.halt()
	f.mn.halt()
	f.mn.start()
	for _, who := range []string{"Cvisitor", "Cguest"} {
		if rsc := f.read(t, who); rsc != 4103 {
			t.Errorf("%s: what was called back counts after a restart: %d", who, rsc)
		}
	}
}
