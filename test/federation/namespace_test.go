package federation

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/test/harness"
)

// lost is how long it may take until a way that lost everything is used again: the
// requests that were on it have to give up first.
const lost = 2 * time.Minute

// network is a network namespace with two wires to it: one between CSEs, and one
// for the test alone.
type network struct {
	name               string
	wire               string // the near end of the first
	near, far, control string // addresses: here, there, and there on the second wire
}

// newNetwork makes a namespace, or skips the test where that isn't possible.
func newNetwork(t *testing.T) *network {
	t.Helper()
	if !harness.Slow() {
		t.Skip("it takes a while: BULWARK_SLOW=1 runs it")
	}
	n := rand.IntN(60_000)
	net := func(which, host int) string { return fmt.Sprintf("10.%d.%d.%d", 200+n/250%50+which, n%250, host) }
	w := &network{
		name: fmt.Sprint("bulwark-", n), wire: fmt.Sprint("bw", n, "a"),
		near: net(0, 1), far: net(0, 2), control: net(1, 2),
	}
	if out, err := exec.CommandContext(t.Context(), "ip", "netns", "add", w.name).CombinedOutput(); err != nil {
		t.Skipf("no network namespaces here: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", w.name).Run() })
	for i, one := range []struct{ near, far string }{{w.near, w.far}, {net(1, 1), w.control}} {
		a, b := w.wire, fmt.Sprint("bw", n, "b")
		if i == 1 {
			a, b = fmt.Sprint("bw", n, "c"), fmt.Sprint("bw", n, "d")
		}
		w.ip(t, "link", "add", a, "type", "veth", "peer", "name", b, "netns", w.name)
		w.ip(t, "address", "add", one.near+"/24", "dev", a)
		w.ip(t, "link", "set", a, "up")
		w.ip(t, "-n", w.name, "address", "add", one.far+"/24", "dev", b)
		w.ip(t, "-n", w.name, "link", "set", b, "up")
	}
	w.ip(t, "-n", w.name, "link", "set", "lo", "up")
	return w
}

func (w *network) ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v %s", strings.Join(args, " "), err, out)
	}
}

// lose lets what is sent from here to there go to nobody, without a word. Nothing
// is acknowledged then in the other direction either.
func (w *network) lose(t *testing.T) {
	t.Helper()
	w.ip(t, "neighbour", "replace", w.far, "lladdr", "02:00:00:00:00:01", "dev", w.wire, "nud", "permanent")
}

func (w *network) mend(t *testing.T) {
	t.Helper()
	w.ip(t, "neighbour", "delete", w.far, "dev", w.wire)
}

func TestFaults_C076_C219_AWayThatLosesEverythingWithoutAWord(t *testing.T) {
	t.Parallel()
	w := newNetwork(t)
	s := newProvider(t, "//m2m.example")
	s.in.toml = strings.Replace(s.in.toml, "127.0.0.1:"+s.in.port, w.near+":"+s.in.port, 1) + fmt.Sprintf("\n[cse]\npoints = [\"https://%s:%s\"]\n[outbound]\nallow = [\"127.0.0.1\"]\n", w.near, s.in.port)
	s.in.start()
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.flags["registrar"] = "https://" + w.near + ":" + s.in.port
	listener := func(address string) string {
		return fmt.Sprintf("[[listen]]\nbinding = \"https\"\naddress = \"%s:%s\"\ncert = %q\nkey = %q\nclient-ca = %q\n", address, mn.port, mn.creds.CertFile, mn.creds.KeyFile, s.authority.CAFile())
	}
	mn.toml = fmt.Sprintf("[timing]\nregistration-check = \"1s\"\n[cse]\npoints = [\"https://%s:%s\"]\n", w.far, mn.port) + listener(w.far) + listener(w.control)
	args := []string{"--config", harness.Configure(t, mn.toml), "--log-level", "error"}
	for name, value := range mn.flags {
		if name != "data" {
			args = append(args, "--"+name, value)
		}
	}
	harness.StartBy(t, []string{"ip", "netns", "exec", w.name}, mn.dir, args...)
	as := func(name string) *harness.Client {
		cfg := s.authority.Client(s.authority.AE("/id-mn/" + name))
		cfg.ServerName = "id-mn.m2m.example"
		return harness.NewClient(t, "https://"+w.control+":"+mn.port, cfg, 1)
	}
	admin, below := as("CAdmin"), as("Cbelow")
	await(t, "it is registered", func() bool { return admin.Get(t, "CAdmin", "/cse-mn/id-in").RSC == 2000 })
	sink := harness.NewSink(t)
	s.in.plain.Make(t, "Cabove", "/cse-in", 2, `{"m2m:ae":{"rn":"above","api":"N.example.test","rr":true,"srv":["3"],"poa":["`+sink.URL+`"]}}`)
	s.in.plain.Make(t, "Cabove", "/cse-in", 1, `{"m2m:acp":{"rn":"reach","pv":{"acr":[{"acor":["/id-mn"],"acop":16},{"acor":["Cabove"],"acop":63}]},"pvs":{"acr":[{"acor":["Cabove"],"acop":63}]}}}`)
	s.in.plain.Update(t, "Cabove", "/cse-in/above", `{"m2m:ae":{"acpi":["cse-in/reach"]}}`).Expect(t, 2004, 200)
	below.Make(t, "Cbelow", "/cse-mn", 2, `{"m2m:ae":{"rn":"below","api":"N.example.test","rr":false,"srv":["3"]}}`)
	below.Make(t, "Cbelow", "/cse-mn/below", 1, `{"m2m:acp":{"rn":"acp","pv":{"acr":[{"acor":["/id-in/Cabove","Cbelow"],"acop":63}]},"pvs":{"acr":[{"acor":["Cbelow"],"acop":63}]}}}`)
	below.Make(t, "Cbelow", "/cse-mn/below", 3, `{"m2m:cnt":{"rn":"box","acpi":["cse-mn/below/acp"]}}`)
	s.in.open(t, "box", "/id-mn/Cbelow")
	up := func() *harness.Answer {
		return below.Send(t, harness.Request{Method: "GET", Target: "/~/id-in/cse-in/box", From: "Cbelow", Header: within(2 * time.Second)})
	}
	down := func() *harness.Answer {
		return ask(t, s.in, "GET", "Cabove", "/~/id-mn/cse-mn/below/box", 0, "", within(2*time.Second))
	}
	await(t, "both ways are open", func() bool { return up().RSC == 2000 && down().RSC == 2000 })
	s.in.plain.Create(t, "Cabove", "/~/id-mn/cse-mn/below/box", 23, `{"m2m:sub":{"rn":"watch","nu":["/id-in/Cabove"],"enc":{"net":[3]}}}`).Expect(t, 2001, 201)
	say := func(text string) {
		below.Create(t, "Cbelow", "/cse-mn/below/box", 4, `{"m2m:cin":{"con":"`+text+`"}}`).Expect(t, 2001, 201)
	}
	say("before")
	sink.Wait(patience, harness.AtLeast(1))

	w.lose(t)
	for i := range 4 {
		for name, way := range map[string]func() *harness.Answer{"up": up, "down": down} {
			var a *harness.Answer
			took := harness.Took(func() { a = way() })
			if !slices.Contains([]int{4008, 5103}, a.RSC) {
				t.Errorf("%s, %d: %s", name, i, a)
			}
			if took > 6*time.Second {
				t.Errorf("C-076: %s, %d took %s", name, i, took)
			}
		}
		say(fmt.Sprint("meanwhile ", i))
		d := harness.Took(func() {
			s.in.plain.Get(t, "CAdmin", "/cse-in").Expect(t, 2000, 200)
			below.Get(t, "Cbelow", "/cse-mn/below").Expect(t, 2000, 200)
		})
		if d > 2*time.Second {
			t.Errorf("C-076: others waited %s", d)
		}
	}
	w.mend(t)
	begun := time.Now()
	for up().RSC != 2000 || down().RSC != 2000 {
		if time.Since(begun) > lost {
			t.Fatal("the ways aren't open again")
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("both ways are open after %s", time.Since(begun))
	sink.Wait(lost, func(all []harness.Received) bool { return len(told(all)) >= 5 })
	if diff := cmp.Diff([]string{"before", "meanwhile 0", "meanwhile 1", "meanwhile 2", "meanwhile 3"}, told(sink.Got())); diff != "" {
		t.Error(diff)
	}
}
