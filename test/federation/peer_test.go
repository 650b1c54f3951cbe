package federation

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

// peerVariable names the executable of another CSE, acmecse of the ACME CSE, that
// the test runs with. It isn't part of this project.
const peerVariable = "BULWARK_ACME"

// otherCSE starts a CSE of another make and returns a client for it. more are lines
// of its basic configuration.
func otherCSE(t *testing.T, kind, more string) (url string, c *harness.Client) {
	t.Helper()
	command := os.Getenv(peerVariable)
	if command == "" {
		t.Skipf("no other CSE to talk to: name the executable acmecse in %s", peerVariable)
	}
	dir, port := t.TempDir(), port(t)
	ini := fmt.Sprintf(`[basic.config]
cseType=%s
cseID=id-%s
cseName=cse-%s
adminID=CAdmin
secret=of-this-test-alone
dataDirectory=${baseDirectory}
networkInterface=127.0.0.1
cseHost=127.0.0.1
httpPort=%s
logLevel=error
databaseType=memory
consoleTheme=dark
%s

[cse]
serviceProviderID=//m2m.example
releaseVersion=4

[cse.registration]
allowedCSROriginators=/id-mn,/id-in
checkInterval=1
allowedAEOriginators=C*,S*

[textui]
startWithTUI=False
`, kind, strings.ToLower(kind), strings.ToLower(kind), port, more)
	if err := os.WriteFile(filepath.Join(dir, "acme.ini"), []byte(ini), 0o600); err != nil {
		t.Fatal(err)
	}
	other := exec.CommandContext(t.Context(), command, "--config", "acme.ini", "--base-directory", dir, "--headless")
	other.Dir = dir
	if err := other.Start(); err != nil {
		t.Fatalf("%s: %v", peerVariable, err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	url = "http://127.0.0.1:" + port
	for end := time.Now().Add(3 * patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		res, err := http.Get(url)
		if err == nil {
			_ = res.Body.Close()
			return url, harness.NewClient(t, url, nil, 1)
		}
	}
	t.Fatal("the other CSE doesn't start")
	return "", nil
}

func TestPeer_C067_C389_RegisteredWithACSEOfAnotherMake(t *testing.T) {
	t.Parallel()
	url, in := otherCSE(t, "IN", "")
	s := newProvider(t, "//m2m.example")
	mn := s.box("mn", "/id-mn", "cse-mn")
	mn.onPlain()
	mn.flags["registrar"], mn.flags["registrar-id"] = url, "/id-in"
	mn.start()
	await(t, "it is registered", func() bool { return mn.plain.Get(t, "CAdmin", "/cse-mn/id-in").RSC == 2000 })
	exchange(t, in, mn.plain)
	a := mn.plain.Create(t, "Cfar", "/cse-mn/ae", 3, `{"m2m:cnt":{"rn":"told","at":["/id-in"],"lbl":["q"]}}`)
	a.Expect(t, 2001, 201)
	copied := announced(t, a)
	if a := in.Get(t, "CAdmin", copied); a.Text("lnk") == "" {
		t.Errorf("C-389: the copy is %s", a)
	}
	mn.plain.Delete(t, "Cfar", "/cse-mn/ae/told").Expect(t, 2002, 200)
	await(t, "C-126 the copy goes", func() bool { return in.Get(t, "CAdmin", copied).RSC == 4004 })
}

func TestPeer_C067_C212_ARegistreeOfAnotherMake(t *testing.T) {
	t.Parallel()
	s := newProvider(t, "//m2m.example")
	s.in.onPlain()
	s.in.start()
	_, other := otherCSE(t, "MN", "registrarCseHost=127.0.0.1\nregistrarCsePort="+s.in.port+"\nregistrarCseID=id-in\nregistrarCseName=cse-in\n\n"+`[cse.registrar]
address=http://${basic.config:registrarCseHost}:${basic.config:registrarCsePort}
cseID=/${basic.config:registrarCseID}
resourceName=${basic.config:registrarCseName}
`)
	await(t, "it is registered", func() bool {
		return s.in.node != nil && strings.Contains(s.in.plain.Get(t, "CAdmin", "/cse-in?fu=1&ty=16").Body, "/")
	})
	exchange(t, s.in.plain, other)
}

// exchange lets an AE of each CSE use what is on the other one.
func exchange(t *testing.T, in, mn *harness.Client) {
	t.Helper()
	furnish := func(c *harness.Client, base, ae, other string) {
		t.Helper()
		c.Create(t, ae, base, 2, `{"m2m:ae":{"rn":"ae","api":"N.example","rr":false,"srv":["3"]}}`).Expect(t, 2001, 201)
		c.Create(t, ae, base+"/ae", 1, `{"m2m:acp":{"rn":"acp","pv":{"acr":[{"acor":["`+ae+`","`+other+`"],"acop":63}]},"pvs":{"acr":[{"acor":["`+ae+`"],"acop":63}]}}}`).Expect(t, 2001, 201)
		c.Create(t, ae, base+"/ae", 3, `{"m2m:cnt":{"rn":"box","acpi":["`+base[1:]+`/ae/acp"]}}`).Expect(t, 2001, 201)
	}
	furnish(in, "/cse-in", "Cnear", "/id-mn/Cfar")
	furnish(mn, "/cse-mn", "Cfar", "/id-in/Cnear")
	for name, way := range map[string]struct {
		via      *harness.Client
		from, to string
	}{
		"C-067 up": {mn, "Cfar", "/~/id-in/cse-in/ae/box"}, "C-067 down": {in, "Cnear", "/~/id-mn/cse-mn/ae/box"},
	} {
		t.Run(name, func(t *testing.T) {
			way.via.Create(t, way.from, way.to, 4, `{"m2m:cin":{"con":"`+name+`"}}`).Expect(t, 2001, 201)
			if a := way.via.Get(t, way.from, way.to+"/la"); a.Text("con") != name {
				t.Errorf("got %s", a)
			}
			way.via.Update(t, way.from, way.to, `{"m2m:cnt":{"lbl":["x"]}}`).Expect(t, 2004, 200)
			way.via.Delete(t, way.from, way.to+"/la").Expect(t, 2002, 200)
			way.via.Get(t, way.from, way.to+"/la").Expect(t, 4004, 404)
		})
	}
}
