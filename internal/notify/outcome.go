package notify

import (
	"net/url"
	"strings"
)

// OutcomeKind is what became of one delivery.
type OutcomeKind int

// The kinds. Everything but Repeated ends the delivery.
const (
	Delivered  OutcomeKind = iota + 1 // the target has taken it
	Repeated                          // failed, will be tried again
	Refused                           // answered with an error that repetition doesn't mend
	GaveUp                            // failed for longer than Limits.GiveUp
	Overflowed                        // pushed out because the queue of its target, or the whole outbox, was full
	Discarded                         // its subscription is gone
	Withheld                          // a schedule was closed and its subscription keeps nothing (C-307)
	Superseded                        // a newer one took its place, as its subscription wants
)

// String returns the kind in lower case, for logs and metrics.
func (k OutcomeKind) String() string {
	switch k {
	case Delivered:
		return "delivered"
	case Repeated:
		return "repeated"
	case Refused:
		return "refused"
	case GaveUp:
		return "gave-up"
	case Overflowed:
		return "overflowed"
	case Discarded:
		return "discarded"
	case Withheld:
		return "withheld"
	case Superseded:
		return "superseded"
	}
	return "unknown"
}

// Lost reports whether a notification that should have arrived never will:
// what is counted, logged and audited (C-310).
func (k OutcomeKind) Lost() bool { return k == Refused || k == GaveUp || k == Overflowed }

// Outcome is told to Options.Observe, from several goroutines at once; the
// observer must return quickly.
type Outcome struct {
	Kind         OutcomeKind
	Target       string // without query and user information, which may hold secrets
	Subscription string // resourceID
	RequestID    string // "" when the delivery was not in memory
	Attempts     int    // how often it was sent
	Err          error  // why, nil for Delivered and Discarded
}

// report logs an outcome and hands it to the observer.
func (e *Engine) report(o Outcome) {
	o.Target = printable(o.Target)
	args := []any{"outcome", o.Kind.String(), "target", o.Target, "subscription", o.Subscription, "attempts", o.Attempts}
	if o.Err != nil {
		args = append(args, "error", o.Err)
	}
	if o.Kind.Lost() {
		e.log.Warn("notification lost", args...)
	} else {
		e.log.Debug("notification", args...)
	}
	e.observe(o)
}

// printable returns a target without what may be secret in it.
func printable(target string) string {
	if !isURL(target) {
		return target
	}
	u, err := url.Parse(target)
	if err != nil {
		scheme, _, _ := strings.Cut(target, ":")
		return scheme + ":…"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
