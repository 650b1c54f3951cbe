package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"bulwark/internal/cli"
	"bulwark/internal/dasserver"
	"bulwark/internal/inspect"
	"bulwark/internal/node"
	"bulwark/internal/ops/audit"
	"bulwark/internal/ops/config"
	"bulwark/internal/shell"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"bulwark": func() {
			os.Exit(cli.Main(cli.Parts{
				Serve: node.Serve("test"), AE: shell.AE, Keys: inspect.Keys, Explain: inspect.Explain, Findings: inspect.Findings, DAS: dasserver.Command,
			}))
		},
	})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"ready": ready},
	})
}

// ready is a command of the scripts: "ready FILE NAME..." waits until a server
// that writes its standard output to FILE is ready, and sets a variable to the
// address of each of its listeners, in the order of the ready line.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: ready FILE NAME...")
	}
	const wait, step = 2 * time.Minute, 10 * time.Millisecond
	for range int(wait / step) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		_, line, found := strings.Cut(string(text), "bulwark ready ")
		if err != nil || !found || !strings.HasSuffix(line, "\n") {
			time.Sleep(step)
			continue
		}
		names := args[1:]
		for word := range strings.FieldsSeq(line) {
			if len(names) > 0 && strings.HasPrefix(word, "http") {
				ts.Setenv(names[0], word)
				names = names[1:]
			}
		}
		if len(names) > 0 {
			ts.Fatalf("no listener for %v in %s", names, line)
		}
		return
	}
	ts.Fatalf("%s: no server is ready", args[0])
}

// outcome is what one call of the program left.
type outcome struct {
	status      int
	out, errout string
}

func run(t *testing.T, p cli.Program) outcome {
	t.Helper()
	var out, errout bytes.Buffer
	p.Stdout, p.Stderr = &out, &errout
	if p.Stdin == nil {
		p.Stdin = strings.NewReader("")
	}
	status := cli.Run(t.Context(), p)
	return outcome{status, out.String(), errout.String()}
}

// everything has a part for every command, which does nothing.
func everything() cli.Parts {
	return cli.Parts{
		Serve:    func(context.Context, *config.Config, *slog.Logger, io.Writer) error { return nil },
		Demo:     func(context.Context, io.Writer) error { return nil },
		AE:       func(context.Context, cli.AERequest, io.Writer) error { return nil },
		Keys:     func(context.Context, cli.KeyRequest, io.Writer) error { return nil },
		Explain:  func(context.Context, cli.ExplainRequest, io.Writer) error { return nil },
		Findings: func(context.Context, *config.Config) ([]config.Finding, error) { return nil, nil },
		DAS:      func(context.Context, cli.DASRequest, *slog.Logger, io.Writer) error { return nil },
		Bench:    func(context.Context, cli.BenchRequest, io.Writer) error { return nil },
	}
}

func TestRun_TheStatusSaysDoneFailedOrNotUnderstood(t *testing.T) {
	t.Parallel()
	broken := cli.Parts{Demo: func(context.Context, io.Writer) error { return errors.New("step 3: no\nsecond line") }}
	tests := []struct {
		args   string
		parts  cli.Parts
		status int
		errout string // must be in the output on standard error
	}{
		{"", everything(), 2, ""},
		{"--help", everything(), 0, ""},
		{"demo", everything(), 0, ""},
		{"demo", broken, 1, "bulwark: step 3: no\nbulwark: second line\n"},
		{"demo", cli.Parts{}, 2, "bulwark: not in this version\n"},
		{"demo --fast", everything(), 2, "unknown flag --fast\nRun \"bulwark demo --help\" for help.\n"},
		{"dance", everything(), 2, "unexpected argument dance\nRun \"bulwark --help\" for help.\n"},
		{"serve", everything(), 0, ""},
		{"serve extra", everything(), 2, "unexpected argument extra"},
		{"serve --https off", everything(), 2, "there is no listener"},
		{"serve --coaps 127.0.0.1:5684", everything(), 2, "--coaps: not in this version"},
		{"serve --mqtt 127.0.0.1:1883", everything(), 2, "--mqtt: not in this version"},
		{"serve --mqtt 127.0.0.1:80", everything(), 2, "--mqtt: not in this version"},
		{"serve --cse-type mn --registrar https://in.example.com --registrar-id /id-in", everything(), 0, ""},
		{"serve --registrar https://in.example.com --registrar-id /id-far", everything(), 2, "--registrar-id: remote.id: "},
		{"serve --store postgres://db.example.com/x", everything(), 2, "not in this version"},
		{"serve --http 0.0.0.0:8080", everything(), 2, "or give --allow-insecure"},
		{"serve --http 0.0.0.0:8080 --allow-insecure", everything(), 0, ""},
		{"das serve --data x", everything(), 0, ""},
		{"das revoke", everything(), 2, "name a Token-ID"},
		{"das revoke --lift --holder C", everything(), 2, "--lift takes a Token-ID"},
		{"maf list", everything(), 2, "not in this version"},
		{"mef", everything(), 2, "not in this version"},
		{"enrol --help", everything(), 2, "not in this version"},
		{"key new", everything(), 2, "missing flags: --out=FILE, --peer=ID"},
		{"key new --peer //m2m.example/id-mn/CLamp --out x", everything(), 0, ""},
		{"key new --peer //m2m.example/id-mn/CLamp --out x --expires 2031-01-01", everything(), 2, "is no time with an offset"},
		{"key new --peer //m2m.example/id-mn/CLamp --out x --expires 2020-01-01T00:00:00Z", everything(), 2, "is over"},
		{"key import --kid x", everything(), 2, "unknown flag --kid"},
		{"key import --id x --peer //m2m.example/id-mn --file x", everything(), 0, ""},
		{"key rotate x --out y --keep=-1h", everything(), 2, "--keep: a span is not negative"},
		{"ae token", everything(), 2, "give --request, or --das, --for and --to"},
		{"ae token --das https://localhost:8444 --for //m2m.example/id-in --to x", everything(), 2, "give --cert and --key"},
		{"ae token --das localhost:8444 --for //m2m.example/id-in --to x --cert c --key k", everything(), 2, "the address of the server, \"localhost:8444\", isn't an https URL"},
		{"ae token --das https://x --for /id-in --to x --cert c --key k", everything(), 2, "--for \"/id-in\" is no absolute CSE-ID"},
		{"ae token --das https://x --for //m2m.example/id-in --to x --operation eat --cert c --key k", everything(), 2, "--operation \"eat\" is none of"},
		{"ae token --request /nonexistent", everything(), 1, "no such file"},
		{"das issue --holder C1 --cse //m2m.example/id-in --resource x --operation eat", everything(), 2, "--operation \"eat\" is none of"},
		{"das rotate-keys --compromised --after 10m", everything(), 2, "--after doesn't go with it"},
		{"ae --cse wss://x get cse-in", everything(), 2, "isn't an http or https URL"},
		{"ae --cse https://x get cse-in?fu=1&ty=3", everything(), 2, "bulwark ae get cse-in 'fu=1&ty=3'"},
		{"ae --cse localhost:8443 get cse-in", everything(), 2, "isn't an http or https URL"},
		{"ae --cse https://x create cse-in nix {}", everything(), 2, "\"nix\" is no resource type"},
		{"ae --cse https://x create cse-in cnt []", everything(), 2, "is no JSON object"},
		{"ae get cse-in", everything(), 2, "give --cse URL or set BULWARK_AE_CSE"},
		{"ae --cse https://x --cert a get cse-in", everything(), 2, "--cert and --key go together"},
		{"ae --cse https://x update cse-in/a {", everything(), 2, "is not JSON"},
		{"ae --cse https://x esdata --keys f put cse-in/a 1", everything(), 2, "nothing protects the data"},
		{"ae --cse https://x esdata --keys f --sign k put cse-in/a 1", everything(), 0, ""},
		{"ae --cse https://x esdata get cse-in/a/la", everything(), 2, "missing flags: --keys"},
		{"ae --cse https://x esdata --keys f get cse-in/a/la", everything(), 2, "say what is demanded of the data with --class"},
		{"ae --cse https://x esdata --keys f --class weak get cse-in/a/la", everything(), 2, "must be one of"},
		{"ae --cse https://x escertke //m2m.example/id-in", everything(), 2, "missing flags: --key-out"},
		{"ae escertke //m2m.example/id-in --key-out f", everything(), 2, "give --cse URL or set BULWARK_AE_CSE"},
		{"ae --cse https://x register", everything(), 2, "missing flags: --api"},
		{"explain --to cse-in", everything(), 2, "give --originator, --op and --to, or --request"},
		{"explain --originator C1 --op create --to x --at noon", everything(), 2, "--at \"noon\" is no time with an offset"},
		{"explain --request r --to x", everything(), 2, "leave --originator"},
		{"explain --request r --cse https://x", everything(), 2, "give --data in place of --cse"},
		{"explain --request r --data /nonexistent", everything(), 1, "there is no audit trail in /nonexistent/audit; name the data directory"},
		{"explain --originator C1 --op eat --to x", everything(), 2, "--op \"eat\" is none of create, retrieve"},
		{"explain --originator C1 --op Discovery --to x", everything(), 0, ""},
		{"explain --originator C1 --op create --ty nix --to x", everything(), 2, "--ty: \"nix\" is no resource type"},
		{"explain --originator C1 --op update --source 300.1.1.1 --to x", everything(), 2, "--source \"300.1.1.1\" is no IP address"},
		{"bench --duration 0s", everything(), 2, "--duration must be"},
		{"bench --connections 0", everything(), 2, "--connections must be"},
		{"version --output yaml", everything(), 2, "must be one of"},
		{"pki issue tree T1", everything(), 2, "it is one of ae, cse, fqdn, node, device"},
		{"pki issue ae C1 --days 100000", everything(), 2, "--days must be"},
		{"pki issue ae C1 --days 0", everything(), 2, "--days must be from 1 to 3660"},
		{"pki init --network 300.1.1.1/8", everything(), 2, "--network \"300.1.1.1/8\": write an address and the bits"},
		{"pki init --sp m2m.example", everything(), 2, "write // and a domain name"},
		{"pki list --dir /nonexistent", everything(), 1, "there is no CA"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			got := run(t, cli.Program{Args: strings.Fields(tt.args), Parts: tt.parts})
			if got.status != tt.status || !strings.Contains(got.errout, tt.errout) || tt.status == 0 && got.errout != "" {
				t.Errorf("status %d, output %q", got.status, got.errout)
			}
		})
	}
}

func TestHelp_OfEveryCommandHasAnExample(t *testing.T) {
	t.Parallel()
	lines := strings.Fields("demo serve pki key ae explain check bench version")
	lines = append(
		lines, "pki init", "pki issue", "pki list", "pki revoke", "pki crl", "pki renew", "key list", "key new", "key import", "key rotate", "key remove",
		"ae register", "ae get", "ae create", "ae update", "ae delete", "ae notify", "ae watch", "ae esprim", "ae esdata", "ae escertke",
	)
	for _, line := range lines {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			got := run(t, cli.Program{Args: append(strings.Fields(line), "--help")})
			if got.status != 0 || !strings.Contains(got.out, "Example") || !strings.Contains(got.out, "\n    bulwark "+line) {
				t.Errorf("status %d: %s", got.status, got.out)
			}
		})
	}
}

func TestServe_HasEveryFlagOfTheConfigurationAndNoOther(t *testing.T) {
	t.Parallel()
	want := config.FlagNames()
	page := run(t, cli.Program{Args: []string{"serve", "--help"}}).out
	for _, flag := range want {
		got := run(t, cli.Program{Args: []string{"serve", "--" + flag + "="}, Parts: everything()})
		if strings.Contains(got.errout, "unknown flag") {
			t.Errorf("serve does not know --%s", flag)
		}
	}
	for line := range strings.Lines(page) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "--")
		if !ok {
			continue
		}
		name = strings.FieldsFunc(name, func(r rune) bool { return r == '=' || r == ' ' })[0]
		if name != "config" && !slices.Contains(want, name) {
			t.Errorf("--%s is no flag of the configuration", name)
		}
	}
}

func TestServe_HandsOverTheConfigurationOfAllSources(t *testing.T) {
	t.Parallel()
	var got *config.Config
	parts := cli.Parts{Serve: func(_ context.Context, c *config.Config, log *slog.Logger, out io.Writer) error {
		got = c
		log.Info("hello")
		_, err := io.WriteString(out, "ready\n")
		return err
	}}
	result := run(t, cli.Program{
		Args: strings.Fields("serve --http 127.0.0.1:0 --trust-plain --log-format json --data d"),
		Env:  []string{"BULWARK_CSE_ID=/env", "BULWARK_CSE_NAMED=x"}, Parts: parts,
	})
	if result.status != 0 || result.out != "ready\n" || !strings.Contains(result.errout, `"msg":"hello"`) {
		t.Fatalf("%+v", result)
	}
	if !strings.Contains(result.errout, "BULWARK_CSE_NAMED names no key") {
		t.Error("a variable without meaning is not mentioned")
	}
	if got.CSE.ID != "/env" || got.Data != "d" || len(got.Listen) != 2 || !got.Listen[1].TrustPlain {
		t.Errorf("%+v", got)
	}
	result = run(t, cli.Program{Args: strings.Fields("serve --http 127.0.0.1:0 --trust-plain=false"), Parts: parts, Env: []string{"BULWARK_TRUST_PLAIN=true"}})
	if result.status != 0 || got.Listen[1].TrustPlain {
		t.Errorf("a flag does not go over the environment: %+v", result)
	}
}

func TestAE_HandsOverWhatWasAsked(t *testing.T) {
	t.Parallel()
	env := []string{"BULWARK_AE_CSE=https://env", "BULWARK_AE_CA=ca", "BULWARK_AE_CERT=crt", "BULWARK_AE_KEY=key"}
	connection := cli.Connection{CSE: "https://env", CA: "ca", Cert: "crt", Key: "key"}
	tests := []struct {
		name  string
		args  []string
		stdin string
		want  cli.AERequest
	}{
		{"register", []string{"register", "--api", "Nx", "--rn", "lamp"}, "", cli.AERequest{Verb: "register", API: "Nx", Name: "lamp"}},
		{"get", []string{"get", "cse-in", "fu=1&ty=3"}, "", cli.AERequest{Verb: "get", To: "cse-in", Query: "fu=1&ty=3"}},
		{"create", []string{"create", "cse-in", "cnt", `{"rn":"a b"}`}, "", cli.AERequest{Verb: "create", To: "cse-in", Type: "cnt", Body: []byte(`{"rn":"a b"}`)}},
		{"update from standard input", []string{"update", "cse-in/a", "-"}, `{"mni":1}`, cli.AERequest{Verb: "update", To: "cse-in/a", Body: []byte(`{"mni":1}`)}},
		{"delete behind a hyphen", []string{"delete", "--", "-/a"}, "", cli.AERequest{Verb: "delete", To: "-/a"}},
		{"notify", []string{"notify", "cse-in/a", `{}`}, "", cli.AERequest{Verb: "notify", To: "cse-in/a", Body: []byte(`{}`)}},
		{"watch", []string{"watch", "cse-in/a", "--listen", "127.0.0.1:1"}, "", cli.AERequest{Verb: "watch", To: "cse-in/a", Listen: "127.0.0.1:1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got cli.AERequest
			parts := cli.Parts{AE: func(_ context.Context, r cli.AERequest, _ io.Writer) error { got = r; return nil }}
			result := run(t, cli.Program{
				Args: append([]string{"ae", "--from", "CLamp", "--output", "json"}, tt.args...),
				Env:  env, Stdin: strings.NewReader(tt.stdin), Parts: parts,
			})
			tt.want.Connection, tt.want.Output = connection, "json"
			tt.want.From = "CLamp"
			if diff := cmp.Diff(tt.want, got); diff != "" || result.status != 0 {
				t.Errorf("%+v %s", result, diff)
			}
		})
	}
	var got cli.AERequest
	parts := cli.Parts{AE: func(_ context.Context, r cli.AERequest, _ io.Writer) error { got = r; return nil }}
	run(t, cli.Program{Args: strings.Fields("ae --cse https://flag get x --ca other"), Env: env, Parts: parts})
	if got.CSE != "https://flag" || got.CA != "other" || got.Cert != "crt" {
		t.Errorf("flags do not go over the environment: %+v", got)
	}
}

func TestKeyExplainAndBench_HandOverWhatWasAsked(t *testing.T) {
	t.Parallel()
	var key cli.KeyRequest
	var explain cli.ExplainRequest
	var bench cli.BenchRequest
	parts := cli.Parts{
		Keys:    func(_ context.Context, r cli.KeyRequest, _ io.Writer) error { key = r; return nil },
		Explain: func(_ context.Context, r cli.ExplainRequest, _ io.Writer) error { explain = r; return nil },
		Bench:   func(_ context.Context, r cli.BenchRequest, _ io.Writer) error { bench = r; return nil },
	}
	for _, line := range []string{
		"key remove CLamp --data d", "bench --duration 2s --connections 3 --output json",
		"explain --originator CLamp --op CREATE --to cse-in --ty cnt --source 192.0.2.1 --at 2026-03-01T10:15:00+01:00 --unauthenticated --data d",
	} {
		if got := run(t, cli.Program{Args: strings.Fields(line), Parts: parts}); got.status != 0 {
			t.Errorf("%s: %+v", line, got)
		}
	}
	if key.Verb != "remove" || key.ID != "CLamp" || key.Config.Data != "d" {
		t.Errorf("%+v", key)
	}
	if bench != (cli.BenchRequest{Output: "json", Duration: 2 * time.Second, Connections: 3, Instances: 1_000_000}) {
		t.Errorf("%+v", bench)
	}
	if explain.Originator != "CLamp" || explain.Operation != "create" || explain.Type != "cnt" || explain.Authenticated ||
		explain.Source != "192.0.2.1" || explain.At.UTC().Hour() != 9 || explain.Config.Data != "d" {
		t.Errorf("%+v", explain)
	}
}

func TestExplain_FindsARequestInTheTrail(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	trail, err := audit.Open(filepath.Join(data, "audit"), audit.Options{Size: 1 << 20, Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	trail.Write(audit.Record{
		Event: "request", RequestID: "r1", Claimed: "C\x1b[2J", Operation: "retrieve", Target: "cse-in/x",
		Stage: "acp", Rule: "cse-in/acp#2", Result: audit.Deny, RSC: 4103, Reason: "no rule matched",
	})
	if err := trail.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := run(t, cli.Program{Args: []string{"explain", "--request", "r1", "--data", data}})
	for _, want := range []string{"request: deny", `"C\x1b[2J", not authenticated`, `"cse-in/acp#2"`, "4103", "no rule matched"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%s is missing in %s%s", want, got.out, got.errout)
		}
	}
	got = run(t, cli.Program{Args: []string{"explain", "--request", "r1", "--data", data, "--output", "json"}})
	if got.status != 0 || !strings.Contains(got.out, `"rule": "cse-in/acp#2"`) {
		t.Errorf("%+v", got)
	}
	got = run(t, cli.Program{Args: []string{"explain", "--request", "r2", "--data", data}})
	if got.status != 1 || !strings.Contains(got.errout, "no record of request r2") {
		t.Errorf("%+v", got)
	}
}

func TestCheck_AddsTheFindingsOfPolicies(t *testing.T) {
	t.Parallel()
	parts := cli.Parts{Findings: func(context.Context, *config.Config) ([]config.Finding, error) {
		return []config.Finding{{Severity: config.Fault, Subject: "cse-in/acp", Text: "everybody may delete"}}, nil
	}}
	got := run(t, cli.Program{Args: []string{"check", "--data", t.TempDir()}, Parts: parts})
	if got.status != 1 || !strings.HasPrefix(got.out, "error   cse-in/acp: everybody may delete\n") || got.errout != "" {
		t.Errorf("%+v", got)
	}
}

func TestAE_SendsNothingOfAFileThatHoldsNoTokens(t *testing.T) {
	t.Parallel()
	const whole = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"
	tests := []struct {
		name, text, errout string
		sent               []string
	}{
		{"two tokens", whole + "\n\n" + whole + "\n", "", []string{whole, whole}},
		{"nothing", "\n", "there is no token in it", nil},
		{"a token without its end", whole + "\neyJhbGciOiJFUzI1NiJ9.e3", "line 2 is no token", nil},
		{"a private key", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n", "line 1 is no token", nil},
		{"words with dots", "a.b.c not", "line 1 is no token", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "tokens")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			parts, calls := everything(), 0
			var sent []string
			parts.AE = func(_ context.Context, r cli.AERequest, _ io.Writer) error {
				calls, sent = calls+1, r.Tokens
				return nil
			}
			got := run(t, cli.Program{Args: []string{"ae", "--cse", "https://x", "get", "cse-in", "--token-file", file}, Parts: parts})
			if diff := cmp.Diff(tt.sent, sent); diff != "" || !strings.Contains(got.errout, tt.errout) || (calls == 1) != (tt.errout == "") {
				t.Errorf("%+v after %d calls\n%s", got, calls, diff)
			}
			for word := range strings.FieldsSeq(tt.text) {
				if strings.Contains(got.errout, word+" ") || strings.Contains(got.errout, "c2VjcmV0") {
					t.Errorf("the file is repeated: %s", got.errout)
				}
			}
		})
	}
}

func TestExplain_ADataDirectoryThatIsNamedCountsMoreThanTheEnvironment(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"": "https://env", "--data x": "", "--cse https://flag --data x": "https://flag",
	} {
		parts, asked := everything(), "nobody"
		parts.Explain = func(_ context.Context, r cli.ExplainRequest, _ io.Writer) error {
			asked = r.CSE
			return nil
		}
		line := append(strings.Fields("explain --originator C1 --op retrieve --to x"), strings.Fields(args)...)
		if got := run(t, cli.Program{Args: line, Env: []string{"BULWARK_AE_CSE=https://env"}, Parts: parts}); got.status != 0 || asked != want {
			t.Errorf("%q: %+v, asked %q", args, got, asked)
		}
	}
}
