package onem2m

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// TextOf returns the string that v holds; false if v is no JSON string.
func TextOf(v jsontext.Value) (string, bool) {
	b, ok := text(v)
	return string(b), ok
}

// IntOf returns the integer that v holds; false if v is no integer literal of
// 64 bits. A fraction or an exponent is no integer, and no number goes through
// floating point.
func IntOf(v jsontext.Value) (int64, bool) {
	digits := v
	if len(v) > 0 && v[0] == '-' {
		digits = v[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(v) > 1 {
		return 0, false // also -0 and leading zeros
	}
	var n uint64
	if len(digits) > 19 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	switch {
	case n <= 1<<63-1 && len(digits) == len(v):
		return int64(n), true
	case n <= 1<<63 && len(digits) != len(v):
		return -int64(n), true
	}
	return 0, false
}

// BoolOf returns the boolean that v holds; false if v is none.
func BoolOf(v jsontext.Value) (value, ok bool) {
	switch string(v) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// TextsOf returns the strings of an array; false if v is no array of strings.
func TextsOf(v jsontext.Value) ([]string, bool) {
	list := []string{}
	all := true
	array := EachItem(v, func(item jsontext.Value) bool {
		var s string
		s, all = TextOf(item)
		list = append(list, s)
		return all
	})
	if !array || !all {
		return nil, false
	}
	return list, true
}

// IntsOf returns the integers of an array; false if v is no array of integers.
func IntsOf(v jsontext.Value) ([]int64, bool) {
	list := []int64{}
	all := true
	array := EachItem(v, func(item jsontext.Value) bool {
		var n int64
		n, all = IntOf(item)
		list = append(list, n)
		return all
	})
	if !array || !all {
		return nil, false
	}
	return list, true
}

// Text returns the string value of name; false if it is absent or no string.
func (o Object) Text(name string) (string, bool) { return TextOf(o.Get(name)) }

// Int returns the integer value of name; false if it is absent or no integer.
func (o Object) Int(name string) (int64, bool) { return IntOf(o.Get(name)) }

// Bool returns the boolean value of name; false if it is absent or no boolean.
func (o Object) Bool(name string) (value, ok bool) { return BoolOf(o.Get(name)) }

// Texts returns the list of strings of name; false if it is absent or no such list.
func (o Object) Texts(name string) ([]string, bool) { return TextsOf(o.Get(name)) }

// Ints returns the list of integers of name; false if it is absent or no such list.
func (o Object) Ints(name string) ([]int64, bool) { return IntsOf(o.Get(name)) }

// Time returns the m2m:timestamp of name; false if it is absent or none.
func (o Object) Time(name string) (Timestamp, bool) {
	b, ok := text(o.Get(name))
	if !ok {
		return 0, false
	}
	t, err := ParseTimestamp(string(b))
	return t, err == nil
}

// Object returns the members of the object value of name; false if it is
// absent or no object.
func (o Object) Object(name string) (Object, bool) {
	inner, err := ParseObject(o.Get(name))
	return inner, err == nil
}

// Objects returns the objects of the array value of name; false if it is
// absent or no array of objects.
func (o Object) Objects(name string) ([]Object, bool) {
	items, err := ParseList(o.Get(name))
	if err != nil {
		return nil, false
	}
	list := make([]Object, 0, len(items))
	for _, item := range items {
		inner, err := ParseObject(item)
		if err != nil {
			return nil, false
		}
		list = append(list, inner)
	}
	return list, true
}

// TextValue returns s as JSON with as few escapes as possible; octets that
// aren't UTF-8 become U+FFFD.
func TextValue(s string) jsontext.Value { return AppendText(make([]byte, 0, len(s)+2), s) }

// IntValue returns n as JSON.
func IntValue(n int64) jsontext.Value { return strconv.AppendInt(nil, n, 10) }

// BoolValue returns b as JSON.
func BoolValue(b bool) jsontext.Value { return strconv.AppendBool(nil, b) }

// TextsValue returns list as a JSON array of strings.
func TextsValue(list []string) jsontext.Value {
	b := []byte{'['}
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendText(b, s)
	}
	return append(b, ']')
}

// IntsValue returns list as a JSON array of integers.
func IntsValue(list []int64) jsontext.Value {
	b := []byte{'['}
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return append(b, ']')
}

// TimeValue returns t as a JSON string with six fractional digits.
func TimeValue(t Timestamp) jsontext.Value {
	b := make([]byte, 0, 24)
	b = append(b, '"')
	b = t.Append(b)
	return append(b, '"')
}

// NullValue returns the JSON null.
func NullValue() jsontext.Value { return jsontext.Value("null") }

// AppendText appends s as TextValue writes it.
func AppendText(dst []byte, s string) []byte {
	// The error is about octets that aren't UTF-8, which are replaced.
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
