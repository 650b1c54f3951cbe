package cse

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/federation"
	"bulwark/internal/store"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// span is what a <transactionMgmt> has on other CSEs. A step is taken in three
// parts: in the writer what is on this CSE, then, with nothing held, what other
// CSEs are asked, and in the writer again what came of it. Each part can be
// repeated, so that a crash between them does no harm.
//
// What is executed on this CSE is rehearsed before another one is told to
// commit, and committed when all others have: nothing is committed here that
// another CSE may still refuse. Until the first of them has committed, or may
// have, everything can be given up; from then on the rest is brought to its end.
type span struct {
	Who     jsontext.Value           `json:"who"` // the witness
	Far     map[int]*transaction.Far `json:"far"` // by the position of the request
	Going   transaction.Control      `json:"going,omitzero"`
	Here    bool                     `json:"here,omitzero"`    // this CSE has done its part of the step
	Answers map[int]jsontext.Value   `json:"answers,omitzero"` // response primitives by position
	Waits   int64                    `json:"waits,omitzero"`   // how often a CSE that has to commit wasn't reached

	Prolonged onem2m.Timestamp `json:"prolonged,omitzero"` // when more time was asked for last
}

// elsewhere reports whether a target is on another CSE, and by which address it
// is asked for. An AE of the whole SP is where the IN-CSE knows it to be.
func (c *CSE) elsewhere(r store.Reader, to string) (address string, far bool, err error) {
	a, err := onem2m.ParseAddress(to)
	if err != nil {
		return "", false, onem2m.Errorf(onem2m.BadRequest, "rqps", "to is no address")
	}
	path, here := c.hosted(a)
	switch {
	case !here:
		return a.String(), true, nil
	case a.Local(c.Home):
		return "", false, nil
	}
	rec, err := r.ByRI(path[0])
	if errors.Is(err, store.ErrNotFound) {
		return a.String(), c.Type != IN, nil // the registrar knows better
	}
	switch {
	case err != nil:
		return "", false, err
	case rec.Type != onem2m.TypeAEAnnc || c.Type != IN:
		return "", false, nil
	}
	address, err = linkOf(rec)
	return address, err == nil, err
}

// engageSpan finds out which targets of a new <transactionMgmt> are on other CSEs.
func (k *call) engageSpan(r store.Reader, b *bargain, primitives []jsontext.Value) error {
	far := map[int]*transaction.Far{}
	for i, v := range primitives {
		req, err := transaction.Decode(v, "rqps")
		if err != nil {
			return err
		}
		to, is, err := k.c.elsewhere(r, req.To)
		if err != nil {
			return err
		}
		if is {
			far[i] = &transaction.Far{Target: to, Deletes: req.Operation == onem2m.Delete}
		}
	}
	if len(far) == 0 {
		return nil
	}
	who, err := k.witness()
	if err != nil {
		return err
	}
	b.Span = &span{Who: who, Far: far}
	return nil
}

// positions are those of the requests that other CSEs carry out, in their order.
func (s *span) positions() []int { return slices.Sorted(maps.Keys(s.Far)) }

// begin begins a step: what other CSEs are asked is asked later, when nothing is
// held.
func (m *manager) begin(control transaction.Control) {
	s := m.bargain.Span
	m.attrs.Set("tctl", onem2m.IntValue(int64(control)))
	m.bargain.Again = 0
	s.Going, s.Here, s.Waits = control, false, 0
	if control == transaction.Execute {
		s.Answers = nil
	}
	if control == transaction.Lock {
		s.Answers = nil
		token := string(m.c.names.appendTail([]byte("t-"), 12))
		life := max(m.now, mgmtPlan(*m.attrs).Latest()) + micros(maxLocked)
		if expire := mgmtPlan(*m.attrs).Expire; expire != 0 {
			life = min(life, expire+micros(commitMargin)) // it is aborted at expire
		}
		s.Prolonged = 0
		for i, f := range s.Far {
			s.Far[i] = &transaction.Far{Target: f.Target, Deletes: f.Deletes, Name: token + "-" + strconv.Itoa(i), Ends: life}
		}
	}
}

// end ends a step: judge says what comes of it.
func (m *manager) end(control transaction.Control, failed []*onem2m.Response) error {
	s := m.bargain.Span
	s.Going, s.Here, m.bargain.Again = 0, false, 0
	if control == transaction.Lock && len(failed) > 0 {
		if err := m.c.removeParts(m.tx, m.bargain.Parts); err != nil {
			return err
		}
		if err := m.farewell(transaction.Abort); err != nil {
			return err
		}
		m.answer(failed)
	}
	m.judge(control, failed)
	return nil
}

// merge takes what other CSEs have told, and shows it.
func (m *manager) merge(step transaction.Control, far map[int]*transaction.Far) {
	s := m.bargain.Span
	for i, f := range far {
		s.Far[i] = f
		if f.Answer != nil && step != transaction.Abort {
			s.keepAnswer(i, f.Answer)
		}
	}
	m.showAnswers()
}

func (s *span) keepAnswer(i int, v jsontext.Value) {
	if s.Answers == nil {
		s.Answers = map[int]jsontext.Value{}
	}
	s.Answers[i] = v
}

// showAnswers makes responsePrimitives of what has come, in the order of the
// requests.
func (m *manager) showAnswers() {
	var list []jsontext.Value
	for _, i := range slices.Sorted(maps.Keys(m.bargain.Span.Answers)) {
		list = append(list, m.bargain.Span.Answers[i])
	}
	if len(list) > 0 {
		m.attrs.Set("rsps", transaction.Aggregate(list))
	}
}

// farewell takes leave of the <transaction>s on other CSEs: they are owed the
// control, where they aren't over, and their deletion. Those CSEs that can't be
// told end them when their time is over.
func (m *manager) farewell(control transaction.Control) error {
	return m.c.farewell(m.tx, m.bargain.Span, control)
}

func (c *CSE) farewell(tx store.Tx, s *span, control transaction.Control) error {
	var owed []debt
	for _, i := range s.positions() {
		f := s.Far[i]
		if f.Asked {
			one := debt{Address: cmp.Or(f.Address, f.Target+"/"+f.Name), Who: s.Who, Due: c.instant()}
			if f.Engaged() {
				one.Control = control
			}
			owed = append(owed, one)
		}
		s.Far[i] = &transaction.Far{Target: f.Target, Deletes: f.Deletes}
	}
	if len(owed) == 0 {
		return nil
	}
	err := c.addDebts(tx, owed)
	if err != nil && onem2m.AsError(err).Code == onem2m.InternalServerError {
		c.Log.Warn("transactions on other CSEs are left to their time", "count", len(owed), "err", err)
		return nil
	}
	return err
}

// spread reports whether something of the transaction is on other CSEs still.
func (s *span) spread() bool {
	if s != nil {
		for _, f := range s.Far {
			if f.Asked {
				return true
			}
		}
	}
	return false
}

// going reports whether a step is on its way to other CSEs.
func (b *bargain) going() bool { return b.Span != nil && b.Span.Going != 0 }

// hostOf is the CSE of a target.
func (c *CSE) hostOf(to string) onem2m.ID {
	a, err := onem2m.ParseAddress(to)
	if err != nil {
		return ""
	}
	return a.Host(c.Home)
}

// namedAt is an identifier of this CSE as the CSE of a target reads it.
func (c *CSE) namedAt(ri string, host onem2m.ID) string {
	if host.SP() != c.Home.SP {
		return c.Home.SP + c.reference(ri)
	}
	return c.reference(ri)
}

// draft is the <transaction> that the CSE of a target is to make.
func (m *manager) draft(i int, f *transaction.Far) (onem2m.Object, error) {
	host := m.c.hostOf(f.Target)
	from := federation.Widened(m.bargain.Who.ID, m.c.Home, host)
	primitive, err := transaction.Readdressed(m.primitives[i], from, f.Target)
	if err != nil {
		return nil, err
	}
	attrs := onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue(f.Name)},
		{Name: "tid", Value: onem2m.TextValue(m.c.namedAt(m.ri, host))},
		{Name: "et", Value: onem2m.TimeValue(f.Ends)},
		{Name: "m2m:rqp", Value: primitive},
	}
	if v := m.attrs.Get("tltp"); v != nil {
		attrs.Set("tltp", v)
	}
	return attrs, nil
}

// addressOf is the address that the CSE of a target tells of a <transaction>
// that it has made; "" if it says that it is elsewhere.
func (c *CSE) addressOf(f *transaction.Far, ri string) string {
	host, err := onem2m.ParseAddress(f.Target)
	if err != nil || ri == "" {
		return ""
	}
	if !strings.HasPrefix(ri, "/") {
		ri = host.SP + host.CSE + "/" + ri
	}
	a, err := onem2m.ParseAddress(ri)
	if err != nil || a.Host(c.Home) != host.Host(c.Home) && !wholeSP(host.Host(c.Home)) {
		return ""
	}
	return ri
}
