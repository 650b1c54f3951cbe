package cse

import (
	"context"
	"sync"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxSPBelow is how many AEs of the whole SP a CSE knows to be below it: an
// entry is a few dozen bytes. Of more than that nothing is believed.
const maxSPBelow = 20_000

// spBelow says below which registree an AE of the whole SP is registered, as
// far as a CSE that isn't the IN-CSE can tell: it has passed on the registration
// that the IN-CSE agreed to. It is in memory alone. After a restart a registree
// speaks for such an AE on this CSE again when that registers again.
type spBelow struct {
	mu sync.Mutex
	at map[string]onem2m.ID // by AE-ID-Stem
}

func (b *spBelow) note(stem string, registree onem2m.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at == nil {
		b.at = map[string]onem2m.ID{}
	}
	if _, known := b.at[stem]; known || len(b.at) < maxSPBelow {
		b.at[stem] = registree
	}
}

// forget takes the word of the registree that an AE is below of, and no other.
func (b *spBelow) forget(stem string, registree onem2m.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at[stem] == registree {
		delete(b.at, stem)
	}
}

func (b *spBelow) registree(stem string) onem2m.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at[stem]
}

// learnSP looks at what the IN-CSE answered to a registree: it has agreed that an
// AE of the whole SP is below that one, or has left (S-093). What any other CSE
// agrees to counts for nothing.
func (k *call) learnSP(ctx context.Context, res *onem2m.Response) {
	from := k.arrival()
	if k.c.Type == IN || from.Peer == "" || from.Above || !res.Code.Success() || k.req.Content == nil || k.req.Content.Name != "m2m:aeA" {
		return
	}
	var central onem2m.ID
	err := k.c.Store.Read(ctx, func(r store.Reader) (err error) {
		central, err = k.c.central(r)
		return err
	})
	if err != nil || central == "" || k.address.Host(k.c.Home) != central {
		return
	}
	if reg, ok := k.spRegistration(); ok {
		if reg.stem == "" {
			reg.stem = assignedIn(res)
		}
		if reg.stem != "" {
			k.c.spBelow.note(reg.stem, from.Peer)
		}
		return
	}
	o, err := onem2m.ParseObject(k.req.Content.Value)
	if err != nil || k.req.Operation != onem2m.Update || len(k.address.Path) != 1 {
		return
	}
	if link, _ := o.Text("lnk"); link == inactiveLink {
		k.c.spBelow.forget(k.address.Path[0], from.Peer)
	}
}
