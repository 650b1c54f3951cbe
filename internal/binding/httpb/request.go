package httpb

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// refusal is a request that doesn't reach the CSE: the error to answer with,
// an HTTP status where it isn't that of the code, and whether the connection
// can't be used afterwards because the body wasn't read.
type refusal struct {
	err    *onem2m.Error
	status int
	close  bool
}

func refuse(err *onem2m.Error) *refusal {
	if err == nil {
		return nil
	}
	return &refusal{err: err}
}

// incoming is a request on its way through the binding.
type incoming struct {
	req    *onem2m.Request
	family family // of the answer
}

// decodeRequest turns an HTTP request into a primitive. The request identifier
// and the release are there even if it fails, for the answer (B-06).
func decodeRequest(r *http.Request, limits *Limits, codec wire.Codec, body func() ([]byte, *refusal)) (incoming, *refusal) {
	in := incoming{req: new(onem2m.Request)}
	if err := decodeHeaders(r.Header, in.req); err != nil {
		return in, refuse(err)
	}
	if in.req.RequestID == "" {
		return in, refuse(onem2m.Errorf(onem2m.BadRequest, "rqi", "the request identifier is missing"))
	}
	media, ty, err := requestType(r.Header)
	in.req.Type = ty
	if err != nil {
		return in, refuse(err)
	}
	in.req.Operation = operation(r.Method, ty != nil)
	if r.Method == http.MethodPut || r.Method == http.MethodDelete {
		// Clients that set the header once leave ty in it. The parameter is
		// part of CREATE only (TS-0009 clause 6.4.3), so there it says nothing.
		// In a GET it may be a misplaced filter: the CSE refuses it.
		in.req.Type = nil
	}
	path, query, err := splitTarget(r.RequestURI)
	if err != nil {
		return in, refuse(err)
	}
	if in.req.To, err = decodePath(path); err != nil {
		return in, refuse(err)
	}
	pairs, err := splitQuery(query, limits.Query)
	if err != nil {
		return in, refuse(err)
	}
	if len(pairs) > 0 {
		if err := onem2m.ParseQuery(pairs, in.req); err != nil {
			return in, refuse(onem2m.AsError(err))
		}
	}
	var acceptable bool
	if in.family, acceptable = accept(r.Header["Accept"], mediaFamily(media)); !acceptable {
		return in, refuse(onem2m.Errorf(onem2m.NotAcceptable, "", "only JSON, XML and CBOR can be returned"))
	}
	return in, decodeContent(r, &in, media, limits, codec, body)
}

// decodeContent reads the body where the operation has one. That of GET is
// ignored (B-19).
func decodeContent(r *http.Request, in *incoming, media string, limits *Limits, codec wire.Codec, body func() ([]byte, *refusal)) *refusal {
	if r.Method == http.MethodGet || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b, refused := body()
	if refused != nil || len(b) == 0 {
		return refused
	}
	switch {
	case r.Method == http.MethodDelete:
		if string(bytes.TrimSpace(b)) == "{}" {
			return nil // what HTTP libraries make of "nothing, as JSON" (B-19)
		}
		return refuse(onem2m.Errorf(onem2m.BadRequest, "pc", "a DELETE has no body"))
	case mediaFamily(media) == unstated:
		return refuse(onem2m.Errorf(onem2m.UnsupportedMediaType, "", "only JSON, XML and CBOR can be read"))
	}
	content, err := codec.DecodeContent(mediaFamily(media).format(), b, in.req.Operation, wire.Limits{Size: int(limits.Body), Depth: limits.Depth})
	if err != nil {
		return refuse(onem2m.AsError(err))
	}
	in.req.Content = content
	return nil
}

// operation returns the operation of a method (B-15), 0 if it has none (B-16).
func operation(method string, typed bool) onem2m.Operation {
	switch method {
	case http.MethodGet:
		return onem2m.Retrieve
	case http.MethodPut:
		return onem2m.Update
	case http.MethodDelete:
		return onem2m.Delete
	case http.MethodPost:
		if typed {
			return onem2m.Create
		}
		return onem2m.Notify
	}
	return 0
}

func requestType(h http.Header) (media string, ty *int64, err *onem2m.Error) {
	switch values := h["Content-Type"]; len(values) {
	case 0:
		return "", nil, nil
	case 1:
		return contentType(values[0])
	}
	return "", nil, onem2m.Errorf(onem2m.BadRequest, "ty", "the header Content-Type is repeated")
}

// headers collects the single-valued headers of a message; the first that is
// repeated becomes the error (B-23).
type headers struct {
	header http.Header
	err    *onem2m.Error
}

// get returns the value of the header with the canonical key, and whether it
// is there. subject is the short name of the parameter.
func (h *headers) get(key, subject string) (string, bool) {
	values := h.header[key]
	switch len(values) {
	case 0:
		return "", false
	case 1:
		return values[0], true
	}
	if h.err == nil {
		h.err = onem2m.Errorf(onem2m.BadRequest, subject, "the header is repeated")
	}
	return "", true
}

func (h *headers) text(key, subject string) string {
	value, _ := h.get(key, subject)
	return value
}

// The keys under which net/http stores the headers of TS-0009 clause 6.4.
const (
	keyOrigin    = "X-M2m-Origin"
	keyRequestID = "X-M2m-Ri"
	keyRelease   = "X-M2m-Rvi"
	keyVendor    = "X-M2m-Vsi"
	keyTime      = "X-M2m-Ot"
	keyExpire    = "X-M2m-Ret"
	keyResult    = "X-M2m-Rst"
	keyExecute   = "X-M2m-Oet"
	keyCategory  = "X-M2m-Ec"
	keyGroup     = "X-M2m-Gid"
	keyTargets   = "X-M2m-Gtm"
	keyNotify    = "X-M2m-Rtu"
	keySigns     = "X-M2m-As"
	keyCode      = "X-M2m-Rsc"
	keyStatus    = "X-M2m-Cts"
	keyOffset    = "X-M2m-Cto"
	keyAssigned  = "X-M2m-Ati"
	keySignAsked = "X-M2m-Asri"
)

// decodeHeaders fills in the parameters that travel in headers (TS-0009 clause 6.4).
func decodeHeaders(header http.Header, req *onem2m.Request) *onem2m.Error {
	h := headers{header: header}
	req.RequestID = h.text(keyRequestID, "rqi")
	req.Release = h.text(keyRelease, "rvi")
	req.From, req.HasFrom = h.get(keyOrigin, "fr")
	req.OriginatingTimestamp = h.text(keyTime, "ot")
	req.RequestExpiration = h.text(keyExpire, "rqet")
	req.ResultExpiration = h.text(keyResult, "rset")
	req.ExecutionTime = h.text(keyExecute, "oet")
	req.GroupRequestID = h.text(keyGroup, "gid")
	if vsi, ok := h.get(keyVendor, "vsi"); ok {
		req.VendorInformation = &vsi
	}
	if targets, ok := h.get(keyTargets, "grtm"); ok {
		req.GroupTargets = splitList(targets, "+")
	}
	if uris, ok := h.get(keyNotify, "rt"); ok {
		req.HasNotifyURIs = true
		req.NotificationURIs = splitList(uris, "&")
	}
	if signs, ok := h.get(keySigns, "aus"); ok {
		req.AuthorSigns = splitList(signs, "+")
	}
	if tokens, ok := h.get("Authorization", "tkns"); ok && !hasScheme(tokens) {
		req.Tokens = splitList(tokens, "+")
	}
	if category, ok := h.get(keyCategory, "ec"); ok {
		n, err := strconv.ParseInt(category, 10, 64)
		if err != nil {
			return onem2m.Errorf(onem2m.BadRequest, "ec", "not a number")
		}
		req.EventCategory = &n
	}
	if h.err != nil {
		return h.err
	}
	if req.HasFrom {
		req.From = textproto.TrimString(req.From)
	}
	return nil
}

// splitList splits a header value into its entries. An empty value has none.
func splitList(value, separator string) []string {
	if value = trimBlanks(value); value == "" {
		return nil
	}
	entries := strings.Split(value, separator)
	for i := range entries {
		entries[i] = trimBlanks(entries[i])
	}
	return entries
}

// hasScheme tells credentials for the transport from oneM2M tokens, which have
// no scheme in front (C-34): a word, a blank, and more that isn't the
// separator of tokens.
func hasScheme(authorization string) bool {
	word, rest, ok := strings.Cut(trimBlanks(authorization), " ")
	if !ok || strings.ContainsAny(word, ".+") {
		return strings.EqualFold(word, "Basic") || strings.EqualFold(word, "Bearer") || strings.EqualFold(word, "Digest")
	}
	return !strings.HasPrefix(trimBlanks(rest), "+")
}

// eagerBody is how much is reserved for a body on the word of Content-Length.
// Beyond it memory follows the octets that really arrive.
const eagerBody = 64 << 10

// readBody reads the whole body of r into b, which it may replace.
func readBody(r *http.Request, limit int64, b []byte) ([]byte, *refusal) {
	tooLarge := func() *refusal {
		return &refusal{
			err:    onem2m.Errorf(onem2m.BadRequest, "pc", "the body is longer than %d octets", limit),
			status: http.StatusRequestEntityTooLarge, close: true,
		}
	}
	if r.ContentLength > limit {
		return b, tooLarge()
	}
	// One octet more than announced lets the last Read report the end.
	b = slices.Grow(b[:0], int(min(max(r.ContentLength, 0), eagerBody))+1)
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, 1)
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > limit:
			return b, tooLarge()
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return b, &refusal{
				err:   &onem2m.Error{Code: onem2m.BadRequest, Subject: "pc", Text: "the body ended early or is malformed", Cause: err},
				close: true,
			}
		}
	}
}
