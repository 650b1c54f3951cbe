// Package logging makes the process log: structured lines on one writer, with
// the same field names everywhere. It keeps no log of its own and rotates no
// files; that is for the service manager.
package logging

import (
	"context"
	"io"
	"log/slog"
	"time"
)

// New returns a logger that writes text or JSON lines of at least level to w.
// Fields that a client can fill are quoted by both forms, so that no client
// can begin a line of its own.
func New(w io.Writer, level slog.Level, json bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if json {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// The fields of a line about one request. docs/logging.md explains each.
const (
	FieldRequest    = "req"  // request identifier
	FieldOriginator = "fr"   // From
	FieldTarget     = "to"   // To
	FieldOperation  = "op"   // operation
	FieldStatus     = "rsc"  // response status code
	FieldDuration   = "dur"  // time from the first byte to the answer
	FieldBinding    = "bind" // binding
	FieldError      = "err"  // cause that the originator doesn't see
)

// Request is one request in the log.
type Request struct {
	ID, Originator, Target, Operation, Binding string
	Status                                     int
	Duration                                   time.Duration
	Err                                        error // cause; nil for none
}

// maxField bounds a field that a client fills, in octets.
const maxField = 256

// The refusals of an originator that isn't who it says (A-11 ff.).
const (
	originatorHasNoID = 4106
	wrongOriginator   = 4107
	internalError     = 5000
)

// Log writes r: what failed inside (5000) as an error, an originator who isn't
// who it says (4106, 4107) as a warning, all else for debugging: other refusals
// are daily business, and a client could fill the log with them. Nothing is
// formatted when the level is off.
func Log(ctx context.Context, l *slog.Logger, r Request) {
	level := slog.LevelDebug
	switch {
	case r.Status == internalError:
		level = slog.LevelError
	case r.Status == originatorHasNoID, r.Status == wrongOriginator:
		level = slog.LevelWarn
	}
	if !l.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String(FieldRequest, cut(r.ID)), slog.String(FieldOriginator, cut(r.Originator)), slog.String(FieldTarget, cut(r.Target)),
		slog.String(FieldOperation, r.Operation), slog.Int(FieldStatus, r.Status), slog.Duration(FieldDuration, r.Duration),
		slog.String(FieldBinding, r.Binding),
	}
	if r.Err != nil {
		attrs = append(attrs, slog.String(FieldError, cut(r.Err.Error())))
	}
	l.LogAttrs(ctx, level, "request", attrs...)
}

func cut(s string) string {
	if len(s) <= maxField {
		return s
	}
	return s[:maxField] + "…"
}
