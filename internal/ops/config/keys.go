package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// envPrefix begins every environment variable that sets a key.
const envPrefix = "BULWARK_"

// Key describes one key for the example, the reference page and the flags.
type Key struct {
	Path    string   // "cse.id"; a key of a list of tables is "listen[].address"
	Table   string   // "cse", "listen[]"; "" at the top
	Name    string   // "id"
	Flag    string   // command-line flag without dashes; "" for none
	Env     []string // variables that set it; empty in lists of tables
	Default string   // text of the default; "" for none
	Doc     string
	Later   string // what of a later version the key is about; "" for a key that works
	Kind    string // "text", "number", "true or false", "duration", "size", "file", "list"
	index   []int  // field path; inside the element in a list of tables
}

// Table describes one table.
type Table struct {
	Name string // "cse", "listen[]"
	Doc  string
	Keys []Key
}

// Tables lists every table with its keys in the order of the struct. The
// first has no name: the keys at the top of the file.
func Tables() []Table {
	top := Table{}
	var tables []Table
	for f := range reflect.TypeFor[Config]().Fields() {
		name, ok := tomlName(f)
		switch {
		case !ok:
		case f.Type.Kind() == reflect.Struct && holdsLists(f.Type):
			for inner := range f.Type.Fields() {
				key, _ := tomlName(inner)
				tables = append(tables, tableOf(name+"."+key+"[]", inner, inner.Type.Elem()))
			}
		case f.Type.Kind() == reflect.Struct:
			tables = append(tables, tableOf(name, f, f.Type))
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			tables = append(tables, tableOf(name+"[]", f, f.Type.Elem()))
		default:
			top.Keys = append(top.Keys, keyOf("", f, f.Index))
		}
	}
	return append([]Table{top}, tables...)
}

// holdsLists reports whether a struct only groups lists of tables, [[token.issuer]].
func holdsLists(t reflect.Type) bool {
	for f := range t.Fields() {
		if f.Type.Kind() != reflect.Slice || f.Type.Elem().Kind() != reflect.Struct {
			return false
		}
	}
	return true
}

// Keys lists every key in the order of the struct.
func Keys() []Key {
	var keys []Key
	for _, t := range Tables() {
		keys = append(keys, t.Keys...)
	}
	return keys
}

// list is the value of a list of tables, "listen[]".
func (c *Config) list(table string) reflect.Value {
	v := reflect.ValueOf(c).Elem()
	for part := range strings.SplitSeq(strings.TrimSuffix(table, "[]"), ".") {
		found := false
		for f := range v.Type().Fields() {
			if name, ok := tomlName(f); ok && name == part {
				v, found = v.FieldByIndex(f.Index), true
				break
			}
		}
		if !found {
			return reflect.Value{} // a table of our own that does not exist; the tests walk all
		}
	}
	return v
}

func tableOf(name string, field reflect.StructField, t reflect.Type) Table {
	table := Table{Name: name, Doc: field.Tag.Get("doc")}
	for f := range t.Fields() {
		index := f.Index
		if !strings.HasSuffix(name, "[]") {
			index = append(append([]int(nil), field.Index...), f.Index...)
		}
		table.Keys = append(table.Keys, keyOf(name, f, index))
	}
	return table
}

func keyOf(table string, f reflect.StructField, index []int) Key {
	name, _ := tomlName(f)
	k := Key{
		Table: table, Name: name, Path: name, Flag: f.Tag.Get("flag"), Default: f.Tag.Get("default"),
		Doc: f.Tag.Get("doc"), Later: f.Tag.Get("later"), Kind: kindOf(f.Type), index: index,
	}
	if table != "" {
		k.Path = table + "." + name
	}
	if strings.HasSuffix(table, "[]") {
		return k
	}
	k.Env = []string{envName(k.Path)}
	if k.Flag != "" && envName(k.Flag) != k.Env[0] {
		k.Env = append(k.Env, envName(k.Flag))
	}
	return k
}

func kindOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Duration]():
		return "duration"
	case reflect.TypeFor[Size]():
		return "size"
	case reflect.TypeFor[Path]():
		return "file"
	case reflect.TypeFor[PathOrURL]():
		return "file or URL"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Float64:
		return "number"
	}
	return "text"
}

// envName returns the variable of a key or flag: "cse.base-policy" is set by
// BULWARK_CSE_BASE_POLICY.
func envName(path string) string {
	return envPrefix + strings.NewReplacer(".", "_", "-", "_").Replace(strings.ToUpper(path))
}

// tomlName returns the key of a field; fields without one are not part of the
// file.
func tomlName(f reflect.StructField) (string, bool) {
	name := f.Tag.Get("toml")
	return name, name != "" && name != "-"
}

// setText parses text into v: a value of the environment, a flag or a default
// tag. Lists are written with commas.
func setText(v reflect.Value, text string) error {
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(b)
	case reflect.Int:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.SetInt(n)
	case reflect.Slice:
		list := reflect.MakeSlice(v.Type(), 0, 4)
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			item := reflect.New(v.Type().Elem()).Elem()
			if err := setText(item, part); err != nil {
				return err
			}
			list = reflect.Append(list, item)
		}
		v.Set(list)
	default:
		return fmt.Errorf("cannot be set as text")
	}
	return nil
}
