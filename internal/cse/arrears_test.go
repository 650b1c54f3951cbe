package cse

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/onem2m"
)

func TestArrears_OneCSEThatIsSlowKeepsNoOtherWaiting(t *testing.T) {
	t.Parallel()
	var d arrears
	d.init()
	slow, quick := onem2m.ID("//m2m.example/id-slow"), onem2m.ID("//m2m.example/id-quick")
	for i := range int64(3) {
		d.add(slow, i, arrear{Copy: fmt.Sprintf("/id-slow/x%d", i)})
	}
	d.add(quick, 9, arrear{Copy: "/id-quick/x"})
	hosts := map[onem2m.ID]int{}
	var first *arrear
	for {
		one, _ := d.take()
		if one == nil {
			break
		}
		if hosts[one.host]++; one.host == slow {
			first = one
		}
	}
	if hosts[slow] != 1 || hosts[quick] != 1 {
		t.Errorf("taken %v", hosts)
	}
	d.end(first, true, false)
	if one, _ := d.take(); one == nil || one.host != slow {
		t.Error("the next one isn't taken")
	}
}

func TestArrears_C395_ManyCSEsBehindOneThatIsSlowKeepNoOtherWaiting(t *testing.T) {
	t.Parallel()
	var d arrears
	d.init()
	d.via = func(host onem2m.ID) onem2m.ID {
		if strings.HasPrefix(string(host), "//m2m.example/id-slow") {
			return "//m2m.example/id-slow"
		}
		return host
	}
	for i := range int64(20) {
		d.add(onem2m.ID(fmt.Sprintf("//m2m.example/id-slow%d", i)), i, arrear{Copy: fmt.Sprintf("/id-slow%d/x", i)})
	}
	taken := 0
	for {
		one, _ := d.take()
		if one == nil {
			break
		}
		taken++
	}
	if taken == 0 || taken >= payers {
		t.Errorf("%d of %d payers wait for one hop", taken, payers)
	}
	d.add("//m2m.example/id-quick", 99, arrear{Copy: "/id-quick/x"})
	one, _ := d.take()
	if one == nil || one.host != "//m2m.example/id-quick" {
		t.Fatalf("taken then: %+v", one)
	}
	d.end(one, true, false)
	for _, have := range d.open {
		if have.busy != nil {
			d.end(have, true, false)
			break
		}
	}
	if one, _ = d.take(); one == nil {
		t.Error("behind the slow one nothing goes on")
	}
}

func TestArrears_ACSEThatIsAwayIsAskedOnceForAllItsCopies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d arrears
		d.init()
		away, near := onem2m.ID("//m2m.example/id-away"), onem2m.ID("//m2m.example/id-near")
		for i := range int64(50) {
			d.add(away, i, arrear{Copy: fmt.Sprintf("/id-away/x%d", i)})
		}
		asked := 0
		for end := time.Now().Add(time.Hour); time.Now().Before(end); {
			one, wait := d.take()
			if one == nil {
				time.Sleep(wait)
				continue
			}
			asked++
			d.end(one, false, true)
		}
		if asked < 10 || asked > 25 {
			t.Errorf("asked %d times in an hour", asked)
		}
		d.add(near, 99, arrear{Copy: "/id-near/x"})
		told := false
		for range 2 {
			one, _ := d.take()
			if one != nil {
				told = told || one.host == near
				d.end(one, one.host == near, one.host == away)
			}
		}
		if !told {
			t.Error("another CSE has to wait for it")
		}
		time.Sleep(maxPause)
		for paid := range 50 { // it is back
			one, _ := d.take()
			if one == nil {
				t.Fatalf("after %d nothing goes on", paid)
			}
			d.end(one, true, false)
		}
	})
}

func TestArrears_ARequestWaitsForWhatItHasCausedAlone(t *testing.T) {
	t.Parallel()
	var d arrears
	d.init()
	for i := range int64(4) {
		d.add("//m2m.example/id-x", i, arrear{Copy: fmt.Sprintf("/id-x/x%d", i)})
	}
	one, _ := d.takeFresh(arrearSpan{First: 2, Next: 3})
	if one == nil || one.Copy != "/id-x/x2" {
		t.Fatalf("taken %+v", one)
	}
	if again, busy := d.takeFresh(arrearSpan{First: 2, Next: 3}); again != nil || busy == nil {
		t.Error("it isn't waited for")
	}
	d.end(one, false, false)
	if again, busy := d.takeFresh(arrearSpan{First: 2, Next: 3}); again != nil || busy != nil {
		t.Error("it is waited for although it was tried")
	}
}
