// Package fieldcase holds situations that people who work with oneM2M platforms
// really ran into, played against a running CSE.
package fieldcase

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// trusting starts the binary with a plain listener that takes every well-formed
// From as authenticated, and returns a client of it.
func trusting(t *testing.T) (*harness.Client, *harness.Process) {
	t.Helper()
	p := harness.Start(t, "", "--https", "off", "--http", "127.0.0.1:0", "--trust-plain")
	return harness.NewClient(t, p.HTTP, nil, 1), p
}

// release1 are the headers of a client that knows nothing of releases.
func release1(more ...string) map[string][]string {
	h := map[string][]string{"X-M2M-RVI": nil}
	for i := 0; i+1 < len(more); i += 2 {
		h[more[i]] = []string{more[i+1]}
	}
	return h
}

// policy is the body of an access control policy with the given rules and one
// rule for the originator who maintains it.
func policy(rn, keeper string, rules ...string) string {
	return fmt.Sprintf(`{"m2m:acp":{"rn":%q,"pv":{"acr":[%s]},"pvs":{"acr":[{"acor":[%q],"acop":63}]}}}`,
		rn, strings.Join(rules, ","), keeper)
}

// sameJSON compares two JSON texts without regard to the order of members.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	x, y := jsontext.Value(a), jsontext.Value(b)
	if err := errors.Join(x.Canonicalize(), y.Canonicalize()); err != nil {
		t.Error(err)
		return false
	}
	return string(x) == string(y)
}
