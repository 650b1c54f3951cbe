package httpb

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// headerWriter sets response headers under the names that TS-0009 prints,
// since field clients compare them case-sensitively (decision 16). The
// values share one backing array.
type headerWriter struct {
	header http.Header
	values []string
}

// set adds one header. A value that could end the header line is left out.
func (h *headerWriter) set(name, value string) {
	if !validValue(value) {
		return
	}
	h.values = append(h.values, value)
	n := len(h.values)
	h.header[name] = h.values[n-1 : n : n]
}

func (h *headerWriter) setText(name, value string) {
	if value != "" {
		h.set(name, value)
	}
}

// validValue reports whether value can be a header value without changing.
func validValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// headerCount is how many headers an answer commonly has.
const headerCount = 10

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// ownLength is the size up to which net/http is sure to find out the length of
// a body by itself, without the cost of a header in its map.
const ownLength = 1 << 10

// maxPooled keeps one large message from being held for ever.
const maxPooled = 64 << 10

// takeBuffer returns a buffer for one body.
func takeBuffer() *[]byte {
	if b, ok := buffers.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

// giveBuffer hands it back; nothing may refer to it any more.
func giveBuffer(b *[]byte) {
	if cap(*b) <= maxPooled {
		buffers.Put(b)
	}
}

// write sends resp and returns the HTTP status.
func (s *Server) write(w http.ResponseWriter, in incoming, resp *onem2m.Response, refused *refusal) int {
	h := headerWriter{header: w.Header(), values: make([]string, 0, headerCount)}
	rqi := resp.RequestID
	if rqi == "" {
		rqi = in.req.RequestID
	}
	h.setText("X-M2M-RI", rqi)
	if resp.NoResponse {
		w.WriteHeader(http.StatusNoContent)
		return http.StatusNoContent
	}
	status := resp.Code.HTTP()
	if refused != nil {
		if refused.status != 0 {
			status = refused.status
		}
		if refused.close {
			h.set("Connection", "close")
		}
	}
	if status == http.StatusMethodNotAllowed {
		h.set("Allow", allowed) // RFC 9110 clause 15.5.6 wants it with this status
	}
	encodeResponseHeaders(&h, resp)
	content := bodyOf(resp)
	if content == nil {
		h.set("Content-Length", "0")
		w.WriteHeader(status)
		return status
	}
	if in.req.Operation == onem2m.Create && resp.Code == onem2m.Created {
		h.setText("Content-Location", addressIn(content))
	}
	buffer := takeBuffer()
	defer giveBuffer(buffer)
	body, err := s.o.Codec.AppendContent((*buffer)[:0], in.family.format(), content)
	if err != nil && fetched(content.Name) {
		in.family = generic // better in another format than lost: it has left its channel
		body, err = content.Append((*buffer)[:0]), nil
	}
	if err != nil {
		return s.writeUnsayable(w, &h, in, status, onem2m.AsError(err))
	}
	*buffer = body
	h.set("Content-Type", mediaType(in.family, content.Name))
	if len(body) > ownLength {
		h.set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		s.log.Debug("answer not written", "error", err)
	}
	return status
}

// fetched reports whether a content is what a poll takes from its channel.
func fetched(name string) bool { return name == "m2m:rqp" || name == "m2m:agrp" }

// writeUnsayable answers where the serialization that was asked for can't hold the
// content. What has been done stays done, and is told without it.
func (s *Server) writeUnsayable(w http.ResponseWriter, h *headerWriter, in incoming, status int, err *onem2m.Error) int {
	if in.req.Operation == onem2m.Retrieve {
		status = err.Code.HTTP()
		h.set("X-M2M-RSC", codeText(err.Code))
	}
	h.set("Content-Length", "0")
	w.WriteHeader(status)
	return status
}

// encodeResponseHeaders writes the parameters that travel in headers.
func encodeResponseHeaders(h *headerWriter, resp *onem2m.Response) {
	h.set("X-M2M-RSC", codeText(resp.Code))
	h.setText("X-M2M-RVI", resp.Release)
	h.setText("X-M2M-OT", resp.OriginatingTimestamp)
	h.setText("X-M2M-RST", resp.ResultExpiration)
	h.setText("X-M2M-Origin", resp.From)
	if resp.VendorInformation != nil {
		h.set("X-M2M-VSI", *resp.VendorInformation)
	}
	if resp.EventCategory != nil {
		h.set("X-M2M-EC", strconv.FormatInt(*resp.EventCategory, 10))
	}
	if resp.AssignedTokenIDs != nil {
		h.setText("X-M2M-ATI", assignedText(resp.AssignedTokenIDs))
	}
	if resp.AuthorSignRequest != nil {
		h.set("X-M2M-ASRI", strconv.FormatBool(*resp.AuthorSignRequest))
	}
	if resp.ContentStatus != 0 {
		h.set("X-M2M-CTS", strconv.Itoa(resp.ContentStatus))
		if resp.ContentOffset != 0 {
			h.set("X-M2M-CTO", strconv.Itoa(resp.ContentOffset))
		}
	}
}

// codeText spares the common codes an allocation.
func codeText(c onem2m.StatusCode) string {
	switch c {
	case onem2m.OK:
		return "2000"
	case onem2m.Created:
		return "2001"
	case onem2m.Updated:
		return "2004"
	case onem2m.Deleted:
		return "2002"
	}
	return strconv.Itoa(int(c))
}

// addressIn returns the address of a created resource if the content has it,
// which it has with Result Content 2 and 3 (table in TS-0009 clause 6.4).
func addressIn(c *onem2m.Content) string {
	value := c.Value
	switch c.Name {
	case "m2m:uri":
	case "m2m:rce":
		members, err := onem2m.ParseObject(value)
		if err != nil {
			return ""
		}
		value = members.Get("uri")
	default:
		return ""
	}
	address, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return ""
	}
	return string(address)
}
