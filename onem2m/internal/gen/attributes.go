package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// attributeRows collects the rows of the attribute tables; types share equal rows.
type attributeRows struct {
	types  *dataTypes
	rows   []string
	index  map[string]int
	bounds []int64
}

var (
	presences = map[string]string{"M": "Mandatory", "O": "Optional"}
	accesses  = map[string]string{"WO": "WriteOnce", "RW": "ReadWrite"}
	announces = map[string]string{"OA": "OptionalAnnounced", "MA": "MandatoryAnnounced"}
)

// add returns the index of the row of a.
func (s *attributeRows) add(r *resource, a attribute) int {
	row := s.row(r, a)
	i, ok := s.index[row]
	if !ok {
		i = len(s.rows)
		s.index[row] = i
		s.rows = append(s.rows, row)
	}
	return i
}

func (s *attributeRows) row(r *resource, a attribute) string {
	var b strings.Builder
	data, list := s.types.ofAttribute(a)
	fmt.Fprintf(&b, "Long: %q, Short: %q, Type: &%s", a.Long, a.Short, data)
	create := a.Create
	if create == "M" && a.later && !r.later() {
		create = "O" // the older release knows nothing of it
	}
	for _, flag := range []struct {
		name string
		set  bool
	}{
		{"List", list},
		{"Optional", a.Mult != "1"},
		{"NullOnCreate", a.NullOnCreate},
		{"IfPresent", a.IfPresent},
		{"Later", a.later || r.later()},
		{"Infinite", a.Infinite != nil},
	} {
		if flag.set {
			fmt.Fprintf(&b, ", %s: true", flag.name)
		}
	}
	for _, value := range []struct{ name, text string }{
		{"Access", accesses[a.Access]},
		{"Create", presences[create]},
		{"Update", presences[a.Update]},
		{"Announce", announces[a.Announce]},
	} {
		if value.text != "" {
			fmt.Fprintf(&b, ", %s: %s", value.name, value.text)
		}
	}
	if a.Since != "" {
		fmt.Fprintf(&b, ", Since: %q", a.Since)
	}
	if a.Type == "xs:duration" && string(a.Default) == "0" {
		a.Default = jsontext.Value(`"PT0S"`) // the tables write a number
	}
	if a.Default != nil {
		fmt.Fprintf(&b, ", Default: jsontext.Value(%q)", compact(a.Default))
	}
	if a.Fixed != nil {
		fmt.Fprintf(&b, ", Fixed: jsontext.Value(%q)", compact(a.Fixed))
	}
	if a.Min != nil {
		fmt.Fprintf(&b, ", Min: &attributeBounds[%d]", s.bound(*a.Min))
	}
	if a.Max != nil {
		fmt.Fprintf(&b, ", Max: &attributeBounds[%d]", s.bound(*a.Max))
	}
	if a.MaxLength != 0 {
		fmt.Fprintf(&b, ", MaxLength: %d", a.MaxLength)
	}
	if a.Unit != "" {
		fmt.Fprintf(&b, ", Unit: %q", a.Unit)
	}
	return b.String()
}

func (s *attributeRows) bound(n int64) int {
	for i := range s.bounds {
		if s.bounds[i] == n {
			return i
		}
	}
	s.bounds = append(s.bounds, n)
	return len(s.bounds) - 1
}

func (s *attributeRows) write(b *bytes.Buffer) {
	b.WriteString("var attributeBounds = [...]int64{")
	for _, n := range s.bounds {
		fmt.Fprintf(b, "%d, ", n)
	}
	b.WriteString("}\n\nvar attributeTable = [...]Attribute{\n")
	for _, row := range s.rows {
		fmt.Fprintf(b, "{%s},\n", row)
	}
	b.WriteString("}\n\n")
}
