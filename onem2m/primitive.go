package onem2m

import "github.com/go-json-experiment/json/jsontext"

// Request is a request primitive (TS-0001 clause 8.1.2, TS-0004 clause
// 7.2.1.1): what a binding hands over, whatever it came in. Fields are named
// after the parameters; the short names are in the comments. A binding checks
// syntax only as far as it must to fill the fields; the CSE checks the rest.
type Request struct {
	Operation Operation // op
	To        string    // to
	From      string    // fr; "" with HasFrom false when absent
	HasFrom   bool
	RequestID string   // rqi; "" when absent
	Type      *int64   // ty as sent; nil when absent
	Content   *Content // pc; nil when absent

	Release           string  // rvi; "" when absent (Release 1, C-048)
	VendorInformation *string // vsi

	// Times as sent: timestamp, signed milliseconds, or (peer) a duration; "" when absent.
	OriginatingTimestamp string // ot
	RequestExpiration    string // rqet
	ResultExpiration     string // rset
	ExecutionTime        string // oet
	ResultPersistence    string // rp

	ResponseType      *int64          // rt.rtv
	NotificationURIs  []string        // rt.nu
	HasNotifyURIs     bool            // rt.nu present, perhaps empty (C-037)
	ResultContent     *int64          // rcn
	DesiredIDType     *int64          // drt
	EventCategory     *int64          // ec
	DeliveryAggregate *bool           // da
	GroupRequestID    string          // gid
	GroupTargets      []string        // grtm
	Filter            *FilterCriteria // fc; nil when absent
	Attributes        []string        // attributeList of a partial RETRIEVE (C-040)
	SemanticQuery     *bool           // sqi

	// Serialization is no parameter: it tells a binding how to write a request to a
	// target that asks for "cbor" or "xml"; "" is JSON.
	Serialization string

	RoleIDs        []string // rids
	Tokens         []string // tkns
	TokenIDs       []string // tids
	LocalTokenIDs  []string // ltids
	TokenRequest   *bool    // tqi
	AuthorSigns    []string // aus
	AuthorSignReq  *bool    // asi
	AuthorRelation *bool    // auri
}

// Content is the Content parameter: one root member. Name is the root element
// with its prefix, "m2m:cnt" or "m2m:uril"; Value its canonical JSON.
type Content struct {
	Name  string
	Value jsontext.Value
}

// Append writes {"name":value} to dst.
func (c *Content) Append(dst []byte) []byte {
	dst = append(dst, '{')
	dst = AppendText(dst, c.Name) // a name may be of any characters: an originator chose it
	dst = append(dst, ':')
	dst = append(dst, c.Value...)
	return append(dst, '}')
}

// Response is a response primitive (TS-0001 clause 8.1.3).
type Response struct {
	Code                 StatusCode // rsc
	RequestID            string     // rqi, that of the request byte for byte (C-008)
	Content              *Content   // pc
	From                 string     // fr
	To                   string     // to
	OriginatingTimestamp string     // ot
	ResultExpiration     string     // rset
	EventCategory        *int64     // ec
	Release              string     // rvi; "" if the request had none
	VendorInformation    *string    // vsi
	ContentStatus        int        // cnst: 0 absent, 1 partial, 2 full
	ContentOffset        int        // cnot, with ContentStatus 1
	NoResponse           bool       // rt = 5: nothing is sent (C-038)

	AssignedTokenIDs  jsontext.Value // ati, m2m:dynAuthLocalTokenIdAssignments; nil when absent
	TokenRequestInfo  jsontext.Value // tqf, m2m:dynAuthTokenReqInfo; nil when absent
	AuthorSignRequest *bool          // asri
}
