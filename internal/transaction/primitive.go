package transaction

import (
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// MaxRequest bounds one request primitive of a transaction in octets: it is
// kept, and read again at each step.
const MaxRequest = 64 << 10

// MaxRequests bounds the primitives of one <transactionMgmt>: all are carried
// out in one go, and nothing else is written meanwhile.
const MaxRequests = 50

// maxResponse bounds a response primitive that is kept, in octets; what is
// longer is kept without its content.
const maxResponse = 64 << 10

// Primitives returns the request primitives in a value of
// m2m:aggregatedRequest, each in its own form: what is in metaInformation there
// is a parameter like the others (TS-0004 clause 6.3.5.4).
func Primitives(v jsontext.Value) ([]jsontext.Value, error) {
	refused := func(text string) error { return onem2m.Errorf(onem2m.BadRequest, "rqps", "%s", text) }
	aggregated, err := onem2m.ParseObject(v)
	if err != nil {
		return nil, refused("not an aggregated request")
	}
	list, ok := aggregated.Objects("req")
	if !ok || len(list) == 0 {
		return nil, refused("no requests")
	}
	if len(list) > MaxRequests {
		return nil, onem2m.Errorf(onem2m.BadRequest, "rqps", "more than %d requests", MaxRequests)
	}
	primitives := make([]jsontext.Value, len(list))
	for i, request := range list {
		meta, _ := request.Object("mi")
		request.Delete("mi")
		for _, m := range meta {
			if request.Has(m.Name) {
				return nil, refused("a parameter stands in a request twice")
			}
			request.Set(m.Name, m.Value)
		}
		primitives[i] = request.Append(nil)
	}
	return primitives, nil
}

// Decode reads a request primitive of a transaction. name is the attribute that
// it stands in, for errors. It must be an operation that can be undone and that
// ends with its response: a notification can't be taken back, and nobody waits
// for what a non-blocking request does later. It holds no credentials, which
// would outlive their purpose. A retrieval is of the resource itself: it runs
// while nothing else is written.
func Decode(v jsontext.Value, name string) (*onem2m.Request, error) {
	refused := func(text string) error { return onem2m.Errorf(onem2m.BadRequest, name, "%s", text) }
	if len(v) > MaxRequest {
		return nil, onem2m.Errorf(onem2m.BadRequest, name, "a request of more than %d octets", MaxRequest)
	}
	req, err := wire.DecodeRequest(v, wire.Limits{})
	if err != nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, name, "no request primitive: %s", onem2m.AsError(err).Text)
	}
	switch {
	case req.Operation == 0 || req.To == "" || req.RequestID == "" || !req.HasFrom:
		return nil, refused("op, to, fr and rqi are mandatory")
	case req.Operation == onem2m.Notify:
		return nil, refused("a notification can't be undone")
	case req.ResponseType != nil && *req.ResponseType != 3:
		return nil, refused("a request of a transaction is blocking")
	case req.ExecutionTime != "":
		return nil, refused("the transaction says when a request is executed")
	case len(req.Tokens) > 0 || len(req.AuthorSigns) > 0:
		return nil, refused("no credentials are kept")
	case req.Operation == onem2m.Create && req.Type != nil && registers(*req.Type):
		return nil, refused("a registration isn't part of a transaction")
	case req.SemanticQuery != nil || req.Filter != nil && len(req.Filter.SemanticsFilter) > 0:
		return nil, refused("no semantics are evaluated in a transaction")
	case req.Operation == onem2m.Retrieve && (req.Filter != nil || req.ResultContent != nil && *req.ResultContent != 1):
		return nil, refused("a retrieval is of the resource itself")
	}
	return req, nil
}

func registers(ty int64) bool {
	return ty == int64(onem2m.TypeAE) || ty == int64(onem2m.TypeRemoteCSE)
}

// Encode writes a response primitive as it is kept.
func Encode(res *onem2m.Response) jsontext.Value {
	v := wire.EncodeResponse(res)
	if len(v) > maxResponse {
		short := *res
		short.Content = nil
		v = wire.EncodeResponse(&short)
	}
	return v
}

// Aggregate writes a value of m2m:aggregatedResponse.
func Aggregate(responses []jsontext.Value) jsontext.Value {
	b := append(jsontext.Value(nil), `{"m2m:rsp":[`...)
	for i, v := range responses {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, v...)
	}
	return append(b, "]}"...)
}
