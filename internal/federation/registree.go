package federation

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// Times of a registration.
const (
	askTimeout   = 10 * time.Second   // one request to the registrar
	lifetime     = 7 * 24 * time.Hour // of a registration; renewed when half of it is over, and gone when the CSE stays away
	firstPause   = 500 * time.Millisecond
	longestPause = time.Minute
	reread       = 20 // looks after which the registrar's own description is read again …
	rereadSoon   = 4  // … while it may learn who the IN-CSE is
)

// Self is what this CSE tells its registrar about itself.
type Self struct {
	Type        int // m2m:cseTypeID
	Points      []string
	Releases    []string
	Descendants []onem2m.ID
}

// Local is the side of a registration that concerns resources of this CSE.
type Local interface {
	// Mirror creates or updates the <remoteCSE> that stands here for the
	// registrar; attrs are complete (C-214).
	Mirror(ctx context.Context, attrs onem2m.Object) error
	// Descendants lists the CSEs of the own SP below this one (C-215).
	Descendants() []onem2m.ID
	// Vouched takes which of them the registrar has taken, and which it refuses.
	Vouched(ctx context.Context, taken, refused []onem2m.ID) error
	// EndToEnd is the e2eSecInfo of this CSE, nil if it does nothing end to end.
	EndToEnd() jsontext.Value
}

// RegistreeOptions describe a registration.
type RegistreeOptions struct {
	Home      onem2m.Home
	Registrar onem2m.ID
	URL       string // point of access of the registrar
	Self      Self   // without Descendants
	Sender    Sender
	Local     Local
	Check     time.Duration // between two looks at the registration, unless something has changed
	Now       func() time.Time
	Random    io.Reader
	Log       *slog.Logger
	Joined    func(bool) // called when the CSE has come to be registered, or no longer is; may be nil
}

// Registree keeps this CSE registered with its registrar. It doesn't follow a
// script of steps but compares, again and again, what the registrar has with
// what it should have, and repairs the difference: so a registrar that comes
// back, that has forgotten everything, or that was told something else by an
// administrator is all the same case.
type Registree struct {
	o     RegistreeOptions
	nudge chan struct{} // capacity 1
	seed  *rand.Rand    // of the one goroutine that runs

	joined atomic.Bool

	mu    sync.Mutex // guards entry
	entry string     // address of the <remoteCSE> at the registrar; "" before the first registration

	looks    int           // of the one goroutine that runs
	mirrored onem2m.Object // the registrar, as it is known here
	last     verdict
	agreed   onem2m.Object // what the registrar and this CSE agreed on at the last look
	strayed  int           // looks at which somebody had changed that
	pause    time.Duration // until the next look, when all goes well
}

// NewRegistree returns a Registree, to be run.
func NewRegistree(o RegistreeOptions) *Registree {
	if o.Joined == nil {
		o.Joined = func(bool) {}
	}
	var b [16]byte
	if _, err := io.ReadFull(o.Random, b[:]); err != nil {
		o.Log.Warn("no randomness for the pauses between registrations", "err", err)
	}
	seed := rand.NewPCG(binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:]))
	return &Registree{o: o, nudge: make(chan struct{}, 1), seed: rand.New(seed), pause: o.Check} //nolint:gosec // jitter of pauses, no secret
}

// Changed tells that what the registrar should know may have changed. It never
// waits.
func (r *Registree) Changed() {
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}

// Joined reports whether the CSE is registered, as far as it knows.
func (r *Registree) Joined() bool { return r.joined.Load() }

// Entry is the address of the <remoteCSE> of this CSE at the registrar, "" as
// long as there is none.
func (r *Registree) Entry() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.entry
}

func (r *Registree) setEntry(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entry = address
}

// Run keeps the registration until ctx ends. It then leaves it as it is: a CSE
// that stops is mostly one that starts again, and a de-registration would take
// everything with it that others keep below its <remoteCSE>.
func (r *Registree) Run(ctx context.Context) {
	failures := 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		nudge := r.nudge
		if failures > 0 {
			nudge = nil // a registrar that can't be reached is not asked more often
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-nudge:
		}
		err := r.Tend(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			failures = 0
			timer.Reset(r.jitter(r.pause))
			continue
		}
		failures++
		r.told(ctx, err, failures)
		timer.Reset(r.jitter(min(longestPause, firstPause<<min(failures-1, 10))))
	}
}

// told logs a failure: the first one, and then fewer and fewer.
func (r *Registree) told(ctx context.Context, err error, failures int) {
	level := slog.LevelDebug
	if failures&(failures-1) == 0 {
		level = slog.LevelWarn
	}
	attrs := []any{"registrar", r.o.Registrar, "url", r.o.URL, "failures", failures, "err", err}
	if help := r.help(err); help != "" {
		attrs = append(attrs, "help", help)
	}
	r.o.Log.Log(ctx, level, "the registrar can't be used, it is tried again", attrs...)
}

// help says what to look at first, "" where the error says it.
func (r *Registree) help(err error) string {
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return "name the root of the registrar's certificate with ca of [remote], ca of its [[peer]] or an [[anchor]]"
	case strings.Contains(err.Error(), "remote error: tls: "):
		return "the registrar doesn't take the certificate of this CSE: it is of an authority that it doesn't know, revoked or over"
	case codeOf(err) == onem2m.OriginatorNotAuthenticated, codeOf(err) == onem2m.SecurityAssociationRequired:
		return "the certificate that this CSE shows, of [remote] or of its first https listener, has to name " + string(r.o.Home.ID())
	}
	return ""
}

// jitter takes a quarter of chance either way, so that many CSEs that lost
// their registrar together don't come back together.
func (r *Registree) jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.75 + r.seed.Float64()/2))
}

// Tend looks at the registration once and repairs it. An error says why it is
// not as it should be.
func (r *Registree) Tend(ctx context.Context) error {
	have, err := r.look(ctx)
	if err != nil {
		return err // not reached: the registration may well be there
	}
	if have == nil {
		r.set(ctx, false)
		if have, err = r.join(ctx); err != nil {
			return err
		}
	}
	if err := r.refresh(ctx, have); err != nil {
		return err
	}
	every := reread
	if r.mirrored != nil && !tops(r.mirrored) && !r.mirrored.Has("lbl") {
		every = rereadSoon
	}
	if r.looks%every == 0 || !r.joined.Load() {
		if r.mirrored, err = r.describe(ctx); err != nil {
			return err
		}
	}
	r.looks++
	if err := r.o.Local.Mirror(ctx, r.mirrored); err != nil {
		return fmt.Errorf("keep the registrar's <remoteCSE>: %w", err)
	}
	r.set(ctx, true)
	return nil
}

func (r *Registree) set(ctx context.Context, joined bool) {
	if r.joined.Swap(joined) == joined {
		return
	}
	if joined {
		r.o.Log.InfoContext(ctx, "registered", "registrar", r.o.Registrar)
	} else {
		r.o.Log.WarnContext(ctx, "the registrar has no registration of this CSE any more", "registrar", r.o.Registrar)
	}
	r.o.Joined(joined)
}

// refused is an answer that isn't the one that is needed.
type refusedError struct {
	doing string
	code  onem2m.StatusCode
	text  string
}

// Error tells what the registrar answered.
func (e *refusedError) Error() string {
	s := fmt.Sprintf("%s: the registrar answers %d", e.doing, e.code)
	if e.text != "" {
		s += " " + e.text
	}
	return s
}

// codeOf returns the status code of a refusal, 0 for another error or none.
func codeOf(err error) onem2m.StatusCode {
	if e, ok := errors.AsType[*refusedError](err); ok {
		return e.code
	}
	return 0
}
