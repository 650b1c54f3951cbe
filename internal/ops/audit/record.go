// Package audit keeps the trail of security decisions: JSON lines in
// DIR/audit/, rotated by size and count. It records who asked for what, which
// stage and rule decided, and with what outcome; never a secret, a token or
// the content of a resource.
//
// The trail survives the end of the process at any moment: a line that was cut
// short is closed at the next start and skipped by readers. A loss of power may
// cost the last second.
package audit

import (
	"net/netip"
	"strings"
	"time"
)

// Result is the outcome of a decision.
type Result string

// The outcomes. Note marks an event without a decision.
const (
	Permit Result = "permit"
	Deny   Result = "deny"
	Note   Result = "note"
)

// Record is one security decision or security event (S-143). Text is
// cut to a bounded length when it is written.
type Record struct {
	Time       time.Time  `json:"time" doc:"When it was decided, UTC."`
	Event      string     `json:"event" doc:"What was decided on: request, association, start, stop, credential, grant (by a Dynamic Authorization Server), repeated or lost."`
	RequestID  string     `json:"req,omitzero" doc:"Request identifier."`
	Originator string     `json:"fr,omitzero" doc:"Originator in its absolute form."`
	Claimed    string     `json:"claimed,omitzero" doc:"From as it was written, when it was refused."`
	Authn      bool       `json:"authn,omitzero" doc:"Whether the originator was authenticated."`
	Credential string     `json:"credential,omitzero" doc:"Credential-ID of the association."`
	Bound      []string   `json:"bound,omitzero" doc:"Identities that the credential stands for."`
	Source     netip.Addr `json:"source,omitzero" doc:"Address that the request came from."`
	Binding    string     `json:"bind,omitzero" doc:"Binding: http, https, …"`
	Operation  string     `json:"op,omitzero" doc:"Operation: create, retrieve, update, delete, notify or discovery."`
	Target     string     `json:"to,omitzero" doc:"Target as it was addressed."`
	Type       int        `json:"ty,omitzero" doc:"Resource type of the target, or that to be created."`
	Stage      string     `json:"stage,omitzero" doc:"Stage that decided: identity, admin, registration, static (policies and roles), tokens, dynamic (what a Dynamic Authorization Server granted), distributed (points of other CSEs), point (this CSE as one), discovery, special (a rule of the type), esprim (a protected request that was refused) or transit."`
	Rule       string     `json:"rule,omitzero" doc:"Address of the policy, # and the index of its rule."`
	Result     Result     `json:"result" doc:"permit, deny, or note where nothing was decided."`
	RSC        int        `json:"rsc,omitzero" doc:"Response status code."`
	Reason     string     `json:"reason,omitzero" doc:"Why, for the operator only; no originator sees it."`
	Repeated   int        `json:"repeated,omitzero" doc:"Number of records that this one stands for."`
}

// Bounds of one record, so that no originator can fill the disk with one
// request: a line stays below some 8 KiB.
const (
	maxText  = 512
	maxBound = 16
)

// cut bounds one text and makes it valid UTF-8.
func cut(s string) string {
	const mark = "…"
	if len(s) > maxText {
		s = s[:maxText-len(mark)] + mark
	}
	return strings.ToValidUTF8(s, "?")
}
