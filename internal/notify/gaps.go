package notify

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxGaps bounds the points of one notification; older ones are left out of
// its list, never out of its count.
const maxGaps = 1000

// missed counts points that are missing and returns what there is to tell: at
// the number of missingData, and then at each further one, until the window is
// over; the next missing point begins the next window (C-385). The window is
// kept in the outbox.
func (e *Engine) missed(tx store.Tx, sub *store.Record, s *subscription, ev *Event, now onem2m.Timestamp) ([]Event, error) {
	note, untold, err := e.gapNote(tx, sub.RI)
	if err != nil {
		return nil, err
	}
	if note != nil {
		if err := tx.Settle(note.ID); err != nil {
			return nil, err
		}
	}
	if note == nil || end(s.gaps.window, note.NotBefore) <= now {
		note, untold = &store.Delivery{NotBefore: now}, nil
	}
	count := note.Attempts
	var tell []Event
	for _, point := range ev.Missing {
		count++
		untold = append(untold, point.String())
		if len(untold) > maxGaps {
			untold = untold[1:]
		}
		if count < s.gaps.number {
			continue
		}
		one := *ev
		one.count = count
		if one.Modified, err = gapContent(untold, count); err != nil {
			return nil, err
		}
		tell = append(tell, one)
		untold = nil
	}
	payload, err := json.Marshal(untold)
	if err != nil {
		return nil, err
	}
	return tell, tx.Enqueue(&store.Delivery{
		Subscription: sub.RI, Held: noteGaps, NotBefore: note.NotBefore, Attempts: count, Payload: payload, Created: now,
	})
}

// gapNote reads what is kept of the window of a subscription.
func (e *Engine) gapNote(tx store.Tx, ri string) (note *store.Delivery, untold []string, err error) {
	rows, err := tx.Held(ri, 0, maxHeld)
	if err != nil {
		return nil, nil, fmt.Errorf("notify: held back of %s: %w", ri, err)
	}
	for _, d := range rows {
		if d.Held != noteGaps {
			continue
		}
		if err := json.Unmarshal(d.Payload, &untold); err != nil {
			return nil, nil, fmt.Errorf("notify: window of %s: %w", ri, err)
		}
		return d, untold, nil
	}
	return nil, nil, nil
}

// forgetGaps ends the window of a subscription.
func (e *Engine) forgetGaps(tx store.Tx, ri string) error {
	note, _, err := e.gapNote(tx, ri)
	if err != nil || note == nil {
		return err
	}
	return tx.Settle(note.ID)
}

// gapContent is m2m:timeSeriesNotification: the points since the last one and
// the number since the window began (TS-0004 clause 6.3.5.69).
func gapContent(points []string, count int) ([]byte, error) {
	list, err := json.Marshal(points)
	if err != nil {
		return nil, err
	}
	b := append([]byte(`{"mdlt":`), list...)
	b = append(b, `,"mdc":`...)
	b = strconv.AppendInt(b, int64(count), 10)
	return append(b, '}'), nil
}
