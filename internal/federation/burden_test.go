package federation

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func TestCarry_C076_LargeRequestsAreBoundedByTheirOctets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var results []Result
		c := carrier(&sender{ways: map[string]func(context.Context) (*onem2m.Response, error){"silent": silent, "good": answering(2000)}}, &results)
		large := func(from string) *onem2m.Request {
			return &onem2m.Request{From: from, Content: &onem2m.Content{Value: make([]byte, 1<<20)}}
		}
		send := func(hop onem2m.ID, point string, peer onem2m.ID, req *onem2m.Request) onem2m.StatusCode {
			res, err := c.Carry(ctx, Hop{ID: hop, Points: []string{point}, Peer: peer}, req)
			if err != nil {
				return onem2m.AsError(err).Code
			}
			return res.Code
		}
		for hop := range 3 { // however many CSEs are silent
			for i := range 20 {
				go send(onem2m.ID(fmt.Sprint("//m2m.example/id-", hop)), "silent", "//m2m.example/id-flood", large(fmt.Sprint("/id-flood/C", i)))
			}
		}
		time.Sleep(time.Second)
		if got := c.Waiting(); got != maxBurdenEach>>20 {
			t.Errorf("%d wait", got)
		}
		want := []onem2m.StatusCode{5103, 2000, 2000, 2000}
		got := []onem2m.StatusCode{
			send("//m2m.example/id-9", "good", "//m2m.example/id-flood", large("/id-flood/Cx")),
			send("//m2m.example/id-9", "good", "//m2m.example/id-flood", &onem2m.Request{From: "/id-flood/Cx", Content: &onem2m.Content{Value: make([]byte, smallRequest)}}),
			send("//m2m.example/id-9", "good", "//m2m.example/id-other", large("/id-other/Cx")),
			send("//m2m.example/id-9", "good", "", large("Cx")),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		cancel()
		synctest.Wait()
		if c.burden.all != 0 || len(c.burden.each) != 0 {
			t.Errorf("left: %+v", c.burden)
		}
	})
}
