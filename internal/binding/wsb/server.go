package wsb

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/coder/websocket"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// Server is the registrar's end: it takes the connections that registrees open.
type Server struct {
	o *Options

	mu     sync.Mutex // guards what follows
	open   map[*socket]struct{}
	byID   map[onem2m.ID]*socket // the connection of each entity that is known
	closed bool
}

// NewServer returns a server, to be given the connections of a listener.
func NewServer(o Options) *Server {
	return &Server{o: o.withDefaults(), open: map[*socket]struct{}{}, byID: map[onem2m.ID]*socket{}}
}

// Door is a server at one listener.
type Door struct {
	*Server

	// Origins are the hosts of web pages that may open a connection, as patterns
	// of path.Match (B-100); none unless named.
	Origins []string
}

// ServeSocket answers an opening handshake, with a at the other end of the
// connection, and serves it until it ends. A handshake that isn't one, or that
// offers no known subprotocol, is refused with a status of HTTP (B-86, B-87).
func (s Door) ServeSocket(w http.ResponseWriter, r *http.Request, a *identity.Association) {
	if r.URL.Path != "/" {
		http.Error(w, "the path of a WebSocket is /", http.StatusNotFound)
		return
	}
	if !offers(r) {
		http.Error(w, "the header Sec-WebSocket-Protocol names none of oneM2M.json, oneM2M.cbor and oneM2M.xml", http.StatusBadRequest)
		return
	}
	if r.Header.Get("Origin") != "" && a.Binding == "wss" && len(a.IDs) == 0 {
		http.Error(w, "a web page needs a client certificate here", http.StatusForbidden) // S-157
		return
	}
	h, ok := w.(http.Hijacker)
	if !ok {
		http.Error(w, "not over this version of HTTP", http.StatusHTTPVersionNotSupported)
		return
	}
	through := &batching{ResponseWriter: w, hijacker: h}
	c, err := websocket.Accept(through, r, &websocket.AcceptOptions{
		Subprotocols: preferred(r), OriginPatterns: s.Origins, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		s.o.Log.Info("WebSocket refused", "source", a.Source, "error", err)
		return
	}
	k, err := newSocket(c, through.out, s.o, a)
	if err == nil && s.o.Speaker != nil && len(a.IDs) == 0 {
		k.spoke = func(req *onem2m.Request, res *onem2m.Response) { s.name(k, s.o.Speaker(a, req, res)) }
	}
	if err != nil || !s.enter(r.Context(), k) {
		_ = c.Close(websocket.StatusGoingAway, "not served") // the peer may be gone
		return
	}
	defer s.forget(k)
	ctx := r.Context()
	k.work.Go(func() { k.keepAlive(ctx) })
	err = k.run(ctx)
	s.o.Log.Debug("WebSocket closed", "source", a.Source, "reason", err)
}

// enter notes a connection, false if the server is being closed. An older one
// of the same credential is closed: there is one between two nodes (S-156).
func (s *Server) enter(ctx context.Context, k *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.open[k] = struct{}{}
	for _, id := range k.peer.IDs {
		if old := s.byID[id]; old != nil && old != k && old.peer.CredentialID == k.peer.CredentialID {
			k.work.Go(func() { old.leave(ctx, "there is a newer connection") })
		}
		s.byID[id] = k
	}
	return true
}

// maxSpeakers bounds the entities that one connection speaks for.
const maxSpeakers = 64

// name notes that a connection without identifiers of its own speaks for an
// entity.
func (s *Server) name(k *socket, id onem2m.ID) {
	if id == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[id] == k || len(k.speaks) >= maxSpeakers {
		return
	}
	if _, open := s.open[k]; open {
		s.byID[id] = k
		k.speaks = append(k.speaks, id)
	}
}

func (s *Server) forget(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, k)
	for _, id := range slices.Concat(k.peer.IDs, k.speaks) {
		if s.byID[id] == k {
			delete(s.byID, id)
		}
	}
}

// Connected reports whether an entity has a connection.
func (s *Server) Connected(id onem2m.ID) bool { return s.of(id) != nil }

func (s *Server) of(id onem2m.ID) *socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

// Send carries a request to an entity over the connection that it has opened
// (B-96). Its errors are those of Client.Send.
func (s *Server) Send(ctx context.Context, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	k := s.of(who)
	if k == nil {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "the target has no open connection")
	}
	return k.send(ctx, req)
}

// Shutdown closes the connections, when the requests in progress are through or
// ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	var leaving sync.WaitGroup
	for k := range s.open {
		leaving.Go(func() { k.leave(ctx, "the server stops") })
	}
	s.mu.Unlock()
	leaving.Wait()
	return ctx.Err()
}

// offers reports whether a handshake names a subprotocol that is known.
func offers(r *http.Request) bool { return len(preferred(r)) > 0 }

// batching gives the library a connection that writes in batches.
type batching struct {
	http.ResponseWriter
	hijacker http.Hijacker
	out      *batch // once it has been taken
}

// Hijack implements http.Hijacker.
func (b *batching) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := b.hijacker.Hijack()
	if err != nil {
		return nil, nil, err
	}
	if rw.Writer.Buffered() > 0 {
		if err := rw.Flush(); err != nil { // the handshake's own answer
			_ = c.Close()
			return nil, nil, err
		}
	}
	b.out = newBatch(c)
	rw.Writer.Reset(b.out)
	return b.out, rw, nil
}

// preferred are the known subprotocols of a handshake, in its order: the first
// is taken.
func preferred(r *http.Request) []string {
	var list []string
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if _, ok := formatOf(name); ok && !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	return list
}
