package node

import (
	"context"
	"errors"
	"time"

	"bulwark/client"
	"bulwark/internal/dynauth/recall"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
	"bulwark/token"
)

const (
	// revocationsEvery is how often a Dynamic Authorization Server that has failed,
	// or that waits for no change, is asked what it has revoked.
	revocationsEvery = 10 * time.Second
	// revocationsPause is the least time between two questions.
	revocationsPause = 100 * time.Millisecond
	// revocationsTimeout bounds one question, beyond what the server waits for.
	revocationsTimeout = 5 * time.Second
	// unknownEnd is how long something stays revoked whose end nobody can read: no
	// token of such a server lives longer.
	unknownEnd = 366 * 24 * time.Hour
)

// followRevocations keeps what the CSE takes of one issuer in step with what the
// server has revoked. The server answers when something has changed.
func (n *Node) followRevocations(ctx context.Context, issuer *config.TokenIssuer) {
	o := client.Options{URL: issuer.Revocations, CA: string(n.cfg.Outbound.CA), Timeout: revocationsTimeout}
	o.Cert, o.Key = n.shownFiles()
	server, err := client.NewDAS(o)
	if err != nil {
		n.log.ErrorContext(ctx, "revoked tokens cannot be asked for", "issuer", issuer.ID, "err", err)
		return
	}
	defer server.Close()
	l := &revocationList{issuer: onem2m.ID(issuer.ID)}
	tag, failing := "", false
	for {
		pause := revocationsEvery
		list, err := server.Revoked(ctx, tag)
		again := false
		if err == nil {
			again, err = n.noteRevocations(ctx, l, list.Tokens)
		}
		switch {
		case err != nil:
			if ctx.Err() == nil && !failing {
				n.log.WarnContext(ctx, "the list of revoked tokens cannot be had; none counts until it was once, then what was revoked since goes on to count", "issuer", issuer.ID, "err", err)
			}
			tag = ""
		case again:
			tag, pause = "", revocationsPause
		default:
			if tag = list.Tag; tag != "" {
				pause = revocationsPause
			}
		}
		failing = err != nil
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// noteRevocations takes the list of an issuer, whose tokens count from then on;
// none of them does while there is no room for the list. again tells that it has to
// be seen once more.
func (n *Node) noteRevocations(ctx context.Context, l *revocationList, list []client.RevokedToken) (again bool, err error) {
	if n.revoked == nil {
		return false, nil // the CSE takes no tokens
	}
	items, again := l.compare(n.revoked.Of(l.issuer), list, onem2m.TimestampOf(n.o.Now()))
	if len(items) > 0 {
		if err := n.recall(ctx, l.issuer, &recall.Message{Items: items}); err != nil {
			if errors.Is(err, token.ErrFull) { // nobody knows here which of its tokens still count
				n.revoked.Await(l.issuer)
			}
			return false, err
		}
	}
	n.revoked.Learned(l.issuer)
	return again, nil
}

// recall calls back in the CSE.
func (n *Node) recall(ctx context.Context, by onem2m.ID, m *recall.Message) error {
	_, err := n.cse.Recall(ctx, by, m)
	return err
}

// revocationList holds what the CSE knows of an issuer against what that says.
type revocationList struct {
	issuer  onem2m.ID
	missing map[string]bool // known here, and not in the list before
}

// compare returns what has changed. What is in the list no more counts again if
// that is so twice: the first list may be older than a recall that the issuer has
// sent meanwhile, the second was asked for behind it.
func (l *revocationList) compare(known map[string]onem2m.Timestamp, list []client.RevokedToken, now onem2m.Timestamp) (items []recall.Item, again bool) {
	listed := make(map[string]bool, len(list))
	for _, t := range list {
		listed[t.ID] = true
		if _, ok := known[t.ID]; ok {
			continue
		}
		until, err := onem2m.ParseTimestamp(t.Until)
		if err != nil {
			until = now + onem2m.Timestamp(unknownEnd.Microseconds())
		}
		items = append(items, recall.Item{TokenID: t.ID, Until: until, Originator: t.Originator, Target: t.Target, Because: t.Because})
	}
	missing := map[string]bool{}
	for id, until := range known {
		switch {
		case listed[id] || until <= now: // what has ended leaves the list by itself
		case l.missing[id]:
			items = append(items, recall.Item{TokenID: id, Until: until, Lifted: true})
		default:
			missing[id] = true
		}
	}
	l.missing = missing
	return items, len(missing) > 0
}
