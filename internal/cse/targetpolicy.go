package cse

import (
	"errors"
	"strings"
	"time"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Values of m2m:notificationTargetPolicyAction.
const (
	removalAccept = 1
	removalReject = 2
	removalSeek   = 3
	removalInform = 4
)

// defaultPolicyName is the resourceName of the system's default policy, which
// every CSE has (C-330).
const defaultPolicyName = "defaultNTP"

// maxRuleSets is how many <policyDeletionRules> a policy has at most (C-331).
const maxRuleSets = 2

func targetPolicyProcedures() *procedures {
	return &procedures{check: checkTargetPolicy, retrievable: keepDefaultPolicy}
}

func deletionRulesProcedures() *procedures {
	return &procedures{check: checkDeletionRules}
}

func targetPolicyRefProcedures() *procedures {
	return &procedures{check: checkTargetPolicyRef}
}

// labelled reports whether a <notificationTargetPolicy> is for use by default.
// The texts spell the label in two ways (core section 32 row 37).
func labelled(attrs onem2m.Object) bool {
	label, _ := attrs.Text("plbl")
	return strings.EqualFold(label, "default")
}

// systemPolicy reports whether a record is the system's default policy.
func (c *CSE) systemPolicy(rec *store.Record) bool {
	return rec.Type == onem2m.TypeNotificationTargetPolicy && rec.Origin == c.Home.ID()
}

// checkTargetPolicy: no creator has two policies with one label, and the
// system's default policy stays one (C-330).
func checkTargetPolicy(k *call, r store.Reader, s *subject) error {
	if s.old == nil && k.isAdmin() {
		return onem2m.Errorf(onem2m.BadRequest, "cr", "the administrator's policy is the system's; it is there already")
	}
	if s.old != nil && k.c.systemPolicy(s.old) && (k.draft.raw.Has("plbl") || k.draft.raw.Has("et")) {
		return onem2m.Errorf(onem2m.BadRequest, "plbl", "the system's default policy keeps its label and doesn't expire")
	}
	label, _ := s.attrs.Text("plbl")
	taken := false
	err := k.c.eachPolicy(r, k.now, func(rec *store.Record) bool {
		other, _ := attributes(rec).Text("plbl")
		same := other == label || labelled(attributes(rec)) && labelled(s.attrs)
		taken = same && rec.Origin == s.origin && rec.ID != s.id
		return !taken
	})
	if err == nil && taken {
		err = onem2m.Errorf(onem2m.BadRequest, "plbl", "another policy of this creator has this label")
	}
	return err
}

// eachPolicy calls fn for every <notificationTargetPolicy> until it returns false.
func (c *CSE) eachPolicy(r store.Reader, now onem2m.Timestamp, fn func(*store.Record) bool) error {
	page := store.Page{Limit: 200, Only: onem2m.TypeNotificationTargetPolicy}
	for {
		list, err := r.Children(baseID, page)
		if err != nil {
			return err
		}
		for _, rec := range list {
			if !expired(rec, now) && !fn(rec) {
				return nil
			}
		}
		if len(list) < page.Limit {
			return nil
		}
		page.After = list[len(list)-1].ID
	}
}

// keepDefaultPolicy refuses to delete the system's default policy: there must
// always be one (TS-0004 clause 7.4.33.2.4).
func keepDefaultPolicy(k *call, _ store.Reader, rec *store.Record) error {
	if k.req.Operation == onem2m.Delete && k.c.systemPolicy(rec) {
		return onem2m.Errorf(onem2m.BadRequest, "to", "the system's default policy isn't deleted")
	}
	return nil
}

// putDefaultPolicy creates the system's default policy, which rejects, if it is
// missing. What stands in its place under its name stays.
func (c *CSE) putDefaultPolicy(tx store.Tx) error {
	found := false
	err := c.eachPolicy(tx, 0, func(rec *store.Record) bool {
		found = c.systemPolicy(rec)
		return !found
	})
	if err != nil || found {
		return err
	}
	now, id := c.tick(), tx.NextID()
	forever := onem2m.TimestampOf(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))
	u := universal{
		ty: onem2m.TypeNotificationTargetPolicy, ri: c.names.resourceID("m2m:ntp", id), rn: defaultPolicyName,
		pi: c.Home.ResourceID(), ct: now, lt: now, et: forever,
		after: onem2m.Object{{Name: "acn", Value: onem2m.IntValue(removalReject)}, {Name: "plbl", Value: onem2m.TextValue("Default")}},
	}
	if _, err := tx.Child(baseID, u.rn); err == nil {
		u.rn = u.ri
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return tx.Insert(&store.Record{
		ID: id, Parent: baseID, RI: u.ri, RN: u.rn, Type: u.ty, Root: "m2m:ntp", Created: now, Modified: now,
		Expires: forever, Due: forever, Origin: c.Home.ID(), Attributes: u.encode(),
	})
}

// checkDeletionRules: a policy has two sets of rules at most (C-331).
func checkDeletionRules(k *call, r store.Reader, s *subject) error {
	if s.old != nil {
		return nil
	}
	n := 0
	err := k.c.eachChild(r, s.parent.ID, 0, k.now, func(rec *store.Record) (bool, error) {
		if rec.Type == onem2m.TypePolicyDeletionRules {
			n++
		}
		return n < maxRuleSets, nil
	})
	if err == nil && n >= maxRuleSets {
		err = onem2m.Errorf(onem2m.Conflict, "to", "the policy has %d sets of rules already", maxRuleSets)
	}
	return err
}

// maxPolicyTargets bounds notificationTargetURI: each entry is compared with
// those of all siblings.
const maxPolicyTargets = 100

// checkTargetPolicyRef: no target is named by two references below one
// subscription (C-329).
func checkTargetPolicyRef(k *call, r store.Reader, s *subject) error {
	targets, _ := s.attrs.Texts("ntu")
	if len(targets) > maxPolicyTargets {
		return onem2m.Errorf(onem2m.BadRequest, "ntu", "more than %d targets", maxPolicyTargets)
	}
	mine := make(map[string]bool, len(targets))
	for _, target := range targets {
		if err := notify.CheckTarget(target); err != nil {
			return onem2m.Errorf(onem2m.BadRequest, "ntu", "a target is neither a URL nor a resource identifier")
		}
		mine[k.c.targetKey(target)] = true
	}
	taken := false
	err := k.c.eachChild(r, s.parent.ID, 0, k.now, func(rec *store.Record) (bool, error) {
		if rec.Type != onem2m.TypeNotificationTargetMgmtPolicyRef || rec.ID == s.id {
			return true, nil
		}
		theirs, _ := attributes(rec).Texts("ntu")
		for _, target := range theirs {
			taken = taken || mine[k.c.targetKey(target)]
		}
		return !taken, nil
	})
	if err == nil && taken {
		err = onem2m.Errorf(onem2m.Conflict, "ntu", "another reference of this subscription names a target")
	}
	return err
}

// targetKey is the same for all spellings of a notification target.
func (c *CSE) targetKey(target string) string {
	to := notify.TargetAddress(target)
	if strings.Contains(to, ":") {
		return to
	}
	address, err := onem2m.ParseAddress(to)
	if err != nil {
		return to
	}
	if id := address.Entity(c.Home); id != "" {
		return string(id)
	}
	if path, ok := c.hosted(address); ok {
		return strings.Join(path, "/")
	}
	return to
}
