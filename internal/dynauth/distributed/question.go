package distributed

import (
	"net/netip"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/onem2m"
)

// Bounds of one question; the text has none.
const (
	MaxRoles  = 100
	MaxTokens = 16
)

// Question is an access control decision request (TS-0003 table 7.5.2-1). What
// is unknown has its zero value and isn't said.
type Question struct {
	To        string // address of the target
	From      string // the originator
	Operation onem2m.Operation
	ChildType onem2m.ResourceType // of a CREATE
	Usage     int64               // filterUsage
	RoleIDs   []string            // that the originator claims
	TokenIDs  []string            // that it names
	Tokens    []string            // that it brings
	Time      onem2m.Timestamp    // rq_time
	Location  *access.Location    // rq_loc
	IP        netip.Addr          // rq_ip
}

// Content is the question as a decision point is asked it.
func (q *Question) Content() *onem2m.Content {
	o := onem2m.Object{
		{Name: "to", Value: onem2m.TextValue(q.To)},
		{Name: "fr", Value: onem2m.TextValue(q.From)},
		{Name: "op", Value: onem2m.IntValue(int64(q.Operation))},
	}
	add := func(there bool, name string, value func() jsontext.Value) {
		if there {
			o = append(o, onem2m.Member{Name: name, Value: value()})
		}
	}
	texts := func(list []string) func() jsontext.Value {
		return func() jsontext.Value { return onem2m.TextsValue(list) }
	}
	add(q.ChildType != 0, "rrt", func() jsontext.Value { return onem2m.IntValue(int64(q.ChildType)) })
	add(q.Usage != 0, "fu", func() jsontext.Value { return onem2m.IntValue(q.Usage) })
	add(len(q.RoleIDs) > 0, "rids", texts(q.RoleIDs))
	add(len(q.TokenIDs) > 0, "tids", texts(q.TokenIDs))
	add(len(q.Tokens) > 0, "tkns", texts(q.Tokens))
	add(q.Time != 0, "rtm", func() jsontext.Value { return onem2m.TimeValue(q.Time) })
	place := placeValue(q.Location)
	add(place != nil, "olo", func() jsontext.Value { return place })
	add(q.IP.IsValid(), "oip", func() jsontext.Value { return addressValue(q.IP) })
	return &onem2m.Content{Name: Decision.Root(), Value: o.Append(nil)}
}

// placeValue writes a place as m2m:locationRegion, which is a choice: the
// position says more.
func placeValue(at *access.Location) jsontext.Value {
	switch {
	case at == nil:
		return nil
	case at.HasPosition:
		circle := []byte(`{"accr":[`)
		for i, f := range []float64{at.Latitude, at.Longitude, at.Uncertainty} {
			if i > 0 {
				circle = append(circle, ',')
			}
			circle = strconv.AppendFloat(circle, f, 'f', -1, 64)
		}
		return append(circle, "]}"...)
	case at.Country != "":
		return onem2m.Object{{Name: "accc", Value: onem2m.TextsValue([]string{at.Country})}}.Append(nil)
	}
	return nil
}

func addressValue(ip netip.Addr) jsontext.Value {
	name, ip := "ip6", ip.Unmap().WithZone("")
	if ip.Is4() {
		name = "ip4"
	}
	return onem2m.Object{{Name: name, Value: onem2m.TextValue(ip.String())}}.Append(nil)
}

// ParseQuestion reads what a decision point is asked. It is strict, as TS-0004
// clause 7.4.43.2.3 has it: an attribute that doesn't belong there, one
// that lacks, and one that isn't of its type is 4000 with its name.
func ParseQuestion(o onem2m.Object) (Question, error) {
	r := newReader(Decision, o, "to", "fr", "op", "rrt", "fu", "rids", "tids", "tkns", "rtm", "olo", "oip")
	r.need("to", "fr", "op")
	q := Question{To: r.text("to"), From: r.text("fr"), Operation: onem2m.Operation(r.number("op"))}
	q.ChildType = onem2m.ResourceType(r.number("rrt"))
	q.Usage = r.usage("fu")
	q.RoleIDs, q.TokenIDs, q.Tokens = r.texts("rids", MaxRoles), r.texts("tids", MaxTokens), r.texts("tkns", MaxTokens)
	q.Time = r.time("rtm")
	q.Location, q.IP = r.place("olo"), r.address("oip")
	if r.err == nil && (q.Operation == onem2m.Create) != (q.ChildType != 0) {
		r.fail("rrt", "it goes with a CREATE, and a CREATE with it")
	}
	return q, r.end()
}

// PolicyQuestion is an access control policy request (TS-0003 table 7.5.3-1).
type PolicyQuestion struct{ To string }

// Content is the question as a policy point is asked it.
func (q *PolicyQuestion) Content() *onem2m.Content {
	o := onem2m.Object{{Name: "to", Value: onem2m.TextValue(q.To)}}
	return &onem2m.Content{Name: Policy.Root(), Value: o.Append(nil)}
}

// ParsePolicyQuestion reads what a policy point is asked, as ParseQuestion does.
func ParsePolicyQuestion(o onem2m.Object) (PolicyQuestion, error) {
	r := newReader(Policy, o, "to")
	r.need("to")
	q := PolicyQuestion{To: r.text("to")}
	return q, r.end()
}

// InformationQuestion is an access control information request (TS-0003 table
// 7.5.4-1). Without Role-IDs it is about all roles of the originator.
type InformationQuestion struct {
	From     string
	RoleIDs  []string
	TokenIDs []string
}

// Content is the question as an information point is asked it.
func (q *InformationQuestion) Content() *onem2m.Content {
	o := onem2m.Object{{Name: "fr", Value: onem2m.TextValue(q.From)}}
	if len(q.RoleIDs) > 0 {
		o = append(o, onem2m.Member{Name: "rids", Value: onem2m.TextsValue(q.RoleIDs)})
	}
	if len(q.TokenIDs) > 0 {
		o = append(o, onem2m.Member{Name: "tids", Value: onem2m.TextsValue(q.TokenIDs)})
	}
	return &onem2m.Content{Name: Information.Root(), Value: o.Append(nil)}
}

// ParseInformationQuestion reads what an information point is asked, as
// ParseQuestion does.
func ParseInformationQuestion(o onem2m.Object) (InformationQuestion, error) {
	r := newReader(Information, o, "fr", "rids", "tids")
	r.need("fr")
	q := InformationQuestion{From: r.text("fr"), RoleIDs: r.texts("rids", MaxRoles), TokenIDs: r.texts("tids", MaxTokens)}
	return q, r.end()
}
