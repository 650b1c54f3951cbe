package onem2m_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

// fields splits a query whose values need no decoding.
func fields(query string) []onem2m.QueryPair {
	var pairs []onem2m.QueryPair
	for field := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(field, "=")
		pairs = append(pairs, onem2m.QueryPair{Name: name, Values: strings.Split(value, "+")})
	}
	return pairs
}

func TestParseQuery(t *testing.T) {
	t.Parallel()
	type filter = onem2m.FilterCriteria
	at, err := onem2m.ParseTimestamp("20260301T101500")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		id, name, query string
		want            onem2m.Request
	}{
		{"B-24", "the response type is a number", "rt=3", onem2m.Request{ResponseType: new(int64(3))}},
		{"B-25", "booleans in words and digits", "da=true&tqi=1&asi=0&auri=false&sqi=1", onem2m.Request{
			DeliveryAggregate: new(true), TokenRequest: new(true), AuthorSignReq: new(false),
			AuthorRelation: new(false), SemanticQuery: new(true),
		}},
		{"B-26", "types joined by +", "fu=1&ty=3+4", onem2m.Request{Filter: &filter{FilterUsage: new(int64(1)), Types: []onem2m.ResourceType{3, 4}}}},
		{"B-26", "types repeated", "ty=3&fu=1&ty=4", onem2m.Request{Filter: &filter{FilterUsage: new(int64(1)), Types: []onem2m.ResourceType{3, 4}}}},
		{"B-26", "labels with signs", "lbl=tag:blue+50%+a'b\\c", onem2m.Request{Filter: &filter{Labels: []string{"tag:blue", "50%", `a'b\c`}}}},
		{"B-27", "attributes under their own names", "cni=5&cr=Cabc&cr=Cdef", onem2m.Request{Filter: &filter{Attributes: []onem2m.AttributeCondition{{Name: "cni", Value: "5"}, {Name: "cr", Value: "Cabc"}, {Name: "cr", Value: "Cdef"}}}}},
		{"B-27", "attributes of children and parents", "c.api=Nx&p.apn=y", onem2m.Request{Filter: &filter{
			ChildAttributes:  []onem2m.AttributeCondition{{Name: "api", Value: "Nx"}},
			ParentAttributes: []onem2m.AttributeCondition{{Name: "apn", Value: "y"}},
		}}},
		{"B-28", "a parameter wins over an attribute", "rn=x&ty=3", onem2m.Request{Filter: &filter{Types: []onem2m.ResourceType{3}, Attributes: []onem2m.AttributeCondition{{Name: "rn", Value: "x"}}}}},
		{"B-29", "conditions that the HTTP table lacks", "lbq=a EQ b&clbl=c&palb=d&chty=4&pty=2&arp=la", onem2m.Request{Filter: &filter{
			LabelsQuery: []string{"a EQ b"}, ChildLabels: []string{"c"}, ParentLabels: []string{"d"},
			ChildTypes: []onem2m.ResourceType{4}, ParentTypes: []onem2m.ResourceType{2}, RelativePath: "la",
		}}},
		{"B-29", "the attribute list", "atrl=mni+cni", onem2m.Request{Attributes: []string{"mni", "cni"}}},
		{"C-166", "numbers at their least", "lim=0&lvl=1&ofst=1&sza=0&szb=1&sts=1&stb=0", onem2m.Request{Filter: &filter{
			Limit: new(int64(0)), Level: new(int64(1)), Offset: new(int64(1)), SizeAbove: new(int64(0)),
			SizeBelow: new(int64(1)), StateTagSmaller: new(int64(1)), StateTagBigger: new(int64(0)),
		}}},
		{"C-158", "times", "crb=20260301T101500&exa=20260301T101500,000000", onem2m.Request{Filter: &filter{CreatedBefore: &at, ExpireAfter: &at}}},
		{"C-036", "enumerations", "fu=3&fo=2&drt=2&rcn=12", onem2m.Request{
			Filter: &filter{FilterUsage: new(int64(3)), FilterOperation: new(int64(2))}, DesiredIDType: new(int64(2)), ResultContent: new(int64(12)),
		}},
		{"C-013", "result persistence", "rp=PT10S", onem2m.Request{ResultPersistence: "PT10S"}},
		{"B-24", "security parameters", "rids=a@b.example&tids=c@d.example&ltids=x+y", onem2m.Request{RoleIDs: []string{"a@b.example"}, TokenIDs: []string{"c@d.example"}, LocalTokenIDs: []string{"x", "y"}}},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			var got onem2m.Request
			if err := onem2m.ParseQuery(fields(tt.query), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseQuery_RefusesAndNamesTheField(t *testing.T) {
	t.Parallel()
	tests := []struct{ id, query, subject string }{
		{"B-23", "fu=1&fu=2", "fu"},
		{"B-23", "rcn=1+2", "rcn"},
		{"B-23", "cra=20260301T101500&cra=20260301T101500", "cra"},
		{"B-23", "lim=1&lim=1", "lim"},
		{"B-25", "da=yes", "da"},
		{"B-31 C-170", "fu=1&whatever=1", "whatever"},
		{"B-31", "=1", ""},
		{"B-31", "c.whatever=1", "c.whatever"},
		{"B-31", "atr=x", "atr"},
		{"C-036", "fu=7", "fu"},
		{"C-036", "fu=0", "fu"},
		{"C-036", "fo=4", "fo"},
		{"C-036", "drt=3", "drt"},
		{"C-036", "rcn=99", "rcn"},
		{"C-036", "rt=6", "rt"},
		{"C-036", "szb=-1", "szb"},
		{"C-166", "lim=-1", "lim"},
		{"C-166", "lim=1e99", "lim"},
		{"C-166", "lim=", "lim"},
		{"C-166", "lim=99999999999999999999", "lim"},
		{"C-166", "lvl=0", "lvl"},
		{"C-166", "ofst=0", "ofst"},
		{"C-166", "sts=0", "sts"},
		{"C-098", "lbl=", "lbl"},
		{"C-098", "lbl=a+", "lbl"},
		{"C-098", "ty=", "ty"},
		{"C-036", "ty=three", "ty"},
		{"C-036", "ty=33", "ty"},
		{"C-011", "cra=yesterday", "cra"},
		{"C-013", "rp=later", "rp"},
		{"C-160", "ct=20260301T101500", "ct"},
		{"C-160", "st=5", "st"},
		{"C-160", "cs=5", "cs"},
		{"C-160", "cnf=text/plain:0", "cnf"},
		{"C-160", "c.et=20260301T101500", "et"},
		{"C-168", "cfs=1", "cfq"},
		{"C-168", "cfq=$.a", "cfs"},
		{"C-168", "cfs=2&cfq=$.a", "cfs"},
		{"C-171", "lbq=a b", "lbq"},
		{"C-172", "cfs=1&cfq=a", "cfq"},
		{"C-430", "gmty=1", "gmty"},
		{"C-431", "gmty=3&gsf=1&geom=[[0,0],[1,1],[1,0],[0,1],[0,0]]", "geom"},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.query, func(t *testing.T) {
			t.Parallel()
			var req onem2m.Request
			wantBadRequest(t, onem2m.ParseQuery(fields(tt.query), &req), tt.subject)
		})
	}
}

func TestParseQuery_B32_ACreateHasNoFilter(t *testing.T) {
	t.Parallel()
	for _, op := range []onem2m.Operation{onem2m.Create, onem2m.Notify} {
		req := onem2m.Request{Operation: op}
		wantBadRequest(t, onem2m.ParseQuery(fields("lbl=a"), &req), "fc")
		if err := onem2m.ParseQuery(fields("rcn=1&rt=3"), &req); err != nil {
			t.Error(err)
		}
	}
}

func TestParseQuery_C466_HasLimits(t *testing.T) {
	t.Parallel()
	var req onem2m.Request
	if err := onem2m.ParseQuery(fields(strings.Repeat("lbl=a&", 300)+"lbl=a"), &req); err == nil {
		t.Error("hundreds of fields are accepted")
	}
	if err := onem2m.ParseQuery(fields("lbl="+strings.Repeat("a+", 1000)+"a"), &req); err == nil {
		t.Error("a thousand labels are accepted")
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{"fu=1&lbl=a+b", "rcn=4&ty=3&lim=5", "c.cni=5&p.apn=*", "cfs=1&cfq=$.a EQ 1", "lbq=a IN (b,c)", "crb=20260301T101500"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var req onem2m.Request
		if err := onem2m.ParseQuery(fields(s), &req); err != nil {
			if e := onem2m.AsError(err); e.Code != onem2m.BadRequest && e.Code != onem2m.NotImplemented {
				t.Fatal(err)
			}
			return
		}
		if req.Filter == nil || !utf8.ValidString(s) {
			return
		}
		o := req.Filter.Object()
		again, err := onem2m.ParseFilter(o.Append(nil))
		if err != nil {
			t.Fatalf("%s: %v", o.Append(nil), err)
		}
		if diff := cmp.Diff(req.Filter, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
