package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bulwark/client"
	"bulwark/internal/cli"
	"bulwark/internal/identity"
	"bulwark/internal/node"
	"bulwark/internal/ops/config"
	"bulwark/internal/pki"
	"bulwark/onem2m"
)

// joining bounds the registration of the MN-CSE, which is a matter of
// milliseconds once the IN-CSE serves.
const joining = 30 * time.Second

// hop is an MN-CSE below the CSE under load, with an AE at it that uses what
// the other one hosts.
type hop struct {
	address string
	tls     *tls.Config
	stop    func() error
}

// measureHops compares requests that an MN-CSE passes on, over mutual TLS, with
// the same ones at the CSE that hosts the target: by either binding for the way
// between the CSEs.
func measureHops(ctx context.Context, t *table, g *rig, r cli.BenchRequest, dir string) error {
	if err := g.share(ctx); err != nil {
		return fmt.Errorf("what is shared: %w", err)
	}
	over := neighbour{binding: "WebSocket", registrar: g.socket, id: "/id-ws", dir: filepath.Join(dir, "ws")}
	if err := measureHop(ctx, t, g, r, over, nil); err != nil {
		return err
	}
	over = neighbour{binding: "HTTP", registrar: "https://" + g.safe, id: "/id-mn", dir: filepath.Join(dir, "http")}
	return measureHop(ctx, t, g, r, over, measurePoint)
}

// neighbour is an MN-CSE to be, and how it talks to its registrar.
type neighbour struct{ binding, registrar, id, dir string }

// measureHop does so for one binding, and then whatever else is measured there.
func measureHop(ctx context.Context, t *table, g *rig, r cli.BenchRequest, over neighbour,
	then func(context.Context, *table, *rig, *hop, cli.BenchRequest) error,
) (err error) {
	h, err := startHop(ctx, over)
	if err != nil {
		return fmt.Errorf("an MN-CSE before the CSE: %w", err)
	}
	defer func() { err = errors.Join(err, h.stop()) }()
	for _, m := range []struct {
		name, request, to string
		status            int
	}{
		{"RETRIEVE over one hop (" + over.binding + ")", get("CBenchHop", "~/id-in/cse-in/safe/shared"), "RETRIEVE over mutual TLS", 200},
		{"CREATE over one hop (" + over.binding + ")", post("CBenchHop", "~/id-in/cse-in/safe/shared"), "CREATE over mutual TLS", 201},
	} {
		f, err := measure(ctx, target{address: h.address, tls: h.tls, request: []byte(m.request), status: m.status}, r.Connections, r.Duration)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		t.rate(m.name, f, m.to, 0)
		added := t.byID[m.to].perSecond/f.perSecond - 1
		t.value("  added by the hop", fmt.Sprintf("%.2f × %s", added, m.to), "≤ 0.5", added <= 0.5)
		if local := t.byID[m.to].processor; local > 0 {
			t.value("  of processor time", fmt.Sprintf("%.2f × %s", float64(f.processor-local)/float64(local), short(local)), "", true)
		}
	}
	if then == nil {
		return nil
	}
	return then(ctx, t, g, h, r)
}

// startHop runs the MN-CSE in this process and waits until its AE gets through.
func startHop(ctx context.Context, over neighbour) (*hop, error) {
	authority, err := pki.Open(filepath.Join(filepath.Dir(over.dir), "load", "pki"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(over.dir, 0o700); err != nil {
		return nil, err
	}
	own, ae := filepath.Join(over.dir, "mn"), filepath.Join(over.dir, "hop")
	if _, err := authority.Issue(pki.CSE, over.id, pki.Options{Out: own}); err != nil {
		return nil, err
	}
	if _, err := authority.Issue(pki.AE, over.id+"/CBenchHop", pki.Options{Out: ae}); err != nil {
		return nil, err
	}
	n, err := openMN(ctx, over, own, authority.CAFile())
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- n.Run(running) }()
	h := &hop{stop: func() error { cancel(); return errors.Join(<-done, n.Close()) }}
	if err := h.furnish(ctx, onem2m.ID("//m2m.example"+over.id), n.Addresses()[0], authority.CAFile(), ae); err != nil {
		return nil, errors.Join(err, h.stop())
	}
	return h, nil
}

// openMN prepares the MN-CSE. It need not be reached by the other CSE.
func openMN(ctx context.Context, over neighbour, prefix, ca string) (*node.Node, error) {
	file := prefix + ".toml"
	listener := fmt.Sprintf("[[listen]]\nbinding = \"https\"\naddress = \"127.0.0.1:0\"\ncert = %q\nkey = %q\nclient-ca = %q\n", prefix+".crt", prefix+".key", ca)
	if err := os.WriteFile(file, []byte(listener), 0o600); err != nil {
		return nil, err
	}
	cfg, err := config.Load(config.Sources{File: file, Flags: map[string]string{
		"data": filepath.Join(over.dir, "data"), "cse-type": "mn", "cse-id": over.id, "cse-name": "cse-mn",
		"registrar": over.registrar, "registrar-id": "/id-in",
	}})
	if err != nil {
		return nil, err
	}
	return node.Open(ctx, cfg, node.Options{Version: "bench"})
}

// share makes a container that the AE at the MN-CSE may use.
func (g *rig) share(ctx context.Context) error {
	c, err := client.New(client.Options{URL: "http://" + g.plain, From: "CBenchSafe"})
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Create(ctx, "cse-in/safe", onem2m.TypeAccessControlPolicy, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("hop")},
		{Name: "pv", Value: []byte(`{"acr":[{"acor":["/id-mn/CBenchHop","/id-ws/CBenchHop"],"acop":63}]}`)},
		{Name: "pvs", Value: []byte(`{"acr":[{"acor":["CBenchSafe"],"acop":63}]}`)},
	}); err != nil {
		return err
	}
	_, err = c.Create(ctx, "cse-in/safe", onem2m.TypeContainer, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("shared")},
		{Name: "lbl", Value: onem2m.TextsValue([]string{strings.Repeat("a", 90), strings.Repeat("b", 80)})},
		{Name: "acpi", Value: onem2m.TextsValue([]string{"cse-in/safe/hop"})},
	})
	return err
}

// furnish registers the AE at the MN-CSE and waits for the way to the other CSE.
func (h *hop) furnish(ctx context.Context, id onem2m.ID, url, ca, prefix string) error {
	c, err := client.New(client.Options{URL: url, From: "CBenchHop", CSE: id, CA: ca, Cert: prefix + ".crt", Key: prefix + ".key"})
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Register(ctx, client.AE{Name: "hop", App: "Nbench"}); err != nil {
		return err
	}
	if err := h.delegate(ctx, c); err != nil {
		return err
	}
	h.address = strings.TrimPrefix(url, "https://")
	if h.tls, err = clientTLS(ca, prefix); err != nil {
		return err
	}
	h.tls.ServerName, _ = identity.DomainName(id) // it has one
	for end := time.Now().Add(joining); ; time.Sleep(20 * time.Millisecond) {
		if _, err = c.Retrieve(ctx, "/id-in/cse-in/safe/shared"); err == nil || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
	}
}

// delegate makes two containers at the MN-CSE: one of the AE, and one whose
// policy leaves the decision to the other CSE.
func (h *hop) delegate(ctx context.Context, c *client.Client) error {
	labels := onem2m.TextsValue([]string{strings.Repeat("a", 90), strings.Repeat("b", 80)})
	for _, one := range []struct {
		ty    onem2m.ResourceType
		attrs onem2m.Object
	}{
		{onem2m.TypeAccessControlPolicy, onem2m.Object{
			{Name: "rn", Value: onem2m.TextValue("remote")},
			{Name: "pv", Value: []byte("{}")},
			{Name: "pvs", Value: []byte(`{"acr":[{"acor":["CBenchHop"],"acop":63}]}`)},
			{Name: "adri", Value: onem2m.TextsValue([]string{"/id-in/cse-in/pdp"})},
		}},
		{onem2m.TypeContainer, onem2m.Object{{Name: "rn", Value: onem2m.TextValue("own")}, {Name: "lbl", Value: labels}}},
		{onem2m.TypeContainer, onem2m.Object{
			{Name: "rn", Value: onem2m.TextValue("asked")},
			{Name: "lbl", Value: labels},
			{Name: "acpi", Value: onem2m.TextsValue([]string{"cse-mn/hop/remote"})},
		}},
	} {
		if _, err := c.Create(ctx, "cse-mn/hop", one.ty, one.attrs); err != nil {
			return err
		}
	}
	return nil
}
