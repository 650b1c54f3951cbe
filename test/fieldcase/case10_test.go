package fieldcase

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/test/harness"
)

func TestFieldCase10_QueryStringsTypedByPeople(t *testing.T) {
	t.Parallel()
	c, process := trusting(t)
	c.Register(t, "Ccli01", "lab")
	for rn, labels := range map[string]string{
		"c1": `["tag:blue"]`, "c2": `["tag:blue","50%"]`, "c3": `["a+b"]`, "c4": `["a b"]`, "c5": `["grün"]`,
		"c6": `["x' OR '1'='1"]`, "c7": `["back\\slash"]`,
	} {
		c.Make(t, "Ccli01", "/cse-in/lab", 3, `{"m2m:cnt":{"rn":"`+rn+`","lbl":`+labels+`}}`)
	}
	c.Make(t, "Ccli01", "/cse-in/lab", 3, `{"m2m:cnt":{"rn":"c8"}}`)
	c.Make(t, "Ccli01", "/cse-in/lab/c8", 23, `{"m2m:sub":{"rn":"s","nu":["http://192.0.2.9:1/"],"enc":{"net":[4]}}}`)
	every := []string{"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c8/s"}
	containers := every[:8]

	for _, tc := range []struct {
		query string
		want  []string // nil: 4000
	}{
		{"fu=1&lbl=tag:blue", []string{"c1", "c2"}},
		{"fu=1&lbl=tag%3Ablue", []string{"c1", "c2"}},
		{"fu=1", every},
		{"fu=1&lbl=50%25", []string{"c2"}},
		{"fu=1&lbl=50%", nil},
		{"fu=1&lbl=%zz", nil},
		{"fu=1&lbl=%ff%fe", nil},
		{"fu=1&lbl=a%2Bb", []string{"c3"}},
		{"fu=1&lbl=a%20b", []string{"c4"}},
		{"fu=1&lbl=gr%C3%BCn", []string{"c5"}},
		{"fu=1&lbl=tag:blue&lbl=50%25", []string{"c1", "c2"}},
		{"fu=1&lbl=tag:blue+50%25", []string{"c1", "c2"}},
		{"fu=1&lbl=x'%20OR%20'1'='1", []string{"c6"}},
		{"fu=1&lbl=x'%20OR%20'1'%3D'1", []string{"c6"}},
		{"fu=1&lbl=back%5Cslash", []string{"c7"}},
		{"fu=1&lbl=", nil},
		{"fu=1&ty=3&ty=4", containers},
		{"fu=1&ty=3+4", containers},
		{"fu=1&ty=three", nil},
		{"fu=1&lim=-1", nil},
		{"fu=1&lim=1e99", nil},
		{"fu=1&lim=99999999999999999999", nil},
		{"fu=7", nil},
		{"fu=1&fu=2", nil},
		{"fu=1&cra=yesterday", nil},
		{"fu=1&whatever=1", nil},
		{"fu=1&=1", nil},
		{"fu=1&lbl=a&fo=2&ty=23", []string{"c8/s"}},
		{"fu=1&lbl=tag:blue&fo=2&ty=23", []string{"c1", "c2", "c8/s"}},
		{"fu=1&lbl=tag:blue&ty=23", []string{}},
		{"fu=1&lbl=a%00b", nil},
	} {
		t.Run("B-26 "+tc.query, func(t *testing.T) {
			t.Parallel()
			a := c.Get(t, "Ccli01", "/cse-in/lab?"+tc.query)
			if tc.want == nil {
				a.Expect(t, 4000, 400)
				return
			}
			a.Expect(t, 2000, 200)
			list, ok := a.List()
			if !ok {
				t.Fatalf("no list in %s", a)
			}
			for i := range list {
				list[i] = strings.TrimPrefix(list[i], "cse-in/lab/")
			}
			slices.Sort(list)
			if diff := cmp.Diff(tc.want, list); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a query of 100,000 characters", func(t *testing.T) {
		t.Parallel()
		answer := harness.Exchange(t, c.Base, nil, "GET /cse-in/lab?fu=1&lbl="+strings.Repeat("a", 100_000)+
			" HTTP/1.1\r\nHost: cse\r\nX-M2M-Origin: Ccli01\r\nX-M2M-RI: a\r\nX-M2M-RVI: 3\r\nConnection: close\r\n\r\n")
		line, _, _ := strings.Cut(answer, "\r\n")
		if !slices.ContainsFunc([]string{"400", "414", "431"}, func(s string) bool { return strings.Contains(line, " "+s+" ") }) {
			t.Errorf("got %q", line)
		}
		c.Get(t, "Ccli01", "/cse-in/lab").Expect(t, 2000, 200)
	})
	for _, target := range []string{
		"/cse-in/lab/?fu=1", "/cse-in/lab/", "/cse-in//lab", "/cse-in/./lab", "/cse-in/../etc/passwd", "/cse-in/lab%00", "/cse-in%2Flab",
		"/cse-in/%2e%2e/lab", "/cse-in/lab%5c", "/", "//cse-in/lab", "/cse-in/%252e%252e%2flab",
	} {
		t.Run("B-17 the path "+target, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(target, "//") { // an HTTP client makes something else of it
				answer := harness.Exchange(t, c.Base, nil, "GET "+target+" HTTP/1.1\r\nHost: cse\r\nX-M2M-Origin: Ccli01\r\nX-M2M-RI: a\r\nX-M2M-RVI: 3\r\nConnection: close\r\n\r\n")
				if !strings.HasPrefix(answer, "HTTP/1.1 400 ") || !strings.Contains(answer, "X-M2M-RSC: 4000") {
					t.Errorf("got %q", answer)
				}
				return
			}
			c.Send(t, harness.Request{Method: http.MethodGet, Target: target, From: "Ccli01"}).Expect(t, 4000, 400)
		})
	}
	t.Run("B-17 a broken escape in the path", func(t *testing.T) {
		t.Parallel()
		// The HTTP library refuses it before there is a primitive: the status is all there is.
		if a := c.Get(t, "Ccli01", "/cse-in/lab%"); a.Status != http.StatusBadRequest {
			t.Errorf("got %s", a)
		}
	})
	t.Cleanup(func() {
		if !process.Alive() {
			t.Error("the process has ended")
		}
	})
}
