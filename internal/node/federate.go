package node

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/binding/wsb"
	"bulwark/internal/cse"
	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
)

// federate is what connects the CSE with others: nil fields where there is no
// registrar.
type federate struct {
	client    *httpb.Client
	carrier   *federation.Carrier
	sockets   *wsb.Client // to registrars by WebSocket
	registree *federation.Registree
	poller    *federation.Poller
}

// ways sends to other CSEs: through a polling channel of this one, or to a
// point of access, with the certificate as it is now.
type ways struct {
	late   *directory
	client *httpb.Client
	socket sockets
	own    *identity.KeyPair
	leaf   *atomic.Pointer[x509.Certificate] // that the open connections were made with
}

// Send implements federation.Sender.
func (w ways) Send(ctx context.Context, point string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	if strings.HasPrefix(point, federation.PollingScheme) {
		return w.late.cse.Send(ctx, point, who, req)
	}
	if w.own != nil {
		if now := w.own.Leaf(); w.leaf.Swap(now) != now {
			w.client.Close() // the next connections show the new certificate
			w.socket.drop()
		}
	}
	if res, taken, err := w.socket.send(ctx, point, who, req); taken {
		return res, err
	}
	return w.client.Send(ctx, point, who, req)
}

// openWays makes what carries requests to other CSEs. It has connections of its
// own: a request may take as long as its originator waits, and notifications
// wait for nobody.
func (n *Node) openWays(late *directory) error {
	options, err := n.clientOptions()
	if err != nil {
		return err
	}
	options.Timeout = -1
	options.MaxResponse = max(options.MaxResponse, httpb.DefaultMaxResponse) // an answer may hold many resources
	if n.cfg.Remote.URL != "" {
		u, err := url.Parse(n.cfg.Remote.URL)
		if err != nil {
			return fmt.Errorf("registrar: %w", err)
		}
		// The operator names the registrar: it may be on this machine, and nobody
		// else that says so of itself.
		options.Policy.AllowHosts = []string{hostPort(u)}
	}
	n.peers.client = httpb.NewClient(options)
	n.peers.sockets = n.newSocketClient()
	n.peers.carrier = federation.NewCarrier(n.sender(late), n.forwarded, n.o.Now, n.log)
	return nil
}

// hostPort is where a URL leads, as a connection is made.
func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https" || u.Scheme == "wss":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), port)
}

// told are the points of access that other CSEs are told: those over TLS where
// there is one, and of this machine alone only if there is nothing else.
func told(points []string) []string {
	keep := func(points []string, good func(*url.URL) bool) []string {
		left := slices.DeleteFunc(slices.Clone(points), func(point string) bool {
			u, err := url.Parse(point)
			return err != nil || !good(u)
		})
		if len(left) == 0 {
			return points
		}
		return left
	}
	points = keep(points, func(u *url.URL) bool {
		ip, err := netip.ParseAddr(u.Hostname())
		return !strings.EqualFold(u.Hostname(), "localhost") && (err != nil || !ip.Unmap().IsLoopback())
	})
	return keep(points, func(u *url.URL) bool { return u.Scheme == "https" || u.Scheme == "wss" })
}

func (n *Node) sender(late *directory) ways {
	w := ways{late: late, client: n.peers.client, socket: sockets{n.peers.sockets, n.sockets, n.cfg.RegistrarID(), n.cfg.CSE.SP, n.registrations()}, own: n.own, leaf: &atomic.Pointer[x509.Certificate]{}}
	if w.own != nil {
		w.leaf.Store(w.own.Leaf())
	}
	return w
}

// openRegistration makes what keeps this CSE registered.
func (n *Node) openRegistration(late *directory, releases []string) {
	if n.cfg.Remote.URL == "" {
		return
	}
	random := n.o.Random
	if random == nil {
		random = rand.Reader
	}
	self := federation.Self{Type: int(cseType(n.cfg.CSE.Type)), Releases: releases}
	if !n.cfg.Remote.Poll {
		self.Points = told(n.cfg.AccessPoints())
	}
	sender := n.sender(late)
	n.peers.registree = federation.NewRegistree(federation.RegistreeOptions{
		Home: n.cfg.Home(), Registrar: n.cfg.RegistrarID(), URL: n.cfg.Remote.URL, Self: self,
		Sender: sender, Local: n.cse, Check: n.cfg.Timing.RegistrationCheck.Duration,
		Now: n.o.Now, Random: random, Log: n.log,
		Joined: func(bool) {
			if p := n.peers.poller; p != nil {
				p.Changed()
			}
		},
	})
	if n.cfg.Remote.Poll {
		n.peers.poller = federation.NewPoller(n.peers.registree, sender, n.fetched, n.log)
	}
}

// fetched carries out a request that was fetched from the registrar: it came
// over the connection to it, so it is held against its identity.
func (n *Node) fetched(ctx context.Context, give func() (resume func()), req *onem2m.Request) *onem2m.Response {
	scheme, _, _ := strings.Cut(n.cfg.Remote.URL, ":")
	return n.gate.Handle(cse.WithYield(ctx, give), n.called(n.cfg.RegistrarID(), scheme), req)
}

// called is the association of a connection that this CSE has opened to another
// one, whose certificate was looked at if the binding is one over TLS.
func (n *Node) called(id onem2m.ID, binding string) *identity.Association {
	a := &identity.Association{
		Kind: identity.KindCSE, Framework: identity.FrameworkNone, IDs: []onem2m.ID{id},
		Upstream: id == n.cfg.RegistrarID() && id.SP() == n.cfg.CSE.SP, // not a former one
		Required: true, Binding: binding,
	}
	if config.Binding(binding).Secure() {
		a.Framework = identity.FrameworkCertificate
		a.CredentialID = identity.CredentialID(identity.CredentialCSE, string(id))
	}
	return a
}

// neighboursChanged tells the registrar of other descendants.
func (n *Node) neighboursChanged() {
	if r := n.peers.registree; r != nil {
		r.Changed()
	}
}

// forwarded counts what became of a request on its way to another CSE.
func (n *Node) forwarded(hop onem2m.ID, r federation.Result) {
	direction := "down"
	switch {
	case hop == n.cfg.RegistrarID():
		direction = "up"
	case hop.SP() != n.cfg.CSE.SP:
		direction = "across"
	}
	n.metrics.Forwarded(direction, string(r))
}

// leaveOthers takes leave of former registrars. What can't be done now is left
// to the next start.
func (n *Node) leaveOthers(ctx context.Context) {
	former, err := n.cse.FormerRegistrars(ctx)
	if err != nil && ctx.Err() == nil {
		n.log.WarnContext(ctx, "former registrars", "err", err)
	}
	if len(former) == 0 {
		return
	}
	client := n.newSocketClient() // its connections end with the farewells
	defer client.Close()
	for _, m := range former {
		d := federation.Departure{
			Home: n.cfg.Home(), Registrar: m.ID, Points: m.Points, Log: n.log,
			Sender: ways{client: n.peers.client, socket: sockets{client: client, registrar: m.ID, sp: n.cfg.CSE.SP}},
		}
		if !d.Run(ctx, rand.Text) {
			return
		}
		if err := n.cse.Unmirror(ctx, m.RI); err != nil {
			n.log.WarnContext(ctx, "the <remoteCSE> of a former registrar stays", "registrar", m.ID, "err", err)
		}
	}
}

// farewellTime is how long a CSE waits with its registration until former
// registrars have let it go. One that can't be reached holds it up no longer.
const farewellTime = 2 * time.Second

// awaitLeave waits for a farewell: a new registrar that is known first would claim
// a CSE that others still know from the former one, as a liar does (S-093).
func awaitLeave(ctx context.Context, left <-chan struct{}) {
	timer := time.NewTimer(farewellTime)
	defer timer.Stop()
	select {
	case <-left:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// loadShown reads the certificate that other CSEs are shown, where that is not
// the one of a listener, and the trust of connections to them, where there is
// no listener to take it from.
func (n *Node) loadShown() (err error) {
	r := n.cfg.Remote
	if r.Cert != "" {
		if n.own, err = identity.LoadKeyPair(string(r.Cert), string(r.Key)); err != nil {
			return fmt.Errorf("certificate for other CSEs: %w", err)
		}
	}
	if n.trust != nil || !strings.HasPrefix(r.URL, "https:") && !strings.HasPrefix(r.URL, "wss:") {
		return nil
	}
	anchors, err := n.anchors(anchorChoice{})
	if err != nil {
		return err
	}
	n.trust, err = n.newTrust(anchors)
	return err
}

// central is the IN-CSE that the operator names, or "".
func central(cfg *config.Config) onem2m.ID {
	id, _, err := cfg.Home().ParseID(cfg.Remote.IN)
	if err != nil {
		return ""
	}
	return id
}

// expected returns the patterns of the CSEs that peers may state to be below
// them, absolute, by peer.
func expected(cfg *config.Config) map[onem2m.ID][]string {
	all := map[onem2m.ID][]string{}
	for _, p := range cfg.Peers {
		id, _, err := cfg.Home().ParseID(p.ID)
		if err != nil {
			continue // told when the configuration is checked
		}
		all[id] = append(all[id], absolute(cfg, p.Descendants)...)
	}
	maps.DeleteFunc(all, func(_ onem2m.ID, patterns []string) bool { return len(patterns) == 0 })
	return all
}

// registrees returns the patterns of the CSEs that may register here.
func registrees(cfg *config.Config) []string { return absolute(cfg, cfg.CSE.Registrees) }

// providers returns where the IN-CSEs of other providers are found by DNS.
func providers(cfg *config.Config) map[onem2m.ID]string {
	found := map[onem2m.ID]string{}
	for _, p := range cfg.Peers {
		id, _, err := cfg.Home().ParseID(p.ID)
		if err != nil || p.DNSPort == 0 {
			continue // told when the configuration is checked
		}
		found[id] = "https://" + net.JoinHostPort(cfg.PublicName(p), strconv.Itoa(p.DNSPort))
	}
	return found
}

// absolute puts the SP in front of patterns of CSE-IDs where it is missing.
func absolute(cfg *config.Config, patterns []string) []string {
	all := make([]string, 0, len(patterns))
	for _, pattern := range patterns {
		if !strings.HasPrefix(pattern, "//") {
			pattern = cfg.CSE.SP + pattern
		}
		all = append(all, pattern)
	}
	return all
}

// registrarPeer is the registrar as a peer with an anchor of its own.
func registrarPeer(cfg *config.Config) []identity.Peer {
	if cfg.Remote.CA == "" || cfg.RegistrarID() == "" {
		return nil
	}
	return []identity.Peer{{ID: cfg.RegistrarID(), CA: string(cfg.Remote.CA)}}
}

// networks are the underlying networks over which other CSEs are reached.
func networks(cfg *config.Config) map[onem2m.ID]string {
	named := map[onem2m.ID]string{}
	for _, p := range cfg.Peers {
		if id, _, err := cfg.Home().ParseID(p.ID); err == nil && p.Network != "" {
			named[id] = p.Network
		}
	}
	return named
}

var (
	_ federation.Sender = ways{}
	_ federation.Local  = (*cse.CSE)(nil)
)
