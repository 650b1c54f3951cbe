package notify

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// The values of m2m:notificationContentType that events of this engine can
// have (TS-0001 table 9.6.8-4).
const (
	contentAll      = 1
	contentModified = 2
	contentID       = 3
)

// The frame of a notification. Representations are spliced in as the bytes
// that they are; nothing is decoded to be encoded again.
const (
	root         = "m2m:sgn"
	head         = `{"` + root + `":`
	deletionHead = head + `{"sud":true,` // tells the last word of a subscription in the outbox
)

// eventPayload builds the notification of an event for receivers of one scope
// (C-295 to C-297).
func (e *Engine) eventPayload(sub *store.Record, s *subscription, ev *Event, to scope) []byte {
	subject := ev.subject()
	b := make([]byte, 0, 256+len(subject.Attributes)+len(ev.Modified))
	b = append(b, head+`{"nev":{`...)
	if ev.Type == Operation { // it has no event type (C-292)
		b = e.appendOperation(b, s, ev, to)
	} else {
		b = append(b, `"net":`...)
		b = strconv.AppendInt(b, int64(ev.Type), 10)
		b = append(b, ',')
	}
	b = append(b, `"rep":{`...)
	switch {
	case ev.Type == MissingData:
		b = appendMember(b, "m2m:tsn", ev.Modified)
	case s.content == contentID:
		b = append(b, `"m2m:uri":`...)
		b = appendText(b, e.reference(subject.RI, to))
	case s.content == contentModified && (ev.Type == Updated || ev.Type == Blocking):
		b = appendMember(b, subject.Root, ev.Modified)
	default:
		b = appendMember(b, subject.Root, subject.Representation())
	}
	b = append(b, `}},`...)
	if s.creator == "" && s.name { // C-284
		b = append(b, `"cr":`...)
		b = appendText(b, e.entity(ev.Originator, to))
		b = append(b, ',')
	}
	return e.appendSource(b, sub, s, to)
}

// deletionPayload builds the last word of a subscription (TS-0004 clause 7.5.1.2.4).
func (e *Engine) deletionPayload(sub *store.Record, s *subscription, to scope) []byte {
	return e.appendSource([]byte(deletionHead), sub, s, to)
}

// verificationPayload asks a target for its agreement (TS-0004 clause 7.5.1.2.3).
func (e *Engine) verificationPayload(ri string, creator onem2m.ID, to scope) []byte {
	b := []byte(head + `{"vrq":true,"sur":`)
	b = appendText(b, e.reference(ri, to))
	b = append(b, `,"cr":`...)
	b = appendText(b, e.entity(creator, to))
	return append(b, '}', '}')
}

// appendSource adds sur, cr and nfu and closes the notification.
func (e *Engine) appendSource(b []byte, sub *store.Record, s *subscription, to scope) []byte {
	b = append(b, `"sur":`...)
	b = appendText(b, e.reference(sub.RI, to))
	if s.creator != "" {
		creator := s.creator
		if id, _, err := e.home.ParseID(creator); err == nil {
			creator = e.entity(id, to)
		}
		b = append(b, `,"cr":`...)
		b = appendText(b, creator)
	}
	if s.forwarding != "" {
		b = append(b, `,"nfu":`...)
		b = appendText(b, s.forwarding)
	}
	return append(b, '}', '}')
}

// appendMember writes "name":value, an absent value as an empty object.
func appendMember(b []byte, name string, value []byte) []byte {
	b = appendText(b, name)
	b = append(b, ':')
	if len(value) == 0 {
		return append(b, '{', '}')
	}
	return append(b, value...)
}

// appendText writes s as a JSON string. What is no UTF-8 was refused at the
// door; if it weren't, it would be replaced here.
func appendText(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // the error only says that something was replaced
	return b
}

// contentOf takes the frame off a stored payload: a notification, an
// aggregated one or a response.
func contentOf(payload []byte) (*onem2m.Content, error) {
	for _, name := range [...]string{root, answerRoot, batchRoot} {
		value, ok := bytes.CutPrefix(payload, []byte(`{"`+name+`":`))
		if ok && len(value) >= 3 && value[len(value)-1] == '}' {
			return &onem2m.Content{Name: name, Value: jsontext.Value(value[:len(value)-1])}, nil
		}
	}
	return nil, fmt.Errorf("the outbox holds something other than a notification")
}

// isDeletion reports whether a payload is the last word of a subscription.
func isDeletion(payload []byte) bool { return bytes.HasPrefix(payload, []byte(deletionHead)) }
