package dasserver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"bulwark/internal/dynauth/das"
	"bulwark/internal/dynauth/recall"
	"bulwark/onem2m"
)

// A CSE is told at once what the server has revoked: the one in this process by a
// call, any other by a notification of the server's AE (see package recall), which
// goes by way of the CSE that the AE is registered with. What is not acknowledged
// is owed still, and told again.

const (
	// firstPause and lastPause are how long a CSE that does not acknowledge is left
	// alone, at first and at last.
	firstPause = time.Second
	lastPause  = time.Minute
	// tellTime bounds one attempt.
	tellTime = 10 * time.Second
	// maxTelling bounds the CSEs that are told at a time.
	maxTelling = 16
)

// Recall takes what the server by calls back, in the CSE of this process. When it
// returns nil, that is kept.
type Recall func(ctx context.Context, by onem2m.ID, m *recall.Message) error

// news wakes those who wait for a change of the ledger.
type news struct {
	mu   sync.Mutex // guards next
	next chan struct{}
}

// wait returns what is closed with the next change.
func (n *news) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next == nil {
		n.next = make(chan struct{})
	}
	return n.next
}

func (n *news) spread() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next != nil {
		close(n.next)
		n.next = nil
	}
}

// creditor is a CSE that has not acknowledged something.
type creditor struct {
	busy  bool
	pause time.Duration // 0 after a success
	next  time.Time     // by the clock of the process, before which it is left alone
}

// teller tells CSEs what they are owed.
type teller struct {
	s *Server

	mu   sync.Mutex // guards cses
	cses map[onem2m.ID]*creditor
}

// run tells until ctx ends.
func (t *teller) run(ctx context.Context) {
	var telling sync.WaitGroup
	defer telling.Wait()
	places := make(chan struct{}, maxTelling)
	done := make(chan struct{}, 1) // somebody has been told, or has not
	for {
		changed := t.s.news.wait()
		list, err := t.s.das.Creditors(ctx)
		if err != nil && ctx.Err() == nil {
			t.s.log.WarnContext(ctx, "what CSEs have to be told cannot be read", "err", err)
		}
		soon := lastPause
		for _, cse := range list {
			wait, due := t.take(cse)
			if !due {
				soon = min(soon, wait)
				continue
			}
			telling.Go(func() {
				select {
				case places <- struct{}{}:
					t.put(cse, t.tell(ctx, cse))
					<-places
				case <-ctx.Done():
				}
				select {
				case done <- struct{}{}:
				default:
				}
			})
		}
		select {
		case <-changed:
		case <-done:
		case <-time.After(soon):
		case <-ctx.Done():
			return
		}
	}
}

// take begins to tell a CSE if that is due, or returns how long it is not.
func (t *teller) take(cse onem2m.ID) (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.cses[cse]
	if c == nil {
		if t.cses == nil {
			t.cses = map[onem2m.ID]*creditor{}
		}
		c = &creditor{}
		t.cses[cse] = c
	}
	wait := time.Until(c.next)
	if c.busy || wait > 0 || !t.s.reaches(cse) {
		return max(wait, firstPause), false
	}
	c.busy = true
	return 0, true
}

// put notes how telling a CSE has ended.
func (t *teller) put(cse onem2m.ID, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.cses[cse]
	if err == nil {
		delete(t.cses, cse)
		return
	}
	if c.pause == 0 {
		t.s.log.Warn("a CSE does not acknowledge what was revoked, and is told again", "cse", string(cse), "err", err)
	}
	c.busy, c.pause = false, min(max(2*c.pause, firstPause), lastPause)
	c.next = time.Now().Add(c.pause)
}

// reaches reports whether there is a way to a CSE. One without asks for itself.
func (s *Server) reaches(cse onem2m.ID) bool {
	return s.cse != nil || s.o.Recall != nil && cse == s.cfg.Home().ID()
}

// tell tells one CSE everything that it is owed.
func (t *teller) tell(ctx context.Context, cse onem2m.ID) error {
	for {
		list, err := t.s.das.Owed(ctx, cse)
		if err != nil || len(list) == 0 {
			return err
		}
		within, cancel := context.WithTimeout(ctx, tellTime)
		list, err = t.s.recallAt(within, cse, list)
		cancel()
		if err == nil {
			err = t.s.das.Settled(ctx, list)
		}
		if err != nil {
			return err
		}
	}
}

// recallAt calls entries back at a CSE, and returns which it now knows of.
func (s *Server) recallAt(ctx context.Context, cse onem2m.ID, list []das.Entry) ([]das.Entry, error) {
	if s.o.Recall != nil && cse == s.cfg.Home().ID() {
		return list, s.o.Recall(ctx, s.self.ID, &recall.Message{Items: das.Items(list)})
	}
	text, about, err := s.das.Recall(ctx, cse, list)
	if err != nil {
		return nil, err
	}
	res, err := s.cse.Do(ctx, &onem2m.Request{Operation: onem2m.Notify, To: string(cse) + "/-", Content: recall.Content(text)})
	if err == nil && res.Code/1000 != 2 {
		err = fmt.Errorf("it answers %d", res.Code)
	}
	return about, err
}

// TellHere tells the CSE in this process all that was revoked, before it serves
// anybody: its store may be older than the ledger.
func (s *Server) TellHere(ctx context.Context) error {
	if s.o.Recall == nil {
		return nil
	}
	here := s.cfg.Home().ID()
	if err := s.das.Owe(ctx, here); err != nil {
		return err
	}
	return (&teller{s: s}).tell(ctx, here)
}
