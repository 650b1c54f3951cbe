package cse

import (
	"bytes"
	"context"
	"errors"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// An instance with deletionCnt is gone after so many retrievals (C-247). What is
// shown is read on a snapshot as ever; then one job in the writer takes the
// retrieval off the count, if the count is still the one that was shown. When
// somebody else was faster it is read again, and in the end in the writer.

// maxCountTries is how often that is tried on a snapshot.
const maxCountTries = 3

// maxCounted bounds the instances with deletionCnt in one result: each costs a
// write.
const maxCounted = 200

// errCounted says that somebody else has retrieved an instance meanwhile.
var errCounted = errors.New("an instance has been retrieved meanwhile")

// retrievalsCount reports whether retrievals of a resource are counted.
func retrievalsCount(rec *store.Record) bool {
	if rec.Type != onem2m.TypeContentInstance || !bytes.Contains(rec.Attributes, []byte(`"dcnt":`)) {
		return false
	}
	return attributes(rec).Has("dcnt") // and not only a text that looks like it
}

// show notes that the result of a RETRIEVE holds a resource.
func (k *call) show(rec *store.Record) {
	if k.req.Operation == onem2m.Retrieve && retrievalsCount(rec) {
		k.counted = append(k.counted, rec)
	}
}

// retrieveCounting makes the result of a RETRIEVE, and counts what it holds.
func (k *call) retrieveCounting(ctx context.Context) (*onem2m.Response, error) {
	var err error
	for range maxCountTries {
		k.counted = nil
		err = k.look(ctx, func(r store.Reader) error {
			var err error
			if k.answer, err = k.retrieveOnce(ctx, r); err == nil && (k.uninformed() || k.meaning.wants()) {
				err = errUninformed
			}
			return err
		})
		if err != nil || len(k.counted) == 0 {
			return k.answer, err
		}
		err = k.c.Store.Update(ctx, k.countDown)
		if !errors.Is(err, errCounted) {
			return k.answer, err
		}
	}
	err = k.c.Store.Update(ctx, func(tx store.Tx) error {
		k.counted = nil
		var err error
		if k.answer, err = k.retrieveOnce(ctx, tx); err != nil {
			return err
		}
		return k.countDown(tx)
	})
	return k.answer, err
}

// countDown takes one retrieval off the counts of what was shown; what has been
// retrieved for the last time goes.
func (k *call) countDown(tx store.Tx) error {
	for _, shown := range k.counted {
		rec, err := tx.ByID(shown.ID)
		if errors.Is(err, store.ErrNotFound) {
			return errCounted
		}
		if err != nil {
			return err
		}
		left, _ := attributes(rec).Int("dcnt")
		if was, _ := attributes(shown).Int("dcnt"); left != was {
			return errCounted
		}
		if left <= 1 {
			if err := k.c.removeTree(tx, rec, k.from.ID); err != nil {
				return err
			}
			continue
		}
		attrs := attributes(rec).Clone()
		attrs.Set("dcnt", onem2m.IntValue(left-1))
		if err := tx.Replace(revised(rec, rec.Modified, attrs)); err != nil {
			return err
		}
	}
	return nil
}
