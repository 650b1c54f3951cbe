package node

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/identity"
)

func TestHandshake_S096_WhatItsFailureIsCalled(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"too-many": httpb.ErrCrowded, "timeout": context.DeadlineExceeded, "revoked": identity.ErrRevoked,
		"untrusted": untrustedError{errors.New("unknown")}, "protocol": errors.New("EOF"),
	} {
		if got, reason := handshakeResult(fmt.Errorf("handshake: %w", err)); got != want || reason == "" {
			t.Errorf("%v: %q, %q", err, got, reason)
		}
	}
}
