package federation

import (
	"crypto/sha256"
	"sync"
	"time"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

const (
	// maxRepeats bounds the requests that Repeats knows: 1.5 MB at most,
	// because identifiers are bounded.
	maxRepeats = 1024

	// repeatTime is how long a repetition is known for one: far above the pauses
	// of who sends a notification again.
	repeatTime = onem2m.Timestamp(15 * time.Minute / time.Microsecond)
)

// Attempt tells whose request it is that goes on.
type Attempt struct {
	From      onem2m.ID // the originator
	By        onem2m.ID // the neighbour that brought it; "" for an entity of this CSE
	RequestID string    // as it came
}

// Repeats knows under which identifiers requests have gone on that came to
// nothing. One that is repeated goes on under the same identifier again, so that
// its receiver can tell that it has it already. An originator may use the
// identifier of a request that was answered for another one (C-007): that is no
// repetition. The zero value is ready for use.
type Repeats struct {
	mu     sync.Mutex // guards what follows
	failed map[Attempt]failure
}

// failure is an attempt that came to nothing.
type failure struct {
	what  [sha256.Size]byte // was asked for
	sent  string            // the identifier that it had
	until onem2m.Timestamp
}

// Take returns the identifier that the same request went on under when it came to
// nothing, "" if there is none. Nobody gets it a second time before it is kept
// again: no two requests that are on their way share one.
func (r *Repeats) Take(a Attempt, req *onem2m.Request, now onem2m.Timestamp) string {
	r.mu.Lock()
	f, ok := r.failed[a]
	if ok {
		delete(r.failed, a)
	}
	r.mu.Unlock()
	if !ok || f.until <= now || f.what != asked(req) {
		return ""
	}
	return f.sent
}

// Keep notes that a request came to nothing, and under which identifier it went
// on. Of too many, any one is forgotten: its repetition gets a new identifier.
func (r *Repeats) Keep(a Attempt, req *onem2m.Request, sent string, now onem2m.Timestamp) {
	f := failure{asked(req), sent, now + repeatTime}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = make(map[Attempt]failure)
	}
	if len(r.failed) >= maxRepeats {
		for other := range r.failed {
			delete(r.failed, other)
			break
		}
	}
	r.failed[a] = f
}

// asked is what a request and its repetitions have in common: all but the times.
func asked(req *onem2m.Request) [sha256.Size]byte {
	same := *req
	same.OriginatingTimestamp, same.RequestExpiration, same.ResultExpiration, same.ExecutionTime, same.ResultPersistence = "", "", "", "", ""
	return sha256.Sum256(wire.EncodeRequest(&same))
}
