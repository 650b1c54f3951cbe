package node

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"bulwark/access"
	"bulwark/internal/binding/httpb"
	"bulwark/internal/cse"
	"bulwark/internal/notify"
	"bulwark/internal/ops/audit"
	"bulwark/internal/ops/config"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// auditor writes the CSE's decisions to the audit trail.
type auditor struct{ log *audit.Log }

// Decision implements cse.Auditor.
func (a auditor) Decision(d cse.Audit) {
	r := audit.Record{
		Time: d.Time, Event: "request", RequestID: d.RequestID, Originator: string(d.Originator),
		Authn: d.Authentic, Credential: d.Credential, Binding: d.Binding,
		Operation: strings.ToLower(d.Operation.String()), Target: d.To, Stage: d.Stage, Rule: d.Rule,
		Result: audit.Permit, Reason: d.Reason,
	}
	if addr, err := netip.ParseAddr(d.Source); err == nil {
		r.Source = addr
	}
	if d.Stage == "discovery" {
		r.Operation = "discovery"
	}
	if !d.Permit {
		r.Result, r.RSC, r.Claimed = audit.Deny, int(d.Code), d.From
	}
	a.log.Write(r)
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
	case notify.Overflowed, notify.Discarded:
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
	n.metrics.AuditLost(n.audit.Lost)
	n.ready.Add("audit", n.audit.Check)
	n.ready.Add("store", func(ctx context.Context) error {
		return n.store.Read(ctx, func(r store.Reader) error { _, err := r.ByID(1); return err })
	})
}

// exchanged counts one answered HTTP request.
func (n *Node) exchanged(binding string) func(httpb.Exchange) {
	return func(x httpb.Exchange) {
		op := "other"
		if x.Operation != 0 {
			op = strings.ToLower(x.Operation.String())
		}
		n.metrics.Request(binding, op, 0, int(x.Code), x.Duration)
	}
}

// remind repeats the warning about insecure listeners every hour (S-006).
func (n *Node) remind(ctx context.Context) {
	warn := func() {
		for _, l := range n.cfg.Listen {
			if n.insecure(l) {
				n.log.WarnContext(ctx, "this listener works without a security association on an address that others can reach", "binding", string(l.Binding), "address", l.Address)
			}
		}
	}
	warn()
	tick := time.NewTicker(time.Hour)
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
	return !l.Loopback() && (l.Binding == config.BindingHTTP || l.SA == config.SAOptional)
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
