package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// conn is one connection with its prepared statements; one goroutine at a time
// uses it. It talks to the driver directly: database/sql would cost a tenth of
// every statement for a pool that isn't wanted here.
//
// Statements are never interrupted half-way: they are bounded by limits, and an
// interrupted write would break the whole batch. So they run without the
// caller's context.
type conn struct {
	raw      driver.Conn
	prepared [statementCount]driver.Stmt
	args     []driver.NamedValue
	row      []driver.Value
}

func newConn(raw driver.Conn) *conn {
	return &conn{raw: raw, args: make([]driver.NamedValue, 0, 32), row: make([]driver.Value, 0, 32)}
}

// statement returns the prepared form of a statement.
func (c *conn) statement(s statement) (driver.Stmt, error) {
	if c.prepared[s] == nil {
		p, err := c.raw.Prepare(statementText(s))
		if err != nil {
			return nil, fmt.Errorf("store: preparing statement %d: %w", s, err)
		}
		c.prepared[s] = p
	}
	return c.prepared[s], nil
}

// bind makes driver arguments of values that are int64, string, []byte or nil.
func (c *conn) bind(values []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, v := range values {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return c.args
}

// exec runs a statement and returns how many rows it changed.
func (c *conn) exec(s statement, values ...driver.Value) (int64, error) {
	p, err := c.statement(s)
	if err != nil {
		return 0, err
	}
	res, err := p.(driver.StmtExecContext).ExecContext(context.Background(), c.bind(values))
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query runs a statement and hands each row to scan, which must copy out of the
// slice but may keep its strings and bytes. It must not use the connection.
func (c *conn) query(s statement, scan func(row []driver.Value) error, values ...driver.Value) error {
	p, err := c.statement(s)
	if err != nil {
		return err
	}
	return c.rows(p, scan, values)
}

// once runs a query that isn't worth keeping prepared.
func (c *conn) once(text string, scan func(row []driver.Value) error, values ...driver.Value) error {
	p, err := c.raw.Prepare(text)
	if err != nil {
		return err
	}
	return errors.Join(c.rows(p, scan, values), p.Close())
}

func (c *conn) rows(p driver.Stmt, scan func(row []driver.Value) error, values []driver.Value) error {
	rows, err := p.(driver.StmtQueryContext).QueryContext(context.Background(), c.bind(values))
	if err != nil {
		return err
	}
	n := len(rows.Columns())
	if cap(c.row) < n {
		c.row = make([]driver.Value, n)
	}
	row := c.row[:n]
	for err == nil {
		if err = rows.Next(row); err == nil {
			err = scan(row)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, rows.Close())
}

// close releases the statements and the connection.
func (c *conn) close() error {
	var errs []error
	for _, p := range c.prepared {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(append(errs, c.raw.Close())...)
}
