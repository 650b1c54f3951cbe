package sql

import "fmt"

// The names of the rows in the table of counters.
const (
	resourceCounter = "resource"
	deliveryCounter = "delivery"
)

// reserveBlock is how many numbers are reserved at once. A restart skips what
// was left of a block, so that no number is used twice even if the record that
// had it is gone.
const reserveBlock = 4096

// numbers hands out ascending numbers from memory.
type numbers struct {
	name     string
	next     int64
	reserved int64 // numbers below are reserved, in this transaction or before
	durable  int64 // numbers below are reserved for good
}

// load finds out where to go on. last is the greatest number in use.
func (n *numbers) load(c *conn, name string, last int64) error {
	value, err := c.number(stCounter, name)
	if err != nil {
		return fmt.Errorf("store: counter %s: %w", name, err)
	}
	n.name = name
	n.next = max(value, last+1, 1)
	n.reserved, n.durable = n.next, n.next
	return nil
}

// low reports whether it is time to reserve more.
func (n *numbers) low() bool { return n.reserved-n.next < reserveBlock/2 }

// reserve writes a new bound as part of the current transaction.
func (n *numbers) reserve(c *conn) error {
	bound := n.next + reserveBlock
	if _, err := c.exec(stSetCounter, n.name, bound); err != nil {
		return fmt.Errorf("store: counter %s: %w", n.name, err)
	}
	n.reserved = bound
	return nil
}

// settle and forget end the transaction of a reservation.
func (n *numbers) settle() { n.durable = n.reserved }
func (n *numbers) forget() { n.reserved = n.durable }
