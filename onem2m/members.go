package onem2m

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// members reads the members of one message in turn and keeps the first error. A
// member that nobody asked for is an error in the end.
type members struct {
	subject string // short name of the message
	members Object
	read    []string
	err     *Error
}

func readMembers(v jsontext.Value, subject string) *members {
	m := &members{subject: subject}
	var err error
	if m.members, err = ParseObject(v); err != nil {
		m.err = Errorf(BadRequest, subject, "the value must be an object")
		return m
	}
	for i := range m.members {
		if slices.ContainsFunc(m.members[:i], func(other Member) bool { return other.Name == m.members[i].Name }) {
			m.err = Errorf(BadRequest, printable(m.members[i].Name), "the member is given twice")
		}
	}
	return m
}

func (m *members) has(name string) bool { return m.members.Has(name) }

// value returns a member of the type, or of any type for nil; nil if it isn't
// there or was refused.
func (m *members) value(name string, d *DataType, mandatory bool) jsontext.Value {
	m.read = append(m.read, name)
	v := m.members.Get(name)
	switch {
	case m.err != nil:
		return nil
	case v == nil:
		if mandatory {
			m.err = Errorf(BadRequest, name, "the member of %s is mandatory", m.subject)
		}
		return nil
	case d != nil:
		if m.err = d.check(v, name); m.err != nil {
			return nil
		}
	}
	return v
}

func (m *members) text(name string, d *DataType, mandatory bool) string {
	s, _ := TextOf(m.value(name, d, mandatory))
	return s
}

func (m *members) number(name string, d *DataType, mandatory bool) int64 {
	n, _ := IntOf(m.value(name, d, mandatory))
	return n
}

func (m *members) flag(name string) *bool {
	if b, ok := BoolOf(m.value(name, &dataXsBoolean, false)); ok {
		return &b
	}
	return nil
}

// time reads an m2m:absRelTimestamp; a number is milliseconds.
func (m *members) time(name string) string {
	v := m.value(name, &dataM2mAbsRelTimestamp, false)
	if n, ok := IntOf(v); ok {
		return strconv.FormatInt(n, 10)
	}
	s, _ := TextOf(v)
	return s
}

// texts reads a list; one that is empty says as much as none.
func (m *members) texts(name string, d *DataType) []string {
	list, ok := TextsOf(m.value(name, d, false))
	if len(list) > MaxGrantList {
		m.err = Errorf(BadRequest, name, "the list holds at most %d entries", MaxGrantList)
	}
	if !ok || len(list) == 0 || m.err != nil {
		return nil
	}
	return list
}

// signatures reads an m2m:signatureList: base64url, with or without padding.
func (m *members) signatures(name string) []string {
	list := m.texts(name, &dataM2mSignatureList)
	for _, s := range list {
		if !ValidSignature(s) && m.err == nil {
			m.err = Errorf(BadRequest, name, "the value must be base64url")
		}
	}
	if m.err != nil {
		return nil
	}
	return list
}

// maxPadding is how many "=" base64 may end with.
const maxPadding = 2

// ValidSignature reports whether a text has the form of an entry of
// m2m:signatureList: base64url, with padding or without (TS-0004 clause 6.3.3).
func ValidSignature(s string) bool {
	for range maxPadding {
		if n := len(s) - 1; n > 0 && s[n] == '=' {
			s = s[:n]
		}
	}
	for i := range len(s) {
		if !isAlphaNum(s[i]) && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return s != ""
}

// address reads an object with exactly one of ip4 and ip6, which is an address
// and no prefix.
func (m *members) address(name string) netip.Addr {
	v := m.value(name, nil, false)
	if v == nil {
		return netip.Addr{}
	}
	inner := readMembers(v, name)
	four, six := inner.text("ip4", &dataM2mIpv4, false), inner.text("ip6", &dataM2mIpv6, false)
	if m.err = inner.end(); m.err != nil {
		return netip.Addr{}
	}
	ip, err := netip.ParseAddr(four + six)
	if err != nil || four != "" && six != "" {
		m.err = Errorf(BadRequest, name, "the value must hold one address")
		return netip.Addr{}
	}
	return ip
}

// end returns the first error: of a member, or of one that wasn't read.
func (m *members) end() *Error {
	if m.err != nil {
		return m.err
	}
	for i := range m.members {
		if !slices.Contains(m.read, m.members[i].Name) {
			return Errorf(BadRequest, printable(m.members[i].Name), "no member of %s", m.subject)
		}
	}
	return nil
}

// memberWriter collects the members that have a value.
type memberWriter struct{ Object }

func (w *memberWriter) value(name string, v jsontext.Value) {
	if v != nil {
		w.Object = append(w.Object, Member{Name: name, Value: v})
	}
}

func (w *memberWriter) text(name, s string) {
	if s != "" {
		w.value(name, TextValue(s))
	}
}

func (w *memberWriter) number(name string, n int64) {
	if n != 0 {
		w.value(name, IntValue(n))
	}
}

func (w *memberWriter) texts(name string, list []string) {
	if len(list) > 0 {
		w.value(name, TextsValue(list))
	}
}

func (w *memberWriter) flag(name string, b *bool) {
	if b != nil {
		w.value(name, BoolValue(*b))
	}
}
