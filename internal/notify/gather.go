package notify

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// GatheringPrefix begins the last part of an address at which a group gathers
// the notifications of its members. The rest is random, so that nothing else
// has such a name by chance.
const GatheringPrefix = "nfu-"

// Gathering says how a group passes on what its members notify: together, when
// there are Number of them (0: no matter how many) or Duration has gone by since
// the first (TS-0004 clause 7.5.1.2.6).
type Gathering struct {
	Number   int64
	Duration onem2m.Duration
	Targets  []string // whom the notifications are for
}

// Gatherings is what a Directory may know besides: groups that gather
// notifications. It must answer from r alone.
type Gatherings interface {
	// Gathering returns what is at an address. sender is the resourceID of the
	// subscription, or what follows the CSE-ID in the address of the gathering,
	// that has something for it; "" asks about no sender. It fails with an
	// *onem2m.Error if there is no such gathering any more, or if the sender is
	// no member.
	Gathering(r store.Reader, address, sender string) (Gathering, error)
}

// ReadBatch reads an m2m:batchNotify, with the default duration where it names
// none (C-272). subject is the short name of the attribute that holds it.
func ReadBatch(value jsontext.Value, subject string) (Gathering, error) {
	in := struct {
		Number   *int64 `json:"num"`
		Duration string `json:"dur"`
	}{Duration: DefaultBatchDuration}
	if json.Unmarshal(value, &in) != nil || in.Number != nil && *in.Number < 1 {
		return Gathering{}, onem2m.Errorf(onem2m.BadRequest, subject, "num is a positive number and dur a duration")
	}
	var g Gathering
	if in.Number != nil {
		g.Number = *in.Number
	}
	var err error
	if g.Duration, err = onem2m.ParseDuration(in.Duration); err != nil {
		return Gathering{}, onem2m.Errorf(onem2m.BadRequest, subject, "dur is no duration")
	}
	return g, nil
}

// gathers reports whether a target is the address of a gathering of this CSE,
// and returns what the shelf knows it by: the address without the CSE-ID.
func (e *Engine) gathers(target string) (key string, ok bool) {
	if key, ok = strings.CutPrefix(target, e.home.CSE+"/"); !ok || !isGathering(key) {
		return "", false
	}
	return key, true
}

// isGathering tells the key of a gathering from the resourceID of a
// subscription, in which no slash can be.
func isGathering(key string) bool { return strings.Contains(key, "/"+GatheringPrefix) }

// policy is a gathering as if it were a subscription with batchNotify, which
// keeps what can't be delivered by schedule.
func (g *Gathering) policy() *subscription {
	s := &subscription{}
	s.batch = &batching{number: int(min(max(g.Number, 0), maxCount)), duration: g.Duration}
	s.pending = pendingAll
	return s
}

// gathering asks the directory about a gathering.
func (e *Engine) gathering(r store.Reader, key, sender string) (Gathering, error) {
	known, ok := e.directory.(Gatherings)
	if !ok {
		return Gathering{}, onem2m.Errorf(onem2m.TargetNotReachable, "nu", "notifications aren't gathered here")
	}
	return known.Gathering(r, e.home.CSE+"/"+key, sender)
}

// gather puts a notification of a member where it waits for the others, one
// entry for each of those it is for. It is part of the transaction that makes
// the notification: the member's own CSE is this one.
func (e *Engine) gather(tx store.Tx, d *store.Delivery, key string) error {
	g, err := e.gathering(tx, key, d.Subscription)
	if refusal, ok := errors.AsType[*onem2m.Error](err); ok && refusal.Code != onem2m.InternalServerError {
		e.log.Warn("notification not gathered", "subscription", d.Subscription, "error", err)
		lost := arrival{target: d.Target, item: item{subscription: d.Subscription, final: true}, why: Refused}
		tx.OnCommit(func() { e.ledger.drop([]arrival{lost}) })
		return nil
	}
	if err != nil {
		return err
	}
	_, err = e.collectFor(tx, &g, key, d)
	return err
}

// collectFor stores a notification for every target of a gathering and returns
// the entry for the first.
func (e *Engine) collectFor(tx store.Tx, g *Gathering, key string, d *store.Delivery) (first int64, err error) {
	s := g.policy()
	for _, target := range g.Targets {
		row := *d
		row.ID, row.Target, row.Subscription, row.Attempts = 0, target, key, 0
		row.Held, row.Final, row.Category, row.Created = heldBatch, false, 0, e.clock()
		if err := e.hold(tx, &row, s); err != nil {
			return first, err
		}
		if first == 0 {
			first = row.ID
		}
	}
	return first, nil
}

// sooner is the earlier of the end of a batch and the instant at which whoever
// waits for the answer to one of its notifications wants it sent.
func sooner(due onem2m.Timestamp, d *store.Delivery) onem2m.Timestamp {
	if d.NotBefore == 0 {
		return due
	}
	return min(due, d.NotBefore)
}

// EndGathering says that a gathering goes, with its group or because nothing
// uses it any more: what has been gathered is sent now. It is part of the
// transaction that removes it.
func (e *Engine) EndGathering(tx store.Tx, address string) error {
	key, ok := e.gathers(address)
	if !ok {
		return fmt.Errorf("notify: %q is no gathering", address)
	}
	if !e.shelf.holding(key) {
		held, err := tx.Held(key, 0, 1) // the outbox may not have been read yet
		if err != nil || len(held) == 0 {
			return err
		}
	}
	return e.pass(tx, key, (&Gathering{}).policy(), true)
}

// goThroughGathering lets go what has been gathered long enough, or what a
// gathering that isn't there any more has left.
func (e *Engine) goThroughGathering(tx store.Tx, key string) error {
	g, err := e.gathering(tx, key, "")
	if refusal, ok := errors.AsType[*onem2m.Error](err); ok && refusal.Code != onem2m.InternalServerError {
		return e.pass(tx, key, (&Gathering{}).policy(), true)
	}
	if err != nil {
		return err
	}
	return e.pass(tx, key, g.policy(), false)
}

// tellers returns the subscriptions of this CSE whose notifications an
// aggregated one holds, each as often as it occurs.
func (e *Engine) tellers(payload []byte) []string {
	var in struct {
		All struct {
			Notices []struct {
				Source string `json:"sur"`
			} `json:"m2m:sgn"`
		} `json:"m2m:agn"`
	}
	if json.Unmarshal(payload, &in) != nil {
		return nil
	}
	var list []string
	for _, notice := range in.All.Notices {
		if ri, ok := strings.CutPrefix(notice.Source, e.home.CSE+"/"); ok {
			list = append(list, ri)
		}
	}
	return list
}

// credit lets the subscriptions count what has become of their notifications
// in an aggregated one: its answer is the answer to each (TS-0004 clause
// 7.5.1.2.6).
func (e *Engine) credit(tx store.Tx, en entry) error {
	left, err := tx.Undelivered(en.subscription, en.event) // for further targets
	if err != nil {
		return err
	}
	for _, ri := range en.tellers {
		sub, err := tx.ByRI(ri)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		s := compiled(sub)
		if s.statistics {
			one := en
			one.target, one.events = e.home.CSE+"/"+en.subscription, 1
			if sub, err = withStatistics(sub, one); err != nil {
				return err
			}
			if err := tx.Replace(sub); err != nil {
				return err
			}
		}
		if s.counter > 0 && en.delivered && left == 0 {
			if err := e.countDown(tx, sub, s.counter-1); err != nil {
				return err
			}
		}
	}
	return nil
}
