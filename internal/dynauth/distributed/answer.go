package distributed

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// Bounds of one answer.
const (
	maxAnswer   = 128 << 10 // octets
	maxPolicies = 100       // rule sets of a policy point
	maxHeld     = 100       // roles, and tokens, of an information point
)

// permitOverrides is the only m2m:acpCombiningAlgorithm.
const permitOverrides = 1

// Values of m2m:authorizationDecision.
const (
	permit = 1
	deny   = 2
)

// Verdict is an access control decision response (TS-0003 clause 7.5.2).
type Verdict struct {
	Status Status
	Permit bool // only with OK
}

// Content is the verdict as a decision point answers it: a decision with the
// status OK alone.
func (v Verdict) Content() *onem2m.Content {
	o := onem2m.Object{{Name: "sus", Value: onem2m.IntValue(int64(v.Status))}}
	if v.Status == OK {
		decision := int64(deny)
		if v.Permit {
			decision = permit
		}
		o = append(onem2m.Object{{Name: "dec", Value: onem2m.IntValue(decision)}}, o...)
	}
	return &onem2m.Content{Name: Decision.Root(), Value: o.Append(nil)}
}

// Policies is an access control policy response (TS-0003 clause 7.5.3).
type Policies struct {
	Status Status
	Sets   []jsontext.Value // m2m:setOfAcrs each; only with OK
}

// Content is the answer of a policy point.
func (p Policies) Content() *onem2m.Content {
	o := onem2m.Object{{Name: "sus", Value: onem2m.IntValue(int64(p.Status))}}
	if p.Status == OK {
		sets := onem2m.Object{{Name: "pv", Value: list(p.Sets)}}
		o = append(onem2m.Object{
			{Name: "ps", Value: sets.Append(nil)}, {Name: "ca", Value: onem2m.IntValue(permitOverrides)},
		}, o...)
	}
	return &onem2m.Content{Name: Policy.Root(), Value: o.Append(nil)}
}

// Held is an access control information response (TS-0003 clause 7.5.4): the
// <role> and <token> resources of an originator as objects.
type Held struct {
	Status Status
	Roles  []onem2m.Object
	Tokens []onem2m.Object
}

// Content is the answer of an information point.
func (h Held) Content() *onem2m.Content {
	o := onem2m.Object{{Name: "sus", Value: onem2m.IntValue(int64(h.Status))}}
	if h.Status == OK {
		for name, all := range map[string][]onem2m.Object{"m2m:rol": h.Roles, "m2m:tk": h.Tokens} {
			if len(all) == 0 {
				continue
			}
			values := make([]jsontext.Value, 0, len(all))
			for _, one := range all {
				values = append(values, one.Append(nil))
			}
			o = append(o, onem2m.Member{Name: name, Value: list(values)})
		}
	}
	return &onem2m.Content{Name: Information.Root(), Value: o.Append(nil)}
}

func list(values []jsontext.Value) jsontext.Value {
	out := []byte{'['}
	for i, v := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, v...)
	}
	return append(out, ']')
}

var errNoAnswer = errors.New("no answer of a point of this kind")

// readAnswer takes the attributes and the status out of the response to a
// question. Members that nobody knows are passed over.
func readAnswer(kind Kind, res *onem2m.Response) (onem2m.Object, Status, error) {
	switch {
	case res == nil:
		return nil, 0, errNoAnswer
	case res.Code != onem2m.Updated:
		return nil, 0, fmt.Errorf("it answers %d", res.Code)
	case res.Content == nil || res.Content.Name != kind.Root() || len(res.Content.Value) > maxAnswer:
		return nil, 0, errNoAnswer
	}
	o, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		return nil, 0, err
	}
	n, ok := o.Int("sus")
	if status := Status(n); ok && status >= OK && status <= ProcessingError {
		return o, status, nil
	}
	return nil, 0, errNoAnswer
}

// ParseVerdict reads the response of a decision point. A decision beside
// another status than OK, and OK without a decision, is no answer.
func ParseVerdict(res *onem2m.Response) (Verdict, error) {
	o, status, err := readAnswer(Decision, res)
	if err != nil {
		return Verdict{}, err
	}
	n, ok := o.Int("dec")
	if status != OK {
		if o.Has("dec") {
			return Verdict{}, errNoAnswer
		}
		return Verdict{Status: status}, nil
	}
	if !ok || n != permit && n != deny {
		return Verdict{}, errNoAnswer
	}
	return Verdict{Status: OK, Permit: n == permit}, nil
}

// ParsePolicies reads the response of a policy point. The sets are read by who
// enforces them; an unknown combining algorithm is no answer.
func ParsePolicies(res *onem2m.Response) (Policies, error) {
	o, status, err := readAnswer(Policy, res)
	if err != nil || status != OK {
		return Policies{Status: status}, err
	}
	if n, ok := o.Int("ca"); !ok || n != permitOverrides {
		return Policies{}, errors.New("it combines its policies in an unknown way")
	}
	ps, _ := o.Object("ps")
	sets, err := onem2m.ParseList(ps.Get("pv"))
	if err != nil || len(sets) == 0 || len(sets) > maxPolicies {
		return Policies{}, errNoAnswer
	}
	return Policies{Status: OK, Sets: sets}, nil
}

// ParseHeld reads the response of an information point. What the roles and
// tokens are worth is found out by who uses them.
func ParseHeld(res *onem2m.Response) (Held, error) {
	o, status, err := readAnswer(Information, res)
	if err != nil || status != OK {
		return Held{Status: status}, err
	}
	h := Held{Status: OK}
	for name, all := range map[string]*[]onem2m.Object{"m2m:rol": &h.Roles, "m2m:tk": &h.Tokens} {
		if !o.Has(name) {
			continue
		}
		list, ok := o.Objects(name)
		if !ok || len(list) > maxHeld {
			return Held{}, errNoAnswer
		}
		*all = list
	}
	return h, nil
}
