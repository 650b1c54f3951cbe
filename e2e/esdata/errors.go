package esdata

import "errors"

// What can be wrong with an envelope, a key or a request to seal. Errors of this
// package wrap one of them and never hold anything of an envelope, of its
// payload or of a key.
var (
	ErrSize         = errors.New("the envelope is too large")
	ErrSyntax       = errors.New("the envelope is malformed")
	ErrHeader       = errors.New("a header of the envelope is not allowed")
	ErrAlgorithm    = errors.New("the algorithm is not one that the credential is for")
	ErrUnknownKey   = errors.New("no credential is known that the envelope names")
	ErrCryptography = errors.New("the envelope does not verify")
	ErrClass        = errors.New("the envelope is not of the class that it claims")
	ErrKey          = errors.New("the key does not fit its algorithm or its use")
	ErrExhausted    = errors.New("the key has encrypted as often as a key may")
	ErrProtection   = errors.New("the protection asked for does not exist")
)
