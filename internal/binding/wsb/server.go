package wsb

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// Server is the registrar's end: it takes the connections that registrees open.
type Server struct {
	o *Options

	mu     sync.Mutex // guards what follows
	open   map[*socket]struct{}
	places map[onem2m.ID][]place // the connections of each entity that is known, the newest last
	of     map[string]*socket    // the newest connection of each credential
	closed bool
}

// place is a connection that is one of an entity.
type place struct {
	*socket
	named time.Time // when that was known last
}

// NewServer returns a server, to be given the connections of a listener.
func NewServer(o Options) *Server {
	return &Server{o: o.withDefaults(), open: map[*socket]struct{}{}, places: map[onem2m.ID][]place{}, of: map[string]*socket{}}
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
// offers no known subprotocol, is refused with a status of HTTP (B-86, B-87). A
// connection that has an end is closed a little before, when its requests are
// through (B-95, S-139).
func (s Door) ServeSocket(w http.ResponseWriter, r *http.Request, a *identity.Association, ends time.Time) {
	if r.URL.Path != "/" {
		http.Error(w, "the path of a WebSocket is /", http.StatusNotFound)
		return
	}
	if !offers(r) {
		http.Error(w, "the header Sec-WebSocket-Protocol names none of oneM2M.json, oneM2M.cbor and oneM2M.xml", http.StatusBadRequest)
		return
	}
	if why := s.refusesPage(r, a); why != "" {
		http.Error(w, why, http.StatusForbidden)
		return
	}
	h, ok := w.(http.Hijacker)
	if !ok {
		http.Error(w, "not over this version of HTTP", http.StatusHTTPVersionNotSupported)
		return
	}
	under := &batching{ResponseWriter: w, hijacker: h}
	c, err := websocket.Accept(under, r, &websocket.AcceptOptions{
		Subprotocols: preferred(r), InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled, // origins are looked at above
	})
	if err != nil {
		s.o.Log.Info("WebSocket refused", "source", a.Source, "error", err)
		return
	}
	k, err := newSocket(c, under.made, s.o, a)
	if err == nil && s.o.Speaker != nil && len(a.IDs) == 0 {
		k.spoke = func(req *onem2m.Request, res *onem2m.Response) { s.name(k, s.o.Speaker(a, req, res)) }
	}
	if err != nil || !s.enter(r.Context(), k) {
		_ = c.Close(websocket.StatusGoingAway, "not served") // the peer may be gone
		return
	}
	defer s.forget(k)
	k.ends = ends
	err = k.run(r.Context())
	s.o.Log.Debug("WebSocket closed", "source", a.Source, "reason", err)
}

// refusesPage tells why a web page may not open a connection, "" if it may or there
// is none. Besides the origins that are named there is that of the listener itself
// (B-100), but over a plain connection only where its host is no name: a name of
// somebody's page may lead here from one moment to the next.
func (s Door) refusesPage(r *http.Request, a *identity.Association) string {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return ""
	}
	secure := a.Binding == "wss"
	if secure && a.Kind == identity.KindNone {
		return "a web page needs a client certificate here" // S-157
	}
	u, err := url.Parse(origin)
	if err != nil {
		return "the origin of the web page can't be read"
	}
	for _, pattern := range s.Origins {
		if ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(u.Host)); err == nil && ok {
			return ""
		}
	}
	_, err = netip.ParseAddr(u.Hostname())
	if strings.EqualFold(u.Host, r.Host) && (secure || err == nil || strings.EqualFold(u.Hostname(), "localhost")) {
		return ""
	}
	return "web pages of this origin may not open a WebSocket here"
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
	if credential := k.peer.CredentialID; credential != "" {
		if old := s.of[credential]; old != nil {
			k.work.Go(func() { old.leave(ctx, "there is a newer connection") })
		}
		s.of[credential] = k
	}
	for _, id := range k.peer.IDs {
		s.places[id] = append(s.places[id], place{k, s.o.Now()})
	}
	return true
}

// maxSpeakers bounds the entities that one connection without identifiers of its
// own speaks for. Of more, those count that have spoken up last.
const maxSpeakers = 64

// name notes that a connection without identifiers of its own speaks for an
// entity, from now on before all others.
func (s *Server) name(k *socket, id onem2m.ID) {
	if id == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, open := s.open[k]; !open {
		return
	}
	named := s.o.Now()
	if list := s.places[id]; len(list) > 0 && list[len(list)-1].socket == k {
		list[len(list)-1].named = named
		return
	}
	s.leavePlace(id, k)
	s.places[id] = append(s.places[id], place{k, named})
	k.speaks = append(slices.DeleteFunc(k.speaks, func(other onem2m.ID) bool { return other == id }), id)
	if len(k.speaks) > maxSpeakers {
		s.leavePlace(k.speaks[0], k)
		k.speaks = slices.Delete(k.speaks, 0, 1)
	}
}

func (s *Server) forget(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, k)
	if s.of[k.peer.CredentialID] == k {
		delete(s.of, k.peer.CredentialID)
	}
	for _, id := range slices.Concat(k.peer.IDs, k.speaks) {
		s.leavePlace(id, k)
	}
}

// leavePlace forgets that a connection is one of an entity. The lock is held.
func (s *Server) leavePlace(id onem2m.ID, k *socket) {
	list := slices.DeleteFunc(s.places[id], func(other place) bool { return other.socket == k })
	if s.places[id] = list; len(list) == 0 {
		delete(s.places, id)
	}
}

// Fits tells whether a connection with somebody at its other end is one of the
// entity that is meant: a certificate may name an entity that is bound to another
// one (S-095, S-118). It is told, too, when the connection was last known to be one
// of the entity: one without identifiers of its own, at the last of its requests
// that showed that.
type Fits func(peer *identity.Association, named time.Time) bool

// Connected reports whether an entity has a connection that fits.
func (s *Server) Connected(id onem2m.ID, fits Fits) bool { return s.find(id, fits) != nil }

// find returns the newest connection of an entity that fits, nil if there is none.
func (s *Server) find(id onem2m.ID, fits Fits) *socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range slices.Backward(s.places[id]) {
		if fits(k.peer, k.named) && k.takes() {
			return k.socket
		}
	}
	return nil
}

// Send carries a request to an entity over a connection that it has opened, and
// that fits (B-96). Its errors are those of Client.Send.
func (s *Server) Send(ctx context.Context, who onem2m.ID, fits Fits, req *onem2m.Request) (*onem2m.Response, error) {
	k := s.find(who, fits)
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
	made     *batch // by Hijack
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
	b.made = newBatch(c)
	rw.Writer.Reset(b.made)
	return b.made, rw, nil
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
