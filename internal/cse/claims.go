package cse

import (
	"errors"
	"fmt"
	"maps"

	"github.com/go-json-experiment/json"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// claims are the CSEs that a registree states to be below it, and since when. It
// is kept in the store: who stated one first has it, after a restart as before
// (S-093).
type claims map[onem2m.ID]onem2m.Timestamp

func claimsName(id int64) string { return fmt.Sprintf("claims/%d", id) }

// claimedBy returns the CSEs that a <remoteCSE> names as below it.
func (c *CSE) claimedBy(attrs onem2m.Object) []onem2m.ID {
	list, _ := attrs.Texts("dcse")
	out := make([]onem2m.ID, 0, len(list))
	for _, s := range list {
		if below, _, err := c.Home.ParseID(s); err == nil {
			out = append(out, below)
		}
	}
	return out
}

// loadClaims returns nil where nothing is claimed.
func loadClaims(r store.Reader, id int64) (claims, error) {
	data, err := r.Setting(claimsName(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var since claims
	if err := json.Unmarshal(data, &since); err != nil {
		return nil, fmt.Errorf("descendants of registree %d: %w", id, err)
	}
	return since, nil
}

// keepClaims stores what a <remoteCSE> claims now: what it has claimed before
// keeps its time.
func (c *CSE) keepClaims(tx store.Tx, rec *store.Record, now onem2m.Timestamp) (claims, error) {
	before, err := loadClaims(tx, rec.ID)
	if err != nil {
		return nil, err
	}
	since := claims{}
	for _, below := range c.claimedBy(attributes(rec)) {
		at, known := before[below]
		if !known {
			at = now
		}
		since[below] = at
	}
	if maps.Equal(before, since) {
		return since, nil
	}
	var data []byte
	if len(since) > 0 {
		if data, err = json.Marshal(since, json.Deterministic(true)); err != nil {
			return nil, err
		}
	}
	return since, tx.SetSetting(claimsName(rec.ID), data)
}
