package fieldcase

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

// board sends what a small library builds of text: over one connection that it
// closes, after an empty line too much.
func board(t *testing.T, c *harness.Client, id int, line, media, accept, body string) string {
	t.Helper()
	request := "\r\n" + line + " HTTP/1.1\r\nHost: cse.example\r\n" + fmt.Sprintf("X-M2M-RI: %d\r\n", id) +
		"X-M2M-Origin: Sboard7\r\nAccept: " + accept + "\r\n"
	if body != "" {
		request += "Content-Type: " + media + "\r\n" + fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return harness.Exchange(t, c.Base, nil, request+"Connection: close\r\n\r\n"+body)
}

// head is the XML declaration, and the namespace of the root element.
const (
	head      = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	namespace = ` xmlns:m2m="http://www.onem2m.org/xml/protocols"`
)

func TestFieldCase04_AMicrocontrollerSpeaksXMLAndAsksForJSON(t *testing.T) {
	t.Parallel()
	c, _ := trusting(t)
	create := func(id int, to string, ty int, body string) string {
		t.Helper()
		answer := board(t, c, id, "POST "+to, fmt.Sprintf("application/vnd.onem2m-res+xml;ty=%d", ty), "application/json", body)
		for _, want := range []string{"HTTP/1.1 201 ", "X-M2M-RSC: 2001", "json", "Connection: close"} {
			if !strings.Contains(answer, want) {
				t.Fatalf("no %q in %q", want, answer)
			}
		}
		return answer
	}
	answer := create(1001, "/~/id-in/cse-in", 2, head+`<m2m:ae`+namespace+` rn="board7">
  <api>Nboard.example</api><rr>false</rr><lbl>room kitchen</lbl>
</m2m:ae>`)
	for _, want := range []string{`"rn":"board7"`, `"lbl":["room","kitchen"]`, `"rr":false`} {
		if !strings.Contains(answer, want) {
			t.Errorf("C-463 C-468 no %s in %s", want, answer)
		}
	}
	create(1002, "/~/id-in/cse-in/board7", 3, `<m2m:cnt`+namespace+` rn="t1"><mni>10</mni></m2m:cnt>`)
	create(1003, "/~/id-in/cse-in/board7/t1", 4, `<m2m:cin`+namespace+`><cnf>text/plain:0</cnf><con>  21.7 C </con></m2m:cin>`)

	t.Run("C-472 the content keeps its blanks", func(t *testing.T) {
		answer := board(t, c, 1004, "GET /~/id-in/cse-in/board7/t1/la", "", "application/json", "")
		for _, want := range []string{`"con":"  21.7 C "`, `"cs":9`} {
			if !strings.Contains(answer, want) {
				t.Errorf("no %s in %s", want, answer)
			}
		}
	})
	t.Run("C-468 and in XML", func(t *testing.T) {
		answer := board(t, c, 1005, "GET /~/id-in/cse-in/board7/t1/la", "", "application/xml", "")
		for _, want := range []string{"Content-Type: application/xml", `<con>  21.7 C </con>`, `<m2m:cin xmlns:m2m="http://www.onem2m.org/xml/protocols" rn="`, "<cs>9</cs>"} {
			if !strings.Contains(answer, want) {
				t.Errorf("no %s in %s", want, answer)
			}
		}
	})
	t.Run("C-468 what XML needs is escaped", func(t *testing.T) {
		create(1006, "/~/id-in/cse-in/board7/t1", 4, `<m2m:cin`+namespace+`><con>a &lt; b &amp; c</con></m2m:cin>`)
		if a := c.Get(t, "Sboard7", "/cse-in/board7/t1/la"); a.Text("con") != "a < b & c" {
			t.Errorf("got %s", a)
		}
		answer := board(t, c, 1007, "GET /~/id-in/cse-in/board7/t1/la", "", "application/xml", "")
		if !strings.Contains(answer, `<con>a &lt; b &amp; c</con>`) {
			t.Errorf("got %s", answer)
		}
	})
	t.Run("C-468 an error is told in the format that was asked for", func(t *testing.T) {
		answer := board(t, c, 1008, "GET /~/id-in/cse-in/board7/none", "", "application/xml", "")
		if !strings.Contains(answer, "HTTP/1.1 404 ") || !strings.Contains(answer, "<m2m:dbg") {
			t.Errorf("got %s", answer)
		}
	})
	for _, tc := range []struct{ name, body string }{
		{"not well-formed", `<m2m:ae` + namespace + `><api>Nx</api>`},
		{"the root of another type", `<m2m:cnt` + namespace + ` rn="x"></m2m:cnt>`},
		{"another namespace", `<m2m:ae xmlns:m2m="http://example.com/"><api>Nx</api><rr>false</rr></m2m:ae>`},
		{"a document type with entities", `<!DOCTYPE a [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]><m2m:ae` + namespace + `><api>N&b;</api><rr>false</rr></m2m:ae>`},
		{"an entity from elsewhere", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><m2m:ae` + namespace + `><api>N&x;</api><rr>false</rr></m2m:ae>`},
	} {
		t.Run("C-468 "+tc.name, func(t *testing.T) {
			answer := board(t, c, 1100, "POST /~/id-in/cse-in", "application/vnd.onem2m-res+xml;ty=2", "application/json", tc.body)
			if !strings.Contains(answer, "HTTP/1.1 400 ") || !strings.Contains(answer, "X-M2M-RSC: 4000") {
				t.Errorf("got %s", answer)
			}
		})
	}
	t.Run("B-13 formats that nobody speaks", func(t *testing.T) {
		c.Send(t, harness.Request{Method: http.MethodGet, Target: "/cse-in/board7", From: "Sboard7", Header: map[string][]string{"Accept": {"text/html"}}}).Expect(t, 5207, 406)
		c.Send(t, harness.Request{Method: http.MethodPost, Target: "/cse-in/board7", From: "Sboard7", Body: "x", Header: map[string][]string{"Content-Type": {"text/plain;ty=3"}}}).Expect(t, 4015, 415)
	})
}

// The same tree in CBOR, with a content that only its own type tells from a text.
func TestFieldCase04_TheSameInCBOR(t *testing.T) {
	t.Parallel()
	c, _ := trusting(t)
	c.Register(t, "Cboard8", "board8")
	body := "\xa1\x67m2m:cnt\xa2\x62rn\x62t1\x63mni\x0a"
	a := c.Send(t, harness.Request{
		Method: http.MethodPost, Target: "/cse-in/board8", From: "Cboard8", Body: body,
		Header: map[string][]string{"Content-Type": {"application/cbor;ty=3"}, "Accept": {"application/cbor"}},
	})
	a.Expect(t, 2001, 201)
	if a.Header.Get("Content-Type") != "application/cbor" || !strings.Contains(a.Body, "\x63mni\x0a") {
		t.Errorf("C-469 %s: %q", a.Header.Get("Content-Type"), a.Body)
	}
	if got := c.Get(t, "Cboard8", "/cse-in/board8/t1"); got.Number("mni") != 10 {
		t.Errorf("got %s", got)
	}
}

// A flexContainer has attributes that only its definition knows.
func TestFieldCase04_AttributesOfDefinitionsInXML(t *testing.T) {
	t.Parallel()
	c, _ := trusting(t)
	c.Register(t, "Cboard9", "board9")
	a := c.Send(t, harness.Request{
		Method: http.MethodPost, Target: "/cse-in/board9", From: "Cboard9",
		Body:   `<cod:binSh xmlns:cod="http://www.onem2m.org/xml/protocols/commondomain" rn="switch"><cnd>org.onem2m.common.moduleclass.binarySwitch</cnd><state>true</state></cod:binSh>`,
		Header: map[string][]string{"Content-Type": {"application/xml;ty=28"}, "Accept": {"application/json"}},
	})
	a.Expect(t, 2001, 201)
	if on, ok := a.Attribute("state").(bool); !ok || !on {
		t.Errorf("got %s", a)
	}
}

// A receiver that reads XML is notified in XML, one that reads CBOR in CBOR.
func TestFieldCase04_NotificationsInTheFormatOfTheReceiver(t *testing.T) {
	t.Parallel()
	c, _ := trusting(t)
	c.Register(t, "Cboard1", "board1")
	sink := harness.NewSink(t)
	c.Make(t, "Cboard1", "/cse-in/board1", 3, `{"m2m:cnt":{"rn":"t1"}}`)
	c.Make(t, "Cboard1", "/cse-in/board1/t1", 23, `{"m2m:sub":{"nu":["`+sink.URL+`/x?ct=xml","`+sink.URL+`/c?ct=cbor"],"enc":{"net":[3]}}}`)
	// What XML can't say must not hold up what it can.
	c.Make(t, "Cboard1", "/cse-in/board1/t1", 4, `{"m2m:cin":{"con":"a bell \u0007"}}`)
	c.Make(t, "Cboard1", "/cse-in/board1/t1", 4, `{"m2m:cin":{"con":"7"}}`)
	seen := map[string]string{}
	for _, n := range sink.Wait(time.Minute, harness.AtLeast(3)) {
		seen[n.Path] = n.Header.Get("Content-Type") + " " + n.Body
	}
	if got := seen["/x"]; !strings.HasPrefix(got, "application/xml <?xml") || !strings.Contains(got, "<con>7</con>") {
		t.Errorf("C-277 in XML: %q", got)
	}
	if got := seen["/c"]; !strings.HasPrefix(got, "application/cbor \xa1\x67m2m:sgn") {
		t.Errorf("C-277 in CBOR: %q", got)
	}
}
