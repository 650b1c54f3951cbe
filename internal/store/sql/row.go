package sql

import (
	"database/sql/driver"
	"fmt"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// cells reads the columns of one row in order and remembers the first that has
// another type than it should: a damaged database is an error, not a panic.
type cells struct {
	row []driver.Value
	i   int
	err error
}

func cell[T any](c *cells) T {
	var zero T
	if c.i >= len(c.row) {
		c.err = fmt.Errorf("store: a row ends at column %d", c.i)
		return zero
	}
	v, ok := c.row[c.i].(T)
	if !ok && c.err == nil {
		c.err = fmt.Errorf("store: column %d has a %T", c.i, c.row[c.i])
	}
	c.i++
	return v
}

// null reports whether the next column is NULL, and skips it if so.
func (c *cells) null() bool {
	if c.i < len(c.row) && c.row[c.i] == nil {
		c.i++
		return true
	}
	return false
}

// bytes reads octets; the driver gives nil for none.
func (c *cells) bytes() []byte {
	b := cell[[]byte](c)
	if b == nil {
		return []byte{}
	}
	return b
}

// record makes a Record of a row of columns.
func record(row []driver.Value) (*store.Record, error) {
	c := &cells{row: row}
	r := &store.Record{ID: cell[int64](c), Parent: cell[int64](c), RI: cell[string](c)}
	r.RN = r.RI
	if !c.null() {
		r.RN = cell[string](c)
	}
	r.Type = onem2m.ResourceType(cell[int64](c))
	r.Root = cell[string](c)
	r.Created = onem2m.Timestamp(cell[int64](c))
	r.Modified = onem2m.Timestamp(cell[int64](c))
	r.Expires = onem2m.Timestamp(cell[int64](c))
	if !c.null() {
		r.Due = onem2m.Timestamp(cell[int64](c))
	}
	r.Origin = onem2m.ID(cell[string](c))
	r.Size = cell[int64](c)
	r.Counted = cell[int64](c) != 0
	r.Counters = store.Counters{State: cell[int64](c), Count: cell[int64](c), Bytes: cell[int64](c)}
	r.Attributes = c.bytes()
	return r, c.err
}

// delivery makes a Delivery of a row.
func delivery(row []driver.Value) (*store.Delivery, error) {
	c := &cells{row: row}
	d := &store.Delivery{
		ID: cell[int64](c), Target: cell[string](c), Subscription: cell[string](c), Event: cell[int64](c),
		RequestID: cell[string](c), Priority: cell[int64](c), Final: cell[int64](c) != 0, Payload: c.bytes(),
		Created: onem2m.Timestamp(cell[int64](c)), Attempts: int(cell[int64](c)), NotBefore: onem2m.Timestamp(cell[int64](c)),
		Held: int(cell[int64](c)), Category: cell[int64](c), Events: int(cell[int64](c)),
	}
	return d, c.err
}

// flag is a truth value as a column has it.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// some is a time as a column has it, or NULL for none.
func some(t onem2m.Timestamp) driver.Value {
	if t == 0 {
		return nil
	}
	return int64(t)
}

// bulk is the column that tells instances from the rest.
func bulk(ty onem2m.ResourceType) int64 { return flag(store.Bulk(ty)) }

// octets keeps the driver from storing NULL for an empty slice.
func octets(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
