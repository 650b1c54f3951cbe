package cse

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// identitySetting is the name under which a store keeps whose it is.
const identitySetting = "cse"

// identityRecord is what a store must not change between starts.
type identityRecord struct {
	SP   string `json:"sp"`
	CSE  string `json:"id"`
	Name string `json:"name"`
	Type int    `json:"type"`
}

// open creates or updates the CSEBase and loads what is kept in memory.
func (c *CSE) open(ctx context.Context) error {
	err := c.Store.Update(ctx, func(tx store.Tx) error {
		if err := c.claim(tx); err != nil {
			return err
		}
		if err := c.putBase(tx); err != nil {
			return err
		}
		if _, err := tx.Setting(watchSetting); err == nil {
			c.watching.Store(true)
		}
		if _, err := tx.Setting(subscribedSetting); err == nil {
			c.contracts.Store(true)
		}
		if err := c.putContactList(tx); err != nil {
			return err
		}
		return c.putDefaultPolicy(tx)
	})
	if err != nil {
		return err
	}
	if err := c.bindOlderLinks(ctx); err != nil {
		return err
	}
	if err := c.loadSchedules(ctx); err != nil {
		return err
	}
	if err := c.loadLocks(ctx); err != nil {
		return err
	}
	if err := c.loadAssignments(ctx); err != nil {
		return err
	}
	if err := c.loadRecalls(ctx); err != nil {
		return err
	}
	if err := c.loadAnnouncedPolicies(ctx); err != nil {
		return err
	}
	if err := c.loadRooms(ctx); err != nil {
		return err
	}
	if err := c.clearPoints(ctx); err != nil {
		return err
	}
	return c.loadRegistrees(ctx)
}

// claim checks that the store is this CSE's, or makes an empty one so.
func (c *CSE) claim(tx store.Tx) error {
	want := identityRecord{SP: c.Home.SP, CSE: c.Home.CSE, Name: c.Home.Name, Type: int(c.Type)}
	data, err := tx.Setting(identitySetting)
	if errors.Is(err, store.ErrNotFound) {
		data, err := json.Marshal(want)
		if err != nil {
			return fmt.Errorf("encode the identity of the CSE: %w", err)
		}
		return tx.SetSetting(identitySetting, data)
	}
	if err != nil {
		return fmt.Errorf("read the identity of the CSE: %w", err)
	}
	var have identityRecord
	if err := json.Unmarshal(data, &have); err != nil {
		return fmt.Errorf("read the identity of the CSE: %w", err)
	}
	if have != want {
		return fmt.Errorf("the data belongs to the CSE %s%s named %s (type %d), not to %s%s named %s (type %d); start with those settings or with another data directory",
			have.SP, have.CSE, have.Name, have.Type, want.SP, want.CSE, want.Name, want.Type)
	}
	return nil
}

// putBase writes the CSEBase if it is missing or says something outdated.
func (c *CSE) putBase(tx store.Tx) error {
	attrs := onem2m.Object{
		{Name: "cst", Value: onem2m.IntValue(int64(c.Type))},
		{Name: "csi", Value: onem2m.TextValue(c.Home.CSE)},
		{Name: "srt", Value: c.supportedTypes()},
		{Name: "poa", Value: onem2m.TextsValue(c.Points)},
		{Name: "srv", Value: onem2m.TextsValue(c.Releases)},
		{Name: "csz", Value: onem2m.TextsValue([]string{"application/json", "application/cbor", "application/xml"})},
	}
	if len(c.Points) == 0 {
		attrs.Delete("poa")
	}
	// Of the rand object in it a new process knows nothing: it makes another.
	info, _, err := c.capability()
	if err != nil {
		return err
	}
	if info != nil {
		attrs.Set("esi", info)
	}
	c.setAdvertised(info)
	now := c.tick()
	u := universal{
		ty: onem2m.TypeCSEBase, ri: c.Home.ResourceID(), rn: c.Home.Name,
		ct: now, lt: now, withoutExpiry: true, after: attrs,
	}
	rec := &store.Record{
		ID: baseID, RI: u.ri, RN: u.rn, Type: u.ty, Root: "m2m:cb",
		Created: now, Modified: now, Attributes: u.encode(),
	}
	old, err := tx.ByID(baseID)
	if errors.Is(err, store.ErrNotFound) {
		if id := tx.NextID(); id != baseID {
			return fmt.Errorf("the store isn't empty and has no <CSEBase>")
		}
		return tx.Insert(rec)
	}
	if err != nil {
		return fmt.Errorf("read the <CSEBase>: %w", err)
	}
	if link := attributes(old).Get("nl"); link != nil {
		u.after.Set("nl", link)
	}
	u.ct, u.lt = old.Created, old.Modified
	if string(u.encode()) == string(old.Attributes) {
		return nil
	}
	u.lt = max(now, old.Modified+1)
	rec.Created, rec.Modified, rec.Attributes = u.ct, u.lt, u.encode()
	return tx.Replace(rec)
}

func baseProcedures() *procedures {
	return &procedures{noCreate: true, noUpdate: true, visible: visibleBase}
}

func (c *CSE) supportedTypes() jsontext.Value {
	b := []byte{'['}
	for i, ty := range c.srt {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, onem2m.IntValue(int64(ty))...)
	}
	return append(b, ']')
}
