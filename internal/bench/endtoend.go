package bench

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"time"

	"bulwark/client"
	"bulwark/e2e/esprim"
	"bulwark/onem2m"
)

// establishing is the table that lets the AE of the TLS listener establish a
// key with the CSE.
const establishing = "[[escertke.peer]]\nid = \"//m2m.example/id-in/CBenchSafe\"\n"

// protectionGoal bounds what protecting a request from end to end may add to
// it, both ends together.
const protectionGoal = 100 * time.Microsecond

// measureEndToEnd compares a request that is protected from end to end with the
// same one in clear and over mutual TLS. All are sent by the SDK, one at a time:
// what is measured is the time of both ends.
func measureEndToEnd(ctx context.Context, t *table, g *rig, data string, d time.Duration) error {
	prefix, ca := filepath.Join(data, "bench"), filepath.Join(data, "pki", "ca.crt")
	_, port, err := net.SplitHostPort(g.safe)
	if err != nil {
		return err
	}
	dial := func(url string) (*client.Client, error) {
		return client.New(client.Options{URL: url, From: "CBenchSafe", CA: ca, Cert: prefix + ".crt", Key: prefix + ".key"})
	}
	plain, err := dial("http://" + g.plain)
	if err != nil {
		return err
	}
	defer plain.Close()
	safe, err := dial("https://localhost:" + port)
	if err != nil {
		return err
	}
	defer safe.Close()
	const cse onem2m.ID = "//m2m.example/id-in"
	key, err := plain.AgreeKey(ctx, client.Agreement{Peer: cse})
	if err != nil {
		return fmt.Errorf("key for protected requests: %w", err)
	}
	protected, err := plain.ESPrim(client.Target{
		To: "/id-in/-", Self: cse + "/CBenchSafe", Key: esprim.Key{ID: key.ID, Secret: key.Secret, Peer: key.Peer},
	})
	if err != nil {
		return err
	}
	retrieve := func(c *client.Client) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.Retrieve(ctx, "/id-in/cse-in/safe/400")
			return err
		}
	}
	const base = "RETRIEVE by the SDK, one at a time"
	for _, m := range []struct {
		name string
		do   func(context.Context) error
	}{
		{base, retrieve(plain)},
		{"  over mutual TLS", retrieve(safe)},
		{"  protected by ESPrim, over plain HTTP", retrieve(protected)},
	} {
		f, err := repeat(ctx, d, m.do)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		t.rate(m.name, f, base, 0)
	}
	added := t.byID["  protected by ESPrim, over plain HTTP"].p50 - t.byID[base].p50
	t.value("  added by ESPrim, both ends (p50)", short(added), "≤ "+short(protectionGoal), added <= protectionGoal)
	return t.handshakes(ctx, plain, cse)
}

// handshakes measures key establishments. The CSE lets one peer begin only some
// of them in a minute, and two have been made by then.
func (t *table) handshakes(ctx context.Context, c *client.Client, cse onem2m.ID) error {
	const rounds = 20
	times := make([]time.Duration, 0, rounds)
	for range rounds {
		start := time.Now()
		if _, err := c.AgreeKey(ctx, client.Agreement{Peer: cse}); err != nil {
			return fmt.Errorf("key establishment: %w", err)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	t.add(row{Name: "ESCertKE, both ends and two notifications", Value: short(times[rounds/2]), Met: true})
	return nil
}

// repeat does something over and over on one goroutine.
func repeat(ctx context.Context, d time.Duration, do func(context.Context) error) (figures, error) {
	var times []time.Duration
	for range 50 { // connections and sessions come about
		if err := do(ctx); err != nil {
			return figures{}, err
		}
	}
	started := time.Now()
	for time.Since(started) < d {
		start := time.Now()
		if err := do(ctx); err != nil {
			return figures{}, err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return figures{perSecond: float64(len(times)) / time.Since(started).Seconds(), p50: times[len(times)/2], p99: times[len(times)*99/100]}, nil
}
