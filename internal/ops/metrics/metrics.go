// Package metrics counts what the process does, for Prometheus. Label values
// come from short fixed lists: never a resource, an originator or other text
// of a client, so that no client can make the number of series grow.
package metrics

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is the registry of one process. Its methods may be called by any
// number of goroutines.
type Metrics struct {
	registry      *prometheus.Registry
	requests      *prometheus.CounterVec
	durations     *prometheus.HistogramVec
	handshakes    *prometheus.CounterVec
	notifications *prometheus.CounterVec
	forwarded     *prometheus.CounterVec
	handled       *prometheus.CounterVec

	mu     sync.RWMutex // guards series
	series map[seriesKey]series
}

// seriesKey are the labels of an answered request. Their values come from the
// fixed lists, which bounds the number of keys.
type seriesKey struct{ binding, op, ty, rsc string }

// series are what one request counts in. To find them by their labels in the
// vectors costs more than the counting.
type series struct {
	requests  prometheus.Counter
	durations prometheus.Observer
}

// other is the label value of everything that is in no list.
const other = "other"

// New returns a registry with every metric at zero. The version is shown as a
// label of onem2m_build_info.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), series: map[seriesKey]series{},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onem2m_requests_total", Help: "Requests answered.",
		}, []string{"binding", "op", "ty", "rsc"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "onem2m_request_duration_seconds", Help: "Time from a whole request to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.000_1, 4, 9),
		}, []string{"binding", "op"}),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onem2m_handshakes_total", Help: "Security associations tried.",
		}, []string{"result", "suite"}),
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onem2m_notifications_total", Help: "Notifications by what became of them.",
		}, []string{"result"}),
		forwarded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onem2m_forwarded_total", Help: "Requests for other CSEs by what became of them.",
		}, []string{"direction", "result"}),
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onem2m_cmdh_total", Help: "Requests for other CSEs that a CMDH policy held, by what became of them.",
		}, []string{"result"}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "onem2m_build_info", Help: "1, with the version of the program.",
	}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(
		m.requests, m.durations, m.handshakes, m.notifications, m.forwarded, m.handled, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Request counts one answered request. The type is that of the resource to be
// created, 0 for none.
func (m *Metrics) Request(binding, op string, ty, rsc int, d time.Duration) {
	s := m.seriesOf(seriesKey{
		binding: oneOf(binding, "http", "https", "coap", "coaps", "mqtt", "mqtts", "ws", "wss", "internal"),
		op:      oneOf(op, "create", "retrieve", "update", "delete", "notify", "discovery"),
		ty:      typeLabel(ty), rsc: statusLabel(rsc),
	})
	s.requests.Inc()
	s.durations.Observe(d.Seconds())
}

// seriesOf returns the series of a key, made at its first use.
func (m *Metrics) seriesOf(k seriesKey) series {
	m.mu.RLock()
	s, ok := m.series[k]
	m.mu.RUnlock()
	if ok {
		return s
	}
	s = series{
		requests:  m.requests.WithLabelValues(k.binding, k.op, k.ty, k.rsc),
		durations: m.durations.WithLabelValues(k.binding, k.op),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[k] = s
	return s
}

// Commits are what the writer of the store has done since its start.
type Commits struct {
	Commits int64 // durable ones, and attempts
	Failed  int64 // of those
	Changes int64 // in all of them
}

// Store shows the work of the writer, which is read at each scrape. It must be
// called at most once.
func (m *Metrics) Store(read func() Commits) {
	counter := func(name, help string, value func(Commits) int64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value(read())) }))
	}
	counter("onem2m_store_commits_total", "Commits of the store.", func(c Commits) int64 { return c.Commits })
	counter("onem2m_store_commits_failed_total", "Commits of the store that failed.", func(c Commits) int64 { return c.Failed })
	counter("onem2m_store_changes_total", "Changes in the commits of the store.", func(c Commits) int64 { return c.Changes })
}

// Handshake counts one attempt at a security association. The suite is the
// name that crypto/tls gives it, "" when it failed.
func (m *Metrics) Handshake(result, suite string) {
	result = oneOf(result, "ok", "no-certificate", "untrusted", "expired", "revoked", "protocol", "timeout", "too-many")
	m.handshakes.WithLabelValues(result, oneOf(suite, append(suites(), "")...)).Inc()
}

// Notification counts the end of one notification.
func (m *Metrics) Notification(result string) {
	m.notifications.WithLabelValues(oneOf(result, "delivered", "refused", "dropped", "given-up", "stored")).Inc()
}

// Forwarded counts one request that was to go to another CSE: up to the
// registrar, down to a registree, or across to another provider.
func (m *Metrics) Forwarded(direction, result string) {
	m.forwarded.WithLabelValues(
		oneOf(direction, "up", "down", "across"),
		oneOf(result, "answered", "unreachable", "late", "crowded", "resting", "unfit"),
	).Inc()
}

// Handled counts the end of one request in the hands of CMDH.
func (m *Metrics) Handled(result string) {
	m.handled.WithLabelValues(oneOf(result, "sent", "bundled", "replaced", "purged", "full", "expired", "given-up")).Inc()
}

// Registered shows whether the CSE is registered with its registrar, which is
// read at each scrape. It must be called at most once.
func (m *Metrics) Registered(joined func() bool) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "onem2m_registered", Help: "1 while the CSE is registered with its registrar.",
	}, func() float64 {
		if joined() {
			return 1
		}
		return 0
	}))
}

// Queue shows the length of a queue, which is read at each scrape. It must be
// called once for each name, before the registry is served.
func (m *Metrics) Queue(name string, length func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "onem2m_queue_length", Help: "Entries that wait.", ConstLabels: prometheus.Labels{"queue": name},
	}, func() float64 { return float64(length()) }))
}

// AuditLost shows the number of audit records that were lost. It must be
// called at most once.
func (m *Metrics) AuditLost(lost func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "onem2m_audit_lost_total", Help: "Audit records that were lost.",
	}, func() float64 { return float64(lost()) }))
}

// Handler serves the registry in the text formats of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Gatherer gives tests access to the values.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

func oneOf(value string, list ...string) string {
	if slices.Contains(list, value) {
		return value
	}
	return other
}

// typeLabel bounds the types: those of TS-0001 and their announced variants
// have small numbers, or 10000 more.
func typeLabel(ty int) string {
	if ty%10_000 < 0 || ty%10_000 > 99 || ty/10_000 > 1 {
		return other
	}
	return strconv.Itoa(ty)
}

// statusLabel bounds the response status codes, which may come from a peer.
func statusLabel(rsc int) string {
	if rsc < 1000 || rsc > 6999 || rsc%1000 > 299 {
		return other
	}
	return strconv.Itoa(rsc)
}

// suites are the cipher suites that Bulwark can offer.
func suites() []string {
	return []string{
		"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
		"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
		"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
	}
}
