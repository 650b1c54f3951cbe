package federation

import (
	"crypto/tls"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bulwark/internal/ops/config"
	"bulwark/test/harness"
)

// documented returns the configuration files of docs/topologies.md by name.
func documented(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "topologies.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)`([a-z]+\\.toml)`:\n\n```toml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		files[m[1]] = m[2]
	}
	return files
}

// issued runs the pki commands of the page in a folder.
func issued(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "topologies.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^\$ bulwark (pki .*)$`).FindAllStringSubmatch(string(text), -1)
	if len(lines) != 4 {
		t.Fatalf("%d commands on the page", len(lines))
	}
	for _, m := range lines {
		c := exec.CommandContext(t.Context(), harness.Binary(t), strings.Fields(m[1])...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("bulwark %s: %v\n%s", m[1], err, out)
		}
	}
}

func TestTopologies_EveryFileLoads(t *testing.T) {
	t.Parallel()
	files := documented(t)
	want := []string{"far.toml", "gateway.toml", "in.toml", "lights.toml", "near.toml", "north.toml"}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("the page has %v", got)
	}
	for name, text := range files {
		if _, err := config.Load(config.Sources{File: harness.Configure(t, text)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTopologies_TheHomeGatewayWorksAsWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inPort, gatewayPort := port(t), port(t)
	files := documented(t)
	place := func(name, own string) string {
		text := strings.ReplaceAll(files[name], "0.0.0.0:8443", "127.0.0.1:"+own)
		text = strings.ReplaceAll(text, "in.m2m.example:8443", "127.0.0.1:"+inPort)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	harness.Start(t, filepath.Join(dir, "in-data"), "--config", place("in.toml", inPort))
	issued(t, dir)
	ca, err := os.ReadFile(filepath.Join(dir, "in-data", "pki", "ca.crt"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "ca.crt"), ca, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	gateway := harness.Start(t, filepath.Join(dir, "gateway-data"), "--config", place("gateway.toml", gatewayPort))

	authority := harness.NewAuthority(t, filepath.Join(dir, "in-data"))
	as := func(name, host, port string) *harness.Client {
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		cfg := authority.Client(harness.Credential{TLS: pair})
		cfg.ServerName = host
		return harness.NewClient(t, "https://127.0.0.1:"+port, cfg, 1)
	}
	admin, lamp, app := as("gateway-admin", "id-mn.m2m.example", gatewayPort), as("lamp", "id-mn.m2m.example", gatewayPort), as("app", "id-in.m2m.example", inPort)
	await(t, "the gateway is registered", func() bool { return admin.Get(t, "CAdmin", "/cse-mn/id-in").RSC == 2000 })
	lamp.Make(t, "Clamp", "/cse-mn", 2, `{"m2m:ae":{"rn":"lamp","api":"N.example.lamp","rr":false,"srv":["3"]}}`)
	lamp.Make(t, "Clamp", "/cse-mn", 1, `{"m2m:acp":{"rn":"friends","pv":{"acr":[{"acor":["/id-in/Capp"],"acop":3},{"acor":["Clamp"],"acop":63}]},"pvs":{"acr":[{"acor":["Clamp"],"acop":63}]}}}`)
	lamp.Make(t, "Clamp", "/cse-mn/lamp", 3, `{"m2m:cnt":{"rn":"light","acpi":["cse-mn/friends"]}}`)
	app.Make(t, "Capp", "/cse-in", 2, `{"m2m:ae":{"rn":"app","api":"N.example.app","rr":false,"srv":["3"]}}`)
	await(t, "the app reaches the lamp at home", func() bool {
		return app.Create(t, "Capp", "/~/id-mn/cse-mn/lamp/light", 4, `{"m2m:cin":{"con":"on"}}`).RSC == 2001
	})
	if a := lamp.Get(t, "Clamp", "/cse-mn/lamp/light/la"); a.Text("con") != "on" {
		t.Errorf("the lamp reads %s", a)
	}
	await(t, "the gateway has a trace of the app", func() bool {
		return slices.ContainsFunc(gateway.Audit(), func(line string) bool { return strings.Contains(line, "/id-in/Capp") })
	})
}
