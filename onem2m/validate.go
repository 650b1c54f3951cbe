package onem2m

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// ValidateCreate checks the attributes of a CREATE against the tables of the
// type: every name known and allowed, every mandatory one there, every value of
// the right type (C-031, C-093…C-098, C-462). The result holds the given
// attributes in the order of the tables; a creator of null stays null for the
// hosting CSE to fill in. Errors are 4000 and name the attribute, or the member
// of its value, that is at fault. What depends on the resource tree, the time,
// the release of the request or other attributes is left to the caller.
func (t *TypeInfo) ValidateCreate(o Object) (Object, error) {
	out, err := t.validate(o, Create)
	if err != nil {
		return nil, err
	}
	for _, i := range t.required {
		if a := t.Attributes[i]; !out.Has(a.Short) {
			return nil, Errorf(BadRequest, a.Short, "the attribute is mandatory")
		}
	}
	return out, nil
}

// ValidateUpdate checks the attributes of an UPDATE. null, which asks for the
// removal of the attribute, is legal for multiplicity 0..1 and, by C-112, for
// the expirationTime; it is kept in the result (C-110, C-111, C-114).
func (t *TypeInfo) ValidateUpdate(o Object) (Object, error) {
	out, err := t.validate(o, Update)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// roomForAssigned is how many attributes a hosting CSE usually adds to what a
// CREATE brings: ri, pi, ty, ct, lt, et, rn, st and a few of the type's own.
const roomForAssigned = 10

func (t *TypeInfo) validate(o Object, op Operation) (Object, *Error) {
	out := make(Object, 0, len(o)+roomForAssigned)
	positions := make([]int, 0, 64)
	for i := range o {
		at := t.index(o[i].Name)
		if at < 0 {
			return nil, Errorf(BadRequest, printable(o[i].Name), "no attribute of %s", t.Name)
		}
		a := t.Attributes[at]
		if err := a.check(o[i].Value, op); err != nil {
			return nil, err
		}
		place := len(positions)
		for place > 0 && positions[place-1] > at {
			place--
		}
		if place > 0 && positions[place-1] == at {
			return nil, Errorf(BadRequest, a.Short, "the attribute is given twice")
		}
		positions = slices.Insert(positions, place, at)
		out = slices.Insert(out, place, Member{Name: a.Short, Value: o[i].Value})
	}
	return out, nil
}

// check checks one attribute of a CREATE or UPDATE.
func (a *Attribute) check(v jsontext.Value, op Operation) *Error {
	presence, null := a.Create, string(v) == "null"
	if op == Update {
		presence = a.Update
	}
	switch {
	case presence == NotPresent:
		return Errorf(BadRequest, a.Short, "the attribute must not be present in a request to %s", op)
	case null && op == Update && (a.Optional || a.Short == "et"):
		return nil
	case null && op == Create && a.NullOnCreate:
		return nil
	case null:
		return Errorf(BadRequest, a.Short, "the attribute must not be null")
	case op == Create && a.NullOnCreate:
		return Errorf(BadRequest, a.Short, "only null is allowed in a request, the CSE fills it in")
	}
	return a.checkValue(v)
}

// CheckValue checks a value that isn't null against the type of the attribute
// and its own bounds. Errors are 4000 and name the attribute or the member.
func (a *Attribute) CheckValue(v jsontext.Value) error {
	if err := a.checkValue(v); err != nil {
		return err
	}
	return nil
}

func (a *Attribute) checkValue(v jsontext.Value) *Error {
	if err := a.Type.check(v, a.Short); err != nil {
		return err
	}
	if a.Fixed != nil && !bytes.Equal(v, a.Fixed) {
		return Errorf(BadRequest, a.Short, "the value must be %s", a.Fixed)
	}
	if a.Min != nil || a.Max != nil {
		n, ok := IntOf(v)
		if !ok || a.Min != nil && n < *a.Min || a.Max != nil && n > *a.Max {
			return Errorf(BadRequest, a.Short, "the number is out of range")
		}
	}
	if a.MaxLength > 0 {
		if b, ok := text(v); !ok || len(b) > a.MaxLength {
			return Errorf(BadRequest, a.Short, "the text is longer than %d octets", a.MaxLength)
		}
	}
	return nil
}

// Check checks a JSON value, which must be canonical, against the type; subject
// is the short name that an error names. Errors are 4000.
func (d *DataType) Check(v jsontext.Value, subject string) error {
	if err := d.check(v, subject); err != nil {
		return err
	}
	return nil
}

func (d *DataType) check(v jsontext.Value, subject string) *Error {
	switch d.Syntax {
	case SyntaxAny:
		if len(v) == 0 {
			return Errorf(BadRequest, subject, "the value is missing")
		}
		return nil
	case SyntaxList:
		return d.checkList(v, subject)
	case SyntaxObject:
		return d.checkObject(v, subject)
	case SyntaxBoolean, SyntaxInteger, SyntaxNumber, SyntaxEnum, SyntaxBits, SyntaxScalar:
		return d.checkScalar(v, subject)
	case SyntaxAbsRel:
		if _, ok := IntOf(v); ok {
			return nil
		}
	default:
	}
	b, ok := text(v)
	if !ok {
		return Errorf(BadRequest, subject, "the value must be a string")
	}
	if want := d.checkText(b); want != "" {
		return Errorf(BadRequest, subject, "%s", want)
	}
	return nil
}

func (d *DataType) checkList(v jsontext.Value, subject string) *Error {
	var err *Error
	n := 0
	array := EachItem(v, func(item jsontext.Value) bool {
		n++
		err = d.Item.check(item, subject)
		return err == nil
	})
	switch {
	case err != nil:
		return err
	case !array:
		return Errorf(BadRequest, subject, "the value must be a list")
	case n < d.MinItems:
		return Errorf(BadRequest, subject, "the list holds %d entries or more", d.MinItems)
	case d.MaxItems > 0 && n > d.MaxItems:
		return Errorf(BadRequest, subject, "the list holds at most %d entries", d.MaxItems)
	}
	return nil
}

// maxMembers is more than any complex type has; it bounds the set of names seen.
const maxMembers = 64

func (d *DataType) checkObject(v jsontext.Value, subject string) *Error {
	var err *Error
	var seen uint64
	object := EachPair(v, func(name, value jsontext.Value) bool {
		n, ok := text(name)
		at := -1
		if ok {
			at = slices.IndexFunc(d.Members, func(m TypeMember) bool { return m.Short == string(n) })
		}
		switch {
		case at < 0 || at >= maxMembers:
			err = Errorf(BadRequest, printable(string(n)), "no member of %s", subject)
		case seen&(1<<at) != 0:
			err = Errorf(BadRequest, d.Members[at].Short, "the member is given twice")
		default:
			seen |= 1 << at
			err = d.Members[at].Type.check(value, d.Members[at].Short)
		}
		return err == nil
	})
	switch {
	case err != nil:
		return err
	case !object:
		return Errorf(BadRequest, subject, "the value must be an object")
	case d.Choice && (seen == 0 || seen&(seen-1) != 0):
		return Errorf(BadRequest, subject, "exactly one member must be given")
	}
	for i := range d.Members {
		if d.Members[i].Mandatory && seen&(1<<i) == 0 {
			return Errorf(BadRequest, d.Members[i].Short, "the member of %s is mandatory", subject)
		}
	}
	if d.Name == "m2m:geoCoordinates" {
		return checkGeometry(v, subject)
	}
	return nil
}

// checkScalar checks what is neither string nor list nor object.
func (d *DataType) checkScalar(v jsontext.Value, subject string) *Error {
	switch d.Syntax {
	case SyntaxBoolean:
		if _, ok := BoolOf(v); !ok {
			return Errorf(BadRequest, subject, "the value must be true or false")
		}
	case SyntaxInteger:
		if n, ok := IntOf(v); !ok || n < d.Min || n > d.Max {
			return Errorf(BadRequest, subject, "the value must be %s", d.numbers())
		}
	case SyntaxEnum:
		if n, ok := IntOf(v); !ok || !d.Enum.Has(n) && (d.Max == 0 || n < d.Min || n > d.Max) {
			return Errorf(BadRequest, subject, "the value must be one of the numbers of %s", d.Enum.Name)
		}
	case SyntaxBits:
		if n, ok := IntOf(v); !ok || n < 0 || n&^d.bits() != 0 {
			return Errorf(BadRequest, subject, "the value must be a sum of the numbers of %s", d.Enum.Name)
		}
	case SyntaxNumber:
		if v.Kind() != '0' {
			return Errorf(BadRequest, subject, "the value must be a number")
		}
	case SyntaxScalar:
		if len(v) == 0 || v[0] == '{' || v[0] == '[' || v[0] == 'n' {
			return Errorf(BadRequest, subject, "the value must be a string, number or boolean")
		}
	default:
		return Errorf(InternalServerError, subject, "the type is no scalar")
	}
	return nil
}

// numbers words the range of an integer type.
func (d *DataType) numbers() string {
	switch d.Min {
	case 0:
		return "an integer that is not negative, and not too large"
	case 1:
		return "a positive integer, and not too large"
	}
	return "an integer, and not too large"
}

func (d *DataType) bits() int64 {
	var all int64
	for _, v := range d.Enum.Values {
		all |= v.Value
	}
	return all
}

// maxNameShown bounds how much of a name that the originator chose comes back
// in a debug text.
const maxNameShown = 40

// printable returns a name of the originator's choice as it may appear in a
// debug text or log line: short and without control characters.
func printable(name string) string {
	if len(name) > maxNameShown {
		name = name[:maxNameShown] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return '?'
		}
		return r
	}, name)
}
