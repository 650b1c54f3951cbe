package rdf

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// literal reads what is inside of an element as an XML literal, in exclusive canonical form with comments.
func (x *rdfxml) literal(e *xmlElement) (string, error) {
	var out strings.Builder
	type level struct {
		element *xmlElement
		shown   map[string]string // namespaces that the text declares so far, by prefix
	}
	stack := []level{{element: e, shown: map[string]string{}}}
	for {
		top := stack[len(stack)-1]
		token, err := x.next(top.element.scope)
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case string:
			out.WriteString(canonicalText(t))
		case *xmlElement:
			stack = append(stack, level{element: t, shown: startTag(&out, t, top.shown)})
		case xml.EndElement:
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				return out.String(), nil
			}
			fmt.Fprintf(&out, "</%s>", qualified(top.element.name))
		case xml.Comment:
			fmt.Fprintf(&out, "<!--%s-->", string(t))
		case xml.ProcInst:
			fmt.Fprintf(&out, "<?%s %s?>", t.Target, string(t.Inst))
		}
		if out.Len() > x.limits.Literal {
			return "", x.fail("an XML literal is longer than %d octets", x.limits.Literal)
		}
	}
}

func qualified(name xmlName) string {
	if name.prefix == "" {
		return name.local
	}
	return name.prefix + ":" + name.local
}

// startTag writes a tag with the namespaces that it uses and that are not declared yet, and returns those declared now.
func startTag(out *strings.Builder, e *xmlElement, shown map[string]string) map[string]string {
	out.WriteString("<" + qualified(e.name))
	used := map[string]string{e.name.prefix: e.name.space}
	for _, a := range e.attributes {
		if a.name.prefix != "" && a.name.prefix != "xml" {
			used[a.name.prefix] = a.name.space
		}
	}
	next := maps.Clone(shown)
	for _, prefix := range slices.Sorted(maps.Keys(used)) {
		if shown[prefix] == used[prefix] {
			continue
		}
		next[prefix] = used[prefix]
		if prefix == "" {
			fmt.Fprintf(out, ` xmlns="%s"`, canonicalAttribute(used[prefix]))
		} else {
			fmt.Fprintf(out, ` xmlns:%s="%s"`, prefix, canonicalAttribute(used[prefix]))
		}
	}
	attributes := slices.SortedFunc(slices.Values(e.attributes), func(a, b xmlAttribute) int {
		return cmp.Or(strings.Compare(a.name.space, b.name.space), strings.Compare(a.name.local, b.name.local))
	})
	for _, a := range attributes {
		fmt.Fprintf(out, ` %s="%s"`, qualified(a.name), canonicalAttribute(a.value))
	}
	out.WriteString(">")
	return next
}

func canonicalText(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;").Replace(text)
}

func canonicalAttribute(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;").Replace(text)
}
