package escertke

import (
	"errors"
	"net"
	"time"
)

// lane is what the connections of both ends are made of: what TLS writes is
// collected until it reads, and then it is one message.
type lane struct {
	unread []byte // of the peer's message
	flight []byte // what TLS has written since
}

// Write collects. TLS bounds a flight by the certificates that it has.
func (l *lane) Write(p []byte) (int, error) {
	l.flight = append(l.flight, p...)
	return len(p), nil
}

// take returns what has been written and starts anew.
func (l *lane) take() []byte {
	flight := l.flight
	l.flight = nil
	return flight
}

// read hands out of the peer's message.
func (l *lane) read(p []byte) int {
	n := copy(p, l.unread)
	l.unread = l.unread[n:]
	return n
}

// nowhere is the address of both ends.
type nowhere struct{}

func (nowhere) Network() string { return "escertke" }
func (nowhere) String() string  { return "escertke" }

// The rest of net.Conn. There is nothing to close and nothing to wait for that
// a deadline would end.

func (*lane) Close() error                     { return nil }
func (*lane) LocalAddr() net.Addr              { return nowhere{} }
func (*lane) RemoteAddr() net.Addr             { return nowhere{} }
func (*lane) SetDeadline(time.Time) error      { return nil }
func (*lane) SetReadDeadline(time.Time) error  { return nil }
func (*lane) SetWriteDeadline(time.Time) error { return nil }

// errDropped ends the handshake of a terminator that is not wanted any more.
var errDropped = errors.New("the handshake has been dropped")

// turn is what a handshake leads to after one message: the answer, and with
// done set how it ended.
type turn struct {
	flight []byte
	done   bool
	err    error
}

// serverLane is the connection of a terminator. Its reads wait in the goroutine
// of the handshake until the next message has come.
type serverLane struct {
	lane
	in      chan []byte
	out     chan turn
	dropped chan struct{}
}

func newServerLane(first []byte) *serverLane {
	return &serverLane{
		lane: lane{unread: first}, in: make(chan []byte), out: make(chan turn), dropped: make(chan struct{}),
	}
}

// Read gives the flight away as soon as TLS wants more than has come.
func (l *serverLane) Read(p []byte) (int, error) {
	if len(l.unread) == 0 {
		if !l.give(turn{flight: l.take()}) {
			return 0, errDropped
		}
		select {
		case l.unread = <-l.in:
		case <-l.dropped:
			return 0, errDropped
		}
	}
	return l.read(p), nil
}

// give hands a turn over, and reports false when nobody takes it any more.
func (l *serverLane) give(t turn) bool {
	select {
	case l.out <- t:
		return true
	case <-l.dropped:
		return false
	}
}

// feed hands over a message and waits for what it leads to.
func (l *serverLane) feed(message []byte) (turn, error) {
	select {
	case l.in <- message:
		return l.next()
	case <-l.dropped:
		return turn{}, errDropped
	}
}

// next waits for the next turn.
func (l *serverLane) next() (turn, error) {
	select {
	case t := <-l.out:
		return t, nil
	case <-l.dropped:
		return turn{}, errDropped
	}
}
