package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bulwark/client"
	"bulwark/internal/cli"
	"bulwark/internal/node"
	"bulwark/internal/ops/config"
	"bulwark/internal/pki"
	"bulwark/onem2m"
)

// rig is the CSE under load and what is needed to load it.
type rig struct {
	node        *node.Node
	plain, safe string // addresses
	socket      string // URL of the WebSocket listener
	grantor     *grantor
	tls         *tls.Config
	stop        func() error
}

// echoSize is the size of the reference handler's answer, in octets.
const echoSize = 300

// measureServer measures requests against the reference handler.
func measureServer(ctx context.Context, t *table, r cli.BenchRequest, dir string) (err error) {
	echo, stopEcho, err := startEcho(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopEcho()) }()
	g, err := startRig(ctx, filepath.Join(dir, "load"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.stop()) }()
	plain := func(req string, status int) target {
		return target{address: g.plain, request: []byte(req), status: status}
	}
	safe := func(req string, status int) target {
		return target{address: g.safe, tls: g.tls, request: []byte(req), status: status}
	}
	for _, m := range []struct {
		name string
		t    target
		to   string
		goal float64
	}{
		{"echo", target{address: echo, request: []byte("GET / HTTP/1.1\r\nHost: bench\r\n\r\n"), status: 200}, "", 0},
		{"RETRIEVE 400 octets", plain(get("CBenchPlain", "cse-in/plain/400"), 200), "echo", 0.6},
		{"RETRIEVE latest", plain(get("CBenchPlain", "cse-in/plain/data/la"), 200), "echo", 0.6},
		{"CREATE 100 octets, durable", plain(post("CBenchPlain", "cse-in/plain/data"), 201), "echo", 0.15},
		{"RETRIEVE by fan-out to 100 members", plain(get("CBenchPlain", "cse-in/plain/all/fopt"), 200), "RETRIEVE 400 octets", 0.1},
		{"RETRIEVE over mutual TLS", safe(get("CBenchSafe", "cse-in/safe/400"), 200), "RETRIEVE 400 octets", 0.9},
		{"CREATE over mutual TLS", safe(post("CBenchSafe", "cse-in/safe/data"), 201), "CREATE 100 octets, durable", 0.9},
	} {
		f, err := measure(ctx, m.t, r.Connections, r.Duration)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		t.rate(m.name, f, m.to, m.goal)
		if m.to == "echo" {
			t.value("  p99 / p50", fmt.Sprintf("%.1f", float64(f.p99)/float64(f.p50)), "≤ 10", f.p99 <= 10*f.p50)
		}
	}
	if err := measureGrants(ctx, t, g, r); err != nil {
		return err
	}
	if err := measureHops(ctx, t, g, r, dir); err != nil {
		return err
	}
	if err := measureEndToEnd(ctx, t, g, filepath.Join(dir, "load"), r.Duration); err != nil {
		return err
	}
	return measureNotifications(ctx, t, g, r.Duration)
}

func get(from, to string) string {
	return "GET /" + to + " HTTP/1.1\r\nHost: bench\r\nX-M2M-Origin: " + from + "\r\nX-M2M-RI: " + string(placeholder) + "\r\nX-M2M-RVI: 3\r\nAccept: application/json\r\n\r\n"
}

func post(from, to string) string {
	body := `{"m2m:cin":{"con":"` + strings.Repeat("x", 100) + `"}}`
	return "POST /" + to + "?rcn=0 HTTP/1.1\r\nHost: bench\r\nX-M2M-Origin: " + from + "\r\nX-M2M-RI: " + string(placeholder) +
		"\r\nX-M2M-RVI: 3\r\nContent-Type: application/json;ty=4\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body
}

// startEcho runs the reference: a bare handler of the same HTTP server.
func startEcho(ctx context.Context) (address string, stop func() error, err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	answer := []byte(strings.Repeat("x", echoSize))
	s := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(answer) // the client sees what is missing
	})}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	return l.Addr().String(), func() error {
		err := s.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

// startRig runs a CSE in this process, with a trusting plain listener and a TLS
// one, and makes what is measured.
func startRig(ctx context.Context, data string) (*rig, error) {
	grants, err := newGrantor()
	if err != nil {
		return nil, err
	}
	file, err := grants.configuration(filepath.Dir(data), establishing)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(config.Sources{File: file, Flags: map[string]string{
		"data": data, "http": "127.0.0.1:0", "https": "127.0.0.1:0", "wss": "127.0.0.1:0", "trust-plain": "true",
	}})
	if err != nil {
		return nil, err
	}
	n, err := node.Open(ctx, cfg, node.Options{Version: "bench"})
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- n.Run(running) }()
	g := &rig{node: n, grantor: grants, stop: func() error { cancel(); return errors.Join(<-done, n.Close()) }}
	for _, address := range n.Addresses() {
		switch scheme, rest, _ := strings.Cut(address, "://"); scheme {
		case "https":
			g.safe = rest
		case "wss":
			g.socket = address
		default:
			g.plain = rest
		}
	}
	if err := g.furnish(ctx, data); err != nil {
		return nil, errors.Join(err, g.stop())
	}
	return g, nil
}

// furnish registers an AE for each listener and makes its containers.
func (g *rig) furnish(ctx context.Context, data string) error {
	authority, err := pki.Open(filepath.Join(data, "pki"))
	if err != nil {
		return err
	}
	prefix := filepath.Join(data, "bench")
	if _, err := authority.Issue(pki.AE, "CBenchSafe", pki.Options{Out: prefix}); err != nil {
		return err
	}
	if g.tls, err = clientTLS(authority.CAFile(), prefix); err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(g.safe)
	if err != nil {
		return err
	}
	for _, o := range []client.Options{
		{URL: "http://" + g.plain, From: "CBenchPlain"},
		{URL: "https://localhost:" + port, From: "CBenchSafe", CA: authority.CAFile(), Cert: prefix + ".crt", Key: prefix + ".key"},
	} {
		if err := furnishAE(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func furnishAE(ctx context.Context, o client.Options) error {
	c, err := client.New(o)
	if err != nil {
		return err
	}
	defer c.Close()
	name := strings.ToLower(strings.TrimPrefix(o.From, "CBench"))
	if _, err := c.Register(ctx, client.AE{Name: name, App: "Nbench"}); err != nil {
		return err
	}
	// Two labels bring the representation to 400 octets.
	labels := onem2m.TextsValue([]string{strings.Repeat("a", 90), strings.Repeat("b", 80)})
	if _, err := c.Create(ctx, "cse-in/"+name, onem2m.TypeContainer, onem2m.Object{{Name: "rn", Value: onem2m.TextValue("400")}, {Name: "lbl", Value: labels}}); err != nil {
		return err
	}
	if _, err := c.Create(ctx, "cse-in/"+name, onem2m.TypeContainer, onem2m.Object{{Name: "rn", Value: onem2m.TextValue("data")}}); err != nil {
		return err
	}
	if err := furnishGroup(ctx, c, "cse-in/"+name); err != nil {
		return err
	}
	_, err = c.Create(ctx, "cse-in/"+name+"/data", onem2m.TypeContentInstance, onem2m.Object{{Name: "con", Value: onem2m.TextValue(strings.Repeat("x", 100))}})
	return err
}

// furnishGroup makes a group of a hundred containers.
func furnishGroup(ctx context.Context, c *client.Client, ae string) error {
	const size = 100
	var members []string
	for i := range size {
		name := fmt.Sprintf("member%d", i)
		if _, err := c.Create(ctx, ae, onem2m.TypeContainer, onem2m.Object{{Name: "rn", Value: onem2m.TextValue(name)}}); err != nil {
			return err
		}
		members = append(members, ae+"/"+name)
	}
	_, err := c.Create(ctx, ae, onem2m.TypeGroup, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("all")},
		{Name: "mt", Value: onem2m.IntValue(int64(onem2m.TypeContainer))},
		{Name: "mid", Value: onem2m.TextsValue(members)},
		{Name: "mnm", Value: onem2m.IntValue(size)},
	})
	return err
}

func clientTLS(ca, prefix string) (*tls.Config, error) {
	data, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return nil, errors.New("the authority has no certificate")
	}
	own, err := tls.LoadX509KeyPair(prefix+".crt", prefix+".key")
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{own}, ServerName: "localhost"}, nil
}
