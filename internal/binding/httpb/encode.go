package httpb

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// EncodeRequest builds the HTTP request that carries req to the point of access
// base (TS-0009 clause 6). The path of To is appended to that of base (B-44).
// It fails with 4000 or 5001 rather than leave a parameter out (B-08).
func EncodeRequest(ctx context.Context, base string, req *onem2m.Request) (*http.Request, error) {
	u, err := parseTarget(base)
	if err != nil {
		return nil, err
	}
	return encodeAt(ctx, wire.Codec{}, u, req)
}

func (c *Client) encodeAt(ctx context.Context, u *url.URL, req *onem2m.Request) (*http.Request, error) {
	return encodeAt(ctx, c.o.Codec, u, req)
}

// encodeAt is EncodeRequest for a URL, which it changes.
func encodeAt(ctx context.Context, codec wire.Codec, u *url.URL, req *onem2m.Request) (*http.Request, error) {
	if u.RawQuery != "" || u.ForceQuery {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "a point of access has no query")
	}
	to, attribute, _ := strings.Cut(req.To, "#")
	path := strings.TrimSuffix(u.EscapedPath(), "/") + encodePath(to)
	var err error
	if u.Path, err = url.PathUnescape(path); err != nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "to", "the address can't be a path")
	}
	u.RawPath, u.RawQuery = path, encodeQuery(req, attribute)
	hr, err := newRequest(ctx, codec, u, req)
	if err != nil {
		return nil, err
	}
	return hr, encodeHeaders(hr.Header, req)
}

// encodePlain builds the POST of a notification to a plain URL (B-42).
func (c *Client) encodePlain(ctx context.Context, u *url.URL, req *onem2m.Request) (*http.Request, error) {
	if req.Operation != onem2m.Notify {
		return nil, onem2m.Errorf(onem2m.BadRequest, "op", "only a notification goes to a plain URL")
	}
	hr, err := newRequest(ctx, c.o.Codec, u, req)
	if err != nil {
		return nil, err
	}
	return hr, encodeHeaders(hr.Header, req)
}

// newRequest makes the request with its body. The generic media type is legal
// for every content, and receivers in the field know no other (B-11).
func newRequest(ctx context.Context, codec wire.Codec, u *url.URL, req *onem2m.Request) (*http.Request, error) {
	method := methodOf(req.Operation)
	if method == "" {
		return nil, onem2m.Errorf(onem2m.BadRequest, "op", "no such operation")
	}
	format, _ := wire.FormatByName(req.Serialization)
	var body []byte
	if req.Content != nil {
		var err error
		if body, err = codec.AppendContent(nil, format, req.Content); err != nil {
			return nil, err
		}
	}
	// http.NewRequest would write u as text and read that again.
	u.Host = strings.TrimSuffix(u.Host, ":")
	hr := (&http.Request{
		Method: method, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, 8), Body: http.NoBody,
	}).WithContext(ctx)
	if len(body) > 0 {
		hr.ContentLength = int64(len(body))
		hr.Body = io.NopCloser(bytes.NewReader(body))
		hr.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	media := "application/" + format.Name()
	accepted := media
	if req.Type != nil {
		media += ";ty=" + strconv.FormatInt(*req.Type, 10)
	}
	if req.Content != nil || req.Type != nil {
		hr.Header["Content-Type"] = []string{media}
	}
	hr.Header["Accept"] = []string{accepted}
	return hr, nil
}

func methodOf(op onem2m.Operation) string {
	switch op {
	case onem2m.Create, onem2m.Notify:
		return http.MethodPost
	case onem2m.Retrieve:
		return http.MethodGet
	case onem2m.Update:
		return http.MethodPut
	case onem2m.Delete:
		return http.MethodDelete
	}
	return ""
}

// encodePath is the reverse of decodePath.
func encodePath(to string) string {
	path := "/" + to
	switch {
	case strings.HasPrefix(to, "//"):
		path = "/_" + to[1:]
	case strings.HasPrefix(to, "/"):
		path = "/~" + to
	}
	return escape(path, "/")
}

// encodeHeaders is the reverse of decodeHeaders. The names are those that
// TS-0009 prints.
func encodeHeaders(header http.Header, req *onem2m.Request) error {
	var failed error
	set := func(name, subject, value string, present bool) {
		switch {
		case !present || failed != nil:
		case !validValue(value):
			failed = onem2m.Errorf(onem2m.NotImplemented, subject, "the value can't be a header")
		default:
			header[name] = []string{value}
		}
	}
	text := func(name, subject, value string) { set(name, subject, value, value != "") }
	list := func(name, subject, separator string, entries []string, present bool) {
		for _, entry := range entries {
			if strings.Contains(entry, separator) && failed == nil {
				failed = onem2m.Errorf(onem2m.NotImplemented, subject, "an entry contains the separator %q", separator)
			}
		}
		set(name, subject, strings.Join(entries, separator), present)
	}
	set("X-M2M-Origin", "fr", req.From, req.HasFrom || req.From != "")
	text("X-M2M-RI", "rqi", req.RequestID)
	text("X-M2M-RVI", "rvi", req.Release)
	text("X-M2M-OT", "ot", req.OriginatingTimestamp)
	text("X-M2M-RET", "rqet", req.RequestExpiration)
	text("X-M2M-RST", "rset", req.ResultExpiration)
	text("X-M2M-OET", "oet", req.ExecutionTime)
	text("X-M2M-GID", "gid", req.GroupRequestID)
	if req.VendorInformation != nil {
		set("X-M2M-VSI", "vsi", *req.VendorInformation, true)
	}
	if req.EventCategory != nil {
		set("X-M2M-EC", "ec", strconv.FormatInt(*req.EventCategory, 10), true)
	}
	list("X-M2M-GTM", "grtm", "+", req.GroupTargets, len(req.GroupTargets) > 0)
	list("X-M2M-RTU", "rt", "&", req.NotificationURIs, req.HasNotifyURIs || len(req.NotificationURIs) > 0)
	list("X-M2M-AS", "aus", "+", req.AuthorSigns, len(req.AuthorSigns) > 0)
	list("Authorization", "tkns", "+", req.Tokens, len(req.Tokens) > 0)
	return failed
}

const unreserved = "-._~"

// escape percent-encodes what isn't unreserved or in keep.
func escape(s, keep string) string {
	const digits = "0123456789ABCDEF"
	plain := func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte(unreserved, c) >= 0 || strings.IndexByte(keep, c) >= 0
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
