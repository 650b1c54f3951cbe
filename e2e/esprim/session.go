package esprim

import (
	"crypto/cipher"

	"bulwark/e2e/keys"
	"bulwark/onem2m"
)

// pair names a session under a receiver object: the key, by its identifier as
// it is kept here, and the originator object.
type pair struct{ kid, ori string }

// session is what a receiver keeps of one session key.
type session struct {
	pairwise, key keys.Secret
	expires       onem2m.Timestamp
	ciphers       map[int64]cipher.AEAD
	// What has been accepted, by initialization vector (E-92); nil once the session
	// has ended early. It stays known then, so that nothing of it is accepted again.
	seen map[[ivLength]byte]struct{}
}

// cipher returns the AEAD for one algorithm.
func (s *session) cipher(algorithm int64) (cipher.AEAD, error) {
	if c := s.ciphers[algorithm]; c != nil {
		return c, nil
	}
	c, err := newAEAD(s.key, algorithm)
	if err != nil {
		return nil, err
	}
	s.ciphers[algorithm] = c
	return c, nil
}

// peer is what a receiver keeps of the holder of one key.
type peer struct {
	objects  map[string]originatorRand // by esri
	sessions int
	marks    int // accepted objects
}

// drop forgets a session that can't be used any more. The lock is held.
func (r *Receiver) drop(o *offer, at pair, s *session) {
	r.marks -= len(s.seen)
	r.count--
	delete(o.sessions, at)
	if p := r.peers[at.kid]; p != nil {
		p.sessions--
		p.marks -= len(s.seen)
		r.tidy(at.kid, p)
	}
}

// end ends a session before its time: what it has accepted would have to be
// forgotten otherwise (E-93). The originator has to make a new object.
func (r *Receiver) end(at pair, s *session) {
	r.marks -= len(s.seen)
	if p := r.peers[at.kid]; p != nil {
		p.marks -= len(s.seen)
		delete(p.objects, at.ori)
	}
	s.seen, s.key, s.ciphers = nil, keys.Secret{}, nil
}

// markable makes room for one more accepted object of a session, nil for one
// that is to begin. Who has the most pays for it: where there are too many in
// all, a session of the key that holds the most of them ends, so that one key
// holder can't end the sessions of others. It reports false if the session
// itself has ended. The lock is held.
func (r *Receiver) markable(at pair, s *session) bool {
	if s != nil && len(s.seen) >= r.limits.Marks {
		r.end(at, s)
		return false
	}
	if p := r.peers[at.kid]; p != nil && p.marks >= r.limits.KeyMarks {
		if gone := r.endLargest(at.kid); gone == nil || gone == s {
			return false
		}
	}
	if r.marks >= r.limits.AllMarks {
		if gone := r.endLargest(r.greediest()); gone == nil || gone == s {
			return false
		}
	}
	return true
}

// greediest is the key whose sessions hold the most marks.
func (r *Receiver) greediest() string {
	most, found := 0, ""
	for kid, p := range r.peers {
		if p.marks > most {
			most, found = p.marks, kid
		}
	}
	return found
}

// endLargest ends the session of a key that holds the most marks, and returns it;
// nil if the key has none.
func (r *Receiver) endLargest(kid string) *session {
	var largest *session
	var where pair
	for _, o := range r.offers {
		for at, s := range o.sessions {
			if at.kid == kid && len(s.seen) > 0 && (largest == nil || len(s.seen) > len(largest.seen)) {
				largest, where = s, at
			}
		}
	}
	if largest != nil {
		r.end(where, largest)
	}
	return largest
}

func (r *Receiver) tidy(kid string, p *peer) {
	if p.sessions == 0 && len(p.objects) == 0 {
		delete(r.peers, kid)
	}
}

// Purge drops what has expired. It is done now and then by itself; who keeps a
// Receiver that may lie idle calls it.
func (r *Receiver) Purge() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.purge(r.now())
}

func (r *Receiver) purge(now onem2m.Timestamp) {
	r.purged = now
	clear(r.heads)
	for id, o := range r.offers {
		if o.rand.Expires <= now {
			r.endOffer(id)
			continue
		}
		for at, s := range o.sessions {
			if s.expires <= now {
				r.drop(o, at, s)
			}
		}
	}
	for kid, p := range r.peers {
		for id, rand := range p.objects {
			if rand.expires <= now {
				delete(p.objects, id)
			}
		}
		r.tidy(kid, p)
	}
}
