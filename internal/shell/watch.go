package shell

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bulwark/client"
	"bulwark/onem2m"
)

// watch subscribes to a resource and prints what it tells until ctx ends.
func (s *shell) watch(ctx context.Context) (err error) {
	address := s.r.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	arrived := make(chan client.Notification)
	quit := make(chan struct{})
	listener, err := client.Listen(ctx, address, func(n client.Notification) error {
		select {
		case arrived <- n:
			return nil
		case <-quit:
			return onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody is watching any more")
		}
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, listener.Close()) }()
	defer close(quit)
	criteria := onem2m.Object{{Name: "net", Value: onem2m.IntsValue([]int64{1, 2, 3, 4})}}
	sub, err := s.client.Create(ctx, s.r.To, onem2m.TypeSubscription, onem2m.Object{
		{Name: "nu", Value: onem2m.TextsValue([]string{listener.URL})},
		{Name: "enc", Value: criteria.Append(nil)},
		{Name: "nct", Value: onem2m.IntValue(1)},
	})
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		var e *onem2m.Error
		if gone := s.client.Delete(stop, sub.ID()); gone != nil && (!errors.As(gone, &e) || e.Code != onem2m.NotFound) {
			err = errors.Join(err, fmt.Errorf("remove the subscription: %w", gone))
		}
	}()
	if s.r.Output != "json" {
		if _, err := fmt.Fprintf(s.out, "watching %s, notifications arrive at %s; Ctrl-C ends\n", s.r.To, listener.URL); err != nil {
			return err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case n := <-arrived:
			if err := s.event(n); err != nil {
				return err
			}
			if n.Deleted || n.Event == 2 {
				return nil
			}
		}
	}
}

// event prints one notification.
func (s *shell) event(n client.Notification) error {
	if s.r.Output != "json" {
		what := map[int64]string{1: "updated", 2: "deleted", 3: "child created", 4: "child deleted"}[n.Event]
		if n.Deleted {
			what = "the subscription is gone"
		}
		if _, err := fmt.Fprintf(s.out, "%s  %s\n", time.Now().Format(time.TimeOnly), what); err != nil {
			return err
		}
	}
	if n.Resource.Root == "" {
		return nil
	}
	return s.json(&onem2m.Content{Name: n.Resource.Root, Value: n.Resource.Append(nil)})
}
