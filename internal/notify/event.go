package notify

import (
	"context"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// EventType is a value of m2m:notificationEventType (TS-0001 table 9.6.8-3).
type EventType int

// The event types. Operation has no number on the wire: it is what
// operationMonitor watches, an attempt at the subscribed-to resource.
const (
	Operation    EventType = 0 // any attempt, successful or not (enc.om)
	Updated      EventType = 1 // UPDATE of the subscribed-to resource
	Deleted      EventType = 2 // DELETE of the subscribed-to resource
	ChildCreated EventType = 3 // CREATE of a direct child
	ChildDeleted EventType = 4 // DELETE of a direct child
	Retrieved    EventType = 5 // RETRIEVE of a container that has no instance to give
	Blocking     EventType = 7 // UPDATE that waits for the target, see Consult
	MissingData  EventType = 8 // points of a time series didn't come
)

// Event is something that happened to a resource inside a transaction.
type Event struct {
	Type       EventType
	Resource   *store.Record // the subscribed-to resource; for Deleted as it was before
	Child      *store.Record // the direct child, for ChildCreated and ChildDeleted
	Touched    []string      // short names given in the request, for Updated (enc.atr, C-285)
	Modified   []byte        // JSON object of the modified attributes, for Updated (nct 2)
	Originator onem2m.ID     // who caused it; the CSE itself for expiry

	Operation onem2m.Operation // what was attempted, for Operation
	Discovery bool             // the attempt was a Discovery, for Operation

	Final bool // the resource goes with the event, as it always does with Deleted

	// Missing are the expected generation times of points that have just been
	// found missing, in ascending order, for MissingData (C-385).
	Missing []onem2m.Timestamp

	count int // points missing since the window began, once that is known
}

// Sender carries one NOTIFY request to one point of access and waits for the
// answer. url is absolute; identity is the entity that has to be there (S-014),
// or "" for a plain URL, where any success of the transport counts (B-42).
type Sender interface {
	Send(ctx context.Context, url string, identity onem2m.ID, req *onem2m.Request) (*onem2m.Response, error)
}

// Reach is how an entity can be notified.
type Reach struct {
	ID      onem2m.ID // the entity behind the target
	Points  []string  // its points of access, in order
	Release string    // the release version to speak with it

	Serialization string // how it wants to be written to: "json", "cbor" or "xml"; "" if it doesn't say
}

// Directory finds out how the entity that a resource-ID target names can be
// reached. It fails with an *onem2m.Error if it can't be.
type Directory interface {
	Reach(ctx context.Context, target string) (Reach, error)
}
