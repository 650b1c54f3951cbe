package distributed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bulwark/onem2m"
)

// Bounds of one asking.
const (
	MaxPoints = 8               // points of a list
	patience  = 3 * time.Second // for all of them; a hop further there is less left
	fair      = time.Second     // a point that had less doesn't rest: who has no time must not close it for others
)

// Sender sends a question to a point and returns its response, in any case one.
type Sender func(ctx context.Context, address string, content *onem2m.Content, patience time.Duration) *onem2m.Response

// Asker asks points. All fields are needed.
type Asker struct {
	Gate *Gate
	Now  func() onem2m.Timestamp
	Send Sender
}

// Steps tell what has come of each point that was asked, for the audit.
type Steps []string

// String joins them.
func (s Steps) String() string { return strings.Join(s, "; ") }

// Decide asks decision points in turn until one decides: its word is final. One
// that has no policy, can't tell, or doesn't answer leaves it to the next, and
// when all have done so nothing is decided. from is the address of
// the one that has decided.
func (a *Asker) Decide(ctx context.Context, addresses []string, q *Question) (verdict Verdict, from string, steps Steps) {
	steps, from = a.first(ctx, Decision, addresses, q.Content(), func(res *onem2m.Response) (Status, string, error) {
		v, err := ParseVerdict(res)
		verdict = v
		if v.Permit {
			return v.Status, "permits", err
		}
		return v.Status, "denies", err
	})
	if from == "" {
		return Verdict{Status: NotApplicable}, "", steps
	}
	return verdict, from, steps
}

// Policies asks policy points in turn until one has policies; from is the
// address of that one.
func (a *Asker) Policies(ctx context.Context, addresses []string, q *PolicyQuestion) (found Policies, from string, steps Steps) {
	steps, from = a.first(ctx, Policy, addresses, q.Content(), func(res *onem2m.Response) (Status, string, error) {
		p, err := ParsePolicies(res)
		found = p
		return p.Status, fmt.Sprintf("gives %d policies", len(p.Sets)), err
	})
	if from == "" {
		return Policies{Status: NotApplicable}, "", steps
	}
	return found, from, steps
}

// Held asks information points in turn until one knows something; from is the
// address of that one.
func (a *Asker) Held(ctx context.Context, addresses []string, q *InformationQuestion) (found Held, from string, steps Steps) {
	steps, from = a.first(ctx, Information, addresses, q.Content(), func(res *onem2m.Response) (Status, string, error) {
		h, err := ParseHeld(res)
		found = h
		return h.Status, fmt.Sprintf("gives %d roles and %d tokens", len(h.Roles), len(h.Tokens)), err
	})
	if from == "" {
		return Held{Status: NotApplicable}, "", steps
	}
	return found, from, steps
}

// reading makes of a response its status, with words for the audit where that
// is OK.
type reading func(res *onem2m.Response) (status Status, words string, err error)

// first asks until one point answers OK.
func (a *Asker) first(ctx context.Context, kind Kind, addresses []string, content *onem2m.Content, read reading) (steps Steps, from string) {
	ctx, cancel := context.WithTimeout(ctx, Patience(ctx))
	defer cancel()
	addresses = addresses[:min(len(addresses), MaxPoints)]
	for i, address := range addresses {
		status, words, err := a.one(ctx, address, i+1 < len(addresses), content, read)
		switch {
		case err != nil:
			words = err.Error()
		case status != OK:
			words = status.String()
		}
		steps = append(steps, fmt.Sprintf("%s %s: %s", kind, address, words))
		if err == nil && status == OK {
			return steps, address
		}
		if ctx.Err() != nil {
			break
		}
	}
	return steps, ""
}

var errSilent = errors.New("no answer in time")

// one asks a point. Where others follow, one that is silent leaves them half of
// the time.
func (a *Asker) one(ctx context.Context, address string, more bool, content *onem2m.Content, read reading) (Status, string, error) {
	wait := remaining(ctx)
	if more {
		wait /= 2
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	leave, err := a.Gate.Enter(ctx, address, a.Now)
	if err != nil {
		return 0, "", err
	}
	given := remaining(ctx)
	res := a.Send(ctx, address, content, given)
	silent := ctx.Err() != nil || res.Code == onem2m.RequestTimeout || res.Code == onem2m.TargetNotReachable
	leave(!silent || given < fair)
	if silent {
		return 0, "", errSilent
	}
	return read(res)
}

// Patience is how long the points of a list are waited for: what is left of the
// time of the request, less a part for the answer to it, so that who asks first
// still hears it.
func Patience(ctx context.Context) time.Duration {
	return min(patience, remaining(ctx)*3/4)
}

func remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return patience
	}
	return max(time.Until(deadline), 0)
}
