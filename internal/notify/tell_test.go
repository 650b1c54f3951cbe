package notify

import (
	"testing"
	"testing/synctest"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func TestTell_C183_AResultIsDeliveredLikeANotification(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.directory["Capp01"] = Reach{ID: "//m2m.example/id-in/Capp01", Points: []string{urlA}, Release: "2a"}
		b.update(func(tx store.Tx) error { return b.engine.Tell(tx, "Capp01", []byte(`{"rsc":2000,"rqi":"r1"}`), 0) })
		b.update(func(tx store.Tx) error { return b.engine.Tell(tx, urlB, []byte(`{"rsc":4004,"rqi":"r2"}`), 0) })
		// The results are in the outbox: an engine that begins later delivers them.
		e := b.newEngine(b.store, b.sender, nil)
		defer b.run(e)()
		synctest.Wait()
		got := map[string]string{}
		for _, c := range b.sender.seen() {
			got[c.url] = c.content
			if c.request.From != "/id-in" || c.request.Operation != onem2m.Notify || c.request.RequestID == "" {
				t.Errorf("got %+v", c.request)
			}
		}
		if got[urlA] != `{"m2m:rsp":{"rsc":2000,"rqi":"r1"}}` || got[urlB] != `{"m2m:rsp":{"rsc":4004,"rqi":"r2"}}` {
			t.Errorf("got %v", got)
		}
		time.Sleep(time.Second)
		if left := b.queued(); len(left) != 0 {
			t.Errorf("%d are left in the outbox", len(left))
		}
	})
}

func TestTell_C184_AResultIsOfUseUntilItExpires(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		repair time.Duration // when the target can be reached
		lasts  time.Duration
		calls  int
	}{
		{"C-184 in time", 20 * time.Second, time.Minute, 1},
		{"C-184 too late", time.Minute, 30 * time.Second, 0},
		{"C-184 too late from the beginning", 0, -time.Second, 0},
		{"C-184 never longer than a notification", 2 * time.Hour, 4 * time.Hour, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				defer b.run(b.engine)()
				reach := Reach{ID: "//m2m.example/id-in/Capp01", Points: []string{urlA}}
				if tt.repair == 0 {
					b.directory["Capp01"] = reach
				}
				until := onem2m.TimestampOf(time.Now().Add(tt.lasts))
				b.update(func(tx store.Tx) error {
					return b.engine.Tell(tx, "Capp01", []byte(`{"rsc":2000,"rqi":"r1"}`), until)
				})
				time.Sleep(tt.repair)
				synctest.Wait()
				b.directory["Capp01"] = reach
				b.engine.Hasten("Cother1") // takes the lock that the workers take: they see the directory
				time.Sleep(time.Hour)
				synctest.Wait()
				if n := len(b.sender.seen()); n != tt.calls {
					t.Errorf("%d calls", n)
				}
				if left := b.queued(); len(left) != 0 {
					t.Errorf("%d are left in the outbox", len(left))
				}
			})
		})
	}
}

func TestHasten_LetsATargetThatListensGoOnAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		defer b.run(b.engine)()
		b.update(func(tx store.Tx) error { return b.engine.Tell(tx, "Capp01", []byte(`{"rsc":2000,"rqi":"r1"}`), 0) })
		time.Sleep(10 * time.Minute) // nobody is there; the pause has become long
		synctest.Wait()
		b.directory["Capp01"] = Reach{ID: "//m2m.example/id-in/Capp01", Points: []string{urlA}}
		b.engine.Hasten("Cother1", "Capp01")
		synctest.Wait()
		if calls := b.sender.seen(); len(calls) != 1 {
			t.Errorf("%d calls, want it delivered at once", len(calls))
		}
	})
}

func TestVerify_C310_ATargetThatAgreesGetsWhatRestsForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		defer b.run(b.engine)()
		b.update(func(tx store.Tx) error { return b.engine.Tell(tx, "Crecv01", []byte(`{"rsc":2000,"rqi":"r1"}`), 0) })
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		b.directory["Crecv01"] = Reach{ID: receiver, Points: []string{urlA}}
		if err := b.engine.Verify(t.Context(), "sub9", maker, maker, []string{"Crecv01"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if calls := b.sender.seen(); len(calls) != 2 {
			t.Errorf("%d calls, want the verification and what rested", len(calls))
		}
	})
}

func TestCheckTarget_RefusesWhatCanNotBeNotified(t *testing.T) {
	t.Parallel()
	for nu, good := range map[string]bool{"Capp01": true, "http://192.0.2.9/a": true, "pcu:x": false, "pcu://x": false, "mcc://x": false, "CRS://x": false, "a//b": false} {
		if err := CheckTarget(nu); (err == nil) != good {
			t.Errorf("%s: %v", nu, err)
		}
	}
}
