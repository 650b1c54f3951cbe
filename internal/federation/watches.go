package federation

import (
	"context"
	"sync"
	"time"

	"bulwark/onem2m"
)

// Overseer does for Watches what needs other CSEs.
type Overseer interface {
	// Used returns when the copy under a key was last asked for; 0: there is none
	// any more.
	Used(key string) onem2m.Timestamp
	// Renew retrieves what a copy was made of again.
	Renew(ctx context.Context, key string)
	// Subscribe has the CSE of an address notify this one at a target of changes
	// until an instant, and returns the address of the subscription.
	Subscribe(ctx context.Context, address, target string, until onem2m.Timestamp) (subscription string, err error)
	// Prolong lets a subscription live longer. gone says that there is none.
	Prolong(ctx context.Context, subscription string, until onem2m.Timestamp) (gone bool, err error)
	// Unsubscribe deletes a subscription.
	Unsubscribe(ctx context.Context, subscription string) error
}

// Times of a watch. A copy counts for its own time only, watched or not: a
// subscription makes a change take effect at once, but whether notifications
// arrive is never relied on.
const (
	watchIdle    = 5 * time.Minute  // a copy that nobody asks for isn't watched longer
	watchLife    = 10 * time.Minute // of a subscription: what a crash leaves behind ends by itself
	watchRefused = 5 * time.Minute  // until who has refused a subscription is asked again
	watchPause   = 30 * time.Second // until who couldn't be asked is
	watchRest    = time.Second      // between two retrievals because of notifications
)

// Bounds of the watches: those of one CSE leave room for others.
const (
	maxWatches     = 256
	maxWatchesEach = 64
	watchers       = 4 // that work at the same time, each for another CSE
)

// Watches keeps an eye on copies of what other CSEs host: the CSE subscribes to
// the originals, so that a change is heard of when it happens, and retrieves those
// that are in use again before their time is over. A subscription goes when the
// copy isn't used any more. Where none can be had the copy simply counts for its
// time. It is safe for concurrent use.
type Watches struct {
	life time.Duration // of a copy
	now  func() onem2m.Timestamp
	name func() string // makes the last part of a target: nobody can guess it
	hand Overseer

	mu      sync.Mutex // guards what follows
	all     map[string]*watch
	targets map[string]*watch
	busy    map[onem2m.ID]bool // CSEs that are being dealt with
	wake    chan struct{}      // capacity 1
}

// watch is about one copy.
type watch struct {
	key     string // of the copy
	address string // of the original, or of a part of it
	host    onem2m.ID
	target  string

	subscription string           // its address; "": there is none
	ends         onem2m.Timestamp // when the subscription does
	renewed      onem2m.Timestamp // when the copy was retrieved last
	retry        onem2m.Timestamp // nothing is asked about the subscription before
	due          onem2m.Timestamp // something has to be done
	changed      bool             // the original has
	lost         bool             // the subscription was deleted there
}

// NewWatches returns an empty list of watches of copies that count for life. name
// makes names that cannot be guessed.
func NewWatches(life time.Duration, now func() onem2m.Timestamp, name func() string, hand Overseer) *Watches {
	return &Watches{
		life: life, now: now, name: name, hand: hand, wake: make(chan struct{}, 1),
		all: map[string]*watch{}, targets: map[string]*watch{}, busy: map[onem2m.ID]bool{},
	}
}

// Want begins to watch a copy, under a key, that has just been made of what a CSE
// hosts at an address, unless there are too many.
func (w *Watches) Want(key, address string, host onem2m.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all[idOf(key, address)] != nil || len(w.all) >= maxWatches {
		return
	}
	n := 0
	for _, one := range w.all {
		if one.host == host {
			n++
		}
	}
	if n >= maxWatchesEach {
		return
	}
	one := &watch{key: key, address: address, host: host, target: w.name(), renewed: w.now(), due: w.now()}
	w.all[idOf(key, address)], w.targets[one.target] = one, one
	w.stir()
}

// idOf tells watches apart: no key has a line end.
func idOf(key, address string) string { return key + "\n" + address }

// stir wakes somebody who works. The lock is held.
func (w *Watches) stir() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Expects reports whether notifications of a CSE are awaited at a target.
func (w *Watches) Expects(target string, from onem2m.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.targets[target]
	return one != nil && one.host == from
}

// Notice takes a notification, and returns the key of the copy that isn't up to
// date any more. over says that the subscription has been deleted.
func (w *Watches) Notice(target string, from onem2m.ID, over bool) (key string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.targets[target]
	if one == nil || one.host != from {
		return "", false
	}
	one.changed, one.lost = true, one.lost || over
	one.due = min(one.due, max(w.now(), one.renewed+micros(watchRest)))
	w.stir()
	return one.key, true
}

func micros(d time.Duration) onem2m.Timestamp { return onem2m.Timestamp(d.Microseconds()) }

// Run works until ctx ends.
func (w *Watches) Run(ctx context.Context) {
	var group sync.WaitGroup
	for range watchers {
		group.Go(func() {
			timer := time.NewTimer(time.Hour)
			defer timer.Stop()
			for ctx.Err() == nil {
				wait, worked := w.Tend(ctx)
				if worked {
					continue
				}
				timer.Reset(wait)
				select {
				case <-ctx.Done():
				case <-w.wake:
				case <-timer.C:
				}
			}
		})
	}
	group.Wait()
}

// Tend does what is due for one watch, and returns how long there is nothing to do
// if it has found none.
func (w *Watches) Tend(ctx context.Context) (wait time.Duration, worked bool) {
	one, wait := w.next()
	if one == nil {
		return wait, false
	}
	defer w.end(one)
	w.tend(ctx, one)
	return 0, true
}

// next takes a watch that is due, of a CSE that nobody deals with: one that is
// slow holds up no other.
func (w *Watches) next() (*watch, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, wait := w.now(), time.Hour
	var first *watch
	for _, one := range w.all {
		switch left := one.due.Time().Sub(now.Time()); {
		case w.busy[one.host]: // whose turn is over wakes somebody
		case left > 0:
			wait = min(wait, left)
		case first == nil || one.due < first.due:
			first = one
		}
	}
	if first != nil {
		w.busy[first.host] = true
		w.stir() // there may be more, for others
	}
	return first, wait
}

func (w *Watches) end(one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, one.host)
	w.stir()
}

// tend does what is due. Nobody else changes the watch but by Notice meanwhile.
func (w *Watches) tend(ctx context.Context, one *watch) {
	w.mu.Lock()
	now, used := w.now(), w.hand.Used(one.key)
	changed := one.changed
	if one.lost {
		one.subscription, one.lost, one.retry = "", false, now+micros(watchPause)
	}
	if one.subscription != "" && one.ends <= now {
		one.subscription = ""
	}
	one.changed = false
	one.due = now + micros(watchPause) // until it is settled; a notification may make it earlier
	w.mu.Unlock()
	if used == 0 || used+micros(watchIdle) <= now {
		w.drop(ctx, one)
		return
	}
	switch due := one.retry <= now; {
	case one.subscription == "" && due:
		w.begin(ctx, one)
		changed = false // it has been retrieved, or a request does
	case one.subscription != "" && due && one.ends-now <= micros(watchLife)/2:
		w.prolong(ctx, one)
	}
	if changed || one.subscription != "" && w.fading(one, used, now) {
		w.renew(ctx, one)
	}
	w.settle(one, used)
}

// fading reports whether the time of a copy that is in use is over soon.
func (w *Watches) fading(one *watch, used, now onem2m.Timestamp) bool {
	return used > one.renewed && now >= one.renewed+micros(w.life)*2/3
}

// settle says when to look next.
func (w *Watches) settle(one *watch, used onem2m.Timestamp) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one.changed {
		one.due = max(w.now(), one.renewed+micros(watchRest))
		return
	}
	now := w.now()
	next := used + micros(watchIdle)
	if one.subscription == "" {
		next = min(next, one.retry)
	} else {
		next = min(next, max(one.retry, one.ends-micros(watchLife)/2))
		if soon := one.renewed + micros(w.life)*2/3; soon > now {
			next = min(next, soon)
		} else {
			next = min(next, now+micros(w.life)/3) // nobody has asked for it; somebody may
		}
	}
	one.due = max(next, now+micros(watchRest)/10)
}

func (w *Watches) begin(ctx context.Context, one *watch) {
	ends := w.now() + micros(watchLife)
	address, err := w.hand.Subscribe(ctx, one.address, one.target, ends)
	if err != nil {
		pause := watchPause
		if e := onem2m.AsError(err); e.Code/1000 == 4 && e.Code != onem2m.RequestTimeout {
			pause = watchRefused
		}
		w.set(func() { one.retry = w.now() + micros(pause) })
		return
	}
	w.set(func() { one.subscription, one.ends = address, ends })
	w.renew(ctx, one) // what has changed in between nobody tells
}

func (w *Watches) prolong(ctx context.Context, one *watch) {
	ends := w.now() + micros(watchLife)
	gone, err := w.hand.Prolong(ctx, one.subscription, ends)
	switch {
	case gone:
		w.set(func() { one.subscription, one.retry = "", 0 })
	case err == nil:
		w.set(func() { one.ends = ends })
	default:
		w.set(func() { one.retry = w.now() + micros(watchPause) })
	}
}

func (w *Watches) renew(ctx context.Context, one *watch) {
	begun := w.now()
	w.hand.Renew(ctx, one.key)
	w.set(func() { one.renewed = begun })
}

// drop ends a watch. A subscription that can't be deleted ends by itself.
func (w *Watches) drop(ctx context.Context, one *watch) {
	if one.subscription != "" {
		_ = w.hand.Unsubscribe(ctx, one.subscription) // the overseer tells the log
	}
	w.set(func() {
		delete(w.all, idOf(one.key, one.address))
		delete(w.targets, one.target)
	})
}

func (w *Watches) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}
