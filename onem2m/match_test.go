package onem2m_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

// resource is a candidate made of plain values.
type resource struct {
	created, modified, expires onem2m.Timestamp
	ty                         onem2m.ResourceType
	attributes                 onem2m.Object
	parent                     *resource
	children                   []*resource
}

func (r *resource) Created() onem2m.Timestamp            { return r.created }
func (r *resource) Modified() onem2m.Timestamp           { return r.modified }
func (r *resource) Expires() onem2m.Timestamp            { return r.expires }
func (r *resource) Type() onem2m.ResourceType            { return r.ty }
func (r *resource) StateTag() (int64, bool)              { return r.attributes.Int("st") }
func (r *resource) Size() (int64, bool)                  { return r.attributes.Int("cs") }
func (r *resource) ContentType() (string, bool)          { return r.attributes.Text("cnf") }
func (r *resource) Attribute(name string) jsontext.Value { return r.attributes.Get(name) }

func (r *resource) Described(queries []string) (bool, error) {
	meaning, ok := r.attributes.Text("meaning")
	return ok && slices.Contains(queries, meaning), nil
}

func (r *resource) Labels() []string {
	labels, _ := r.attributes.Texts("lbl")
	return labels
}

func (r *resource) Parent() onem2m.Candidate {
	if r.parent == nil {
		return nil
	}
	return r.parent
}

func (r *resource) EachChild(fn func(onem2m.Candidate) bool) error {
	for _, c := range r.children {
		if !fn(c) {
			break
		}
	}
	return nil
}

func instance(t testing.TB) *resource {
	t.Helper()
	parent := &resource{ty: onem2m.TypeContainer, attributes: object(t, `{"rn":"data","lbl":["room:kitchen"],"mni":10,"cni":1}`)}
	c := &resource{
		created: 1000, modified: 2000, expires: 3000, ty: onem2m.TypeContentInstance, parent: parent,
		attributes: object(t, `{"st":5,"lbl":["tag:blue","50%","plain"],"cnf":"application/json:0","cs":20,"con":"{\"temp\":21.5,\"unit\":\"C\",\"list\":[1,{\"x\":true}]}","aa":["con","cnf"],"cr":"Csensor1"}`),
	}
	parent.children = []*resource{c}
	return c
}

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id, filter string
		want       bool
	}{
		{"C-157", `{}`, true},
		{"C-157", `{"fu":1,"lim":0,"fo":2}`, true},
		{"C-157", `{"lbl":["none","plain"]}`, true},
		{"C-157", `{"lbl":["plain"],"ty":[3]}`, false},
		{"C-157", `{"lbl":["plain"],"ty":[3],"fo":2}`, true},
		{"C-157", `{"lbl":["none"],"ty":[3],"fo":2}`, false},
		{"C-157", `{"lbl":["plain"],"ty":[4],"fo":3}`, false},
		{"C-157", `{"lbl":["plain"],"ty":[3],"fo":3}`, true},
		{"C-157", `{"ty":[3,4],"fo":1}`, true},
		{"C-157", `{"atr":[{"nm":"cr","val":"x"},{"nm":"cr","val":"Csensor1"}]}`, true},
		{"C-157", `{"atr":[{"nm":"cr","val":"Csensor1"},{"nm":"aa","val":"nope"}]}`, false},
		{"C-158", `{"crb":"19700101T000000,001000"}`, false},
		{"C-158", `{"crb":"19700101T000000,001001"}`, true},
		{"C-158", `{"cra":"19700101T000000,001000"}`, true},
		{"C-158", `{"cra":"19700101T000000,001001"}`, false},
		{"C-158", `{"ms":"19700101T000000,002000"}`, true},
		{"C-158", `{"us":"19700101T000000,002000"}`, false},
		{"C-158", `{"exb":"19700101T000000,003001"}`, true},
		{"C-158", `{"exa":"19700101T000000,003001"}`, false},
		{"C-158", `{"sts":5}`, false},
		{"C-158", `{"sts":6}`, true},
		{"C-158", `{"stb":5}`, true},
		{"C-158", `{"stb":6}`, false},
		{"C-158", `{"sza":20}`, true},
		{"C-158", `{"sza":21}`, false},
		{"C-158", `{"szb":20}`, false},
		{"C-158", `{"szb":21}`, true},
		{"C-159", `{"atr":[{"nm":"mni","val":"10"}]}`, false},
		{"C-161", `{"atr":[{"nm":"cr","val":"Csen*1"}]}`, true},
		{"C-161", `{"atr":[{"nm":"cr","val":"*"}]}`, true},
		{"C-161", `{"atr":[{"nm":"cr","val":"Csen*2"}]}`, false},
		{"C-161", `{"atr":[{"nm":"cr","val":"C*s*n*r*"}]}`, true},
		{"C-161", `{"atr":[{"nm":"cr","val":"sensor"}]}`, false},
		{"C-162", `{"atr":[{"nm":"aa","val":"cnf"}]}`, true},
		{"C-162", `{"patr":[{"nm":"mni","val":10}]}`, true},
		{"C-162", `{"patr":[{"nm":"mni","val":"10.0"}]}`, true},
		{"C-162", `{"patr":[{"nm":"mni","val":"1*"}]}`, true},
		{"C-163", `{"pty":[3]}`, true},
		{"C-163", `{"pty":[2]}`, false},
		{"C-163", `{"palb":["room:kitchen"]}`, true},
		{"C-163", `{"chty":[4]}`, false},
		{"C-158", `{"cty":["application/json"]}`, true},
		{"C-158", `{"cty":["text/plain"]}`, false},
		{"C-171", `{"lbq":["tag"]}`, true},
		{"C-171", `{"lbq":["plain"]}`, true},
		{"C-171", `{"lbq":["NT tag"]}`, false},
		{"C-171", `{"lbq":["NT other"]}`, true},
		{"C-171", `{"lbq":["tag EQ blue"]}`, true},
		{"C-171", `{"lbq":["tag:blue"]}`, true},
		{"C-171", `{"lbq":["tag:red"]}`, false},
		{"C-171", `{"lbq":["tag NE red"]}`, true},
		{"C-171", `{"lbq":["tag NE blue"]}`, false},
		{"C-171", `{"lbq":["other NE blue"]}`, false},
		{"C-171", `{"lbq":["tag IN (red, blue)"]}`, true},
		{"C-171", `{"lbq":["tag NI (red, green)"]}`, true},
		{"C-171", `{"lbq":["tag NI (red,blue)"]}`, false},
		{"C-171", `{"lbq":["nope","plain NE x"]}`, true},
		{"C-171", `{"lbq":"tag EQ blue"}`, true},
		{"C-172", `{"cfs":1,"cfq":"$.temp GT 21"}`, true},
		{"C-172", `{"cfs":1,"cfq":"$.temp LE 21"}`, false},
		{"C-172", `{"cfs":1,"cfq":"$.unit EQ \"C\""}`, true},
		{"C-172", `{"cfs":1,"cfq":"$.unit EQ 'C' AND $.temp EQ 21.50"}`, true},
		{"C-172", `{"cfs":1,"cfq":"$.unit EQ 'F' OR $.list[0] EQ 1"}`, true},
		{"C-172", `{"cfs":1,"cfq":"$.unit EQ 'F' OR $.list[0] EQ 1 AND $.temp LT 0"}`, false},
		{"C-172", `{"cfs":1,"cfq":"$.list[1].x EQ true"}`, true},
		{"C-172", `{"cfs":1,"cfq":"$.list[2]"}`, false},
		{"C-172", `{"cfs":1,"cfq":"$.list"}`, true},
		{"C-172", `{"cfs":1,"cfq":"$.unit MATCH '^[A-Z]$'"}`, true},
		{"C-172", `{"cfs":1,"cfq":"$.unit GT 5"}`, false},
	}
	c := instance(t)
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.filter, func(t *testing.T) {
			t.Parallel()
			f, err := onem2m.ParseFilter(jsontext.Value(tt.filter))
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.Match(c)
			if err != nil || got != tt.want {
				t.Errorf("matches: %t, %v", got, err)
			}
		})
	}
}

func TestMatch_C163_AChildConditionSelectsTheParent(t *testing.T) {
	t.Parallel()
	parent := instance(t).parent
	for filter, want := range map[string]bool{
		`{"chty":[4]}`:       true,
		`{"chty":[3]}`:       false,
		`{"clbl":["plain"]}`: true,
		`{"catr":[{"nm":"cr","val":"Csensor1"}]}`: true,
		`{"catr":[{"nm":"cr","val":"Csensor2"}]}`: false,
		`{"pty":[5]}`:                                false,
		`{"chty":[4],"lbl":["room:kitchen"]}`:        true,
		`{"chty":[4],"lbl":["room:none"],"fo":2}`:    true,
		`{"cfs":1,"cfq":"$"}`:                        false,
		`{"sza":0}`:                                  false,
		`{"exa":"20260101T000000"}`:                  false,
		`{"exb":"20260101T000000"}`:                  false,
		`{"atr":[{"nm":"cni","val":"1"}]}`:           true,
		`{"atr":[{"nm":"rn","val":"da*"}],"ty":[3]}`: true,
	} {
		f, err := onem2m.ParseFilter(jsontext.Value(filter))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Match(parent); err != nil || got != want {
			t.Errorf("%s: %t, %v", filter, got, err)
		}
	}
}

func TestMatch_C162_BooleansMatchByValue(t *testing.T) {
	t.Parallel()
	ae := &resource{ty: onem2m.TypeAE, attributes: object(t, `{"rr":true,"x":null}`)}
	for value, want := range map[string]bool{"true": true, "1": true, "false": false, "0": false, "": false} {
		f := onem2m.FilterCriteria{Attributes: []onem2m.AttributeCondition{{Name: "rr", Value: value}}}
		if got, err := f.Match(ae); err != nil || got != want {
			t.Errorf("%q: %t, %v", value, got, err)
		}
	}
}

func TestMatch_C172_ContentThatIsNoJSONNeverMatches(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]bool{`"plain text"`: false, `"{\"a\":1}"`: true, `{"a":1}`: true, `"{\"a\":1} x"`: false, `""`: false, `5`: false, `"[1"`: false} {
		c := &resource{ty: onem2m.TypeContentInstance, attributes: onem2m.Object{{Name: "con", Value: jsontext.Value(content)}}}
		f := onem2m.FilterCriteria{ContentFilterSyntax: new(int64(1)), ContentFilterQuery: "$.a"}
		if got, err := f.Match(c); err != nil || got != want {
			t.Errorf("%s: %t, %v", content, got, err)
		}
	}
}

func TestCheck_C171_C172_RefusesWhatIsNotInTheGrammar(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", " ", "a b", "NT", "NT a b", "EQ", "a EQ", "a EQ ", "a IN b", "a IN ()", "a IN (b", "a IN (b,,c)", ":", "a:", ":b", "a XX b", strings.Repeat("a", 5000)} {
		f := onem2m.FilterCriteria{LabelsQuery: []string{s}}
		wantBadRequest(t, f.Check(), "lbq")
	}
	for _, s := range []string{
		"a", "$.", "$..a", "$.a EQ", "$.a EQ b", "$.a XX 1", "$.a EQ 1 AND", "$.a EQ 1 $.b", "$[a]", "$[-1]", "$[1", "$.a EQ 'x", "$.a MATCH '('",
		"$.a MATCH 5", "AND", "$.a OR", "$a", "$.a EQ {}", "$.a[99999999999]", strings.Repeat("$", 5000),
	} {
		f := onem2m.FilterCriteria{ContentFilterSyntax: new(int64(1)), ContentFilterQuery: s}
		wantBadRequest(t, f.Check(), "cfq")
	}
}

func TestHasConditions_C157_ControlsAreNone(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]bool{
		`{}`: false, `{"fu":1,"fo":2,"lim":1,"ofst":1,"lvl":1,"arp":"la"}`: false, `{"lbl":["a"]}`: true, `{"ty":[3]}`: true,
		`{"crb":"20260101T000000"}`: true, `{"sza":0}`: true, `{"catr":[{"nm":"cr","val":"x"}]}`: true, `{"cfs":1,"cfq":"$"}`: true,
	} {
		f, err := onem2m.ParseFilter(jsontext.Value(filter))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.HasConditions(); got != want {
			t.Errorf("%s: %t", filter, got)
		}
	}
}

func TestParseFilter_C036_RefusesAndNamesTheCondition(t *testing.T) {
	t.Parallel()
	for filter, subject := range map[string]string{
		`[]`: "fc", `{"zzz":1}`: "zzz", `{"lbl":"a"}`: "lbl", `{"lbl":[]}`: "lbl", `{"lim":"5"}`: "lim", `{"lim":-1}`: "lim", `{"fu":9}`: "fu",
		`{"ty":3}`: "ty", `{"ty":["3"]}`: "ty", `{"ty":[999]}`: "ty", `{"ty":[]}`: "ty", `{"crb":5}`: "crb", `{"atr":{"nm":"cr","val":"x"}}`: "atr",
		`{"atr":[{"nm":"cr"}]}`: "val", `{"atr":[{"nm":"zzz","val":1}]}`: "zzz", `{"atr":[{"nm":"ct","val":1}]}`: "ct", `{"atr":[]}`: "atr",
		`{"cfq":""}`: "cfq", `{"arp":5}`: "arp",
	} {
		_, err := onem2m.ParseFilter(jsontext.Value(filter))
		wantBadRequest(t, err, subject)
	}
}

func TestMatch_C478_EqualsTheRuleOfEachConditionForEveryOperation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &resource{ty: onem2m.ResourceType(rapid.IntRange(2, 4).Draw(t, "ty")), created: onem2m.Timestamp(rapid.Int64Range(1, 9).Draw(t, "ct"))}
		labels := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "k:v"}), 0, 2).Draw(t, "labels")
		state := rapid.Int64Range(0, 5).Draw(t, "st")
		c.attributes = onem2m.Object{{Name: "lbl", Value: onem2m.TextsValue(labels)}, {Name: "st", Value: onem2m.IntValue(state)}}
		var f onem2m.FilterCriteria
		var holds []bool
		if rapid.Bool().Draw(t, "with types") {
			f.Types = []onem2m.ResourceType{3, 4}[:rapid.IntRange(1, 2).Draw(t, "types")]
			holds = append(holds, slices.Contains(f.Types, c.ty))
		}
		if rapid.Bool().Draw(t, "with labels") {
			f.Labels = []string{"a", "k:v"}
			holds = append(holds, slices.Contains(labels, "a") || slices.Contains(labels, "k:v"))
		}
		if rapid.Bool().Draw(t, "with time") {
			f.CreatedBefore = new(onem2m.Timestamp(rapid.Int64Range(1, 9).Draw(t, "crb")))
			holds = append(holds, c.created < *f.CreatedBefore)
		}
		if rapid.Bool().Draw(t, "with state") {
			f.StateTagBigger = new(rapid.Int64Range(0, 5).Draw(t, "stb"))
			holds = append(holds, *f.StateTagBigger <= state)
		}
		operation := rapid.Int64Range(1, 3).Draw(t, "fo")
		f.FilterOperation = &operation
		count := 0
		for _, h := range holds {
			if h {
				count++
			}
		}
		want := len(holds) == 0 || []bool{count == len(holds), count > 0, count%2 == 1}[operation-1]
		if got, err := f.Match(c); err != nil || got != want {
			t.Fatalf("%d of %d hold, fo %d: %t, %v", count, len(holds), operation, got, err)
		}
	})
}

func FuzzLabelsQuery(f *testing.F) {
	for _, s := range []string{"a", "NT a", "a EQ b", "a IN (b, c)", "a:b", "a NI (x)"} {
		f.Add(s, "a:b")
	}
	f.Fuzz(func(t *testing.T, s, label string) {
		filter := onem2m.FilterCriteria{LabelsQuery: []string{s}}
		c := &resource{attributes: onem2m.Object{{Name: "lbl", Value: onem2m.TextsValue([]string{label})}}}
		if filter.Check() != nil {
			return
		}
		if _, err := filter.Match(c); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzContentQuery(f *testing.F) {
	for _, s := range []string{"$.a", "$.a[0] EQ 'x' AND $ NE null", `$.b MATCH "^a*"`} {
		f.Add(s, `{"a":["x"],"b":"aa"}`)
	}
	f.Fuzz(func(t *testing.T, s, content string) {
		filter := onem2m.FilterCriteria{ContentFilterSyntax: new(int64(1)), ContentFilterQuery: s}
		c := &resource{ty: onem2m.TypeContentInstance, attributes: onem2m.Object{{Name: "con", Value: onem2m.TextValue(content)}}}
		if filter.Check() != nil {
			return
		}
		if _, err := filter.Match(c); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	f, err := onem2m.ParseFilter(jsontext.Value(`{"fu":1,"ty":[4],"lbl":["plain"],"crb":"20260101T000000"}`))
	if err != nil {
		b.Fatal(err)
	}
	m, err := f.Compile()
	if err != nil {
		b.Fatal(err)
	}
	c := instance(b)
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := m.Match(c); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func TestIntOf_ReadsEveryIntegerOf64BitsAndNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		if got, ok := onem2m.IntOf(onem2m.IntValue(n)); !ok || got != n {
			t.Fatalf("%d is %d, %t", n, got, ok)
		}
	})
	for _, s := range []string{"", "-", "01", "-0", "1.0", "1e2", "+1", "9223372036854775808", "-9223372036854775809", "99999999999999999999", `"1"`, "null", " 1"} {
		if n, ok := onem2m.IntOf(jsontext.Value(s)); ok {
			t.Errorf("%q is read as %d", s, n)
		}
	}
	if n, ok := onem2m.IntOf(jsontext.Value(strconv.FormatInt(-1<<63, 10))); !ok || n != -1<<63 {
		t.Errorf("the least integer is %d, %t", n, ok)
	}
}
