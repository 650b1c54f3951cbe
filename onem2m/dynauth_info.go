package onem2m

import (
	"github.com/go-json-experiment/json/jsontext"
)

// DASInfo is one server of a Token Request Information: where an originator may
// ask for tokens, and with what. Of Request and Secured there is at most one.
type DASInfo struct {
	URI     string      // uri
	Request *DASRequest // dreq; nil when absent
	Secured string      // sdr: the same in a JWE for the server; "" when absent
}

// TokenRequestInfo is m2m:dynAuthTokenReqInfo (TS-0004 clause 6.3.5.45), the
// Token Request Information of a refusal.
type TokenRequestInfo []DASInfo

// ParseTokenRequestInfo reads an m2m:dynAuthTokenReqInfo, which must be
// canonical JSON. It names one server or more.
func ParseTokenRequestInfo(v jsontext.Value) (TokenRequestInfo, error) {
	list, err := readEntries(v, "tqf", "dasi")
	if err != nil {
		return nil, err
	}
	out := make(TokenRequestInfo, 0, len(list))
	for _, entry := range list {
		m := readMembers(entry, "dasi")
		info := DASInfo{URI: m.text("uri", &dataXsAnyURI, true), Secured: m.text("sdr", &dataM2mDynAuthJWT, false)}
		plain := m.value("dreq", nil, false)
		if err := m.end(); err != nil {
			return nil, err
		}
		if plain != nil {
			if info.Request, err = ParseDASRequest(plain); err != nil {
				return nil, err
			}
		}
		out = append(out, info)
	}
	return out, nil
}

// Value writes the message as canonical JSON.
func (t TokenRequestInfo) Value() jsontext.Value {
	list := make([]jsontext.Value, 0, len(t))
	for i := range t {
		w := memberWriter{}
		w.text("uri", t[i].URI)
		if t[i].Request != nil {
			w.value("dreq", t[i].Request.Value())
		}
		w.text("sdr", t[i].Secured)
		list = append(list, w.Append(nil))
	}
	return writeEntries("dasi", list)
}

// TokenAssignment is a Local-Token-ID that a CSE has given a token.
type TokenAssignment struct {
	Local   string // lti
	TokenID string // tkid
}

// TokenAssignments is m2m:dynAuthLocalTokenIdAssignments (TS-0004 clause
// 6.3.5.43), the Assigned Token Identifiers of a response.
type TokenAssignments []TokenAssignment

// ParseTokenAssignments reads an m2m:dynAuthLocalTokenIdAssignments, which must
// be canonical JSON. It holds one assignment or more.
func ParseTokenAssignments(v jsontext.Value) (TokenAssignments, error) {
	list, err := readEntries(v, "ati", "ltia")
	if err != nil {
		return nil, err
	}
	out := make(TokenAssignments, 0, len(list))
	for _, entry := range list {
		m := readMembers(entry, "ltia")
		a := TokenAssignment{Local: m.text("lti", &dataXsNCName, true), TokenID: m.text("tkid", &dataM2mTokenID, true)}
		if err := m.end(); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// Value writes the message as canonical JSON.
func (t TokenAssignments) Value() jsontext.Value {
	list := make([]jsontext.Value, 0, len(t))
	for _, a := range t {
		list = append(list, Object{{Name: "lti", Value: TextValue(a.Local)}, {Name: "tkid", Value: TextValue(a.TokenID)}}.Append(nil))
	}
	return writeEntries("ltia", list)
}

// TokenSummary is m2m:dynAuthTokenSummary (TS-0004 clause 6.3.5.44): what a
// server tells an originator about a token that it doesn't hand over.
type TokenSummary struct {
	ID        string    // tkid
	NotBefore Timestamp // tknb
	NotAfter  Timestamp // tkna
	Name      string    // tknm; "" when absent
	Audience  []string  // tkau; nil when absent
}

// ParseTokenSummary reads an m2m:dynAuthTokenSummary, which must be canonical
// JSON.
func ParseTokenSummary(v jsontext.Value) (*TokenSummary, error) {
	m := readMembers(v, "dynAuthTokenSummary")
	s := &TokenSummary{ID: m.text("tkid", &dataM2mTokenID, true)}
	s.NotBefore, _ = ParseTimestamp(m.text("tknb", &dataM2mTimestamp, true))
	s.NotAfter, _ = ParseTimestamp(m.text("tkna", &dataM2mTimestamp, true))
	s.Name = m.text("tknm", &dataXsString, false)
	s.Audience = m.texts("tkau", &dataListOfM2mID)
	if err := m.end(); err != nil {
		return nil, err
	}
	return s, nil
}

// Value writes the message as canonical JSON.
func (s *TokenSummary) Value() jsontext.Value {
	w := memberWriter{}
	w.text("tkid", s.ID)
	w.value("tknb", TimeValue(s.NotBefore))
	w.value("tkna", TimeValue(s.NotAfter))
	w.text("tknm", s.Name)
	w.texts("tkau", s.Audience)
	return w.Append(nil)
}

// readEntries reads an object whose only member is a list that isn't empty.
func readEntries(v jsontext.Value, subject, name string) ([]jsontext.Value, error) {
	m := readMembers(v, subject)
	value := m.value(name, nil, true)
	if err := m.end(); err != nil {
		return nil, err
	}
	list, err := ParseList(value)
	switch {
	case err != nil || len(list) == 0:
		return nil, Errorf(BadRequest, name, "the value must be a list of one entry or more")
	case len(list) > MaxGrantList:
		return nil, Errorf(BadRequest, name, "the list holds at most %d entries", MaxGrantList)
	}
	return list, nil
}

func writeEntries(name string, list []jsontext.Value) jsontext.Value {
	all := []byte{'['}
	for i, v := range list {
		if i > 0 {
			all = append(all, ',')
		}
		all = append(all, v...)
	}
	return Object{{Name: name, Value: append(all, ']')}}.Append(nil)
}
