package harness

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// Answer is the answer to one request.
type Answer struct {
	Status int
	RSC    int // 0 if there is none
	Header http.Header
	Body   string
	Asked  map[string][]string // the headers of the request
	Proto  int                 // 1 or 2
	Reused bool                // it came over a connection that had served before
}

func newAnswer(res *http.Response, body []byte, asked map[string][]string) *Answer {
	a := &Answer{Status: res.StatusCode, Header: res.Header, Body: string(body), Asked: asked, Proto: res.ProtoMajor}
	a.RSC, _ = strconv.Atoi(res.Header.Get("X-M2M-RSC")) // 0 stands for none
	return a
}

// String shows the answer in messages.
func (a *Answer) String() string {
	return fmt.Sprintf("RSC %d / %d %s", a.RSC, a.Status, shorten(a.Body))
}

// Expect fails the test unless the answer has the response code and the status.
// Of every answer it checks besides that the request identifier comes back, and
// that an error has a text for people and nothing else.
func (a *Answer) Expect(tb testing.TB, rsc, status int) {
	tb.Helper()
	if a.RSC != rsc || a.Status != status {
		tb.Errorf("got %s, want RSC %d / %d", a, rsc, status)
	}
	if asked := a.Asked["X-M2M-RI"]; len(asked) == 1 && a.Header.Get("X-M2M-RI") != asked[0] {
		tb.Errorf("X-M2M-RI is %q, want %q", a.Header.Get("X-M2M-RI"), asked[0])
	}
}

// Names fails the test unless the text of an error contains one of the words.
func (a *Answer) Names(tb testing.TB, words ...string) {
	tb.Helper()
	if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(a.Body, w) }) {
		tb.Errorf("the debug text %q names none of %q", shorten(a.Body), words)
	}
}

// value decodes the body.
func (a *Answer) value() map[string]any {
	var v map[string]any
	if err := json.Unmarshal([]byte(a.Body), &v); err != nil {
		return nil
	}
	return v
}

// Resource returns the attributes of the one resource in the body, nil if there
// isn't one.
func (a *Answer) Resource() map[string]any {
	v := a.value()
	if len(v) != 1 {
		return nil
	}
	for _, attrs := range v {
		m, _ := attrs.(map[string]any)
		return m
	}
	return nil
}

// Attribute returns an attribute of the resource in the body; nil if it is
// absent.
func (a *Answer) Attribute(name string) any { return a.Resource()[name] }

// Text is Attribute for text; "" if it is absent or something else.
func (a *Answer) Text(name string) string {
	s, _ := a.Attribute(name).(string)
	return s
}

// Number is Attribute for numbers; -1 if it is absent or something else.
func (a *Answer) Number(name string) int {
	n, ok := a.Attribute(name).(float64)
	if !ok {
		return -1
	}
	return int(n)
}

// Children returns what stands under the name of a type in the resource: the
// child resources of a result, or references.
func (a *Answer) Children(name string) []map[string]any {
	list, _ := a.Attribute(name).([]any)
	children := make([]map[string]any, 0, len(list))
	for _, c := range list {
		if m, ok := c.(map[string]any); ok {
			children = append(children, m)
		}
	}
	return children
}

// List returns the addresses of a discovery result, and whether there is one.
func (a *Answer) List() ([]string, bool) {
	list, ok := a.value()["m2m:uril"].([]any)
	if !ok {
		return nil, false
	}
	addresses := make([]string, 0, len(list))
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil, false
		}
		addresses = append(addresses, s)
	}
	return addresses, true
}
