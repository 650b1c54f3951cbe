package federation

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"bulwark/onem2m"
)

// maxFarewells is how often a former registrar is told that this CSE has left;
// one that isn't reached then drops the registration when it expires.
const maxFarewells = 10

// Departure takes leave of a CSE that isn't the registrar any more: it deletes
// the own <remoteCSE> there (C-217).
type Departure struct {
	Home      onem2m.Home
	Registrar onem2m.ID
	Points    []string
	Sender    Sender
	Log       *slog.Logger
}

// Run tries until it succeeds, gives up, or ctx ends. It returns false in the
// last case: the next start tries again.
func (d *Departure) Run(ctx context.Context, requestID func() string) bool {
	for n := range maxFarewells {
		err := d.leave(ctx, requestID())
		if err == nil {
			d.Log.InfoContext(ctx, "de-registered", "registrar", d.Registrar)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		d.Log.WarnContext(ctx, "de-registration", "registrar", d.Registrar, "err", err)
		timer := time.NewTimer(firstPause << n)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
	return true
}

func (d *Departure) leave(ctx context.Context, rqi string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := fmt.Errorf("no point of access is known")
	for _, point := range d.Points {
		var res *onem2m.Response
		res, err = d.Sender.Send(ctx, point, d.Registrar, &onem2m.Request{
			Operation: onem2m.Delete, RequestID: rqi, From: Widened(d.Home.ID(), d.Home, d.Registrar), HasFrom: true, Release: "3",
			To: Widened(d.Registrar, d.Home, d.Registrar) + "/-/" + d.Home.ResourceID(),
		})
		if err != nil {
			continue
		}
		if res.Code == onem2m.Deleted || res.Code == onem2m.NotFound {
			return nil
		}
		err = &refusedError{doing: "de-register", code: res.Code}
	}
	return err
}
