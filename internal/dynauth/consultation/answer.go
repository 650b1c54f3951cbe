package consultation

import (
	"fmt"

	"bulwark/onem2m"
)

// Values of m2m:securityInfoType (TS-0004 clause 6.3.4.2.33).
const (
	TypeRequest          = 1
	TypeResponse         = 2
	TypeRelationRequest  = 7
	TypeRelationResponse = 8
)

// root is the element of every message of security.
const root = "m2m:seci"

// Request makes the Content of a question about a request.
func Request(r *onem2m.DASRequest) *onem2m.Content {
	return envelope(TypeRequest, "dreq", r.Value())
}

// RelationRequest makes the Content of a question about, or a record of,
// signatures.
func RelationRequest(r *onem2m.RelationRequest) *onem2m.Content {
	return envelope(TypeRelationRequest, "darq", r.Value())
}

func envelope(sit int64, name string, value []byte) *onem2m.Content {
	o := onem2m.Object{{Name: "sit", Value: onem2m.IntValue(sit)}, {Name: name, Value: value}}
	return &onem2m.Content{Name: root, Value: o.Append(nil)}
}

// ReadResponse reads the answer to a Request. A refusal and an answer without
// Content grant nothing, which is no error; another type of message, and one that
// can't be read, is an error and grants nothing either. dynamicACPInfo
// may stand beside dasResponse, as some servers have it, but not in both places
// (C-38).
func ReadResponse(res *onem2m.Response) (*onem2m.DASResponse, error) {
	inner, err := read(res, TypeResponse, "dres", "dai")
	if err != nil || inner == nil {
		return &onem2m.DASResponse{}, err
	}
	outside := inner.Get("dai")
	value := inner.Get("dres")
	if value == nil && outside != nil {
		value = onem2m.Object{{Name: "dai", Value: outside}}.Append(nil)
		outside = nil
	}
	if value == nil {
		return &onem2m.DASResponse{}, nil
	}
	answer, err := onem2m.ParseDASResponse(value)
	switch {
	case err != nil:
		return &onem2m.DASResponse{}, err
	case outside != nil && answer.DynamicACP:
		return &onem2m.DASResponse{}, onem2m.Errorf(onem2m.BadRequest, "dai", "the member is given twice")
	case outside != nil:
		merged := onem2m.Object{{Name: "dai", Value: outside}}
		if answer.Tokens != nil {
			merged.Set("tkns", onem2m.TextsValue(answer.Tokens))
		}
		if answer.SignRequest != nil {
			merged.Set("asri", onem2m.BoolValue(*answer.SignRequest))
		}
		if answer, err = onem2m.ParseDASResponse(merged.Append(nil)); err != nil {
			return &onem2m.DASResponse{}, err
		}
	}
	return answer, nil
}

// ReadRelationResponse reads the answer to a question for signatures: nil when
// there are none.
func ReadRelationResponse(res *onem2m.Response) (*onem2m.RelationResponse, error) {
	inner, err := read(res, TypeRelationResponse, "dars", "")
	if err != nil || inner == nil {
		return nil, err
	}
	answer, err := onem2m.ParseRelationResponse(inner.Get("dars"))
	if err != nil || len(answer.Signatures) == 0 {
		return nil, err
	}
	if len(answer.Signatures) != len(answer.Tokens)+len(answer.TokenIDs) {
		return nil, fmt.Errorf("%d signatures for %d tokens", len(answer.Signatures), len(answer.Tokens)+len(answer.TokenIDs))
	}
	return answer, nil
}

// read returns the members of a message of a type, nil for none.
func read(res *onem2m.Response, sit int64, name, other string) (onem2m.Object, error) {
	if res.Code/1000 != 2 || res.Content == nil {
		return nil, nil
	}
	if res.Content.Name != root {
		return nil, fmt.Errorf("the answer is a %.40q", res.Content.Name)
	}
	o, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		return nil, err
	}
	if got, ok := o.Int("sit"); !ok || got != sit {
		return nil, fmt.Errorf("the answer is no message of type %d", sit)
	}
	seen := map[string]bool{}
	for _, m := range o {
		if seen[m.Name] || m.Name != "sit" && m.Name != name && m.Name != other {
			return nil, fmt.Errorf("the answer has a member %.40q too many", m.Name)
		}
		seen[m.Name] = true
	}
	return o, nil
}
