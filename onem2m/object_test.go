package onem2m_test

import (
	"errors"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func TestObject_ReadsItsValues(t *testing.T) {
	t.Parallel()
	o := object(t, `{"s":"a\"b","e":"","n":-5,"b":true,"l":["x","y"],"i":[1,2],"t":"20260301T101500","o":{"p":1},"oo":[{"p":1},{"q":2}],"z":null}`)
	if s, ok := o.Text("s"); !ok || s != `a"b` {
		t.Errorf("s is %q, %t", s, ok)
	}
	if s, ok := o.Text("e"); !ok || s != "" {
		t.Errorf("e is %q, %t", s, ok)
	}
	if n, ok := o.Int("n"); !ok || n != -5 {
		t.Errorf("n is %d, %t", n, ok)
	}
	if b, ok := o.Bool("b"); !ok || !b {
		t.Errorf("b is %t, %t", b, ok)
	}
	if l, ok := o.Texts("l"); !ok || !cmp.Equal(l, []string{"x", "y"}) {
		t.Errorf("l is %q, %t", l, ok)
	}
	if l, ok := o.Ints("i"); !ok || !cmp.Equal(l, []int64{1, 2}) {
		t.Errorf("i is %d, %t", l, ok)
	}
	if ts, ok := o.Time("t"); !ok || ts.String() != "20260301T101500,000000" {
		t.Errorf("t is %s, %t", ts, ok)
	}
	if inner, ok := o.Object("o"); !ok || string(inner.Get("p")) != "1" {
		t.Errorf("o is %v, %t", inner, ok)
	}
	if list, ok := o.Objects("oo"); !ok || len(list) != 2 || !list[1].Has("q") {
		t.Errorf("oo is %v, %t", list, ok)
	}
	if !o.IsNull("z") || o.IsNull("s") || o.IsNull("absent") {
		t.Error("null isn't told from the rest")
	}
}

func TestObject_C462_ValuesOfAnotherTypeAreNotThere(t *testing.T) {
	t.Parallel()
	o := object(t, `{"s":"5","n":5,"b":"true","l":["x",1],"m":"x","z":null}`)
	for _, name := range []string{"n", "l", "z", "absent"} {
		if _, ok := o.Text(name); ok {
			t.Errorf("%s is a text", name)
		}
	}
	for _, name := range []string{"s", "b", "l", "z", "absent"} {
		if _, ok := o.Int(name); ok {
			t.Errorf("%s is an integer", name)
		}
		if _, ok := o.Bool(name); ok {
			t.Errorf("%s is a boolean", name)
		}
		if _, ok := o.Texts(name); ok {
			t.Errorf("%s is a list of texts", name)
		}
		if _, ok := o.Ints(name); ok {
			t.Errorf("%s is a list of integers", name)
		}
		if _, ok := o.Time(name); ok {
			t.Errorf("%s is a time", name)
		}
		if _, ok := o.Object(name); ok {
			t.Errorf("%s is an object", name)
		}
		if _, ok := o.Objects(name); ok {
			t.Errorf("%s is a list of objects", name)
		}
	}
}

func TestObject_SetDeleteAndClone(t *testing.T) {
	t.Parallel()
	var o onem2m.Object
	o.Set("a", onem2m.IntValue(1))
	o.Set("b", onem2m.BoolValue(false))
	o.Set("a", onem2m.TextValue("x"))
	other := o.Clone()
	other.Set("a", onem2m.NullValue())
	if !other.Delete("b") || other.Delete("b") {
		t.Error("b isn't deleted once")
	}
	if got := string(o.Append(nil)); got != `{"a":"x","b":false}` {
		t.Error(got)
	}
	if got := string(other.Append(nil)); got != `{"a":null}` {
		t.Error(got)
	}
	if got, err := o.MarshalJSON(); err != nil || string(got) != `{"a":"x","b":false}` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestValues_EveryTextAndListComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		list := rapid.SliceOf(rapid.String()).Draw(t, "list")
		o := onem2m.Object{{Name: name, Value: onem2m.TextsValue(list)}}
		text := jsontext.Value(o.Append(nil))
		if !text.IsValid() {
			t.Fatalf("%s isn't JSON", text)
		}
		back, err := onem2m.ParseObject(text)
		if err != nil || len(back) != 1 || back[0].Name != name {
			t.Fatalf("%q is %v, %v", name, back, err)
		}
		got, ok := back.Texts(name)
		if !ok || len(got) != len(list) {
			t.Fatalf("%q is %q", list, got)
		}
		for i := range list {
			if got[i] != list[i] {
				t.Fatalf("%q is %q", list, got)
			}
		}
	})
}

func TestError_C045_KeepsTheCauseFromTheOriginator(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire")
	if e := onem2m.AsError(cause); e.Code != onem2m.InternalServerError || e.Debug() != "internal error" || !errors.Is(e, cause) {
		t.Errorf("%v", e)
	}
	e := &onem2m.Error{Code: onem2m.NotFound, Subject: "to", Text: "no such resource", Cause: cause}
	if e.Debug() != "to: no such resource" || e.Error() != "4004 to: no such resource: disk on fire" || onem2m.AsError(e) != e {
		t.Errorf("%v", e)
	}
	if onem2m.AsError(nil) != nil {
		t.Error("no error is one")
	}
}
