package cmdh

import (
	"cmp"
	"slices"

	"bulwark/onem2m"
)

// Entry is a message that waits.
type Entry struct {
	ID       string // of the caller's
	Response bool
	From, To string // normalized by the caller
	// By is the CSE that has brought the message, "" for none. It may name as From
	// whom it likes.
	By string
	Op onem2m.Operation
	// Subscription is the reference of the subscription that a notification is
	// for, "" for anything else.
	Subscription string
	Category     int64
	Size         int64 // octets
	Ends         onem2m.Timestamp

	room     int // which limit it counts towards; -1: none
	priority int64
	leaving  bool // it is being sent: it makes way for nobody
}

// outdates reports whether a message of category latest makes another one out of
// date (clause H.2.4 step 2.1): one of the same originator for the same target
// and operation, or for a notification one of the same subscription, whoever it
// is for (TS-0001 clause 8.1.2).
func (e *Entry) outdates(old *Entry) bool {
	switch {
	case e.Category != Latest, e.Response, old.Response:
		return false
	case e.Subscription != "":
		return old.Subscription == e.Subscription
	}
	return old.Subscription == "" && old.From == e.From && old.By == e.By && old.To == e.To && old.Op == e.Op
}

// Buffer is the messages that wait, in the order of their coming. The zero
// Buffer waits for nobody and has no limit. It isn't safe for concurrent use.
type Buffer struct {
	policy  *Policy
	total   int64 // octets that all messages together may take; 0: no limit
	used    int64
	entries []Entry // in order
}

// NewBuffer makes a buffer under a policy that holds total octets at most.
func NewBuffer(p *Policy, total int64) *Buffer { return &Buffer{policy: p, total: total} }

// room returns the limit that a category counts towards, -1 for none.
func (p *Policy) room(category int64) int {
	if p == nil {
		return -1
	}
	r := choose(p.Buffers, category, func(r Room) []int64 { return r.Categories })
	if r == nil {
		return -1
	}
	return slices.IndexFunc(p.Buffers, func(other Room) bool { return slices.Equal(other.Categories, r.Categories) })
}

// priority is the storage priority of a category.
func (p *Policy) priority(category int64) int64 {
	if room := p.room(category); room >= 0 {
		return p.Buffers[room].Priority
	}
	return 0
}

// Len returns the number of messages that wait.
func (b *Buffer) Len() int { return len(b.entries) }

// Renew puts the messages that wait under another policy. What they take more
// than it allows is left to them.
func (b *Buffer) Renew(p *Policy) {
	b.policy = p
	for i := range b.entries {
		b.entries[i].stand(p)
	}
}

// stand finds the limit and the priority of an entry.
func (e *Entry) stand(p *Policy) {
	e.room, e.priority = p.room(e.Category), p.priority(e.Category)
}

// Fits reports whether there is room for a message, if others give way to it
// (clause H.2.3 step 3.3).
func (b *Buffer) Fits(e Entry) bool {
	e.stand(b.policy)
	_, ok := b.plan(&e)
	return ok
}

// Put lets a message wait. It returns the messages that give way to it: one that
// it replaces because it is a later one of category latest, and those of lower
// storage priority where the buffer is full, what came last first (clause H.2.4
// step 2.1). ok is false if there is no room for it even so; nothing gives way
// then.
func (b *Buffer) Put(e Entry) (gone []Entry, ok bool) {
	e.stand(b.policy)
	leave, ok := b.plan(&e)
	if !ok {
		return nil, false
	}
	for _, i := range leave {
		gone = append(gone, b.entries[i])
	}
	b.drop(leave)
	b.entries = append(b.entries, e)
	b.used += e.Size
	return gone, true
}

// plan finds out who has to leave for a message; ok is false if that isn't enough.
func (b *Buffer) plan(e *Entry) (leave []int, ok bool) {
	for i := range b.entries {
		if old := &b.entries[i]; !old.leaving && e.outdates(old) {
			leave = append(leave, i)
		}
	}
	if e.room >= 0 {
		all, brought := b.octets(e, leave)
		if room := b.policy.Buffers[e.room].Size; all+e.Size > room || e.By != "" && brought+e.Size > room-all {
			return nil, false // of a room that is bounded one CSE gets no more than it leaves free
		}
	}
	if b.total <= 0 {
		return leave, true
	}
	need := b.used + e.Size - b.total
	for _, i := range leave {
		need -= b.entries[i].Size
	}
	more, ok := b.victims(e.priority, need, leave)
	return append(leave, more...), ok
}

// Hold says whether a message is being sent: it keeps its room then and makes
// way for nobody.
func (b *Buffer) Hold(id string, leaving bool) {
	for i := range b.entries {
		if b.entries[i].ID == id {
			b.entries[i].leaving = leaving
		}
	}
}

// octets sums up what counts towards the limit of a message, without some entries,
// and what of that the same CSE has brought.
func (b *Buffer) octets(e *Entry, without []int) (all, brought int64) {
	for i := range b.entries {
		old := &b.entries[i]
		if old.room != e.room || slices.Contains(without, i) {
			continue
		}
		all += old.Size
		if old.By == e.By {
			brought += old.Size
		}
	}
	return all, brought
}

// victims finds enough messages of a lower priority to make so many octets free:
// the lowest first, of one priority the last that came.
func (b *Buffer) victims(priority, need int64, without []int) (found []int, enough bool) {
	if need <= 0 {
		return nil, true
	}
	var candidates []int
	for i, e := range b.entries {
		if e.priority < priority && !e.leaving && !slices.Contains(without, i) {
			candidates = append(candidates, i)
		}
	}
	slices.SortFunc(candidates, func(x, y int) int {
		return cmp.Or(cmp.Compare(b.entries[x].priority, b.entries[y].priority), cmp.Compare(y, x))
	})
	for _, i := range candidates {
		if need <= 0 {
			break
		}
		found = append(found, i)
		need -= b.entries[i].Size
	}
	return found, need <= 0
}

func (b *Buffer) drop(indices []int) {
	if len(indices) == 0 {
		return
	}
	kept := b.entries[:0]
	for i, e := range b.entries {
		if slices.Contains(indices, i) {
			b.used -= e.Size
			continue
		}
		kept = append(kept, e)
	}
	clear(b.entries[len(kept):])
	b.entries = kept
}

// Expire takes the messages out whose end has come (C-191).
func (b *Buffer) Expire(now onem2m.Timestamp) []Entry {
	return b.take(func(e *Entry) bool { return e.Ends <= now })
}

// Remove takes one message out: it has been sent, or nobody waits for it.
func (b *Buffer) Remove(id string) bool {
	return len(b.take(func(e *Entry) bool { return e.ID == id })) > 0
}

func (b *Buffer) take(wanted func(*Entry) bool) (taken []Entry) {
	var indices []int
	for i := range b.entries {
		if wanted(&b.entries[i]) {
			indices = append(indices, i)
			taken = append(taken, b.entries[i])
		}
	}
	b.drop(indices)
	return taken
}
