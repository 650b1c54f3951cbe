package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"bulwark/internal/ops/config"
)

// Serve runs a CSE until ctx ends. It writes one line with its addresses to out
// when it is ready, and before it, at the start that makes the development
// certificates, where they are.
func Serve(version string) func(context.Context, *config.Config, *slog.Logger, io.Writer) error {
	return func(ctx context.Context, cfg *config.Config, log *slog.Logger, out io.Writer) (err error) {
		n, err := Open(ctx, cfg, Options{Version: version, Log: log, Ready: out, Manager: os.Getenv("NOTIFY_SOCKET"), Credentials: os.Getenv("CREDENTIALS_DIRECTORY")})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, n.Close()) }()
		if n.made != nil {
			_, err := fmt.Fprintf(out, `A development certificate authority was made:
  peers trust      %s
  certificate      %s
  administrator    %s
  issue another    bulwark pki issue ae CLamp --dir %s --out lamp
`, n.made.CA, n.made.ServerCrt, n.made.AdminCrt, n.made.Dir)
			if err != nil {
				return err
			}
		}
		return n.Run(ctx)
	}
}
