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
	exchange(t, in, mn.plain, false)
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
	exchange(t, s.in.plain, other, true)
}

// side is an AE of one of the two CSEs.
type side struct {
	ours     bool // it is Bulwark's
	c        *harness.Client
	base     string // "/cse-in"
	stem, id string // "Cnear", "/id-in/Cnear"
	sink     *harness.Sink
}

// furnish registers the AE of a side and makes what the other one uses.
func (s *side) furnish(t *testing.T, other, otherCSE string) {
	t.Helper()
	s.sink = harness.NewSink(t)
	s.c.Create(t, s.stem, s.base, 2, `{"m2m:ae":{"rn":"ae","api":"N.example","rr":true,"poa":["`+s.sink.URL+`"],"srv":["3"]}}`).Expect(t, 2001, 201)
	s.c.Create(t, s.stem, s.base+"/ae", 1, `{"m2m:acp":{"rn":"acp","pv":{"acr":[{"acor":["`+s.stem+`","`+other+`"],"acop":63},{"acor":["`+otherCSE+`"],"acop":18}]},"pvs":{"acr":[{"acor":["`+s.stem+`"],"acop":63},{"acor":["`+otherCSE+`"],"acop":2}]}}}`).Expect(t, 2001, 201)
	s.c.Update(t, s.stem, s.base+"/ae", `{"m2m:ae":{"acpi":["`+s.base[1:]+`/ae/acp"]}}`).Expect(t, 2004, 200)
	s.c.Create(t, s.stem, s.base+"/ae", 3, `{"m2m:cnt":{"rn":"box","acpi":["`+s.base[1:]+`/ae/acp"]}}`).Expect(t, 2001, 201)
}

// exchange lets an AE of each CSE use what is on the other one.
func exchange(t *testing.T, in, mn *harness.Client, oursIsIN bool) {
	t.Helper()
	near := &side{ours: oursIsIN, c: in, base: "/cse-in", stem: "Cnear", id: "/id-in/Cnear"}
	far := &side{ours: !oursIsIN, c: mn, base: "/cse-mn", stem: "Cfar", id: "/id-mn/Cfar"}
	near.furnish(t, far.id, "/id-mn")
	far.furnish(t, near.id, "/id-in")
	ways := []struct {
		name     string
		from, to *side
		box      string
	}{{"up", far, near, "/~/id-in/cse-in/ae/box"}, {"down", near, far, "/~/id-mn/cse-mn/ae/box"}}
	for _, way := range ways {
		t.Run("C-067 "+way.name, func(t *testing.T) {
			c, from := way.from.c, way.from.stem
			c.Create(t, from, way.box, 4, `{"m2m:cin":{"rn":"`+way.name+`","con":"`+way.name+`"}}`).Expect(t, 2001, 201)
			if a := c.Get(t, from, way.box+"/la"); a.Text("con") != way.name {
				t.Errorf("got %s", a)
			}
			c.Update(t, from, way.box, `{"m2m:cnt":{"lbl":["x"]}}`).Expect(t, 2004, 200)
			if a := c.Get(t, from, way.box+"?fu=1&ty=4"); a.RSC != 2000 || !strings.Contains(a.Body, "/ae/box/"+way.name) {
				t.Errorf("discovery: %s", a)
			}
			c.Delete(t, from, way.box+"/"+way.name).Expect(t, 2002, 200)
			c.Get(t, from, way.box+"/"+way.name).Expect(t, 4004, 404)
			c.Get(t, "Cnobody", way.box) // whatever is refused doesn't harm what follows
		})
		t.Run("C-183 notifications of what happens "+way.name, func(t *testing.T) {
			a := way.from.c.Create(t, way.from.stem, way.box, 23, `{"m2m:sub":{"rn":"watch","nu":["`+way.from.id+`"],"nct":1,"enc":{"net":[3]}}}`)
			a.Expect(t, 2001, 201)
			way.to.c.Create(t, way.to.stem, way.to.base+"/ae/box", 4, `{"m2m:cin":{"con":"told `+way.name+`"}}`).Expect(t, 2001, 201)
			got := way.from.sink.Wait(patience, func(all []harness.Received) bool { return len(told(all)) > 0 })
			if list := told(got); len(list) != 1 || list[0] != "told "+way.name {
				t.Errorf("told %v", list)
			}
		})
		if !way.from.ours { // the other CSE decides about members elsewhere by itself, as if they were its own, and denies
			continue
		}
		t.Run("C-350 a group with a member "+way.name, func(t *testing.T) {
			c, from := way.from.c, way.from.stem
			body := `{"m2m:grp":{"rn":"grp","mnm":5,"mt":3,"mid":["` + way.from.base[1:] + `/ae/box","` + strings.TrimPrefix(way.box, "/~") + `"]}}`
			c.Create(t, from, way.from.base+"/ae", 9, body).Expect(t, 2001, 201)
			a := c.Create(t, from, way.from.base+"/ae/grp/fopt", 4, `{"m2m:cin":{"con":"all `+way.name+`"}}`)
			if a.RSC != 2000 || strings.Count(a.Body, `"rsc":2001`)+strings.Count(a.Body, `"rsc": 2001`) != 2 {
				t.Errorf("got %s", a)
			}
			if a := way.to.c.Get(t, way.to.stem, way.to.base+"/ae/box/la"); a.Text("con") != "all "+way.name {
				t.Errorf("the member has %s", a)
			}
		})
	}
}
