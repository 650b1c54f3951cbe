package cse

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// Values of m2m:evalMode.
const (
	evaluateOff = iota
	evaluateOnce
	evaluatePeriodic
	evaluateContinuous
)

// maxActions bounds the actions that are evaluated: a change costs a look at
// each that has the changed resource as its subject.
const maxActions = 10_000

// maxActionsEach bounds those of one principal: nobody takes the room of all.
const maxActionsEach = 1000

// maxPrimitive bounds actionPrimitive in octets: it is read again each time.
const maxPrimitive = 64 << 10

// principal is on whose behalf an action is performed, and how far that has
// got. It is kept beside the resource and is never shown.
type principal struct {
	ID            onem2m.ID `json:"id"` // who set actionPrimitive
	Authenticated bool      `json:"authn,omitzero"`
	Credential    string    `json:"cred,omitzero"`

	Matches int64            `json:"n,omitzero"`    // since evaluation was switched on
	Last    onem2m.Timestamp `json:"last,omitzero"` // when it matched
	Seen    string           `json:"seen,omitzero"` // version of the subject that matched
	Owed    bool             `json:"owed,omitzero"` // matched, and no result is stored yet
}

func actionName(id int64) string { return fmt.Sprintf("action/%d", id) }

func loadPrincipal(r store.Reader, id int64) (*principal, error) {
	data, err := r.Setting(actionName(id))
	if err != nil {
		return nil, err
	}
	p := &principal{}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("state of action %d: %w", id, err)
	}
	return p, nil
}

func savePrincipal(tx store.Tx, id int64, p *principal) error {
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("keep the state of action %d: %w", id, err)
	}
	return tx.SetSetting(actionName(id), data)
}

func actionProcedures() *procedures {
	return &procedures{check: checkAction, created: createdAction, update: updateAction, remove: removeAction}
}

// checkAction: everything that an action names exists, can be read by the
// originator and fits together (C-448).
func checkAction(k *call, r store.Reader, s *subject) error {
	if v := k.draft.attrs.Get("ipu"); v != nil && !k.draft.attrs.IsNull("ipu") {
		return onem2m.Errorf(onem2m.NotImplemented, "ipu", "no input is taken over into the primitive")
	}
	touched := func(names ...string) bool { return s.old == nil || slices.ContainsFunc(names, k.draft.attrs.Has) }
	mode, _ := s.attrs.Int("evm")
	control, controlled := s.attrs.Int("ecp")
	if touched("evm", "ecp") {
		if controlled && (mode == evaluateOff || mode == evaluateOnce) {
			return onem2m.Errorf(onem2m.BadRequest, "ecp", "it is for the modes periodic and continuous")
		}
		if control > maxMillis {
			return onem2m.Errorf(onem2m.BadRequest, "ecp", "too large")
		}
	}
	if mode != evaluateOff {
		if err := k.checkRoom(r, s); err != nil {
			return err
		}
	}
	if touched("sri", "evc") {
		if err := k.checkActionSubject(r, s); err != nil {
			return err
		}
	}
	if touched("orc") {
		id, _ := s.attrs.Text("orc")
		if _, err := k.readable(r, id, "orc"); err != nil {
			return err
		}
	}
	if touched("apv") {
		if _, err := k.checkPrimitive(s.attrs.Get("apv")); err != nil {
			return err
		}
	}
	return k.checkDependencyList(r, s)
}

// checkRoom: the action counts for who sets its primitive, or did.
func (k *call) checkRoom(r store.Reader, s *subject) error {
	who := k.from.ID
	if s.old != nil && !k.draft.attrs.Has("apv") {
		p, err := loadPrincipal(r, s.id)
		if err != nil {
			return err
		}
		who = p.ID
	}
	return k.c.triggers.room(s.id, who)
}

func (k *call) checkActionSubject(r store.Reader, s *subject) error {
	rec, err := k.actionSubject(r, s.attrs, s.parent)
	if err != nil {
		return err
	}
	criteria, _ := s.attrs.Object("evc")
	return k.checkCriteria(rec, criteria)
}

// actionSubject is the resource whose attribute is evaluated: the parent unless
// another one is named.
func (k *call) actionSubject(r store.Reader, attrs onem2m.Object, parent *store.Record) (*store.Record, error) {
	id, named := attrs.Text("sri")
	if !named {
		id = parent.RI
	}
	return k.readable(r, id, "sri")
}

// checkPrimitive reads an actionPrimitive. It is performed on behalf of its
// From, which nobody but the originator can be; with blocking, since a
// non-blocking request would leave the chain of actions that it is counted in;
// and it holds no credentials, which would outlive their purpose.
func (k *call) checkPrimitive(v jsontext.Value) (*onem2m.Request, error) {
	if len(v) > maxPrimitive {
		return nil, onem2m.Errorf(onem2m.BadRequest, "apv", "more than %d octets", maxPrimitive)
	}
	req, err := wire.DecodeRequest(v, wire.Limits{})
	if err != nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "apv", "no request primitive: %s", onem2m.AsError(err).Text)
	}
	if req.Operation == 0 || req.To == "" || req.RequestID == "" {
		return nil, onem2m.Errorf(onem2m.BadRequest, "apv", "op, to and rqi are mandatory")
	}
	if _, err := onem2m.ParseAddress(req.To); err != nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "apv", "to is no address")
	}
	if id, _, err := k.c.Home.ParseID(req.From); err != nil || id != k.from.ID {
		return nil, onem2m.Errorf(onem2m.BadRequest, "apv", "fr isn't the originator")
	}
	if rt := req.ResponseType; rt != nil && *rt != responseBlocking && *rt != responseNone {
		return nil, onem2m.Errorf(onem2m.BadRequest, "apv", "it is performed with blocking")
	}
	if req.ExecutionTime != "" || len(req.Tokens) > 0 || len(req.AuthorSigns) > 0 {
		return nil, onem2m.Errorf(onem2m.BadRequest, "apv", "neither oet nor credentials are stored")
	}
	return req, nil
}

// checkDependencyList: dep names children, each once.
func (k *call) checkDependencyList(r store.Reader, s *subject) error {
	list, given := k.draft.attrs.Texts("dep")
	if !given || s.old == nil {
		return nil
	}
	if len(list) > maxDependencies {
		return onem2m.Errorf(onem2m.BadRequest, "dep", "more than %d dependencies", maxDependencies)
	}
	for _, id := range list {
		if _, err := k.c.dependency(r, s.old, id); err != nil {
			if err = unlessMissing(err); err == nil {
				err = onem2m.Errorf(onem2m.BadRequest, "dep", "no dependency below this action")
			}
			return err
		}
	}
	return nil
}

func createdAction(k *call, tx store.Tx, s *subject) error {
	p := k.principal(tx)
	if err := savePrincipal(tx, s.id, &p); err != nil {
		return err
	}
	return k.armAction(tx, s, &p)
}

// updateAction: a new mode, period or criterion begins evaluation anew; who sets
// the primitive answers for it.
func updateAction(k *call, tx store.Tx, s *subject) error {
	p, err := loadPrincipal(tx, s.id)
	if err != nil {
		return err
	}
	if s.touches("apv") {
		who := k.principal(tx)
		p.ID, p.Authenticated, p.Credential = who.ID, who.Authenticated, who.Credential
		p.Owed = false // what was owed was another primitive
	}
	anew := s.touches("evm") || s.touches("ecp") || s.touches("evc") || s.touches("sri")
	if !anew && !s.touches("apv") && !s.touches("apy") {
		return nil
	}
	if anew {
		p.Matches, p.Last, p.Seen, p.Owed = 0, 0, "", false
	}
	if err := savePrincipal(tx, s.id, p); err != nil {
		return err
	}
	return k.armAction(tx, s, p)
}

// armAction makes an action known to the evaluation, which looks at it at once:
// a criterion that holds already is a match.
func (k *call) armAction(tx store.Tx, s *subject, p *principal) error {
	if mode, _ := s.attrs.Int("evm"); mode == evaluateOff {
		tx.OnCommit(func() { k.c.triggers.disarm(s.id) })
		return nil
	}
	subjectRI, err := k.c.actionSubjectRI(tx, s.attrs, s.parent)
	if err != nil {
		return err
	}
	id, depth, a := s.id, depthOf(tx), armed{subject: subjectRI, priority: priorityOf(s.attrs), who: p.ID}
	tx.OnCommit(func() {
		k.c.triggers.arm(id, a)
		k.c.triggers.ask(id, depth)
	})
	return nil
}

// actionSubjectRI is the resourceID of the subject, "" if it is gone.
func (c *CSE) actionSubjectRI(r store.Reader, attrs onem2m.Object, parent *store.Record) (string, error) {
	id, named := attrs.Text("sri")
	if !named {
		return parent.RI, nil
	}
	address, err := onem2m.ParseAddress(id)
	if err != nil {
		return "", nil //nolint:nilerr // checked when it was set
	}
	path, ok := c.hosted(address)
	if !ok {
		return "", nil
	}
	t, err := c.resolve(r, path, onem2m.TimestampOf(c.Now()))
	if err != nil || t.virtual != "" {
		return "", gone(err)
	}
	return t.rec.RI, nil
}

// priorityOf is actionPriority; without one an action comes last.
func priorityOf(attrs onem2m.Object) int64 {
	if n, given := attrs.Int("apy"); given {
		return n
	}
	return 1<<63 - 1
}

func removeAction(c *CSE, tx store.Tx, rec *store.Record) error {
	id := rec.ID
	tx.OnCommit(func() { c.triggers.disarm(id) })
	return tx.SetSetting(actionName(id), nil)
}
