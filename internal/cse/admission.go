package cse

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Values of m2m:responseType.
const (
	responseNonBlockingSync  = 1
	responseNonBlockingAsync = 2
	responseBlocking         = 3
	responseFlex             = 4
	responseNone             = 5
)

// MaxRequestID bounds the Request Identifier in octets; the text has no limit.
const MaxRequestID = 1024

// admit runs the checks that need no target: rows 2 to 14 of core section 4.
// The steps stand in their normative order; the first failure wins.
func (k *call) admit(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		k.checkPresence,
		k.checkTimes,
		k.checkFrom,
		k.checkDelivery,
		k.checkParameters,
		k.checkRelease,
		k.checkSupport,
		k.checkProhibitions,
		k.checkSemantics,
		k.checkResponseType,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// checkPresence: op, to and rqi present and well-formed (row 2).
func (k *call) checkPresence(context.Context) error {
	req := k.req
	if req.Operation < onem2m.Create || req.Operation > onem2m.Notify {
		return onem2m.Errorf(onem2m.BadRequest, "op", "unknown operation")
	}
	switch {
	case req.RequestID == "":
		return onem2m.Errorf(onem2m.BadRequest, "rqi", "the request identifier is missing")
	case len(req.RequestID) > MaxRequestID:
		return onem2m.Errorf(onem2m.BadRequest, "rqi", "the request identifier is longer than %d octets", MaxRequestID)
	}
	for i := range len(req.RequestID) {
		if req.RequestID[i] < ' ' || req.RequestID[i] == 0x7f {
			return onem2m.Errorf(onem2m.BadRequest, "rqi", "the request identifier has control characters")
		}
	}
	address := k.address // of a member, which its group has read already
	if len(address.Path) == 0 {
		var err error
		if address, err = onem2m.ParseAddress(req.To); err != nil {
			return err
		}
	}
	if len(address.Path) == 0 && address.Local(k.c.Home) {
		return onem2m.Errorf(onem2m.BadRequest, "to", "a CSE-ID alone is no resource; name the <CSEBase> by its name or -") // C-017
	}
	k.address = address
	if req.Type != nil {
		k.ty = onem2m.ResourceType(*req.Type)
	}
	return nil
}

// checkTimes: rqet, rset and oet well-formed and not over (rows 3 and 4).
func (k *call) checkTimes(context.Context) error {
	if k.errand != nil || k.nesting > 0 { // checked before; what counts now is whether it is over (C-053)
		if k.expires <= k.now {
			return timedOut()
		}
		return nil
	}
	rqet, rset, oet, err := k.instants(k.now)
	if err != nil {
		return err
	}
	switch {
	case rqet != 0 && rqet <= k.now:
		return timedOut()
	case rset != 0 && rset <= k.now:
		return onem2m.Errorf(onem2m.RequestTimeout, "rset", "the result has expired")
	case rset != 0 && rqet != 0 && rset <= rqet:
		return onem2m.Errorf(onem2m.BadRequest, "rset", "the result would expire before the request") // C-054
	case oet != 0 && rqet != 0 && oet >= rqet, oet != 0 && rset != 0 && oet >= rset:
		return onem2m.Errorf(onem2m.BadRequest, "oet", "the execution time is behind the expiration") // C-055
	}
	k.execute = oet
	k.expires = rqet
	if k.expires == 0 {
		k.expires = max(k.now, oet) + onem2m.Timestamp(k.c.Timing.RequestExpiration.Microseconds())
	}
	return nil
}

// instants reads rqet, rset and oet, 0 for those that aren't stated. Relative
// ones count from ot, else from the reception (C-012).
func (k *call) instants(received onem2m.Timestamp) (rqet, rset, oet onem2m.Timestamp, err error) {
	from := received
	if s := k.req.OriginatingTimestamp; s != "" {
		if from, err = onem2m.ParseTimestamp(s); err != nil {
			return 0, 0, 0, onem2m.Errorf(onem2m.BadRequest, "ot", "not a timestamp")
		}
	}
	parse := func(s, name string) onem2m.Timestamp {
		if s == "" || err != nil {
			return 0
		}
		var t onem2m.Timestamp
		if t, err = onem2m.ParseAbsRel(s, from); err != nil {
			err = onem2m.Errorf(onem2m.BadRequest, name, "neither a timestamp nor a number of milliseconds")
		}
		return t
	}
	rqet = parse(k.req.RequestExpiration, "rqet")
	rset = parse(k.req.ResultExpiration, "rset")
	oet = parse(k.req.ExecutionTime, "oet")
	parse(k.req.ResultPersistence, "rp")
	return rqet, rset, oet, err
}

// checkFrom holds From against the association (rows 5 to 8): before anything
// about the target is looked at. A non-blocking request is held against it
// again: an AE that was thrown out meanwhile does nothing any more.
func (k *call) checkFrom(ctx context.Context) error {
	var err error
	if !k.vouched || k.errand != nil {
		err = k.c.Store.Read(ctx, func(r store.Reader) error {
			k.groups.snapshot = snapshot{c: k.c, r: r, now: k.now}
			who, err := identity.Check(k.c.Home, k.c.admin, k.assoc, k.req, &k.groups.snapshot)
			k.groups.snapshot = snapshot{}
			if err == nil || k.errand == nil { // who is told of the result doesn't change
				k.from = who
			}
			return err
		})
	}
	if err != nil {
		if e, ok := errors.AsType[*onem2m.Error](err); ok && (e.Code == onem2m.OriginatorNotAuthenticated || e.Code == onem2m.SecurityAssociationRequired) {
			k.audit("identity", "", e.Code, e.Debug())
		}
		return err
	}
	return nil
}

// audit writes the decision of the request: permit if code is 0.
func (k *call) audit(stage, rule string, code onem2m.StatusCode, reason string) {
	k.auditOf(k.from.ID, stage, rule, code, reason)
}

// auditOf is audit for an originator that is known by another identifier than
// the one that the request came with.
func (k *call) auditOf(who onem2m.ID, stage, rule string, code onem2m.StatusCode, reason string) {
	if k.c.Auditor == nil || k.rehearsal && code == 0 {
		return
	}
	a := k.audited(who, stage, code, reason)
	a.Rule, a.Permit = rule, code == 0
	k.c.Auditor.Decision(a)
}

// audited is what the audit trail says of the request whatever was decided.
func (k *call) audited(who onem2m.ID, stage string, code onem2m.StatusCode, reason string) Audit {
	return Audit{
		Time: k.now.Time(), RequestID: k.req.RequestID, From: k.req.From, Originator: who,
		Credential: k.assoc.CredentialID, Binding: k.assoc.Binding, Authentic: k.from.Authenticated,
		Source: k.assoc.Source, Operation: k.req.Operation, To: k.req.To,
		Stage: stage, Code: code, Reason: reason,
	}
}

// checkParameters: presence rules of core section 3.1 (row 10).
func (k *call) checkParameters(context.Context) error {
	req := k.req
	op := req.Operation
	if op == onem2m.Create {
		if req.Type == nil {
			return onem2m.Errorf(onem2m.BadRequest, "ty", "a CREATE names the type of the new resource")
		}
		if onem2m.TypeByNumber(k.ty) == nil {
			return onem2m.Errorf(onem2m.BadRequest, "ty", "unknown resource type")
		}
	} else if req.Type != nil {
		return onem2m.Errorf(onem2m.BadRequest, "ty", "the resource type is for CREATE only")
	}
	if op == onem2m.Delete && req.Content != nil {
		return onem2m.Errorf(onem2m.BadRequest, "pc", "a DELETE has no content")
	}
	if req.Filter != nil {
		if op == onem2m.Create || op == onem2m.Notify {
			return onem2m.Errorf(onem2m.BadRequest, "fc", "%s takes no filter criteria", op)
		}
		if err := req.Filter.Check(); err != nil {
			return err
		}
	}
	if op != onem2m.Retrieve && (req.DesiredIDType != nil || req.SemanticQuery != nil || len(req.Attributes) > 0 || k.address.Attribute != "") {
		return onem2m.Errorf(onem2m.BadRequest, "to", "an attribute list, drt and sqi are for RETRIEVE only")
	}
	if d := req.DesiredIDType; d != nil && *d != 1 && *d != 2 {
		return onem2m.Errorf(onem2m.BadRequest, "drt", "1 or 2")
	}
	if rt := req.ResponseType; rt != nil && (*rt < responseNonBlockingSync || *rt > responseNone) {
		return onem2m.Errorf(onem2m.BadRequest, "rt", "1 to 5")
	}
	if rt := req.ResponseType; req.HasNotifyURIs && (rt == nil || *rt != responseNonBlockingAsync && *rt != responseFlex) {
		return onem2m.Errorf(onem2m.BadRequest, "rt", "notification addresses are for response types 2 and 4 only") // C-037
	}
	if err := checkCategory(req.EventCategory); err != nil {
		return err
	}
	if op == onem2m.Notify && (req.ResultContent != nil || req.ResultPersistence != "" || len(req.GroupTargets) > 0 || len(req.AuthorSigns) > 0) {
		return onem2m.Errorf(onem2m.BadRequest, "rcn", "NOTIFY takes none of rcn, rp, grtm, aus")
	}
	return k.checkResultContent()
}

// checkCategory: the values of Event Category (C-060).
func checkCategory(ec *int64) error {
	if ec != nil && (*ec < 2 || *ec > 4) && (*ec < 100 || *ec > 999) {
		return onem2m.Errorf(onem2m.BadRequest, "ec", "2, 3, 4 or 100 to 999")
	}
	return nil
}

// resultContents are the values of Result Content by operation, the default
// first, one octet each (core section 11).
var resultContents = [...]string{
	onem2m.Create:   "\x01\x00\x02\x03\x09",
	onem2m.Retrieve: "\x01\x04\x05\x06\x07\x08\x0a",
	onem2m.Update:   "\x01\x00\x09",
	onem2m.Delete:   "\x00\x01\x04\x05\x06\x08",
	onem2m.Notify:   "",
}

// checkResultContent fills rcn and holds it against the matrix of core section 11.
func (k *call) checkResultContent() error {
	discovery := k.discovery()
	allowed := resultContents[k.req.Operation]
	if discovery {
		allowed = "\x0b\x06"
	}
	if allowed == "" {
		return nil
	}
	k.rcn = int(allowed[0])
	n := k.req.ResultContent
	if n != nil {
		if *n == 12 && k.req.Operation == onem2m.Retrieve && !discovery && k.address.Local(k.c.Home) {
			return onem2m.Errorf(onem2m.NotImplemented, "rcn", "permissions aren't supported")
		}
		if *n < 0 || *n > 12 || strings.IndexByte(allowed, byte(*n)) < 0 {
			return onem2m.Errorf(onem2m.BadRequest, "rcn", "result content %d isn't defined for this operation", *n)
		}
		k.rcn = int(*n)
	}
	partial := len(k.req.Attributes) > 0 || k.address.Attribute != ""
	if partial && (discovery || n != nil && *n != 1 && *n != 7) {
		return onem2m.Errorf(onem2m.BadRequest, "atrl", "an attribute list goes with result content 1 only") // C-040
	}
	return k.checkSemanticQuery()
}

// discovery reports whether the request is a Discovery: fu 1 or 3, or a
// semanticsFilter without a word about its usage (TS-0001 table 8.1.2-2).
func (k *call) discovery() bool {
	f := k.req.Filter
	if k.req.Operation != onem2m.Retrieve || f == nil {
		return false
	}
	if f.FilterUsage == nil {
		return len(f.SemanticsFilter) > 0 && !k.semanticQuery()
	}
	return *f.FilterUsage == onem2m.UsageDiscovery || *f.FilterUsage == onem2m.UsageIPEOnDemand
}

// checkRelease: rvi is one that this CSE speaks (row 11, C-048).
func (k *call) checkRelease(context.Context) error {
	release := k.req.Release
	if release == "" {
		release = "1"
	}
	if k.address.Local(k.c.Home) && !slices.Contains(k.c.Releases, release) {
		return onem2m.Errorf(onem2m.ReleaseVersionNotSupported, "rvi", "release version %q isn't supported", release)
	}
	return nil
}

// checkSupport refuses what the standard knows and this CSE doesn't do yet
// (row 12, C-034). da is about forwarding and says nothing to the CSE that a
// request is for.
func (k *call) checkSupport(context.Context) error {
	if !k.address.Local(k.c.Home) {
		return nil // another CSE may have it
	}
	req := k.req
	no := func(name string) error {
		return onem2m.Errorf(onem2m.NotImplemented, name, "this parameter isn't supported")
	}
	if err := k.checkGrants(); err != nil {
		return err
	}
	if f := req.Filter; f != nil && f.FilterUsage != nil && *f.FilterUsage > usageOnDemand {
		return no("fu")
	}
	return nil
}

// checkProhibitions: what the text hangs on Recv-1.0 although it is about the
// target or the content (row 13).
func (k *call) checkProhibitions(context.Context) error {
	if k.req.Content == nil && (k.req.Operation == onem2m.Create || k.req.Operation == onem2m.Update || k.req.Operation == onem2m.Notify) {
		// Row 24 for CREATE and UPDATE comes after privilege and child type (C-061).
		k.draft.err = onem2m.Errorf(onem2m.BadRequest, "pc", "the content is missing")
	}
	if k.req.Operation == onem2m.Notify && k.req.Content != nil && !notificationRoot(k.req.Content.Name) {
		return onem2m.Errorf(onem2m.BadRequest, "pc", "%s is no notification; a CREATE names its resource type with ty", k.req.Content.Name) // C-129
	}
	if k.req.Operation == onem2m.Notify && k.draft.err != nil {
		return k.draft.err
	}
	if !k.address.Local(k.c.Home) {
		return nil
	}
	return k.checkLocal()
}

// checkLocal is the part of checkProhibitions about targets of this CSE. For an AE
// of the whole SP it is made when it is known that it is here.
func (k *call) checkLocal() error {
	if k.onBase() && (k.req.Operation == onem2m.Update || k.req.Operation == onem2m.Delete) {
		if k.draft.err != nil { // what has no content is malformed, whatever it is for
			return k.draft.err
		}
		return onem2m.Errorf(onem2m.OperationNotAllowed, "to", "a <CSEBase> is neither updated nor deleted") // C-123, C-223
	}
	if k.req.Operation == onem2m.Create && k.ty == onem2m.TypeRequest {
		return onem2m.Errorf(onem2m.OperationNotAllowed, "ty", "a <request> is made by the CSE") // C-173
	}
	if k.req.Operation == onem2m.Create && k.ty == onem2m.TypeDelivery {
		if err := k.refuseDelivery(); err != nil { // C-193, whatever the content
			return err
		}
	}
	if k.req.Operation == onem2m.Create && k.ty == onem2m.TypeCSEBase {
		return onem2m.Errorf(onem2m.OperationNotAllowed, "ty", "a <CSEBase> isn't created")
	}
	if k.req.Operation == onem2m.Create && (k.ty == onem2m.TypeAEContactList || k.ty == onem2m.TypeAEContactListPerCSE) {
		return onem2m.Errorf(onem2m.OperationNotAllowed, "ty", "a list of references to AEs is made by the CSE") // C-210
	}
	if k.req.Operation == onem2m.Create || k.req.Operation == onem2m.Update {
		return k.prepare()
	}
	return nil
}

// onBase reports whether the address names the CSEBase itself.
func (k *call) onBase() bool {
	return len(k.address.Path) == 1 && k.c.namesBase(k.address.Path[0])
}

func (c *CSE) namesBase(segment string) bool {
	return segment == "-" || segment == c.Home.Name || segment == c.Home.ResourceID()
}
