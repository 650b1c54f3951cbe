package cse

import (
	"bulwark/onem2m"
)

// eventLatest is the Event Category of requests of which the newest alone is
// wanted (TS-0004 clause 6.3.4.2.3).
const eventLatest = 4

// about is what a buffered request is about, to those of which the latest is
// wanted: a subscription, or what is between an originator and a target (C-190,
// C-313); "" if nothing replaces it.
func about(req *onem2m.Request) string {
	if req.EventCategory == nil || *req.EventCategory != eventLatest {
		return ""
	}
	if req.Operation == onem2m.Notify && req.Content != nil && req.Content.Name == "m2m:sgn" {
		if o, err := onem2m.ParseObject(req.Content.Value); err == nil {
			if sur, ok := o.Text("sur"); ok {
				return "subscription " + sur
			}
		}
	}
	return req.Operation.String() + " " + req.From + " " + req.To
}

// supersede takes out what a newer request replaces; who waits for its answer
// is told that it isn't delivered. The lock is held.
func (ch *channel) supersede(newer *onem2m.Request) {
	subject := about(newer)
	if subject == "" {
		return
	}
	kept := ch.posted[:0]
	for _, p := range ch.posted {
		if about(p.req) == subject {
			p.answer <- &onem2m.Response{Code: onem2m.TargetNotReachable, RequestID: p.req.RequestID}
			continue
		}
		kept = append(kept, p)
	}
	clear(ch.posted[len(kept):])
	ch.posted = kept
}
