package malformed

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

// kind is one malformed request and how it may be answered.
type kind struct {
	name     string
	request  harness.Request
	rsc      int // 0: the HTTP server itself refuses (B-37)
	statuses []int
}

func create(name, body string) kind {
	return kind{name, harness.Request{Method: http.MethodPost, Target: "/cse-in/mal", From: "Cmal01", Type: 3, Body: body}, 4000, []int{400}}
}

// createAt sends a good CREATE to an odd address.
func createAt(name, target string) kind {
	k := create(name, `{"m2m:cnt":{}}`)
	k.request.Target = target
	return k
}

func policyWith(name, rule string) kind {
	k := create(name, `{"m2m:acp":{"pv":{"acr":[`+rule+`]},"pvs":{"acr":[{"acor":["Cmal01"],"acop":63}]}}}`)
	k.request.Target, k.request.Type = "/cse-in", 1
	return k
}

// with changes headers of a request that is good otherwise.
func with(name string, rsc, status int, header string, values ...string) kind {
	k := create(name, `{"m2m:cnt":{}}`)
	k.rsc, k.statuses = rsc, []int{status}
	k.request.Header = map[string][]string{header: values}
	return k
}

// get is a RETRIEVE of an odd address.
func get(name, target string, statuses ...int) kind {
	return kind{name, harness.Request{Method: http.MethodGet, Target: target, From: "Cmal01"}, 4000, statuses}
}

func (k kind) by(method string, rsc int, statuses ...int) kind {
	k.request.Method, k.rsc, k.statuses = method, rsc, statuses
	return k
}

func (k kind) answered(rsc int, statuses ...int) kind {
	k.rsc, k.statuses = rsc, statuses
	return k
}

func kinds() []kind {
	many := func(s string, n int) string { return strings.Repeat(s, n) }
	return []kind{
		create("the end is missing", `{"m2m:cnt":`),
		create("no JSON", `<m2m:cnt/>`),
		create("100,000 lists in each other", `{"m2m:cnt":{"lbl":`+many("[", 100_000)),
		create("100,000 objects in each other", many(`{"m2m:cnt":`, 80_000)),
		create("200 lists in each other and all closed", `{"m2m:cnt":{"lbl":`+many("[", 200)+many("]", 200)+`}}`),
		create("a body beyond the limit", `{"m2m:cnt":{"rn":"`+many("x", 1<<20)+`"}}`).answered(4000, 413),
		create("octets that aren't UTF-8", "{\"m2m:cnt\":{\"lbl\":[\"\xff\xfe\"]}}"),
		create("half of a surrogate pair", `{"m2m:cnt":{"lbl":["\ud800"]}}`),
		create("a NUL in a name", `{"m2m:cnt":{"rn":"a\u0000b"}}`),
		create("a line end in a name", `{"m2m:cnt":{"rn":"a\r\nX-Evil: 1"}}`),
		create("a slash in a name", `{"m2m:cnt":{"rn":"a/b"}}`),
		create("dots as a name", `{"m2m:cnt":{"rn":".."}}`),
		create("an empty name", `{"m2m:cnt":{"rn":""}}`),
		create("a name of 10,000 characters", `{"m2m:cnt":{"rn":"`+many("n", 10_000)+`"}}`),
		create("the name of a virtual resource", `{"m2m:cnt":{"rn":"la"}}`).answered(0, 201, 400, 409),
		create("a list as a name", `{"m2m:cnt":{"rn":["a"]}}`),
		create("a number as a list", `{"m2m:cnt":{"lbl":7}}`),
		create("numbers as labels", `{"m2m:cnt":{"lbl":[1,2]}}`),
		create("a negative number", `{"m2m:cnt":{"mni":-5}}`),
		create("a number beyond all bounds", `{"m2m:cnt":{"mni":1e400}}`),
		create("a number of twenty digits", `{"m2m:cnt":{"mni":99999999999999999999}}`),
		create("a number of 10,000 digits", `{"m2m:cnt":{"mni":`+many("9", 10_000)+`}}`),
		create("minus nothing", `{"m2m:cnt":{"mni":-0}}`),
		create("a truth value as a number", `{"m2m:cnt":{"mni":true}}`),
		create("a name twice", `{"m2m:cnt":{"mni":1,"mni":2}}`),
		create("a name twice in disguise", `{"m2m:cnt":{"mni":1,"mn\u0069":2}}`),
		create("two roots", `{"m2m:cnt":{},"m2m:cin":{"con":"1"}}`),
		create("the same root twice", `{"m2m:cnt":{},"m2m:cnt":{}}`),
		create("a list as the root", `[{"m2m:cnt":{}}]`),
		create("a number as the root", `5`),
		create("nothing as the root", `null`),
		create("nothing inside the root", `{"m2m:cnt":null}`),
		create("no root", `{}`),
		create("a byte order mark", "\xef\xbb\xbf{\"m2m:cnt\":{}}"),
		create("more behind the end", `{"m2m:cnt":{}}{"m2m:cnt":{}}`),
		create("a comment", `{"m2m:cnt":{/*x*/}}`),
		create("20,000 unknown members", `{"m2m:cnt":{`+strings.TrimSuffix(many(`"x":1,`, 20_000), ",")+`}}`),
		create("an unknown member with a long name", `{"m2m:cnt":{"`+many("x", 10_000)+`":1}}`),
		create("an expiration in the year 99999", `{"m2m:cnt":{"et":"999991231T235959"}}`),
		create("an expiration on the 31st of February", `{"m2m:cnt":{"et":"20310231T000000"}}`),
		policyWith("a window with a huge step", `{"acor":["all"],"acop":2,"acco":[{"actw":["*/99999999999999999999 * * * * * *"]}]}`),
		policyWith("a window of 10,000 fields", `{"acor":["all"],"acop":2,"acco":[{"actw":["`+many("* ", 10_000)+`"]}]}`),
		policyWith("privileges that don't exist", `{"acor":["all"],"acop":64}`),
		policyWith("negative privileges", `{"acor":["all"],"acop":-1}`),
		policyWith("a circle at the pole's other side", `{"acor":["all"],"acop":2,"acco":[{"aclr":{"accr":[91,0,1]}}]}`),
		with("ty isn't a number", 4000, 400, "Content-Type", "application/json;ty=abc"),
		with("ty is negative", 4000, 400, "Content-Type", "application/json;ty=-1"),
		with("ty is huge", 4000, 400, "Content-Type", "application/json;ty=99999999999999999999"),
		with("ty is zero", 4000, 400, "Content-Type", "application/json;ty=0"),
		with("ty is there twice", 4000, 400, "Content-Type", "application/json;ty=3;ty=4"),
		with("another format", 4015, 415, "Content-Type", "text/html;ty=3"),
		with("another format wanted", 5207, 406, "Accept", "text/html"),
		with("no request identifier", 4000, 400, "X-M2M-RI"),
		with("a request identifier of 10,000 characters", 4000, 400, "X-M2M-RI", many("r", 10_000)),
		with("two request identifiers", 4000, 400, "X-M2M-RI", "a", "b"),
		with("an originator of 10,000 characters", 4000, 400, "X-M2M-Origin", "C"+many("o", 10_000)),
		with("a release that will never be", 4001, 501, "X-M2M-RVI", "99").answered(4001, 400, 501),
		with("an expiration that is no time", 4000, 400, "X-M2M-RET", "soon"),
		with("an expiration that is over", 4008, 504, "X-M2M-RET", "20010101T000000").answered(4008, 504, 403, 408),
		with("an event category that is no number", 4000, 400, "X-M2M-EC", "loud"),
		get("10,000 segments", "/cse-in"+many("/a", 10_000), 400, 414, 431),
		get("a segment of 5,000 characters", "/cse-in/"+many("a", 5_000), 400, 404).answered(0, 400, 404),
		get("result content that is negative", "/cse-in/mal?rcn=-1", 400),
		get("a filter that names everything twice", "/cse-in/mal?fu=1&fu=1", 400),
		get("a response type that doesn't exist", "/cse-in/mal?rt=99", 400),
		get("an offset of zero", "/cse-in/mal?fu=1&ofst=0", 400),
		get("an offset beyond all", "/cse-in/mal?fu=1&ofst=99999999999999999999", 400),
		get("a query with 10,000 fields", "/cse-in/mal?fu=1"+many("&ty=3", 1_600), 200, 400, 414).answered(0, 200, 400, 414),
		get("C-040 a list of attributes in a DELETE", "/cse-in/mal?atrl=lbl", 400).by(http.MethodDelete, 4000, 400),
		createAt("C-040 a list of attributes in a CREATE", "/cse-in/mal?atrl=lbl"),
		get("a method that doesn't exist", "/cse-in/mal").by("PATCH", 4005, 405).answered(0, 400, 405, 501),
		get("another that doesn't exist", "/cse-in/mal").by("BREW", 4005, 405).answered(0, 400, 405, 501),
		get("TRACE", "/cse-in/mal").by(http.MethodTrace, 4005, 405).answered(0, 400, 405, 501),
	}
}

func TestMalformed_B37_EachKindHasItsAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, patient)
	before := s.state(t)
	t.Run("requests", func(t *testing.T) {
		for _, at := range s.targets {
			t.Run(at.name, func(t *testing.T) {
				t.Parallel()
				for _, k := range kinds() {
					t.Run(k.name, func(t *testing.T) {
						var a *harness.Answer
						var err error
						took := harness.Took(func() { a, err = at.client.Do(t.Context(), k.request) })
						if err != nil {
							t.Fatalf("no answer: %v", err)
						}
						if !slices.Contains(k.statuses, a.Status) || k.rsc != 0 && a.RSC != 0 && a.RSC != k.rsc {
							t.Errorf("got %s, want RSC %d / one of %d", a, k.rsc, k.statuses)
						}
						if a.Header.Get("X-Evil") != "" {
							t.Errorf("a header was smuggled into the answer: %v", a.Header)
						}
						if took > 5*time.Second {
							t.Errorf("the answer took %s", took)
						}
					})
				}
			})
		}
	})
	for _, at := range s.targets {
		at.client.Get(t, "Cmal01", "/cse-in/mal").Expect(t, 2000, 200)
	}
	s.settled(t, before)
}
