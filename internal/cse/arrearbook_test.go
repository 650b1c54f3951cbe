package cse

import (
	"errors"
	"fmt"
	"testing"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// inTx runs steps in one transaction that is kept.
func (w *world) inTx(steps func(tx store.Tx) error) {
	w.t.Helper()
	if err := w.c.Store.Update(w.t.Context(), steps); err != nil {
		w.t.Fatal(err)
	}
}

func TestArrears_OneThatIsNotPaidLeavesRoomForAllThatAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inTx(func(tx store.Tx) error {
		if _, err := w.c.keepArrear(tx, arrear{Copy: "/id-away/x"}); err != nil {
			return err
		}
		for i := range maxArrears + 10 {
			number, err := w.c.keepArrear(tx, arrear{Copy: "/id-near/y"})
			if err != nil {
				return fmt.Errorf("debt %d: %w", i, err)
			}
			if err := w.c.forgive(tx, []int64{number}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := w.c.loadArrears(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.c.arrears.open); n != 1 {
		t.Errorf("%d debts are left", n)
	}
}

func TestArrears_OneCSELeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inTx(func(tx store.Tx) error {
		var err error
		for i := range maxArrears {
			if _, err = w.c.keepArrear(tx, arrear{Copy: fmt.Sprintf("/id-silent/x%d", i)}); err != nil {
				break
			}
		}
		if !errors.Is(err, errTooManyArrears) {
			t.Errorf("one CSE has got all: %v", err)
		}
		_, err = w.c.keepArrear(tx, arrear{Copy: "/id-near/y"})
		return err
	})
}

func TestArrears_OneEntityLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const flood, other = onem2m.ID("//m2m.example/id-in/Cflood"), onem2m.ID("//m2m.example/id-in/Cother")
	w.inTx(func(tx store.Tx) error {
		var numbers []int64
		for i := range maxArrearsOne {
			number, err := w.c.keepArrear(tx, arrear{Copy: fmt.Sprintf("/id-away/x%d", i), Of: flood})
			if err != nil {
				return err
			}
			numbers = append(numbers, number)
		}
		if _, err := w.c.keepArrear(tx, arrear{Copy: "/id-near/x", Of: flood}); !errors.Is(err, errTooManyArrears) {
			t.Errorf("one more: %v", err)
		}
		if _, err := w.c.keepArrear(tx, arrear{Copy: "/id-away/y", Of: other}); err != nil {
			return err
		}
		if err := w.c.forgive(tx, numbers[:1]); err != nil {
			return err
		}
		_, err := w.c.keepArrear(tx, arrear{Copy: "/id-near/x", Of: flood})
		return err
	})
}

func TestArrears_OfAnEarlierVersionAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inTx(func(tx store.Tx) error {
		if err := tx.SetSetting(arrearBookName, []byte(`{"first":3,"next":6}`)); err != nil {
			return err
		}
		for _, number := range []int64{3, 5} {
			if err := saveState(tx, arrearName(number), &arrear{Copy: "/id-away/x"}); err != nil {
				return err
			}
		}
		number, err := w.c.keepArrear(tx, arrear{Copy: "/id-away/y"})
		if err != nil {
			return err
		}
		book, err := w.c.loadBook(tx)
		if err == nil && (number != 6 || book.Each["//m2m.example/id-away"] != 3) {
			t.Errorf("number %d, book %+v", number, book)
		}
		return err
	})
}

func TestAnnounce_C395_WhatACopyIsOwedDoesNotGrow(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	_, address := p.announced("C2", "cse-mn", "Clamp", lamp)
	p.away.Store(true)
	for i := range 20 {
		p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: fmt.Sprintf(`{"m2m:ae":{"lbl":["%d"]}}`, i)})
	}
	p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"apn":"z"}}`})
	kept := func() (n int) {
		p.mn.inTx(func(tx store.Tx) error {
			all, err := keptArrears(tx)
			n = len(all)
			return err
		})
		return n
	}
	if n := kept(); n != 1 {
		t.Errorf("%d debts to one copy", n)
	}
	p.mn.c.arrears.init() // as after a restart
	if err := p.mn.c.loadArrears(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.away.Store(false)
	p.mn.c.payOwn(t.Context(), allOwed)
	if got := p.copied(address, "lbl", "apn"); got != `{"lbl":["19"],"apn":"z"}` || kept() != 0 {
		t.Errorf("afterwards the copy is %s, and %d debts are left", got, kept())
	}
}

// Who announces to CSEs that aren't there owes them nothing: no way leads to them, so
// that nothing can have been made. Else a few entities could fill the book, and what
// others have announced would be told of no change any more.
func TestArrears_C126_NothingIsOwedWhereNoWayLeadsTo(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(p *pair) *world{
		"of this CSE":      func(p *pair) *world { return p.in },
		"of its registrar": func(p *pair) *world { return p.mn },
	} {
		t.Run("C-126 "+name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			w := at(p)
			home := w.c.Home.Name
			w.must(onem2m.Created, ask{op: "C2", to: home, from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"Ntest","rr":false,"srv":["3"]}}`})
			w.must(onem2m.Updated, ask{op: "U", to: home + "/app", from: "Capp01", body: `{"m2m:ae":{"at":["/id-none1/base/x","/id-none2/base/x","//none.example/id-in/base/x"]}}`})
			owed := 0
			err := w.c.Store.Read(t.Context(), func(r store.Reader) error {
				all, err := keptArrears(r)
				owed = len(all)
				return err
			})
			if err != nil || owed != 0 || len(w.c.arrears.open) != 0 {
				t.Errorf("%d are owed: %v", owed, err)
			}
		})
	}
}
