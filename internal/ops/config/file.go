package config

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxFile bounds a configuration file in octets: far above any real one, so
// that a wrong --config (a device, a database) is refused rather than read.
const maxFile = 4 << 20

// laterTables are the names of design tables that this version does not have;
// the file may not use them, but is told so rather than "unknown".
func laterTables() []string {
	return []string{"psk", "maf", "mef"}
}

// origins says for each key, by its path with indices ("listen[0].address"),
// where its value came from.
type origins map[string]string

// readFile decodes a file into c and records the position of each key.
func readFile(c *Config, name string, from origins) error {
	data, err := readBounded(name)
	if err != nil {
		return err
	}
	return parse(c, name, data, from)
}

func parse(c *Config, name string, data []byte, from origins) error {
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(c); err != nil {
		return fileError(name, data, err, from)
	}
	locate(data, name, from)
	if errs := checkWords(reflect.ValueOf(c).Elem(), "", from); len(errs) > 0 {
		return errors.Join(errs...)
	}
	resolvePaths(reflect.ValueOf(c).Elem(), "", filepath.Dir(name), from)
	return nil
}

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name) // #nosec G304 -- the operator names the file
	if err != nil {
		return nil, &Error{Where: name, Text: "the configuration file cannot be read", Cause: err}
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, &Error{Where: name, Text: "the configuration file cannot be read", Cause: err}
	case len(data) > maxFile:
		return nil, &Error{Where: name, Text: fmt.Sprintf("the configuration file is larger than %d octets", maxFile)}
	}
	return data, nil
}

// locate walks a document that the decoder knows and notes where each key
// stands. It returns the keys whose values are numbers where text belongs: the
// decoder says nothing of their place.
func locate(data []byte, name string, from origins) (numbers []string) {
	var p unstable.Parser
	p.Reset(data)
	table, count := "", map[string]int{}
	for p.NextExpression() {
		e := p.Expression()
		path, at := keyPath(e, &p)
		switch e.Kind {
		case unstable.Table:
			table = path
		case unstable.ArrayTable:
			table = fmt.Sprintf("%s[%d]", path, count[path])
			count[path]++
			path = table
		case unstable.KeyValue:
			if table != "" {
				path = table + "." + path
			}
			if kind := e.Value().Kind; kind == unstable.Integer || kind == unstable.Float {
				numbers = append(numbers, path)
			}
		default:
			continue
		}
		from[path] = fmt.Sprintf("%s:%d:%d", name, at.Line, at.Column)
	}
	return numbers
}

func keyPath(e *unstable.Node, p *unstable.Parser) (string, unstable.Position) {
	var parts []string
	var at unstable.Position
	for it := e.Key(); it.Next(); {
		if parts == nil {
			at = p.Shape(it.Node().Raw).Start
		}
		parts = append(parts, string(it.Node().Data))
	}
	return strings.Join(parts, "."), at
}

// fileError turns an error of the decoder into ours, with its place.
func fileError(name string, data []byte, err error, from origins) error {
	var missing *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &missing):
		var all []error
		for i := range missing.Errors {
			all = append(all, unknownKey(name, &missing.Errors[i]))
		}
		return errors.Join(all...)
	case errors.As(err, &decode):
		line, column := decode.Position()
		return &Error{
			Where: fmt.Sprintf("%s:%d:%d", name, line, column), Key: strings.Join(decode.Key(), "."),
			Text: strings.TrimPrefix(decode.Error(), "toml: "),
		}
	}
	durations := map[string]bool{}
	for _, k := range Keys() {
		durations[k.Path] = k.Kind == "duration"
	}
	for _, path := range locate(data, name, from) {
		if durations[path] {
			return &Error{Where: from[path], Key: path, Text: err.Error()}
		}
	}
	return &Error{Where: name, Text: strings.TrimPrefix(err.Error(), "toml: ")}
}

// checkWords gives every value that is one of a few words to its UnmarshalText:
// the decoder takes any text for it.
func checkWords(v reflect.Value, path string, from origins) []error {
	var errs []error
	switch v.Kind() {
	case reflect.Struct:
		for f := range v.Type().Fields() {
			if name, ok := tomlName(f); ok {
				errs = append(errs, checkWords(v.FieldByIndex(f.Index), strings.TrimPrefix(path+"."+name, "."), from)...)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			item := path
			if v.Type().Elem().Kind() == reflect.Struct {
				item = fmt.Sprintf("%s[%d]", path, i)
			}
			errs = append(errs, checkWords(v.Index(i), item, from)...)
		}
	case reflect.String:
		u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
		if _, set := from[path]; !ok || !set {
			break
		}
		if err := u.UnmarshalText([]byte(v.String())); err != nil {
			errs = append(errs, wrongValue(from[path], path, err))
		}
	}
	return errs
}

func unknownKey(name string, d *toml.DecodeError) error {
	line, column := d.Position()
	e := &Error{Where: fmt.Sprintf("%s:%d:%d", name, line, column), Key: strings.Join(d.Key(), ".")}
	if slices.Contains(laterTables(), d.Key()[0]) {
		e.Text, e.Cause = ErrNotInThisVersion.Error(), ErrNotInThisVersion
		return e
	}
	e.Text = "unknown key; docs/configuration.md lists every key"
	return e
}

// resolvePaths makes the paths that the file set relative to its folder.
func resolvePaths(v reflect.Value, path, dir string, from origins) {
	switch v.Kind() {
	case reflect.Struct:
		for f := range v.Type().Fields() {
			if name, ok := tomlName(f); ok {
				resolvePaths(v.FieldByIndex(f.Index), strings.TrimPrefix(path+"."+name, "."), dir, from)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			resolvePaths(v.Index(i), fmt.Sprintf("%s[%d]", path, i), dir, from)
		}
	case reflect.String:
		isPath := v.Type() == reflect.TypeFor[Path]()
		if p, ok := reflect.TypeAssert[PathOrURL](v); ok {
			isPath = !p.IsURL()
		}
		if _, set := from[path]; isPath && set && v.String() != "" && !filepath.IsAbs(v.String()) {
			v.SetString(filepath.Join(dir, v.String()))
		}
	}
}
