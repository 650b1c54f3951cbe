package dasserver

import (
	"context"
	"sync"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// How much of the server one sender may take. The ledger has four
// connections and one writer, for which all wait in line: who sends more than its
// part waits behind itself.
const (
	workingAE  = 2  // requests of one originator that are worked on
	workingCSE = 8  // of a CSE, which asks for many
	waitingAE  = 32 // requests that have come, those included; what is more is refused
	waitingCSE = 128
)

// turns lets the requests of each sender in, a few at a time.
type turns struct {
	mu sync.Mutex // guards what follows
	of map[string]*turn
}

// turn is what one sender has there.
type turn struct {
	places chan struct{} // one element for each request that is worked on
	users  int           // those, and those that wait
}

func newTurns() *turns { return &turns{of: map[string]*turn{}} }

// enter waits until a request of a sender is let in; leave is called when it is
// done. The error is for the sender.
func (t *turns) enter(ctx context.Context, from *identity.Association) (leave func(), err error) {
	who, working, waiting := senderOf(from)
	one, err := t.join(who, working, waiting)
	if err != nil {
		return nil, err
	}
	select {
	case one.places <- struct{}{}:
		return func() {
			<-one.places
			t.part(who, one)
		}, nil
	case <-ctx.Done():
		t.part(who, one)
		return nil, errWaiting()
	}
}

func errWaiting() error {
	return onem2m.Errorf(onem2m.RequestTimeout, "", "too many requests of this sender are waiting")
}

// senderOf names a sender by what it has proven.
func senderOf(from *identity.Association) (who string, working, waiting int) {
	switch {
	case from == nil:
		return "", workingAE, waitingAE
	case len(from.IDs) != 1:
		return "credential " + from.CredentialID, workingAE, waitingAE
	case from.Kind == identity.KindCSE:
		return string(from.IDs[0]), workingCSE, waitingCSE
	}
	return string(from.IDs[0]), workingAE, waitingAE
}

func (t *turns) join(who string, working, waiting int) (*turn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.of[who]
	if one == nil {
		one = &turn{places: make(chan struct{}, working)}
		t.of[who] = one
	}
	if one.users >= waiting {
		return nil, errWaiting()
	}
	one.users++
	return one, nil
}

func (t *turns) part(who string, one *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(t.of, who)
	}
}
