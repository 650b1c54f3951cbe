package onem2m

import (
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// SecurityInfoType is a value of m2m:securityInfoType.
type SecurityInfoType int64

// The types of security information (TS-0004 clause 6.3.4.2.34).
const (
	SecurityDasRequest     SecurityInfoType = 1 // to a Dynamic Authorization System
	SecurityDasResponse    SecurityInfoType = 2 // its answer
	SecurityRandRequest    SecurityInfoType = 3 // asks for a receiverESPrimRandObject
	SecurityRandResponse   SecurityInfoType = 4 // has it
	SecurityESPrim         SecurityInfoType = 5 // an ESPrim Object, in a request or a response
	SecurityESCertKE       SecurityInfoType = 6 // a message of an ESCertKE, in a request or a response
	SecurityRelMapRequest  SecurityInfoType = 7 // about the relationship between tokens and who holds them
	SecurityRelMapResponse SecurityInfoType = 8 // its answer
)

// SecurityInfoName is the root element of security information.
const SecurityInfoName = "m2m:seci"

// MaxESCertKEMessage bounds one message of an ESCertKE in octets: a flight of a
// handshake with chains of certificates fits several times over (E-110).
const MaxESCertKEMessage = 16 << 10

// SecurityInfo is m2m:securityInfo (TS-0004 clause 6.3.5.48): the Content of a
// NOTIFY, and of its answer, that is about security. Of the members only the one
// that belongs to the type is present; all are canonical JSON.
type SecurityInfo struct {
	SIT                   SecurityInfoType // sit
	DasRequest            jsontext.Value   // dreq, with type 1
	DasResponse           jsontext.Value   // dres, with type 2
	RandObject            jsontext.Value   // ero, with type 4
	ESPrimObject          jsontext.Value   // epo, with type 5
	ESCertKEMessage       jsontext.Value   // eckm, with type 6
	DynAuthRelMapRequest  jsontext.Value   // darq, with type 7
	DynAuthRelMapResponse jsontext.Value   // dars, with type 8
}

// securityMembers names the member of each type; "" for the one that has none.
var securityMembers = [...]string{
	SecurityDasRequest: "dreq", SecurityDasResponse: "dres", SecurityRandRequest: "", SecurityRandResponse: "ero",
	SecurityESPrim: "epo", SecurityESCertKE: "eckm", SecurityRelMapRequest: "darq", SecurityRelMapResponse: "dars",
}

func (s *SecurityInfo) member() *jsontext.Value {
	switch s.SIT {
	case SecurityDasRequest:
		return &s.DasRequest
	case SecurityDasResponse:
		return &s.DasResponse
	case SecurityRandResponse:
		return &s.RandObject
	case SecurityESPrim:
		return &s.ESPrimObject
	case SecurityESCertKE:
		return &s.ESCertKEMessage
	case SecurityRelMapRequest:
		return &s.DynAuthRelMapRequest
	case SecurityRelMapResponse:
		return &s.DynAuthRelMapResponse
	default:
		return nil
	}
}

// ParseSecurityInfo reads the value of an m2m:seci. It fails with 4000 for a
// type that is missing or unknown (E-08), and for a member that does not belong
// to the type or is missing (E-09). What is in the member is for who is meant by
// it.
func ParseSecurityInfo(value jsontext.Value) (SecurityInfo, error) {
	o, err := ParseObject(value)
	if err != nil {
		return SecurityInfo{}, Errorf(BadRequest, SecurityInfoName, "not an object")
	}
	sit, ok := o.Int("sit")
	if !ok || sit < int64(SecurityDasRequest) || sit > int64(SecurityRelMapResponse) {
		return SecurityInfo{}, Errorf(BadRequest, "sit", "1 to 8")
	}
	s := SecurityInfo{SIT: SecurityInfoType(sit)}
	name, place := securityMembers[sit], s.member()
	for _, m := range o {
		switch {
		case m.Name == "sit":
		case m.Name != name, place == nil:
			return SecurityInfo{}, Errorf(BadRequest, SecurityInfoName, "a member is not one of type %d", sit)
		case string(m.Value) == "null":
			return SecurityInfo{}, Errorf(BadRequest, name, "null")
		default:
			*place = m.Value
		}
	}
	if place != nil && *place == nil {
		return SecurityInfo{}, Errorf(BadRequest, name, "missing")
	}
	return s, nil
}

// SecurityInfoOf reads the security information in a Content. It fails with 4000
// if the Content is something else.
func SecurityInfoOf(c *Content) (SecurityInfo, error) {
	if c == nil || c.Name != SecurityInfoName {
		return SecurityInfo{}, Errorf(BadRequest, "pc", "no security information")
	}
	return ParseSecurityInfo(c.Value)
}

// PeekSecurityInfoType reads the type of a Content and nothing else; 0 if it has
// none. A policy decides by it before the rest is looked at (E-07).
func PeekSecurityInfoType(c *Content) SecurityInfoType {
	if c == nil || c.Name != SecurityInfoName {
		return 0
	}
	o, err := ParseObject(c.Value)
	if err != nil {
		return 0
	}
	sit, ok := o.Int("sit")
	if !ok || sit < int64(SecurityDasRequest) || sit > int64(SecurityRelMapResponse) {
		return 0
	}
	return SecurityInfoType(sit)
}

// Asks reports whether security information of this type belongs into a
// request.
func (t SecurityInfoType) Asks() bool {
	switch t {
	case SecurityDasRequest, SecurityRandRequest, SecurityESPrim, SecurityESCertKE, SecurityRelMapRequest:
		return true
	default:
		return false
	}
}

// Content returns s as the Content of a NOTIFY or of its answer.
func (s SecurityInfo) Content() *Content {
	o := Object{{Name: "sit", Value: IntValue(int64(s.SIT))}}
	if place := s.member(); place != nil {
		o.Set(securityMembers[s.SIT], *place)
	}
	return &Content{Name: SecurityInfoName, Value: o.Append(nil)}
}

// NewESPrimInfo carries an ESPrim Object, a compact JWE.
func NewESPrimInfo(object string) SecurityInfo {
	return SecurityInfo{SIT: SecurityESPrim, ESPrimObject: TextValue(object)}
}

// NewESCertKEInfo carries a message of an ESCertKE.
func NewESCertKEInfo(message []byte) SecurityInfo {
	return SecurityInfo{SIT: SecurityESCertKE, ESCertKEMessage: TextValue(base64.StdEncoding.EncodeToString(message))}
}

// ESPrim returns the ESPrim Object, which is text and not encoded once more
// (E-14). It fails with 4000 for anything but text.
func (s SecurityInfo) ESPrim() (string, error) {
	text, ok := TextOf(s.ESPrimObject)
	if !ok || text == "" {
		return "", Errorf(BadRequest, "epo", "not a compact JWE")
	}
	return text, nil
}

// ESCertKE returns the octets of an ESCertKE message: base64 of the standard
// alphabet with padding, as xs:base64Binary has it (E-14). It fails with 4000 for
// anything else, and for a message above MaxESCertKEMessage.
func (s SecurityInfo) ESCertKE() ([]byte, error) {
	text, ok := TextOf(s.ESCertKEMessage)
	if !ok || text == "" || strings.ContainsAny(text, "\r\n") || len(text) > base64.StdEncoding.EncodedLen(MaxESCertKEMessage) {
		return nil, Errorf(BadRequest, "eckm", "base64 of 1 to %d octets", MaxESCertKEMessage)
	}
	message, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(message) > MaxESCertKEMessage {
		return nil, Errorf(BadRequest, "eckm", "base64 of 1 to %d octets", MaxESCertKEMessage)
	}
	return message, nil
}
