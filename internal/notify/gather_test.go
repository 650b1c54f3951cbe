package notify

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// gatheringDirectory knows one group, which gathers for some targets.
type gatheringDirectory struct {
	fakeDirectory
	known Gathering
	gone  bool
}

func (d *gatheringDirectory) Gathering(_ store.Reader, _, _ string) (Gathering, error) {
	if d.gone {
		return Gathering{}, onem2m.Errorf(onem2m.NotFound, "", "no such group")
	}
	return d.known, nil
}

const (
	gatherAt = "/id-in/grp1/nfu-1"
	noticeA  = `{"m2m:sgn":{"nev":{"rep":{"n":8}},"sur":"/id-far/s1"}}`
)

// gathering is a bench with a group and two subscriptions that notify it.
func gathering(t *testing.T, nar string, targets ...string) (*bench, *gatheringDirectory) {
	t.Helper()
	g, err := ReadBatch([]byte(nar), "nar")
	if err != nil {
		t.Fatal(err)
	}
	g.Targets = targets
	d := &gatheringDirectory{known: g}
	b := newBench(t, func(o *Options) { o.Directory = d })
	b.subscribe("sub1", `"nu":["`+gatherAt+`"],"nct":2,"nfu":"`+urlA+`"`)
	return b, d
}

func TestGather_C356_ByNumberOrDuration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, nar string
		do        func(b *bench)
		want      string
	}{
		{"C-356 when there are enough", `{"num":2}`, func(b *bench) { b.touch(1); b.touch(2); b.touch(3) }, "[1+2]"},
		{"C-356 when the first has waited long enough", `{"num":9,"dur":"PT10S"}`, func(b *bench) { b.at(1, 6*time.Second); b.at(2, 5*time.Second) }, "[1+2]"},
		{"C-356 in the default duration", `{"num":9}`, func(b *bench) { b.at(1, 50*time.Second); b.at(2, 11*time.Second) }, "[1+2]"},
		{"C-356 a new one begins after it", `{"num":1}`, func(b *bench) { b.touch(1); b.touch(2) }, "[1] [2]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, _ := gathering(t, tt.nar, urlA)
				stop := b.run(b.engine)
				tt.do(b)
				synctest.Wait()
				stop()
				if got := numbers(b.sender.seen(), urlA); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestGather_C356_SurvivesACrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, d := gathering(t, `{"num":2}`, urlA, urlB)
		stop := b.run(b.engine)
		b.touch(1)
		synctest.Wait()
		stop()
		b.sender = &fakeSender{answer: hang}
		b.engine = b.newEngine(b.store, b.sender, func(o *Options) {
			o.Directory, o.Random = d, rand.NewChaCha8([32]byte{2})
		})
		stop = b.run(b.engine)
		synctest.Wait()
		b.touch(2)
		synctest.Wait()
		stop() // while the aggregated one is under way
		first := b.sender.seen()
		b.sender = &fakeSender{}
		b.engine = b.newEngine(b.store, b.sender, func(o *Options) { o.Directory = d })
		stop = b.run(b.engine)
		synctest.Wait()
		stop()
		for _, url := range []string{urlA, urlB} {
			if got := numbers(b.sender.seen(), url); got != "[1+2]" {
				t.Errorf("%s got %q", url, got)
			}
		}
		ids := map[string]string{}
		for _, c := range first {
			ids[c.url] = c.request.RequestID
		}
		for _, c := range b.sender.seen() {
			if ids[c.url] != c.request.RequestID {
				t.Error("the repetition has another request identifier")
			}
		}
		if n := len(b.queued()); n != 0 {
			t.Errorf("%d entries are left", n)
		}
	})
}

func TestGather_C357_AGroupThatIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, d := gathering(t, `{"num":9,"dur":"PT10S"}`, urlA)
		stop := b.run(b.engine)
		b.touch(1)
		d.gone = true
		b.touch(2)
		time.Sleep(11 * time.Second)
		stop()
		if got := numbers(b.sender.seen(), urlA); got != "[1]" {
			t.Errorf("got %q", got)
		}
		if got := b.kinds(); got[Refused] != 1 || got[Delivered] != 1 {
			t.Errorf("outcomes %v", got)
		}
	})
}

func TestGather_C356_TheAnswerIsPassedOn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer onem2m.StatusCode
	}{
		{"C-356 a success", onem2m.OK},
		{"C-356 a refusal", onem2m.OriginatorHasNoPrivilege},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, _ := gathering(t, `{"num":3}`, urlA)
				b.sender.answer = code(tt.answer)
				stop := b.run(b.engine)
				answers := make(chan onem2m.StatusCode, 3)
				ask := func(rqi string) {
					got, err := b.engine.Gather(context.Background(), gatherAt, rqi, []byte(noticeA), 0)
					if err != nil {
						t.Error(err)
					}
					answers <- got
				}
				go ask("r1")
				synctest.Wait()
				go ask("r1") // again: counts once
				go ask("r2")
				synctest.Wait()
				if n := len(b.queued()); n != 2 {
					t.Errorf("%d entries", n)
				}
				b.touch(1)
				for range 3 {
					if got := <-answers; got != tt.answer {
						t.Errorf("got %d", got)
					}
				}
				stop()
				if got := numbers(b.sender.seen(), urlA); tt.answer == onem2m.OK && got != "[8+8+1]" {
					t.Errorf("sent %q", got)
				}
			})
		})
	}
}

func TestGather_C356_TheLatestTimeOfAMember(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := gathering(t, `{"num":9}`, urlA)
		stop := b.run(b.engine)
		b.touch(1)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		start := time.Now()
		got, err := b.engine.Gather(ctx, gatherAt, "r1", []byte(noticeA), onem2m.TimestampOf(start.Add(5*time.Second)))
		if got != onem2m.OK || err != nil || time.Since(start) > 6*time.Second {
			t.Errorf("got %d, %v after %s", got, err, time.Since(start))
		}
		ctx, cancel = context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := b.engine.Gather(ctx, gatherAt, "r2", []byte(noticeA), 0); err == nil {
			t.Error("an answer to what hasn't been sent")
		}
		stop()
		if len(b.engine.replies.waiting) != 0 || b.engine.replies.count != 0 {
			t.Error("somebody waits still")
		}
	})
}
