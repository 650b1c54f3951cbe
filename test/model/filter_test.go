package model

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
)

// condition is one tag of a filter: its query, and whether it holds.
type condition struct {
	query string
	holds func(*item) bool
}

// filter is a random filter with its page.
type filter struct {
	conditions []condition
	or         bool
	level      int // 0 for all
	offset     int // 1 is the first
	limit      int // -1 for none
}

func labels() []string {
	return []string{"red", "green", "blue:1", "a b", "50%", "grün", "x'--", `q"q`}
}

// tags are the conditions that a filter may have.
func tags(r *rand.Rand, moments []string) []condition {
	number := func(n int) int { return r.IntN(n) }
	label, other := labels()[number(len(labels()))], labels()[number(len(labels()))]
	tag, size := 1+number(6), 1+number(20)
	list := []condition{
		{"lbl=" + url.PathEscape(label), func(i *item) bool { return slices.Contains(i.labels, label) }},
		{
			"lbl=" + strings.ReplaceAll(url.QueryEscape(label), "+", "%20") + "+" + strings.ReplaceAll(url.QueryEscape(other), "+", "%20"),
			func(i *item) bool { return slices.Contains(i.labels, label) || slices.Contains(i.labels, other) },
		},
		{"ty=3", func(i *item) bool { return i.ty == 3 }},
		{"ty=4", func(i *item) bool { return i.ty == 4 }},
		{"ty=4&ty=3", func(i *item) bool { return i.ty == 3 || i.ty == 4 }},
		{"ty=23", func(*item) bool { return false }},
		{fmt.Sprintf("sts=%d", tag), func(i *item) bool { return i.tag < tag }},
		{fmt.Sprintf("stb=%d", tag), func(i *item) bool { return i.tag >= tag }},
		{fmt.Sprintf("sza=%d", size), func(i *item) bool { return i.ty == 4 && len(i.con) >= size }},
		{fmt.Sprintf("szb=%d", size), func(i *item) bool { return i.ty == 4 && len(i.con) < size }},
		{fmt.Sprintf("clbl=%s", url.PathEscape(label)), func(i *item) bool {
			return slices.ContainsFunc(i.children, func(c *item) bool { return slices.Contains(c.labels, label) })
		}},
		{"pty=3", func(i *item) bool { return i.parent.ty == 3 }},
		{"chty=4", func(i *item) bool { return len(i.instances()) > 0 }},
	}
	if len(moments) > 0 {
		at := moments[number(len(moments))]
		list = append(list,
			condition{"cra=" + url.QueryEscape(at), func(i *item) bool { return i.created >= at }},
			condition{"crb=" + url.QueryEscape(at), func(i *item) bool { return i.created < at }})
	}
	return list
}

func newFilter(r *rand.Rand, moments []string) filter {
	f := filter{limit: -1, offset: 1, or: r.IntN(3) == 0}
	used := map[string]bool{}
	for range r.IntN(4) {
		list := tags(r, moments)
		c := list[r.IntN(len(list))]
		name, _, _ := strings.Cut(c.query, "=")
		if !used[name] { // two values of one tag are alternatives, which is a condition of its own
			used[name] = true
			f.conditions = append(f.conditions, c)
		}
	}
	if r.IntN(3) == 0 {
		f.level = 1 + r.IntN(4)
	}
	if r.IntN(3) == 0 {
		f.limit = r.IntN(8)
	}
	if r.IntN(4) == 0 {
		f.offset = 1 + r.IntN(10)
	}
	return f
}

func (f filter) query() string {
	q := "fu=1"
	for _, c := range f.conditions {
		q += "&" + c.query
	}
	if f.or {
		q += "&fo=2"
	}
	if f.level > 0 {
		q += fmt.Sprintf("&lvl=%d", f.level)
	}
	if f.limit >= 0 {
		q += fmt.Sprintf("&lim=%d", f.limit)
	}
	if f.offset > 1 {
		q += fmt.Sprintf("&ofst=%d", f.offset)
	}
	return q
}

func (f filter) matches(i *item) bool {
	if len(f.conditions) == 0 {
		return true
	}
	for _, c := range f.conditions {
		if c.holds(i) == f.or {
			return f.or
		}
	}
	return !f.or
}

// page returns the addresses that the filter finds below top, and where the
// next page begins, 0 for nowhere.
func (f filter) page(top *item) (list []string, next int) {
	list = []string{}
	position := 0
	top.walk(1, func(i *item, level int) {
		if f.level > 0 && level > f.level || !f.matches(i) {
			return
		}
		position++
		switch {
		case position < f.offset:
		case f.limit >= 0 && position >= f.offset+f.limit:
			if next == 0 {
				next = position
			}
		default:
			list = append(list, i.address)
		}
	})
	return list, next
}
