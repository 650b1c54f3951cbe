package escertke

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulwark/e2e/keys"
	"bulwark/onem2m"
)

// program finds openssl, another implementation of TLS, or skips.
func program(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	return path
}

// files writes a certificate, its key and the authority for openssl.
func (a *authority) files(t *testing.T, id onem2m.ID) (cert, key, ca string) {
	t.Helper()
	own := a.issue(t, id, time.Now().Add(time.Hour))
	der, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("own.crt", "CERTIFICATE", own.Certificate[0]), write("own.key", "PRIVATE KEY", der), write("ca.crt", "CERTIFICATE", a.cert.Raw)
}

// relay stands between messages and a stream: it reads one flight, which has
// ended as soon as enough says so.
type relay struct {
	conn net.Conn
	in   *bufio.Reader
}

func newRelay(conn net.Conn) *relay { return &relay{conn: conn, in: bufio.NewReader(conn)} }

func (r *relay) flight(number int) ([]byte, error) {
	if err := r.conn.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		return nil, err
	}
	var flight []byte
	for {
		header := make([]byte, headerLength)
		if _, err := io.ReadFull(r.in, header); err != nil {
			return nil, fmt.Errorf("after %d octets: %w", len(flight), err)
		}
		body := make([]byte, int(header[3])<<8|int(header[4]))
		if _, err := io.ReadFull(r.in, body); err != nil {
			return nil, err
		}
		flight = append(append(flight, header...), body...)
		done := number == 1 || strings.HasSuffix(string(body), "\x0e\x00\x00\x00") // ServerHelloDone
		if number > 2 {
			done = checkShape(flight, number) == nil
		}
		if done || header[0] == recordAlert {
			return flight, nil
		}
	}
}

// printed finds the exported octets that openssl prints.
func printed(t *testing.T, output string) (id, key string) {
	t.Helper()
	_, rest, ok := strings.Cut(output, "Keying material: ")
	line, _, _ := strings.Cut(rest, "\n")
	line = strings.TrimSpace(line)
	if !ok || len(line) != 2*keys.ExportLength {
		t.Fatalf("openssl exports nothing: %s", output)
	}
	return line[:2*keys.IdentifierLength], line[2*keys.IdentifierLength:]
}

var exporting = []string{"-keymatexport", keys.LabelESCertKE, "-keymatexportlen", fmt.Sprint(keys.ExportLength)}

// suites of the profile as openssl names them.
var suites = []string{"ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"}

func TestInterop_E97_E105_OpensslTerminates(t *testing.T) {
	t.Parallel()
	openssl := program(t)
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			cert, key, ca := a.files(t, far)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			// The program chooses no free port by itself.
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := l.Addr().String()
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			args := append([]string{
				"s_server", "-accept", address, "-naccept", "1", "-tls1_2", "-cipher", suite, "-no_ticket",
				"-cert", cert, "-key", key, "-CAfile", ca, "-Verify", "3", "-verify_return_error",
			}, exporting...)
			cmd := exec.CommandContext(ctx, openssl, args...)
			var output strings.Builder
			cmd.Stdout, cmd.Stderr = &output, &output
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			got, err := Initiate(ctx, a.end(t, near), far, stream(ctx, t, address))
			_ = stdin.Close()
			_ = cmd.Wait() // that the connection breaks off is an error to it
			if err != nil {
				t.Fatalf("%v: %s", err, output.String())
			}
			if id, key := printed(t, output.String()); id != got.ID || key != fmt.Sprintf("%X", got.Secret.Bytes()) {
				t.Errorf("openssl has %s, we have %s", id, got.ID)
			}
		})
	}
}

// stream carries messages over a connection that is opened at the first one and
// closed behind the last.
func stream(ctx context.Context, t *testing.T, address string) Exchange {
	var r *relay
	number := 0
	return func(_ context.Context, message []byte) ([]byte, error) {
		number += 2
		if r == nil {
			var conn net.Conn
			err := errors.New("not tried")
			for ctx.Err() == nil {
				if conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", address); err == nil {
					break
				}
				time.Sleep(50 * time.Millisecond) // until the program listens
			}
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { _ = conn.Close() })
			r = newRelay(conn)
		}
		if _, err := r.conn.Write(message); err != nil {
			return nil, err
		}
		answer, err := r.flight(number)
		if number == 4 {
			_ = r.conn.Close()
		}
		return answer, err
	}
}

func TestInterop_E97_E101_E105_OpensslInitiates(t *testing.T) {
	t.Parallel()
	openssl := program(t)
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			output, got, err := serve(t, openssl, a, nil, "-tls1_2", "-cipher", suite)
			if err != nil {
				t.Fatalf("%v: %s", err, output)
			}
			if id, key := printed(t, output); id != got.ID || key != fmt.Sprintf("%X", got.Secret.Bytes()) {
				t.Errorf("openssl has %s, we have %s", id, got.ID)
			}
		})
	}
	t.Run("TLS 1.3 alone", func(t *testing.T) {
		t.Parallel()
		if _, got, err := serve(t, openssl, newAuthority(t), nil, "-tls1_3"); code(err) != onem2m.BadRequest || got != nil {
			t.Errorf("%v", err)
		}
	})
	t.Run("E-101 without extended master secret", func(t *testing.T) {
		t.Parallel()
		conf := filepath.Join(t.TempDir(), "openssl.cnf")
		text := "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nOptions = -ExtendedMasterSecret\n"
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		output, got, err := serve(t, openssl, newAuthority(t), []string{"OPENSSL_CONF=" + conf}, "-tls1_2")
		if code(err) != onem2m.BadRequest || got != nil || !strings.Contains(err.Error(), "ExportKeyingMaterial") {
			t.Errorf("%v: %s", err, output)
		}
	})
}

// serve lets openssl connect to a terminator and returns what it printed, and
// the key, or the error with which the terminator answered.
func serve(t *testing.T, openssl string, a *authority, env []string, args ...string) (string, *Key, error) {
	t.Helper()
	cert, key, ca := a.files(t, near)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	args = append([]string{"s_client", "-connect", l.Addr().String(), "-cert", cert, "-key", key, "-CAfile", ca, "-no_ticket"}, append(args, exporting...)...)
	cmd := exec.CommandContext(ctx, openssl, args...)
	cmd.Env = append(os.Environ(), env...)
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(conn)
	term := terminator(t, a.end(t, far))
	var got *Key
	for _, number := range []int{1, 3} {
		var message, answer []byte
		if message, err = r.flight(number); err != nil {
			break
		}
		if answer, got, err = term.Receive(t.Context(), near, message); err != nil {
			break
		}
		if _, err = conn.Write(answer); err != nil {
			break
		}
	}
	if err != nil {
		_ = conn.Close()
	}
	_ = cmd.Wait() // the standard input is empty, so it ends by itself
	_ = conn.Close()
	return output.String(), got, err
}
