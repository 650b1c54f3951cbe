package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"bulwark/client"
	"bulwark/internal/pki"
	"bulwark/internal/process"
	"bulwark/onem2m"
)

// patience is how long something may take that the CSEs do by themselves: they
// try again after a pause, of some seconds at most.
const patience = 15 * time.Second

// gateway is an MN-CSE below the CSE of the story, and the one AE below it.
type gateway struct {
	name    string // "north": /id-north, cse-north
	port    string
	process *process.Process
	ae      *client.Client
}

func (g *gateway) id() string   { return "/id-" + g.name }
func (g *gateway) base() string { return g.id() + "/cse-" + g.name } // from everywhere in the SP

// close stops the gateway and disconnects its AE.
func (g *gateway) close() {
	if g.ae != nil {
		g.ae.Close()
	}
	if g.process != nil {
		g.process.Stop()
	}
}

// state is the container of the lamp, below the northern gateway.
func (s *story) state() string { return s.north.base() + "/lamp/state" }

// tree: two gateways below the CSE, and what their applications do with each
// other.
func (s *story) tree(ctx context.Context) bool {
	s.chapter("7  Gateways: three CSEs that trust each other no further than they have to")
	s.north, s.south = &gateway{name: "north"}, &gateway{name: "south"}
	return s.step("Two MN-CSEs start, /id-north and /id-south, with certificates of the same authority", "each registers with /id-in by itself, over mutual TLS", func() (string, error) {
		for _, g := range []*gateway{s.north, s.south} {
			if err := s.raise(ctx, g); err != nil {
				return "", err
			}
		}
		for _, g := range []*gateway{s.north, s.south} {
			if err := s.registered(ctx, g); err != nil {
				return "", err
			}
		}
		return "the IN-CSE knows " + s.north.id() + " and " + s.south.id(), nil
	}) && s.step("A lamp registers in the north, a panel in the south", "they become /id-north/Clamp and /id-south/Cpanel", func() (string, error) {
		return s.furnish(ctx)
	}) && s.step("The lamp makes a container that the panel may use", "created with its policy, at the northern gateway", func() (string, error) {
		return "created", s.share(ctx)
	}) && s.across(ctx) && s.impostor(ctx) && s.outage(ctx)
}

// raise starts a gateway with the certificate that it has, or with a new one.
func (s *story) raise(ctx context.Context, g *gateway) error {
	prefix := filepath.Join(s.dir, g.name)
	if g.port == "" {
		if _, err := s.ca.Issue(pki.CSE, g.id(), pki.Options{Out: prefix}); err != nil {
			return err
		}
		var err error
		if g.port, err = freePort(ctx); err != nil {
			return err
		}
	}
	// Without points of access a CSE could not be called, and a port of the
	// system's choice is known too late: so it is chosen here.
	settings := fmt.Sprintf(`
data = %q
[cse]
type = "mn"
id = %q
name = %q
sp = "//m2m.example"
[[listen]]
binding = "https"
address = "127.0.0.1:%s"
cert = %q
key = %q
client-ca = %q
[remote]
url = %q
id = "/id-in"
`, filepath.Join(s.dir, g.name+"-data"), g.id(), "cse-"+g.name, g.port, prefix+".crt", prefix+".key", s.ca.CAFile(), s.process.URL)
	keys, err := s.endToEnd(g)
	if err != nil {
		return err
	}
	settings += keys
	file := prefix + ".toml"
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return err
	}
	p, err := process.Start(ctx, "--config", file)
	if err == nil {
		g.process = p
	}
	return err
}

// freePort finds a port that nobody listens on.
func freePort(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// registered waits until the IN-CSE has the <remoteCSE> of a gateway.
func (s *story) registered(ctx context.Context, g *gateway) error {
	s.admin.SetFrom("CAdmin")
	return eventually(ctx, func() error {
		csr, err := s.admin.Retrieve(ctx, "cse-in"+g.id())
		if err != nil {
			return err
		}
		if csi, _ := csr.Text("csi"); csi != g.id() {
			return fmt.Errorf("the entry is that of %q", csi)
		}
		return nil
	})
}

// eventually repeats what may take a moment, until ctx ends.
func eventually(ctx context.Context, look func() error) error {
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); pause(ctx, 50*time.Millisecond) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err = look(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("not so after %s: %w", patience, err)
}

// pause waits, but not beyond the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// furnish registers an AE at each gateway. The panel says where it takes
// notifications.
func (s *story) furnish(ctx context.Context) (string, error) {
	listener, err := client.Listen(ctx, "127.0.0.1:0", s.arrives)
	if err != nil {
		return "", err
	}
	s.panelListener = listener
	for _, r := range []struct {
		g    *gateway
		stem string
		ae   client.AE
	}{
		{s.north, "Clamp", client.AE{Name: "lamp", App: "Nlamp.m2m.example"}},
		{s.south, "Cpanel", client.AE{Name: "panel", App: "Npanel.m2m.example", Points: []string{listener.URL}, Reachable: true}},
	} {
		prefix := filepath.Join(s.dir, r.stem)
		if _, err := s.ca.Issue(pki.AE, r.g.id()+"/"+r.stem, pki.Options{Out: prefix}); err != nil {
			return "", err
		}
		c, err := client.New(client.Options{
			URL: r.g.process.URL, CSE: onem2m.ID("//m2m.example" + r.g.id()), CA: s.ca.CAFile(),
			Cert: prefix + ".crt", Key: prefix + ".key", Timeout: patience,
		})
		if err != nil {
			return "", err
		}
		r.g.ae = c
		if _, err := c.Register(ctx, r.ae); err != nil {
			return "", err
		}
		if c.From() != r.stem {
			return "", fmt.Errorf("%s assigned %s", r.g.id(), c.From())
		}
	}
	return "registered, each with its own gateway", nil
}

// share makes the lamp's container, with a policy that names the panel.
func (s *story) share(ctx context.Context) error {
	const rules = `{"acr":[{"acor":["/id-south/Cpanel"],"acop":35},{"acor":["Clamp"],"acop":63}]}`
	if _, err := s.north.ae.Create(ctx, "cse-north/lamp", onem2m.TypeAccessControlPolicy, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("panels")},
		{Name: "pv", Value: []byte(rules)},
		{Name: "pvs", Value: []byte(`{"acr":[{"acor":["Clamp"],"acop":63}]}`)},
	}); err != nil {
		return err
	}
	_, err := s.north.ae.Create(ctx, "cse-north/lamp", onem2m.TypeContainer, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("state")},
		{Name: "acpi", Value: onem2m.TextsValue([]string{"cse-north/lamp/panels"})},
	})
	return err
}

// across: the panel uses what is behind two other CSEs.
func (s *story) across(ctx context.Context) bool {
	return s.step("The panel, in the south, stores “on” there: south → in → north", "created; the lamp sees it", func() (string, error) {
		if err := s.put(ctx, s.south.ae, "on"); err != nil {
			return "", err
		}
		return latest(ctx, s.north.ae, "cse-north/lamp/state", "on")
	}) && s.step("The lamp stores “dimmed”; the panel reads the newest value over two hops", "it gets “dimmed”", func() (string, error) {
		if err := s.put(ctx, s.north.ae, "dimmed"); err != nil {
			return "", err
		}
		return latest(ctx, s.south.ae, s.state(), "dimmed")
	}) && s.step("The dashboard, at the IN-CSE, reads it as well", "refused by the northern gateway: its policy doesn't name the dashboard", func() (string, error) {
		_, err := s.dashboard.Retrieve(ctx, s.state()+"/la")
		return refused(err, onem2m.OriginatorHasNoPrivilege)
	}) && s.step("The panel lets the northern gateway notify it", "a policy, linked to its own <AE>", func() (string, error) {
		return "linked", s.welcome(ctx)
	}) && s.step("The panel subscribes with its AE-ID, the lamp stores “off”", "the notification goes north → in → south → panel", func() (string, error) {
		_, err := s.south.ae.Create(ctx, s.state(), onem2m.TypeSubscription, onem2m.Object{
			{Name: "rn", Value: onem2m.TextValue("panel")},
			{Name: "nu", Value: onem2m.TextsValue([]string{"/id-south/Cpanel"})},
			{Name: "enc", Value: []byte(`{"net":[3]}`)},
		})
		if err != nil {
			return "", err
		}
		if err := s.put(ctx, s.north.ae, "off"); err != nil {
			return "", err
		}
		return s.awaitValue(ctx, "off")
	})
}

// welcome lets the northern gateway send notifications to the panel, and nobody
// else.
func (s *story) welcome(ctx context.Context) error {
	_, err := s.south.ae.Create(ctx, "cse-south/panel", onem2m.TypeAccessControlPolicy, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("notifiers")},
		{Name: "pv", Value: []byte(`{"acr":[{"acor":["/id-north"],"acop":16},{"acor":["Cpanel"],"acop":63}]}`)},
		{Name: "pvs", Value: []byte(`{"acr":[{"acor":["Cpanel"],"acop":63}]}`)},
	})
	if err != nil {
		return err
	}
	_, err = s.south.ae.Update(ctx, "cse-south/panel", "m2m:ae", onem2m.Object{{Name: "acpi", Value: onem2m.TextsValue([]string{"cse-south/panel/notifiers"})}})
	return err
}

// put stores a value in the lamp's container.
func (s *story) put(ctx context.Context, c *client.Client, value string) error {
	_, err := c.Create(ctx, s.state(), onem2m.TypeContentInstance, onem2m.Object{{Name: "con", Value: onem2m.TextValue(value)}})
	return err
}

// latest checks the newest value of a container.
func latest(ctx context.Context, c *client.Client, container, value string) (string, error) {
	cin, err := c.Retrieve(ctx, container+"/la")
	if err != nil {
		return "", err
	}
	con, _ := cin.Text("con")
	if con != value {
		return "", fmt.Errorf("it got %q", con)
	}
	return "it got “" + con + "”", nil
}

// impostor: whoever holds the certificate of a gateway speaks for those below
// it, and for nobody else.
func (s *story) impostor(ctx context.Context) bool {
	var thief *client.Client
	defer func() {
		if thief != nil {
			thief.Close()
		}
	}()
	claim := func(from string) func() (string, error) {
		return func() (string, error) {
			if thief == nil {
				c, err := s.connect("", filepath.Join(s.dir, s.north.name))
				if err != nil {
					return "", err
				}
				thief = c
			}
			thief.SetFrom(from)
			_, err := thief.Retrieve(ctx, s.south.base())
			return refused(err, onem2m.OriginatorNotAuthenticated)
		}
	}
	return s.step("Somebody has stolen the northern gateway's key and asks the south, by way of the IN-CSE, as its panel", "refused at the first hop: /id-north answers for what is below it only", claim("/id-south/Cpanel")) &&
		s.step("The same, as the dashboard of the IN-CSE", "refused", claim("/id-in/CDashboard")) &&
		s.step("The same, as the administrator", "refused", claim("/id-in/CAdmin"))
}

// outage: a gateway dies and comes back, and nobody else is harmed.
func (s *story) outage(ctx context.Context) bool {
	return s.step("The northern gateway is killed with SIGKILL; the panel asks for the lamp", "it is told at once that nobody is there, and what is in the south works on", func() (string, error) {
		s.north.process.Kill()
		_, err := s.south.ae.Retrieve(ctx, s.state()+"/la")
		told, err := refused(err, onem2m.TargetNotReachable)
		if err != nil {
			return "", err
		}
		if _, err := s.south.ae.Retrieve(ctx, "cse-south/panel"); err != nil {
			return "", fmt.Errorf("the southern gateway: %w", err)
		}
		return told, nil
	}) && s.step("It starts again on the same folder", "the panel reads “off”: nothing is lost, nothing has to be set up again", func() (string, error) {
		if err := s.raise(ctx, s.north); err != nil {
			return "", err
		}
		s.north.ae.Close()
		var got string
		err := eventually(ctx, func() (err error) {
			got, err = latest(ctx, s.south.ae, s.state(), "off")
			return err
		})
		return got, err
	}) && s.step("The lamp stores “night”", "the panel is still subscribed and is told", func() (string, error) {
		if err := s.put(ctx, s.north.ae, "night"); err != nil {
			return "", err
		}
		return s.awaitValue(ctx, "night")
	})
}
