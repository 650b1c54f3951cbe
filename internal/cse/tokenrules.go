package cse

import (
	"errors"
	"sync"

	"bulwark/access"
	"bulwark/onem2m"
	"bulwark/token"
)

// maxCompiled bounds how many tokens' rules are kept compiled. When there are
// more, all are compiled anew: their order of use isn't worth the bookkeeping.
const maxCompiled = 1000

var errRules = errors.New("a rule of the token can't be enforced")

// tokenRules are the compiled rules of tokens, which never change. It may be
// empty at any time.
type tokenRules struct {
	mu       sync.RWMutex // guards what follows
	compiled map[token.Digest][]*access.Policy
}

// of returns one policy for each permission of the token, nil for one without
// rules.
func (t *tokenRules) of(home onem2m.Home, v *token.Verified) ([]*access.Policy, error) {
	t.mu.RLock()
	policies, ok := t.compiled[v.Digest]
	t.mu.RUnlock()
	if ok {
		return policies, nil
	}
	policies = make([]*access.Policy, len(v.Permissions))
	for i, p := range v.Permissions {
		if p.Privileges == nil {
			continue
		}
		policy, err := access.Compile(home, p.Privileges, "pv")
		if err != nil {
			return nil, errRules // the cause repeats what the token holds
		}
		policies[i] = policy
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.compiled == nil || len(t.compiled) >= maxCompiled {
		t.compiled = make(map[token.Digest][]*access.Policy)
	}
	t.compiled[v.Digest] = policies
	return policies, nil
}
