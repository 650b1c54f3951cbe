package node

import (
	"context"

	"bulwark/internal/dasserver"
)

// openDAS prepares the Dynamic Authorization Server of [das], before the CSE
// reads the keys that the server publishes. A node that serves nobody has none.
func (n *Node) openDAS(ctx context.Context) (err error) {
	if n.cfg.DAS.ID == "" || len(n.cfg.Listen) == 0 {
		return nil
	}
	n.das, err = dasserver.Open(ctx, n.cfg, dasserver.Options{
		Log: n.log, Now: n.o.Now, Box: n.secrets, Credentials: n.o.Credentials, Recall: n.recall,
	})
	return err
}
