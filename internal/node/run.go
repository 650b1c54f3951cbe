package node

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// headroom is memory that the garbage collector counts and nobody touches, so
// that it costs addresses and no memory. A CSE has a few megabytes alive and
// makes hundreds of them in a second: the collector, which runs whenever the
// heap has doubled, would do so all the time. With this it runs far less
// often and a request costs some 7 % less. Other than a higher percentage, it
// adds the same 16 MB to the peak however much is alive (135 MB with a full
// cache instead of 120), and other than a memory limit it has no cliff where the
// collector takes half of the processor.
const headroom = 16 << 20

// Run serves until ctx ends, or until a part fails, and then stops in order: no
// new connection or request; the requests in work finish, for at most the time
// of [limits] drain; then the notification engine ends, and what it still has
// waits in the outbox. The store is synced by Close.
func (n *Node) Run(ctx context.Context) error {
	defer runtime.KeepAlive(make([]byte, headroom))
	group, stop := errgroup.WithContext(ctx)
	front, endFront := context.WithCancel(context.WithoutCancel(ctx))
	defer endFront()
	back, endBack := context.WithCancel(context.WithoutCancel(ctx))
	defer endBack()

	var serving sync.WaitGroup
	for _, s := range n.servers {
		serving.Add(1)
		group.Go(func() error {
			defer serving.Done()
			return s.Serve(front)
		})
	}
	group.Go(func() error { return n.cse.Run(back) })
	group.Go(func() error { return n.engine.Run(back) })
	group.Go(func() error { n.remind(back, time.Hour); return nil })
	left := make(chan struct{})
	group.Go(func() error { defer close(left); n.leaveOthers(stop); return nil })
	if r := n.peers.registree; r != nil {
		group.Go(func() error { awaitLeave(stop, left); r.Run(stop); return nil })
	}
	if p := n.peers.poller; p != nil {
		group.Go(func() error { p.Run(stop); return nil })
	}
	if n.exchange != nil {
		group.Go(func() error { n.exchange.Run(stop); return nil })
	}
	if len(n.cfg.Token.Issuers) > 0 {
		group.Go(func() error { n.followIssuers(front); return nil })
	}
	if n.das != nil {
		group.Go(func() error { return n.das.Run(front) })
	}
	if n.ops != nil {
		group.Go(func() error { return n.serveOps(back) })
	}
	group.Go(func() error {
		<-stop.Done()
		n.stopping.Store(true)
		n.cse.Quiesce() // long polls aren't waited for
		n.tellManager(stop, stateStopping)
		n.drain(stop)
		endFront()
		serving.Wait()
		endBack()
		return nil
	})
	n.announce(ctx)
	return group.Wait()
}

// announce says that the node is ready: one line, and the service manager.
func (n *Node) announce(ctx context.Context) {
	n.tellManager(ctx, stateReady)
	if n.o.Ready == nil {
		return
	}
	if _, err := fmt.Fprintln(n.o.Ready, n.readyLine()); err != nil {
		n.log.WarnContext(ctx, "ready line", "err", err)
	}
}

// drain stops accepting and waits for the requests in work.
func (n *Node) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.cfg.Limits.Drain.Duration)
	defer cancel()
	var all sync.WaitGroup
	for _, s := range n.servers {
		all.Go(func() {
			if err := s.Shutdown(ctx); err != nil {
				n.log.WarnContext(ctx, "requests were broken off at the stop", "listener", s.Addr().String(), "err", err)
			}
		})
	}
	all.Wait()
	if n.peers.sockets != nil { // last, because requests in work may need others' answers
		if err := n.peers.sockets.Shutdown(ctx); err != nil {
			n.log.WarnContext(ctx, "requests were broken off at the stop", "listener", "connections to other CSEs", "err", err)
		}
	}
}

// errStopping is why a node that drains isn't ready.
var errStopping = errors.New("the process is stopping")

// running is a readiness check, so that no load balancer sends more to a node
// that drains.
func (n *Node) running(context.Context) error {
	if n.stopping.Load() {
		return errStopping
	}
	return nil
}
