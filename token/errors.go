package token

import (
	"errors"
	"fmt"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
)

// Check is one of the things that a token is refused for.
type Check int

// The checks, in their order.
const (
	CheckForm      Check = iota + 1 // not a m2m:dynAuthJWT at all
	CheckSize                       // longer than tokens may be
	CheckHeader                     // typ, cty or a member that is refused
	CheckAlgorithm                  // class or algorithm that its issuer may not use
	CheckKey                        // names no credential of its issuer
	CheckSecurity                   // does not decrypt or verify
	CheckClaims                     // its content is malformed
	CheckIssuer                     // nobody has vouched for its issuer, or it names what is not the issuer's
	CheckHolder                     // made out to somebody else
	CheckAudience                   // meant for another CSE
	CheckNotBefore                  // not valid yet
	CheckNotAfter                   // expired
	CheckRevoked                    // revoked
	CheckLocalID                    // unknown Local-Token-ID, or that of another holder
)

// String says in words what failed.
func (c Check) String() string {
	switch c {
	case CheckForm:
		return "not a token"
	case CheckSize:
		return "the token is too long"
	case CheckHeader:
		return "a header of the token is not allowed"
	case CheckAlgorithm:
		return "class or algorithm not permitted for the issuer"
	case CheckKey:
		return "no credential of the issuer for the token"
	case CheckSecurity:
		return "the token does not verify"
	case CheckClaims:
		return "the claims are malformed"
	case CheckIssuer:
		return "the issuer is not trusted for the token"
	case CheckHolder:
		return "the holder is not the originator"
	case CheckAudience:
		return "the token is for another CSE"
	case CheckNotBefore:
		return "the token is not valid yet"
	case CheckNotAfter:
		return "the token has expired"
	case CheckRevoked:
		return "the token is revoked"
	case CheckLocalID:
		return "no such Local-Token-ID for the originator"
	default:
		return "the token is refused"
	}
}

// Error is the refusal of a token. It holds nothing of the token, so it may go
// to a log. What an originator sees is the status code alone.
type Error struct {
	Check Check
	Cause error // more for the log, or nil
	Ref   Ref   // with CheckRevoked: the token
}

// Error says which check failed, and why if that is known.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Check.String()
	}
	return fmt.Sprintf("%s: %v", e.Check, e.Cause)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Code returns the response status code: 4000 for what is no token, 4103 for a
// token that is not accepted.
func (e *Error) Code() onem2m.StatusCode {
	if e.Check == CheckForm {
		return onem2m.BadRequest
	}
	return onem2m.OriginatorHasNoPrivilege
}

// refuse makes an Error; without a format there is no cause.
func refuse(c Check, format string, args ...any) *Error {
	if format == "" {
		return &Error{Check: c}
	}
	return &Error{Check: c, Cause: fmt.Errorf(format, args...)}
}

// refuseEnvelope turns an error of the envelope into the check that failed.
func refuseEnvelope(err error) *Error {
	check := CheckSecurity
	switch {
	case errors.Is(err, esdata.ErrSize):
		check = CheckSize
	case errors.Is(err, esdata.ErrSyntax):
		check = CheckForm
	case errors.Is(err, esdata.ErrHeader), errors.Is(err, esdata.ErrClass):
		check = CheckHeader
	case errors.Is(err, esdata.ErrAlgorithm):
		check = CheckAlgorithm
	case errors.Is(err, esdata.ErrUnknownKey):
		check = CheckKey
	}
	return &Error{Check: check, Cause: err}
}
