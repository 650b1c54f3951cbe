package cse

import (
	"context"

	"bulwark/internal/contact"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// moves reports whether the news may be believed that an AE has moved. All that
// refers to the AE, policies included, follows; so on the IN-CSE the word of the
// new registrar isn't enough, and on another CSE what the IN-CSE says isn't
// if others could have said it on the way:
//   - an AE of the whole SP is where its <AEAnnc> says;
//   - an AE of this CSE has asked to be tracked, and is bound to no credential,
//     which would be all that it is known by;
//   - an AE of another CSE stays there while that CSE is known to the IN-CSE, or is
//     below this one: of those the registrar has no say.
func (k *call) moves(ctx context.Context, was, is contact.Name) (moves bool, err error) {
	stem, before := was.Stem(), onem2m.ID(k.c.Home.SP+was.Registrar())
	switch {
	case k.c.Type == IN:
	case k.fromCSE() || stem[0] == 'S':
		return true, nil // the IN-CSE itself, or what it knows better
	case before != k.c.Home.ID():
		return !k.c.peers.Below("", before, k.now), nil
	}
	err = k.c.Store.Read(ctx, func(r store.Reader) error {
		if stem[0] != 'S' && before != k.c.Home.ID() {
			_, known := k.c.peers.Via(before, k.now)
			moves = !known
			return nil
		}
		rec, err := r.ByRI(stem)
		if err != nil {
			return unlessMissing(err)
		}
		if stem[0] == 'S' {
			moves = rec.Type == onem2m.TypeAEAnnc && !expired(rec, k.now) &&
				k.c.announcer(attributes(rec)) == onem2m.ID(k.c.Home.SP+is.Registrar())
			return nil
		}
		_, bound := k.c.registry(r, k.now).CredentialOf(rec.Origin)
		tracked, _ := attributes(rec).Bool("trps")
		moves = rec.Type == onem2m.TypeAE && !expired(rec, k.now) && tracked && !bound
		return nil
	})
	return moves, err
}
