package node

import (
	"context"
	"math"
	"time"

	"bulwark/access"
	"bulwark/internal/binding/httpb"
	"bulwark/internal/cse"
	"bulwark/internal/notify"
	"bulwark/internal/ops/audit"
	"bulwark/internal/ops/config"
	"bulwark/internal/ops/logging"
	"bulwark/internal/ops/metrics"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// auditor writes the CSE's decisions to the audit trail.
type auditor struct{ log *audit.Log }

// Decision implements cse.Auditor.
func (a auditor) Decision(d cse.Audit) {
	r := audit.Record{
		Time: d.Time, Event: "request", RequestID: d.RequestID, Originator: string(d.Originator),
		Authn: d.Authentic, Credential: d.Credential, Source: d.Source, Binding: d.Binding,
		Operation: operationName(d.Operation), Target: d.To, Stage: d.Stage, Rule: d.Rule,
		Result: audit.Permit, Reason: d.Reason,
	}
	if d.Stage == "discovery" {
		r.Operation = "discovery"
	}
	switch {
	case d.Note:
		r.Result, r.RSC = audit.Note, int(d.Code)
	case !d.Permit:
		r.Result, r.RSC, r.Claimed = audit.Deny, int(d.Code), d.From
	}
	a.log.Write(r)
}

// collected exports one record of service statistics to the log (C-456).
func (n *Node) collected(s cse.Statistic) {
	logging.Collected(context.Background(), n.log, logging.Statistic{
		Collection: s.Collection, Collector: s.Collector, EventID: s.EventID, Event: s.Event,
		Request: s.RequestID, Originator: string(s.Originator), Operation: operationName(s.Operation), Target: s.To,
		Type: int(s.Type), Size: s.Size, Status: int(s.Code),
	})
}

// operationName is the name of an operation in the trail, the log and the metrics.
func operationName(op onem2m.Operation) string {
	switch op {
	case onem2m.Create:
		return "create"
	case onem2m.Retrieve:
		return "retrieve"
	case onem2m.Update:
		return "update"
	case onem2m.Delete:
		return "delete"
	case onem2m.Notify:
		return "notify"
	}
	return "other"
}

// notified counts and audits what became of notifications.
func (n *Node) notified(o notify.Outcome) {
	switch o.Kind {
	case notify.Delivered:
		n.metrics.Notification("delivered")
	case notify.Refused:
		n.metrics.Notification("refused")
	case notify.GaveUp:
		n.metrics.Notification("given-up")
	case notify.Overflowed, notify.Discarded, notify.Withheld, notify.Superseded:
		n.metrics.Notification("dropped")
	case notify.Repeated:
	}
	if !o.Kind.Lost() {
		return
	}
	n.audit.Write(audit.Record{
		Time: n.o.Now(), Event: "notification", RequestID: o.RequestID, Target: o.Target, Result: audit.Note,
		Reason: o.Kind.String() + " for subscription " + o.Subscription,
	})
}

// observe connects the gauges and readiness checks.
func (n *Node) observe() {
	n.metrics.Queue("notifications", n.engine.Pending)
	n.metrics.Queue("writer", func() int { return n.store.Stats().Waiting })
	n.metrics.Queue("audit", n.audit.Waiting)
	n.metrics.Queue("forwarding", n.peers.carrier.Waiting)
	n.metrics.Queue("cmdh", n.cse.Handling)
	if r := n.peers.registree; r != nil {
		n.metrics.Registered(r.Joined)
	}
	n.metrics.Queue("requests", n.gate.length)
	n.metrics.AuditLost(n.audit.Lost)
	n.metrics.Store(func() metrics.Commits {
		s := n.store.Stats()
		return metrics.Commits{Commits: s.Batches, Failed: s.Lost, Changes: s.Jobs}
	})
	n.ready.Add("process", n.running)
	n.ready.Add("audit", n.audit.Check)
	n.ready.Add("store", func(ctx context.Context) error {
		return n.store.Read(ctx, func(r store.Reader) error { _, err := r.ByID(1); return err })
	})
}

// exchanged counts and logs one answered HTTP request.
func (n *Node) exchanged(ctx context.Context, binding string) func(httpb.Exchange) {
	ctx = context.WithoutCancel(ctx) // requests are answered also while the node stops
	return func(x httpb.Exchange) {
		op := operationName(x.Operation)
		ty := -1 // some other type
		if x.Type >= 0 && x.Type <= math.MaxInt16 {
			ty = int(x.Type)
		}
		n.metrics.Request(binding, op, ty, int(x.Code), x.Duration)
		logging.Log(ctx, n.log, logging.Request{
			ID: x.RequestID, Originator: x.From, Target: x.To, Operation: op, Binding: binding,
			Status: int(x.Code), Duration: x.Duration,
		})
	}
}

// remind repeats the warning about insecure listeners (S-006).
func (n *Node) remind(ctx context.Context, every time.Duration) {
	warn := func() {
		for _, l := range n.cfg.Listen {
			if n.insecure(l) {
				n.log.WarnContext(ctx, "this listener works without a security association on an address that others can reach", "binding", string(l.Binding), "address", l.Address)
			}
		}
	}
	warn()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			warn()
		}
	}
}

func (n *Node) insecure(l config.Listener) bool {
	return !l.Loopback() && (!l.Binding.Secure() || l.SA == config.SAOptional)
}

// locations returns the operator's positions by entity.
func locations(cfg *config.Config) func(onem2m.ID) *access.Location {
	known := make(map[onem2m.ID]*access.Location, len(cfg.Locations))
	for _, l := range cfg.Locations {
		known[onem2m.ID(l.ID)] = &access.Location{
			Latitude: l.Latitude, Longitude: l.Longitude, Uncertainty: l.Uncertainty,
			HasPosition: l.Latitude != 0 || l.Longitude != 0 || l.Country == "", Country: l.Country,
		}
	}
	return func(id onem2m.ID) *access.Location { return known[id] }
}

func (d *directory) expire(tx store.Tx, sub *store.Record) error {
	return d.cse.ExpireSubscription(tx, sub)
}

func cseType(t config.CSEType) cse.Type {
	switch t {
	case config.CSETypeMN:
		return cse.MN
	case config.CSETypeASN:
		return cse.ASN
	default:
		return cse.IN
	}
}
