package cse

import (
	"context"
	"time"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// pollingURI is the name of <pollingChannelURI>.
const pollingURI = "pcu"

func pollingChannelProcedures() *procedures {
	return &procedures{
		register: registerPollingChannel, check: checkPollingChannel, retrievable: ownPollingChannel,
		created: createdPollingChannel, update: updatePollingChannel, remove: removePollingChannel,
		virtual: map[string]*virtual{pollingURI: {serve: servePolling}},
	}
}

// represents is the entity that an <AE> or <remoteCSE> stands for, or "".
func (c *CSE) represents(rec *store.Record) onem2m.ID {
	switch rec.Type {
	case onem2m.TypeAE:
		return rec.Origin
	case onem2m.TypeRemoteCSE:
		csi, _ := attributes(rec).Text("csi")
		return c.custodian(csi)
	}
	return ""
}

// pollOwner is the entity that a polling channel belongs to.
func (c *CSE) pollOwner(r store.Reader, rec *store.Record) (onem2m.ID, error) {
	parent, err := r.ByID(rec.Parent)
	if err != nil {
		return "", missing(err)
	}
	return c.represents(parent), nil
}

// onlyOwner admits the entity behind the parent and nobody else, the
// administrator included: whoever polls reads what is meant for it. It
// comes itself: no transit polls in its name (S-095).
func (k *call) onlyOwner(owner onem2m.ID) error {
	if owner != "" && k.from.ID == owner && !k.from.Forwarded {
		k.audit("special", "", 0, "the owner of the polling channel")
		return nil
	}
	k.audit("special", "", onem2m.OriginatorHasNoPrivilege, "a polling channel belongs to the entity above it alone")
	return k.denied(k.req.Operation)
}

// registerPollingChannel takes the place of the access decision in a CREATE
// (C-364).
func registerPollingChannel(k *call, r store.Reader, parent *store.Record) error {
	owner := k.c.represents(parent)
	if owner == "" {
		return k.authorize(r, parent, onem2m.Create, access.Create) // no parent for it, told in its turn
	}
	return k.onlyOwner(owner)
}

// checkPollingChannel: one channel per parent (C-364); an UPDATE by its owner.
func checkPollingChannel(k *call, r store.Reader, s *subject) error {
	if s.old != nil {
		return k.onlyOwner(k.c.represents(s.parent))
	}
	have, err := k.c.pollingChannel(r, s.parent, k.now)
	if err != nil || have == nil {
		return err
	}
	if rn, _ := s.attrs.Text("rn"); rn == have.RN {
		return onem2m.Errorf(onem2m.Conflict, "rn", "the name is taken") // TS-0004 clause 7.3.3.5
	}
	return onem2m.Errorf(onem2m.BadRequest, "ty", "there is a polling channel already")
}

// pollingChannel returns the channel of an <AE> or <remoteCSE>, or nil.
func (c *CSE) pollingChannel(r store.Reader, parent *store.Record, now onem2m.Timestamp) (*store.Record, error) {
	page := store.Page{Only: onem2m.TypePollingChannel, Limit: 50}
	for {
		list, err := r.Children(parent.ID, page)
		if err != nil {
			return nil, err
		}
		for _, rec := range list {
			if !expired(rec, now) {
				return rec, nil
			}
		}
		if len(list) < page.Limit {
			return nil, nil
		}
		page.After = list[len(list)-1].ID
	}
}

// ownPollingChannel admits RETRIEVE and DELETE by the owner alone (C-364).
func ownPollingChannel(k *call, r store.Reader, rec *store.Record) error {
	owner, err := k.c.pollOwner(r, rec)
	if err != nil {
		return err
	}
	return k.onlyOwner(owner)
}

func createdPollingChannel(k *call, tx store.Tx, s *subject) error {
	rec := s.record()
	tx.OnCommit(func() { k.c.notePolling(rec) })
	return nil
}

func updatePollingChannel(k *call, tx store.Tx, s *subject) error {
	rec := s.version()
	tx.OnCommit(func() { k.c.notePolling(rec) })
	return nil
}

func removePollingChannel(c *CSE, tx store.Tx, rec *store.Record) error {
	tx.OnCommit(func() {
		c.channels.drop(rec.RI)
		c.peers.Unpoll(rec.Parent, rec.RI)
	})
	return nil
}

// servePolling answers requests to <pollingChannelURI> (core section 20).
func servePolling(ctx context.Context, k *call, t target) (*onem2m.Response, error) {
	switch k.req.Operation {
	case onem2m.Create, onem2m.Update, onem2m.Delete:
		return nil, onem2m.Errorf(onem2m.OperationNotAllowed, "to", "a <pollingChannelURI> is polled and notified only") // C-371
	case onem2m.Retrieve, onem2m.Notify:
	}
	var owner onem2m.ID
	err := k.c.Store.Read(ctx, func(r store.Reader) (err error) {
		owner, err = k.c.pollOwner(r, t.rec)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := k.onlyOwner(owner); err != nil {
		return nil, err
	}
	if k.req.Operation == onem2m.Retrieve {
		if k.rcn != 1 || k.discovery() || len(k.req.Attributes) > 0 || k.address.Attribute != "" {
			return nil, onem2m.Errorf(onem2m.BadRequest, "rcn", "a poll takes the next request, nothing else")
		}
		return k.poll(ctx, t)
	}
	res, err := decodeAnswer(k.req.Content)
	if err != nil {
		k.c.spoil(t.rec.RI, k.req.Content)
		return nil, err
	}
	if !k.c.channels.answered(t.rec.RI, res) {
		return nil, onem2m.Errorf(onem2m.BadRequest, "rqi", "no request with this identifier waits for an answer") // C-369
	}
	return &onem2m.Response{Code: onem2m.OK}, nil
}

// decodeAnswer reads what comes to a polling channel.
func decodeAnswer(content *onem2m.Content) (*onem2m.Response, error) {
	if content.Name != "m2m:rsp" {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "a polling channel takes responses only")
	}
	return wire.DecodeResponse(content.Value, wire.Limits{})
}

// spoil fails the request that a malformed answer names: no other is going to
// come, so whoever waits for it is told at once (C-370).
func (c *CSE) spoil(channel string, content *onem2m.Content) {
	o, err := onem2m.ParseObject(content.Value)
	if err != nil {
		return
	}
	if rqi, ok := o.Text("rqi"); ok {
		c.channels.answered(channel, &onem2m.Response{Code: onem2m.TargetNotReachable, RequestID: rqi})
	}
}

// viaChannel is how an entity with a polling channel is reached: through it and
// no other way (C-078).
func (c *CSE) viaChannel(r store.Reader, rec *store.Record, now onem2m.Timestamp) (reach notify.Reach, ok bool, err error) {
	channel, err := c.pollingChannel(r, rec, now)
	if err != nil || channel == nil {
		return notify.Reach{}, false, err
	}
	releases, _ := attributes(rec).Texts("srv")
	return notify.Reach{ID: c.represents(rec), Points: []string{pollScheme + channel.RI}, Release: speak(releases)}, true, nil
}

// poll is the RETRIEVE of a <pollingChannelURI> (C-365, C-366, C-372).
func (k *call) poll(ctx context.Context, t target) (*onem2m.Response, error) {
	wait := k.c.Timing.PollWait
	if k.req.RequestExpiration != "" {
		wait = k.expires.Time().Sub(k.now.Time())
	}
	n := 1
	aggregate, _ := attributes(t.rec).Bool("rqag")
	if aggregate {
		n = maxFetch
	}
	list, poll := k.c.channels.fetch(t.rec.RI, n)
	if list == nil {
		if poll == nil {
			return nil, onem2m.Errorf(onem2m.RequestTimeout, "to", "too many polls wait at this channel")
		}
		k.c.Notifier.Hasten(k.spellings(ctx, t.rec)...)
		if list = k.listen(ctx, t.rec.RI, poll, wait); list == nil {
			return nil, onem2m.Errorf(onem2m.RequestTimeout, "rqet", "there was nothing to fetch")
		}
	}
	k.c.channels.taken(t.rec.RI, list)
	res := &onem2m.Response{Code: onem2m.OK}
	if !aggregate {
		res.Content = &onem2m.Content{Name: "m2m:rqp", Value: wire.EncodeRequest(list[0].req)}
		return res, nil
	}
	b := []byte{'['}
	for i, p := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, wire.EncodeRequest(p.req)...)
	}
	res.Content = &onem2m.Content{Name: "m2m:agrp", Value: append(b, ']')}
	return res, nil
}

// listen waits for something to be handed to a poll.
func (k *call) listen(ctx context.Context, ri string, poll chan []*posted, wait time.Duration) []*posted {
	defer Yield(ctx)()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case list := <-poll:
		return list
	case <-timer.C:
	case <-ctx.Done():
	}
	k.c.channels.leave(ri, poll)
	return nil
}

// spellings are the notification addresses that lead to the owner of a
// channel: what rests for one of them can go on now.
func (k *call) spellings(ctx context.Context, channel *store.Record) []string {
	var owner *store.Record
	err := k.c.Store.Read(ctx, func(r store.Reader) (err error) {
		owner, err = r.ByID(channel.Parent)
		return err
	})
	if err != nil {
		return nil
	}
	return k.c.spellings(owner.RI, owner.RN)
}

// spellings are the notification addresses of an <AE> or <remoteCSE>.
func (c *CSE) spellings(ri, rn string) []string {
	var list []string
	for _, own := range []string{ri, c.Home.Name + "/" + rn, "-/" + rn} {
		for _, prefix := range []string{"", c.Home.CSE + "/", c.Home.SP + c.Home.CSE + "/"} {
			list = append(list, prefix+own, prefix+own+"?ct=json")
		}
	}
	return list
}
