package esprim

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/e2e/keys"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// OriginatorOptions configure an Originator. Zero values take the defaults.
type OriginatorOptions struct {
	Key         Key     // shared with the receiver; its Peer is the receiver
	Protections []int64 // AEAD algorithms that may be used, preferred first; [12]

	Life time.Duration // of an originator object; 5 minutes (E-48)
	Uses int           // objects of one session; 32768: half of what a receiver of ours takes (E-59)

	Now    func() time.Time
	Random io.Reader
}

// Originator is the asking side of ESPrim towards one receiver. It is safe for
// concurrent use.
type Originator struct {
	o OriginatorOptions

	mu      sync.Mutex // guards what follows
	rro     *ReceiverRand
	current *tie
	next    *tie // has been announced
}

// tie is a session on the originator's side.
type tie struct {
	rro       ReceiverRand
	oro       originatorRand
	algorithm int64
	aead      cipher.AEAD
	made      onem2m.Timestamp
	uses      int
	confirmed bool    // the receiver has shown that it knows oro
	answers   string  // first part of the last authentic response
	answer    *header // and what it says
}

// Errors of an Originator.
var (
	// ErrNoRand says that a receiver object has to be fetched first (E-45).
	ErrNoRand = errors.New("there is no receiver rand object to use")
	// ErrDiscarded says that a response is not one to this request, or that its
	// session has ended (E-86, E-87). It says nothing about what has become of the
	// request.
	ErrDiscarded = errors.New("the response is not an authentic answer to the request")
	// ErrNoCommonOption says that the receiver offers no algorithm that is allowed
	// here.
	ErrNoCommonOption = errors.New("the receiver offers no algorithm that is allowed here")
	// ErrKeyExpired says that the pairwise key has expired.
	ErrKeyExpired = errors.New("the pairwise key has expired")
)

// margin is how long an object has to be good for, so that the response comes in
// time (TS-0003 clause 8.4.2 note 6).
const margin = onem2m.Timestamp(15 * time.Second / time.Microsecond)

// NewOriginator makes an Originator. It fails for a key that is too short and
// for an algorithm that isn't of ESPrim.
func NewOriginator(o OriginatorOptions) (*Originator, error) {
	if o.Key.Secret.Len() < MinKey || o.Key.ID == "" || o.Key.Peer == "" {
		return nil, fmt.Errorf("a pairwise key has an identifier, a peer and %d octets or more", MinKey)
	}
	if len(o.Protections) == 0 {
		o.Protections = []int64{keys.A256GCM}
	}
	for _, p := range o.Protections {
		if encName(p) == "" {
			return nil, fmt.Errorf("%d is no AEAD algorithm of ESPrim", p)
		}
	}
	if o.Life <= 0 {
		o.Life = 5 * time.Minute
	}
	if o.Uses <= 0 {
		o.Uses = 1 << 15
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return &Originator{o: o}, nil
}

// Learn takes a receiver object that was fetched or is published. One that has
// expired, or is of no use here, is an error; one that is known changes nothing.
func (g *Originator) Learn(value jsontext.Value) error {
	rro, err := ParseReceiverRand(value)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.learn(rro)
}

func (g *Originator) learn(rro ReceiverRand) error {
	switch {
	case rro.Expires <= onem2m.TimestampOf(g.o.Now()):
		return errors.New("the receiver rand object has expired")
	case len(g.common(rro)) == 0 || !slices.Contains(rro.Generators, keys.HMACSHA256):
		return ErrNoCommonOption
	}
	g.rro = &rro
	return nil
}

// common are the algorithms of both sides, ours preferred first.
func (g *Originator) common(rro ReceiverRand) []int64 {
	var list []int64
	for _, p := range g.o.Protections {
		if slices.Contains(rro.Protections, p) {
			list = append(list, p)
		}
	}
	return list
}

// Forget drops the session after an error of the receiver: 4114 the receiver
// object too, which then has to be fetched. It reports whether another try has a
// chance. Such an error is not authenticated: nothing else follows from it
// (E-88).
func (g *Originator) Forget(code onem2m.StatusCode) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch code {
	case onem2m.ESPrimUnknownRecvRandID:
		g.rro = nil
	case onem2m.ESPrimUnknownOrigRandID:
	default:
		return false
	}
	g.current, g.next = nil, nil
	return true
}

// tie returns the session to use, and the object to announce in it, or nil. The
// lock is held.
func (g *Originator) tie(now onem2m.Timestamp) (*tie, error) {
	usable := func(t *tie) bool { return t != nil && t.oro.expires > now+margin && t.uses < g.o.Uses }
	if !usable(g.current) {
		g.current, g.next = g.next, nil
	}
	if !usable(g.current) {
		var err error
		if g.current, err = g.begin(now); err != nil {
			return nil, err
		}
	}
	c := g.current
	aged := now-c.made > (c.oro.expires-c.made)/2 || c.uses > g.o.Uses/2
	if aged && c.confirmed && g.next == nil && g.rro != nil && g.rro.Expires > c.oro.expires {
		g.next, _ = g.begin(now) // announced in time; where it can't be, a session begins later
	}
	c.uses++
	return c, nil
}

// begin makes a session: a fresh object that expires no later than that of the
// receiver (E-39).
func (g *Originator) begin(now onem2m.Timestamp) (*tie, error) {
	if g.rro == nil || g.rro.Expires <= now+margin {
		return nil, ErrNoRand
	}
	common := g.common(*g.rro)
	r, err := newRand(g.o.Random, unshared, min(now+micros(g.o.Life), g.rro.Expires), common)
	if err != nil {
		return nil, err
	}
	expires, err := onem2m.ParseTimestamp(r.Expiry)
	if err != nil {
		return nil, err
	}
	oro, err := sealRand(keys.OriginatorRand{Rand: r, Generator: keys.HMACSHA256}, expires)
	if err != nil {
		return nil, err
	}
	t := &tie{rro: *g.rro, oro: oro, algorithm: common[0], made: now}
	secret, err := keys.Session(g.o.Key.Secret, t.rro.ReceiverRand, oro.OriginatorRand)
	if err != nil {
		return nil, err
	}
	t.aead, err = newAEAD(secret, t.algorithm)
	return t, err
}

// Call is one request that waits for its response.
type Call struct {
	g         *Originator
	tie       *tie
	announced *tie
	rqi       string
}

// Seal protects a request. It fails with ErrNoRand until a receiver object has
// been learnt. Its From has to be readable without a registrar's help: relative
// to the service provider, or absolute (E-82). The parameters that only the
// outer request has are taken out (TS-0004 clause 7.6.2).
func (g *Originator) Seal(req *onem2m.Request) (string, *Call, error) {
	in := *req
	in.ResponseType, in.EventCategory, in.DeliveryAggregate = nil, nil, nil
	in.NotificationURIs, in.HasNotifyURIs = nil, false
	g.mu.Lock()
	defer g.mu.Unlock()
	now := onem2m.TimestampOf(g.o.Now())
	if g.o.Key.expired(now) {
		return "", nil, ErrKeyExpired
	}
	t, err := g.tie(now)
	if err != nil {
		return "", nil, err
	}
	h := header{enc: encName(t.algorithm), kid: g.o.Key.ID, cty: requestType + wire.JSON.Name(), ori: t.oro.ID, rri: t.rro.ID}
	c := &Call{g: g, tie: t, rqi: req.RequestID}
	switch {
	case !t.confirmed:
		h.oro = &t.oro // E-52
	case g.next != nil && !g.next.confirmed:
		c.announced = g.next
		h.oro = &g.next.oro // E-53
	}
	text, err := seal(g.o.Random, t.aead, &h, wire.EncodeRequest(&in))
	return text, c, err
}

// Open opens the response to the request. It fails with ErrDiscarded for
// anything that isn't one: another session, another algorithm, another request,
// an object of the originator that came back (E-86, E-87).
func (c *Call) Open(text string) (*onem2m.Response, error) {
	t, g := c.tie, c.g
	var known *header
	g.mu.Lock()
	if t.answer != nil && first(text) == t.answers {
		known = t.answer
	}
	g.mu.Unlock()
	o, err := parseObject(text, known)
	if err != nil {
		return nil, ErrDiscarded
	}
	now := onem2m.TimestampOf(g.o.Now())
	switch {
	case o.kid != g.o.Key.ID, o.ori != t.oro.ID, o.rri != t.rro.ID, o.enc != encName(t.algorithm), o.oro != nil,
		t.oro.expires <= now, t.rro.Expires <= now, g.o.Key.expired(now):
		return nil, ErrDiscarded
	}
	plain, err := o.open(t.aead)
	if err != nil {
		return nil, ErrDiscarded
	}
	res, err := readResponse(wire.Codec{}, plain)
	if err != nil || res.RequestID != c.rqi {
		return nil, ErrDiscarded
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	t.confirmed = true
	if known == nil && o.rro == nil {
		h := o.header
		t.answers, t.answer = strings.Clone(o.aad), &h
	}
	if c.announced != nil && res.Code != 0 {
		c.announced.confirmed = true
	}
	if o.rro != nil && (g.rro == nil || g.rro.ID != o.rro.ID) {
		_ = g.learn(*o.rro) // E-89; what is of no use here changes nothing
	}
	return res, nil
}
