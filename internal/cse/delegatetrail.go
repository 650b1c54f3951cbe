package cse

import (
	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// What keeps questions from going round: anybody may write a policy that names
// resources in place of points, and a question that one of them refuses would
// lead to others.

// enforcing marks this CSE in the trail of a question as the one that enforces:
// its own points may be asked then, and mark themselves.
const enforcing = "e"

// trail is that of the questions about this request: that of the question which
// the request is itself, if it is one, and this CSE. It is nil where nobody is
// asked: a question has come here before or far enough, or it is this CSE
// that asks, and has met a resource which is no point.
func (k *call) trail() distributed.Trail {
	if k.from.ID == k.c.Home.ID() {
		return nil
	}
	mark := k.c.pointMark + enforcing
	trail := k.came()
	if trail.Ended(mark) {
		return nil
	}
	return trail.Onward(mark)
}

// fetching marks this CSE in the trail of what it retrieves for a decision.
const fetching = "f"

// fetchTrail is that of what is retrieved from other CSEs for a decision about this
// request; ok is false where nothing is. Who decides about such a retrieval may
// need something of this CSE again, and so on.
func (k *call) fetchTrail() (trail distributed.Trail, ok bool) {
	if k.deputy() {
		return k.remote.trail, true // has this CSE as the point that decides
	}
	trail = k.came()
	mark := k.c.pointMark + fetching
	if trail.Ended(mark) {
		return nil, false
	}
	return trail.Onward(mark), true
}

// came is the trail that the request has come by: as a question for a point, or
// as what a CSE retrieves for a decision of its own. To others it means nothing.
func (k *call) came() distributed.Trail {
	if k.asksPoint() || k.req.Operation == onem2m.Retrieve && k.from.ID.Stem() == "" {
		return distributed.TrailOf(k.req.RequestID)
	}
	return nil
}

// asksPoint reports whether the request is a question for a point, whatever it
// has come to.
func (k *call) asksPoint() bool {
	info := k.contentType()
	return k.req.Operation == onem2m.Update && info != nil && distributed.KindOf(info.Type) != 0
}

// askable leaves out what can't answer: addresses of this CSE at which no point
// is bound.
func (k *call) askable(r store.Reader, kind distributed.Kind, addresses []string) (out []string) {
	for _, text := range addresses {
		a, err := onem2m.ParseAddress(text)
		if err != nil || a.Local(k.c.Home) && !k.isBound(r, kind, a.Path) {
			continue
		}
		out = append(out, text)
	}
	return out
}

// isBound reports whether a path of this CSE is that of its point.
func (k *call) isBound(r store.Reader, kind distributed.Kind, path []string) bool {
	bound, err := k.c.bound(r, kind, k.now)
	if err != nil || bound == nil {
		return false
	}
	t, err := k.c.resolve(r, path, k.now)
	return err == nil && t.virtual == "" && t.rec.ID == bound.ID
}
