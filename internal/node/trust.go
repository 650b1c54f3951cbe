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
	"bulwark/internal/ops/secrets"
	"bulwark/internal/pki"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// credentials are what one listener over TLS shows and believes.
type credentials struct {
	own   *identity.KeyPair
	trust *identity.Trust
}

// anchorChoice is what distinguishes the trust of listeners.
type anchorChoice struct {
	development bool
	clientCA    config.Path
}

// loadTrust reads or makes the certificates: who this CSE is, and whom it
// believes, by listener. Without any configured anchor that is the development
// authority in the data directory, which is made at first start. Connections
// that the CSE opens show the certificate of [remote] or of the first listener
// and believe the anchors of all.
func (n *Node) loadTrust() error {
	n.tls = make([]*credentials, len(n.cfg.Listen))
	made := map[anchorChoice]*identity.Trust{}
	var all []identity.Anchor
	for i, l := range n.cfg.Listen {
		if !l.Binding.Secure() {
			continue
		}
		choice := anchorChoice{n.developmentCA(l), l.ClientCA}
		anchors, err := n.anchors(choice)
		if err != nil {
			return err
		}
		c := &credentials{trust: made[choice]}
		if c.own, err = identity.LoadKeyPair(string(l.Cert), string(l.Key)); err != nil {
			return fmt.Errorf("certificate of the CSE: %w", err)
		}
		if c.trust == nil {
			if c.trust, err = n.newTrust(anchors); err != nil {
				return err
			}
			made[choice] = c.trust
			all = append(all, anchors...)
		}
		if err := c.trust.CheckOwn(c.own); err != nil {
			n.log.Warn("peers may not believe this CSE", "certificate", string(l.Cert), "err", err)
		}
		n.tls[i] = c
		if n.trust == nil {
			n.trust, n.own = c.trust, c.own
		}
	}
	if len(made) > 1 {
		var err error
		if n.trust, err = n.newTrust(all); err != nil {
			return err
		}
	}
	return n.loadShown()
}

// openSecrets reads the master key, or makes it at first start (decision 32).
func (n *Node) openSecrets() (err error) {
	if len(n.cfg.Listen) == 0 {
		return nil // it serves nobody and makes nothing
	}
	n.secrets, err = secrets.Open(secrets.Source{
		File: string(n.cfg.Secrets.MasterKeyFile), Credential: n.cfg.Secrets.SystemdCredential,
		Folder: n.o.Credentials, Dir: string(n.cfg.Data),
	})
	return err
}

// anchors lists the anchors of a listener.
func (n *Node) anchors(choice anchorChoice) ([]identity.Anchor, error) {
	var list []identity.Anchor
	if choice.development {
		files, err := pki.EnsureServer(string(n.cfg.Data), n.cfg.Home(), n.cfg.CSE.Admin)
		if err != nil {
			return nil, fmt.Errorf("development certificates: %w", err)
		}
		if files.Made {
			n.made = &files
		}
		list = files.Anchors
	}
	for _, a := range n.cfg.Anchors {
		names := make([]string, 0, len(a.Flavours))
		for _, f := range a.Flavours {
			names = append(names, string(f))
		}
		flavours, err := identity.ParseFlavours(names)
		if err != nil {
			return nil, fmt.Errorf("anchor %s: %w", a.CA, err)
		}
		list = append(list, identity.Anchor{CA: string(a.CA), Flavours: flavours, CRL: string(a.CRL)})
	}
	if choice.clientCA != "" {
		flavours, err := identity.ParseFlavours([]string{"ae", "cse", "node", "device", "fqdn"})
		if err != nil {
			return nil, err
		}
		list = append(list, identity.Anchor{CA: string(choice.clientCA), Flavours: flavours})
	}
	return list, nil
}

func (n *Node) newTrust(anchors []identity.Anchor) (*identity.Trust, error) {
	peers := make([]identity.Peer, 0, len(n.cfg.Peers))
	for _, p := range n.cfg.Peers {
		id, _, err := n.cfg.Home().ParseID(p.ID)
		if err != nil {
			return nil, fmt.Errorf("peer %s: %w", p.ID, err)
		}
		peers = append(peers, identity.Peer{ID: id, DNS: n.cfg.PublicName(p), CA: string(p.CA)})
	}
	registrar := n.cfg.RegistrarID()
	if registrar.SP() != n.cfg.CSE.SP {
		registrar = "" // a CSE of another provider is beside this one, not above it
	}
	trust, err := identity.NewTrust(identity.TrustConfig{
		Home: n.cfg.Home(), Anchors: anchors, Peers: append(peers, registrarPeer(n.cfg)...), Registrar: registrar, Log: n.log, Now: n.o.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("trust anchors: %w", err)
	}
	return trust, nil
}

// developmentCA reports whether the certificates in the data directory are used
// by a listener: as the CSE's own, or for want of any configured anchor.
func (n *Node) developmentCA(l config.Listener) bool {
	return l.Cert == n.cfg.PKI("server.crt") || len(n.cfg.Anchors) == 0 && l.ClientCA == ""
}

// clientOptions are the rules for requests that the CSE itself sends
// (decisions 26 and 27).
func (n *Node) clientOptions() (httpb.ClientOptions, error) {
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
		return httpb.ClientOptions{}, fmt.Errorf("outbound ca: %w", err)
	}
	return httpb.ClientOptions{
		Policy: policy, Resolve: n.o.Resolve, Log: n.log, Codec: wire.Codec{Types: n.definitions.Type},
		ConnectTimeout: out.ConnectTimeout.Duration, Timeout: out.Timeout.Duration,
		MaxResponse: int64(n.cfg.Limits.Body),
		TLSFor: func(who onem2m.ID) *tls.Config {
			switch {
			case who != "" && n.trust != nil:
				return n.trust.ClientConfig(n.own, who)
			case who == "":
				return identity.HostConfig(n.own, roots)
			}
			return nil // fail closed: https to this target is refused
		},
	}, nil
}

// outboundRoots reads [outbound] ca; nil stands for the roots of the system.
func outboundRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

// ownAddresses are the listeners, that for operations among them, which are
// never called.
func (n *Node) ownAddresses() []netip.AddrPort {
	var list []netip.AddrPort
	for _, s := range n.servers {
		if tcp, ok := s.Addr().(*net.TCPAddr); ok {
			list = append(list, tcp.AddrPort())
		}
	}
	if n.ops != nil {
		if tcp, ok := n.ops.Addr().(*net.TCPAddr); ok {
			list = append(list, tcp.AddrPort())
		}
	}
	return list
}
