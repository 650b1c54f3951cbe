package cse

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// crossing is how far a <crossResourceSubscription> has got in its time window.
// It is kept in the store: a restart goes on where the last run ended.
type crossing struct {
	Members []string         `json:"members"` // resourceIDs of the subscriptions that it waits for
	Opened  onem2m.Timestamp `json:"opened"`  // when the window began; 0: none is open
	Heard   []string         `json:"heard"`   // members that have notified in the window
	Last    string           `json:"last"`    // request identifier of the latest notification, which may come again
	Authn   bool             `json:"authn"`   // rq_authn of the CREATE, for what is done later in the creator's name
}

// windowRules are the attributes that govern the window.
type windowRules struct {
	periodic bool
	mode     int64 // eventEvaluationMode
	size     onem2m.Duration
}

func windowOf(attrs onem2m.Object) (onem2m.Duration, bool) {
	text, _ := attrs.Text("tws")
	d, err := onem2m.ParseDuration(text)
	return d, err == nil
}

func evaluation(attrs onem2m.Object) int64 {
	if mode, ok := attrs.Int("eem"); ok {
		return mode
	}
	return allPresent
}

func windowRulesOf(attrs onem2m.Object) windowRules {
	windows, _ := attrs.Int("twt")
	rules := windowRules{periodic: windows == periodicWindow, mode: evaluation(attrs)}
	rules.size, _ = windowOf(attrs)
	return rules
}

// Bounds of timeWindowSize in microseconds: the end of a window may cost a write
// and a notification, and what is longer than 100 years never ends.
const (
	minWindow onem2m.Timestamp = 100_000
	maxWindow onem2m.Timestamp = 100 * 366 * 86_400_000_000
)

// after is when a window that begins at an instant is over.
func (m windowRules) after(from onem2m.Timestamp) onem2m.Timestamp {
	end := onem2m.TimestampOf(m.size.After(from.Time()))
	return min(max(end, from+minWindow), from+maxWindow)
}

// inBounds reports whether windows are as long as they say.
func (m windowRules) inBounds(now onem2m.Timestamp) bool {
	end := onem2m.TimestampOf(m.size.After(now.Time()))
	return end >= now+minWindow && end <= now+maxWindow
}

// closes is when the open window is over; 0 if none is open.
func (x *crossing) closes(m windowRules) onem2m.Timestamp {
	if x.Opened == 0 {
		return 0
	}
	return m.after(x.Opened)
}

// due is when the end of the window is to be attended to because it may be
// told; 0 if it may not, and the next notification finds out by itself.
func (x *crossing) due(m windowRules) onem2m.Timestamp {
	switch m.mode {
	case allOrSomeMissing, allMissing:
		return x.closes(m)
	case allOrSomePresent, someMissing:
		if len(x.Heard) > 0 {
			return x.closes(m)
		}
	}
	return 0
}

// begin starts afresh: a periodic window opens now, a sliding one with the
// first notification.
func (x *crossing) begin(m windowRules, now onem2m.Timestamp) {
	x.Opened, x.Heard = 0, nil
	if m.periodic {
		x.Opened = now
	}
}

// pass takes the end of the window, if it has come, and reports whether what
// was heard in it is to be told. Windows that went by unattended, while the CSE
// was down, say nothing: nobody could have been heard in them.
func (x *crossing) pass(m windowRules, now onem2m.Timestamp) (fires bool) {
	end := x.closes(m)
	if end == 0 || end > now {
		return false
	}
	fires = x.fulfilled(m.mode)
	x.begin(m, end)
	if next := m.after(end); m.periodic && next <= now {
		x.Opened = now - (now-end)%(next-end)
	}
	return fires
}

// fulfilled holds what was heard in a whole window against the evaluation mode.
func (x *crossing) fulfilled(mode int64) bool {
	heard, all := len(x.Heard), len(x.Members)
	switch mode {
	case allOrSomePresent:
		return heard > 0
	case allOrSomeMissing:
		return heard < all
	case allMissing:
		return heard == 0
	case someMissing:
		return heard > 0 && heard < all
	}
	return false // all present was told at once
}

// hear takes a notification and reports whether with it all have come (C-322).
func (x *crossing) hear(m windowRules, member string, now onem2m.Timestamp) (fires bool) {
	if x.Opened == 0 {
		x.Opened = now
	}
	if !slices.Contains(x.Heard, member) {
		x.Heard = append(x.Heard, member)
	}
	if m.mode != allPresent || len(x.Heard) < len(x.Members) {
		return false
	}
	x.Heard = nil
	if !m.periodic {
		x.Opened = 0
	}
	return true
}

func crossingName(id int64) string { return fmt.Sprintf("crossing/%d", id) }

// loadCrossing returns nil where nothing is waited for.
func loadCrossing(r store.Reader, id int64) (*crossing, error) {
	data, err := r.Setting(crossingName(id))
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil //nolint:nilnil // none is an ordinary case
		}
		return nil, err
	}
	x := &crossing{}
	if err := json.Unmarshal(data, x); err != nil {
		return nil, fmt.Errorf("state of cross-resource subscription %d: %w", id, err)
	}
	return x, nil
}

func (c *CSE) saveCrossing(tx store.Tx, id int64, m windowRules, x *crossing) error {
	data, err := json.Marshal(x)
	if err != nil {
		return err
	}
	at := x.due(m)
	tx.OnCommit(func() {
		if at == 0 {
			c.windows.disarm(id)
		} else {
			c.windows.arm(id, at)
		}
	})
	return tx.SetSetting(crossingName(id), data)
}

func (c *CSE) forgetCrossing(tx store.Tx, id int64) error {
	tx.OnCommit(func() { c.windows.drop(id) })
	return tx.SetSetting(crossingName(id), nil)
}

// CloseWindows takes the end of all time windows of cross-resource
// subscriptions whose time has come, and returns when it has to look again; 0
// if never.
func (c *CSE) CloseWindows(ctx context.Context) (onem2m.Timestamp, error) {
	for {
		now := onem2m.TimestampOf(c.Now())
		id, at := c.windows.first()
		if id == 0 || at > now {
			return at, nil
		}
		if err := c.Store.Update(ctx, func(tx store.Tx) error { return c.closeWindow(tx, id, now) }); err != nil {
			return at, err
		}
	}
}

func (c *CSE) closeWindow(tx store.Tx, id int64, now onem2m.Timestamp) error {
	x, err := loadCrossing(tx, id)
	if err != nil {
		return err
	}
	rec, err := tx.ByID(id)
	if err == nil {
		err = c.alive(tx, rec, now)
	}
	gone := err != nil && unlessMissing(err) == nil
	if err != nil && !gone {
		return err
	}
	if gone || x == nil { // expired, or on its way out: what goes takes its state with it
		tx.OnCommit(func() { c.windows.disarm(id) })
		return nil
	}
	m := windowRulesOf(attributes(rec))
	if x.pass(m, now) {
		if err := c.Notifier.Cross(tx, rec); err != nil {
			return err
		}
	}
	return c.saveCrossing(tx, id, m, x)
}

// rearmWindows takes up all time windows after a start.
func (c *CSE) rearmWindows(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		const page = 500
		after := int64(0)
		for {
			list, err := r.OfType(onem2m.TypeCrossResourceSubscription, after, page)
			if err != nil {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				x, err := loadCrossing(r, rec.ID)
				if err != nil {
					return err
				}
				if x == nil {
					continue
				}
				if at := x.due(windowRulesOf(attributes(rec))); at != 0 {
					c.windows.arm(rec.ID, at)
				}
			}
			if len(list) < page {
				return nil
			}
		}
	})
}
