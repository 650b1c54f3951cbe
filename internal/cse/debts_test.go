package cse

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func debtOf(who onem2m.ID, address string) debt {
	return debt{Address: address, Who: []byte(`{"id":"` + string(who) + `"}`)}
}

func TestDebts_OneOriginatorLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owe := func(one debt) error {
		return w.c.Store.Update(t.Context(), func(tx store.Tx) error { return w.c.addDebts(tx, []debt{one}) })
	}
	many := make([]debt, maxOwing)
	for i := range many {
		many[i] = debtOf("//m2m.example/id-in/Cflood", fmt.Sprintf("/id-away/x%d", i))
	}
	w.inTx(func(tx store.Tx) error { return w.c.addDebts(tx, many) })
	if err := owe(debtOf("//m2m.example/id-in/Cflood", "/id-away/one-more")); err == nil {
		t.Error("one originator is owed any number")
	}
	if err := owe(debtOf("//m2m.example/id-in/Cother", "/id-open/y")); err != nil {
		t.Error(err)
	}
	t.Run("a CSE that invents originators gets no more than it leaves free", func(t *testing.T) {
		bring := fmt.Sprintf(`,"kind":%d,"ids":["//m2m.example/id-mn"]}`, identity.KindCSE)
		var list []debt
		for i := range maxDebts {
			one := debtOf(onem2m.ID(fmt.Sprintf("//m2m.example/id-mn/C%d", i)), fmt.Sprintf("/id-away/z%d", i))
			one.Who = append(one.Who[:len(one.Who)-1], bring...)
			list = append(list, one)
		}
		if err := w.c.Store.Update(t.Context(), func(tx store.Tx) error { return w.c.addDebts(tx, list[:maxDebts*2/3]) }); err == nil {
			t.Error("it gets two thirds")
		}
	})
}

func TestDebts_ACSEThatDoesNotAnswerIsAskedOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := crossroads(t)
		var asked atomic.Int32
		var tried []string
		c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
			if strings.HasPrefix(req.To, "/id-open/") {
				asked.Add(1)
				tried = append(tried, req.To)
				<-ctx.Done()
				return nil, onem2m.Errorf(onem2m.RequestTimeout, "", "silence")
			}
			return &onem2m.Response{Code: onem2m.Deleted}, nil
		}
		var list []debt
		for i := range 20 {
			list = append(list, debtOf("//m2m.example/id-in/Clamp", fmt.Sprintf("/id-open/x%02d", i)))
		}
		w.inTx(func(tx store.Tx) error { return w.c.addDebts(tx, list) })
		for range 3 {
			if _, err := w.c.PayDebts(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.advance(debtPause + debtTime)
		}
		if n := asked.Load(); n != 3 || tried[0] == tried[1] || tried[1] == tried[2] {
			t.Errorf("it is asked %d times, for %v", n, tried)
		}
	})
}
