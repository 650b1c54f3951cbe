package onem2m

import "github.com/go-json-experiment/json/jsontext"

// Object is an ordered JSON object whose values are kept as canonical JSON
// text (compact, no duplicate names), so that nothing is decoded to be encoded
// again and a number keeps every digit. Names are short names.
type Object []Member

// Member is one name of an Object and its value.
type Member struct {
	Name  string
	Value jsontext.Value
}

// Get returns the value of name, or nil.
func (o Object) Get(name string) jsontext.Value {
	for i := range o {
		if o[i].Name == name {
			return o[i].Value
		}
	}
	return nil
}

// Has reports whether name is present, null included.
func (o Object) Has(name string) bool { return o.Get(name) != nil }

// IsNull reports whether name is present with the value null.
func (o Object) IsNull(name string) bool { return string(o.Get(name)) == "null" }

// Set replaces the value of name or appends it.
func (o *Object) Set(name string, value jsontext.Value) {
	for i := range *o {
		if (*o)[i].Name == name {
			(*o)[i].Value = value
			return
		}
	}
	*o = append(*o, Member{Name: name, Value: value})
}

// Delete removes name and reports whether it was there.
func (o *Object) Delete(name string) bool {
	for i := range *o {
		if (*o)[i].Name == name {
			*o = append((*o)[:i:i], (*o)[i+1:]...)
			return true
		}
	}
	return false
}

// Clone returns a copy that shares values but not the member list.
func (o Object) Clone() Object { return append(Object(nil), o...) }

// Append writes the object as compact JSON to dst.
func (o Object) Append(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendText(dst, o[i].Name)
		dst = append(dst, ':')
		dst = append(dst, o[i].Value...)
	}
	return append(dst, '}')
}

// MarshalJSON returns the object as compact JSON.
func (o Object) MarshalJSON() ([]byte, error) { return o.Append(nil), nil }
