package cse

import (
	"sync"
	"sync/atomic"
	"testing"

	"bulwark/internal/notify"
	"bulwark/onem2m"
)

func TestDeletionCount_C247_CountsRetrievalsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	put := func(name, dcnt string) ask {
		return ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"rn":"` + name + `","con":"\"dcnt\":","dcnt":` + dcnt + `}}`}
	}
	get := func(path string) ask { return ask{op: "R", to: "cse-in/app/" + path, from: "Capp01"} }
	w.follow(t, []step{
		{name: "C-247 is stored", ask: put("i1", "4"), code: 2001, show: map[string]string{"dcnt": "4"}},
		{name: "C-247 0 is no count", ask: put("i2", "0"), code: 4000},
		{name: "C-247 a retrieval shows what was before", ask: get("c1/i1"), code: 2000, show: map[string]string{"dcnt": "4"}},
		{name: "C-247 by latest", ask: get("c1/la"), code: 2000, show: map[string]string{"dcnt": "3"}},
		{name: "C-247 without privilege it isn't counted", ask: ask{op: "R", to: "cse-in/app/c1/i1", from: "Cother1"}, code: 4103},
		{name: "C-247 a discovery isn't counted", ask: get("c1?fu=1"), code: 2000},
		{name: "C-247 references aren't counted", ask: get("c1?rcn=6"), code: 2000},
		{name: "C-247 as a child it is", ask: get("c1?rcn=4"), code: 2000},
		{name: "C-247 in part too", ask: get("c1/i1?atrl=dcnt"), code: 2000, show: map[string]string{"dcnt": "1"}},
		{name: "C-247 then it is gone", ask: get("c1/i1"), code: 4004},
		{name: "C-247 and not counted by the container", ask: get("c1"), code: 2000, show: map[string]string{"cni": "0", "cbs": "0"}},
	})
	if last := w.events[len(w.events)-1]; last.Type != notify.ChildDeleted || last.Child.RN != "i1" {
		t.Errorf("C-247: told %+v", last)
	}
}

func TestDeletionCount_C247_NobodyGetsOneTooMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	const allowed, asked = 5, 16
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"rn":"i1","con":"x","dcnt":5}}`})
	var got atomic.Int32
	var group sync.WaitGroup
	for range asked {
		group.Go(func() {
			if w.do(ask{op: "R", to: "cse-in/app/c1/i1", from: "Capp01"}).Code == onem2m.OK {
				got.Add(1)
			}
		})
	}
	group.Wait()
	if got.Load() != allowed {
		t.Errorf("%d got it", got.Load())
	}
}
