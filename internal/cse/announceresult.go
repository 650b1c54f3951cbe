package cse

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// settleUnlessAnnounced is settle where nothing is announced. Else the result of a
// non-blocking request says where the copies are (C-394), and they are made after
// the commit: until then the result is kept beside the <request>, so that the
// operation isn't done again after a crash, and the result is that.
func (k *call) settleUnlessAnnounced(tx store.Tx, s *subject, res *onem2m.Response) error {
	if k.errand == nil || len(s.targets.New) == 0 || s.discard {
		return k.settle(tx, res)
	}
	rec, err := tx.ByID(k.errand.id)
	if errors.Is(err, store.ErrNotFound) {
		return errRecalled
	}
	if err != nil {
		return err
	}
	var w witness
	if err := json.Unmarshal(attributes(rec).Get(witnessName), &w); err != nil {
		return fmt.Errorf("read the request %s: %w", rec.RI, err)
	}
	w.Result = wire.EncodeResponse(&onem2m.Response{Code: res.Code, RequestID: k.req.RequestID, Content: res.Content})
	data, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("keep the result of a request: %w", err)
	}
	attrs := attributes(rec).Clone()
	attrs.Set(witnessName, data)
	return tx.Replace(revised(rec, rec.Modified, attrs))
}

// keptResult is what an operation has come to that was done before a crash, nil if
// it wasn't.
func (w *witness) keptResult() (*onem2m.Response, error) {
	if w.Result == nil {
		return nil, nil //nolint:nilnil // nothing is an ordinary case
	}
	res, err := wire.DecodeResponse(w.Result, wire.Limits{})
	if err != nil {
		return nil, fmt.Errorf("read the result of a request: %w", err)
	}
	return &onem2m.Response{Code: res.Code, Content: res.Content}, nil
}
