package node

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/identity"
	"bulwark/internal/ops/config"
	"bulwark/internal/pki"
	"bulwark/onem2m"
)

// loadTrust reads or makes the certificates: who this CSE is, and whom it
// believes. Without any configured anchor that is the development authority in
// the data directory, which is made at first start.
func (n *Node) loadTrust() error {
	listener, found := n.httpsListener()
	if !found {
		return nil
	}
	cfg := n.cfg
	var anchors []identity.Anchor
	if n.developmentCA(listener) {
		files, err := pki.EnsureServer(string(cfg.Data), cfg.Home(), cfg.CSE.Admin)
		if err != nil {
			return fmt.Errorf("development certificates: %w", err)
		}
		if files.Made {
			n.made = &files
		}
		anchors = files.Anchors
	}
	for _, a := range cfg.Anchors {
		names := make([]string, 0, len(a.Flavours))
		for _, f := range a.Flavours {
			names = append(names, string(f))
		}
		flavours, err := identity.ParseFlavours(names)
		if err != nil {
			return fmt.Errorf("anchor %s: %w", a.CA, err)
		}
		anchors = append(anchors, identity.Anchor{CA: string(a.CA), Flavours: flavours, CRL: string(a.CRL)})
	}
	if listener.ClientCA != "" {
		all, err := identity.ParseFlavours([]string{"ae", "cse", "node", "device", "fqdn"})
		if err != nil {
			return err
		}
		anchors = append(anchors, identity.Anchor{CA: string(listener.ClientCA), Flavours: all})
	}
	peers := make([]identity.Peer, 0, len(cfg.Peers))
	for _, p := range cfg.Peers {
		id, _, err := cfg.Home().ParseID(p.ID)
		if err != nil {
			return fmt.Errorf("peer %s: %w", p.ID, err)
		}
		peers = append(peers, identity.Peer{ID: id, DNS: p.DNS, CA: string(p.CA)})
	}
	var err error
	if n.own, err = identity.LoadKeyPair(string(listener.Cert), string(listener.Key)); err != nil {
		return fmt.Errorf("certificate of the CSE: %w", err)
	}
	n.trust, err = identity.NewTrust(identity.TrustConfig{
		Home: cfg.Home(), Anchors: anchors, Peers: peers, Log: n.log, Now: n.o.Now,
	})
	if err != nil {
		return fmt.Errorf("trust anchors: %w", err)
	}
	return nil
}

func (n *Node) httpsListener() (config.Listener, bool) {
	for _, l := range n.cfg.Listen {
		if l.Binding == config.BindingHTTPS {
			return l, true
		}
	}
	return config.Listener{}, false
}

// developmentCA reports whether the certificates in the data directory are used:
// as the CSE's own, or for want of any configured anchor.
func (n *Node) developmentCA(l config.Listener) bool {
	return l.Cert == n.cfg.PKI("server.crt") || len(n.cfg.Anchors) == 0 && l.ClientCA == ""
}

// clientOptions are the rules for requests that the CSE itself sends
// (decisions on outgoing requests and on whom to trust).
func (n *Node) clientOptions() httpb.ClientOptions {
	out := n.cfg.Outbound
	policy := httpb.Policy{Own: n.ownAddresses, LoopbackAllowed: n.cfg.LoopbackOnly()}
	for _, h := range out.Allow {
		if h.Name != "" {
			policy.AllowNames = append(policy.AllowNames, h.Name)
		} else {
			policy.AllowPrefixes = append(policy.AllowPrefixes, h.Prefix)
		}
	}
	for _, h := range out.Deny {
		if h.Name != "" {
			policy.DenyNames = append(policy.DenyNames, h.Name)
		} else {
			policy.DenyPrefixes = append(policy.DenyPrefixes, h.Prefix)
		}
	}
	roots, err := outboundRoots(string(out.CA))
	if err != nil {
		n.log.Error("outbound ca: no https receiver named by URL will be called", "err", err)
	}
	return httpb.ClientOptions{
		Policy: policy, Log: n.log,
		ConnectTimeout: out.ConnectTimeout.Duration, Timeout: out.Timeout.Duration,
		MaxResponse: int64(n.cfg.Limits.Body),
		TLSFor: func(who onem2m.ID) *tls.Config {
			switch {
			case who != "" && n.trust != nil:
				return n.trust.ClientConfig(n.own, who)
			case who == "" && err == nil:
				return identity.HostConfig(n.own, roots)
			}
			return nil // fail closed: https to this target is refused
		},
	}
}

// outboundRoots reads [outbound] ca; nil stands for the roots of the system.
func outboundRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

// ownAddresses are the listeners, which are never called.
func (n *Node) ownAddresses() []netip.AddrPort {
	var list []netip.AddrPort
	for _, s := range n.servers {
		if tcp, ok := s.Addr().(*net.TCPAddr); ok {
			list = append(list, tcp.AddrPort())
		}
	}
	return list
}
