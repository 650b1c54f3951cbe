package access

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// reader reads the JSON of a policy strictly: exact types, no unknown and no
// repeated members, bounded lists. A restriction that it doesn't understand
// must not be stored, since it would not be enforced. Its errors are
// 4000 with the attribute as subject; the text begins with the path to the
// member at fault and repeats no values.
type reader struct {
	dec     *jsontext.Decoder
	subject string
}

func newReader(value jsontext.Value, subject string) *reader {
	return &reader{dec: jsontext.NewDecoder(bytes.NewReader(value)), subject: subject}
}

// maxPath bounds the path in an error, which may hold a name of the sender's.
const maxPath = 100

// errorf reports what is wrong with the value that was read last.
func (r *reader) errorf(format string, args ...any) *onem2m.Error {
	e := onem2m.Errorf(onem2m.BadRequest, r.subject, format, args...)
	if path := strings.TrimPrefix(string(r.dec.StackPointer()), "/"); path != "" {
		if len(path) > maxPath {
			path = strings.ToValidUTF8(path[:maxPath], "") + "…"
		}
		e.Text = path + " " + e.Text
	}
	return e
}

// token reads the next token, which must be of the given kind.
func (r *reader) token(kind jsontext.Kind, what string) (jsontext.Token, error) {
	token, err := r.dec.ReadToken()
	if err != nil {
		e := r.errorf("is malformed JSON")
		e.Cause = err
		return token, e
	}
	if token.Kind() != kind {
		return token, r.errorf("is not %s", what)
	}
	return token, nil
}

// end makes sure that nothing follows the value.
func (r *reader) end() error {
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return r.errorf("is followed by something else")
	}
	return nil
}

// object reads an object. Visit is called behind each name, reads the value,
// and returns false if it doesn't know the name. Each name of required must
// be there.
func (r *reader) object(visit func(name string) (known bool, err error), required ...string) error {
	if _, err := r.token('{', "an object"); err != nil {
		return err
	}
	var seen []string
	for r.dec.PeekKind() != '}' {
		token, err := r.token('"', "a member")
		if err != nil {
			return err
		}
		name := token.String()
		known, err := visit(name)
		if err != nil {
			return err
		}
		if !known {
			return r.errorf("is not a known member")
		}
		seen = append(seen, name)
	}
	if _, err := r.token('}', "an object"); err != nil {
		return err
	}
	for _, name := range required {
		if !slices.Contains(seen, name) {
			return r.errorf("has no %s", name)
		}
	}
	return nil
}

// list reads an array of at most limit elements.
func (r *reader) list(limit int, each func() error) error {
	if _, err := r.token('[', "a list"); err != nil {
		return err
	}
	for n := 0; r.dec.PeekKind() != ']'; n++ {
		if n == limit {
			return r.errorf("is the last of the %d allowed", limit)
		}
		if err := each(); err != nil {
			return err
		}
	}
	_, err := r.token(']', "a list")
	return err
}

// text reads a string of at most limit octets.
func (r *reader) text(limit int) (string, error) {
	token, err := r.token('"', "a string")
	if err != nil {
		return "", err
	}
	s := token.String()
	if len(s) > limit {
		return "", r.errorf("is longer than %d octets", limit)
	}
	return s, nil
}

// integer reads a whole number, written without fraction and exponent.
func (r *reader) integer(low, high int64) (int64, error) {
	token, err := r.token('0', "a number")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(token.String(), 10, 64)
	if err != nil || n < low || n > high {
		return 0, r.errorf("is not a whole number from %d to %d", low, high)
	}
	return n, nil
}

// number reads a number.
func (r *reader) number() (float64, error) {
	token, err := r.token('0', "a number")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseFloat(token.String(), 64)
	if err != nil {
		return 0, r.errorf("is not a number that fits")
	}
	return n, nil
}

// boolean reads true or false.
func (r *reader) boolean() (bool, error) {
	token, err := r.dec.ReadToken()
	if err != nil || token.Kind() != 't' && token.Kind() != 'f' {
		e := r.errorf("is neither true nor false")
		e.Cause = err
		return false, e
	}
	return token.Bool(), nil
}
