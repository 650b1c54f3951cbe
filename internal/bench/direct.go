package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"bulwark/client"
	"bulwark/onem2m"
)

// directRequests are how many resources the guest asks for, each of which the
// server is asked about once.
const directRequests = 200

// measureDirect times requests that a Dynamic Authorization Server is asked about
// first, one at a time, and the same ones again, which what it has granted permits.
func measureDirect(ctx context.Context, t *table, g *rig) (err error) {
	das, stop, err := startDAS(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := g.admin(ctx, "cse-in/plain", onem2m.TypeDynamicAuthorizationConsultation, `{"rn":"ask","dae":true,"dap":["`+das+`"]}`); err != nil {
		return err
	}
	for i := range directRequests {
		if err := g.admin(ctx, "cse-in/plain", onem2m.TypeContainer, fmt.Sprintf(`{"rn":"direct%d","daci":["cse-in/plain/ask"]}`, i)); err != nil {
			return err
		}
	}
	guest, err := client.New(client.Options{URL: "http://" + g.plain, From: "CBenchGuest"})
	if err != nil {
		return err
	}
	defer guest.Close()
	times := [2]time.Duration{}
	for round := range times {
		begin := time.Now()
		for i := range directRequests {
			if _, err := guest.Retrieve(ctx, fmt.Sprintf("cse-in/plain/direct%d", i)); err != nil {
				return fmt.Errorf("direct dynamic authorization: %w", err)
			}
		}
		times[round] = time.Since(begin) / directRequests
	}
	t.value("RETRIEVE that a Dynamic Authorization Server grants", short(times[0]), "", true)
	t.value("  again, by what it has granted", short(times[1]), "", true)
	t.value("  added by asking it", fmt.Sprintf("%.1f × the second", float64(times[0]-times[1])/float64(times[1])), "", true)
	return nil
}

// startDAS runs a server that grants the guest whatever it wants to read.
func startDAS(ctx context.Context) (url string, stop func() error, err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	const answer = `{"m2m:seci":{"sit":2,"dres":{"dai":{"gp":{"acr":[{"acor":["//m2m.example/id-in/CBenchGuest"],"acop":2}]},"pl":"3600000"}}}}`
	s := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		w.Header().Set("X-M2M-RI", hr.Header.Get("X-M2M-RI"))
		w.Header().Set("X-M2M-RSC", "2000")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(answer)) // the CSE sees what is missing
	})}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	return "http://" + l.Addr().String(), func() error {
		err := s.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}
