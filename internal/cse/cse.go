package cse

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/e2e/esprim"
	"bulwark/internal/announcement"
	"bulwark/internal/cmdh"
	"bulwark/internal/contact"
	"bulwark/internal/definition"
	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/consultation"
	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/dynauth/recall"
	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/internal/notify"
	"bulwark/internal/semantics"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

// Type is a value of m2m:cseTypeID.
type Type int

// The CSE types.
const (
	IN  Type = 1
	MN  Type = 2
	ASN Type = 3
)

// Notifier is the part of the notification engine that procedures use.
type Notifier interface {
	Record(tx store.Tx, ev notify.Event) error
	Removed(tx store.Tx, subscription *store.Record) error
	Changed(tx store.Tx, before, after *store.Record) error
	Schedule(owner string, ty onem2m.ResourceType, entries []*onem2m.Schedule)
	// Cross tells the targets of a cross-resource subscription that its events
	// have come together.
	Cross(tx store.Tx, subscription *store.Record) error
	// Blocked reports whether an UPDATE has to wait for the target of a blocking
	// subscription, and Consult asks the target.
	Blocked(subscription *store.Record, ev notify.Event) bool
	Consult(ctx context.Context, subscription *store.Record, ev notify.Event) (onem2m.StatusCode, error)
	// Tell sends the response of a non-blocking request to a target, while it is
	// of use.
	Tell(tx store.Tx, target string, response []byte, until onem2m.Timestamp) error
	// Hasten lets what rests for these targets go on: they listen.
	Hasten(targets ...string)
	// Gather takes a notification of another CSE for a gathering of a group, and
	// EndGathering sends what one holds that goes.
	Gather(ctx context.Context, address, rqi string, payload []byte, before onem2m.Timestamp) (onem2m.StatusCode, error)
	EndGathering(tx store.Tx, address string) error
	Verify(ctx context.Context, subscription string, creator, originator onem2m.ID, targets []string) error
}

// Auditor takes the security decisions of the CSE. Calls must return quickly.
type Auditor interface {
	Decision(Audit)
}

// Audit is one security decision.
type Audit struct {
	Time        time.Time
	RequestID   string
	From        string // as claimed
	Originator  onem2m.ID
	Credential  string
	Source      netip.Addr // of the peer; invalid if unknown
	Binding     string
	Authentic   bool // rq_authn
	Operation   onem2m.Operation
	To          string
	Stage       string // "identity", "registration", "admin", "static", "tokens", "dynamic", "distributed", "point", "special", "esprim", "transit"
	Rule        string // policy and number of the rule that permitted, or ""
	Permit      bool
	Note        bool              // nothing was decided
	Code        onem2m.StatusCode // of a refusal, or what a note is about
	Reason      string            // local only, never sent
	Discoveries int               // resources that a discovery left out
}

// Options configure a CSE. Zero values take the defaults of Timing and Limits.
type Options struct {
	Home     onem2m.Home
	Type     Type
	Admin    string // AE-ID-Stem with full rights
	Releases []string
	Points   []string // points of access of the CSE

	Store    store.Store
	Notifier Notifier
	Sender   notify.Sender // for NOTIFY that is retargeted to an AE
	Auditor  Auditor
	Carrier  Carrier                          // for what goes to other CSEs; nil: nothing does
	Locate   func(onem2m.ID) *access.Location // nil result: unknown
	Allowed  []string                         // originator patterns that may register without service subscription data; empty: all

	Expected map[onem2m.ID][]string // of a registree, patterns of the CSEs that it may state as descendants; none: any

	Networks map[onem2m.ID]string // underlying networks to other CSEs, as CMDH policies name them
	Handled  func(cmdh.Fate)      // told what became of a request that CMDH has held; must return quickly; nil: nobody is

	Central   onem2m.ID // the IN-CSE, where the registrar is none itself; "": not known
	Registrar onem2m.ID // the CSE that this one registers with; "" for none

	// Connected reports whether an entity that is registered here holds a connection open over which it
	// takes requests, and so needs no point of access: a CSE, or an AE that is bound to a credential, ""
	// for none (S-095, S-118), and was registered at the instant since. Nil for never.
	Connected func(id onem2m.ID, kind identity.Kind, credential string, since onem2m.Timestamp) bool

	Neighbours func() // called when the CSEs registered here have changed; must return quickly; nil: nobody is told

	Statistics func(Statistic) // takes statistics that are collected; must return quickly; nil: none are

	Registrees []string             // absolute patterns of CSE-IDs that may register here; empty: any
	Providers  map[onem2m.ID]string // IN-CSEs of other providers and where they are reached without a registration; for an IN-CSE

	RequireSubscription bool // hold registrations against service subscription data before there are any (S-116)

	Verifier    *token.Verifier     // of tokens; nil: no tokens are accepted
	Revoked     *token.Revocations  // tokens that aren't any more; nil: none
	Authorities dynauth.Authorities // whose <role>s count; none: no roles are
	Servers     dynauth.Servers     // that grant roles and tokens, and where they are asked
	Consult     string              // <dynamicAuthorizationConsultation> for resources that link to none; "": nobody is asked about these
	Leeway      time.Duration       // how far the clocks of issuers may be off; at most dynauth.MaxLeeway

	ESPrim            *esprim.Receiver    // opens protected requests; nil: none are taken
	Capable           func() Capabilities // what is advertised of end-to-end security; nil: nothing
	TokenRepositories map[string]string   // addresses on other CSEs below which <token>s are as well, by the domain of their Token-IDs

	KeyExchange KeyExchange // agrees on keys by certificate (ESCertKE); nil: it isn't served
	Bindings    *Bindings   // of points to local procedures, and what these know; nil: none

	Definitions   *definition.Registry // of <flexContainer> specializations; nil: the built-in ones
	BasePolicy    jsontext.Value       // m2m:setOfAcrs for <CSEBase>; empty: built-in rule
	MaskExistence bool                 // 4004 instead of 4103 for unauthenticated originators (C-063)

	Timing Timing
	Limits Limits
	Now    func() time.Time
	Random io.Reader
	Log    *slog.Logger
}

// Timing are the lifetimes and intervals of a CSE.
type Timing struct {
	ExpiryCheck       time.Duration // how often the sweep looks; 60 s
	RequestExpiration time.Duration // deadline of a request without rqet; 10 s
	RequestLifetime   time.Duration // life of a <request> without rp and rset; 1 h
	FlexBlocking      time.Duration // how long a flexible request that may take long is waited for; 2 s
	PollWait          time.Duration // how long a poll without rqet waits; 30 s
	Consultation      time.Duration // how long a Dynamic Authorization Server has for an answer; 3 s
	TokenRecheck      time.Duration // how long a token counts until its server is asked for it again; 0: until it ends
	DynamicLife       time.Duration // of privileges that a server grants without a word about their end; 1 h
	DynamicMax        time.Duration // the longest such a grant counts; 30 days
	DefaultExpiration time.Duration // et of a resource that asked for none; 5 years
	MaxExpiration     time.Duration // latest et; 10 years
}

// Limits bound what one request or one transaction may do.
type Limits struct {
	Results   int // resources in one result; 10000
	Examined  int // resources that one discovery looks at; 2 million
	Removals  int // resources removed in one transaction; 1000
	Workers   int // non-blocking requests carried out at once; 16
	Backlog   int // non-blocking requests that wait; 1000
	Pending   int // unanswered requests of one originator; 1000
	Announced int // resources below the copies of one other CSE; 100,000

	Depth int // levels of the resource tree; 60, so that an address fits MaxSegments
}

const year = 365 * 24 * time.Hour

func (o *Options) setDefaults() {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	num := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	def(&o.Timing.ExpiryCheck, time.Minute)
	def(&o.Timing.RequestExpiration, 10*time.Second)
	def(&o.Timing.RequestLifetime, time.Hour)
	def(&o.Timing.FlexBlocking, 2*time.Second)
	def(&o.Timing.PollWait, 30*time.Second)
	def(&o.Timing.Consultation, 3*time.Second)
	def(&o.Timing.DynamicLife, time.Hour)
	def(&o.Timing.DynamicMax, 30*24*time.Hour)
	def(&o.Timing.DefaultExpiration, 5*year)
	def(&o.Timing.MaxExpiration, 10*year)
	num(&o.Limits.Results, 10_000)
	num(&o.Limits.Announced, 100_000)
	num(&o.Limits.Examined, 2_000_000)
	num(&o.Limits.Removals, 1000)
	num(&o.Limits.Workers, 16)
	num(&o.Limits.Backlog, 1000)
	num(&o.Limits.Pending, 1000)
	num(&o.Limits.Depth, onem2m.MaxSegments-4)
	if o.Type == 0 {
		o.Type = IN
	}
	if len(o.Releases) == 0 {
		o.Releases = []string{"1", "2a", "3", "4"}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Locate == nil {
		o.Locate = func(onem2m.ID) *access.Location { return nil }
	}
}

// baseID is the surrogate of the CSEBase: the first record of every store.
const baseID = 1

// CSE is one hosting CSE. It is safe for concurrent use.
type CSE struct {
	Options
	admin        onem2m.ID
	types        map[onem2m.ResourceType]*procedures
	srt          []onem2m.ResourceType
	virtualNames map[string]bool // of virtual children with procedures of their own
	basePolicy   *access.Policy  // configured policy of <CSEBase>, or nil
	registered   *access.Policy  // built-in policy for entities registered here

	pending           pending
	held              pending  // requests that wait for oet
	backlog           backlog  // non-blocking requests
	channels          channels // what waits at polling channels
	peers             *federation.Table
	spBelow           spBelow
	depot             *cmdh.Depot  // requests to other CSEs that CMDH holds
	answers           cmdh.Answers // to those that have left in a <delivery>
	trail             *federation.Trail
	repeats           federation.Repeats
	copies            *federation.Copies[foreign] // of what other CSEs host
	watches           *federation.Watches         // of them
	rooms             *announcement.Rooms         // what other CSEs have below their copies
	announcedPolicies announcedPolicies           // policies of other CSEs that these keep here
	names             *namer
	series            *alarms  // <timeSeries> whose data are watched
	points            points   // their latest points
	windows           *alarms  // open time windows of <crossResourceSubscription>
	awaited           awaited  // <crossResourceSubscription>s in the making
	debts             *alarms  // what is to be deleted on other CSEs
	unverified        *alarms  // <group>s with members whose type isn't known yet
	deliveries        *alarms  // <delivery> resources with requests that have not been taken up
	triggers          triggers // <action>s and their subjects
	beacons           *beacons // <timeSyncBeacon> and when they are due
	heard             groupRequests
	assigned          assignments       // <role>s and <token>s
	tokens            *token.Cache      // nil without Verifier
	delegating        atomic.Bool       // whether some policy leaves something to points
	contracts         atomic.Bool       // whether there may be service subscription data; the store rules
	gate              *distributed.Gate // of questions to points
	answering         pending           // questions that the points of this CSE are working on
	pointMark         string            // of this CSE in the trail of a question
	rules             tokenRules        // of tokens, compiled
	kept              keptTokens        // what goes with tokens beyond a restart
	dynamic           dynamicPolicies
	consult           link                  // Options.Consult
	desk              *consultation.Desk    // where questions to servers leave
	confirmed         confirmations         // tokens that servers have handed over
	signatures        signatures            // of tokens whose holder has changed
	recalls           recall.Marks          // of what servers have called back
	questions         questions             // that originators have left
	appeals           questions             // the same of those about what is denied
	contacts          contact.Book          // the entries of the <AEContactList>
	listers           *federation.Allowance // who has them changed
	hops              atomic.Uint64         // requests that were forwarded
	helpers           helpers

	documents *semantics.Cache // semantic descriptions and ontologies that were read
	pondering chan struct{}    // one token for each request that evaluates semantics
	mashups   *alarms          // <semanticMashupInstance>s and when their next result is due
	mashing   pending          // of them, that wait for other CSEs
	mashers   sync.WaitGroup   // who waits; Run waits for them

	statistics statistics

	hours    atomic.Pointer[[]*onem2m.Schedule] // of the <schedule> below the CSEBase; nil: always
	watching atomic.Bool                        // whether some subscription watches operations
	turns    turns
	locks    locks   // resources that transactions keep locked
	arrears  arrears // what copies on other CSEs have to be told
	spans    spans   // <transactionMgmt>s that have to do with other CSEs
	dealings *alarms // <transaction>s and <transactionMgmt>s that go on by themselves

	sweep chan struct{} // wakes the sweep; capacity 1

	rollDue chan struct{} // what this CSE refers to may have changed; capacity 1

	capabilities chan struct{}                  // what is advertised end to end may have changed; capacity 1
	advertised   atomic.Pointer[jsontext.Value] // e2eSecInfo in the <CSEBase>; nil for none

	modified struct {
		sync.Mutex
		last onem2m.Timestamp // latest instant given out, so that instants ascend strictly
	}
}

// New makes the CSE ready: it creates the CSEBase on an empty store, refuses a
// store that belongs to another CSE, and brings the CSEBase up to date.
func New(ctx context.Context, o Options) (*CSE, error) {
	o.setDefaults()
	admin, form, err := o.Home.ParseID(o.Admin)
	if err != nil || form != onem2m.FormStem {
		return nil, fmt.Errorf("admin %q: not an AE-ID-Stem (C or S and letters, digits, - . _ ~)", o.Admin)
	}
	c := &CSE{Options: o, admin: admin, sweep: make(chan struct{}, 1), rollDue: make(chan struct{}, 1), capabilities: make(chan struct{}, 1), names: newNamer(o.Random)}
	c.pending.init(o.Limits.Pending, pendingOriginators*o.Limits.Pending)
	c.held.init(maxHeldOfOne, maxHeld)
	c.gate, c.pointMark = distributed.NewGate(), string(c.names.appendTail(nil, markLength))
	c.answering.init(maxAnsweringEach, maxAnswering)
	c.peers = federation.NewTable(o.Home, o.Registrar)
	for id, point := range o.Providers {
		c.peers.Find(id, point)
	}
	c.depot = cmdh.NewDepot(cmdh.DepotOptions{
		Now: o.Now, Random: func() float64 { return fraction(o.Random) }, Observe: o.Handled, Policy: c.activePolicy, Carry: c.deliver,
	})
	c.copies, c.rooms = newForeign(), c.newRooms()
	c.watches = c.newWatches()
	c.trail = federation.NewTrail(string(c.names.appendTail(nil, markLength)), func() string { return strconv.FormatUint(c.hops.Add(1), 36) })
	c.series, c.windows, c.deliveries = newAlarms(), newAlarms(), newAlarms()
	c.unverified, c.debts = newAlarms(), newAlarms()
	c.beacons, c.dealings = newBeacons(), newAlarms()
	c.locks.init()
	c.arrears.init()
	c.arrears.via = c.hopTo
	c.spBelow.init()
	c.spans.init()
	c.helpers.init()
	c.spans.via = func(who onem2m.ID) onem2m.ID { return c.deduced(who, c.instant()).Peer }
	if c.Definitions == nil {
		if c.Definitions, err = definition.Builtin(); err != nil {
			return nil, err
		}
	}
	c.triggers.init()
	c.assigned.init()
	c.kept.init()
	c.questions.init()
	c.appeals.init()
	c.listers = federation.NewAllowance(maxListed, listedPause, maxListers)
	c.desk = consultation.NewDesk(c.Now)
	c.consult = linksTo([]string{c.Consult})[0]
	if err := c.Servers.Check(); err != nil {
		return nil, err
	}
	c.Leeway = min(max(c.Leeway, 0), dynauth.MaxLeeway)
	if err := c.Authorities.Check(); err != nil {
		return nil, err
	}
	if c.Verifier != nil {
		if c.Revoked == nil {
			c.Revoked = token.NewRevocations(0)
		}
		c.tokens = token.NewCache(c.Verifier, c.Revoked, 0, c.Leeway, o.Random)
	}
	c.documents, c.pondering = semantics.NewCache(maxDocuments), make(chan struct{}, maxPondering)
	c.mashups = newAlarms()
	c.mashing.init(maxMashingEach, maxMashing)
	c.Store, c.Notifier = chained{o.Store}, observer{Notifier: o.Notifier, triggers: &c.triggers}
	c.backlog.init(o.Limits.Backlog)
	c.channels.init()
	c.registerTypes()
	c.statistics.outdate()
	if err := c.compileBasePolicy(); err != nil {
		return nil, err
	}
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Run sweeps expired and detached resources and carries out non-blocking
// requests until ctx ends.
func (c *CSE) Run(ctx context.Context) error {
	var errands sync.WaitGroup
	defer errands.Wait()
	errands.Go(func() { c.runErrands(ctx) })
	errands.Go(func() { c.depot.Run(ctx) })
	errands.Go(func() { c.attend(ctx, "transactions", c.dealings, c.rearmTransactions, c.AdvanceTransactions) })
	errands.Go(func() { c.runSpans(ctx) })
	errands.Go(func() { c.attend(ctx, "missing data", c.series, c.rearm, c.DetectMissing) })
	errands.Go(func() { c.attend(ctx, "time windows", c.windows, c.rearmWindows, c.CloseWindows) })
	errands.Go(func() {
		c.attend(ctx, "mashups", c.mashups, c.rearmMashups, c.MakeMashups)
		c.mashers.Wait()
	})
	errands.Go(func() { c.attend(ctx, "deliveries", c.deliveries, c.rearmDeliveries, c.CarryDeliveries) })
	errands.Go(func() { c.attend(ctx, "group members", c.unverified, c.rearmUnverified, c.VerifyGroups) })
	errands.Go(func() { c.attend(ctx, "deletions on other CSEs", c.debts, c.rearmDebts, c.PayDebts) })
	errands.Go(func() { c.runActions(ctx) })
	errands.Go(func() { c.runArrears(ctx) })
	errands.Go(func() { c.runRoll(ctx) })
	errands.Go(func() { c.runRooms(ctx) })
	errands.Go(func() { c.watches.Run(ctx) })
	errands.Go(func() { c.runBeacons(ctx) })
	errands.Go(func() { c.runCapability(ctx) })
	tick := time.NewTicker(c.Timing.ExpiryCheck)
	defer tick.Stop()
	for {
		if err := c.Sweep(ctx); err != nil && !errors.Is(err, context.Canceled) {
			c.Log.ErrorContext(ctx, "sweep", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-c.sweep:
		}
	}
}

// Handle runs one request and returns its response. It never returns nil; with
// NoResponse set the binding sends nothing (C-038).
func (c *CSE) Handle(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
	if a == nil {
		a = &identity.Association{} // nobody vouches for the peer
	}
	k := &call{c: c, req: req, assoc: a, now: onem2m.TimestampOf(c.Now())}
	res, err := k.run(ctx)
	if err != nil {
		res = k.fail(ctx, err)
	}
	return k.finish(res)
}

// tick returns an instant for ct and lt: now, or a microsecond after the last
// one given out, so that lt increases strictly (C-011).
func (c *CSE) tick() onem2m.Timestamp {
	now := onem2m.TimestampOf(c.Now())
	c.modified.Lock()
	defer c.modified.Unlock()
	if now <= c.modified.last {
		now = c.modified.last + 1
	}
	c.modified.last = now
	return now
}
