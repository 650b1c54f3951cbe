package cse

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// fanOutPoint is the name of the virtual child of a group that passes requests
// on to the members.
const fanOutPoint = "fopt"

// Bounds of fan-outs. A request keeps as many members busy as share a commit
// well; all fan-outs together use maxHelpers goroutines besides those that
// brought the requests, which go on alone when there is no helper.
const (
	maxWorkers = 16
	maxHelpers = 64
	maxNesting = 8 // groups in groups; loops end by gid before

	// A group may name paths below its own fanOutPoint, each another target to
	// gid, so that the requests multiply at each level of nesting.
	maxSpread   = 5 * maxMembers // members asked for one request, sub-groups included
	maxGathered = 64 << 20       // octets of their answers
)

// spread is what one request has caused so far, in all fan-outs that it leads to.
type spread struct {
	asked    atomic.Int64 // members
	gathered atomic.Int64 // octets of answers
}

// order is what one member is asked.
type order struct {
	member  *member
	to      string
	targets []string // grtm for a sub-group
}

// fanOut serves a request to <fanOutPoint> (TS-0004 clause 7.4.14).
func fanOut(ctx context.Context, k *call, t target) (*onem2m.Response, error) {
	orders, err := k.planFanOut(ctx, t)
	if err != nil {
		return nil, err
	}
	gid := k.req.GroupRequestID
	if gid == "" && nests(orders) { // C-348
		gid = string(k.c.names.appendTail([]byte("g-"), 12))
		k.c.heard.first(gid, t.rec.RI+"/"+t.virtual+"/"+strings.Join(t.rest, "/"), k.expires, k.now)
	}
	ctx, cancel := context.WithDeadline(ctx, k.deadline())
	defer cancel()
	done, err := k.forward(ctx, t.rec)
	if err != nil {
		return nil, err
	}
	answers := k.ask(ctx, orders, gid)
	if err := done(keptElsewhere(orders, answers)); err != nil {
		k.c.Log.WarnContext(ctx, "a gathering of notifications stays until its group goes", "group", t.rec.RI, "err", err)
	}
	if k.req.Operation == onem2m.Delete && len(t.rest) == 0 {
		if err := k.dropDeleted(ctx, t.rec.ID, orders, answers); err != nil {
			return nil, err
		}
	}
	return k.aggregate(orders, answers)
}

// planFanOut decides whether the originator may use the fanOutPoint, and finds
// whom to ask.
func (k *call) planFanOut(ctx context.Context, t target) (orders []order, err error) {
	err = k.c.Store.Read(ctx, func(r store.Reader) error {
		if err := k.authorizeFanOut(r, t.rec); err != nil {
			return err
		}
		if k.nesting >= maxNesting {
			return onem2m.Errorf(onem2m.BadRequest, "to", "groups are nested deeper than %d levels", maxNesting)
		}
		if err := k.checkFannedOut(t); err != nil {
			return err
		}
		g := k.c.rosterOf(t.rec)
		if len(g.members) == 0 {
			return onem2m.Errorf(onem2m.NoMembers, "to", "the group is empty") // C-345
		}
		if orders, err = k.addressed(r, g); err != nil {
			return err
		}
		if k.spread == nil {
			k.spread = new(spread)
		}
		if k.spread.asked.Add(int64(len(orders))) > maxSpread {
			return onem2m.Errorf(onem2m.BadRequest, "to", "the request spreads to more than %d members", maxSpread)
		}
		return nil
	})
	for i := range orders {
		orders[i].to = orders[i].member.below(t.rest)
	}
	return orders, err
}

// authorizeFanOut decides about the fanOutPoint itself; each member decides
// about its own part later (A-46, A-76, C-344). A locked group passes nothing on.
func (k *call) authorizeFanOut(r store.Reader, group *store.Record) error {
	op := k.req.Operation
	privilege := access.PrivilegeOf(op, k.discovery())
	if k.isAdmin() {
		k.audit("admin", "", 0, "")
		return k.checkLock(r, group)
	}
	sources, err := k.c.fanOutPolicies(r, group, k.from.ID, k.now, nil)
	if err := k.judge(r, group, op, privilege, false, sources, err); err != nil {
		return err
	}
	return k.checkLock(r, group)
}

// checkFannedOut refuses what can't be fanned out.
func (k *call) checkFannedOut(t target) error {
	if k.req.Operation != onem2m.Create {
		return nil
	}
	if k.ty == onem2m.TypeAE || k.ty == onem2m.TypeRemoteCSE {
		return onem2m.Errorf(onem2m.BadRequest, "to", "a registration isn't fanned out")
	}
	mt, _ := attributes(t.rec).Int("mt")
	if info := onem2m.TypeByNumber(onem2m.ResourceType(mt)); mt != int64(typeMixed) && len(t.rest) == 0 && info != nil && !info.AllowsChild(k.ty) {
		return onem2m.Errorf(onem2m.InvalidChildResourceType, "ty", "type %d isn't a child of the members", k.ty) // C-346
	}
	return nil
}

// nests reports whether any order leads to a further fanOutPoint.
func nests(orders []order) bool {
	return slices.ContainsFunc(orders, func(e order) bool {
		return strings.Contains(e.to, fanOutPoint) && slices.Contains(strings.Split(e.to, "/"), fanOutPoint)
	})
}

// over reports whether a deadline has come: who gives up because of it may be ahead
// of it by a moment.
func over(ctx context.Context) bool {
	const moment = 10 * time.Millisecond
	at, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(at) < moment
}

// ask carries the orders out and returns one answer each (C-352); nil for
// a member that hasn't answered in time (C-351).
func (k *call) ask(ctx context.Context, orders []order, gid string) []*onem2m.Response {
	all := &collected{answers: make([]*onem2m.Response, len(orders))}
	defer k.showProgress(ctx, orders, all)()
	until := k.expires.String()
	base := string(k.c.names.appendTail([]byte("f-"), 12)) + "-"
	var next atomic.Int64
	work := func() {
		m := new(messenger)
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(orders) {
				return
			}
			if k.req.Operation != onem2m.Retrieve {
				m = new(messenger) // what is written may be kept longer than the answer
			}
			res := k.askMember(ctx, m, &orders[i], gid, base+strconv.Itoa(i+1), until)
			if res.Code != onem2m.RequestTimeout || !over(ctx) {
				all.put(i, k.spread.gather(res))
			}
		}
	}
	var helpers sync.WaitGroup
	for range min(maxWorkers, len(orders)) - 1 {
		if !k.c.helpers.help(k.bringer(), &helpers, work) {
			break
		}
	}
	work()
	helpers.Wait()
	return all.answers
}

// gather counts an answer, and leaves out its content when there is too much
// already: what the member has done is still told, and that it isn't all. What
// a sub-group has gathered is counted already.
func (s *spread) gather(res *onem2m.Response) *onem2m.Response {
	if res.Content != nil && res.Content.Name != "m2m:agr" && s.gathered.Add(int64(len(res.Content.Value))) > maxGathered {
		res.Content, res.ContentStatus, res.ContentOffset = nil, 1, 0
	}
	return res
}

// messenger carries the request to one member; reading takes it again for the
// next one, as two big structures for each member are half of a fan-out's garbage.
type messenger struct {
	req  onem2m.Request
	call call
}

// askMember makes the request to one member: the same but for target and
// identifiers, and answered at once (C-349).
func (k *call) askMember(ctx context.Context, m *messenger, e *order, gid, rqi, until string) *onem2m.Response {
	m.req = *k.req
	req := &m.req
	req.To, req.RequestID, req.GroupRequestID, req.GroupTargets = e.to, rqi, gid, e.targets
	req.RequestExpiration = until
	req.OriginatingTimestamp, req.ResultExpiration, req.ExecutionTime, req.ResultPersistence = "", "", "", ""
	req.ResponseType, req.NotificationURIs, req.HasNotifyURIs = nil, nil, false
	m.call = call{
		c: k.c, req: req, assoc: k.assoc, now: onem2m.TimestampOf(k.c.Now()),
		from: k.from, vouched: true, nesting: k.nesting + 1, spread: k.spread, expires: k.expires,
	}
	if g := k.gathers; g != nil {
		m.call.gathers = &gathered{Group: g.Group, Address: g.Address, Member: e.member.text}
	}
	if e.to == e.member.text {
		m.call.address = e.member.address
	}
	res, err := m.call.run(ctx)
	if err != nil {
		res = m.call.fail(ctx, err)
	}
	return m.call.finish(res)
}

// dropDeleted takes the members that have been deleted out of the group
// (C-354).
func (k *call) dropDeleted(ctx context.Context, group int64, orders []order, answers []*onem2m.Response) error {
	gone := make(map[string]bool)
	for i, res := range answers {
		if m := orders[i].member; res != nil && res.Code == onem2m.Deleted && !m.virtualReference(k.c) {
			gone[m.text] = true
		}
	}
	if len(gone) == 0 {
		return nil
	}
	// What is deleted is deleted, also when the request has expired meanwhile.
	return k.c.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		rec, err := tx.ByID(group)
		if err != nil {
			return nil //nolint:nilerr // the group was among its members, or went meanwhile
		}
		mid, _ := attributes(rec).Texts("mid")
		left := slices.DeleteFunc(mid, func(text string) bool { return gone[text] })
		return k.c.amend(tx, rec, k.from.ID, onem2m.Object{
			{Name: "mid", Value: onem2m.TextsValue(left)},
			{Name: "cnm", Value: onem2m.IntValue(int64(len(left)))},
		})
	})
}

// aggregate makes {"m2m:agr":{"m2m:rsp":[…]}} (C-350).
func (k *call) aggregate(orders []order, answers []*onem2m.Response) (*onem2m.Response, error) {
	size := 0
	for _, res := range answers {
		if size += 128; res != nil && res.Content != nil {
			size += len(res.Content.Value)
		}
	}
	prefix := newReferences(k).prefix
	b := append(make([]byte, 0, size), `{"m2m:rsp":[`...)
	empty := len(b)
	for i, res := range answers {
		if res == nil {
			continue
		}
		if len(b) > empty {
			b = append(b, ',')
		}
		from := orders[i].member.text
		if from[0] != '/' {
			from = prefix + from // C-020
		}
		b = appendAnswer(b, res, from)
	}
	if len(b) == empty {
		return nil, onem2m.Errorf(onem2m.GroupMembersNotResponded, "", "no member has answered in time")
	}
	return &onem2m.Response{Code: onem2m.OK, Content: &onem2m.Content{Name: "m2m:agr", Value: append(b, "]}"...)}}, nil
}

// appendAnswer writes the response primitive of one member: what the member
// says, from the member, and nothing that repeats the outer response.
func appendAnswer(b []byte, res *onem2m.Response, from string) []byte {
	b = append(b, `{"rsc":`...)
	b = strconv.AppendInt(b, int64(res.Code), 10)
	b = append(b, `,"rqi":"`...)
	b = append(b, res.RequestID...) // of this CSE's making: nothing to escape
	b = append(b, '"')
	if res.Content != nil {
		b = append(b, `,"pc":`...)
		b = res.Content.Append(b)
	}
	b = append(b, `,"fr":`...)
	b = onem2m.AppendText(b, from)
	if res.ContentStatus != 0 {
		b = append(b, `,"cnst":`...)
		b = strconv.AppendInt(b, int64(res.ContentStatus), 10)
	}
	if res.ContentOffset != 0 {
		b = append(b, `,"cnot":`...)
		b = strconv.AppendInt(b, int64(res.ContentOffset), 10)
	}
	if res.Release != "" {
		b = append(b, `,"rvi":`...)
		b = onem2m.AppendText(b, res.Release)
	}
	return append(b, '}')
}
