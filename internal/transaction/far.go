package transaction

import (
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// Far is what the CSE of a <transactionMgmt> knows of one of its <transaction>s
// on another CSE. It is kept between the steps.
type Far struct {
	Target  string           `json:"to"`                 // the resource that the request is for
	Name    string           `json:"rn"`                 // of the <transaction>, below the target
	Address string           `json:"ri,omitzero"`        // as its CSE has told; "" before
	Deletes bool             `json:"deletes,omitzero"`   // the request deletes the target, and the <transaction> with it
	Asked   bool             `json:"asked,omitzero"`     // its CREATE may have reached the CSE
	Commit  bool             `json:"committed,omitzero"` // so may its COMMIT
	State   State            `json:"state,omitzero"`     // as told last; 0: nothing was
	Ends    onem2m.Timestamp `json:"ends,omitzero"`      // when it expires
	Answer  jsontext.Value   `json:"answer,omitzero"`    // response primitive of the request
}

// Outcome is how a step went at one <transaction>.
type Outcome int

// The outcomes.
const (
	Reached Outcome = iota + 1
	Refused         // it isn't where the step leads to, and won't be
	Held            // not now: nothing has happened there
	Unknown         // nobody has told whether it is there
)

// Tell takes the answer to a step, or to a RETRIEVE behind one: how it went, and
// whether only a RETRIEVE can tell. itself says that the CSE of the target has
// answered, and not one on the way; fresh that the step was never sent before.
func (f *Far) Tell(step Control, res *onem2m.Response, itself, fresh bool) Outcome {
	switch {
	case !itself:
		return Unknown
	case res.Code/1000 == 2:
		if res.Content == nil || !f.take(res.Content.Value) {
			return Unknown
		}
		return f.outcome(step)
	case res.Code == onem2m.NotFound && step == Commit && f.Deletes && !fresh:
		f.State = Committed
		f.Answer = jsontext.Value(`{"rsc":2002}`)
		return Reached
	case res.Code == onem2m.IllegalTransactionStateTransitionAttempted, res.Code == onem2m.TransactionProcessingIsIncomplete,
		res.Code == onem2m.Conflict && step == Lock, res.Code == onem2m.RequestTimeout:
		return Unknown
	case res.Code == onem2m.NotFound && step == Abort:
		f.State = Aborted
		return Reached
	}
	return Refused
}

func (f *Far) outcome(step Control) Outcome {
	switch {
	case f.State == step.Reached():
		return Reached
	case f.State == Failed && step == Lock:
		return Held // another transaction has locked the resource
	case f.State == Failed:
		return Refused
	case f.State == Committed || f.State == Aborted:
		return Refused // somebody else has moved it
	}
	return Unknown
}

// take reads a <transaction>.
func (f *Far) take(v jsontext.Value) bool {
	attrs, err := onem2m.ParseObject(v)
	if err != nil {
		return false
	}
	state, ok := attrs.Int("trst")
	if !ok || State(state) < Idle || State(state) > Aborted {
		return false
	}
	f.State = State(state)
	if et, ok := attrs.Time("et"); ok && (f.Ends == 0 || et < f.Ends) {
		f.Ends = et // sooner than it was asked to
	}
	if rsp := attrs.Get("m2m:rsp"); rsp != nil {
		f.Answer = Kept(rsp)
	}
	return true
}

// Extend takes the answer to an UPDATE of expirationTime: the end that the CSE states
// now. It reports whether there is one.
func (f *Far) Extend(res *onem2m.Response) bool {
	if res.Code/1000 != 2 || res.Content == nil {
		return false
	}
	attrs, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		return false
	}
	et, ok := attrs.Time("et")
	if ok {
		f.Ends = et
	}
	return ok
}

// Code is the status code of the answer that the request got, 0 if none has come.
func (f *Far) Code() onem2m.StatusCode { return codeOf(f.Answer) }

func codeOf(v jsontext.Value) onem2m.StatusCode {
	o, err := onem2m.ParseObject(v)
	if err != nil {
		return 0
	}
	code, _ := o.Int("rsc")
	return onem2m.StatusCode(code)
}

// Kept is a response primitive of another CSE as it is kept: without its content
// if it is long, and nothing if it is none.
func Kept(v jsontext.Value) jsontext.Value {
	o, err := onem2m.ParseObject(v)
	code, ok := o.Int("rsc")
	if err != nil || !ok || code < 1000 || code > 9999 {
		return nil
	}
	if len(v) <= maxResponse {
		return v
	}
	short := onem2m.Object{{Name: "rsc", Value: onem2m.IntValue(code)}}
	if rqi, ok := o.Text("rqi"); ok && len(rqi) < maxResponse/2 {
		short.Set("rqi", onem2m.TextValue(rqi))
	}
	return short.Append(nil)
}

// Engaged reports whether the <transaction> may be there and not be over.
func (f *Far) Engaged() bool { return f.Asked && !f.State.Over() }

// Readdressed is a request primitive as it is written for the CSE of its target:
// with the originator and the target in the forms that are valid there.
func Readdressed(primitive jsontext.Value, from, to string) (jsontext.Value, error) {
	o, err := onem2m.ParseObject(primitive)
	if err != nil {
		return nil, err
	}
	o = o.Clone()
	o.Set("fr", onem2m.TextValue(from))
	o.Set("to", onem2m.TextValue(to))
	return o.Append(nil), nil
}
