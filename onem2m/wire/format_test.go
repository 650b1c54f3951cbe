package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// document puts an XML text into the form in which it is written.
func document(root, inside string) string {
	name, attributes, _ := strings.Cut(root, " ")
	if attributes != "" {
		attributes = " " + attributes
	}
	return `<?xml version="1.0" encoding="UTF-8"?><` + name + ` xmlns:m2m="http://www.onem2m.org/xml/protocols"` + attributes + `>` + inside + `</` + name + `>`
}

func TestCodec_C468_XMLAndJSONAreTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, json, root, xml string }{
		{"C-463 the name is an attribute", `{"m2m:ae":{"rn":"board7","api":"Nboard.example","rr":false,"lbl":["room","kitchen"]}}`, `m2m:ae rn="board7"`, `<lbl>room kitchen</lbl><api>Nboard.example</api><rr>false</rr>`},
		{"C-472 a content keeps its blanks", `{"m2m:cin":{"cnf":"text/plain:0","con":"  21.7 C "}}`, "m2m:cin", `<cnf>text/plain:0</cnf><con>  21.7 C </con>`},
		{"a content that looks like XML", `{"m2m:cin":{"con":"<a b=\"c\">&amp;</a>\r\n"}}`, "m2m:cin", `<con>&lt;a b=&quot;c&quot;&gt;&amp;amp;&lt;/a&gt;&#13;` + "\n" + `</con>`},
		{"numbers", `{"m2m:cnt":{"mni":10,"disr":true}}`, "m2m:cnt", `<mni>10</mni><disr>true</disr>`},
		{"null", `{"m2m:cnt":{"mni":null,"lbl":null}}`, "m2m:cnt", `<lbl></lbl><mni></mni>`},
		{
			"rules", `{"m2m:acp":{"pv":{"acr":[{"acor":["C1","C2"],"acop":63,"acco":[{"actw":["* 0-5 2,6,10 * * * *","1 * * * * * *"]}]},{"acor":["all"],"acop":2}]}}}`, "m2m:acp",
			`<pv><acr><acor>C1 C2</acor><acop>63</acop><acco><actw>* 0-5 2,6,10 * * * *</actw><actw>1 * * * * * *</actw></acco></acr><acr><acor>all</acor><acop>2</acop></acr></pv>`,
		},
		{"schedules", `{"m2m:sch":{"se":{"sce":["* 0-5 2,6,10 * * * *"]}}}`, "m2m:sch", `<se><sce>* 0-5 2,6,10 * * * *</sce></se>`},
		{"criteria", `{"m2m:sub":{"nu":["http://a.example/","C1"],"enc":{"net":[1,3]}}}`, "m2m:sub", `<enc><net>1</net><net>3</net></enc><nu>http://a.example/ C1</nu>`},
		{"children inside", `{"m2m:ae":{"rn":"a","m2m:cnt":[{"rn":"b","m2m:cin":[{"rn":"c","con":"1"}]},{"rn":"d"}]}}`, `m2m:ae rn="a"`, `<m2m:cnt rn="b"><m2m:cin rn="c"><con>1</con></m2m:cin></m2m:cnt><m2m:cnt rn="d"></m2m:cnt>`},
		{"C-464 references", `{"m2m:cnt":{"ch":[{"val":"cse-in/a/b","nm":"b","typ":3},{"val":"cse-in/a/c","nm":"c","typ":4}]}}`, "m2m:cnt", `<ch nm="b" typ="3">cse-in/a/b</ch><ch nm="c" typ="4">cse-in/a/c</ch>`},
		{"C-467 a list of references", `{"m2m:rrl":{"rrf":[{"val":"x","nm":"b","typ":3}]}}`, "m2m:rrl", `<rrf nm="b" typ="3">x</rrf>`},
		{"C-467 addresses", `{"m2m:uril":["cse-in/a","cse-in/b"]}`, "m2m:uril", `cse-in/a cse-in/b`},
		{"C-467 an address", `{"m2m:uri":"cse-in/a"}`, "m2m:uri", `cse-in/a`},
		{"C-467 address and resource", `{"m2m:rce":{"uri":"cse-in/a","m2m:cnt":{"rn":"a","cni":0}}}`, "m2m:rce", `<uri>cse-in/a</uri><m2m:cnt rn="a"><cni>0</cni></m2m:cnt>`},
		{"C-467 a notification", `{"m2m:sgn":{"nev":{"rep":{"m2m:cin":{"rn":"i","con":"1"}},"net":3},"sur":"/id-in/sub1"}}`, "m2m:sgn", `<nev><rep><m2m:cin rn="i"><con>1</con></m2m:cin></rep><net>3</net></nev><sur>/id-in/sub1</sur>`},
		{"C-467 a verification", `{"m2m:sgn":{"vrq":true,"sur":"/id-in/sub1"}}`, "m2m:sgn", `<vrq>true</vrq><sur>/id-in/sub1</sur>`},
		{
			"C-467 answers of a fan-out", `{"m2m:agr":{"m2m:rsp":[{"rsc":2000,"rqi":"1","fr":"c","pc":{"m2m:cnt":{"rn":"c"}}},{"rsc":4004,"rqi":"2"}]}}`, "m2m:agr",
			`<m2m:rsp><rsc>2000</rsc><rqi>1</rqi><fr>c</fr><pc><m2m:cnt rn="c"></m2m:cnt></pc></m2m:rsp><m2m:rsp><rsc>4004</rsc><rqi>2</rqi></m2m:rsp>`,
		},
		{"C-467 a request", `{"m2m:rqp":{"op":5,"to":"x","rqi":"1","pc":{"m2m:sgn":{"sur":"s"}}}}`, "m2m:rqp", `<op>5</op><to>x</to><rqi>1</rqi><pc><m2m:sgn><sur>s</sur></m2m:sgn></pc>`},
		{"C-467 what a poll fetches at once", `{"m2m:agrp":[{"op":5,"rqi":"1","to":"x"},{"op":2,"rqi":"2","to":"y"}]}`, "m2m:agrp", `<m2m:rqp><op>5</op><to>x</to><rqi>1</rqi></m2m:rqp><m2m:rqp><op>2</op><to>y</to><rqi>2</rqi></m2m:rqp>`},
		{"prefixes are declared where they begin", `{"m2m:sgn":{"nev":{"rep":{"cod:binSh":{"cnd":"a"}}}}}`, "m2m:sgn", `<nev><rep><cod:binSh xmlns:cod="http://www.onem2m.org/xml/protocols/commondomain"><cnd>a</cnd></cod:binSh></rep></nev>`},
		{"a managed object", `{"m2m:bat":{"mgd":1006,"btl":23,"bts":5}}`, "m2m:bat", `<mgd>1006</mgd><btl>23</btl><bts>5</bts>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			content, err := wire.DecodeContent([]byte(c.json), wire.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			want := document(c.root, c.xml)
			got, err := wire.Codec{}.AppendContent(nil, wire.XML, content)
			if err != nil || string(got) != want {
				t.Errorf("written %s, %v, want %s", got, err, want)
			}
			back, err := wire.Codec{}.DecodeContent(wire.XML, []byte(want), onem2m.Update, wire.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sorted(t, content), sorted(t, back)); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

// sorted is the text of a content with the members of objects in order.
func sorted(t interface{ Fatal(...any) }, c *onem2m.Content) string {
	v := c.Append(nil)
	if err := canonicalize(&v); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

func TestCodec_C468_WhatAnXMLReaderForgivesAndRefuses(t *testing.T) {
	t.Parallel()
	const ae = `{"m2m:ae":{"rn":"a","api":"N1","rr":true}}`
	for _, c := range []struct{ name, xml, want string }{ // want: JSON, or "" for 4000
		{"a layout", "<?xml version=\"1.0\"?>\n<m2m:ae xmlns:m2m=\"http://www.onem2m.org/xml/protocols\" rn=\"a\">\n  <api>N1</api>\n  <rr> true </rr>\n</m2m:ae>\n", ae},
		{"no declaration of the prefix", `<m2m:ae rn="a"><api>N1</api><rr>1</rr></m2m:ae>`, ae},
		{"another prefix for the namespace", `<x:ae xmlns:x="http://www.onem2m.org/xml/protocols" rn="a"><api>N1</api><rr>true</rr></x:ae>`, ae},
		{"a hint at a schema", `<m2m:ae xmlns:m2m="http://www.onem2m.org/xml/protocols" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x y" rn="a"><api>N1</api><rr>true</rr></m2m:ae>`, ae},
		{"a comment", `<m2m:ae rn="a"><!-- x --><api>N1</api><rr>true</rr></m2m:ae>`, ae},
		{"a text with numbers keeps its type", `<m2m:ae><apn>42</apn></m2m:ae>`, `{"m2m:ae":{"apn":"42"}}`},
		{"a number that is none is for the CSE to refuse", `<m2m:cnt><mni>ten</mni></m2m:cnt>`, `{"m2m:cnt":{"mni":"ten"}}`},
		{"an attribute that isn't known too", `<m2m:cnt><zzz>1</zzz></m2m:cnt>`, `{"m2m:cnt":{"zzz":"1"}}`},
		{"another namespace for the prefix", `<m2m:ae xmlns:m2m="http://example.com/"><api>N1</api></m2m:ae>`, ""},
		{"a document type", `<!DOCTYPE m2m:ae [<!ENTITY a "b">]><m2m:ae><api>&a;</api></m2m:ae>`, ""},
		{"an entity that isn't defined", `<m2m:ae><api>&a;</api></m2m:ae>`, ""},
		{"not closed", `<m2m:ae><api>N1</api>`, ""},
		{"closed in the wrong order", `<m2m:ae><api>N1</m2m:ae></api>`, ""},
		{"two roots", `<m2m:ae></m2m:ae><m2m:ae></m2m:ae>`, ""},
		{"text behind the root", `<m2m:ae></m2m:ae>x`, ""},
		{"an element twice", `<m2m:ae><api>1</api><api>2</api></m2m:ae>`, ""},
		{"the name twice", `<m2m:ae rn="a"><rn>b</rn></m2m:ae>`, ""},
		{"an attribute of XML", `<m2m:ae id="a"></m2m:ae>`, ""},
		{"text among elements", `<m2m:ae>x<api>N1</api></m2m:ae>`, ""},
		{"elements in a number", `<m2m:cnt><mni><a>1</a></mni></m2m:cnt>`, ""},
		{"text in a resource", `<m2m:cnt>x</m2m:cnt>`, ""},
		{"the name twice as an attribute", `<m2m:ae rn="a" rn="b"></m2m:ae>`, ""},
		{"an attribute inside a content", `<m2m:cin><con><a k="1">x</a></con></m2m:cin>`, ""},
		{"more elements than anybody needs", `<m2m:ae>` + strings.Repeat("<a/>", 40_000) + `</m2m:ae>`, ""},
		{"repeated names that nest too deep", strings.Repeat("<a/><a>", 60) + strings.Repeat("</a>", 60), ""},
		{"an empty value is no null in a CREATE", `<m2m:acp><pv/><lbl/><or/></m2m:acp>`, `{"m2m:acp":{"pv":{},"lbl":[],"or":""}}`},
		{"no XML", `{"m2m:cnt":{}}`, ""},
		{"nothing", ``, ""},
		{"too deep", strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100), ""},
		{"another encoding", `<?xml version="1.0" encoding="UTF-16"?><m2m:cnt></m2m:cnt>`, ""},
		{"broken UTF-8", "<m2m:cin><con>\xff</con></m2m:cin>", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := wire.Codec{}.DecodeContent(wire.XML, []byte(c.xml), onem2m.Create, wire.Limits{})
			if c.want == "" {
				if err == nil {
					t.Fatalf("read as %s", got.Append(nil))
				}
				if e := onem2m.AsError(err); e.Code != onem2m.BadRequest || e.Text == "" {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || string(got.Append(nil)) != c.want {
				t.Errorf("got %v, %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestCodec_C468_WhatXMLCannotHold(t *testing.T) {
	t.Parallel()
	for _, value := range []string{`{"con":"a\u0001"}`, `{"lbl":["living room"]}`, `{"lbl":[""]}`, `{"1x":"y"}`, `{"a:b:c":1}`} {
		content := &onem2m.Content{Name: "m2m:cin", Value: []byte(value)}
		if b, err := (wire.Codec{}).AppendContent(nil, wire.XML, content); err == nil || onem2m.AsError(err).Code != onem2m.NotAcceptable {
			t.Errorf("%s: %s, %v", value, b, err)
		}
	}
}

// A content of another kind than a text is written as its JSON text.
func TestCodec_C468_ContentsThatAreNoText(t *testing.T) {
	t.Parallel()
	for _, value := range []string{`{"t":1}`, `[{"t":1},{"t":2}]`, `[1,"a b",3]`, `{"a:b":{"1x":"y"}}`} {
		content := &onem2m.Content{Name: "m2m:cin", Value: []byte(`{"con":` + value + `}`)}
		b, err := wire.Codec{}.AppendContent(nil, wire.XML, content)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wire.Codec{}.DecodeContent(wire.XML, b, onem2m.Create, wire.Limits{})
		if want := `{"con":` + string(onem2m.TextValue(value)) + `}`; err != nil || string(back.Value) != want {
			t.Errorf("%s: %v, %v, want %s", b, back, err, want)
		}
	}
}

// value draws a JSON value.
func value(t *rapid.T, depth int) any {
	switch n := rapid.IntRange(0, 6).Draw(t, "kind"); {
	case n == 0:
		return nil
	case n == 1:
		return rapid.Bool().Draw(t, "flag")
	case n == 2:
		return rapid.Int64().Draw(t, "number")
	case n == 3:
		return rapid.Float64Range(-1e9, 1e9).Draw(t, "float")
	case n == 4 && depth > 0:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, value(t, depth-1))
		}
		return list
	case n == 5 && depth > 0:
		return members(t, depth)
	}
	return rapid.String().Draw(t, "text")
}

func members(t *rapid.T, depth int) map[string]any {
	o := map[string]any{}
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		o[rapid.StringMatching(`[a-z]{1,4}`).Draw(t, "name")] = value(t, depth-1)
	}
	return o
}

func TestCodec_C469_C471_CBORKeepsEverything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		content := &onem2m.Content{Name: "m2m:cnt", Value: encode(t, members(t, 3))}
		b, err := wire.Codec{}.AppendContent(nil, wire.CBOR, content)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wire.Codec{}.DecodeContent(wire.CBOR, b, onem2m.Create, wire.Limits{})
		if err != nil {
			t.Fatalf("%v of %s", err, content.Append(nil))
		}
		if got, want := sorted(t, back), sorted(t, content); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func TestCodec_C469_WhatCBORLooksLike(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, cbor, want string }{ // want: JSON, or "" for 4000
		{"texts and integers", "\xa1\x67m2m:cnt\xa2\x62rn\x61a\x63mni\x19\x01\xf4", `{"m2m:cnt":{"mni":500,"rn":"a"}}`},
		{"names as byte strings, as in the text's example", "\xa1\x47m2m:cnt\xa1\x42rn\x61a", `{"m2m:cnt":{"rn":"a"}}`},
		{"indefinite lengths", "\xbf\x67m2m:cnt\xbf\x62rn\x7f\x61a\x61b\xff\xff\xff", `{"m2m:cnt":{"rn":"ab"}}`},
		{"a half float", "\xa1\x67m2m:cnt\xa1\x61x\xf9\x3e\x00", `{"m2m:cnt":{"x":1.5}}`},
		{"a whole float stays one", "\xa1\x67m2m:cnt\xa1\x61x\xf9\x3c\x00", `{"m2m:cnt":{"x":1.0}}`},
		{"a byte string as a value", "\xa1\x67m2m:cnt\xa1\x61x\x41a", ""},
		{"a name twice", "\xa1\x67m2m:cnt\xa2\x61x\x01\x61x\x02", ""},
		{"a name twice, in both ways", "\xa1\x67m2m:cnt\xa2\x61x\x01\x41x\x02", ""},
		{"a number as a name", "\xa1\x01\xa0", ""},
		{"a tag", "\xa1\x67m2m:cnt\xa1\x61x\xc1\x01", ""},
		{"not a number", "\xa1\x67m2m:cnt\xa1\x61x\xf9\x7e\x00", ""},
		{"a name that is no text", "\xa1\x67m2m:cnt\xa2\x41\xff\x01\x41\xfe\x02", ""},
		{"many small values", "\xa1\x67m2m:cnt\x9f" + strings.Repeat("\xa1\x60\xf6", 40_000) + "\xff", ""},
		{"octets behind", "\xa1\x67m2m:cnt\xa0\x00", ""},
		{"cut", "\xa1\x67m2m:cnt", ""},
		{"a promise of much", "\xbb\x7f\xff\xff\xff\xff\xff\xff\xff", ""},
		{"broken UTF-8", "\xa1\x67m2m:cnt\xa1\x61x\x61\xff", ""},
		{"no map", "\x01", ""},
		{"nothing", "", ""},
		{"too deep", strings.Repeat("\x81", 100) + "\x01", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := wire.Codec{}.DecodeContent(wire.CBOR, []byte(c.cbor), onem2m.Create, wire.Limits{})
			if c.want == "" {
				if err == nil {
					t.Fatalf("read as %s", got.Append(nil))
				}
				if e := onem2m.AsError(err); e.Code != onem2m.BadRequest || e.Text == "" {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || string(got.Append(nil)) != c.want {
				t.Errorf("got %v, %v, want %s", got, err, c.want)
			}
		})
	}
}
