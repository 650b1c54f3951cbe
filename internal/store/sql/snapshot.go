package sql

import (
	"context"
	"errors"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// anyClock lets a look-up take whatever is cached.
const anyClock = ^uint64(0)

// snapshot is the Reader of one Read. It takes a connection when the cache
// can't help, and from then on only believes cached versions that belong to the
// connection's snapshot.
type snapshot struct {
	ctx   context.Context // a snapshot lives as long as one Read
	s     *Store
	c     *conn
	mark  uint64 // clock when the connection's snapshot was taken
	trust uint64 // greatest clock of a cached version to be believed
}

var _ store.Reader = (*snapshot)(nil)

// open returns the connection, with a snapshot taken.
func (r *snapshot) open() (*conn, error) {
	if r.c != nil {
		return r.c, nil
	}
	c, err := r.s.borrow(r.ctx)
	if err != nil {
		return nil, err
	}
	mark, still := r.s.cache.now()
	_, err = c.exec(stBeginRead)
	if err == nil {
		_, err = c.number(stCounter, resourceCounter) // the first read takes the snapshot
	}
	if err != nil {
		_, _ = c.exec(stRollback) // there may be nothing to roll back
		r.s.giveBack(c)
		return nil, err
	}
	r.c, r.mark, r.trust = c, mark, mark
	if after, _ := r.s.cache.now(); !still || after != mark {
		// A commit fell in between: which side of it this is can't be told.
		r.mark, r.trust = 1, 0
	}
	return c, nil
}

// close ends the snapshot.
func (r *snapshot) close() error {
	if r.c == nil {
		return nil
	}
	_, err := r.c.exec(stRollback)
	r.s.giveBack(r.c)
	r.c = nil
	return err
}

// keep caches a record that came from the snapshot.
func (r *snapshot) keep(rec *store.Record, err error) (*store.Record, error) {
	if err == nil {
		r.s.cache.keep(r.mark, func() { r.s.cache.put(rec, r.mark) })
	}
	return rec, err
}

// list lets cached versions stand in for equal ones that came from the snapshot.
func (r *snapshot) list(records []*store.Record, err error) ([]*store.Record, error) {
	if err == nil && r.trust != 0 {
		r.s.cache.adopt(records, r.trust)
	}
	return records, err
}

func (r *snapshot) ByID(id int64) (*store.Record, error) {
	if rec := r.s.cache.lookID(id, r.trust); rec != nil {
		return rec, nil
	}
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return r.keep(c.byID(id))
}

func (r *snapshot) ByRI(ri string) (*store.Record, error) {
	if rec := r.s.cache.lookRI(ri, r.trust); rec != nil {
		return rec, nil
	}
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return r.keep(c.byRI(ri))
}

func (r *snapshot) Child(parent int64, rn string) (*store.Record, error) {
	if rec := r.s.cache.lookName(parent, rn, r.trust); rec != nil {
		return rec, nil
	}
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return r.keep(c.child(parent, rn))
}

func (r *snapshot) Edge(parent int64, ty onem2m.ResourceType, newest bool, now onem2m.Timestamp) (*store.Record, error) {
	known := newest && store.Bulk(ty)
	if known {
		if rec := r.s.cache.lookFamily(parent, r.trust).newestOf(ty, now); rec != nil {
			return rec, nil
		}
	}
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	rec, err := c.edge(parent, ty, newest, now)
	if err == nil && known {
		r.s.cache.keep(r.mark, func() {
			r.s.cache.putFamily(parent, r.s.cache.familyOf(parent).withNewest(rec, now), r.mark)
		})
	}
	return rec, err
}

func (r *snapshot) Children(parent int64, page store.Page) ([]*store.Record, error) {
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return r.list(c.children(parent, page))
}

func (r *snapshot) Subscriptions(parent int64) ([]*store.Record, error) {
	if f := r.s.cache.lookFamily(parent, r.trust); f.subscribed {
		return f.subscriptions, nil
	}
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	all, err := r.list(c.subscriptions(parent))
	if err == nil {
		r.s.cache.keep(r.mark, func() {
			r.s.cache.putFamily(parent, r.s.cache.familyOf(parent).withSubscriptions(all), r.mark)
		})
	}
	return all, err
}

func (r *snapshot) LatestExpiry(parent int64) (onem2m.Timestamp, error) {
	c, err := r.open()
	if err != nil {
		return 0, err
	}
	return c.latestExpiry(parent)
}

func (r *snapshot) Due(now onem2m.Timestamp, limit int) ([]*store.Record, error) {
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return r.list(c.due(now, limit))
}

func (r *snapshot) Detached(limit int) ([]*store.Record, error) {
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return c.detached(limit)
}

func (r *snapshot) OfType(ty onem2m.ResourceType, after int64, limit int) ([]*store.Record, error) {
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return r.list(c.ofType(ty, after, limit))
}

func (r *snapshot) Labelled(label string, after int64, limit int) ([]*store.Record, error) {
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return r.list(c.labelled(label, after, limit))
}

func (r *snapshot) Parents(from, to int64) ([]int64, error) {
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return c.parents(from, to)
}

func (r *snapshot) Deliveries(after int64, limit int) ([]*store.Delivery, error) {
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return c.deliveries(after, limit)
}

func (r *snapshot) Held(subscription string, after int64, limit int) ([]*store.Delivery, error) {
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return c.held(subscription, after, limit)
}

func (r *snapshot) Undelivered(subscription string, event int64) (int, error) {
	c, err := r.open()
	if err != nil {
		return 0, err
	}
	return c.undelivered(subscription, event)
}

func (r *snapshot) Setting(name string) ([]byte, error) {
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return c.setting(name)
}

func (r *snapshot) Settings(prefix string) (map[string][]byte, error) {
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return c.settings(prefix)
}

func (r *snapshot) CredentialOf(id onem2m.ID) (string, error) {
	credential, known := r.s.cache.lookBound(id, r.trust)
	if !known {
		c, err := r.open()
		if err != nil {
			return "", err
		}
		if credential, err = c.credential(id); err != nil {
			return "", err
		}
		r.s.cache.keep(r.mark, func() { r.s.cache.putBound(id, credential) })
	}
	if credential == "" {
		return "", store.ErrNotFound
	}
	return credential, nil
}

func (r *snapshot) BoundTo(credential string) ([]onem2m.ID, error) {
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return c.boundTo(credential)
}

func (r *snapshot) Bindings() ([]store.Binding, error) {
	c, err := r.open()
	if err != nil {
		return nil, err
	}
	return c.bindings()
}

// Read implements store.Store.
func (s *Store) Read(ctx context.Context, fn func(store.Reader) error) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	r := &snapshot{ctx: ctx, s: s, trust: anyClock}
	defer func() {
		// What fn read is good, whatever ending the snapshot says.
		if err := r.close(); err != nil { //nolint:contextcheck // statements are not interrupted, see conn
			s.log.ErrorContext(ctx, "store: ending a snapshot", "error", err)
		}
	}()
	return fn(r)
}

// borrow takes a reading connection, waiting for one if need be.
func (s *Store) borrow(ctx context.Context) (*conn, error) {
	select {
	case c := <-s.readers:
		return c, nil
	case <-s.closing:
		return nil, store.ErrClosed
	case <-ctx.Done():
		return nil, errors.Join(errWaiting, context.Cause(ctx))
	}
}

func (s *Store) giveBack(c *conn) { s.readers <- c }

var errWaiting = errors.New("store: waiting for a connection")
