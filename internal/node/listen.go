package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/identity"
	"bulwark/internal/ops/audit"
	"bulwark/internal/ops/config"
	"bulwark/internal/ops/health"
)

// listen opens every listener of the configuration.
func (n *Node) listen(ctx context.Context) error {
	for _, l := range n.cfg.Listen {
		s := httpb.NewServer(n.serverOptions(l), n.cse)
		if err := s.Listen(ctx); err != nil {
			return fmt.Errorf("listen on %s: %w", l.Address, err)
		}
		n.servers = append(n.servers, s)
		n.https = append(n.https, l.Binding == config.BindingHTTPS)
	}
	if n.cfg.Ops == "" || n.cfg.Ops == "off" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", n.cfg.Ops)
	if err != nil {
		return fmt.Errorf("operations listener: %w", err)
	}
	n.ops = l
	return nil
}

func (n *Node) serverOptions(l config.Listener) httpb.Options {
	lim := n.cfg.Limits
	o := httpb.Options{
		Address: l.Address, Trusted: l.TrustPlain, Required: l.SA == config.SARequired,
		TrustedProxies: l.TrustedProxies, Log: n.log, Now: n.o.Now, Observe: n.exchanged(string(l.Binding)),
		Limits: httpb.Limits{
			Body: int64(lim.Body), Header: int(lim.Header), Depth: lim.Depth,
			ReadHeaderTimeout: lim.ReadHeaderTimeout.Duration, ReadTimeout: lim.ReadTimeout.Duration,
			IdleTimeout: lim.IdleTimeout.Duration, MaxConns: lim.Connections,
		},
	}
	if l.Binding != config.BindingHTTPS {
		return o
	}
	o.TLS = n.trust.ServerConfig(n.own, identity.ServerOptions{Optional: l.SA == config.SAOptional})
	o.Identify = n.identify
	o.Recheck = n.trust.Revalidate
	o.Extra = map[string]http.Handler{ExplainPath: http.HandlerFunc(n.serveExplain)}
	return o
}

// identify turns a handshake into an association and leaves a trace of it (S-143).
func (n *Node) identify(state *tls.ConnectionState) (*identity.Association, error) {
	a, err := n.trust.AssociationOf(state)
	if err != nil {
		n.metrics.Handshake("untrusted", "")
		return nil, err
	}
	n.metrics.Handshake("ok", tls.CipherSuiteName(state.CipherSuite))
	if a == nil || a.Kind == identity.KindNone {
		return a, nil
	}
	r := audit.Record{
		Time: n.o.Now(), Event: "association", Credential: a.CredentialID, Result: audit.Note,
		Reason: tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite),
	}
	for _, id := range a.IDs {
		r.Bound = append(r.Bound, string(id))
	}
	n.audit.Write(r)
	return a, nil
}

// points are the addresses at which the CSE says it can be reached. They are
// known only after listening when a port is chosen by the system, so the
// configured ones are told.
func (n *Node) points() []string {
	var list []string
	for _, l := range n.cfg.Listen {
		if !strings.HasSuffix(l.Address, ":0") {
			list = append(list, string(l.Binding)+"://"+l.Address)
		}
	}
	return list
}

// Addresses returns the URLs of the listeners, in the order of the configuration.
func (n *Node) Addresses() []string {
	list := make([]string, 0, len(n.servers))
	for i, s := range n.servers {
		scheme := "http://"
		if n.https[i] {
			scheme = "https://"
		}
		list = append(list, scheme+s.Addr().String())
	}
	return list
}

// readyLine is the one line that tells a script that the process is ready.
func (n *Node) readyLine() string {
	line := fmt.Sprintf("bulwark ready cse=%s%s name=%s %s", n.cfg.CSE.SP, n.cfg.CSE.ID, n.cfg.CSE.Name, strings.Join(n.Addresses(), " "))
	if n.ops != nil {
		line += " ops=http://" + n.ops.Addr().String()
	}
	return line
}

func (n *Node) serveOps(ctx context.Context) error {
	return health.Serve(ctx, n.ops, health.Handler(health.Options{
		Ready: n.ready, Metrics: n.metrics.Handler(), Version: map[string]string{"version": n.o.Version}, Log: n.log,
	}), n.log)
}

// openAudit opens the trail in the data directory.
func openAudit(cfg *config.Config, log *slog.Logger, now func() time.Time) (*audit.Log, error) {
	return audit.Open(string(cfg.Data)+"/audit", audit.Options{
		Size: int64(cfg.Audit.Size), Count: cfg.Audit.Count, Logs: log, Now: now,
	})
}
