package notify

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Limits bound what the engine holds and how long it tries. A zero field takes
// its default.
type Limits struct {
	Queue          int           // deliveries waiting per target
	Outbox         int           // deliveries waiting for all targets together
	PerHost        int           // deliveries in flight to one host at once
	GiveUp         time.Duration // age at which a delivery that keeps failing is dropped
	FirstBackOff   time.Duration // wait after the first failure
	MaxBackOff     time.Duration // longest wait
	Workers        int           // deliveries in flight at once
	RequestTimeout time.Duration // one NOTIFY to one point of access
	VerifyTimeout  time.Duration // one verification, all points of access of one target
	Drain          time.Duration // what a stop leaves to deliveries in flight
	PayloadMemory  int64         // octets of payload kept in memory to save reading them again
}

// The defaults of Limits. Queue, back-off and give-up are those of the
// delivery policy (C-310). A host gets an eighth of the workers, so that one
// that hangs leaves most of them to others; the rest bound memory, the outbox to
// some tens of megabytes, and the time to stop.
const (
	DefaultQueue          = 1000
	DefaultOutbox         = 100_000
	DefaultPerHost        = 8
	DefaultGiveUp         = time.Hour
	DefaultFirstBackOff   = time.Second
	DefaultMaxBackOff     = 5 * time.Minute
	DefaultWorkers        = 64
	DefaultRequestTimeout = 10 * time.Second
	DefaultVerifyTimeout  = 5 * time.Second
	DefaultDrain          = 5 * time.Second
	DefaultPayloadMemory  = 8 << 20
)

// withDefaults fills in what is zero.
func (l Limits) withDefaults() Limits {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	set(&l.GiveUp, DefaultGiveUp)
	set(&l.FirstBackOff, DefaultFirstBackOff)
	set(&l.MaxBackOff, DefaultMaxBackOff)
	set(&l.RequestTimeout, DefaultRequestTimeout)
	set(&l.VerifyTimeout, DefaultVerifyTimeout)
	set(&l.Drain, DefaultDrain)
	if l.Queue <= 0 {
		l.Queue = DefaultQueue
	}
	if l.Outbox <= 0 {
		l.Outbox = DefaultOutbox
	}
	if l.PerHost <= 0 {
		l.PerHost = DefaultPerHost
	}
	if l.Workers <= 0 {
		l.Workers = DefaultWorkers
	}
	if l.PayloadMemory <= 0 {
		l.PayloadMemory = DefaultPayloadMemory
	}
	return l
}

// Options are what an Engine needs. Store, Sender and Directory are mandatory.
type Options struct {
	Home      onem2m.Home
	Store     store.Store
	Sender    Sender
	Directory Directory

	// Expire deletes a subscription whose expirationCounter has reached zero,
	// like a DELETE by the CSE itself, and with it calls Removed (C-308).
	Expire func(tx store.Tx, sub *store.Record) error

	Now     func() time.Time // time.Now if nil
	Random  io.Reader        // request identifiers and jitter; crypto/rand if nil
	Log     *slog.Logger     // slog.Default if nil
	Observe func(Outcome)    // told of everything that ends or repeats a delivery; may be nil
	Limits  Limits

	// VerifyURLs asks plain URLs too whether they agree (C-274).
	VerifyURLs bool
}

// Engine decides what subscriptions must be told and delivers it. Record,
// Removed and Verify may be called at any time; what Record stores is
// delivered while Run runs.
type Engine struct {
	home      onem2m.Home
	store     store.Store
	sender    Sender
	directory Directory
	expire    func(tx store.Tx, sub *store.Record) error
	now       func() time.Time
	log       *slog.Logger
	observe   func(Outcome)
	limits    Limits
	urls      bool

	randomness sync.Mutex // guards random: a source need not be safe for concurrent use
	random     io.Reader

	line   line   // what waits for which target
	shelf  shelf  // what policies hold back
	ledger ledger // what has ended and isn't stored yet

	replies replies // who waits for the answer to what is passed on

	timetable timetable // schedules

	running atomic.Bool
}

// ErrRunning says that Run was called while it was running.
var ErrRunning = errors.New("notify: already running")

// New returns an Engine; nothing is delivered before Run.
func New(o Options) *Engine {
	e := &Engine{
		home: o.Home, store: o.Store, sender: o.Sender, directory: o.Directory,
		expire: o.Expire, now: o.Now, log: o.Log, observe: o.Observe,
		limits: o.Limits.withDefaults(), urls: o.VerifyURLs, random: o.Random,
	}
	if e.now == nil {
		e.now = time.Now
	}
	if e.random == nil {
		e.random = rand.Reader
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	if e.observe == nil {
		e.observe = func(Outcome) {}
	}
	e.line.init(e.limits, e.home, e.now)
	e.ledger.init()
	e.shelf.init(e.now)
	return e
}

// Pending returns the number of deliveries that wait or are in flight. Until
// Run has read the outbox it doesn't know those of an earlier life.
func (e *Engine) Pending() int { return e.line.size() }

// clock returns the present as a Timestamp.
func (e *Engine) clock() onem2m.Timestamp { return onem2m.TimestampOf(e.now()) }
