package federation

import "bulwark/onem2m"

// Bounds of the octets of requests that wait for other CSEs. A request stays in
// memory, several times over, until its answer has come: as many as may wait for a
// few CSEs that are silent, as large as a request may be, would use up a small
// machine. Small ones are bounded by their number alone, so that nobody who sends
// large ones keeps them away.
const (
	smallRequest  = 16 << 10
	maxBurden     = 32 << 20 // of all large requests
	maxBurdenEach = maxBurden / 4
)

// burden counts the octets of large requests by who has sent them: the CSE that
// they came from, or the originator.
type burden struct {
	all  int64
	each map[string]int64
}

// load is what one request adds to the burden.
type load struct {
	who    string
	octets int64 // 0 for a small request
}

func loadOf(hop Hop, req *onem2m.Request) load {
	if req.Content == nil || len(req.Content.Value) <= smallRequest {
		return load{}
	}
	who := string(hop.Peer)
	if who == "" {
		who = req.From
	}
	return load{who, int64(len(req.Content.Value))}
}

// take reports false if there is no room.
func (b *burden) take(l load) bool {
	if l.octets == 0 {
		return true
	}
	if b.all+l.octets > maxBurden || b.each[l.who]+l.octets > maxBurdenEach {
		return false
	}
	b.all += l.octets
	b.each[l.who] += l.octets
	return true
}

func (b *burden) release(l load) {
	if l.octets == 0 {
		return
	}
	b.all -= l.octets
	if b.each[l.who] -= l.octets; b.each[l.who] == 0 {
		delete(b.each, l.who)
	}
}
