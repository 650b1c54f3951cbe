package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// dataTypes collects the data types that attributes and members use. Every one
// becomes a variable of its own, since an array can't point into itself.
type dataTypes struct {
	c    *catalogue
	vars map[string]string // Go expression by variable name
	open map[string]bool   // being built: a reference back is cut
	errs []string
}

func newDataTypes(c *catalogue) *dataTypes {
	return &dataTypes{c: c, vars: map[string]string{}, open: map[string]bool{}}
}

// forms of the simple types whose name says more than their base.
var forms = map[string]string{
	"xs:anyType": "SyntaxAny", "xs:anySimpleType": "SyntaxScalar", "xs:string": "SyntaxString", "xs:normalizedString": "SyntaxString",
	"xs:token": "SyntaxToken", "xs:anyURI": "SyntaxURI", "xs:NCName": "SyntaxName", "xs:boolean": "SyntaxBoolean",
	"xs:base64Binary": "SyntaxBase64", "xs:hexBinary": "SyntaxHex", "xs:duration": "SyntaxDuration",
	"xs:decimal": "SyntaxNumber", "xs:double": "SyntaxNumber", "xs:float": "SyntaxNumber",
	"m2m:absRelTimestamp": "SyntaxAbsRel", "m2m:timestamp": "SyntaxTimestamp", "m2m:contentInfo": "SyntaxContentInfo",
	"m2m:countryCode": "SyntaxCountry", "m2m:ipv4": "SyntaxIPv4", "m2m:ipv6": "SyntaxIPv6",
	"m2m:e2eCompactJWE": "SyntaxJWE", "m2m:e2eCompactJWS": "SyntaxJWS", "m2m:dynAuthJWT": "SyntaxJWT",
	"m2m:resourceName": "SyntaxResource", "m2m:roleID": "SyntaxScopedName", "m2m:tokenID": "SyntaxScopedName",
	"m2m:scheduleEntry": "SyntaxSchedule", "m2m:releaseVersion": "SyntaxToken", "m2m:pointOfAccess": "SyntaxToken",
	"m2m:locationTargetID": "SyntaxToken", "sec:credentialID": "SyntaxToken", "sec:deviceConfigURI": "SyntaxToken", "sec:relKeyID": "SyntaxToken",
}

// ranges of the integer types; what doesn't fit 64 bits is refused anyhow.
var ranges = map[string][2]int64{
	"xs:integer": {math.MinInt64, math.MaxInt64}, "xs:long": {math.MinInt64, math.MaxInt64},
	"xs:nonNegativeInteger": {0, math.MaxInt64}, "xs:positiveInteger": {1, math.MaxInt64},
	"xs:unsignedLong": {0, math.MaxInt64}, "xs:unsignedInt": {0, math.MaxUint32},
	"xs:unsignedShort": {0, math.MaxUint16}, "xs:unsignedByte": {0, math.MaxUint16}, // used for ports, which need 16 bits
	"m2m:triggerRecipientID": {0, 65535},
}

// ofAttribute returns the variable of the attribute's type and whether its
// value is an array. The tables bound the number of members for lists with a
// name of their own; a list that has to be there holds one or more, except that
// a group may begin without members.
func (d *dataTypes) ofAttribute(a attribute) (name string, list bool) {
	if strings.HasPrefix(a.Type, "list of ") && a.Item != "" && a.Mult == "1" && a.Short != "mid" {
		return d.list("list of one or more "+a.Item, a.Item, 1, 0), true
	}
	return d.of(a.Type, a.List, a.Item)
}

// of returns the variable for a use of the type in an attribute or member.
func (d *dataTypes) of(typ string, list bool, item string) (string, bool) {
	t := d.c.types[typ]
	switch {
	case t != nil && t.Kind == "simple" && t.JSON == "array":
		return d.named(typ), true
	case typ == "list of 3 xs:float":
		return d.list(typ, "xs:float", 3, 3), true
	case list && item != "":
		return d.list("list of "+item, item, 0, 0), true
	case list && (t == nil || t.Kind != "complex"):
		return d.list("list of "+typ, typ, 0, 0), true
	}
	return d.named(typ), false
}

func (d *dataTypes) list(name, item string, low, high int) string {
	return d.add(name, fmt.Sprintf("Syntax: SyntaxList, Item: &%s, MinItems: %d, MaxItems: %d", d.named(item), low, high))
}

// named returns the variable of a type by its name.
func (d *dataTypes) named(name string) string {
	if v := variable(name); d.vars[v] != "" {
		return v
	}
	if r, ok := ranges[name]; ok {
		return d.add(name, fmt.Sprintf("Syntax: SyntaxInteger, Min: %d, Max: %d", r[0], r[1]))
	}
	if f, ok := forms[name]; ok {
		return d.add(name, "Syntax: "+f)
	}
	switch name {
	case "m2m:eventCat":
		return d.add(name, d.enum("m2m:stdEventCats")+", Min: 100, Max: 999")
	case "m2m:eventCatWithDef":
		return d.add(name, d.enum("m2m:stdEventCats")+", Min: 0, Max: 999")
	}
	if e := d.c.enums[name]; e != nil {
		if e.Bitmask {
			return d.add(name, "Syntax: SyntaxBits, Enum: &enumerations["+d.enumIndex(name)+"]")
		}
		return d.add(name, d.enum(name))
	}
	t := d.c.types[name]
	switch {
	case t == nil, t.Kind == "complex" && len(t.Members) == 0, name == "m2m:representation":
		return d.add(name, "Syntax: SyntaxAny") // primitives, resources and what no table describes
	case d.open[name]:
		return d.named("xs:anyType")
	case t.Kind == "complex":
		d.open[name] = true
		defer delete(d.open, name)
		return d.complex(name, t.Members, "", t.Choice)
	case t.JSON == "array":
		return d.simpleList(name, t)
	}
	return d.add(name, "Syntax: "+formOfBase(t))
}

func (d *dataTypes) simpleList(name string, t *dataType) string {
	item := t.Item
	high := t.Items
	low := max(t.MinItems, t.Items)
	var v string
	switch {
	case item == "": // m2m:missingDataList: timestamps or durations
		v = d.named("m2m:absRelTimestamp")
	case name == "m2m:labels":
		v = d.add("label", "Syntax: SyntaxLabel")
	case name == "m2m:serializations":
		v = d.add("serialization", fmt.Sprintf("Syntax: SyntaxSerialization, Values: %#v", t.Values))
	case name == "m2m:supportedReleaseVersions":
		v = d.add("supportedReleaseVersion", fmt.Sprintf("Syntax: SyntaxValues, Values: %#v", append(slices.Clone(t.Values), "4", "5")))
	default:
		v = d.named(item)
	}
	return d.add(name, fmt.Sprintf("Syntax: SyntaxList, Item: &%s, MinItems: %d, MaxItems: %d", v, low, high))
}

// complex writes the members whose path is directly below prefix; members
// without a type of their own become types "name/path".
func (d *dataTypes) complex(name string, members []member, prefix string, choice bool) string {
	var b strings.Builder
	b.WriteString("Syntax: SyntaxObject")
	if choice {
		b.WriteString(", Choice: true")
	}
	b.WriteString(", Members: []TypeMember{")
	for _, m := range members {
		rest, ok := strings.CutPrefix(m.Path, prefix)
		if !ok || strings.Contains(rest, "/") {
			continue
		}
		fmt.Fprintf(&b, "{Long: %q, Short: %q, Type: &%s", m.Long, shortOf(m), d.ofMember(name, members, m))
		if m.Mult == "1" || m.Mult == "1..n" {
			b.WriteString(", Mandatory: true")
		}
		b.WriteString("}, ")
	}
	b.WriteString("}")
	return d.add(name, b.String())
}

func (d *dataTypes) ofMember(parent string, members []member, m member) string {
	var v string
	switch {
	case m.Type == "(anonymous)":
		v = d.complex(strings.SplitN(parent, "/", 2)[0]+"/"+m.Path, members, m.Path+"/", false)
	case strings.HasPrefix(m.Type, "xs:union of"):
		v = d.named("xs:token")
	case parent == "m2m:geoCoordinates" && m.Short == "crd":
		v = d.add("coordinates", "Syntax: SyntaxGeometry")
	default:
		v, _ = d.of(m.Type, m.List, m.Item)
	}
	if !m.Repeated {
		return v
	}
	low := 0
	if m.Mult == "1..n" {
		low = 1
	}
	return d.add(fmt.Sprintf("%s/%s…", parent, m.Path), fmt.Sprintf("Syntax: SyntaxList, Item: &%s, MinItems: %d", v, low))
}

func shortOf(m member) string {
	if m.Short != "" {
		return m.Short
	}
	return m.Long
}

func formOfBase(t *dataType) string {
	if f, ok := forms[strings.TrimSpace(strings.Split(t.Base, "|")[0])]; ok {
		return f
	}
	if t.JSON == "number" {
		return "SyntaxNumber"
	}
	return "SyntaxString"
}

func (d *dataTypes) enum(name string) string {
	return "Syntax: SyntaxEnum, Enum: &enumerations[" + d.enumIndex(name) + "]"
}

func (d *dataTypes) enumIndex(name string) string {
	i := slices.Index(enumNames(d.c), name)
	if i < 0 {
		d.errs = append(d.errs, "no enumeration "+name)
	}
	return fmt.Sprint(i)
}

func (d *dataTypes) add(name, fields string) string {
	v := variable(name)
	row := fmt.Sprintf("DataType{Name: %q, %s}", name, fields)
	if old, ok := d.vars[v]; ok && old != row {
		d.errs = append(d.errs, fmt.Sprintf("%s is both %s and %s", v, old, row))
	}
	d.vars[v] = row
	return v
}

// variable turns "list of m2m:ID" into "dataListOfM2mID".
func variable(name string) string {
	var b strings.Builder
	b.WriteString("data")
	up := true
	for _, c := range name {
		switch {
		case c == '…':
			b.WriteString("List")
		case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
			s := string(c)
			if up {
				s = strings.ToUpper(s)
			}
			b.WriteString(s)
			up = false
			continue
		}
		up = true
	}
	return b.String()
}

func (d *dataTypes) write(b *bytes.Buffer) {
	b.WriteString("var (\n")
	for _, v := range slices.Sorted(maps.Keys(d.vars)) {
		fmt.Fprintf(b, "%s = %s\n", v, d.vars[v])
	}
	b.WriteString(")\n")
}

func enumNames(c *catalogue) []string { return slices.Sorted(maps.Keys(c.enums)) }

func writeEnumerations(b *bytes.Buffer, c *catalogue) {
	b.WriteString("var enumerations = [...]Enumeration{\n")
	var index strings.Builder
	for i, name := range enumNames(c) {
		e := c.enums[name]
		fmt.Fprintf(b, "{Name: %q, ", name)
		if e.Default != 0 {
			fmt.Fprintf(b, "Default: %d, ", e.Default)
		}
		b.WriteString("Values: []EnumValue{")
		values := slices.Clone(e.Values)
		slices.SortFunc(values, func(x, y enumValue) int { return cmp.Compare(x.Value, y.Value) })
		for _, v := range values {
			if v.Void {
				continue
			}
			fmt.Fprintf(b, "{Value: %d, Name: %q", v.Value, v.Name)
			if v.Later {
				b.WriteString(", Later: true")
			}
			b.WriteString("}, ")
		}
		b.WriteString("}},\n")
		fmt.Fprintf(&index, "case %q:\nreturn %d\n", name, i)
	}
	b.WriteString("}\n\n// enumerationIndex returns the position of the enumeration in enumerations, or -1.\nfunc enumerationIndex(name string) int {\nswitch name {\n")
	b.WriteString(index.String())
	b.WriteString("}\nreturn -1\n}\n")
}

// compact returns a JSON value without white space.
func compact(v jsontext.Value) string {
	own := slices.Clone(v)
	if err := own.Compact(); err != nil {
		return string(v) // was read from JSON: can't happen
	}
	return string(own)
}
