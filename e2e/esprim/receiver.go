package esprim

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"bulwark/e2e/keys"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

type duration = time.Duration

// micros is a duration as a difference of timestamps.
func micros(d duration) onem2m.Timestamp { return onem2m.Timestamp(d.Microseconds()) }

// ReceiverOptions configure a Receiver. Zero values take the defaults of E-47,
// E-48 and E-59.
type ReceiverOptions struct {
	Home onem2m.Home // whose identifiers relative ones are

	// Registers says that AEs are registered at the receiver: it is a CSE, and a
	// bare C-type stem in From is one of them (E-68).
	Registers bool

	Keys        Keys
	Protections []int64 // AEAD algorithms on offer, preferred first; [12]

	Now    func() time.Time
	Random io.Reader
	Codec  wire.Codec // of inner primitives

	Lives  Lives
	Limits Limits
}

// Lives are how long rand objects are good.
type Lives struct {
	Unique time.Duration // 10 minutes
	Shared time.Duration // 24 hours
}

// Limits bound what a Receiver keeps.
type Limits struct {
	Unique   int     // unique objects of one requester; 16
	Offers   int     // unique objects in all; 4096
	OfKey    int     // sessions, and originator objects, of one key; 64
	Sessions int     // in all; 4096
	Marks    int     // accepted objects of one session; 65536
	KeyMarks int     // of all sessions of one key; an eighth of AllMarks
	AllMarks int     // in all; a million, some 40 MB
	Rate     float64 // requests for unique objects per second, twice as many at once; 500
}

// Receiver is the receiving side of ESPrim: a CSE or an AE, with any number of
// peers. It is safe for concurrent use.
type Receiver struct {
	home        onem2m.Home
	registers   bool
	keys        Keys
	protections []int64
	clock       func() time.Time
	random      io.Reader
	codec       wire.Codec
	lives       Lives
	limits      Limits

	mu        sync.Mutex // guards what follows
	offers    map[string]*offer
	published *offer // the shared one, or nil
	peers     map[string]*peer
	count     int // sessions
	marks     int // accepted objects
	askers    askers
	rate      bucket
	heads     map[string]*header // of objects that were authentic, by their first part
	purged    onem2m.Timestamp
}

// purgeEvery is how often what has expired is looked for.
const purgeEvery = time.Minute

// NewReceiver makes a Receiver. It fails for an algorithm that isn't of ESPrim.
func NewReceiver(o ReceiverOptions) (*Receiver, error) {
	if o.Keys == nil {
		return nil, errors.New("a receiver needs keys")
	}
	if len(o.Protections) == 0 {
		o.Protections = []int64{keys.A256GCM}
	}
	for _, p := range o.Protections {
		if encName(p) == "" {
			return nil, fmt.Errorf("%d is no AEAD algorithm of ESPrim", p)
		}
	}
	def := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	def(&o.Limits.Unique, 16)
	def(&o.Limits.Offers, 4096)
	def(&o.Limits.OfKey, 64)
	def(&o.Limits.Sessions, 4096)
	def(&o.Limits.Marks, 1<<16)
	def(&o.Limits.AllMarks, 1<<20)
	def(&o.Limits.KeyMarks, max(1, o.Limits.AllMarks/8))
	if o.Limits.Rate <= 0 {
		o.Limits.Rate = 500
	}
	if o.Lives.Unique <= 0 {
		o.Lives.Unique = 10 * time.Minute
	}
	if o.Lives.Shared <= 0 {
		o.Lives.Shared = 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return &Receiver{
		home: o.Home, registers: o.Registers, keys: o.Keys, protections: slices.Clone(o.Protections),
		clock: o.Now, random: o.Random, codec: o.Codec, lives: o.Lives, limits: o.Limits,
		offers: map[string]*offer{}, peers: map[string]*peer{}, heads: map[string]*header{},
		askers: askers{of: map[onem2m.ID]*bucket{}},
		rate:   bucket{rate: o.Limits.Rate, burst: 2 * o.Limits.Rate, tokens: 2 * o.Limits.Rate},
	}, nil
}

func (r *Receiver) now() onem2m.Timestamp { return onem2m.TimestampOf(r.clock()) }

// Errors of Open. The texts tell an outsider nothing that the code doesn't
// (E-94).
func refuse(code onem2m.StatusCode, text string) error { return onem2m.Errorf(code, "epo", "%s", text) }

// attempt is what Open has settled before anything is decrypted.
type attempt struct {
	key       Key
	object    *object
	algorithm int64
	rro       ReceiverRand
	oro       originatorRand
	fresh     bool // oro isn't known yet
	aead      cipher.AEAD
	session   *session // nil if there is none yet
	secret    keys.Secret
}

// Open opens an ESPrim Object in the order of TS-0003 clause 8.4.2 step C.6
// (E-61); the first failure decides the code: 4000, 4112, 4114, 4113, 4111,
// 4115, 5210, 4116. Nothing changes before the tag has been verified (E-77).
//
// An Exchange comes with an error too if the object was authentic and new:
// Refuse seals what went wrong for the originator (E-91).
func (r *Receiver) Open(ctx context.Context, text string) (*Exchange, error) {
	head := first(text)
	r.mu.Lock()
	known := r.heads[head]
	r.mu.Unlock()
	o, err := parseObject(text, known)
	if err != nil || o.rro != nil { // only the receiver announces one (E-53)
		return nil, refuse(onem2m.BadRequest, "not an ESPrim Object of a request")
	}
	key, err := r.keys.ESPrimKey(ctx, o.kid)
	now := r.now()
	if err != nil || key.expired(now) || key.Secret.Len() < MinKey || key.Peer == "" {
		return nil, &onem2m.Error{Code: onem2m.ESPrimUnknownKeyID, Subject: "epo", Text: "the key is not known", Cause: err}
	}
	a := &attempt{key: key, object: o}
	if err := r.settle(a, now); err != nil {
		return nil, err
	}
	plain, err := o.open(a.aead)
	if err != nil {
		return nil, refuse(onem2m.ESPrimBadMAC, "not authentic")
	}
	x := &Exchange{r: r, aead: a.aead, header: header{enc: o.enc, kid: o.kid, ori: o.ori, rri: o.rri}}
	in, rqi, isRequest := readRequest(r.codec, plain)
	x.rqi, x.format = rqi, in.format
	x.header.cty = responseType + x.format.Name()
	if err := r.accept(a, x, r.now()); err != nil {
		return nil, err // who repeats an object gets nothing authentic for it
	}
	if !isRequest {
		return x, refuse(onem2m.ESPrimDecryptionError, "the content is no request")
	}
	if !r.speaks(key.Peer, in.request) {
		return x, refuse(onem2m.ESPrimImpersonationError, "From is not who the key belongs to")
	}
	x.Request, x.Fault, x.Originator = in.request, in.fault, key.Peer
	return x, nil
}

// speaks compares From with the identity of the key, both absolute (E-67,
// E-68).
func (r *Receiver) speaks(identity onem2m.ID, req *onem2m.Request) bool {
	id, form, err := r.home.ParseID(req.From)
	if err != nil || form == onem2m.FormStem && !r.registers && id.Registrar() != "" {
		return false
	}
	return id == identity
}

// settle finds the rand objects and makes the cipher. It changes nothing.
func (r *Receiver) settle(a *attempt, now onem2m.Timestamp) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.choose(a, now); err != nil {
		return err
	}
	if a.oro.Generator != keys.HMACSHA256 || !slices.Contains(a.rro.Generators, a.oro.Generator) {
		return refuse(onem2m.ESPrimUnsupportedOption, "the key generation algorithm was not on offer") // E-64
	}
	for _, p := range a.oro.Protections {
		if !slices.Contains(a.rro.Protections, p) {
			return refuse(onem2m.ESPrimUnsupportedOption, "an algorithm was not on offer") // E-65
		}
	}
	a.algorithm = protection(a.object.enc)
	if a.algorithm == 0 || !slices.Contains(a.oro.Protections, a.algorithm) {
		return refuse(onem2m.ESPrimUnsupportedOption, "the algorithm was not agreed on")
	}
	var err error
	if a.session != nil { // E-66
		a.aead, err = a.session.cipher(a.algorithm)
		return err
	}
	if a.secret, err = keys.Session(a.key.Secret, a.rro.ReceiverRand, a.oro.OriginatorRand); err == nil {
		a.aead, err = newAEAD(a.secret, a.algorithm)
	}
	return err
}

// choose finds both rand objects and the session of them. The lock is held.
func (r *Receiver) choose(a *attempt, now onem2m.Timestamp) error {
	h, kid := &a.object.header, a.key.ID
	offer := r.offers[h.rri]
	if offer == nil || offer.rand.Expires <= now || !offer.shared && offer.bound != "" && offer.bound != kid {
		return refuse(onem2m.ESPrimUnknownRecvRandID, "the receiver's rand object is not known")
	}
	a.rro = offer.rand
	unknown := refuse(onem2m.ESPrimUnknownOrigRandID, "the originator's rand object is not known")
	known, cached := originatorRand{}, false
	if p := r.peers[kid]; p != nil {
		if known, cached = p.objects[h.ori]; cached && known.expires <= now {
			cached = false
		}
		if h.oro != nil { // a name that is in use stays what it is (E-78)
			if old, ok := p.objects[h.oro.ID]; ok && old.expires > now && old.text != h.oro.text {
				return unknown
			}
		}
	}
	switch {
	case h.oro != nil && h.oro.ID == h.ori:
		a.oro, a.fresh = *h.oro, !cached // E-62
	case cached:
		a.oro = known
	default:
		return unknown
	}
	if a.oro.expires <= now || a.oro.expires > a.rro.Expires {
		return unknown // E-63
	}
	// A key that has been replaced under its identifier begins anew.
	if s := offer.sessions[pair{kid, h.ori}]; s != nil && s.expires > now && s.pairwise.Equal(a.key.Secret) {
		if s.seen == nil {
			return unknown // it has ended early
		}
		a.session = s
	}
	return nil
}

// accept takes in what an authentic object says, once (E-77, E-92).
func (r *Receiver) accept(a *attempt, x *Exchange, now onem2m.Timestamp) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now >= r.purged+micros(purgeEvery) {
		r.purge(now)
	}
	h, at := &a.object.header, pair{a.key.ID, a.object.ori}
	if before := a.oro.text; r.choose(a, now) != nil || a.oro.text != before {
		return refuse(onem2m.ESPrimUnknownOrigRandID, "the session has ended") // meanwhile
	}
	offer := r.offers[h.rri]
	p := r.peers[at.kid]
	if p == nil {
		p = &peer{objects: map[string]originatorRand{}}
	}
	if a.session != nil {
		if _, twice := a.session.seen[a.object.iv]; twice {
			return refuse(onem2m.ESPrimDecryptionError, "this object has been seen before")
		}
	} else {
		if stale := offer.sessions[at]; stale != nil {
			r.drop(offer, at, stale)
		}
		if p.sessions >= r.limits.OfKey || r.count >= r.limits.Sessions || a.fresh && len(p.objects) >= r.limits.OfKey {
			return refuse(onem2m.ESPrimUnknownOrigRandID, "there are too many sessions")
		}
	}
	if !r.markable(at, a.session) { // before a session takes a place
		return refuse(onem2m.ESPrimUnknownOrigRandID, "the session is used up")
	}
	if a.session == nil {
		a.session = &session{
			pairwise: a.key.Secret, key: a.secret, expires: min(a.oro.expires, a.rro.Expires), ciphers: map[int64]cipher.AEAD{a.algorithm: a.aead},
			seen: map[[ivLength]byte]struct{}{},
		}
		offer.sessions[at] = a.session
		r.peers[at.kid] = p
		p.sessions++
		r.count++
	}
	a.session.seen[a.object.iv] = struct{}{}
	p.marks++
	r.marks++
	p.objects[at.ori] = a.oro
	if h.oro != nil && (h.oro.ID == h.ori || len(p.objects) < r.limits.OfKey && h.oro.expires > now) {
		p.objects[h.oro.ID] = *h.oro // perhaps the next one (E-53)
	}
	if !offer.shared {
		offer.bound = at.kid
	}
	r.remember(a.object)
	x.announce(offer, now)
	return nil
}

// maxHeads bounds the headers that are remembered, some 2 MB.
const maxHeads = 4096

// remember keeps the header of an authentic object, but for the first ones of a
// session, which are longer.
func (r *Receiver) remember(o *object) {
	if o.oro != nil || r.heads[o.aad] != nil {
		return
	}
	if len(r.heads) >= maxHeads {
		clear(r.heads)
	}
	h := o.header
	r.heads[strings.Clone(o.aad)] = &h
}

// Exchange is one inner request, and the way back for its response.
type Exchange struct {
	Request    *onem2m.Request
	Fault      error     // what is wrong with a parameter of the request, or nil
	Originator onem2m.ID // who the key belongs to: authenticated

	r      *Receiver
	aead   cipher.AEAD
	header header
	rqi    string
	format wire.Format
}

// announce puts the next receiver object into the response when more than half
// of the life of a unique one is over. A shared one is published instead.
func (x *Exchange) announce(o *offer, now onem2m.Timestamp) {
	if o.shared || o.rand.Expires-now > micros(x.r.lives.Unique)/2 {
		return
	}
	if o.next == nil || o.next.rand.Expires <= now || x.r.offers[o.next.rand.ID] == nil {
		if !x.r.makeRoom(o.owner, now) || x.r.offers[o.rand.ID] == nil {
			return
		}
		next, err := x.r.issue(unshared, now, x.r.lives.Unique)
		if err != nil {
			return // the originator asks for one
		}
		next.owner, next.bound = o.owner, o.bound
		o.next = next
	}
	rand := o.next.rand
	x.header.rro = &rand
}

// Seal seals the response to the request, good or bad, with the same session and
// in the same serialization (E-73, E-74). It fails with 5211.
func (x *Exchange) Seal(res *onem2m.Response) (string, error) {
	plain, err := x.r.codec.AppendPrimitive(nil, x.format, wire.ResponseRoot, wire.EncodeResponse(res))
	var text string
	if err == nil {
		text, err = seal(x.r.random, x.aead, &x.header, plain)
	}
	if err != nil {
		return "", &onem2m.Error{Code: onem2m.ESPrimEncryptionError, Subject: "epo", Text: "the response can't be protected", Cause: err}
	}
	return text, nil
}

// Refuse seals a refusal for the originator of an authentic object: its code and
// the request identifier, nothing else (E-91).
func (x *Exchange) Refuse(code onem2m.StatusCode) (string, error) {
	return x.Seal(&onem2m.Response{Code: code, RequestID: x.rqi})
}

// CredentialID names the key as the credential of its holder (TS-0003 clause
// 12.3.2.1).
func (x *Exchange) CredentialID() string { return "13-" + x.header.kid }
