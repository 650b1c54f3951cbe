package node

import (
	"context"
	"os"
	"sync"
	"time"

	"bulwark/client"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
	"bulwark/token"
)

const (
	// keysEvery is how soon a changed file with the keys of an issuer is noticed.
	keysEvery = time.Second
	// revocationsEvery is how often a Dynamic Authorization Server is asked which
	// tokens it has revoked: as long as a revoked one goes on to count.
	revocationsEvery = 10 * time.Second
	// revocationsTimeout bounds one question.
	revocationsTimeout = 5 * time.Second
)

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

// followRevocations asks one server again and again.
func (n *Node) followRevocations(ctx context.Context, issuer *config.TokenIssuer) {
	o := client.Options{URL: issuer.Revocations, CA: string(n.cfg.Outbound.CA), Timeout: revocationsTimeout}
	o.Cert, o.Key = n.shownFiles()
	server, err := client.NewDAS(o)
	if err != nil {
		n.log.ErrorContext(ctx, "revoked tokens cannot be asked for", "issuer", issuer.ID, "err", err)
		return
	}
	defer server.Close()
	ticker := time.NewTicker(revocationsEvery)
	defer ticker.Stop()
	failing := false
	for {
		list, err := server.Revoked(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			n.log.WarnContext(ctx, "the list of revoked tokens cannot be had; none counts until it was once, then what was revoked since goes on to count", "issuer", issuer.ID, "err", err)
		}
		failing = err != nil
		if err == nil {
			n.noteRevocations(issuer, list)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// noteRevocations takes the list of an issuer, whose tokens count from then on.
func (n *Node) noteRevocations(issuer *config.TokenIssuer, list []client.RevokedToken) {
	all := true
	for _, t := range list {
		until, err := onem2m.ParseTimestamp(t.Until)
		if err != nil {
			until = 0 // for good
		}
		all = n.revoke(token.Ref{Issuer: onem2m.ID(issuer.ID), ID: t.ID}, until) && all
	}
	if all && n.revoked != nil {
		n.revoked.Learned(onem2m.ID(issuer.ID))
	}
}

// revoke keeps the CSE from taking a token, and reports whether it could.
func (n *Node) revoke(ref token.Ref, until onem2m.Timestamp) bool {
	if n.revoked == nil {
		return true // the CSE takes no tokens
	}
	if err := n.revoked.Add(token.Revocation{Ref: ref, Until: until}, onem2m.TimestampOf(n.o.Now())); err != nil {
		n.log.Error("a revoked token goes on to count", "tkid", ref.ID, "err", err)
		return false
	}
	return true
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
