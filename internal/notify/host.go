package notify

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"bulwark/onem2m"
)

// host is what targets have in common that are answered by the same machine:
// its health, and how much of it is in use. A host that hangs under many paths
// is still one host, and must not hold up the others (C-310).
type host struct {
	queues  int      // that are in the line
	flights int      // in the hands of workers
	failed  bool     // it was in trouble last time
	held    []*queue // ready, but flights is at its limit
}

// join makes the queue of a target, with its host.
func (l *line) join(target string) *queue {
	key := l.homes[target]
	if key == "" {
		key = hostOf(target, l.home)
	}
	q := &queue{target: target, host: l.enter(key), key: key}
	l.queues[target] = q
	return q
}

// enter returns the host of a key for one queue more.
func (l *line) enter(key string) *host {
	h := l.hosts[key]
	if h == nil {
		h = &host{}
		l.hosts[key] = h
	}
	h.queues++
	return h
}

// maxHomes bounds what is remembered of where entities are reached; then it is
// learnt anew.
const maxHomes = 10_000

// learn notes at which address an entity is reached: entities behind one host
// share its limit. What isn't sent to a host is left as it is.
func (l *line) learn(target, point string) {
	if isURL(target) || !strings.Contains(point, "://") {
		return
	}
	key := hostOf(point, l.home)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.homes) >= maxHomes && l.homes[target] == "" {
		clear(l.homes)
	}
	l.homes[target] = key
}

// rehost moves a queue, which nobody has now, to the host that its target has
// turned out to be at.
func (l *line) rehost(q *queue) {
	key := l.homes[q.target]
	if key == "" || key == q.key {
		return
	}
	if q.host.queues--; q.host.queues == 0 {
		delete(l.hosts, q.key)
	}
	q.host, q.key = l.enter(key), key
}

// leave forgets an empty queue, and its host with its last one.
func (l *line) leave(q *queue) {
	q.place = placeNone
	delete(l.queues, q.target)
	if q.host.queues--; q.host.queues == 0 {
		delete(l.hosts, q.key)
	}
}

// admit lets the next queue go on that waits for room at its host.
func (l *line) admit(h *host) {
	if len(h.held) == 0 || h.flights >= l.limits.PerHost {
		return
	}
	q := h.held[0]
	h.held[0] = nil
	h.held = h.held[1:]
	l.makeReady(q)
}

// hostOf names the host of a target: host and port of a URL, the CSE of an
// entity of another CSE, else the entity itself.
func hostOf(target string, home onem2m.Home) string {
	to, _ := splitTarget(target)
	if !isURL(to) {
		a, err := onem2m.ParseAddress(to)
		switch {
		case err != nil:
			return to
		case a.Local(home):
			return strings.Join(a.Path, "/")
		case a.SP == "":
			return home.SP + a.CSE
		}
		return a.SP + a.CSE
	}
	u, err := url.Parse(to)
	if err != nil || u.Host == "" {
		return to
	}
	port := u.Port()
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	if n, err := strconv.Atoi(port); err == nil {
		port = strconv.Itoa(n) // without leading zeros
	}
	return net.JoinHostPort(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), port)
}

// defaultPort is where a URL leads that names no port.
func defaultPort(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	case "coap", "coap+tcp":
		return "5683"
	case "coaps", "coaps+tcp":
		return "5684"
	case "mqtt":
		return "1883"
	case "mqtts":
		return "8883"
	}
	return ""
}
