package escertke

import (
	"context"
	"errors"
	"testing"
	"time"

	"bulwark/onem2m"
)

// FuzzReceive sends what nobody should at both places of a handshake: it must
// be refused with one of the codes, and leave nothing open.
func FuzzReceive(f *testing.F) {
	a := newAuthority(f)
	end := a.end(f, far)
	valid := flights(f, a.end(f, near), end)
	for _, message := range valid {
		f.Add(message, true)
		f.Add(message, false)
		f.Add(message[:len(message)/2], true)
	}
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0}, false)
	f.Add([]byte{}, true)
	term := terminator(f, end)
	f.Fuzz(func(t *testing.T, message []byte, open bool) {
		if open {
			if _, _, err := term.Receive(t.Context(), near, valid[0]); err != nil {
				t.Fatal(err)
			}
		}
		answer, key, err := term.Receive(t.Context(), near, message)
		if key != nil {
			t.Fatal("a key")
		}
		switch code(err) {
		case 0:
			if err != nil || checkShape(answer, 2) != nil {
				t.Fatalf("%v", err)
			}
		case onem2m.BadRequest, onem2m.OriginatorNotAuthenticated:
		default:
			t.Fatalf("code %d", code(err))
		}
		if h, _ := term.claim(near); h != nil {
			term.drop(h)
		}
		if n := term.Open(); n != 0 {
			t.Fatalf("%d handshakes are open", n)
		}
	})
}

// FuzzInitiate answers an initiator with what no terminator sends.
func FuzzInitiate(f *testing.F) {
	a := newAuthority(f)
	end := a.end(f, near)
	for _, message := range flights(f, end, a.end(f, far)) {
		f.Add(message)
		f.Add(message[:len(message)-1])
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		key, err := Initiate(ctx, end, far, func(context.Context, []byte) ([]byte, error) { return answer, nil })
		if key != nil || err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v", err)
		}
	})
}
