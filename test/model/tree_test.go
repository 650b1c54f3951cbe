package model

import (
	"slices"
)

// item is a resource of the model: a container, an instance, or the <AE> at the
// top.
type item struct {
	ty       int
	rn       string
	address  string
	parent   *item
	children []*item // in the order of their creation
	labels   []string
	created  string
	tag      int // stateTag

	number, octets int // maxNrOfInstances and maxByteSize, -1 for none
	con            string
}

// instances are the content instances, oldest first.
func (i *item) instances() []*item {
	var list []*item
	for _, c := range i.children {
		if c.ty == 4 {
			list = append(list, c)
		}
	}
	return list
}

// bytes is currentByteSize.
func (i *item) bytes() (n int) {
	for _, c := range i.instances() {
		n += len(c.con)
	}
	return n
}

func (i *item) child(rn string) *item {
	for _, c := range i.children {
		if c.rn == rn {
			return c
		}
	}
	return nil
}

func (i *item) remove() {
	i.parent.children = slices.DeleteFunc(i.parent.children, func(c *item) bool { return c == i })
}

// evict drops the oldest instances until the bounds hold.
func (i *item) evict() {
	for {
		list := i.instances()
		if len(list) == 0 || (i.number < 0 || len(list) <= i.number) && (i.octets < 0 || i.bytes() <= i.octets) {
			return
		}
		list[0].remove()
	}
}

// walk visits everything below i, parents before children, with its level.
func (i *item) walk(level int, visit func(*item, int)) {
	for _, c := range i.children {
		visit(c, level)
		c.walk(level+1, visit)
	}
}

// all returns everything of a type below i.
func (i *item) all(ty int) []*item {
	var list []*item
	i.walk(1, func(c *item, _ int) {
		if c.ty == ty {
			list = append(list, c)
		}
	})
	return list
}
