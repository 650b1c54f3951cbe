package dasserver

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

func sender(kind identity.Kind, id string) *identity.Association {
	return &identity.Association{Kind: kind, IDs: []onem2m.ID{onem2m.ID(id)}}
}

func TestTurns_A191_WhoFloodsWaitsBehindItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := newTurns()
		ctx, cancel := context.WithCancel(t.Context())
		hostile, other := sender(identity.KindAE, "//m2m.example/id-in/CBad"), sender(identity.KindAE, "//m2m.example/id-in/CGood")
		var group sync.WaitGroup
		refused, worked := make(chan error, 100), make(chan struct{}, 100)
		for range 100 {
			group.Go(func() {
				leave, err := all.enter(ctx, hostile)
				if err != nil {
					refused <- err
					return
				}
				worked <- struct{}{}
				time.Sleep(time.Hour)
				leave()
			})
		}
		synctest.Wait()
		if len(worked) != workingAE || len(refused) != 100-waitingAE {
			t.Errorf("%d are worked on, %d refused", len(worked), len(refused))
		}
		if leave, err := all.enter(t.Context(), other); err != nil {
			t.Errorf("somebody else isn't let in: %v", err)
		} else {
			leave()
		}
		time.Sleep(time.Hour + time.Second)
		if len(worked) != 2*workingAE {
			t.Errorf("%d have been worked on after an hour", len(worked))
		}
		cancel()
		group.Wait()
		if len(all.of) != 0 {
			t.Errorf("%d senders are remembered", len(all.of))
		}
	})
}

func TestTurns_ASenderIsWhatItHasProven(t *testing.T) {
	t.Parallel()
	if _, working, _ := senderOf(sender(identity.KindCSE, "//m2m.example/id-in")); working != workingCSE {
		t.Errorf("a CSE: %d", working)
	}
	one, _, _ := senderOf(&identity.Association{CredentialID: "10-a"})
	two, _, _ := senderOf(&identity.Association{CredentialID: "10-b"})
	if one == two {
		t.Error("two credentials are one sender")
	}
	if who, _, _ := senderOf(nil); who != "" {
		t.Errorf("nobody is %q", who)
	}
}

// TestTurns_NobodyStaysBehind lets senders come and go at random.
func TestTurns_NobodyStaysBehind(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		all := newTurns()
		var leaves []func()
		counts := map[string]int{}
		names := []string{"//m2m.example/id-in/CA", "//m2m.example/id-in/CB", "//m2m.example/id-in/CC"}
		over, cancel := context.WithCancel(context.Background())
		cancel()
		for range rapid.IntRange(0, 40).Draw(rt, "steps") {
			name := rapid.SampledFrom(names).Draw(rt, "who")
			if rapid.Bool().Draw(rt, "leave") && len(leaves) > 0 {
				leaves[0]()
				leaves = leaves[1:]
				continue
			}
			ctx := context.Background()
			if counts[name] >= workingAE {
				ctx = over
			}
			leave, err := all.enter(ctx, sender(identity.KindAE, name))
			if err != nil {
				if counts[name] < workingAE {
					rt.Fatalf("%s with %d is refused: %v", name, counts[name], err)
				}
				continue
			}
			counts[name]++
			leaves = append(leaves, func() { leave(); counts[name]-- })
		}
		for _, leave := range leaves {
			leave()
		}
		if len(all.of) != 0 {
			rt.Fatalf("%d senders are remembered", len(all.of))
		}
	})
}
