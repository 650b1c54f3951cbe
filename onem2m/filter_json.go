package onem2m

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseFilter reads m2m:filterCriteria in canonical JSON and checks it as Check
// does. Unknown members and wrong types are 4000 and named.
func ParseFilter(v jsontext.Value) (*FilterCriteria, error) {
	o, err := ParseObject(v)
	if err != nil {
		return nil, Errorf(BadRequest, "fc", "the filter criteria must be an object")
	}
	f := &FilterCriteria{}
	for _, m := range o {
		if err := f.set(m); err != nil {
			return nil, err
		}
	}
	if err := f.Check(); err != nil {
		return nil, err
	}
	return f, nil
}

// set takes one member in.
func (f *FilterCriteria) set(m Member) *Error {
	if into := f.instantOf(m.Name); into != nil {
		s, _ := TextOf(m.Value)
		t, err := ParseTimestamp(s)
		if err != nil {
			return Errorf(BadRequest, m.Name, "%s", AsError(err).Text)
		}
		*into = &t
		return nil
	}
	if into, least := f.numberOf(m.Name); into != nil {
		n, ok := IntOf(m.Value)
		if !ok || n < least {
			return Errorf(BadRequest, m.Name, "the value must be an integer of %d or more", least)
		}
		*into = &n
		return nil
	}
	if into := f.textsOf(m.Name); into != nil {
		return setTexts(into, m)
	}
	return f.setRest(m)
}

func (f *FilterCriteria) setRest(m Member) *Error {
	switch m.Name {
	case "ty":
		return setTypes(&f.Types, m)
	case "chty":
		return setTypes(&f.ChildTypes, m)
	case "pty":
		return setTypes(&f.ParentTypes, m)
	case "atr":
		return setConditions(&f.Attributes, m)
	case "catr":
		return setConditions(&f.ChildAttributes, m)
	case "patr":
		return setConditions(&f.ParentAttributes, m)
	case "cfq":
		return setText(&f.ContentFilterQuery, m)
	case "geom":
		return setText(&f.Geometry, m)
	case "arp":
		return setText(&f.RelativePath, m)
	}
	return Errorf(BadRequest, printable(m.Name), "no filter condition has this name")
}

func setText(into *string, m Member) *Error {
	s, ok := TextOf(m.Value)
	if !ok || s == "" {
		return Errorf(BadRequest, m.Name, "the value must be a string that is not empty")
	}
	*into = s
	return nil
}

// setTexts takes a list; labelsQuery, which is one text in the tables, may be one.
func setTexts(into *[]string, m Member) *Error {
	list, ok := TextsOf(m.Value)
	if s, isText := TextOf(m.Value); isText && m.Name == "lbq" {
		list, ok = []string{s}, true
	}
	if !ok || len(list) == 0 {
		return Errorf(BadRequest, m.Name, "the value must be a list of one or more strings")
	}
	*into = list
	return nil
}

func setTypes(into *[]ResourceType, m Member) *Error {
	list, ok := IntsOf(m.Value)
	if !ok || len(list) == 0 {
		return Errorf(BadRequest, m.Name, "the value must be a list of one or more resource types")
	}
	for _, n := range list {
		if TypeByNumber(ResourceType(n)) == nil {
			return Errorf(BadRequest, m.Name, "a value is not the number of a resource type")
		}
		*into = append(*into, ResourceType(n))
	}
	return nil
}

func setConditions(into *[]AttributeCondition, m Member) *Error {
	items, err := ParseList(m.Value)
	if err != nil || len(items) == 0 {
		return Errorf(BadRequest, m.Name, "the value must be a list of one or more conditions")
	}
	for _, item := range items {
		if err := dataM2mAttribute.check(item, m.Name); err != nil {
			return err
		}
		o, err := ParseObject(item)
		if err != nil {
			return Errorf(BadRequest, m.Name, "a condition must be an object")
		}
		name, _ := o.Text("nm")
		value, isText := o.Text("val")
		if !isText {
			value = string(o.Get("val"))
		}
		*into = append(*into, AttributeCondition{Name: name, Value: value})
	}
	return nil
}

// Object returns the filter as members in the order of the tables.
func (f *FilterCriteria) Object() Object {
	var o Object
	for _, name := range []string{"crb", "cra", "ms", "us", "sts", "stb", "exb", "exa", "lbl", "clbl", "palb", "lbq"} {
		f.append(&o, name)
	}
	appendTypes(&o, "ty", f.Types)
	appendTypes(&o, "chty", f.ChildTypes)
	appendTypes(&o, "pty", f.ParentTypes)
	for _, name := range []string{"sza", "szb", "cty"} {
		f.append(&o, name)
	}
	appendConditions(&o, "atr", f.Attributes)
	appendConditions(&o, "catr", f.ChildAttributes)
	appendConditions(&o, "patr", f.ParentAttributes)
	for _, name := range []string{"fu", "lim", "smf", "fo", "cfs"} {
		f.append(&o, name)
	}
	appendString(&o, "cfq", f.ContentFilterQuery)
	for _, name := range []string{"lvl", "ofst", "gmty", "gsf"} {
		f.append(&o, name)
	}
	appendString(&o, "geom", f.Geometry)
	appendString(&o, "arp", f.RelativePath)
	return o
}

// append adds the time, number or list of texts with the name, if it is there.
func (f *FilterCriteria) append(o *Object, name string) {
	if t := f.instantOf(name); t != nil && *t != nil {
		*o = append(*o, Member{Name: name, Value: TimeValue(**t)})
	}
	if n, _ := f.numberOf(name); n != nil && *n != nil {
		*o = append(*o, Member{Name: name, Value: IntValue(**n)})
	}
	if list := f.textsOf(name); list != nil && len(*list) > 0 {
		*o = append(*o, Member{Name: name, Value: TextsValue(*list)})
	}
}

func appendString(o *Object, name, s string) {
	if s != "" {
		*o = append(*o, Member{Name: name, Value: TextValue(s)})
	}
}

func appendTypes(o *Object, name string, types []ResourceType) {
	if len(types) == 0 {
		return
	}
	b := jsontext.Value{'['}
	for i, ty := range types {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(ty), 10)
	}
	*o = append(*o, Member{Name: name, Value: append(b, ']')})
}

func appendConditions(o *Object, name string, conditions []AttributeCondition) {
	if len(conditions) == 0 {
		return
	}
	b := jsontext.Value{'['}
	for i, c := range conditions {
		if i > 0 {
			b = append(b, ',')
		}
		b = Object{{Name: "nm", Value: TextValue(c.Name)}, {Name: "val", Value: TextValue(c.Value)}}.Append(b)
	}
	*o = append(*o, Member{Name: name, Value: append(b, ']')})
}
