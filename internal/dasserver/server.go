// Package dasserver runs a Dynamic Authorization Server: the AE that CSEs ask
// (TS-0001 clause 11.5), and an endpoint where originators get tokens
// themselves, both on one https listener with mutual TLS. What is decided and
// issued is for package das; who asks is proven here, by package identity.
//
// It runs by itself (bulwark das serve) or next to a CSE in one process.
package dasserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"bulwark/client"
	"bulwark/internal/binding/httpb"
	"bulwark/internal/dynauth/das"
	"bulwark/internal/dynauth/das/ledger"
	"bulwark/internal/identity"
	"bulwark/internal/lockfile"
	"bulwark/internal/ops/audit"
	"bulwark/internal/ops/config"
	"bulwark/internal/ops/secrets"
	"bulwark/internal/pki"
	"bulwark/onem2m"
)

// Folder is where a server keeps its ledger, its keys for others and its audit
// trail, in the data directory.
const Folder = "das"

// Options are what doesn't come from the configuration.
type Options struct {
	Log         *slog.Logger
	Now         func() time.Time // nil: time.Now
	Box         *secrets.Box     // master key; nil: that of the configuration
	Credentials string           // folder of the service manager's credentials; "" for none

	// Recall calls back in the CSE of this process; nil for a server by itself.
	Recall Recall
}

// Server is a Dynamic Authorization Server with everything around it.
type Server struct {
	cfg    *config.Config
	o      Options
	log    *slog.Logger
	self   das.Identity
	policy *policyFile
	ledger *ledger.Ledger
	audit  *audit.Log
	das    *das.Authority
	trust  *identity.Trust
	http   *httpb.Server
	turns  *turns
	cse    *client.Client // where the server is registered as an AE; nil for nowhere
	news   news           // of the ledger
	lock   *lockfile.Lock // of the ledger, from Listen on
	ending chan struct{}  // closed when the server stops, so that nobody is kept waiting
}

// Open prepares a server: ledger, keys, policy. Close must be called.
func Open(ctx context.Context, cfg *config.Config, o Options) (_ *Server, err error) {
	if cfg.DAS.ID == "" {
		return nil, &config.Error{Key: "das.id", Text: "the configuration has no Dynamic Authorization Server; see docs/das.md"}
	}
	s := &Server{cfg: cfg, o: o, log: o.Log, self: das.Identity{ID: onem2m.ID(cfg.DAS.ID), FQDN: cfg.DAS.FQDN}, turns: newTurns(), ending: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.o.Now == nil {
		s.o.Now = time.Now
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.o.Box == nil {
		s.o.Box, err = secrets.Open(secrets.Source{
			File: string(cfg.Secrets.MasterKeyFile), Credential: cfg.Secrets.SystemdCredential, Folder: o.Credentials, Dir: string(cfg.Data),
		})
		if err != nil {
			return nil, err
		}
	}
	s.policy = newPolicyFile(string(cfg.DAS.Policy), s.self, s.o.Now)
	if _, err = s.policy.current(); err != nil {
		return nil, err
	}
	if s.ledger, err = ledger.Open(ctx, s.dir(), s.self); err != nil {
		return nil, err
	}
	s.audit, err = audit.Open(filepath.Join(s.dir(), "audit"), audit.Options{
		Size: int64(cfg.Audit.Size), Count: cfg.Audit.Count, Logs: s.log, Now: s.o.Now,
	})
	if err != nil {
		return nil, err
	}
	s.das, err = das.New(ctx, das.Options{
		Self: s.self, Ledger: s.ledger, Box: s.o.Box, Policy: s.policy.current, Audit: s.record,
		Now: func() onem2m.Timestamp { return onem2m.TimestampOf(s.o.Now()) },
	})
	if err != nil {
		return nil, err
	}
	return s, s.publish(ctx)
}

func (s *Server) dir() string { return filepath.Join(string(s.cfg.Data), Folder) }

// Authority gives the commands of an operator what they work on.
func (s *Server) Authority() *das.Authority { return s.das }

// hold keeps others from serving the ledger. Two would both tell the CSEs, and a
// policy that one has read revokes what the other one gives. Commands of the operator
// work beside it.
func (s *Server) hold() error {
	lock, err := lockfile.Hold(s.dir())
	if held, ok := errors.AsType[*lockfile.HeldError](err); ok {
		return fmt.Errorf("das: process %s serves %s already; bulwark serve does so if its configuration has the table [das]", held.Process, s.dir())
	}
	if err != nil {
		return fmt.Errorf("das: %w", err)
	}
	s.lock = lock
	return nil
}

// Listen opens the listener.
func (s *Server) Listen(ctx context.Context) error {
	var err error
	if err = s.hold(); err != nil {
		return err
	}
	own, err := s.credentials()
	if err != nil {
		return err
	}
	if s.cse, err = s.member(); err != nil {
		return err
	}
	lim := s.cfg.Limits
	s.http = httpb.NewServer(httpb.Options{
		Address: s.cfg.DAS.Address, Required: true, Log: s.log, Now: s.o.Now,
		TLS:      s.trust.ServerConfig(own, identity.ServerOptions{}),
		Identify: s.trust.AssociationOf, Recheck: s.trust.Revalidate, RecheckEvery: recheckEvery, MaxAge: lim.SessionAge.Duration,
		Extra: s.endpoints(), Root: "~" + s.self.ID.SPRelative(), //nolint:contextcheck // each request brings its own
		Limits: httpb.Limits{
			Body: int64(lim.Body), Header: int(lim.Header), Depth: lim.Depth, ReadHeaderTimeout: lim.ReadHeaderTimeout.Duration,
			ReadTimeout: lim.ReadTimeout.Duration, IdleTimeout: lim.IdleTimeout.Duration, MaxConns: lim.Connections,
		},
	}, s)
	if err := s.http.Listen(ctx); err != nil {
		return fmt.Errorf("das: listen on %s: %w", s.cfg.DAS.Address, err)
	}
	return nil
}

// recheckEvery is how often an open connection's credential is judged again.
const recheckEvery = 5 * time.Second

// Address returns the URL of the listener.
func (s *Server) Address() string { return "https://" + s.http.Addr().String() }

// credentials reads whom the server believes and what it shows.
func (s *Server) credentials() (*identity.KeyPair, error) {
	anchors, err := s.anchors()
	if err != nil {
		return nil, err
	}
	var peers []identity.Peer
	for _, p := range s.cfg.Peers {
		id, _, err := s.cfg.Home().ParseID(p.ID)
		if err != nil {
			return nil, fmt.Errorf("das: peer %s: %w", p.ID, err)
		}
		peers = append(peers, identity.Peer{ID: id, DNS: p.DNS, CA: string(p.CA)})
	}
	s.trust, err = identity.NewTrust(identity.TrustConfig{Home: s.cfg.Home(), Anchors: anchors, Peers: peers, Log: s.log, Now: s.o.Now})
	if err != nil {
		return nil, fmt.Errorf("das: trust anchors: %w", err)
	}
	own, err := identity.LoadKeyPair(string(s.cfg.DAS.Cert), string(s.cfg.DAS.Key))
	if err != nil {
		return nil, fmt.Errorf("das: certificate of the server: %w", err)
	}
	return own, nil
}

// anchors lists whom the server believes: those of the configuration, or the
// development authority in the data directory, which it makes when there is
// none, as the CSE does.
func (s *Server) anchors() ([]identity.Anchor, error) {
	var list []identity.Anchor
	for _, a := range s.cfg.Anchors {
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
	if s.cfg.DAS.ClientCA != "" {
		list = append(list, identity.Anchor{CA: string(s.cfg.DAS.ClientCA), Flavours: identity.AllFlavours})
	}
	if len(list) > 0 && s.cfg.DAS.Cert != s.cfg.PKI("server.crt") {
		return list, nil
	}
	files, err := pki.EnsureServer(string(s.cfg.Data), s.cfg.Home(), s.cfg.CSE.Admin)
	if err != nil {
		return nil, fmt.Errorf("development certificates: %w", err)
	}
	if len(list) == 0 {
		list = files.Anchors
	}
	return list, nil
}

// Run serves until ctx ends, and looks meanwhile for what the operator's
// commands and a changed policy have done.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watched sync.WaitGroup
	watched.Go(func() { s.watch(ctx) })
	watched.Go(func() { (&teller{s: s}).run(ctx) })
	if s.cse != nil {
		watched.Go(func() { s.join(ctx) })
	}
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		close(s.ending)
		drain, cancel := context.WithTimeout(serving, s.cfg.Limits.Drain.Duration)
		defer cancel()
		if err := s.http.Shutdown(drain); err != nil {
			s.log.WarnContext(drain, "requests were broken off at the stop", "err", err)
		}
	}()
	err := s.http.Serve(serving)
	if ctx.Err() == nil {
		err = errors.Join(err, errors.New("das: the listener has ended"))
	}
	cancel()
	<-stopped
	watched.Wait()
	return err
}

// Close releases everything, the ledger last.
func (s *Server) Close() error {
	var errs []error
	if s.cse != nil {
		s.cse.Close()
	}
	if s.audit != nil {
		errs = append(errs, s.closeAudit())
	}
	if s.ledger != nil {
		errs = append(errs, s.ledger.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Release())
	}
	return errors.Join(errs...)
}

// closeAudit writes what is queued.
func (s *Server) closeAudit() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.audit.Close(ctx)
}

// Serve runs a server by itself until ctx ends. It writes one line with its
// address to out when it is ready.
func Serve(ctx context.Context, cfg *config.Config, log *slog.Logger, credentials string, out io.Writer) (err error) {
	s, err := Open(ctx, cfg, Options{Log: log, Credentials: credentials})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Listen(ctx); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "bulwark ready das=%s %s\n", s.self.ID, s.Address()); err != nil {
		return err
	}
	return s.Run(ctx)
}
