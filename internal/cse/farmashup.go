package cse

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/semantics"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Members of a mashup may be on other CSEs (TS-0004 clauses 7.4.50.2.1 d and
// 7.4.51.2.2): its creator names them, and they are asked on the creator's behalf, so
// that their CSEs decide. What one request asks for has the bounds of hearsay.

// Bounds of the periodic results that wait for other CSEs at one time. One for which
// there is no place is left out.
const (
	maxMashing     = 32
	maxMashingEach = 4 // of one creator
)

// maxMashingRounds is how often other CSEs are asked for one result: for the profile,
// and for the members.
const maxMashingRounds = 2

// ingredient is a member of a mashup: a resource of this CSE, or what another CSE has
// told of one.
type ingredient struct {
	rec     *store.Record
	address string // of one elsewhere
	told    *heard
}

func ingredients(records []*store.Record) []ingredient {
	list := make([]ingredient, len(records))
	for i, rec := range records {
		list[i].rec = rec
	}
	return list
}

// ingredients finds the members with these addresses, all of which the originator may
// RETRIEVE. With abroad those of this CSE are left out. It fails with 4121 also as long
// as other CSEs haven't been asked.
func (k *call) ingredients(r store.Reader, addresses []string, abroad bool) ([]ingredient, error) {
	d := k.descriptions(r, access.Retrieve)
	list := make([]ingredient, 0, len(addresses))
	missing := false
	for _, address := range addresses {
		distant, far := k.c.distant(address)
		switch {
		case far:
			told, known := k.hearMember(distant)
			if known && told == nil {
				return nil, noMashupMember()
			}
			missing = missing || !known // and the others are asked for as well
			list = append(list, ingredient{address: distant, told: told})
		case !abroad:
			rec, err := d.ingredient(address)
			if err != nil {
				return nil, err
			}
			list = append(list, ingredient{rec: rec})
		}
	}
	if missing {
		return nil, noMashupMember()
	}
	return list, nil
}

// ingredient finds a member on this CSE.
func (d *descriptions) ingredient(address string) (*store.Record, error) {
	t, err := d.locate(address)
	if err != nil || t.virtual != "" {
		if err == nil || unavailable(err) {
			err = noMashupMember()
		}
		return nil, err
	}
	seen, err := d.seen(t.rec)
	if err == nil && !seen {
		err = noMashupMember() // as if it weren't there
	}
	return t.rec, err
}

// memberMark stands before the address of a resource that is wanted as a member of
// a mashup: with its latest number and its descriptions.
const memberMark = "+"

// hearMember is hearOf for a member of a mashup.
func (k *call) hearMember(address string) (h *heard, known bool) {
	return k.hearOf(memberMark+address, false)
}

// inquireMember asks for a member of a mashup.
func (k *call) inquireMember(ctx context.Context, address string) *heard {
	one := k.inquire(ctx, address, true)
	if one == nil || !hasValues(one.ty) || k.c.types[one.ty].instances == 0 {
		return one
	}
	latest := address + "/la"
	a, err := onem2m.ParseAddress(latest)
	if err != nil {
		return nil
	}
	if content := k.askFar(ctx, a, &onem2m.Request{Operation: onem2m.Retrieve, To: latest}); content != nil {
		one.number, one.numeric = numberIn(content.Value)
	}
	return one
}

// profileMark stands before the address of a <semanticMashupJobProfile>.
const profileMark = "?"

// profile finds the profile of a mashup, which the originator may RETRIEVE. It may be
// on another CSE (TS-0001 clause 9.6.54), which isn't told of the instance.
func (k *call) profile(r store.Reader, id string) (*store.Record, error) {
	distant, far := k.c.distant(id)
	if !far {
		return k.readable(r, id, "mjid")
	}
	told, _ := k.hearOf(profileMark+distant, false)
	if told == nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "mjid", "no profile is to be had there")
	}
	return told.profile, nil
}

func (c *CSE) isDistant(address string) bool {
	_, far := c.distant(address)
	return far
}

// inquireProfile asks for the profile of a mashup.
func (k *call) inquireProfile(ctx context.Context, address string) *heard {
	a, err := onem2m.ParseAddress(address)
	if err != nil {
		return nil
	}
	content := k.askFar(ctx, a, &onem2m.Request{Operation: onem2m.Retrieve, To: address})
	if content == nil || len(content.Value) > maxHearsayOctets {
		return nil
	}
	info := k.c.typeOf(content.Name)
	if info == nil || info.Type != onem2m.TypeSemanticMashupJobProfile {
		return nil
	}
	return &heard{profile: &store.Record{Type: info.Type, Root: info.Root, Attributes: content.Value}}
}

// numberIn is the number in the content of an instance.
func numberIn(representation []byte) (v float64, ok bool) {
	attrs, err := onem2m.ParseObject(representation)
	if err != nil {
		return 0, false
	}
	content := attrs.Get("con")
	text, isText := onem2m.TextOf(content)
	if !isText {
		text = string(content)
	}
	v, err = strconv.ParseFloat(strings.TrimSpace(text), 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

// show is the entry of a member in mashupMember.
func (j *job) show(one ingredient, values bool) (o onem2m.Object, err error) {
	address, v, ok := one.address, 0.0, false
	if one.rec == nil {
		v, ok = one.told.number, one.told.numeric
	} else {
		if address, err = Structured(j.r, one.rec); err == nil && values {
			v, ok, err = j.value(one.rec)
		}
		if err != nil {
			return nil, err
		}
	}
	o.Set("muri", onem2m.TextValue(address))
	if values && ok {
		o.Set("mvl", jsontext.Value(strconv.FormatFloat(v, 'g', -1, 64)))
	}
	return o, nil
}

// told is collect for a member of another CSE.
func (j *job) told(one ingredient) (semantics.Member, error) {
	iri := one.address
	if !strings.HasPrefix(iri, "//") {
		iri = j.k.c.Home.SP + iri
	}
	m := semantics.Member{IRI: semantics.Scheme + iri, Value: one.told.number, HasValue: one.told.numeric, Descriptions: one.told.documents}
	if !m.HasValue && hasValues(one.told.ty) {
		return m, noMashupMember()
	}
	return m, nil
}

func mashupName(id int64) string { return "mashup/" + strconv.FormatInt(id, 36) }

// keepSpokesman keeps for whom other CSEs are asked when somebody else wants a result,
// or time does: the creator, who has just named members or a profile there.
func (k *call) keepSpokesman(tx store.Tx, s *subject, members onem2m.Object) error {
	creator := s.origin
	if s.old != nil {
		creator = s.old.Origin
	}
	if members == nil || k.from.ID != creator {
		return nil
	}
	profile, _ := s.attrs.Text("mjid")
	named := append(memberAddresses(onem2m.Object{{Name: "msm", Value: members.Append(nil)}}), profile)
	if slices.ContainsFunc(named, k.c.isDistant) {
		return saveState(tx, mashupName(s.id), k.principal(tx))
	}
	return tx.SetSetting(mashupName(s.id), nil)
}

// speaks lets a call on behalf of the creator of a mashup ask other CSEs, if that is
// still who named the members there.
func (k *call) speaks(r store.Reader, instance *store.Record) {
	p, err := loadState[principal](r, mashupName(instance.ID))
	if err != nil || p.ID != instance.Origin || !k.c.stands(r, p, k.now) {
		k.meaning.heard = &hearsay{told: map[string]*heard{}, closed: true}
	}
}

// gatherMashup makes a periodic result with members on other CSEs, which may be slow,
// beside all others.
func (c *CSE) gatherMashup(ctx context.Context, id int64, k *call) {
	whose, number := bringer{who: k.from.ID}, strconv.FormatInt(id, 36)
	if !c.mashing.enter(whose, number) {
		return
	}
	c.mashers.Go(func() {
		defer c.mashing.leave(whose, number)
		var a *periodicMashup
		var err error
		for round := 0; err == nil && round < maxMashingRounds && k.meaning.wants(); round++ {
			k.hearAll(ctx)
			k.meaning.heard.closed = round == maxMashingRounds-1
			a, err = c.attemptMashup(ctx, id, k)
		}
		if err == nil && a != nil && a.result != nil {
			err = c.Store.Update(ctx, a.keep)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) && ctx.Err() == nil {
			c.Log.ErrorContext(ctx, "mashup", "resource", id, "err", err)
		}
	})
}
