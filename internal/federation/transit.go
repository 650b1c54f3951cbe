package federation

import (
	"strings"

	"bulwark/onem2m"
)

// Transit is what a request becomes on its way to the next hop.
type Transit struct {
	Home      onem2m.Home
	From      onem2m.ID // the originator
	Target    onem2m.ID // the CSE that hosts the target
	RequestID string    // for this hop

	// The times of the request as instants, 0 for those that it doesn't state.
	RequestExpiration, ResultExpiration, ExecutionTime onem2m.Timestamp

	Releases []string // that the next hop supports; empty: not known
}

// Request returns the request as it leaves this CSE; req stays as it is. From
// is widened as far as the target needs it (A-19, C-070), relative times become
// instants (C-072), and the answer is waited for, because what this CSE has
// acknowledged it reports itself (C-075). A Release 1 entity gets neither a
// release version indicator nor vendor information (C-049).
func (t *Transit) Request(req *onem2m.Request) *onem2m.Request {
	out := *req
	out.RequestID = t.RequestID
	out.From, out.HasFrom = Widened(t.From, t.Home, t.Target), true
	instant := func(field *string, at onem2m.Timestamp) {
		if at != 0 {
			*field = at.String()
		}
	}
	instant(&out.RequestExpiration, t.RequestExpiration)
	instant(&out.ResultExpiration, t.ResultExpiration)
	instant(&out.ExecutionTime, t.ExecutionTime)
	if rt := req.ResponseType; rt != nil && *rt != responseNone {
		out.ResponseType, out.NotificationURIs, out.HasNotifyURIs = nil, nil, false
		out.ResultPersistence = ""
	}
	if releaseOne(t.Releases) {
		out.Release, out.VendorInformation = "", nil
	}
	return &out
}

// responseNone is the value noResponse of m2m:responseType.
const responseNone = 5

// Widened writes an originator for a receiver outside the CSE home: SP-relative
// inside the SP, absolute for another one.
func Widened(id onem2m.ID, home onem2m.Home, target onem2m.ID) string {
	if target.SP() != home.SP {
		return string(id)
	}
	return id.Across(home)
}

// releaseOne reports whether an entity is known to speak Release 1 only.
func releaseOne(releases []string) bool {
	for _, r := range releases {
		if r != "1" {
			return false
		}
	}
	return len(releases) > 0
}

// maxTrail bounds what is kept of the identifier that a request came with, in
// octets: enough for a dozen hops, and far below what receivers accept.
const maxTrail = 240

// Trail makes the identifiers of forwarded requests and knows its own again.
// Each hop puts a word of its own in front of what it got: the identifier is
// unique (C-007), an operator can follow a request over all hops, and a request
// that comes round is recognised. An identifier of somebody else is never
// parsed (C-009). Repeats tells which requests get the same one again.
type Trail struct {
	mark string        // of this process, that nobody can guess
	next func() string // unique inside this process
}

// NewTrail returns a Trail with a mark of this process, of letters and digits
// and hard to guess; next returns words that are unique among its own.
func NewTrail(mark string, next func() string) *Trail { return &Trail{mark: mark, next: next} }

// Onward makes the identifier for the next hop.
func (t *Trail) Onward(rqi string) string {
	var b strings.Builder
	b.WriteString(t.mark)
	b.WriteString(t.next())
	b.WriteByte('.')
	for i := 0; i < len(rqi) && b.Len() < maxTrail; i++ {
		if c := rqi[i]; c > ' ' && c < 0x7f {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Seen reports whether a request has been forwarded by this process before
// (C-079).
func (t *Trail) Seen(rqi string) bool { return strings.Contains(rqi, t.mark) }
