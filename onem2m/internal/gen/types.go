package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

var kinds = map[string]string{
	"normal": "KindNormal", "abstract": "KindAbstract", "virtual": "KindVirtual",
	"mgmtObj": "KindMgmtObj", "flexContainer": "KindFlexContainer",
	"announced": "KindAnnounced", "abstractAnnounced": "KindAbstractAnnounced",
	"mgmtObjAnnounced": "KindMgmtObjAnnounced", "flexContainerAnnounced": "KindFlexContainerAnnounced",
}

// specialization reports whether the number of r belongs to its base type.
func specialization(r *resource) bool {
	return strings.HasPrefix(r.Kind, "mgmtObj") || strings.HasPrefix(r.Kind, "flexContainer")
}

func writeTypeNumbers(b *bytes.Buffer, resources map[string]*resource) {
	var list []*resource
	for r := range maps.Values(resources) {
		if r.TypeNumber != 0 && !specialization(r) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(x, y *resource) int { return cmp.Compare(x.TypeNumber, y.TypeNumber) })
	b.WriteString("// The numbers of the resource types, TS-0004 clauses 6.3.4.2.1 and 6.3.4.2.11.\nconst (\n")
	for _, r := range list {
		fmt.Fprintf(b, "Type%s ResourceType = %d\n", strings.ToUpper(r.Name[:1])+r.Name[1:], r.TypeNumber)
	}
	b.WriteString(")\n")
}

// attributesOf returns the attributes of r in their order, later ones last.
func attributesOf(r *resource) []attribute {
	own := slices.Clone(r.Attributes)
	slices.SortStableFunc(own, func(x, y attribute) int { return cmp.Compare(x.Pos, y.Pos) })
	for _, a := range r.LaterAttributes {
		a.later = true
		own = append(own, a)
	}
	return slices.DeleteFunc(own, func(a attribute) bool { return a.Short == "*" })
}

func writeTypes(b *bytes.Buffer, c *catalogue, types *dataTypes) {
	children := childTable(c)
	rows := &attributeRows{types: types, index: map[string]int{}}
	var table, numbers, roots bytes.Buffer
	names := map[string]bool{}
	for i, name := range c.names() {
		r := c.resources[name]
		writeType(&table, c, r, children[r.TypeNumber], rows, names)
		if r.TypeNumber != 0 && !specialization(r) {
			fmt.Fprintf(&numbers, "case %d:\nreturn %d\n", r.TypeNumber, i)
		}
		if r.Short != "" {
			fmt.Fprintf(&roots, "case %q:\nreturn %d\n", r.Short, i)
		}
	}
	b.WriteString(`import "github.com/go-json-experiment/json/jsontext"` + "\n\n")
	rows.write(b)
	b.WriteString("var typeTable = [...]TypeInfo{\n")
	b.Write(table.Bytes())
	b.WriteString("}\n\n// typeNumberIndex returns the position in typeTable of the type with the number, or -1.\nfunc typeNumberIndex(ty ResourceType) int {\nswitch ty {\n")
	b.Write(numbers.Bytes())
	b.WriteString("}\nreturn -1\n}\n\n// typeRootIndex returns the position in typeTable of the type with the root element name, or -1.\nfunc typeRootIndex(root string) int {\nswitch root {\n")
	b.Write(roots.Bytes())
	b.WriteString("}\nreturn -1\n}\n\n// attributeKnown reports whether any type has the attribute.\nfunc attributeKnown(short string) bool {\nswitch short {\ncase ")
	for i, name := range slices.Sorted(maps.Keys(names)) {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(b, "%q", name)
	}
	b.WriteString(":\nreturn true\n}\nreturn false\n}\n")
}

func writeType(b *bytes.Buffer, c *catalogue, r *resource, children []int, rows *attributeRows, known map[string]bool) {
	fmt.Fprintf(b, "{\nType: %d, Name: %q, Root: %q, Kind: %s, Since: %q,\n", r.TypeNumber, r.Name, r.Short, kinds[r.Kind], r.Since)
	for _, flag := range []struct {
		name string
		set  bool
	}{
		{"Later", r.later()},
		{"INOnly", r.InCSEOnly},
		{"Instantiable", r.Instantiable},
		{"Announceable", r.Announceable},
		{"Open", strings.HasPrefix(r.Kind, "abstract")},
	} {
		if flag.set {
			fmt.Fprintf(b, "%s: true,\n", flag.name)
		}
	}
	if o := c.resources[r.AnnouncementOf]; o != nil {
		fmt.Fprintf(b, "Original: %d,\n", o.TypeNumber)
	}
	if r.MgmtDefinition != 0 {
		fmt.Fprintf(b, "MgmtDefinition: %d,\n", r.MgmtDefinition)
	}
	if r.ResourceName != "" {
		fmt.Fprintf(b, "VirtualName: %q,\n", r.ResourceName)
	}
	attributes := attributesOf(r)
	if len(attributes) > 0 {
		b.WriteString("Attributes: []*Attribute{")
		for _, a := range attributes {
			fmt.Fprintf(b, "&attributeTable[%d], ", rows.add(r, a))
			known[a.Short] = true
		}
		b.WriteString("},\n")
	}
	if len(children) > 0 {
		fmt.Fprintf(b, "Children: []ResourceType{%s},\n", join(children))
	}
	if v := virtualNames(c, r); len(v) > 0 {
		fmt.Fprintf(b, "virtual: %#v,\n", v)
	}
	writeIndex(b, r, attributes)
	b.WriteString("},\n")
}

// writeIndex writes the sorted names and the attributes that a CREATE needs.
func writeIndex(b *bytes.Buffer, r *resource, attributes []attribute) {
	if len(attributes) == 0 {
		return
	}
	order := make([]int, len(attributes))
	var required []int
	for i, a := range attributes {
		order[i] = i
		if mandatoryOnCreate(r, a) {
			required = append(required, i)
		}
	}
	slices.SortFunc(order, func(x, y int) int { return strings.Compare(attributes[x].Short, attributes[y].Short) })
	b.WriteString("names: []nameIndex{")
	for _, i := range order {
		fmt.Fprintf(b, "{%q, %d}, ", attributes[i].Short, i)
	}
	b.WriteString("},\n")
	if len(required) > 0 {
		fmt.Fprintf(b, "required: []uint16{%s},\n", join(required))
	}
}

// mandatoryOnCreate reports whether every CREATE must hold the attribute. Not so:
// supportedReleaseVersions, which Release 1 doesn't have (the CSE demands it by
// the release of the request); attributes that an announced resource has only
// if its original has them; what a later release adds to an older type.
func mandatoryOnCreate(r *resource, a attribute) bool {
	return a.Create == "M" && a.Short != "srv" && !a.IfPresent && (!a.later || r.later())
}

// virtualNames returns the names of the virtual children of r.
func virtualNames(c *catalogue, r *resource) []string {
	var list []string
	for _, child := range r.Children {
		if v := c.resources[child.Type]; v != nil && v.Kind == "virtual" {
			list = append(list, v.ResourceName)
		}
	}
	return list
}

// childTable returns the numbers of the child types by the number of the
// parent: the union of what the tables of parents and of children say.
// Specializations count as their base.
func childTable(c *catalogue) map[int][]int {
	sets := map[int]map[int]bool{}
	add := func(parent, child *resource) {
		if parent == nil || child == nil || parent.TypeNumber == 0 || child.TypeNumber == 0 || child.Kind == "virtual" || parent.Kind == "virtual" {
			return
		}
		if sets[parent.TypeNumber] == nil {
			sets[parent.TypeNumber] = map[int]bool{}
		}
		sets[parent.TypeNumber][child.TypeNumber] = true
	}
	for _, r := range c.resources {
		for _, child := range r.Children {
			add(r, c.resources[child.Type])
		}
		for _, parent := range r.Parents {
			add(c.resources[parent.Type], r)
		}
	}
	table := map[int][]int{}
	for parent, set := range sets {
		table[parent] = slices.Sorted(maps.Keys(set))
	}
	return table
}

func join(list []int) string {
	text := make([]string, len(list))
	for i, n := range list {
		text[i] = fmt.Sprint(n)
	}
	return strings.Join(text, ", ")
}
