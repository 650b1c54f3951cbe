// Package node assembles one running CSE from its configuration: store, audit
// trail, notification engine, the CSE itself, and its listeners. It decides
// nothing; it connects what decides.
//
// A Node is a value that a test can start in-process with a clock of its own.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/e2e/esprim"
	"bulwark/internal/binding/httpb"
	"bulwark/internal/binding/wsb"
	"bulwark/internal/cmdh"
	"bulwark/internal/cse"
	"bulwark/internal/dasserver"
	"bulwark/internal/definition"
	"bulwark/internal/identity"
	"bulwark/internal/keyexchange"
	"bulwark/internal/keyring"
	"bulwark/internal/lockfile"
	"bulwark/internal/notify"
	"bulwark/internal/ops/audit"
	"bulwark/internal/ops/config"
	"bulwark/internal/ops/health"
	"bulwark/internal/ops/metrics"
	"bulwark/internal/ops/secrets"
	"bulwark/internal/pki"
	"bulwark/internal/store"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
	"bulwark/token"
)

// Options are what doesn't come from the configuration.
type Options struct {
	Version string
	Log     *slog.Logger
	Ready   io.Writer                                                    // gets the one line with the addresses; nil for nowhere
	Now     func() time.Time                                             // the clock of the CSE; nil: time.Now
	Random  io.Reader                                                    // nil: crypto/rand
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error) // finds the addresses of a host name; nil asks the system
	Manager string                                                       // socket of the service manager, NOTIFY_SOCKET; "" for none

	Credentials string // folder of the service manager's credentials, CREDENTIALS_DIRECTORY; "" for none

	// Locate replaces the operator's [[location]] entries.
	Locate func(onem2m.ID) *access.Location
}

// Node is one CSE with everything around it.
type Node struct {
	cfg *config.Config
	o   Options
	log *slog.Logger

	store    *sql.Store
	secrets  *secrets.Box // encrypts keys in the store; nil for a node that serves nobody
	keys     *keyring.Ring
	esprim   *esprim.Receiver
	exchange *keyexchange.Exchanger // agrees on keys by certificate; nil without peers
	audit    *audit.Log
	metrics  *metrics.Metrics
	ready    *health.Readiness
	engine   *notify.Engine
	client   *httpb.Client
	cse      *cse.CSE
	gate     *gate
	das      *dasserver.Server  // nil without [das]
	revoked  *token.Revocations // tokens that the CSE does not take any more; nil without issuers

	keyStamps []keyStamp // of the files with the keys of issuers; of followIssuers while it runs

	definitions *definition.Registry
	peers       federate
	trust       *identity.Trust   // of connections that the CSE opens; nil without an https listener
	own         *identity.KeyPair // what the CSE shows there
	tls         []*credentials    // by listener; nil for a plain one
	made        *pki.Files        // certificates that this start has made, or nil

	stopping atomic.Bool // set when a stop has begun

	servers []*httpb.Server
	sockets *wsb.Server // of the WebSocket listeners; nil without one
	ops     net.Listener
}

// Open prepares everything and opens the listeners; nothing is served before
// Run. It fails with an error that tells what to do. Close must be called.
func Open(ctx context.Context, cfg *config.Config, o Options) (_ *Node, err error) {
	n := &Node{cfg: cfg, o: o, log: o.Log, metrics: metrics.New(o.Version), ready: &health.Readiness{}}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.o.Now == nil {
		n.o.Now = time.Now
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if err = n.open(ctx); err != nil {
		return nil, err
	}
	if err = n.listen(ctx); err != nil {
		return nil, err
	}
	n.observe()
	return n, nil
}

// OpenOffline prepares a CSE that serves nobody, to ask it questions. It makes
// no certificates.
func OpenOffline(ctx context.Context, cfg *config.Config, o Options) (*Node, error) {
	quiet := *cfg
	quiet.CSE.Points = cfg.AccessPoints() // it says what it says when it serves
	quiet.Listen = nil
	return Open(ctx, &quiet, o)
}

// open makes everything but the listeners.
func (n *Node) open(ctx context.Context) (err error) {
	cfg := n.cfg
	n.store, err = sql.Open(ctx, sql.Options{Dir: string(cfg.Data), Log: n.log})
	_, held := errors.AsType[*lockfile.HeldError](err)
	switch {
	case held:
		return fmt.Errorf("another bulwark works on %s; stop it, or name another folder with --data: %w", cfg.Data, err)
	case err != nil:
		return err
	}
	if err = n.openSecrets(); err != nil {
		return err
	}
	if err = n.openKeys(ctx); err != nil {
		return err
	}
	if n.audit, err = openAudit(cfg, n.log, n.o.Now); err != nil {
		return err
	}
	if err = n.loadTrust(); err != nil {
		return err
	}
	if err = n.openDAS(ctx); err != nil {
		return err
	}
	return n.openCSE(ctx)
}

// openCSE makes client, notification engine and CSE, which need each other.
func (n *Node) openCSE(ctx context.Context) error {
	cfg := n.cfg
	late := &directory{}
	var err error
	if n.definitions, err = definition.Load(string(cfg.CSE.Definitions)); err != nil {
		return err
	}
	options, err := n.clientOptions()
	if err != nil {
		return err
	}
	n.client = httpb.NewClient(options)
	n.openSockets()
	if err := n.openWays(late); err != nil {
		return err
	}
	n.engine = notify.New(notify.Options{
		Home: cfg.Home(), Store: n.store, Sender: late, Directory: late,
		Expire: late.expire, Now: n.o.Now, Random: n.o.Random, Log: n.log,
		Observe: n.notified, VerifyURLs: cfg.CSE.VerifyURLs,
		Limits: notify.Limits{
			Queue: cfg.Outbound.Queue, GiveUp: cfg.Outbound.GiveUp.Duration, RequestTimeout: cfg.Outbound.Timeout.Duration,
			Drain: cfg.Limits.Drain.Duration,
		},
	})
	if err := n.openExchange(late); err != nil {
		return err
	}
	base, err := readBasePolicy(string(cfg.CSE.BasePolicy))
	if err != nil {
		return err
	}
	n.keyStamps = keyStamps(cfg)
	verifier, revoked, err := Issuers(cfg)
	if err != nil {
		return err
	}
	servers, err := Servers(cfg)
	if err != nil {
		return err
	}
	n.revoked = revoked
	locate := n.o.Locate
	if locate == nil {
		locate = locations(cfg)
	}
	releases := make([]string, 0, len(cfg.CSE.Releases))
	for _, r := range cfg.CSE.Releases {
		releases = append(releases, string(r))
	}
	n.cse, err = cse.New(ctx, cse.Options{
		Home: cfg.Home(), Type: cseType(cfg.CSE.Type), Admin: cfg.CSE.Admin, Releases: releases,
		Points: cfg.AccessPoints(), Store: n.store, Notifier: n.engine, Sender: outward{n},
		Carrier: n.peers.carrier, Connected: n.connected, Registrar: cfg.RegistrarID(), Central: central(cfg), Neighbours: n.neighboursChanged, Expected: expected(cfg), Registrees: registrees(cfg), Providers: providers(cfg),
		Networks: networks(cfg), Handled: func(f cmdh.Fate) { n.metrics.Handled(string(f)) },
		Auditor: auditor{log: n.audit}, Locate: locate, BasePolicy: base, Definitions: n.definitions, MaskExistence: cfg.CSE.MaskExistence,
		Verifier: verifier, Revoked: revoked, Authorities: authorities(cfg),
		Servers: servers, Consult: cfg.CSE.Consultation, Leeway: cfg.Timing.ClockLeeway.Duration, Bindings: bindings(cfg), TokenRepositories: tokenRepositories(cfg),
		ESPrim: n.esprim, Capable: n.capable, KeyExchange: n.keyExchange(),
		RequireSubscription: cfg.CSE.RequireSubscription, Statistics: n.collected,
		Timing: cse.Timing{
			ExpiryCheck:       cfg.Timing.ExpiryCheck.Duration,
			RequestExpiration: cfg.Timing.RequestExpiration.Duration,
			RequestLifetime:   cfg.Timing.RequestLifetime.Duration,
			PollWait:          cfg.Timing.PollWait.Duration,
			Consultation:      cfg.Timing.Consultation.Duration,
			TokenRecheck:      cfg.Timing.TokenRecheck.Duration,
			DynamicLife:       cfg.Timing.DynamicDefault.Duration,
			DynamicMax:        cfg.Timing.DynamicMax.Duration,
			DefaultExpiration: cfg.Timing.DefaultExpiration.Duration,
			MaxExpiration:     cfg.Timing.MaxExpiration.Duration,
		},
		Limits: cse.Limits{Results: cfg.Limits.Results, Announced: cfg.Limits.Announced},
		Now:    n.o.Now, Random: n.o.Random, Log: n.log,
	})
	if err != nil {
		return err
	}
	late.cse = n.cse
	if n.das != nil {
		if err := n.das.TellHere(ctx); err != nil {
			return err
		}
	}
	if n.keys != nil {
		n.keys.Watch(n.cse.CapabilitiesChanged)
	}
	n.openRegistration(late, releases)
	n.gate = newGate(n.cse, cfg.Limits.Requests, cfg.Timing.RequestExpiration.Duration, releases, n.o.Now)
	return nil
}

// directory lets the engine ask the CSE, which is made after it.
type directory struct{ cse *cse.CSE }

func (d *directory) Reach(ctx context.Context, target string) (notify.Reach, error) {
	return d.cse.Reach(ctx, target)
}

// Opens implements notify.Timetable.
func (d *directory) Opens(r store.Reader, target string, at onem2m.Timestamp) (onem2m.Timestamp, bool) {
	return d.cse.Opens(r, target, at)
}

// Gathering implements notify.Gatherings.
func (d *directory) Gathering(r store.Reader, address, sender string) (notify.Gathering, error) {
	return d.cse.Gathering(r, address, sender)
}

// Send gives what the engine sends to the CSE, which knows the polling channels.
func (d *directory) Send(ctx context.Context, url string, identity onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	return d.cse.Send(ctx, url, identity, req)
}

// CSE gives tests and in-process callers the door that bindings use.
func (n *Node) CSE() *cse.CSE { return n.cse }

// Close releases everything, the store last: what was acknowledged is synced.
func (n *Node) Close() error {
	var errs []error
	if n.exchange != nil {
		n.exchange.Close()
	}
	for _, c := range []*httpb.Client{n.client, n.peers.client} {
		if c != nil {
			c.Close()
		}
	}
	if n.peers.sockets != nil {
		n.peers.sockets.Close()
	}
	if n.das != nil {
		errs = append(errs, n.das.Close())
	}
	if n.audit != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		errs = append(errs, n.audit.Close(ctx))
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}

// readBasePolicy reads the file of [cse] base-policy: a privileges object, or
// an object that holds one under "privileges" or "pv".
func readBasePolicy(path string) (jsontext.Value, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("base-policy: %w", err)
	}
	var file struct {
		Privileges jsontext.Value `json:"privileges"`
		Short      jsontext.Value `json:"pv"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("base-policy %s: %w", path, err)
	}
	switch {
	case file.Privileges != nil:
		return file.Privileges, nil
	case file.Short != nil:
		return file.Short, nil
	}
	return jsontext.Value(data), nil
}
