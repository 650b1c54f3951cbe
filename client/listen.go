package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// Notification is one m2m:sgn that arrived.
type Notification struct {
	Request      string // request identifier; the same when the CSE repeats it
	Subscription string // sur: resourceID of the subscription, "/id-in/sub…"
	Event        int64  // notificationEventType; 0 in a verification and a deletion notice
	Resource     Resource
	URI          string // address of the resource, where the subscription asks for no more (nct 3)
	Verification bool   // the CSE asks whether notifications are welcome
	Deleted      bool   // the subscription is gone
}

// Listener receives notifications over HTTP.
type Listener struct {
	URL string // what to subscribe with: "http://127.0.0.1:4711/"

	server *http.Server
	done   chan error
}

// bounds of a receiver: a notification holds one resource, and its sender is a
// CSE that needs no patience.
const (
	maxNotification     = 2 << 20
	notificationTimeout = 10 * time.Second
)

// Listen opens a receiver at address, such as "127.0.0.1:0", and calls handle
// for every notification, one after the other for each connection. An error of
// handle refuses the notification, so that the CSE repeats or drops it. Close
// must be called.
func Listen(ctx context.Context, address string, handle func(Notification) error) (*Listener, error) {
	return ListenFor(ctx, address, Handlers{Notification: handle})
}

// ListenFor is Listen for an AE that takes protected requests as well.
func ListenFor(ctx context.Context, address string, h Handlers) (*Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for notifications: %w", err)
	}
	r := &Listener{
		URL:  "http://" + l.Addr().String() + "/",
		done: make(chan error, 1),
		server: &http.Server{
			ReadTimeout: notificationTimeout, WriteTimeout: notificationTimeout, IdleTimeout: time.Minute,
			Handler: receiver(&h),
		},
	}
	go func() { r.done <- r.server.Serve(l) }()
	return r, nil
}

// Close stops the receiver and waits for it. It may be called again.
func (r *Listener) Close() error {
	err := r.server.Close()
	served := <-r.done
	r.done <- served // for whoever closes again
	if !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

func receiver(h *Handlers) http.HandlerFunc {
	return func(w http.ResponseWriter, hr *http.Request) {
		code, status := onem2m.OK, http.StatusOK
		answer, err := h.take(hr)
		if err != nil {
			e := onem2m.AsError(err)
			code, status = e.Code, e.Code.HTTP()
		}
		// The names are written as TS-0009 prints them.
		w.Header()["X-M2M-RSC"] = []string{fmt.Sprint(int(code))}
		w.Header()["X-M2M-RI"] = []string{hr.Header.Get("X-M2M-RI")}
		if rvi := hr.Header.Get("X-M2M-RVI"); rvi != "" {
			w.Header()["X-M2M-RVI"] = []string{rvi}
		}
		if answer == nil {
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(answer.Append(nil)) //nolint:gosec // JSON, for a CSE; nobody is left to tell of a failure
	}
}

// take takes one notification in.
func (h *Handlers) take(hr *http.Request) (*onem2m.Content, error) {
	content, err := readContent(hr)
	if err != nil {
		return nil, err
	}
	if content.Name == onem2m.SecurityInfoName {
		return h.secure(hr.Context(), hr.Header.Get("X-M2M-Origin"), content)
	}
	if h.Notification == nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "this AE expects no notification")
	}
	n, err := readNotification(hr.Header.Get("X-M2M-RI"), content)
	if err != nil {
		return nil, err
	}
	return nil, h.Notification(n)
}

func readContent(hr *http.Request) (*onem2m.Content, error) {
	if hr.Method != http.MethodPost {
		return nil, onem2m.Errorf(onem2m.OperationNotAllowed, "op", "a receiver takes notifications only")
	}
	body, err := io.ReadAll(io.LimitReader(hr.Body, maxNotification))
	if err != nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the notification can't be read")
	}
	return wire.DecodeContent(body, wire.Limits{Size: maxNotification})
}

func readNotification(rqi string, content *onem2m.Content) (Notification, error) {
	n := Notification{Request: rqi}
	if content.Name != "m2m:sgn" {
		return n, onem2m.Errorf(onem2m.BadRequest, "pc", "not a notification")
	}
	sgn, err := onem2m.ParseObject(content.Value)
	if err != nil {
		return n, err
	}
	n.Subscription, _ = sgn.Text("sur")
	n.Verification, _ = sgn.Bool("vrq")
	n.Deleted, _ = sgn.Bool("sud")
	if event, ok := sgn.Object("nev"); ok {
		n.Event, _ = event.Int("net")
		if rep, ok := event.Object("rep"); ok && len(rep) == 1 {
			if n.URI, ok = rep.Text("m2m:uri"); !ok {
				n.Resource.Root = rep[0].Name
				n.Resource.Object, _ = rep.Object(rep[0].Name)
			}
		}
	}
	return n, nil
}
