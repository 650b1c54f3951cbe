package cse

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// arrear is what a copy on another CSE has to be told still: an UPDATE of some
// attributes, or its DELETE. It says what has changed and not how: what is sent
// is what the original holds at that time, so that a repetition does no harm.
type arrear struct {
	Copy     string         `json:"copy"`              // address
	Original int64          `json:"original,omitzero"` // surrogate
	Names    []string       `json:"names,omitzero"`
	Delete   bool           `json:"delete,omitzero"`
	Left     bool           `json:"left,omitzero"`   // the <AEAnnc> of an AE of the whole SP that isn't registered here any more
	Link     string         `json:"link,omitzero"`   // of copies to look for that may have been made
	Stays    bool           `json:"stays,omitzero"`  // the <AEAnnc> of one that is registered here and has changed
	Notice   jsontext.Value `json:"notice,omitzero"` // of the new place of an AE, for the CSE in Copy

	Since onem2m.Timestamp `json:"since,omitzero"` // when it came about
	Of    onem2m.ID        `json:"of,omitzero"`    // who has made the original; "" for what the CSE itself tells

	host     onem2m.ID // the CSE of the copy
	numbers  []int64   // under which it is kept
	fresh    bool      // not tried since it came about
	busy     chan struct{}
	hop      onem2m.ID // by which it is being told, by one of the payers; ""
	attempts int
	due      time.Time
}

// maxArrears bounds what is owed at once, maxArrearsOne what is for the originals
// that one entity has made. One CSE gets no more of it than it leaves free: one that
// answers nothing keeps no other from being told. A copy that isn't told any more
// expires by itself, at the latest when its original would have.
const (
	maxArrears    = 10_000
	maxArrearsOne = maxArrears / 4
)

// maxOwed is how long a CSE may be away until it isn't told any more what has
// changed meanwhile.
const maxOwed = 30 * 24 * time.Hour

// maxRefusals bounds the attempts at what a CSE answers and doesn't do, for reasons
// that may pass: with maxPause between them, about a day.
const maxRefusals = 300

// maxOpen is the same for what says who may do what with a copy: as long as that
// isn't taken, the copy lets others do what its original doesn't. So it is withdrawn
// after as many attempts, which are about two minutes.
const maxOpen = 7

// minPause and maxPause are between attempts.
const (
	minPause = time.Second
	maxPause = 5 * time.Minute
)

// maxHelp bounds the debts that one request waits for.
const maxHelp = 16

// arrears are those of the store by the address of the copy. The store rules; this
// is a view of it.
type arrears struct {
	made, next atomic.Int64 // debts of this run, and the number behind the last one, as the writer sees it

	via func(onem2m.ID) onem2m.ID // the next hop to a CSE; nil: the CSE itself

	mu   sync.Mutex // guards what follows and what is in it
	open map[string]*arrear
	away map[onem2m.ID]*absence
	wake chan struct{} // capacity 1
}

// absence is how long a CSE that wasn't reached is left alone: it isn't asked once
// for each copy that is on it.
type absence struct {
	failures int
	until    time.Time
}

func (d *arrears) init() {
	d.open, d.away, d.wake = make(map[string]*arrear), make(map[onem2m.ID]*absence), make(chan struct{}, 1)
}

// add takes up a debt to a CSE that is kept under a number.
func (d *arrears) add(host onem2m.ID, number int64, one arrear) {
	d.mu.Lock()
	defer d.mu.Unlock()
	have := d.open[one.Copy]
	if have == nil {
		have = &arrear{Copy: one.Copy, host: host}
		d.open[one.Copy] = have
	}
	if slices.Contains(have.numbers, number) {
		return
	}
	have.numbers = append(have.numbers, number)
	open := have.guards()
	have.include(&one)
	if !open && have.guards() {
		have.attempts = 0 // what was refused so far opened nothing
	}
	have.fresh, have.due = true, time.Time{}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// include adds what another debt to the same copy says.
func (a *arrear) include(one *arrear) {
	if a.Since == 0 || one.Since < a.Since {
		a.Since = one.Since
	}
	a.Of = cmp.Or(a.Of, one.Of)
	a.Original, a.Delete, a.Left = max(a.Original, one.Original), a.Delete || one.Delete, a.Left || one.Left
	a.Stays = a.Stays || one.Stays
	if one.Notice != nil {
		a.Notice = one.Notice
	}
	a.Link = one.Link
	for _, name := range one.Names {
		if !slices.Contains(a.Names, name) {
			a.Names = append(a.Names, name)
		}
	}
}

// hold takes up a debt that nobody waits for. It returns the numbers of older ones
// to the same effect, which are of no use any more: who tries again and again to
// announce a resource owes one search for it.
func (d *arrears) hold(host onem2m.ID, number int64, one arrear) (older []int64) {
	d.add(host, number, one)
	d.mu.Lock()
	defer d.mu.Unlock()
	have := d.open[one.Copy]
	if have.busy != nil {
		return nil // it may have looked already
	}
	older = slices.DeleteFunc(have.numbers, func(n int64) bool { return n == number })
	have.numbers, have.Since = []int64{number}, one.Since
	have.fresh, have.due = false, time.Now().Add(minPause)
	return older
}

// take takes a debt that is due, for a payer. Of those that have been tried one at a
// time is for a CSE, and no more by one next hop than are left for others: one that is
// away or slow keeps nobody else waiting, however many there are behind it. When
// there is none it returns how long that is so.
func (d *arrears) take() (one *arrear, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wait = time.Hour
	asked, by, paying := map[onem2m.ID]bool{}, map[onem2m.ID]int{}, 0
	for _, have := range d.open {
		if have.busy != nil {
			asked[have.host] = true
		}
		if have.hop != "" {
			by[have.hop]++
			paying++
		}
	}
	hops := map[onem2m.ID]onem2m.ID{}
	for _, have := range d.open {
		due := have.due
		if gone := d.away[have.host]; gone != nil && gone.until.After(due) {
			due = gone.until
		}
		left := time.Until(due)
		switch {
		case have.busy != nil, asked[have.host]: // whose turn is over wakes the next one
		case left > 0:
			wait = min(wait, left)
		case by[d.hop(hops, have.host)] >= payers-paying: // likewise
		default:
			have.hop = d.hop(hops, have.host)
			return have.taken(), 0
		}
	}
	return nil, wait
}

// hop is the next one to a CSE, which is found once. The lock is held.
func (d *arrears) hop(known map[onem2m.ID]onem2m.ID, host onem2m.ID) onem2m.ID {
	hop, ok := known[host]
	if !ok {
		if hop = host; d.via != nil {
			hop = d.via(host)
		}
		known[host] = hop
	}
	return hop
}

// takeFresh takes a debt of these numbers that nobody has tried. When there is none
// it returns what to wait for: others try one of them.
func (d *arrears) takeFresh(own arrearSpan) (one *arrear, busy <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, have := range d.open {
		switch {
		case !have.fresh || !slices.ContainsFunc(have.numbers, own.holds):
		case have.busy != nil:
			busy = have.busy
		default:
			return have.taken(), nil
		}
	}
	return nil, busy
}

// taken marks a debt as being dealt with. The lock is held.
func (a *arrear) taken() *arrear {
	a.busy = make(chan struct{})
	one := *a
	one.numbers, one.Names = slices.Clone(a.numbers), slices.Clone(a.Names)
	return &one
}

// end gives back a debt: paid, or to be tried again after a pause; away says that
// its CSE wasn't reached.
func (d *arrears) end(one *arrear, paid, away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	have := d.open[one.Copy]
	close(have.busy)
	have.busy, have.hop = nil, ""
	more := len(have.numbers) > len(one.numbers) // it has grown meanwhile
	have.fresh = more
	defer func() {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}()
	d.reached(have.host, !away)
	if paid {
		have.numbers = slices.DeleteFunc(have.numbers, func(n int64) bool { return slices.Contains(one.numbers, n) })
		have.attempts = 0
		if len(have.numbers) == 0 {
			delete(d.open, one.Copy)
		}
		return
	}
	if away {
		return // the pause is that of its CSE
	}
	have.attempts++
	if !more {
		have.due = time.Now().Add(pauseAfter(have.attempts))
	}
}

// reached notes whether a CSE was. The lock is held.
func (d *arrears) reached(host onem2m.ID, ok bool) {
	if ok {
		delete(d.away, host)
		return
	}
	gone := d.away[host]
	if gone == nil {
		gone = &absence{}
		d.away[host] = gone
	}
	gone.failures++
	gone.until = time.Now().Add(pauseAfter(gone.failures))
}

// back says that a CSE can be reached again, as far as is known.
func (d *arrears) back(host onem2m.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away[host] == nil {
		return
	}
	delete(d.away, host)
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func pauseAfter(failures int) time.Duration {
	return min(maxPause, minPause<<min(failures-1, 10))
}

// arrearSpan are numbers from First up to, not including, Next.
type arrearSpan struct{ First, Next int64 }

// since returns the debts that have come about in a transaction since there were
// so many; those of one have numbers in a row.
func (d *arrears) since(made int64) arrearSpan {
	next := d.next.Load()
	return arrearSpan{First: next - (d.made.Load() - made), Next: next}
}

func (s arrearSpan) holds(number int64) bool { return s.First <= number && number < s.Next }

// together returns what is owed to a copy with one more debt, and the numbers of
// the debts that it takes the place of.
func (d *arrears) together(one arrear) (all arrear, before []int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	have := d.open[one.Copy]
	if have == nil {
		return one, nil
	}
	all = *have
	all.Names = slices.Clone(have.Names)
	all.include(&one)
	return all, slices.Clone(have.numbers)
}
