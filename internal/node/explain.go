package node

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/cse"
	"bulwark/onem2m"
)

// ExplainPath is where the administrator asks a running CSE for reasons.
const ExplainPath = "/__bulwark/explain"

// maxQuestion bounds the body of a question in octets: it may hold a token.
const maxQuestion = 32 << 10

// Question is what explain is asked, online and offline, as JSON.
type Question struct {
	From          string    `json:"from"`
	To            string    `json:"to"`
	Operation     string    `json:"operation"`               // create, retrieve, update, delete, notify, discovery
	Type          int       `json:"type,omitzero"`           // of the resource a create would make
	Authenticated *bool     `json:"authenticated,omitempty"` // absent: true
	Time          time.Time `json:"time,omitzero"`           // absent: now
	Source        string    `json:"source,omitzero"`         // address the request would come from
	Links         bool      `json:"links,omitzero"`          // an update of accessControlPolicyIDs
	Roles         []string  `json:"roles,omitempty"`         // Role-IDs that are claimed
	Tokens        []string  `json:"tokens,omitempty"`        // tokens that are brought
	TokenIDs      []string  `json:"token-ids,omitempty"`     // Token-IDs that are named
}

// Answer is what explain answers, as JSON.
type Answer struct {
	Permit   bool     `json:"permit"`
	RSC      int      `json:"rsc,omitzero"`
	Stage    string   `json:"stage"`
	Resource string   `json:"resource"`
	Governed string   `json:"governed"`
	Reasons  []Reason `json:"reasons"`
}

// Reason tells of one rule whether and why it permits.
type Reason struct {
	Policy  string `json:"policy"`
	Rule    int    `json:"rule"` // from 1; 0: there is none
	Permits bool   `json:"permits"`
	Part    string `json:"part,omitzero"`
	Text    string `json:"text"`
}

// serveExplain answers a Question of the administrator; everybody else is told
// nothing, not even that there is something to ask.
func (n *Node) serveExplain(w http.ResponseWriter, r *http.Request) {
	if !n.administers(w, r) {
		return
	}
	var q Question
	if err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, maxQuestion), &q, json.RejectUnknownMembers(true)); err != nil {
		http.Error(w, "not a question: "+err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := Explain(r.Context(), n.cse, q)
	if err != nil {
		e := onem2m.AsError(err)
		http.Error(w, e.Debug(), e.Code.HTTP())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.MarshalWrite(w, answer, json.Deterministic(true)); err != nil {
		n.log.DebugContext(r.Context(), "explain", "err", err)
	}
}

// administers reports whether a request is a POST of the administrator, and
// answers any other.
func (n *Node) administers(w http.ResponseWriter, r *http.Request) bool {
	a := httpb.AssociationOf(r.Context())
	admin, _, err := n.cfg.Home().ParseID(n.cfg.CSE.Admin)
	if err != nil || a == nil || len(a.IDs) != 1 || a.IDs[0] != admin {
		http.Error(w, "only the administrator's certificate opens this", http.StatusForbidden)
		return false
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST a question", http.StatusMethodNotAllowed)
		return false
	}
	return true
}

// Explain asks a CSE a Question. Errors are *onem2m.Error and name the member
// of the question that is wrong.
func Explain(ctx context.Context, c *cse.CSE, q Question) (Answer, error) {
	question := cse.Question{
		From: q.From, To: q.To, Authenticated: q.Authenticated == nil || *q.Authenticated,
		ChildType: onem2m.ResourceType(q.Type), Time: q.Time, Links: q.Links,
		RoleIDs: q.Roles, Tokens: q.Tokens, TokenIDs: q.TokenIDs,
	}
	switch strings.ToLower(q.Operation) {
	case "create", "c":
		question.Operation = onem2m.Create
	case "retrieve", "get", "r":
		question.Operation = onem2m.Retrieve
	case "update", "u":
		question.Operation = onem2m.Update
	case "delete", "d":
		question.Operation = onem2m.Delete
	case "notify", "n":
		question.Operation = onem2m.Notify
	case "discovery", "discover":
		question.Operation, question.Discovery = onem2m.Retrieve, true
	default:
		return Answer{}, onem2m.Errorf(onem2m.BadRequest, "operation", "create, retrieve, update, delete, notify or discovery")
	}
	if q.Source != "" {
		addr, err := netip.ParseAddr(q.Source)
		if err != nil {
			return Answer{}, onem2m.Errorf(onem2m.BadRequest, "source", "not an IP address")
		}
		question.Source = addr
	}
	e, err := c.Explain(ctx, question)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Permit: e.Permit, RSC: int(e.Code), Stage: e.Stage, Resource: e.Resource, Governed: e.Governed, Reasons: []Reason{}}
	for _, r := range e.Reasons {
		answer.Reasons = append(answer.Reasons, Reason{Policy: r.Source, Rule: r.Rule + 1, Permits: r.Permits, Part: r.Part, Text: r.Text})
	}
	return answer, nil
}
