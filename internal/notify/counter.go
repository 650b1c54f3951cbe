package notify

import (
	"fmt"
	"strconv"

	"bulwark/internal/store"
)

// withCounter returns a version of a subscription with another
// expirationCounter; nothing else of it changes, lastModifiedTime neither.
func withCounter(sub *store.Record, left int64) (*store.Record, error) {
	value, from, to := member(sub.Attributes, "exc")
	if value == nil {
		return nil, fmt.Errorf("subscription %s has no expirationCounter", sub.RI)
	}
	attributes := make([]byte, 0, len(sub.Attributes))
	attributes = append(attributes, sub.Attributes[:from]...)
	attributes = strconv.AppendInt(attributes, left, 10)
	attributes = append(attributes, sub.Attributes[to:]...)
	return &store.Record{
		ID: sub.ID, Parent: sub.Parent, RI: sub.RI, RN: sub.RN, Type: sub.Type, Root: sub.Root,
		Created: sub.Created, Modified: sub.Modified, Expires: sub.Expires, Due: sub.Due,
		Origin: sub.Origin, Size: sub.Size, Attributes: attributes,
		Counted: sub.Counted, Counters: sub.Counters,
	}, nil
}
