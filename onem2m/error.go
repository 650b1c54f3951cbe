package onem2m

import (
	"errors"
	"fmt"
)

// Error is the one error type of the domain: a response status code, the
// attribute or parameter at fault, a short text for the originator, and a
// cause that only the log sees. The text never holds policy contents, keys,
// tokens or data of other originators (C-045).
type Error struct {
	Code    StatusCode
	Subject string // short name of the attribute or parameter, or ""
	Text    string
	Cause   error // for the log only
}

// Errorf builds an Error without cause.
func Errorf(code StatusCode, subject, format string, args ...any) *Error {
	return &Error{Code: code, Subject: subject, Text: fmt.Sprintf(format, args...)}
}

// Error returns everything that the log needs, with the cause.
func (e *Error) Error() string {
	s := fmt.Sprintf("%d %s", e.Code, e.Debug())
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Debug returns the text for m2m:dbg: the subject, if any, and the text.
func (e *Error) Debug() string {
	if e.Subject == "" {
		return e.Text
	}
	return e.Subject + ": " + e.Text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// AsError returns err as an *Error; anything else becomes 5000 with err as the
// cause, so that inner errors never reach an originator. AsError(nil) is nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: InternalServerError, Text: "internal error", Cause: err}
}
