package onem2m

import (
	"slices"
	"strings"
)

// QueryPair is one field of a query string: its name and its values, split at
// the list separator of the binding and then decoded. A field without a value
// has one empty value. A name may occur in several pairs.
type QueryPair struct {
	Name   string
	Values []string
}

// Limits of a query; what is longer is refused with 4000.
const (
	maxQueryPairs  = 200 // fields of one request
	maxQueryValues = 500 // entries of one list, labels mostly
)

// ParseQuery fills the parameters and filter conditions of req from the fields
// of a query string (TS-0009 clause 6.2.2.2). Errors are 4000 and name the
// field. Single values are given at most once (B-23); lists take several values
// and may be repeated (B-26); a field that is no parameter but the short name
// of an attribute is a condition on that attribute, with c. or p. in front on
// that of a child or parent (B-27, B-28); anything else is refused (B-31).
// Filter conditions on CREATE and NOTIFY are refused (B-32); whether the
// operation allows any other parameter is the caller's to check.
func ParseQuery(pairs []QueryPair, req *Request) error {
	if len(pairs) > maxQueryPairs {
		return Errorf(BadRequest, "", "the query has more than %d fields", maxQueryPairs)
	}
	merged, err := mergePairs(pairs)
	if err != nil {
		return err
	}
	q := query{req: req}
	for _, pair := range merged {
		if err := q.field(pair); err != nil {
			return err
		}
	}
	if q.filter != nil {
		if err := q.filter.Check(); err != nil {
			return err
		}
		if req.Operation == Create || req.Operation == Notify {
			return Errorf(BadRequest, "fc", "a request to %s has no filter criteria", req.Operation)
		}
		req.Filter = q.filter
	}
	return nil
}

// mergePairs joins the values of pairs with the same name, in order.
func mergePairs(pairs []QueryPair) ([]QueryPair, *Error) {
	merged := make([]QueryPair, 0, len(pairs))
	for _, pair := range pairs {
		at := slices.IndexFunc(merged, func(m QueryPair) bool { return m.Name == pair.Name })
		if at < 0 {
			merged = append(merged, QueryPair{Name: pair.Name, Values: slices.Clone(pair.Values)})
			continue
		}
		merged[at].Values = append(merged[at].Values, pair.Values...)
	}
	for _, pair := range merged {
		if len(pair.Values) == 0 || len(pair.Values) > maxQueryValues {
			return nil, Errorf(BadRequest, printable(pair.Name), "the field has no value or more than %d", maxQueryValues)
		}
	}
	return merged, nil
}

// query collects what the fields say. The filter exists once a condition does.
type query struct {
	req    *Request
	filter *FilterCriteria
}

func (q *query) conditions() *FilterCriteria {
	if q.filter == nil {
		q.filter = &FilterCriteria{}
	}
	return q.filter
}

// field takes one field in.
func (q *query) field(p QueryPair) *Error {
	for _, take := range []func(QueryPair) (bool, *Error){q.parameter, q.listParameter, q.instant, q.number, q.list} {
		if known, err := take(p); known || err != nil {
			return err
		}
	}
	return q.attribute(p)
}

// parameter takes parameters of the request that hold one value.
func (q *query) parameter(p QueryPair) (known bool, _ *Error) {
	r := q.req
	switch p.Name {
	case "rt":
		return true, p.enumeration(&r.ResponseType, "m2m:responseType", 0)
	case "rcn":
		return true, p.enumeration(&r.ResultContent, "m2m:resultContent", maxResultContent)
	case "drt":
		return true, p.enumeration(&r.DesiredIDType, "m2m:desIdResType", 0)
	case "rp":
		value, err := p.one()
		if err == nil {
			if _, bad := ParseAbsRel(value, 0); bad != nil {
				return true, Errorf(BadRequest, "rp", "%s", AsError(bad).Text)
			}
		}
		r.ResultPersistence = value
		return true, err
	case "da":
		return true, p.boolean(&r.DeliveryAggregate)
	case "tqi":
		return true, p.boolean(&r.TokenRequest)
	case "asi":
		return true, p.boolean(&r.AuthorSignReq)
	case "auri":
		return true, p.boolean(&r.AuthorRelation)
	case "sqi":
		return true, p.boolean(&r.SemanticQuery)
	}
	return false, nil
}

// maxResultContent is the highest Result Content of a later release (12).
const maxResultContent = 12

// listParameter takes parameters of the request that hold a list.
func (q *query) listParameter(p QueryPair) (known bool, _ *Error) {
	var into *[]string
	switch p.Name {
	case "rids":
		into = &q.req.RoleIDs
	case "tids":
		into = &q.req.TokenIDs
	case "ltids":
		into = &q.req.LocalTokenIDs
	case "tkns":
		into = &q.req.Tokens
	case "atrl":
		into = &q.req.Attributes
	default:
		return false, nil
	}
	return true, p.texts(into)
}

// instant takes conditions on times.
func (q *query) instant(p QueryPair) (known bool, _ *Error) {
	into := (&FilterCriteria{}).instantOf(p.Name)
	if into == nil {
		return false, nil
	}
	value, err := p.one()
	if err != nil {
		return true, err
	}
	t, bad := ParseTimestamp(value)
	if bad != nil {
		return true, Errorf(BadRequest, p.Name, "%s", AsError(bad).Text)
	}
	*q.conditions().instantOf(p.Name) = &t
	return true, nil
}

// number takes conditions and controls that hold a number.
func (q *query) number(p QueryPair) (known bool, _ *Error) {
	if _, least := (&FilterCriteria{}).numberOf(p.Name); least < 0 {
		return false, nil
	}
	into, least := q.conditions().numberOf(p.Name)
	value, err := p.one()
	if err != nil {
		return true, err
	}
	n, ok := IntOf([]byte(value))
	if !ok || n < least {
		return true, Errorf(BadRequest, p.Name, "the value must be an integer of %d or more", least)
	}
	*into = &n
	return true, nil
}

// list takes conditions that hold lists or text.
func (q *query) list(p QueryPair) (known bool, _ *Error) {
	if texts := (&FilterCriteria{}).textsOf(p.Name); texts != nil {
		return true, p.texts(q.conditions().textsOf(p.Name))
	}
	switch p.Name {
	case "ty":
		return true, p.types(&q.conditions().Types)
	case "chty":
		return true, p.types(&q.conditions().ChildTypes)
	case "pty":
		return true, p.types(&q.conditions().ParentTypes)
	case "cfq":
		return true, p.text(&q.conditions().ContentFilterQuery)
	case "geom":
		return true, p.text(&q.conditions().Geometry)
	case "arp":
		return true, p.text(&q.conditions().RelativePath)
	}
	return false, nil
}

// attribute takes a condition on an attribute of the resource, a child or the parent.
func (q *query) attribute(p QueryPair) *Error {
	name, prefix := p.Name, ""
	for _, s := range []string{"c.", "p."} {
		if rest, ok := strings.CutPrefix(p.Name, s); ok {
			name, prefix = rest, s
		}
	}
	if !AttributeKnown(name) {
		return Errorf(BadRequest, printable(p.Name), "neither a parameter nor an attribute has this name")
	}
	var into *[]AttributeCondition
	switch prefix {
	case "c.":
		into = &q.conditions().ChildAttributes
	case "p.":
		into = &q.conditions().ParentAttributes
	default:
		into = &q.conditions().Attributes
	}
	for _, value := range p.Values {
		*into = append(*into, AttributeCondition{Name: name, Value: value})
	}
	return nil
}

// one returns the only value (B-23).
func (p QueryPair) one() (string, *Error) {
	if len(p.Values) != 1 {
		return "", Errorf(BadRequest, p.Name, "the field must have one value")
	}
	return p.Values[0], nil
}

func (p QueryPair) text(into *string) *Error {
	value, err := p.one()
	if err == nil && value == "" {
		err = Errorf(BadRequest, p.Name, "the value is empty")
	}
	*into = value
	return err
}

func (p QueryPair) texts(into *[]string) *Error {
	if slices.Contains(p.Values, "") {
		return Errorf(BadRequest, p.Name, "a value of the list is empty")
	}
	*into = p.Values
	return nil
}

func (p QueryPair) types(into *[]ResourceType) *Error {
	types := make([]ResourceType, 0, len(p.Values))
	for _, value := range p.Values {
		n, ok := IntOf([]byte(value))
		if !ok || TypeByNumber(ResourceType(n)) == nil {
			return Errorf(BadRequest, p.Name, "a value is not the number of a resource type")
		}
		types = append(types, ResourceType(n))
	}
	*into = types
	return nil
}

// enumeration takes a value of the enumeration, or up to later beyond it.
func (p QueryPair) enumeration(into **int64, name string, later int64) *Error {
	value, err := p.one()
	if err != nil {
		return err
	}
	n, ok := IntOf([]byte(value))
	if !ok || !EnumerationByName(name).Has(n) && (n < 1 || n > later) {
		return Errorf(BadRequest, p.Name, "the value must be one of the numbers of %s", name)
	}
	*into = &n
	return nil
}

// boolean takes true, false, 1 or 0 (B-25).
func (p QueryPair) boolean(into **bool) *Error {
	value, err := p.one()
	if err != nil {
		return err
	}
	var b bool
	switch value {
	case "true", "1":
		b = true
	case "false", "0":
	default:
		return Errorf(BadRequest, p.Name, "the value must be true or false")
	}
	*into = &b
	return nil
}
