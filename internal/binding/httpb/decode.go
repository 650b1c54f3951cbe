package httpb

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// DecodeResponse reads the response primitive in r, whose Request has to be
// set, and at most limit octets of its body; it doesn't close the body. The
// code in the header counts, not the status (B-39); without one the status is
// translated (B-36).
func DecodeResponse(r *http.Response, limit int64) (*onem2m.Response, error) {
	return decodeResponse(wire.Codec{}, r, limit)
}

func decodeResponse(codec wire.Codec, r *http.Response, limit int64) (*onem2m.Response, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, describe("answer", err)
	}
	if int64(len(body)) > limit {
		return nil, errTooMuch
	}
	method := http.MethodPost
	if r.Request != nil {
		method = r.Request.Method
	}
	code, stated := responseCode(r)
	if !stated {
		code = codeOf(r.StatusCode, method)
	}
	resp := &onem2m.Response{
		Code:                 code,
		RequestID:            r.Header.Get(keyRequestID),
		Release:              r.Header.Get(keyRelease),
		OriginatingTimestamp: r.Header.Get(keyTime),
		ResultExpiration:     r.Header.Get(keyResult),
		From:                 r.Header.Get(keyOrigin),
	}
	if values := r.Header[keyVendor]; len(values) > 0 {
		resp.VendorInformation = &values[0]
	}
	if n, err := strconv.ParseInt(r.Header.Get(keyCategory), 10, 64); err == nil {
		resp.EventCategory = &n
	}
	resp.ContentStatus = smallNumber(r.Header.Get(keyStatus))
	resp.ContentOffset = smallNumber(r.Header.Get(keyOffset))
	resp.AssignedTokenIDs = parseAssigned(r.Header.Get(keyAssigned))
	if asked, err := strconv.ParseBool(r.Header.Get(keySignAsked)); err == nil {
		resp.AuthorSignRequest = &asked
	}
	if len(body) == 0 {
		return resp, nil
	}
	media, _, _ := contentType(r.Header.Get("Content-Type"))
	if mediaFamily(media) == unstated {
		if !stated {
			return resp, nil // the page of some other HTTP software
		}
		return nil, errors.New("the answer is in a format that can't be read")
	}
	content, err := codec.DecodeContent(mediaFamily(media).format(), body, onem2m.Create, wire.Limits{Size: len(body), Depth: DefaultDepth})
	switch {
	case err != nil && stated:
		return nil, describe("answer", err)
	case err == nil && (content.Name == tokenRequest || content.Name == tokenRequestSimple):
		resp.TokenRequestInfo = content.Value
	case err == nil:
		resp.Content = content
	}
	return resp, nil
}

func (c *Client) decode(r *http.Response, limit int64) (*onem2m.Response, error) {
	return decodeResponse(c.o.Codec, r, limit)
}

// decodeOfCSE reads the answer of a CSE. Something else that is in its place, and
// has a page for everybody, has not carried out anything.
func (c *Client) decodeOfCSE(r *http.Response, limit int64) (*onem2m.Response, error) {
	if _, stated := responseCode(r); !stated && success(r.StatusCode) && r.ContentLength != 0 {
		if media, _, _ := contentType(r.Header.Get("Content-Type")); mediaFamily(media) == unstated {
			return nil, errors.New("the answer is none of a CSE")
		}
	}
	return c.decode(r, limit)
}

// decodePlain reads the answer of a plain URL: what such a receiver says in a
// success is its own affair, and no failure becomes one by a header (B-42).
func (c *Client) decodePlain(r *http.Response, limit int64) (*onem2m.Response, error) {
	if success(r.StatusCode) {
		// Reading on lets the connection be used again; how it ends doesn't matter.
		_, _ = io.CopyN(io.Discard, r.Body, limit)
		return &onem2m.Response{Code: onem2m.OK}, nil
	}
	resp, err := c.decode(r, limit)
	if err == nil && resp.Code < onem2m.BadRequest {
		resp.Code = codeOf(r.StatusCode, http.MethodPost)
	}
	return resp, err
}

// decodeAgreed reads the answer of an entity to a notification. Whoever knows
// nothing of oneM2M answers 200 to anything; that is no response status code
// (B-43).
func (c *Client) decodeAgreed(r *http.Response, limit int64) (*onem2m.Response, error) {
	resp, err := c.decode(r, limit)
	if _, stated := responseCode(r); err == nil && !stated && success(r.StatusCode) {
		resp.Code = 0
	}
	return resp, err
}

// responseCode returns the code in the header, if it is one.
func responseCode(r *http.Response) (onem2m.StatusCode, bool) {
	n, err := strconv.ParseUint(r.Header.Get(keyCode), 10, 16)
	return onem2m.StatusCode(n), err == nil && n >= 1000 && n < 10_000
}

// smallNumber reads a count; anything else is 0, absent.
func smallNumber(s string) int {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// codeOf translates an HTTP status without a response status code (B-36).
func codeOf(status int, method string) onem2m.StatusCode {
	switch {
	case success(status):
		switch method {
		case http.MethodPut:
			return onem2m.Updated
		case http.MethodDelete:
			return onem2m.Deleted
		case http.MethodPost:
			if status == http.StatusCreated {
				return onem2m.Created
			}
		}
		return onem2m.OK
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return onem2m.OriginatorHasNoPrivilege
	case status == http.StatusNotFound:
		return onem2m.NotFound
	case status == http.StatusMethodNotAllowed:
		return onem2m.OperationNotAllowed
	case status == http.StatusNotAcceptable:
		return onem2m.NotAcceptable
	case status == http.StatusConflict:
		return onem2m.Conflict
	case status == http.StatusUnsupportedMediaType:
		return onem2m.UnsupportedMediaType
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status == http.StatusGatewayTimeout:
		return onem2m.RequestTimeout // worth another try (decision 30)
	case status >= 400 && status < 500:
		return onem2m.BadRequest
	case status >= 500:
		return onem2m.InternalServerError
	}
	return onem2m.TargetNotReachable // a redirection, which isn't followed
}
