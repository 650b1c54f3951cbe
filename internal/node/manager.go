package node

import (
	"context"
	"net"
	"time"
)

// The states that a service manager of the systemd protocol is told.
const (
	stateReady    = "READY=1"
	stateStopping = "STOPPING=1"
)

// managerWait bounds the telling: a manager that doesn't read must not hold up
// the service.
const managerWait = 2 * time.Second

// tellManager sends a state to the socket that the service manager named in
// NOTIFY_SOCKET; without one there is nobody to tell. A name that begins with @
// is one of the abstract name space.
func (n *Node) tellManager(ctx context.Context, state string) {
	if n.o.Manager == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), managerWait)
	defer cancel()
	if err := send(ctx, n.o.Manager, state); err != nil {
		n.log.WarnContext(ctx, "the service manager could not be told", "state", state, "err", err)
	}
}

func send(ctx context.Context, socket, state string) error {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "unixgram", socket)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // the datagram has been sent, or the error of that is told
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetWriteDeadline(deadline); err != nil {
			return err
		}
	}
	_, err = c.Write([]byte(state))
	return err
}
