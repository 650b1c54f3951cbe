package dasserver_test

import (
	"context"
	"testing"
	"time"

	"bulwark/client"
	"bulwark/internal/dynauth/das"
	"bulwark/internal/pki"
	"bulwark/test/harness"
)

// TestServer_ACSEThatWaitsHearsOfARevocationAtOnce: the list is asked for once more
// with its tag, and the answer comes with the change.
func TestServer_ACSEThatWaitsHearsOfARevocationAtOnce(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	notify(t, w.cse("/id-in"), ask(nil))
	d, err := client.NewDAS(w.options(pki.CSE, "/id-in"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	before, err := d.Revoked(t.Context(), "")
	if err != nil || before.Tag == "" || len(before.Tokens) != 0 {
		t.Fatalf("%+v, %v", before, err)
	}
	type outcome struct {
		list *client.RevokedTokens
		err  error
	}
	heard := make(chan outcome, 1)
	go func() {
		list, err := d.Revoked(context.WithoutCancel(t.Context()), before.Tag)
		heard <- outcome{list, err}
	}()
	select {
	case o := <-heard:
		t.Fatalf("answered without a change: %+v, %v", o.list, o.err)
	case <-time.After(300 * time.Millisecond):
	}
	if _, err := w.s.Authority().Revoke(t.Context(), das.Filter{Holder: visitor}, "lost"); err != nil {
		t.Fatal(err)
	}
	select {
	case o := <-heard:
		if o.err != nil || len(o.list.Tokens) != 1 || o.list.Tokens[0].Originator != visitor || o.list.Tokens[0].Target != lamp || o.list.Tokens[0].Because != "lost" || o.list.Tag == before.Tag {
			t.Errorf("%+v, %v", o.list, o.err)
		}
	case <-time.After(time.Minute):
		t.Error("not heard of within a minute")
	}
}

func TestServer_WhoWaitsDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	d, err := client.NewDAS(w.options(pki.CSE, "/id-in"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	list, err := d.Revoked(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = d.Revoked(context.WithoutCancel(t.Context()), list.Tag)
	}()
	time.Sleep(100 * time.Millisecond)
	if took := harness.Took(w.stop); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
	<-ended
}
