package cse

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// awaited are <crossResourceSubscription>s in the making: other CSEs ask them
// whether they agree to be notified before they are there.
type awaited struct {
	mu    sync.Mutex
	all   map[string]onem2m.ID // who makes it, by resourceID
	hosts map[string]onem2m.ID // the CSE that is made to notify it by another's subscription
}

func (a *awaited) begin(ri string, who onem2m.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[string]onem2m.ID{}
	}
	a.all[ri] = who
}

func (a *awaited) end(ri string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.all, ri)
	delete(a.hosts, ri)
}

// tie says that a CSE has been asked to let a subscription notify it, whoever has
// made that.
func (a *awaited) tie(ri string, host onem2m.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hosts == nil {
		a.hosts = map[string]onem2m.ID{}
	}
	a.hosts[ri] = host
}

func (a *awaited) tied(ri string, host onem2m.ID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return host != "" && a.hosts[ri] == host
}

func (a *awaited) creator(ri string) (onem2m.ID, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	who, ok := a.all[ri]
	return who, ok
}

// subscribeFar makes the subscriptions to those targets that other CSEs host,
// on behalf of the originator (C-319). What is made is owed a deletion until the
// <crossResourceSubscription> is stored, so that a failure at any point, and a
// crash, leave nothing behind (C-320).
func (k *call) subscribeFar(ctx context.Context, s *subject) error {
	regular, _ := s.attrs.Texts("rrat")
	who, err := k.witness()
	if err != nil {
		return err
	}
	s.farMade = map[int]string{}
	for i, to := range regular {
		if _, far := k.c.farAddress(to); !far {
			continue
		}
		name := "x" + s.ri + "-" + strconv.Itoa(i)
		if err := k.c.owe(ctx, debt{Address: to + "/" + name, Who: who, Due: k.expires}); err != nil {
			return err
		}
		if s.farMade[i], err = k.subscribeTo(ctx, s, i, to, name); err != nil {
			return crossFailure("rrat", i, err)
		}
	}
	return nil
}

// subscribeTo makes one of them and returns its address.
func (k *call) subscribeTo(ctx context.Context, s *subject, i int, to, name string) (string, error) {
	address, far := k.c.farAddress(to)
	if !far || address.Attribute != "" || address.CSE == "" {
		return "", onem2m.Errorf(onem2m.BadRequest, "rrat", "not a resource identifier")
	}
	o := regularSubscription(s, i, k.c.crossReference(s.ri, address))
	o.Set("rn", onem2m.TextValue(name))
	k.c.awaited.begin(s.ri, k.from.ID)
	defer k.c.awaited.end(s.ri)
	ty := int64(onem2m.TypeSubscription)
	res := k.c.perform(ctx, k.from, k.assoc, &onem2m.Request{
		Operation: onem2m.Create, To: to, From: k.from.ID.In(k.c.Home), HasFrom: true, Release: k.req.Release, Type: &ty,
		RequestID:         string(k.c.names.appendTail([]byte("x-"), 12)),
		RequestExpiration: k.expires.String(),
		Content:           &onem2m.Content{Name: "m2m:sub", Value: o.Append(nil)},
	})
	if res.Code != onem2m.Created || res.Content == nil {
		return "", onem2m.Errorf(res.Code, "to", "the other CSE refuses the subscription")
	}
	made, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		return "", err
	}
	ri, _ := made.Text("ri")
	if !strings.HasPrefix(ri, "/") {
		ri = address.SP + address.CSE + "/" + ri
	}
	if a, err := onem2m.ParseAddress(ri); err != nil || a.Host(k.c.Home) != address.Host(k.c.Home) {
		return "", onem2m.Errorf(onem2m.InternalServerError, "ri", "the subscription is said to be elsewhere")
	}
	return ri, nil
}

// takeFar makes members of the subscriptions that subscribeFar has made, in the
// transaction that stores the resource, and returns their addresses by position.
func (k *call) takeFar(tx store.Tx, s *subject, x *crossing) (map[int]string, error) {
	regular, _ := s.attrs.Texts("rrat")
	var paid []string
	for i, to := range regular {
		if _, far := k.c.farAddress(to); !far {
			continue
		}
		made := s.farMade[i]
		a, err := onem2m.ParseAddress(made)
		if err != nil {
			return nil, crossFailure("rrat", i, onem2m.Errorf(onem2m.TargetNotReachable, "rrat", "nothing was made there"))
		}
		x.Members = append(x.Members, k.c.foreignKey(a))
		paid = append(paid, debt{Address: to + "/x" + s.ri + "-" + strconv.Itoa(i)}.key())
	}
	paid = append(paid, s.takeTied(x)...)
	return s.farMade, k.c.settleDebts(tx, paid)
}

// crossNotice serves a NOTIFY to a <crossResourceSubscription> of this CSE that
// another CSE sends; done is false if it is none.
func (k *call) crossNotice(ctx context.Context) (res *onem2m.Response, done bool, err error) {
	path := k.address.Path
	if !wasCross(path) {
		return nil, false, nil
	}
	if creator, asks := k.verification(); asks {
		if who, ok := k.c.awaited.creator(path[0]); ok {
			if !k.names(creator, who) && !k.c.awaited.tied(path[0], k.from.ID) {
				return nil, true, onem2m.Errorf(onem2m.SubscriptionCreatorHasNoPrivilege, "cr", "not who makes the resource") // C-275
			}
			return &onem2m.Response{Code: onem2m.OK}, true, nil
		}
	}
	if k.from.ID == "" || k.from.ID == k.c.Home.ID() {
		return nil, false, nil
	}
	notices, err := crossNotices(k.req.Content)
	if err != nil {
		return nil, false, nil //nolint:nilerr // no notification of a subscription: refused as any
	}
	err = k.c.Store.Update(ctx, func(tx store.Tx) error {
		return k.c.takeNotices(tx, path[0], string(k.from.ID)+" "+k.req.RequestID, k.from.ID, notices)
	})
	if e := onem2m.AsError(err); err != nil && e.Code == onem2m.OriginatorHasNoPrivilege {
		return nil, true, k.strangeNotice()
	}
	if err != nil {
		return nil, true, err
	}
	return &onem2m.Response{Code: onem2m.OK}, true, nil
}
