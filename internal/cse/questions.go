package cse

import (
	"slices"
	"strings"
	"time"

	"bulwark/internal/federation"
	"bulwark/onem2m"
)

// Bounds of the questions that an originator causes and that come to nothing
// those with Role-IDs and Token-IDs, of which each that it invents would
// have a repository or a server asked anew, and apart from them those about
// requests that policies deny, which servers and points are asked again each time
// (see appeal). What is found, and what is permitted, is given back to its part.
const (
	maxQuestions   = 64          // of one originator at once
	questionPause  = time.Second // until it has one more
	maxQuestionsOf = 512         // of all who come by the same CSE, or aren't authenticated
	pauseOf        = 100 * time.Millisecond
	maxQuestioners = 10_000 // who are remembered
)

// questions is what originators have left of them.
type questions struct {
	one *federation.Allowance // by originator
	all *federation.Allowance // by the CSE that brings them; "" for those who aren't authenticated
}

func (q *questions) init() {
	q.one = federation.NewAllowance(maxQuestions, questionPause, maxQuestioners)
	q.all = federation.NewAllowance(maxQuestionsOf, pauseOf, maxQuestioners)
}

// questioner is who pays for the questions of a request: the originator and the
// CSE by which it comes; who isn't authenticated, and could have any name, pays
// with all others of that kind.
func (k *call) questioner() (one onem2m.ID, all onem2m.ID, shared bool) {
	switch peer := k.arrival().Peer; {
	case k.deputy():
		return k.from.ID, k.remote.asker, true
	case peer != "":
		return k.from.ID, peer, true
	case !k.from.Authenticated:
		return "", "", true
	}
	return k.from.ID, "", false
}

// mayQuestion takes one question of the part of the originator.
func (k *call) mayQuestion() bool { return k.mayCause(&k.c.questions) }

// mayCause takes one of what the originator has left of some questions.
func (k *call) mayCause(q *questions) bool {
	one, all, shared := k.questioner()
	now := k.c.instant()
	switch {
	case shared && !q.all.Left(all, now):
		return false
	case one != "" && !q.one.Take(one, 1, now):
		return false
	}
	return !shared || q.all.Take(all, 1, now)
}

// found gives back what has been taken for questions that have been answered.
func (k *call) found(n int) { k.restore(&k.c.questions, n) }

// restore gives back what has been taken of some questions.
func (k *call) restore(q *questions, n int) {
	if n == 0 {
		return
	}
	one, all, shared := k.questioner()
	now := k.c.instant()
	if one != "" {
		q.one.Charge(one, -n, now)
	}
	if shared {
		q.all.Charge(all, -n, now)
	}
}

// unasked is why nobody is asked about what policies deny.
const unasked = "isn't asked: too much of the originator was denied of late"

// appeal takes one question to a server, or to the points of a list, about what
// policies deny. Without one nobody is asked, and the denial stands.
func (k *call) appeal() bool {
	if !k.mayCause(&k.c.appeals) {
		return false
	}
	k.escalating().appeals++
	return true
}

// heeded gives back the appeals of a request that is permitted in the end.
func (k *call) heeded() {
	if e := k.further; e != nil {
		k.restore(&k.c.appeals, e.appeals)
		e.appeals = 0
	}
}

// claimed reports whether something is missed because the originator has named it.
func claimed(key string) bool {
	return strings.HasPrefix(key, missedRole) || strings.HasPrefix(key, missedToken)
}

// afford leaves out what the originator has named and may not have asked for now.
// It reports whether that is nothing: else the request is decided without it.
func (k *call) afford() bool {
	before := len(k.missed.list)
	k.missed.list = slices.DeleteFunc(k.missed.list, func(key string) bool { return claimed(key) && !k.mayQuestion() })
	left := before - len(k.missed.list)
	if e := k.further; e != nil {
		e.wanted = slices.DeleteFunc(e.wanted, func(w wantedToken) bool {
			if k.mayQuestion() {
				return false
			}
			e.texts[w.id] = ""
			left++
			return true
		})
	}
	if left > 0 {
		k.escalating().say("%d of the roles and tokens that are named aren't asked for: there were too many that nobody knows", left)
	}
	return left == 0
}

// giveBack gives back the questions that have been answered with what was asked for.
func (k *call) giveBack(wanted []wantedToken) {
	n := 0
	for _, key := range k.missed.list {
		if claimed(key) {
			if f, _ := k.c.copies.Get(key, k.c.instant()); f != nil {
				n++
			}
		}
	}
	for _, w := range wanted {
		if k.further.texts[w.id] != "" {
			n++
		}
	}
	k.found(n)
}
