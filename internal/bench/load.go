package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// target is one kind of request, sent over and over.
type target struct {
	address string      // host:port
	tls     *tls.Config // nil for plain
	request []byte      // a whole HTTP/1.1 request; every occurrence of placeholder is made unique
	status  int         // what every answer has to be
}

// placeholder in a request stands for a request identifier of fixed length.
var placeholder = []byte("__request_id__")

// figures are what one measurement found.
type figures struct {
	perSecond float64
	p50, p99  time.Duration
	processor time.Duration // of the whole process, for each exchange; 0 where the system doesn't tell
}

// errStatus says that an answer wasn't what the measurement is about.
var errStatus = errors.New("unexpected answer")

// measure keeps the given number of connections busy for a time and counts
// complete exchanges. The client is as thin as it can be, so that the ratio of
// two measurements is that of the servers.
func measure(ctx context.Context, t target, connections int, d time.Duration) (figures, error) {
	var (
		group   sync.WaitGroup
		serial  atomic.Int64
		all     = make([][]time.Duration, connections)
		errs    = make([]error, connections)
		warm    = time.Now().Add(min(d/4, 500*time.Millisecond))
		started = warm
		until   = warm.Add(d)
	)
	for i := range connections {
		group.Go(func() { all[i], errs[i] = hammer(ctx, t, &serial, started, until) })
	}
	time.Sleep(time.Until(started))
	before := processorTime()
	group.Wait()
	used := processorTime() - before
	if ctx.Err() != nil {
		return figures{}, context.Cause(ctx) // in place of what each connection says of it
	}
	if err := errors.Join(errs...); err != nil {
		return figures{}, err
	}
	times := slices.Concat(all...)
	if len(times) == 0 {
		return figures{}, errors.New("not one request was answered in time")
	}
	slices.Sort(times)
	return figures{
		perSecond: float64(len(times)) / d.Seconds(),
		p50:       times[len(times)/2], p99: times[len(times)*99/100],
		processor: used / time.Duration(len(times)),
	}, nil
}

// hammer sends requests on one connection and returns the times of those that
// began in the measured interval.
func hammer(ctx context.Context, t target, serial *atomic.Int64, from, until time.Time) ([]time.Duration, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is left to be written
	if t.tls != nil {
		conn = tls.Client(conn, t.tls)
	}
	if err := conn.SetDeadline(until.Add(30 * time.Second)); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })() // what is being read or written ends with ctx
	request := bytes.Clone(t.request)
	var ids [][]byte
	for rest := request; ; {
		at := bytes.Index(rest, placeholder)
		if at < 0 {
			break
		}
		ids = append(ids, rest[at:at+len(placeholder)])
		rest = rest[at+len(placeholder):]
	}
	answers := bufio.NewReaderSize(conn, 8<<10)
	var times []time.Duration
	for {
		begin := time.Now()
		if !begin.Before(until) {
			return times, nil
		}
		n := serial.Add(1)
		for _, id := range ids {
			copy(id, fmt.Sprintf("%0*d", len(placeholder), n))
		}
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		status, err := skipAnswer(answers)
		if err != nil {
			return nil, err
		}
		if status != t.status {
			return nil, fmt.Errorf("%w: status %d, not %d", errStatus, status, t.status)
		}
		if !begin.Before(from) {
			times = append(times, time.Since(begin))
		}
	}
}

// skipAnswer reads one answer with a Content-Length and returns its status.
func skipAnswer(r *bufio.Reader) (int, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, errors.New("no HTTP status line")
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, errors.New("no HTTP status line")
	}
	length := int64(0)
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64); err != nil {
				return 0, err
			}
		}
	}
	_, err = io.CopyN(io.Discard, r, length)
	return status, err
}
