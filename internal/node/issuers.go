package node

import (
	"context"
	"os"
	"sync"
	"time"

	"bulwark/internal/ops/config"
)

// keysEvery is how soon a changed file with the keys of an issuer is noticed.
const keysEvery = time.Second

// keyStamp tells one content of a file from another.
type keyStamp struct {
	size     int64
	modified time.Time
}

// keyStamps returns those of the files with the keys of issuers; one that is not
// there has none.
func keyStamps(cfg *config.Config) []keyStamp {
	stamps := make([]keyStamp, len(cfg.Token.Issuers))
	for i, issuer := range cfg.Token.Issuers {
		if info, err := os.Stat(string(issuer.JWKS)); err == nil {
			stamps[i] = keyStamp{info.Size(), info.ModTime()}
		}
	}
	return stamps
}

// followIssuers keeps what the CSE knows of Token Issuers up to date until ctx
// ends: keys, which a server rotates, and revoked tokens.
func (n *Node) followIssuers(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	for i := range n.cfg.Token.Issuers {
		if issuer := &n.cfg.Token.Issuers[i]; issuer.Revocations != "" {
			asking.Go(func() { n.followRevocations(ctx, issuer) })
		}
	}
	ticker := time.NewTicker(keysEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			n.readIssuers(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// readIssuers reads changed files with keys again. What cannot be read leaves
// the last keys in force: a file is sometimes seen half-way.
func (n *Node) readIssuers(ctx context.Context) {
	now := keyStamps(n.cfg)
	same := true
	for i := range now {
		same = same && now[i].size == n.keyStamps[i].size && now[i].modified.Equal(n.keyStamps[i].modified)
	}
	if same {
		return
	}
	n.keyStamps = now
	verifier, _, err := Issuers(n.cfg)
	if err != nil {
		n.log.ErrorContext(ctx, "the keys of Token Issuers cannot be read, the last ones stay", "err", err)
		return
	}
	n.cse.TrustIssuers(verifier)
	n.log.InfoContext(ctx, "the keys of Token Issuers have been read again")
}

// shownFiles returns the files with the certificate that others are shown.
func (n *Node) shownFiles() (cert, key string) {
	if n.cfg.Remote.Cert != "" {
		return string(n.cfg.Remote.Cert), string(n.cfg.Remote.Key)
	}
	for _, l := range n.cfg.Listen {
		if l.Binding.Secure() {
			return string(l.Cert), string(l.Key)
		}
	}
	return "", ""
}
