package onem2m

import (
	"net/netip"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxGrantList bounds every list in a message of dynamic authorization: roles,
// tokens, signatures, servers. The texts have no bound; more than this is no
// honest message.
const MaxGrantList = 128

// DASRequest is m2m:dynAuthDasRequest (TS-0004 clause 6.3.5.46): what a Hosting
// CSE tells a Dynamic Authorization Server about a request that it would have to
// refuse. Times and identifiers are as sent.
type DASRequest struct {
	Originator       string         // or
	TargetType       ResourceType   // trt; 0 when absent
	Operation        Operation      // op
	IP               netip.Addr     // oip; invalid when absent
	Location         jsontext.Value // olo, m2m:locationRegion; nil when absent
	Roles            []string       // orid: Role-IDs of the originator
	RequestTime      string         // rts, m2m:absRelTimestamp
	Target           string         // trid
	ProposedLifetime string         // ppl, m2m:absRelTimestamp
	ACPRoles         []string       // rfa: Role-IDs of which one would be enough
	TokenIDs         []string       // tids
	AuthorSign       *bool          // asi; nil when absent
}

// ParseDASRequest reads an m2m:dynAuthDasRequest, which must be canonical JSON.
// A member that the type doesn't have, and one of the wrong type, is 4000; "org"
// is taken for "or" as some implementations write it (C-36).
func ParseDASRequest(v jsontext.Value) (*DASRequest, error) {
	m := readMembers(v, "dreq")
	r := &DASRequest{}
	if m.has("or") || !m.has("org") {
		r.Originator = m.text("or", &dataM2mID, true)
	} else {
		r.Originator = m.text("org", &dataM2mID, true)
	}
	r.TargetType = ResourceType(m.number("trt", &dataM2mResourceType, false))
	r.Operation = Operation(m.number("op", &dataM2mOperation, true))
	r.IP = m.address("oip")
	r.Location = m.value("olo", &dataM2mLocationRegion, false)
	r.Roles = m.texts("orid", &dataListOfM2mRoleID)
	r.RequestTime = m.time("rts")
	r.Target = m.text("trid", &dataXsAnyURI, true)
	r.ProposedLifetime = m.time("ppl")
	r.ACPRoles = m.texts("rfa", &dataListOfM2mRoleID)
	r.TokenIDs = m.texts("tids", &dataListOfM2mTokenID)
	r.AuthorSign = m.flag("asi")
	if err := m.end(); err != nil {
		return nil, err
	}
	return r, nil
}

// Value writes the message as canonical JSON.
func (r *DASRequest) Value() jsontext.Value {
	w := memberWriter{}
	w.text("or", r.Originator)
	w.number("trt", int64(r.TargetType))
	w.number("op", int64(r.Operation))
	if r.IP.IsValid() {
		name, ip := "ip6", r.IP.Unmap().WithZone("")
		if ip.Is4() {
			name = "ip4"
		}
		w.value("oip", Object{{Name: name, Value: TextValue(ip.String())}}.Append(nil))
	}
	w.value("olo", r.Location)
	w.texts("orid", r.Roles)
	w.text("rts", r.RequestTime)
	w.text("trid", r.Target)
	w.text("ppl", r.ProposedLifetime)
	w.texts("rfa", r.ACPRoles)
	w.texts("tids", r.TokenIDs)
	w.flag("asi", r.AuthorSign)
	return w.Append(nil)
}

// DASResponse is m2m:dynAuthDasResponse (TS-0004 clause 6.3.5.47): what a
// Dynamic Authorization Server grants. Without privileges and tokens it is
// nothing.
type DASResponse struct {
	DynamicACP  bool           // dai is present
	Privileges  jsontext.Value // dai.gp, m2m:setOfAcrs; nil when absent
	Lifetime    string         // dai.pl, m2m:absRelTimestamp; "" when absent
	Tokens      []string       // tkns
	SignRequest *bool          // asri; nil when absent
}

// ParseDASResponse reads an m2m:dynAuthDasResponse, which must be canonical
// JSON. The tokens may stand inside dai, as TS-0003 has it, and gp may be the
// bare list of rules; what stands in two places is 4000 (C-38), like a member
// that the type doesn't have and one of the wrong type.
func ParseDASResponse(v jsontext.Value) (*DASResponse, error) {
	m := readMembers(v, "dres")
	r := &DASResponse{}
	dai := m.value("dai", nil, false)
	r.Tokens = m.texts("tkns", &dataListOfM2mDynAuthJWT)
	r.SignRequest = m.flag("asri")
	if err := m.end(); err != nil {
		return nil, err
	}
	if dai != nil {
		if err := r.readACPInfo(dai); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// readACPInfo reads dynamicACPInfo.
func (r *DASResponse) readACPInfo(dai jsontext.Value) error {
	m := readMembers(dai, "dai")
	r.DynamicACP = true
	if list := m.members.Get("gp"); len(list) > 0 && list[0] == '[' {
		m.members.Set("gp", Object{{Name: "acr", Value: list}}.Append(nil))
	}
	r.Privileges = m.value("gp", &dataM2mSetOfAcrs, false)
	r.Lifetime = m.time("pl")
	inside := m.texts("tkns", &dataListOfM2mDynAuthJWT)
	if err := m.end(); err != nil {
		return err
	}
	if inside != nil && r.Tokens != nil {
		return Errorf(BadRequest, "tkns", "the tokens are given twice")
	}
	if inside != nil {
		r.Tokens = inside
	}
	return nil
}

// Value writes the message as canonical JSON, in the form of TS-0004.
func (r *DASResponse) Value() jsontext.Value {
	w := memberWriter{}
	if r.DynamicACP || r.Privileges != nil || r.Lifetime != "" {
		dai := memberWriter{}
		dai.value("gp", r.Privileges)
		dai.text("pl", r.Lifetime)
		w.value("dai", dai.Append(nil))
	}
	w.texts("tkns", r.Tokens)
	w.flag("asri", r.SignRequest)
	return w.Append(nil)
}

// Grants reports whether the response holds anything that could permit a
// request.
func (r *DASResponse) Grants() bool { return r.Privileges != nil || len(r.Tokens) > 0 }

// RelationRequest is m2m:dynAuthRelMapRequest (TS-0004 clause 6.3.5.58): an AE's
// signatures over its tokens for the record at the server, or, with SignRequest,
// the question for the signatures that are recorded.
type RelationRequest struct {
	Originator  string   // or; "" when absent
	TokenIDs    []string // tids
	Tokens      []string // tkns
	Signatures  []string // aus: one per token, tkns before tids (C-27)
	SignRequest *bool    // asri; nil when absent
}

// ParseRelationRequest reads an m2m:dynAuthRelMapRequest, which must be
// canonical JSON. Without tokens and Token-IDs it is 4000.
func ParseRelationRequest(v jsontext.Value) (*RelationRequest, error) {
	m := readMembers(v, "darq")
	r := &RelationRequest{
		Originator: m.text("or", &dataM2mID, false),
		TokenIDs:   m.texts("tids", &dataListOfM2mTokenID),
		Tokens:     m.texts("tkns", &dataListOfM2mDynAuthJWT),
		Signatures: m.signatures("aus"),
	}
	r.SignRequest = m.flag("asri")
	if err := m.end(); err != nil {
		return nil, err
	}
	if len(r.TokenIDs)+len(r.Tokens) == 0 {
		return nil, errNoTokens("darq")
	}
	return r, nil
}

func errNoTokens(subject string) *Error {
	return Errorf(BadRequest, subject, "neither tokens nor Token-IDs are given")
}

// Value writes the message as canonical JSON.
func (r *RelationRequest) Value() jsontext.Value {
	w := memberWriter{}
	w.text("or", r.Originator)
	w.texts("tids", r.TokenIDs)
	w.texts("tkns", r.Tokens)
	w.texts("aus", r.Signatures)
	w.flag("asri", r.SignRequest)
	return w.Append(nil)
}

// RelationResponse is m2m:dynAuthRelMapResponse (TS-0004 clause 6.3.5.59): the
// recorded signatures, none when there is no record.
type RelationResponse struct {
	TokenIDs    []string // tids
	Tokens      []string // tkns
	SignRequest *bool    // asri; nil when absent
	Signatures  []string // signature, which has no short name: one per token, tkns before tids
}

// ParseRelationResponse reads an m2m:dynAuthRelMapResponse, which must be
// canonical JSON; "sig" is taken for "signature" (C-27). Without tokens and
// Token-IDs it is 4000.
func ParseRelationResponse(v jsontext.Value) (*RelationResponse, error) {
	m := readMembers(v, "dars")
	r := &RelationResponse{TokenIDs: m.texts("tids", &dataListOfM2mTokenID), Tokens: m.texts("tkns", &dataListOfM2mDynAuthJWT)}
	r.SignRequest = m.flag("asri")
	name := "signature"
	if !m.has(name) {
		name = "sig"
	}
	r.Signatures = m.signatures(name)
	if err := m.end(); err != nil {
		return nil, err
	}
	if len(r.TokenIDs)+len(r.Tokens) == 0 {
		return nil, errNoTokens("dars")
	}
	return r, nil
}

// Value writes the message as canonical JSON.
func (r *RelationResponse) Value() jsontext.Value {
	w := memberWriter{}
	w.texts("tids", r.TokenIDs)
	w.texts("tkns", r.Tokens)
	w.flag("asri", r.SignRequest)
	w.texts("signature", r.Signatures)
	return w.Append(nil)
}
