package cse

import (
	"context"
	"errors"
	"strings"

	"bulwark/internal/announcement"
	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/federation"
	"bulwark/onem2m"
)

// What decisions need of other CSEs is subscribed to while it is in use, as this
// CSE, so that a policy that is narrowed or deleted there stops to count when the
// notification arrives. A notification says only that something has
// changed: what counts is what the other CSE answers then.

// copyTarget begins the names at which this CSE is notified of them. There is no
// resource of such a name.
const copyTarget = "watch-"

// overseer is a CSE as federation.Watches needs it.
type overseer struct{ c *CSE }

func (c *CSE) newWatches() *federation.Watches {
	name := func() string { return string(c.names.appendTail([]byte(copyTarget), 12)) }
	return federation.NewWatches(foreignLife, c.instant, name, overseer{c})
}

func (o overseer) Used(key string) onem2m.Timestamp { return o.c.copies.Used(key) }

func (o overseer) Renew(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(ctx, 2*foreignPatience)
	defer cancel()
	o.c.copies.Renew(ctx, key, o.c.instant, func(ctx context.Context) (*foreign, error) {
		ctx, cancel := context.WithTimeout(ctx, foreignPatience)
		defer cancel()
		return o.c.fetchMissed(ctx, key, distributed.Trail{o.c.pointMark + fetching})
	}, unheard)
}

// maxParts bounds the resources that one copy is watched by: a holder rarely has
// a role more than once.
const maxParts = 4

// watchParts watches what was found in a repository under a key: a <role> or
// <token> that is deleted or changed there stops to count with the notification.
// One that comes is found when the repository is asked again.
func (c *CSE) watchParts(key, repository string, found []onem2m.Object) {
	a, err := onem2m.ParseAddress(repository)
	if err != nil {
		return
	}
	host := a.Host(c.Home)
	for _, attrs := range found[:min(len(found), maxParts)] {
		ri, _ := attrs.Text("ri")
		address, err := c.there(ri, host)
		if err != nil {
			continue
		}
		if part, err := onem2m.ParseAddress(address); err == nil {
			c.watches.Want(key, c.foreignKey(part), host)
		}
	}
}

// unheard reports whether an answer says nothing about what was asked for: nobody has
// been reached who could tell.
func unheard(err error) bool {
	e, ok := errors.AsType[*onem2m.Error](err)
	return ok && (e.Code/1000 != 4 || e.Code == onem2m.RequestTimeout)
}

// Subscribe creates a subscription to a resource of another CSE, for its
// changes and its end.
func (o overseer) Subscribe(ctx context.Context, address, target string, until onem2m.Timestamp) (string, error) {
	a, err := onem2m.ParseAddress(address)
	if err != nil {
		return "", err
	}
	host, to := a.Host(o.c.Home), o.c.widely(a)
	self := announcement.Address(o.c.reference(target), o.c.Home, host)
	sub := onem2m.Object{
		{Name: "nu", Value: onem2m.TextsValue([]string{self})},
		{Name: "su", Value: onem2m.TextValue(self)},
		{Name: "enc", Value: []byte(`{"net":[1,2]}`)},
		{Name: "et", Value: onem2m.TimeValue(until)},
	}
	ty := int64(onem2m.TypeSubscription)
	ctx, cancel := context.WithTimeout(ctx, foreignPatience)
	defer cancel()
	res, err := o.c.toCopy(ctx, host, &onem2m.Request{
		Operation: onem2m.Create, To: to, Type: &ty, Content: &onem2m.Content{Name: "m2m:sub", Value: sub.Append(nil)},
	})
	if err != nil {
		o.c.Log.InfoContext(ctx, "a change of a resource of another CSE isn't heard of at once", "resource", address, "err", err)
		return "", err
	}
	made, err := made(res)
	if err != nil {
		return "", err
	}
	return o.c.there(made, host)
}

// widely writes an address as short as every CSE on the way reads it.
func (c *CSE) widely(a onem2m.Address) string {
	if a.SP == c.Home.SP {
		a.SP = ""
	}
	return a.String()
}

func (o overseer) Prolong(ctx context.Context, subscription string, until onem2m.Timestamp) (gone bool, err error) {
	content := onem2m.Object{{Name: "et", Value: onem2m.TimeValue(until)}}
	err = o.toSubscription(ctx, &onem2m.Request{
		Operation: onem2m.Update, To: subscription, Content: &onem2m.Content{Name: "m2m:sub", Value: content.Append(nil)},
	})
	return err != nil && onem2m.AsError(err).Code == onem2m.NotFound, err
}

func (o overseer) Unsubscribe(ctx context.Context, subscription string) error {
	err := o.toSubscription(ctx, &onem2m.Request{Operation: onem2m.Delete, To: subscription})
	if err != nil {
		o.c.Log.InfoContext(ctx, "a subscription on another CSE is left to expire", "subscription", subscription, "err", err)
	}
	return err
}

func (o overseer) toSubscription(ctx context.Context, req *onem2m.Request) error {
	ctx, cancel := context.WithTimeout(ctx, foreignPatience)
	defer cancel()
	_, err := o.c.toCopy(ctx, announcement.Host(o.c.Home, req.To), req)
	return err
}

// copyNotice serves a NOTIFY of another CSE about a resource that was copied from
// it; done is false if nobody waits for it.
func (k *call) copyNotice() (res *onem2m.Response, done bool) {
	path := k.address.Path
	if len(path) != 1 || !strings.HasPrefix(path[0], copyTarget) || !k.c.watches.Expects(path[0], k.from.ID) {
		return nil, false
	}
	if _, asks := k.verification(); asks {
		return &onem2m.Response{Code: onem2m.OK}, true
	}
	if key, ok := k.c.watches.Notice(path[0], k.from.ID, subscriptionEnded(k.req.Content)); ok {
		k.c.copies.Drop(key)
	}
	return &onem2m.Response{Code: onem2m.OK}, true
}

// subscriptionEnded reports whether a notification says that its subscription has
// been deleted.
func subscriptionEnded(content *onem2m.Content) bool {
	if content == nil || content.Name != "m2m:sgn" {
		return false
	}
	o, err := onem2m.ParseObject(content.Value)
	if err != nil {
		return false
	}
	over, _ := o.Bool("sud")
	return over
}
