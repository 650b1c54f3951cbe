package federation

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/onem2m"
)

// polling runs a registration with a poller until stop is called, which returns
// how long the end took.
func polling(t *testing.T, far *registrar, handle Handler) (stop func() time.Duration) {
	t.Helper()
	r := far.registree()
	p := NewPoller(r, far, handle, slog.New(slog.DiscardHandler))
	r.o.Joined = func(bool) { p.Changed() }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	go func() { p.Run(ctx); done <- struct{}{} }()
	go func() { r.Run(ctx); done <- struct{}{} }()
	return func() time.Duration {
		begun := time.Now()
		cancel()
		<-done
		<-done
		return time.Since(begun)
	}
}

func (r *registrar) post(rqi string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, &onem2m.Request{Operation: onem2m.Retrieve, To: "cse-mn", From: "/id-in/Cx", HasFrom: true, RequestID: rqi})
}

func TestPoller_C078_WhatOnlyWaitsStopsNobody(t *testing.T) {
	t.Parallel()
	for _, waits := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			far := newRegistrar(t)
			stop := polling(t, far, func(ctx context.Context, give func() func(), req *onem2m.Request) *onem2m.Response {
				if strings.HasPrefix(req.RequestID, "long") {
					if waits {
						defer give()()
						defer give()()
					}
					<-ctx.Done()
				}
				return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID}
			})
			for i := range 2 * maxPolled {
				far.post(fmt.Sprint("long", i))
			}
			far.post("short")
			time.Sleep(serveTime / 2)
			synctest.Wait()
			answered := func() bool {
				far.mu.Lock()
				defer far.mu.Unlock()
				return strings.Contains(strings.Join(far.answers, " "), `"rqi":"short"`)
			}
			if answered() != waits {
				t.Errorf("waiting %v: answered %v", waits, answered())
			}
			time.Sleep(3 * serveTime)
			synctest.Wait()
			if !answered() {
				t.Error("not answered when the others were broken off")
			}
			stop()
		})
	}
}

func TestPoller_C078_EndsThoughARequestDoesNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := newRegistrar(t)
		stop := polling(t, far, func(ctx context.Context, _ func() func(), req *onem2m.Request) *onem2m.Response {
			<-ctx.Done()
			return &onem2m.Response{Code: onem2m.RequestTimeout, RequestID: req.RequestID}
		})
		time.Sleep(time.Minute)
		far.post("long")
		time.Sleep(5 * time.Second)
		if took := stop(); took > drainTime+time.Second {
			t.Errorf("it takes %v to end", took)
		}
		if len(far.answers) != 1 {
			t.Errorf("answered %v", far.answers)
		}
	})
}

func TestPoller_C078_AnAnswerIsHandedOverWhenTheRegistrarIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := newRegistrar(t)
		away := func(on bool) {
			far.mu.Lock()
			defer far.mu.Unlock()
			far.away = on
		}
		stop := polling(t, far, func(_ context.Context, _ func() func(), req *onem2m.Request) *onem2m.Response {
			away(true)
			return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID}
		})
		far.post("one")
		time.Sleep(10 * time.Second)
		away(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		far.mu.Lock()
		if len(far.answers) != 1 || !strings.Contains(far.answers[0], `"rqi":"one"`) {
			t.Errorf("answered %v", far.answers)
		}
		far.mu.Unlock()
		stop()
	})
}
