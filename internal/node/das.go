package node

import (
	"context"

	"bulwark/internal/dasserver"
	"bulwark/onem2m"
	"bulwark/token"
)

// openDAS prepares the Dynamic Authorization Server of [das], before the CSE
// reads the keys that the server publishes. A node that serves nobody has none.
func (n *Node) openDAS(ctx context.Context) (err error) {
	if n.cfg.DAS.ID == "" || len(n.cfg.Listen) == 0 {
		return nil
	}
	n.das, err = dasserver.Open(ctx, n.cfg, dasserver.Options{
		Log: n.log, Now: n.o.Now, Box: n.secrets, Credentials: n.o.Credentials, Revoked: n.tokenRevoked,
	})
	return err
}

// tokenRevoked keeps the CSE from taking a token that the server in this process
// has revoked. It is called again and again while that matters.
func (n *Node) tokenRevoked(id string, until onem2m.Timestamp) {
	n.revoke(token.Ref{Issuer: onem2m.ID(n.cfg.DAS.ID), ID: id}, until)
}
