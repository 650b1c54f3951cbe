package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bulwark/client"
	"bulwark/internal/node"
	"bulwark/internal/pki"
	"bulwark/internal/process"
	"bulwark/onem2m"
)

// Addresses of the story.
const (
	sensorContainer = "cse-in/sensor/temperature"
	sensorPolicy    = "cse-in/sensor/readers"
	vault           = "cse-in/sensor/vault"
	vaultPolicy     = "cse-in/sensor/office-hours"
)

// foundation: a certificate authority and a CSE that talks mutual TLS only.
func (s *story) foundation(ctx context.Context) bool {
	s.chapter("1  A CSE that only talks to those it knows")
	return s.step("Start a CSE on an empty folder", "it makes a certificate authority and listens on mutual TLS", func() (string, error) {
		p, err := process.Start(ctx, "--data", s.data(), "--https", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		s.process = p
		if s.ca, err = pki.Open(filepath.Join(s.data(), "pki")); err != nil {
			return "", err
		}
		return "//m2m.example/id-in is ready at " + p.URL, s.keysArePrivate()
	}) && s.step("Connect without a certificate", "the TLS handshake fails, no request is read", func() (string, error) {
		c, err := client.New(client.Options{URL: s.localhost(), From: "CSensor", CA: s.ca.CAFile()})
		if err != nil {
			return "", err
		}
		defer c.Close()
		if _, err := c.Retrieve(ctx, "-"); err == nil || isRefusal(err) {
			return "", errors.New("the connection was accepted")
		}
		return "no connection without a certificate", nil
	})
}

// keysArePrivate checks that no key is readable by others.
func (s *story) keysArePrivate() error {
	return filepath.WalkDir(s.data(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".key") {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			err = fmt.Errorf("%s can be read by others (mode %04o)", path, info.Mode().Perm())
		}
		return err
	})
}

func isRefusal(err error) bool {
	var e *onem2m.Error
	return errors.As(err, &e)
}

// applications: a sensor and a dashboard register with their certificates.
func (s *story) applications(ctx context.Context) bool {
	s.chapter("2  Two applications")
	register := func(stem, name string, into **client.Client) func() (string, error) {
		return func() (string, error) {
			c, err := s.issue(stem)
			if err != nil {
				return "", err
			}
			*into = c
			c.SetFrom("") // asks for "the AE-ID of my certificate"
			if _, err := c.Register(ctx, client.AE{Name: name, App: "N" + name + ".m2m.example"}); err != nil {
				return "", err
			}
			if c.From() != stem {
				return "", fmt.Errorf("the CSE assigned %s", c.From())
			}
			return "registered as " + c.From() + ", bound to its certificate", nil
		}
	}
	return s.step("The sensor registers, asking for any AE-ID", "it gets the one in its certificate, CSensor", register("CSensor", "sensor", &s.sensor)) &&
		s.step("The dashboard registers", "it gets CDashboard", register("CDashboard", "dashboard", &s.dashboard)) &&
		s.step("The sensor makes a container and stores three values", "each is acknowledged once it is durable", func() (string, error) {
			_, err := s.sensor.Create(ctx, "cse-in/sensor", onem2m.TypeContainer, onem2m.Object{
				{Name: "rn", Value: onem2m.TextValue("temperature")}, {Name: "mni", Value: onem2m.IntValue(1000)},
			})
			if err != nil {
				return "", err
			}
			for _, value := range []string{"21.5", "21.7", "22.1"} {
				if err := s.post(ctx, value); err != nil {
					return "", err
				}
			}
			cnt, err := s.sensor.Retrieve(ctx, sensorContainer)
			if err != nil {
				return "", err
			}
			n, _ := cnt.Int("cni")
			return fmt.Sprintf("the container counts %d instances", n), want(n, 3)
		})
}

func want(got, wanted int64) error {
	if got != wanted {
		return fmt.Errorf("%d, not %d", got, wanted)
	}
	return nil
}

// post stores one value; only acknowledged ones count.
func (s *story) post(ctx context.Context, value string) error {
	_, err := s.sensor.Create(ctx, sensorContainer, onem2m.TypeContentInstance, onem2m.Object{
		{Name: "cnf", Value: onem2m.TextValue("text/plain:0")}, {Name: "con", Value: onem2m.TextValue(value)},
	})
	if err == nil {
		s.posted++
	}
	return err
}

// permission: the dashboard is refused, then let in, then told.
func (s *story) permission(ctx context.Context) bool {
	s.chapter("3  Nothing is open until somebody opens it")
	return s.step("The dashboard asks for the newest value", "refused: no policy is linked, so the creator alone has access", func() (string, error) {
		_, err := s.dashboard.Retrieve(ctx, sensorContainer+"/la")
		return refused(err, onem2m.OriginatorHasNoPrivilege)
	}) && s.step("The sensor writes a policy: CDashboard may read, discover and subscribe", "created and linked to the container", func() (string, error) {
		rules := `{"acr":[{"acor":["CDashboard"],"acop":35},{"acor":["CSensor"],"acop":63}]}`
		return "linked as " + sensorPolicy, s.policy(ctx, "readers", rules, sensorContainer)
	}) && s.step("The dashboard asks again", "it gets 22.1", func() (string, error) {
		cin, err := s.dashboard.Retrieve(ctx, sensorContainer+"/la")
		if err != nil {
			return "", err
		}
		con, _ := cin.Text("con")
		if con != "22.1" {
			return "", fmt.Errorf("it got %q", con)
		}
		return "it got " + con, nil
	}) && s.step("The dashboard tries to delete the container", "refused: the rule doesn't grant DELETE", func() (string, error) {
		return refused(s.dashboard.Delete(ctx, sensorContainer), onem2m.OriginatorHasNoPrivilege)
	}) && s.step("The dashboard subscribes, the sensor stores 23.0", "one notification with 23.0", func() (string, error) {
		return s.subscribe(ctx)
	})
}

// policy makes an access control policy below the sensor and links it.
func (s *story) policy(ctx context.Context, name, rules, target string) error {
	_, err := s.sensor.Create(ctx, "cse-in/sensor", onem2m.TypeAccessControlPolicy, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue(name)},
		{Name: "pv", Value: []byte(rules)},
		{Name: "pvs", Value: []byte(`{"acr":[{"acor":["CSensor"],"acop":63}]}`)},
	})
	if err != nil {
		return err
	}
	_, err = s.sensor.Update(ctx, target, "m2m:cnt", onem2m.Object{{Name: "acpi", Value: onem2m.TextsValue([]string{"cse-in/sensor/" + name})}})
	return err
}

func (s *story) subscribe(ctx context.Context) (string, error) {
	var err error
	s.listener, err = client.Listen(ctx, "127.0.0.1:0", s.arrives)
	if err != nil {
		return "", err
	}
	enc := onem2m.Object{{Name: "net", Value: onem2m.IntsValue([]int64{3})}}
	_, err = s.dashboard.Create(ctx, sensorContainer, onem2m.TypeSubscription, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("board")},
		{Name: "nu", Value: onem2m.TextsValue([]string{s.listener.URL})},
		{Name: "enc", Value: enc.Append(nil)},
		{Name: "nct", Value: onem2m.IntValue(1)},
	})
	if err != nil {
		return "", err
	}
	if err := s.post(ctx, "23.0"); err != nil {
		return "", err
	}
	return s.awaitValue(ctx, "23.0")
}

// arrives keeps a notification.
func (s *story) arrives(n client.Notification) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived = append(s.arrived, n)
	return nil
}

// awaitValue waits until a notification with a value has come.
func (s *story) awaitValue(ctx context.Context, value string) (string, error) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; pause(ctx, 10*time.Millisecond) {
		s.mu.Lock()
		for _, n := range s.arrived {
			if con, _ := n.Resource.Text("con"); con == value {
				s.mu.Unlock()
				return "notified: " + con, nil
			}
		}
		s.mu.Unlock()
	}
	return "", errors.New("no notification with " + value + " came")
}

// intrusion: a valid certificate of somebody else is not enough.
func (s *story) intrusion(ctx context.Context) bool {
	s.chapter("4  An intruder with a certificate of its own")
	claim := func(as string, do func() error) func() (string, error) {
		return func() (string, error) {
			s.intruder.SetFrom(as)
			return refused(do(), onem2m.OriginatorNotAuthenticated)
		}
	}
	return s.step("A third application gets a certificate for CIntruder", "issued", func() (string, error) {
		c, err := s.issue("CIntruder")
		s.intruder = c
		return "it may connect; that is all", err
	}) && s.step("It posts a value as CSensor", "refused with 4106 before any policy is looked at", claim("CSensor", func() error {
		_, err := s.intruder.Create(ctx, sensorContainer, onem2m.TypeContentInstance, onem2m.Object{{Name: "con", Value: onem2m.TextValue("99")}})
		return err
	})) && s.step("It asks for a resource that doesn't exist, as CSensor", "4106 as well: it learns nothing about what exists", claim("CSensor", func() error {
		_, err := s.intruder.Retrieve(ctx, "cse-in/nothing/here")
		return err
	})) && s.step("It deletes the sensor as CAdmin", "refused: only the administrator's own certificate is the administrator", claim("CAdmin", func() error {
		return s.intruder.Delete(ctx, "cse-in/sensor")
	})) && s.step("Its certificate is revoked", "the next handshake fails", func() (string, error) {
		if _, err := s.ca.Revoke(filepath.Join(s.dir, "CIntruder.crt")); err != nil {
			return "", err
		}
		for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; pause(ctx, 100*time.Millisecond) {
			s.intruder.Close() // a new handshake each time
			if _, err := s.intruder.Retrieve(ctx, "-"); err != nil && !isRefusal(err) && ctx.Err() == nil {
				return "it can't connect any more", nil
			}
		}
		return "", errors.New("it still connects")
	})
}

// conditions: a rule with authentication, a time window and an address.
func (s *story) conditions(ctx context.Context) bool {
	s.chapter("5  A rule with conditions, and why it holds or doesn't")
	return s.step("The sensor writes a rule for a second container: authenticated originators, from this machine, at office hours", "created and linked", func() (string, error) {
		if _, err := s.sensor.Create(ctx, "cse-in/sensor", onem2m.TypeContainer, onem2m.Object{{Name: "rn", Value: onem2m.TextValue("vault")}}); err != nil {
			return "", err
		}
		rules := `{"acr":[{"acor":["CDashboard"],"acop":2,"acaf":true,"acco":[{"actw":["* * 8-17 * * 1-5 *"],"acip":{"ipv4":["127.0.0.0/8"],"ipv6":["::1"]}}]},{"acor":["CSensor"],"acop":63}]}`
		return "linked as " + vaultPolicy, s.policy(ctx, "office-hours", rules, vault)
	}) && s.explained(ctx, "Wednesday 10:30, from 127.0.0.1, authenticated", true, node.Question{Time: at(10), Source: "127.0.0.1"}) &&
		s.explained(ctx, "Wednesday 22:30", false, node.Question{Time: at(22), Source: "127.0.0.1"}) &&
		s.explained(ctx, "Wednesday 10:30, from 192.0.2.7", false, node.Question{Time: at(10), Source: "192.0.2.7"}) &&
		s.explained(ctx, "Wednesday 10:30, not authenticated", false, node.Question{Time: at(10), Source: "127.0.0.1", Authenticated: new(bool)}) &&
		s.step("The dashboard asks the CSE to explain", "refused: only the administrator's certificate opens that", func() (string, error) {
			_, err := node.Ask(ctx, s.dashboard.HTTP, s.localhost(), node.Question{From: "CDashboard", To: vault, Operation: "retrieve"})
			var no *node.RefusedError
			if !errors.As(err, &no) || no.Status != http.StatusForbidden {
				return "", fmt.Errorf("not refused: %w", err)
			}
			return "refused", nil
		})
}

// at is a Wednesday, UTC.
func at(hour int) time.Time { return time.Date(2026, 3, 4, hour, 30, 0, 0, time.UTC) }

// explained asks the running CSE, as its administrator, why CDashboard may or
// may not read the vault.
func (s *story) explained(ctx context.Context, when string, permit bool, q node.Question) bool {
	expected := map[bool]string{true: "permitted", false: "denied"}[permit]
	q.From, q.To, q.Operation = "CDashboard", vault, "retrieve"
	var answer node.Answer
	ok := s.step("explain: may CDashboard read it? "+when, expected, func() (string, error) {
		if s.admin == nil {
			c, err := s.connect("CAdmin", filepath.Join(s.data(), "pki", "admin"))
			if err != nil {
				return "", err
			}
			s.admin = c
		}
		var err error
		if answer, err = node.Ask(ctx, s.admin.HTTP, s.localhost(), q); err != nil {
			return "", err
		}
		if answer.Permit != permit {
			return "", fmt.Errorf("the CSE says permit=%t", answer.Permit)
		}
		return expected + ", and this is why:", nil
	})
	for _, r := range answer.Reasons {
		s.note(fmt.Sprintf("%s rule %d: %s", r.Policy, r.Rule, r.Text))
	}
	return ok
}
