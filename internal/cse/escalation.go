package cse

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bulwark/access"
	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/consultation"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

// escalation is what a request goes on with that policies and tokens deny: whom
// to ask about it, and what came of that (F-1 to F-4). Nobody is asked while a
// decision is made: the request is refused for the moment, which undoes
// everything, and decided again when the answers are there (see enquiring).
type escalation struct {
	question *inquiry          // for Dynamic Authorization Servers; nil: none
	asked    map[string]int    // how many consultations were asked about a resource and a privilege
	wanted   []wantedToken     // tokens that are to be retrieved
	about    onem2m.DASRequest // of the questions for these
	texts    map[string]string // what was retrieved: token by Token-ID, "" if it can't be had
	stood    map[string]bool   // of these: those that their own server has handed over
	unsigned []heldToken       // tokens of which the signature is to be asked for
	known    map[string]bool   // tokens of which it was
	appeals  int               // that were taken, see appeal

	set tokenSet // that counts beyond the target

	offer onem2m.TokenRequestInfo // for an originator that asked for it
	sign  bool                    // the originator is asked to sign
	said  []string                // what became of the questions, for the audit
}

// inquiry is a question for servers.
type inquiry struct {
	key       string // of escalation.asked
	subject   int64  // the resource
	request   onem2m.DASRequest
	roles     []string // that would be enough, of all domains
	referrals []*referral
}

// escalating returns the escalation of the request, made when it is needed.
func (k *call) escalating() *escalation {
	if k.further == nil {
		k.further = &escalation{asked: map[string]int{}, texts: map[string]string{}, stood: map[string]bool{}, known: map[string]bool{}}
	}
	return k.further
}

// pending reports whether somebody is to be asked before the request is decided
// again.
func (e *escalation) pending() bool {
	return e != nil && (e.question != nil || len(e.wanted) > 0 || len(e.unsigned) > 0)
}

// forget begins another decision: what tokens are good for is found out anew.
func (e *escalation) forget() {
	if e != nil {
		e.set = tokenSet{}
	}
}

func (e *escalation) say(format string, args ...any) {
	e.said = append(e.said, fmt.Sprintf(format, args...))
}

// told appends what became of the questions to the reason of a denial.
func (e *escalation) told(reason string) string {
	if e == nil || len(e.said) == 0 {
		return reason
	}
	return reason + "; " + strings.Join(e.said, "; ")
}

// escalate goes on with a decision that policies and tokens deny: servers are
// asked, then the points that the policies name, or the denial is final. With self
// nobody is asked: what servers grant opens no policy.
func (k *call) escalate(r store.Reader, rec *store.Record, op onem2m.Operation, self bool, sources []access.Source, stage, reason string) error {
	if !self && k.from.Authenticated && k.from.ID != k.c.Home.ID() {
		err := k.refer(r, rec, sources)
		switch {
		case err != nil:
			reason += "; the consultations can't be read: " + err.Error()
		case k.uninformed():
			return k.denied(op)
		}
	}
	if done, err := k.judgeElsewhere(r, rec, op, self, sources); done {
		return err
	}
	k.audit(stage, "", onem2m.OriginatorHasNoPrivilege, k.further.told(reason))
	return k.denied(op)
}

// refer finds out who may be asked about what k.question was denied.
func (k *call) refer(r store.Reader, rec *store.Record, sources []access.Source) error {
	offer := k.req.TokenRequest != nil && *k.req.TokenRequest
	if !k.curious && !offer || rec.Type == onem2m.TypeGroup && k.fansOut() {
		return nil
	}
	var lacking missed
	list, err := k.c.referrals(r, rec, k.now, &lacking)
	if err != nil {
		return err
	}
	if len(lacking.list) > 0 {
		for _, address := range lacking.list {
			k.missed.add(address)
		}
		return nil
	}
	list = slices.DeleteFunc(list, func(u *referral) bool { return !u.enabled })
	if len(list) == 0 {
		return nil
	}
	e := k.escalating()
	q := k.questionAbout(rec, list, access.CandidateRoles(&k.question, sources))
	if k.curious && e.asked[q.key] < len(list) {
		e.question = q
	}
	if offer {
		k.offer(q)
	}
	return nil
}

// fansOut reports whether the request is for the members of a group. A server can
// only be asked about the group itself, which it would open instead.
func (k *call) fansOut() bool {
	return namesFanOut(k.address.Path)
}

// namesFanOut reports whether a path goes through the members of a group.
func namesFanOut(path []string) bool {
	return slices.ContainsFunc(path, func(segment string) bool { return segment == fanOutPoint || segment == semanticFanOutPoint })
}

// questionAbout makes the question about what k.question was denied.
func (k *call) questionAbout(rec *store.Record, list []*referral, roles []string) *inquiry {
	q := &inquiry{
		key: rec.RI + " " + strconv.Itoa(int(k.question.Privilege)), subject: rec.ID, roles: roles, referrals: list,
		request: onem2m.DASRequest{
			Originator: string(k.from.ID), TargetType: rec.Type, Operation: k.question.Operation, IP: k.question.IP,
			RequestTime: k.now.String(), Target: string(k.c.Home.ID()) + "/" + rec.RI, TokenIDs: slices.Clone(k.req.TokenIDs), AuthorSign: k.req.AuthorSignReq,
		},
	}
	for id := range k.grants.roles {
		q.request.Roles = append(q.request.Roles, id)
	}
	slices.Sort(q.request.Roles)
	if l := k.question.Location; l != nil {
		q.request.Location = region(l)
	}
	return q
}

// region writes a location as m2m:locationRegion.
func region(l *access.Location) []byte {
	if !l.HasPosition {
		if l.Country == "" {
			return nil
		}
		return onem2m.Object{{Name: "accc", Value: onem2m.TextsValue([]string{l.Country})}}.Append(nil)
	}
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	return []byte(`{"accr":[` + number(l.Latitude) + `,` + number(l.Longitude) + `,` + number(l.Uncertainty) + `]}`)
}

// at returns the question for one server: with the roles of its domain, and with
// the lifetime that the consultation proposes.
func (q *inquiry) at(server *dynauth.Server, u *referral, now onem2m.Timestamp) *onem2m.DASRequest {
	r := q.request
	for _, role := range q.roles {
		if server != nil && server.Speaks(role) && len(r.ACPRoles) < onem2m.MaxGrantList {
			r.ACPRoles = append(r.ACPRoles, role)
		}
	}
	if u.lifetime != "" {
		if until, err := onem2m.ParseAbsRel(u.lifetime, now); err == nil { // C-21
			r.ProposedLifetime = until.String()
		}
	}
	return &r
}

// offer notes for the originator whom it may ask for tokens itself. What
// can't be encrypted for a server with a key isn't shown.
func (k *call) offer(q *inquiry) {
	var list onem2m.TokenRequestInfo
	for _, u := range q.referrals {
		info := onem2m.DASInfo{URI: u.points[0]}
		var server *dynauth.Server
		for i := range u.points {
			if server == nil {
				server = k.c.Servers.At(k.c.Home, u.points[i])
			}
		}
		request := q.at(server, u, k.now)
		if server == nil || server.Seal == nil {
			info.Request = request
		} else if sealed, err := server.Secure(request); err == nil {
			info.Secured = sealed
		}
		list = append(list, info)
	}
	k.escalating().offer = list
}

// tellFurther puts what came of an escalation into the response: whom to ask, into
// a refusal alone and without a word more; and that the originator
// should sign its tokens.
func (k *call) tellFurther(res *onem2m.Response) {
	e := k.further
	if e == nil {
		return
	}
	if res.Code == onem2m.OriginatorHasNoPrivilege && len(e.offer) > 0 {
		res.Content, res.TokenRequestInfo = nil, e.offer.Value()
	}
	if e.sign {
		res.AuthorSignRequest = &e.sign
	}
}

// pursue asks whoever is to be asked, when nothing is held. Nothing of what it
// does permits the request: that is decided again.
func (k *call) pursue(ctx context.Context) {
	e := k.further
	if !e.pending() {
		return
	}
	q, wanted, unsigned := e.question, e.wanted, e.unsigned
	e.question, e.wanted, e.unsigned = nil, nil, nil
	if len(wanted) > 0 {
		k.retrieveTokens(ctx, wanted)
	}
	for i := range unsigned {
		if !k.appeal() {
			e.known[unsigned[i].cached.ID] = true
			e.say("the server of %s %s", unsigned[i].cached.ID, unasked)
			continue
		}
		k.askSignature(ctx, &unsigned[i])
	}
	if q != nil {
		k.consultServers(ctx, q)
	}
	k.keepTokens(ctx)
}

// consultServers asks one consultation after the other until one grants something.
func (k *call) consultServers(ctx context.Context, q *inquiry) {
	e := k.further
	for n := e.asked[q.key]; n < len(q.referrals) && ctx.Err() == nil; n++ {
		e.asked[q.key] = n + 1
		u := q.referrals[n]
		if !k.appeal() {
			e.say("%s: it %s", u.name, unasked)
			continue
		}
		turn := k.c.recalls.Turn()
		server, point, res, err := k.reachServer(ctx, u.points, func(s *dynauth.Server) *onem2m.Content {
			return consultation.Request(q.at(s, u, k.c.instant()))
		})
		if err != nil {
			e.say("%s: %s", u.name, reasonOf(err))
			continue
		}
		answer, err := consultation.ReadResponse(res)
		switch {
		case err != nil:
			e.say("%s: the answer can't be read: %s", u.name, reasonOf(err))
		case !answer.Grants():
			e.say("%s: it grants nothing", u.name)
		default:
			if k.accept(ctx, q, u, server, point, turn, answer) {
				return
			}
		}
	}
}

// reasonOf is what the audit says of an error: what a server has sent isn't
// repeated.
func reasonOf(err error) string {
	if e := onem2m.AsError(err); e.Code != onem2m.InternalServerError {
		return fmt.Sprintf("%d %s", e.Code, e.Debug())
	}
	return err.Error()
}

// accept takes what a server grants, as far as it can be taken, and reports
// whether anything of it can.
func (k *call) accept(ctx context.Context, q *inquiry, u *referral, server *dynauth.Server, point string, turn uint64, answer *onem2m.DASResponse) bool {
	e, some := k.further, false
	for i, text := range answer.Tokens {
		if i >= maxTokens {
			e.say("%s: more than %d tokens", u.name, maxTokens)
			break
		}
		if err := k.acceptToken(server, point, text); err != nil {
			e.say("%s: %s: %s", u.name, tokenNumber(i, text), err)
			continue
		}
		some = true
	}
	if some && answer.SignRequest != nil && *answer.SignRequest && k.req.AuthorSignReq != nil && *k.req.AuthorSignReq {
		e.sign = true
	}
	grant, err := consultation.ReadGrant(k.c.Home, answer, k.from.ID, k.c.instant(), consultation.Lifetimes{Default: k.c.Timing.DynamicLife, Max: k.c.Timing.DynamicMax})
	if err == nil && grant != nil && !consultation.Dependable(point) {
		err = fmt.Errorf("privileges over a way that isn't authenticated")
	}
	name := ""
	if err == nil && grant != nil {
		a := award{grant: grant, points: u.points, about: q.request.Target, turn: turn, target: q.subject, who: k.from.ID}
		if server != nil {
			a.by = server.ID
		}
		name, err = k.c.makeDynamic(ctx, a)
	}
	switch {
	case err != nil:
		e.say("%s: its privileges aren't taken: %s", u.name, reasonOf(err))
	case grant != nil:
		some = true
		who := u.name
		if server != nil {
			who += " (" + string(server.ID) + ")"
		}
		e.say("%s: %s", who, name)
	}
	return some
}

// acceptToken takes a token that a server has handed over: of any issuer that is
// trusted (decision 20), made out to the originator, and for this CSE alone
//
func (k *call) acceptToken(server *dynauth.Server, point, text string) error {
	if k.c.tokens == nil {
		return errUntrusted
	}
	now := k.c.instant()
	cached, err := k.c.verifyToken(text, now)
	if err != nil {
		return err
	}
	on := token.Conditions{Originator: k.from.ID, Self: k.c.Home.ID(), Now: now, Leeway: k.c.Leeway, Holder: cached.Holder, Direct: true}
	if err := cached.Check(on); err != nil {
		return err
	}
	if k.c.standsBy(server, point, cached.Verified) {
		k.c.confirmed.note(cached.Digest, now)
	}
	k.assignLocal(heldToken{cached: cached, text: text, direct: true})
	return nil
}
