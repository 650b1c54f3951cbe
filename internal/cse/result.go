package cse

import (
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func splitPath(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

// references collects addresses in the form the originator asked for (drt).
type references struct {
	unstructured bool
	prefix       string // "/cse/" for an originator elsewhere, who needs SP-relative addresses (C-020)
	list         []reference
}

type reference struct {
	rec     *store.Record
	address string
}

func newReferences(k *call) *references {
	l := &references{unstructured: k.req.DesiredIDType != nil && *k.req.DesiredIDType == 2}
	l.prefix = k.across()
	return l
}

func (l *references) add(rec *store.Record, address string) {
	if l.unstructured {
		address = rec.RI
	}
	l.list = append(l.list, reference{rec: rec, address: l.prefix + address})
}

// addFar adds a resource of another CSE, of which only the address is known.
func (l *references) addFar(address string) {
	name := address[strings.LastIndexByte(address, '/')+1:]
	l.list = append(l.list, reference{rec: &store.Record{RN: name}, address: address})
}

// addresses makes {"m2m:uril":[…]}: an array also for one hit or none.
func (l *references) addresses() *onem2m.Content {
	texts := make([]string, 0, len(l.list))
	for i := range l.list {
		texts = append(texts, l.list[i].address)
	}
	return &onem2m.Content{Name: "m2m:uril", Value: onem2m.TextsValue(texts)}
}

// array makes the list of m2m:childResourceRef (C-137).
func (l *references) array() jsontext.Value {
	b := []byte{'['}
	for i, ref := range l.list {
		if i > 0 {
			b = append(b, ',')
		}
		o := onem2m.Object{
			{Name: "nm", Value: onem2m.TextValue(ref.rec.RN)},
			{Name: "typ", Value: onem2m.IntValue(int64(ref.rec.Type))},
			{Name: "val", Value: onem2m.TextValue(ref.address)},
		}
		if ref.rec.Type == 0 { // of another CSE, whose address says no more
			o.Delete("typ")
		}
		for _, name := range []string{"mgd", "cnd"} {
			if v := attributes(ref.rec).Get(name); v != nil {
				o.Set("spid", v)
			}
		}
		b = o.Append(b)
	}
	return append(b, ']')
}

// content makes {"m2m:rrl":{"rrf":[…]}}.
func (l *references) content() *onem2m.Content {
	o := onem2m.Object{{Name: "rrf", Value: l.array()}}
	return &onem2m.Content{Name: "m2m:rrl", Value: o.Append(nil)}
}

// children makes the results that hold children: rcn 4, 5, 6 and 8. Children
// that the originator may not RETRIEVE are left out with all below them (C-108).
func (k *call) children(ctx context.Context, r store.Reader, rec *store.Record, res *onem2m.Response) error {
	path, err := Structured(r, rec)
	if err != nil {
		return err
	}
	w, err := k.newWalk(r, onem2m.Retrieve, access.Retrieve)
	if err != nil {
		return err
	}
	w.prune = true
	var own onem2m.Object
	if k.rcn == 4 || k.rcn == 5 {
		k.show(rec)
		if own, err = k.shownObject(rec); err != nil {
			return err
		}
	}
	if k.rcn == 5 || k.rcn == 6 {
		list := newReferences(k)
		w.found = func(rec *store.Record, address string) error { list.add(rec, address); return nil }
		w.onward(r, access.Retrieve)
		if err := w.search(ctx, rec, path); err != nil {
			return err
		}
		w.status(res)
		if k.rcn == 6 {
			res.Content = list.content()
			return nil
		}
		own.Set("ch", list.array())
		res.Content = &onem2m.Content{Name: rec.Root, Value: own.Append(nil)}
		return nil
	}
	list, err := w.family(ctx, rec, path)
	if err != nil {
		return err
	}
	tree := nest{k: k, nodes: map[int64]*node{rec.ID: {attrs: own}}, r: r}
	for i := range list {
		k.show(list[i].rec)
		if err := tree.add(list[i].rec); err != nil {
			return err
		}
	}
	w.status(res)
	res.Content = &onem2m.Content{Name: rec.Root, Value: tree.nodes[rec.ID].append(nil)}
	return nil
}

// maxOctets is how large a result with children grows before it is cut, by what
// is stored of them: the number alone would allow for gigabytes.
const maxOctets = 16 << 20

// family finds the descendants that a result with children shows. Where it has
// to be cut, a direct child is there with all that is found below it or not at
// all (C-138); unless it is the first, which would come never then.
func (w *walk) family(ctx context.Context, rec *store.Record, path string) ([]reference, error) {
	var list []reference
	var branches []string // of the direct children that the list begins with, in parallel
	octets, counted, at := 0, 0, ""
	w.found = func(rec *store.Record, _ string) error {
		if octets += len(rec.Attributes); retrievalsCount(rec) {
			counted++
		}
		list, branches = append(list, reference{rec: rec}), append(branches, at)
		if octets > maxOctets || counted >= maxCounted {
			w.to = w.position // told as any other cut (C-139)
		}
		return nil
	}
	w.onward(w.r, access.Retrieve)
	onward := w.found
	w.found = func(rec *store.Record, address string) error {
		at = branchOf(path, address)
		return onward(rec, address)
	}
	if err := w.search(ctx, rec, path); err != nil || !w.more {
		return list, err
	}
	whole := slices.Index(branches, branchOf(path, w.stopped))
	if whole <= 0 {
		return list, nil
	}
	w.position -= len(list) - whole
	return list[:whole], nil
}

// branchOf names the direct child of the resource at path that an address leads
// to or through.
func branchOf(path, address string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(address, path+"/"), "/")
	return name
}

// nest puts resources below their parents. A match whose parent isn't part of
// the result stands below the nearest ancestor that is.
type nest struct {
	k     *call
	r     store.Reader
	nodes map[int64]*node
}

type node struct {
	attrs    onem2m.Object
	roots    []string // typed names of the child arrays, in order of appearance
	children map[string][]*node
}

func (t *nest) add(rec *store.Record) error {
	attrs, err := t.k.shownObject(rec)
	if err != nil {
		return err
	}
	n := &node{attrs: attrs}
	t.nodes[rec.ID] = n
	up := rec
	for {
		if parent := t.nodes[up.Parent]; parent != nil {
			parent.put(rec.Root, n)
			return nil
		}
		if up, err = t.r.ByID(up.Parent); err != nil {
			return missing(err)
		}
	}
}

func (n *node) put(root string, child *node) {
	if n.children == nil {
		n.children = make(map[string][]*node)
	}
	if n.children[root] == nil {
		n.roots = append(n.roots, root)
	}
	n.children[root] = append(n.children[root], child)
}

// append writes the node: attributes, then one array per child type (C-135).
func (n *node) append(b []byte) []byte {
	b = n.attrs.Append(b)
	for _, root := range n.roots {
		b = b[:len(b)-1]
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, root...)
		b = append(b, '"', ':', '[')
		for i, child := range n.children[root] {
			if i > 0 {
				b = append(b, ',')
			}
			b = child.append(b)
		}
		b = append(b, ']', '}')
	}
	return b
}
