package definition

import (
	_ "embed" // the table of the common information models
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

//go:embed builtin.json
var builtin []byte

// MaxFile bounds a file of definitions in octets.
const MaxFile = 4 << 20

// Registry finds specializations by root element and by containerDefinition.
// It doesn't change once it is built, and is safe for concurrent use.
type Registry struct {
	roots map[string]*entry
	cnds  map[string]*entry
	types map[string]*onem2m.DataType
}

type entry struct {
	cnd      string
	own      bool // of the operator
	info     *onem2m.TypeInfo
	instance *onem2m.TypeInfo
	copies   *onem2m.TypeInfo
}

// Builtin returns a registry of the specializations of the common information
// models for homes, cities and health.
func Builtin() (*Registry, error) {
	r := &Registry{roots: make(map[string]*entry), cnds: make(map[string]*entry), types: dataTypes()}
	if err := r.add(builtin, false); err != nil {
		return nil, fmt.Errorf("definition: %w", err)
	}
	return r, nil
}

// Load returns a registry of the built-in specializations and of those in the
// files *.json of a folder, which win over built-in ones. An empty dir adds
// nothing. Two definitions of the same root or containerDefinition in the
// folder are an error, as is anything that isn't understood.
func Load(dir string) (*Registry, error) {
	r, err := Builtin()
	if err != nil || dir == "" {
		return r, err
	}
	files, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("definition: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("definition: %w", err)
	}
	defer func() { _ = root.Close() }() // opened for reading
	for _, f := range files {
		if f.IsDir() || !strings.HasSuffix(f.Name(), ".json") {
			continue
		}
		data, err := read(root, f.Name())
		if err == nil {
			err = r.add(data, true)
		}
		if err != nil {
			return nil, fmt.Errorf("definition: %s: %w", filepath.Join(dir, f.Name()), err)
		}
	}
	return r, nil
}

func read(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(data) > MaxFile {
		err = fmt.Errorf("larger than %d octets", MaxFile)
	}
	return data, err
}

// add adds the definitions of one file.
func (r *Registry) add(data []byte, own bool) error {
	list, err := parse(data)
	if err != nil {
		return err
	}
	for i := range list {
		d := &list[i]
		if err := d.check(); err != nil {
			return err
		}
		rows, err := d.attributes(r.types)
		if err != nil {
			return err
		}
		for _, old := range []*entry{r.roots[d.Root], r.cnds[d.CND]} {
			switch {
			case old == nil:
			case own && !old.own:
				delete(r.roots, old.info.Root)
				delete(r.cnds, old.cnd)
			default:
				return fmt.Errorf("%s, %s: defined twice", d.Root, d.CND)
			}
		}
		e := &entry{
			cnd: d.CND, own: own,
			info:     onem2m.TypeByNumber(onem2m.TypeFlexContainer).With(d.Name, d.Root, onem2m.KindFlexContainer, rows),
			instance: instanceOf(d, rows), copies: copiesOf(d, rows),
		}
		r.roots[d.Root], r.cnds[d.CND] = e, e
	}
	return nil
}

// parse reads one definition or a list of them.
func parse(data []byte) ([]Definition, error) {
	var list []Definition
	value := jsontext.Value(data)
	if value.Kind() != '[' {
		var one Definition
		if err := json.Unmarshal(data, &one, json.RejectUnknownMembers(true)); err != nil {
			return nil, explain(err)
		}
		return []Definition{one}, nil
	}
	if err := json.Unmarshal(data, &list, json.RejectUnknownMembers(true)); err != nil {
		return nil, explain(err)
	}
	return list, nil
}

// explain keeps the message of a JSON error and drops names of Go types.
func explain(err error) error {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) && semantic.JSONPointer != "" {
		return fmt.Errorf("not understood at %s", semantic.JSONPointer)
	}
	return err
}

// instanceOf makes the type of the instances of a specialization: the custom
// attributes, and those of the <flexContainer> that instances keep.
func instanceOf(d *Definition, rows []*onem2m.Attribute) *onem2m.TypeInfo {
	base := onem2m.TypeByNumber(onem2m.TypeFlexContainerInstance)
	kept := make([]*onem2m.Attribute, 0, len(rows)+2)
	for _, name := range []string{"st", "lbl", "loc"} {
		if a := onem2m.TypeByNumber(onem2m.TypeFlexContainer).Attribute(name); a != nil && !base.Has(name) {
			optional := *a
			optional.Create = onem2m.NotPresent
			kept = append(kept, &optional)
		}
	}
	for _, row := range rows {
		if !base.Has(row.Short) {
			optional := *row
			optional.Optional, optional.Create = true, onem2m.Optional
			kept = append(kept, &optional)
		}
	}
	return base.With(d.Name+"Instance", d.Root, onem2m.KindNormal, kept)
}

// copiesOf makes the type of the announced variants of a specialization: the
// custom attributes that announcedAttribute lists (C-255).
func copiesOf(d *Definition, rows []*onem2m.Attribute) *onem2m.TypeInfo {
	base := onem2m.TypeByNumber(onem2m.TypeFlexContainerAnnc)
	kept := make([]*onem2m.Attribute, 0, len(rows))
	for _, row := range rows {
		if !base.Has(row.Short) {
			optional := *row
			optional.Optional, optional.Create, optional.Announce = true, onem2m.Optional, onem2m.NotAnnounced
			kept = append(kept, &optional)
		}
	}
	return base.With(d.Name+"Annc", d.Root+"A", onem2m.KindFlexContainerAnnounced, kept)
}

// Announced returns the type of the announced variants of a specialization with
// this root element of theirs, or nil.
func (r *Registry) Announced(root string) *onem2m.TypeInfo {
	original, ok := strings.CutSuffix(root, "A")
	if e := r.roots[original]; ok && e != nil {
		return e.copies
	}
	return nil
}

// Type returns the specialization with the root element, or nil.
func (r *Registry) Type(root string) *onem2m.TypeInfo {
	if e := r.roots[root]; e != nil {
		return e.info
	}
	return nil
}

// Instance returns the type of the instances of the specialization with the
// root element, or nil.
func (r *Registry) Instance(root string) *onem2m.TypeInfo {
	if e := r.roots[root]; e != nil {
		return e.instance
	}
	return nil
}

// Root returns the root element that belongs to a containerDefinition, or "".
func (r *Registry) Root(cnd string) string {
	if e := r.cnds[cnd]; e != nil {
		return e.info.Root
	}
	return ""
}

// Definition returns the containerDefinition that belongs to a root element,
// or "".
func (r *Registry) Definition(root string) string {
	if e := r.roots[root]; e != nil {
		return e.cnd
	}
	return ""
}

// Len returns the number of specializations.
func (r *Registry) Len() int { return len(r.roots) }
