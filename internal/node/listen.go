package node

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/binding/wsb"
	"bulwark/internal/ops/audit"
	"bulwark/internal/ops/config"
	"bulwark/internal/ops/health"
	"bulwark/onem2m/wire"
)

// listen opens every listener of the configuration.
func (n *Node) listen(ctx context.Context) error {
	for i, l := range n.cfg.Listen {
		s := httpb.NewServer(n.serverOptions(ctx, l, n.tls[i]), n.gate)
		if err := s.Listen(ctx); err != nil {
			return fmt.Errorf("listen on %s: %w", l.Address, err)
		}
		n.servers = append(n.servers, s)
		if err := checkBound(l, s.Addr()); err != nil {
			return err
		}
	}
	if n.das != nil {
		if err := n.das.Listen(ctx); err != nil {
			return err
		}
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

// checkBound refuses a listener that was taken for a loopback one by its name
// and isn't: the rules for strangers and for outgoing requests rely on it.
func checkBound(l config.Listener, bound net.Addr) error {
	tcp, ok := bound.(*net.TCPAddr)
	if !l.Loopback() || ok && tcp.IP.IsLoopback() {
		return nil
	}
	return fmt.Errorf("listen on %s: this machine takes the name for %s, which others can reach; write 127.0.0.1 or [::1] in its place", l.Address, bound)
}

// recheckEvery is how often an open connection's credential is judged again: a
// revoked one is of no use for longer than this (S-140). Verdicts are cached.
const recheckEvery = 5 * time.Second

func (n *Node) serverOptions(ctx context.Context, l config.Listener, creds *credentials) httpb.Options {
	lim := n.cfg.Limits
	o := httpb.Options{
		Address: l.Address, Trusted: l.TrustPlain, Required: l.SA == config.SARequired,
		Codec:          wire.Codec{Types: n.definitions.Type},
		TrustedProxies: l.TrustedProxies, Log: n.log, Now: n.o.Now, Observe: n.exchanged(ctx, string(l.Binding)),
		Limits: httpb.Limits{
			Body: int64(lim.Body), Header: int(lim.Header), Depth: lim.Depth,
			ReadHeaderTimeout: lim.ReadHeaderTimeout.Duration, ReadTimeout: lim.ReadTimeout.Duration,
			IdleTimeout: lim.IdleTimeout.Duration, MaxConns: lim.Connections,
		},
	}
	if l.Binding.Sockets() {
		o.Sockets = wsb.Door{Server: n.sockets, Origins: l.Origins}
	}
	if !l.Binding.Secure() {
		return o
	}
	o.TLS = creds.serverTLS(l.SA == config.SAOptional)
	o.Identify = n.identify(creds.trust)
	o.Recheck, o.RecheckEvery = creds.trust.Revalidate, recheckEvery
	o.MaxAge = lim.SessionAge.Duration
	o.HandshakeFailed = n.handshakeFailed
	o.Extra = map[string]http.Handler{ExplainPath: http.HandlerFunc(n.serveExplain), EstablishPath: http.HandlerFunc(n.serveEstablish)}
	return o
}

// Addresses returns the URLs of the listeners, in the order of the configuration.
func (n *Node) Addresses() []string {
	list := make([]string, 0, len(n.servers))
	for i, s := range n.servers {
		list = append(list, string(n.cfg.Listen[i].Binding)+"://"+s.Addr().String())
	}
	return list
}

// readyLine is the one line that tells a script that the process is ready.
func (n *Node) readyLine() string {
	line := fmt.Sprintf("bulwark ready cse=%s%s name=%s %s", n.cfg.CSE.SP, n.cfg.CSE.ID, n.cfg.CSE.Name, strings.Join(n.Addresses(), " "))
	if n.das != nil {
		line += " das=" + n.das.Address()
	}
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
