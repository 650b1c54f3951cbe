package das

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
)

// ErrNotFound answers a question for what a ledger does not have.
var ErrNotFound = errors.New("not in the ledger")

// Entry is one thing that was granted: a token, or rules for a dynamic
// <accessControlPolicy>, which have a name of the same form.
type Entry struct {
	ID         string // Token-ID
	Grant      string
	Gift       string // digest of what the grant gave, to notice that it gives something else now, and behind a blank the roles if not all were given
	Token      bool   // else rules
	Holder     onem2m.ID
	Credential string // of the holder, if it came itself
	Audience   onem2m.ID
	Target     string
	Type       onem2m.ResourceType
	Operation  onem2m.Operation
	Vouched    bool   // asked for by the CSE
	Roles      string // Role-IDs that the CSE said the holder had, with blanks between them
	KeyID      string // what signed it; "" for rules, and for tokens that are protected by a shared key alone
	Sealed     []byte // the token, encrypted
	Digest     string // of the token, by which it is found when it alone is shown; "" for rules

	Issued   onem2m.Timestamp
	NotAfter onem2m.Timestamp
	Revoked  onem2m.Timestamp // 0 for not revoked
	Because  string           // why it was revoked
	Barred   bool             // revoked so that the holder does not get the grant again before the end
	Owed     int64            // above 0 while the CSE has not been told of a revocation, or of its end; counts the changes
}

// Live reports whether the entry is good at a time.
func (e *Entry) Live(now onem2m.Timestamp) bool { return e.Revoked == 0 && now < e.NotAfter }

// KeyRecord is a key pair of the server.
type KeyRecord struct {
	ID        string
	Algorithm esdata.Algorithm
	Made      onem2m.Timestamp
	From      onem2m.Timestamp // when it begins to be used
	Retired   onem2m.Timestamp // when a later key takes its place; 0 for the key in use
	Public    jsontext.Value   // JSON Web Key
	Sealed    []byte           // private key in PKCS #8, encrypted
}

// Relation is an AuthorRelMapRecord (TS-0003 table 7.3.2.2-3, A-162): the
// signature by which the holder of a token proves that it is the one whom the
// token was made out to, also under another AE-ID.
type Relation struct {
	TokenID   string
	Subject   onem2m.ID
	Resource  string
	Signature []byte // encrypted: who shows it has the token
	Sealed    bool   // it is; an earlier version kept it as it was
	Verified  bool   // with a key of the subject; else a CSE vouched for the sender alone
	Made      onem2m.Timestamp
}

// Filter selects entries. Members that are empty select all.
type Filter struct {
	ID       string
	Grant    string
	Holder   onem2m.ID
	Audience onem2m.ID
	Target   string
	Digest   string
	Nameless bool             // tokens that have no digest yet
	Revoked  bool             // those that were revoked and would still be good
	Live     bool             // those that are good
	Owed     bool             // those that the CSE has to be told about, and that would not have ended
	Now      onem2m.Timestamp // for Revoked, Live and Owed
	Limit    int              // 0 for no limit
}

// Reader looks into a consistent state of a ledger.
type Reader interface {
	// Outstanding counts what is live of a grant, see Outstanding.
	Outstanding(grant string, originator onem2m.ID, now onem2m.Timestamp) (Outstanding, error)
	// Entry returns an entry by its ID, or ErrNotFound.
	Entry(id string) (*Entry, error)
	// Entries returns those that a filter selects, oldest first.
	Entries(f Filter) ([]Entry, error)
	// Keys returns all keys, oldest first.
	Keys() ([]KeyRecord, error)
	// Relation returns the record of a token, or ErrNotFound.
	Relation(tokenID string) (*Relation, error)
	// Unsealed returns the records whose signature is not encrypted.
	Unsealed() ([]Relation, error)
	// Creditors returns the CSEs that have to be told about something that would
	// not have ended at a time.
	Creditors(now onem2m.Timestamp) ([]onem2m.ID, error)
	// LastUse returns when the last token that a key signed ends, 0 for none.
	LastUse(keyID string) (onem2m.Timestamp, error)
}

// Tx changes a ledger. All changes of a transaction are kept, or none.
type Tx interface {
	Reader
	// Add adds an entry, whose ID must be new.
	Add(e *Entry) error
	// Revoke keeps Revoked, Because and Barred of an entry, which the CSE has to be
	// told. ErrNotFound without it.
	Revoke(e *Entry) error
	// PutDigest keeps the digest of an entry's token.
	PutDigest(id, digest string) error
	// Owe makes everything that was revoked something that a CSE has to be told.
	Owe(audience onem2m.ID) error
	// Settle notes that the CSE knows an entry as it was read: what has changed
	// since is still owed.
	Settle(e *Entry) error
	// PutKey adds a key, or changes From and Retired of one.
	PutKey(k *KeyRecord) error
	// DropKey removes a key.
	DropKey(id string) error
	// PutRelation keeps the record of a token in place of an earlier one.
	PutRelation(r *Relation) error
	// Prune removes entries that ended before a time, with their relations.
	Prune(before onem2m.Timestamp) (int, error)
}

// Ledger keeps what was granted, keys and relations. What Update has changed
// without an error survives the end of the process at any moment. Several
// processes may work on one ledger.
type Ledger interface {
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn alone: nobody else changes the ledger meanwhile.
	Update(ctx context.Context, fn func(Tx) error) error
}
