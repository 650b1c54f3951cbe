package onem2m

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// The functions of this file cut canonical JSON text, as an Object holds it,
// into its parts without decoding it. Text that isn't canonical is noticed at
// the latest where a part is used; it never leads out of bounds.

// valueEnd returns the index behind the value that begins at v[i], or -1.
func valueEnd(v []byte, i int) int {
	if i >= len(v) {
		return -1
	}
	switch v[i] {
	case '"':
		return stringEnd(v, i)
	case '{', '[':
		depth := 0
		for i < len(v) {
			switch v[i] {
			case '"':
				if i = stringEnd(v, i); i < 0 {
					return -1
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
				if depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return -1
	}
	start := i
	for i < len(v) && (isAlphaNum(v[i]) || v[i] == '-' || v[i] == '+' || v[i] == '.') {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

// stringEnd returns the index behind the string that begins at v[i], or -1.
func stringEnd(v []byte, i int) int {
	i++
	for {
		n := bytes.IndexByte(v[i:], '"')
		if n < 0 {
			return -1
		}
		n += i
		slashes := 0
		for slashes < n-i && v[n-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return n + 1
		}
		i = n + 1
	}
}

// EachItem calls fn with every element of the array v, canonical JSON text, until
// fn returns false. They share memory with v. It reports whether v is an array, as
// far as it has looked.
func EachItem(v jsontext.Value, fn func(jsontext.Value) bool) bool {
	if len(v) < 2 || v[0] != '[' || v[len(v)-1] != ']' {
		return false
	}
	for i := 1; i < len(v)-1; i++ {
		end := valueEnd(v, i)
		if end < 0 || end >= len(v) || end == i {
			return false
		}
		if !fn(v[i:end:end]) {
			return true
		}
		if i = end; v[i] != ',' {
			return i == len(v)-1
		}
	}
	return len(v) == 2
}

// EachPair calls fn with the quoted name and the value of every member of the
// object v, canonical JSON text, until fn returns false. They share memory with v.
// It reports whether v is an object, as far as it has looked.
func EachPair(v jsontext.Value, fn func(name, value jsontext.Value) bool) bool {
	if len(v) < 2 || v[0] != '{' || v[len(v)-1] != '}' {
		return false
	}
	for i := 1; i < len(v)-1; i++ {
		if v[i] != '"' {
			return false
		}
		colon := stringEnd(v, i)
		if colon < 0 || colon >= len(v) || v[colon] != ':' {
			return false
		}
		end := valueEnd(v, colon+1)
		if end < 0 || end >= len(v) || end == colon+1 {
			return false
		}
		if !fn(v[i:colon], v[colon+1:end:end]) {
			return true
		}
		if i = end; v[i] != ',' {
			return i == len(v)-1
		}
	}
	return len(v) == 2
}

// text returns the text of a JSON string: the bytes between the quotes, or a
// decoded copy where there are escapes.
func text(v jsontext.Value) ([]byte, bool) {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return nil, false
	}
	if raw := v[1 : len(v)-1]; bytes.IndexByte(raw, '\\') < 0 {
		return raw, true
	}
	decoded, err := jsontext.AppendUnquote(nil, v)
	return decoded, err == nil
}

// EachMember calls fn with every member of the canonical JSON text of an object,
// until one fails, and returns that error. The values share memory with v. It
// fails too if v is no object, behind the members that it has found.
func EachMember(v jsontext.Value, fn func(Member) error) error {
	var err error
	bad := false
	ok := EachPair(v, func(name, value jsontext.Value) bool {
		n, isText := text(name)
		if bad = !isText; bad {
			return false
		}
		err = fn(Member{Name: string(n), Value: value})
		return err == nil
	})
	if err != nil {
		return err
	}
	if !ok || bad {
		return Errorf(BadRequest, "", "a JSON object is expected")
	}
	return nil
}

// ParseObject cuts canonical JSON text of an object into members. The values
// share memory with v. An error means that v is no object.
func ParseObject(v jsontext.Value) (Object, error) {
	var usual [24]Member // collected outside the heap, so that the Object is made once, of its size
	members := usual[:0]
	bad := false
	ok := EachPair(v, func(name, value jsontext.Value) bool {
		n, isText := text(name)
		bad = !isText
		members = append(members, Member{Name: string(n), Value: value})
		return isText
	})
	if !ok || bad {
		return nil, Errorf(BadRequest, "", "a JSON object is expected")
	}
	return append(make(Object, 0, len(members)+1), members...), nil // and one to be added
}

// ParseList cuts canonical JSON text of an array into its elements, which
// share memory with v. An error means that v is no array.
func ParseList(v jsontext.Value) ([]jsontext.Value, error) {
	var list []jsontext.Value
	if !EachItem(v, func(item jsontext.Value) bool {
		list = append(list, item)
		return true
	}) {
		return nil, Errorf(BadRequest, "", "a JSON array is expected")
	}
	return list, nil
}
