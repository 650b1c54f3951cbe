package contact

import "testing"

func TestBook_CountsTheNamesOfSomeCSEs(t *testing.T) {
	t.Parallel()
	var b Book
	if _, ok := b.Find("/a"); ok || b.Names(func(string) bool { return true }) != 0 {
		t.Error("there is something in an empty book")
	}
	b.Keep("/a", Entry{Record: 1, Names: 3})
	b.Keep("/b", Entry{Record: 2, Names: 5})
	b.Keep("/a", Entry{Record: 1, Names: 4})
	if n := b.Names(func(string) bool { return true }); n != 9 {
		t.Errorf("%d names", n)
	}
	if n := b.Names(func(cse string) bool { return cse == "/b" }); n != 5 {
		t.Errorf("%d names of one", n)
	}
	b.Drop("/a")
	if _, ok := b.Find("/a"); ok {
		t.Error("what was dropped is found")
	}
	b.Renew(map[string]Entry{"/c": {Record: 3, Names: 1}})
	if e, ok := b.Find("/c"); !ok || e.Record != 3 || b.Names(func(string) bool { return true }) != 1 {
		t.Errorf("renewed: %v %v", e, ok)
	}
}
