package notify

import (
	"fmt"
	"strconv"

	"bulwark/internal/store"
)

// withCounter returns a version of a subscription with another
// expirationCounter; nothing else of it changes, lastModifiedTime neither.
func withCounter(sub *store.Record, left int64) (*store.Record, error) {
	if value, _, _ := member(sub.Attributes, "exc"); value == nil {
		return nil, fmt.Errorf("subscription %s has no expirationCounter", sub.RI)
	}
	return withMember(sub, "exc", strconv.AppendInt(nil, left, 10)), nil
}

// withMember returns a version of a subscription with another value of one
// attribute.
func withMember(sub *store.Record, name string, value []byte) *store.Record {
	old, from, to := member(sub.Attributes, name)
	attributes := make([]byte, 0, len(sub.Attributes)+len(name)+len(value)+4)
	switch {
	case old != nil:
		attributes = append(attributes, sub.Attributes[:from]...)
		attributes = append(attributes, value...)
		attributes = append(attributes, sub.Attributes[to:]...)
	default:
		attributes = append(attributes, sub.Attributes[:len(sub.Attributes)-1]...)
		if len(attributes) > 1 {
			attributes = append(attributes, ',')
		}
		attributes = appendMember(attributes, name, value)
		attributes = append(attributes, '}')
	}
	return &store.Record{
		ID: sub.ID, Parent: sub.Parent, RI: sub.RI, RN: sub.RN, Type: sub.Type, Root: sub.Root,
		Created: sub.Created, Modified: sub.Modified, Expires: sub.Expires, Due: sub.Due,
		Origin: sub.Origin, Size: sub.Size, Attributes: attributes,
		Counted: sub.Counted, Counters: sub.Counters,
	}
}
