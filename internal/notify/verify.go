package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"bulwark/onem2m"
)

// verifyAtOnce bounds the targets of one subscription that are asked together.
const verifyAtOnce = 8

// Verify asks the targets of a subscription that is about to be stored whether
// they agree, and waits for their answers (TS-0004 clauses 7.4.8.2.1 and
// 7.5.1.2.3). Plain URLs are asked only if Options say so, the originator of
// the request never. subscription is the resourceID that it is going to have.
// For an UPDATE, targets are the new ones only (C-276). Any failure is 5204.
// It must not be called inside a transaction.
func (e *Engine) Verify(ctx context.Context, subscription string, creator, originator onem2m.ID, targets []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		group  sync.WaitGroup
		places = make(chan struct{}, verifyAtOnce)
		mu     sync.Mutex // guards first
		first  error
	)
	for i, target := range targets {
		if slices.Contains(targets[:i], target) || isURL(target) && !e.urls {
			continue
		}
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			if err := e.verify(ctx, subscription, creator, originator, target); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
					cancel() // the others are pointless
				}
			}
		})
	}
	group.Wait()
	if first == nil {
		return nil
	}
	return &onem2m.Error{
		Code: onem2m.SubscriptionVerificationInitiationFailed, Subject: "nu",
		Text: "a notification target did not confirm the subscription", Cause: first,
	}
}

// verify asks one target.
func (e *Engine) verify(ctx context.Context, subscription string, creator, originator onem2m.ID, target string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, e.limits.VerifyTimeout)
	defer cancel()
	to, _ := splitTarget(target)
	if names(e.home, target, originator) {
		return nil
	}
	id, err := e.requestID()
	if err != nil {
		return err
	}
	at := e.scopeOf(target)
	content, err := contentOf(e.verificationPayload(subscription, creator, at))
	if err != nil {
		return err
	}
	req := onem2m.Request{
		Operation: onem2m.Notify, To: to, From: e.self(at), HasFrom: true, RequestID: id, Content: content,
	}
	v, err := e.ask(ctx, target, originator, req)
	if v == accepted {
		e.Hasten(target) // it listens
		return nil
	}
	if err == nil { // an answer that isn't OK (TS-0004 clause 7.4.8.2.1)
		err = errors.New("no agreement")
	}
	return fmt.Errorf("verification of %s: %w", printable(target), err)
}

// ask sends a verification, unless the target turns out to be the originator
// under another name.
func (e *Engine) ask(ctx context.Context, target string, originator onem2m.ID, req onem2m.Request) (verdict, error) {
	if isURL(target) {
		return e.send(ctx, target, req)
	}
	reach, err := e.directory.Reach(ctx, req.To)
	if err != nil {
		return missed, fmt.Errorf("reach: %w", err)
	}
	if originator != "" && reach.ID == originator {
		return accepted, nil
	}
	return e.sendTo(ctx, reach, req)
}
