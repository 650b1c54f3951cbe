package onem2m

import "slices"

// Syntax tells how the JSON value of a data type is checked.
type Syntax uint8

// The syntaxes. Strings are JSON strings with the syntax that the name says.
const (
	SyntaxAny           Syntax = iota // any JSON value
	SyntaxString                      // any string
	SyntaxToken                       // a string that is not empty and has no control characters
	SyntaxURI                         // as SyntaxToken, without white space
	SyntaxName                        // xs:NCName
	SyntaxBoolean                     // true or false
	SyntaxInteger                     // integer literal within Min and Max
	SyntaxNumber                      // any JSON number
	SyntaxEnum                        // integer out of Enum, or within Min and Max if Max > 0
	SyntaxBits                        // union of the bits of Enum
	SyntaxTimestamp                   // m2m:timestamp
	SyntaxAbsRel                      // m2m:absRelTimestamp: timestamp, milliseconds or duration
	SyntaxDuration                    // xs:duration
	SyntaxBase64                      // xs:base64Binary
	SyntaxHex                         // xs:hexBinary
	SyntaxLabel                       // one label
	SyntaxResource                    // m2m:resourceName
	SyntaxContentInfo                 // m2m:contentInfo
	SyntaxSchedule                    // m2m:scheduleEntry
	SyntaxCountry                     // m2m:countryCode
	SyntaxIPv4                        // address or prefix
	SyntaxIPv6                        // address or prefix
	SyntaxScopedName                  // local@fqdn: m2m:roleID, m2m:tokenID
	SyntaxJWS                         // compact serialization of three parts
	SyntaxJWE                         // compact serialization of five parts
	SyntaxJWT                         // three or five parts
	SyntaxValues                      // one of Values
	SyntaxSerialization               // one of Values, perhaps inside a media type
	SyntaxGeometry                    // coordinates: a JSON array written as a string
	SyntaxScalar                      // any JSON value that is no array and no object
	SyntaxObject                      // complex type with Members
	SyntaxList                        // array of Item
)

// DataType is a simple, complex or list type of TS-0004 clause 6.3 with
// everything that its JSON form must satisfy. It is shared and must not be
// changed.
type DataType struct {
	Name               string // "m2m:labels", "list of xs:anyURI"; members without a name of their own: "parent/path"
	Syntax             Syntax
	Item               *DataType // of a list
	MinItems, MaxItems int       // of a list; MaxItems 0 is unbounded
	Members            []TypeMember
	Choice             bool // exactly one of Members
	Enum               *Enumeration
	Min, Max           int64
	Values             []string
}

// TypeMember is one member of a complex type.
type TypeMember struct {
	Long, Short string
	Type        *DataType
	Mandatory   bool
}

// Member returns the member with the short name, or nil.
func (d *DataType) Member(short string) *TypeMember {
	for i := range d.Members {
		if d.Members[i].Short == short {
			return &d.Members[i]
		}
	}
	return nil
}

// Enumeration is an enumeration type of TS-0004 clause 6.3.4.
type Enumeration struct {
	Name    string
	Values  []EnumValue // sorted by value; void values left out
	Default int64       // 0 if none
}

// EnumValue is one value of an Enumeration.
type EnumValue struct {
	Value int64
	Name  string
	Later bool // not in the Release 3 texts
}

// Has reports whether v is a value of the enumeration.
func (e *Enumeration) Has(v int64) bool {
	_, found := slices.BinarySearchFunc(e.Values, v, func(a EnumValue, v int64) int {
		switch {
		case a.Value < v:
			return -1
		case a.Value > v:
			return 1
		}
		return 0
	})
	return found
}

// NameOf returns the name of the value v, or "".
func (e *Enumeration) NameOf(v int64) string {
	for i := range e.Values {
		if e.Values[i].Value == v {
			return e.Values[i].Name
		}
	}
	return ""
}

// EnumerationByName returns the enumeration with the name, "m2m:operation", or nil.
func EnumerationByName(name string) *Enumeration {
	if i := enumerationIndex(name); i >= 0 {
		return &enumerations[i]
	}
	return nil
}
