package cse

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/semantics"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Bounds of the descriptions of other CSEs that one request is evaluated with.
const (
	maxHearsay       = 32              // resources that are asked for
	maxHearsayRounds = 4               // steps from one description to the next
	maxHearsayOctets = 2 << 20         // what they hold together
	maxHearsayTurns  = 8               // asked for at the same time
	hearsayPatience  = 4 * time.Second // for all of a round
)

// hearsay is what other CSEs have told about descriptions and ontologies that
// a request leads to. They are asked on behalf of its originator, so that their
// CSEs decide who may read them, when nothing is held; then the request is
// evaluated again. What doesn't come, or isn't RDF, is as what isn't there.
type hearsay struct {
	told   map[string]*heard // by address; nil: nothing is to be had
	wanted []string
	octets int
	until  time.Time // nobody is asked any more; zero before the first is
	closed bool      // nobody is asked any more, for the last round
}

// heard is a resource of another CSE.
type heard struct {
	documents []*semantics.Document
	describes []string          // address of what the document at the same place describes
	refs      map[string]string // ontologyRef by key of the document
	members   []string          // of a <group>
	alias     string            // IRI that an <ontology> is nothing but a name of
	whole     bool              // children were asked for as well

	ty      onem2m.ResourceType // 0: one that isn't known here
	number  float64             // in its content
	numeric bool                // it has one

	profile *store.Record // a <semanticMashupJobProfile>, without surrogate
}

// hearOf returns what is known of a resource of another CSE, or nil: then it is
// asked for. With whole its descriptions are meant where it is none itself.
func (k *call) hearOf(address string, whole bool) (h *heard, known bool) {
	m := &k.meaning
	if m.heard == nil {
		m.heard = &hearsay{told: map[string]*heard{}}
	}
	h, known = m.heard.told[address]
	if known && (h == nil || !whole || h.whole || len(h.documents)+len(h.members) > 0) {
		return h, true
	}
	if !m.heard.closed && within(m.ctx) == nil && len(m.heard.told)+len(m.heard.wanted) < maxHearsay {
		m.heard.want(address, whole)
	}
	return nil, false
}

// wants reports whether another CSE is going to be asked for something.
func (m *meaning) wants() bool { return m.heard != nil && len(m.heard.wanted) > 0 }

func (h *hearsay) want(address string, whole bool) {
	if whole {
		address = wholeMark + address
	}
	if !slices.Contains(h.wanted, address) {
		h.wanted = append(h.wanted, address)
	}
}

// wholeMark stands before the address of a resource whose descriptions are wanted.
const wholeMark = "*"

// distant writes the address of a resource of another CSE as it is asked for.
func (c *CSE) distant(text string) (string, bool) {
	a, far := c.farAddress(text)
	if !far || a.Attribute != "" || a.CSE == "" {
		return "", false
	}
	return c.widely(a), true
}

// knowing serves a request again as long as it leads to descriptions of other CSEs
// that haven't been asked for. A change is made once: only what was refused is
// tried again.
func (k *call) knowing(ctx context.Context, serve procedure, res *onem2m.Response, err error) (*onem2m.Response, error) {
	for round := range maxHearsayRounds {
		if !k.meaning.wants() || within(ctx) != nil || err == nil && k.req.Operation != onem2m.Retrieve {
			break
		}
		k.hearAll(ctx)
		if ctx.Err() != nil {
			return nil, timedOut()
		}
		k.now = k.c.instant()
		k.meaning.heard.closed = round == maxHearsayRounds-1
		res, err = serve(k, ctx)
	}
	return res, err
}

// hearAll asks for all that is wanted.
func (k *call) hearAll(ctx context.Context) {
	defer Yield(ctx)()
	h := k.meaning.heard
	if h.until.IsZero() {
		patience := hearsayPatience
		if k.expires != 0 {
			patience = min(patience, time.Until(k.deadline())/2)
		}
		h.until = time.Now().Add(patience)
	}
	ctx, cancel := context.WithDeadline(context.WithValue(ctx, yieldKey{}, nil), h.until)
	defer cancel()
	wanted := h.wanted
	h.wanted = nil
	told := make([]*heard, len(wanted))
	turns := make(chan struct{}, maxHearsayTurns)
	var group sync.WaitGroup
	for i, address := range wanted {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if ctx.Err() != nil {
				return
			}
			if profile, is := strings.CutPrefix(address, profileMark); is {
				told[i] = k.inquireProfile(ctx, profile)
				return
			}
			if member, is := strings.CutPrefix(address, memberMark); is {
				told[i] = k.inquireMember(ctx, member)
				return
			}
			told[i] = k.inquire(ctx, strings.TrimPrefix(address, wholeMark), strings.HasPrefix(address, wholeMark))
		})
	}
	group.Wait()
	for i, address := range wanted {
		one := told[i]
		if one != nil {
			for _, d := range one.documents {
				h.octets += d.Weight
			}
			if h.octets > maxHearsayOctets*heardWeight {
				one = nil
			}
		}
		h.told[strings.TrimPrefix(address, wholeMark)] = one
	}
}

// heardWeight is by how much the estimated weight of a document may be above its
// octets.
const heardWeight = 16

// inquire retrieves one resource, and its descriptions if it is none itself.
func (k *call) inquire(ctx context.Context, address string, whole bool) *heard {
	a, err := onem2m.ParseAddress(address)
	if err != nil {
		return nil
	}
	content := k.askFar(ctx, a, &onem2m.Request{Operation: onem2m.Retrieve, To: address})
	if content == nil {
		return nil
	}
	one := &heard{whole: whole}
	if info := k.c.typeOf(content.Name); info != nil {
		one.ty = info.Type
		one.number, one.numeric = numberIn(content.Value)
	}
	if k.takeHeard(ctx, one, a, content.Name, content.Value); len(one.documents)+len(one.members) > 0 || one.alias != "" || !whole {
		return one
	}
	level, rcn := int64(1), int64(8)
	content = k.askFar(ctx, a, &onem2m.Request{
		Operation: onem2m.Retrieve, To: address, ResultContent: &rcn,
		Filter: &onem2m.FilterCriteria{Types: []onem2m.ResourceType{onem2m.TypeSemanticDescriptor}, Level: &level},
	})
	if content == nil {
		return one
	}
	parent, err := onem2m.ParseObject(content.Value)
	if err != nil {
		return one
	}
	children, _ := parent.Objects("m2m:smd")
	for i := range children[:min(len(children), semantics.MaxDescriptors)] {
		k.takeHeard(ctx, one, a, "m2m:smd", children[i].Append(nil))
	}
	for i := range one.describes {
		one.describes[i] = address
	}
	return one
}

// askFar sends one request on behalf of the originator; nil if it isn't answered
// with a resource by the CSE of the address.
func (k *call) askFar(ctx context.Context, a onem2m.Address, req *onem2m.Request) *onem2m.Content {
	now := k.c.instant()
	req.From, req.HasFrom, req.Release, req.RequestID = k.from.ID.In(k.c.Home), true, "3", k.c.ownRequestID()
	req.RequestExpiration = strconv.FormatInt(hearsayPatience.Milliseconds(), 10)
	sub := &call{
		c: k.c, req: req, assoc: k.assoc, now: now, from: k.from, vouched: true, nesting: k.nesting + 1,
		expires: now + micros(hearsayPatience),
	}
	res, err := sub.run(ctx)
	if err != nil || res.Code != onem2m.OK || res.Content == nil || !sub.carried {
		return nil
	}
	if !k.c.answeredBy(res, a.Host(k.c.Home)) {
		return nil
	}
	return res.Content
}

// takeHeard reads a representation: a description, an instance with one in its
// content, an ontology or a group.
func (k *call) takeHeard(ctx context.Context, one *heard, host onem2m.Address, name string, value jsontext.Value) {
	info := k.c.typeOf(name)
	if info == nil || len(value) > maxHearsayOctets {
		return
	}
	attrs, err := onem2m.ParseObject(value)
	if err != nil {
		return
	}
	address := k.c.addressAt(host, attrs)
	if info.Type == onem2m.TypeGroup {
		list, _ := attrs.Texts("mid")
		for _, member := range list[:min(len(list), maxHearsay)] {
			one.members = append(one.members, k.c.readFrom(host, member))
		}
		return
	}
	if format, _ := attrs.Int("ontf"); info.Type == onem2m.TypeOntology && semantics.Format(format) == semantics.FormatIRI {
		one.alias, _ = attrs.Text("ontc")
		return
	}
	format, data, ok := documentOf(&store.Record{Type: info.Type, Attributes: value})
	if !ok {
		return
	}
	release, err := k.c.ponder(ctx)
	if err != nil {
		return
	}
	defer release()
	base := address
	if host.SP == "" {
		base = k.c.Home.SP + base
	}
	g, err := semantics.Parse(format, semantics.Scheme+base, data)
	if err != nil {
		return
	}
	d := semantics.NewDocument("far:"+address, g, len(data))
	if info.Type == onem2m.TypeSemanticDescriptor {
		d.Related, _ = attrs.Texts("rels")
	}
	for _, list := range [][]string{d.Links, d.Related} {
		for i := range list {
			list[i] = k.c.readFrom(host, list[i])
		}
	}
	if ref, ok := attrs.Text("or"); ok {
		if one.refs == nil {
			one.refs = map[string]string{}
		}
		one.refs[d.Key] = k.c.readFrom(host, ref)
	}
	described := address
	if pi, ok := attrs.Text("pi"); ok && info.Type == onem2m.TypeSemanticDescriptor {
		described = k.c.readFrom(host, pi)
	}
	one.documents, one.describes = append(one.documents, d), append(one.describes, described)
}

// addressAt is the address of a resource that another CSE has told of, as that CSE
// identifies it if it says so.
func (c *CSE) addressAt(host onem2m.Address, attrs onem2m.Object) string {
	if ri, ok := attrs.Text("ri"); ok {
		text := c.readFrom(host, ri)
		if a, err := onem2m.ParseAddress(text); err == nil && a.Host(c.Home) == host.Host(c.Home) {
			return text
		}
	}
	return c.widely(host)
}

// readFrom reads an address that another CSE has written: what is relative is
// relative to that one. Anything else stays as it is.
func (c *CSE) readFrom(host onem2m.Address, text string) string {
	a, err := onem2m.ParseAddress(text)
	if err != nil || a.SP != "" {
		return text
	}
	if a.CSE == "" {
		a.CSE = host.CSE
	}
	a.SP = host.SP
	return c.widely(a)
}
