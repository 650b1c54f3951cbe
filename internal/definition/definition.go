package definition

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"bulwark/onem2m"
)

// Definition describes one specialization.
type Definition struct {
	CND        string      `json:"cnd"`
	Root       string      `json:"root"` // with prefix, "cod:tempe"
	Name       string      `json:"name"`
	Attributes []Attribute `json:"attributes"`
}

// Attribute is a custom attribute of a specialization.
type Attribute struct {
	Short     string `json:"short"`
	Long      string `json:"long"`
	Type      string `json:"type"`
	Mandatory bool   `json:"mandatory"` // in a CREATE
	Min       *int64 `json:"min"`       // bounds of an integer
	Max       *int64 `json:"max"`
}

// maxAttributes bounds a definition: more than any information model has, and
// far below what an index of 16 bits holds.
const maxAttributes = 1000

// dataTypes are the types of custom attributes by the names that definitions use.
func dataTypes() map[string]*onem2m.DataType {
	value := &onem2m.DataType{Name: "any", Syntax: onem2m.SyntaxAny}
	types := make(map[string]*onem2m.DataType)
	for _, t := range []onem2m.DataType{
		{Name: "any", Syntax: onem2m.SyntaxAny},
		{Name: "string", Syntax: onem2m.SyntaxString},
		{Name: "integer", Syntax: onem2m.SyntaxInteger, Min: math.MinInt64, Max: math.MaxInt64},
		{Name: "nonNegativeInteger", Syntax: onem2m.SyntaxInteger, Max: math.MaxInt64},
		{Name: "float", Syntax: onem2m.SyntaxNumber},
		{Name: "boolean", Syntax: onem2m.SyntaxBoolean},
		{Name: "timestamp", Syntax: onem2m.SyntaxTimestamp},
		{Name: "duration", Syntax: onem2m.SyntaxDuration},
		{Name: "date", Syntax: onem2m.SyntaxToken},
		{Name: "time", Syntax: onem2m.SyntaxToken},
		{Name: "anyURI", Syntax: onem2m.SyntaxURI},
		{Name: "base64", Syntax: onem2m.SyntaxBase64},
		{Name: "list", Syntax: onem2m.SyntaxList, Item: value},
	} {
		types[t.Name] = &t
	}
	return types
}

// attributes turns the custom attributes into rows of a type table.
func (d *Definition) attributes(types map[string]*onem2m.DataType) ([]*onem2m.Attribute, error) {
	if len(d.Attributes) > maxAttributes {
		return nil, fmt.Errorf("%s: more than %d attributes", d.Root, maxAttributes)
	}
	base := onem2m.TypeByNumber(onem2m.TypeFlexContainer)
	rows := make([]*onem2m.Attribute, 0, len(d.Attributes))
	for i := range d.Attributes {
		a := &d.Attributes[i]
		switch {
		case !isName(a.Short):
			return nil, fmt.Errorf("%s: %q is no short name: letters, digits and _", d.Root, a.Short)
		case base.Has(a.Short):
			return nil, fmt.Errorf("%s: every <flexContainer> has an attribute %s", d.Root, a.Short)
		case slices.ContainsFunc(rows, func(r *onem2m.Attribute) bool { return r.Short == a.Short }):
			return nil, fmt.Errorf("%s: attribute %s stands there twice", d.Root, a.Short)
		case types[a.Type] == nil:
			return nil, fmt.Errorf("%s: attribute %s has an unknown type %q", d.Root, a.Short, a.Type)
		}
		row := &onem2m.Attribute{
			Long: a.Long, Short: a.Short, Type: types[a.Type], List: a.Type == "list", Optional: !a.Mandatory,
			Access: onem2m.ReadWrite, Create: onem2m.Optional, Update: onem2m.Optional,
			Announce: onem2m.OptionalAnnounced, // C-255
			Min:      a.Min, Max: a.Max,
		}
		if a.Mandatory {
			row.Create = onem2m.Mandatory
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// isName reports whether s can be the name of an attribute or a part of a root
// element: letters, digits and _, beginning with a letter.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// check looks at cnd and root.
func (d *Definition) check() error {
	prefix, local, ok := strings.Cut(d.Root, ":")
	switch {
	case !ok || !isName(prefix) || !isName(local):
		return fmt.Errorf("%q is no root element: a prefix, a colon and a name", d.Root)
	case prefix == "m2m" || onem2m.TypeByRoot(d.Root) != nil:
		return fmt.Errorf("%s is a name of the standard", d.Root)
	case d.CND == "" || strings.ContainsAny(d.CND, " \t\r\n"):
		return fmt.Errorf("%s: containerDefinition %q isn't a URI", d.Root, d.CND)
	}
	return nil
}
