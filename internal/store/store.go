// Package store defines how a CSE keeps its resources: records, what a reader
// and a writer may do, and what is promised. It holds no SQL; see sql/.
//
// Promises. Update runs its function alone (one writer), and returns nil only
// after everything the function did is durable; on error nothing of it is
// kept. Readers see committed state only, never wait for writers, and see a
// write at the latest when its Update has returned. Records are immutable:
// whoever wants a change makes a copy.
package store

import (
	"context"
	"errors"

	"bulwark/onem2m"
)

// What a store says, as itself or wrapped.
var (
	// ErrNotFound says that no such record exists.
	ErrNotFound = errors.New("store: not found")
	// ErrConflict says that a resourceID, a resourceName below one parent, or an
	// AE-ID is taken, or that a record to be removed still has children.
	ErrConflict = errors.New("store: conflict")
	// ErrClosed says that Close was called.
	ErrClosed = errors.New("store: closed")
)

// Store is the whole persistent state of one CSE.
type Store interface {
	// Read runs fn on committed state. Look-ups served from the cache each show
	// the newest committed version; from the first one that needs the database
	// on, everything comes from one consistent snapshot. fn must not call Read
	// or Update, and should not dwell: a snapshot keeps the log from shrinking.
	Read(ctx context.Context, fn func(Reader) error) error

	// Update runs fn in the writer. Waiting Updates are committed together; an
	// error from fn (returned as it is) undoes only what that fn did, a panic
	// becomes an error. fn must not wait for anything but the Tx, call the store,
	// or end its goroutine (as testing.T.FailNow does). ctx counts until fn
	// starts; from then on Update tells the outcome.
	Update(ctx context.Context, fn func(Tx) error) error

	// Close waits for running work, syncs and releases everything.
	Close() error
}

// Reader looks things up. Methods that return one thing return ErrNotFound when
// it isn't there; lists may be empty. A detached root can't be reached by ByID,
// ByRI and Child; what lies below it can, by its resourceID, until it is
// removed: whoever starts from a resourceID walks up the parents. Expiry is the
// caller's business.
type Reader interface {
	// ByID, ByRI and Child find one record: by surrogate, by resourceID, by
	// resourceName below a parent. They are served from the cache when possible.
	ByID(id int64) (*Record, error)
	ByRI(ri string) (*Record, error)
	Child(parent int64, rn string) (*Record, error)

	// Edge returns the newest or oldest child of one type that hasn't expired
	// at now: what <latest> and <oldest> stand for.
	Edge(parent int64, ty onem2m.ResourceType, newest bool, now onem2m.Timestamp) (*Record, error)

	// Children returns children of parent in creation order.
	Children(parent int64, page Page) ([]*Record, error)

	// Subscriptions returns all children of type <subscription>, from the cache
	// when possible: the list is asked for on every change of parent.
	Subscriptions(parent int64) ([]*Record, error)

	// LatestExpiry returns the greatest Expires among the direct children, or 0
	// if none of them has one.
	LatestExpiry(parent int64) (onem2m.Timestamp, error)

	// Due returns up to limit records whose Due is at or before now, oldest first.
	Due(now onem2m.Timestamp, limit int) ([]*Record, error)

	// Detached returns up to limit roots that Detach left to be removed.
	Detached(limit int) ([]*Record, error)

	// OfType returns records of one type with ID > after, by ID. It is meant for
	// types with few resources: for instances it walks the whole table.
	OfType(ty onem2m.ResourceType, after int64, limit int) ([]*Record, error)

	// Labelled returns up to limit records that have a label, with ID > after, by
	// ID. They may lie below a detached root.
	Labelled(label string, after int64, limit int) ([]*Record, error)

	// Parents returns, in ascending order, what has children among the IDs from
	// one to another, both included. What it takes grows with their number only.
	Parents(from, to int64) ([]int64, error)

	// Deliveries returns up to limit outbox entries with ID > after, by ID.
	Deliveries(after int64, limit int) ([]*Delivery, error)
	// Held returns up to limit outbox entries of one subscription that are held
	// back, with ID > after, by ID.
	Held(subscription string, after int64, limit int) ([]*Delivery, error)
	// Undelivered counts the outbox entries that belong to one event of one subscription.
	Undelivered(subscription string, event int64) (int, error)

	// Setting returns a value kept under a name.
	Setting(name string) ([]byte, error)
	// Settings returns all values whose names begin with a prefix, by name.
	Settings(prefix string) (map[string][]byte, error)

	// CredentialOf returns the Credential-ID that an AE-ID is bound to, tombstones
	// included; BoundTo the AE-IDs bound to a Credential-ID (S-080).
	CredentialOf(id onem2m.ID) (string, error)
	BoundTo(credential string) ([]onem2m.ID, error)
	// Bindings returns all of them, by AE-ID.
	Bindings() ([]Binding, error)
}

// Binding is one AE-ID and the credential it is bound to.
type Binding struct {
	ID         onem2m.ID
	Credential string
	Since      onem2m.Timestamp
}

// Page selects a part of a list of children.
type Page struct {
	After int64               // only records with a greater ID
	Limit int                 // at most so many; 0 means 1000
	Only  onem2m.ResourceType // only this type; 0 means all
	Not   onem2m.ResourceType // all but this type; 0 means none
}

// Tx is a Reader of the state as this transaction has made it so far, and
// writes. A constraint that the caller should have looked at first (a taken
// name, a missing record) makes a method fail, and with it the Update.
type Tx interface {
	Reader

	// NextID reserves the surrogate of a record that is going to be inserted.
	// Surrogates ascend in creation order and are never used again.
	NextID() int64

	// Insert adds a record; ID, Parent, RI and RN are set and free.
	Insert(r *Record) error
	// Replace puts a new version in the place of the record with the same ID.
	// Parent, RI, RN and Type stay as they are.
	Replace(r *Record) error
	// Count puts new counters in the place of those of the record with the same
	// ID, which must be Counted; cheaper than Replace, repeated calls are
	// coalesced into one write.
	Count(id int64, c Counters) error
	// Remove deletes one record that has no children.
	Remove(id int64) error
	// Detach cuts a record and everything below it off the tree at once, however
	// much it is: names and IDs are free again, and Detached returns the root
	// until Remove has taken the last record of it.
	Detach(id int64) error

	// Enqueue adds an outbox entry and sets its ID; Postpone changes Attempts
	// and NotBefore; Settle removes it.
	Enqueue(d *Delivery) error
	Postpone(id int64, attempts int, notBefore onem2m.Timestamp) error
	Settle(id int64) error

	// SetSetting keeps a value under a name; nil removes it.
	SetSetting(name string, value []byte) error

	// Bind binds an AE-ID to a credential for good; Unbind removes the binding
	// and reports ErrNotFound if there is none.
	Bind(b Binding) error
	Unbind(id onem2m.ID) error

	// Try runs fn within the transaction. An error from fn is returned as it is,
	// and what fn did is undone, and only that. Tries nest.
	Try(fn func() error) error

	// OnCommit runs fn after the commit is durable and visible, in order, before
	// Update returns. The writer waits for it: fn must be quick and must not call
	// the store.
	OnCommit(fn func())
}

// Delivery is one notification for one target in the durable outbox.
type Delivery struct {
	ID           int64
	Target       string // the notificationURI, as in nu
	Subscription string // resourceID of the subscription it belongs to
	Event        int64  // the same for all targets of one event
	RequestID    string // the same on every repetition
	Priority     int64  // notificationStoragePriority; 0 is lowest
	Final        bool   // last word of a subscription that is gone (sud): no counting
	Payload      []byte // the Content: {"m2m:sgn":{…}}
	Created      onem2m.Timestamp
	Attempts     int
	NotBefore    onem2m.Timestamp
	Held         int   // stage at which a policy of the subscription holds it back; 0: it may go
	Category     int64 // Event Category of the request; 0: none
	Events       int   // events that it tells of; Enqueue makes 1 of 0
}
