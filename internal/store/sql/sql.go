package sql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"bulwark/internal/lockfile"
	"bulwark/internal/store"
)

const (
	// databaseFile is the name of the database in the data directory.
	databaseFile = "bulwark.db"

	// defaultCache bounds the record cache, in octets. With the collector's
	// head-room and the page caches it keeps the process well below 150 MB.
	defaultCache = 32 << 20

	// defaultReaders is how many snapshots there are at a time. Each is CPU
	// work; more would only cost page caches.
	defaultReaders = 4
)

// Options tell Open what to open. Only Dir must be set.
type Options struct {
	Dir        string // data directory, made with mode 0700 if it doesn't exist
	CacheBytes int    // bound of the record cache, in octets; 0 means 32 MiB
	Readers    int    // snapshots at a time; 0 means 4
	Log        *slog.Logger
}

// Store is a store.Store in one SQLite file.
type Store struct {
	log     *slog.Logger
	lock    *lockfile.Lock
	file    string
	cache   *cache
	readers chan *conn
	queue   *queue
	closed  atomic.Bool
	closing chan struct{} // closed by Close
	written chan struct{} // closed when the writer has ended
	stats   counters

	// Of the writer alone.
	writer     *conn
	resources  numbers
	deliveries numbers
	settled    int64 // greatest number among committed records
}

var _ store.Store = (*Store)(nil)

// Open opens the store in a directory, which it holds alone until Close,
// migrates it if need be and starts the writer. It reads no more than a few
// pages, however much is stored.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCache
	}
	if o.Readers <= 0 {
		o.Readers = defaultReaders
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: data directory: %w", err)
	}
	lock, err := lockfile.Hold(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s := &Store{
		log: o.Log, lock: lock, file: filepath.Join(o.Dir, databaseFile),
		cache: newCache(o.CacheBytes), readers: make(chan *conn, o.Readers), queue: newQueue(),
		closing: make(chan struct{}), written: make(chan struct{}),
	}
	if err := s.start(); err != nil { //nolint:contextcheck // statements are not interrupted, see conn
		return nil, errors.Join(err, s.release())
	}
	go s.write() //nolint:contextcheck // statements are not interrupted, see conn
	return s, nil
}

// start opens the connections and finds out where the numbers go on.
func (s *Store) start() (err error) {
	if s.writer, err = dial(s.file, true); err != nil {
		return err
	}
	steps, err := schemas()
	if err != nil {
		return err
	}
	if err := migrate(s.writer, steps, s.file, s.log); err != nil {
		return err
	}
	last, err := s.writer.number(stLastResource)
	if err != nil {
		return fmt.Errorf("store: greatest number: %w", err)
	}
	if err := s.resources.load(s.writer, resourceCounter, last); err != nil {
		return err
	}
	s.settled = s.resources.next - 1
	if last, err = s.writer.number(stLastDelivery); err != nil {
		return fmt.Errorf("store: greatest number: %w", err)
	}
	if err := s.deliveries.load(s.writer, deliveryCounter, last); err != nil {
		return err
	}
	for range cap(s.readers) {
		c, err := dial(s.file, false)
		if err != nil {
			return err
		}
		s.readers <- c
	}
	return nil
}

// Close implements store.Store. Updates that were waiting are done, later ones
// are refused; it waits for running Reads.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.queue.close()
	<-s.written
	close(s.closing)
	var errs []error
	for range cap(s.readers) {
		errs = append(errs, (<-s.readers).close())
	}
	// Last, so that no snapshot keeps the log from being emptied.
	if err := checkpoint(s.writer); err != nil {
		errs = append(errs, fmt.Errorf("store: emptying the log: %w", err))
	}
	return errors.Join(append(errs, s.release())...)
}

// release closes what is open when no Read and no writer runs.
func (s *Store) release() error {
	var errs []error
	for {
		select {
		case c := <-s.readers:
			errs = append(errs, c.close())
			continue
		default:
		}
		break
	}
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	return errors.Join(append(errs, s.lock.Release())...)
}
