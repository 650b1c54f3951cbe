package cse

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func instanceProcedures() *procedures {
	return &procedures{noUpdate: true, create: createInstance, created: countInstance, entail: evaluateFence, retrievable: instanceRetrievable}
}

// createInstance settles size, stateTag and life of a <contentInstance> or
// <timeSeriesInstance> and makes room for it (C-233, C-234, C-237, C-238, C-375).
func createInstance(k *call, tx store.Tx, s *subject) error {
	b := boundsOf(s.parent)
	s.size = contentSize(s.attrs.Get("con"))
	if b.bytes >= 0 && s.size > b.bytes {
		return onem2m.Errorf(onem2m.NotAcceptable, "con", "the content is larger than maxByteSize of the container")
	}
	if b.age >= 0 {
		if et := after(s.now, b.age); et < s.et {
			s.et, s.due = et, et
		}
	}
	s.count = s.parent.Counters
	s.count.State++
	if s.info.Has("st") {
		s.set("st", onem2m.IntValue(s.count.State))
	}
	s.set("cs", onem2m.IntValue(s.size))
	s.count.Count++
	s.count.Bytes += s.size
	if b.number == 0 {
		s.discard = true // nothing is kept, and still 2001 (C-236)
		s.count = store.Counters{State: s.count.State}
		return tx.Count(s.parent.ID, s.count)
	}
	return k.c.evict(tx, s.parent.ID, s.info.Type, b, &s.count)
}

// countInstance brings the container's counters up to date.
func countInstance(_ *call, tx store.Tx, s *subject) error {
	return tx.Count(s.parent.ID, s.count)
}

// contentSize is the number of octets of con: of the text itself, or of the
// compact serialization of anything else (C-246).
func contentSize(con jsontext.Value) int64 {
	if con.Kind() != '"' {
		return int64(len(con))
	}
	if !bytes.ContainsRune(con, '\\') {
		return int64(len(con) - 2)
	}
	text, err := jsontext.AppendUnquote(nil, con)
	if err != nil {
		return int64(len(con))
	}
	return int64(len(text))
}

// instanceRetrievable: disableRetrieval of the container (C-241).
func instanceRetrievable(_ *call, r store.Reader, rec *store.Record) error {
	parent, err := r.ByID(rec.Parent)
	if err != nil {
		return missing(err)
	}
	if retrievalDisabled(parent) {
		return onem2m.Errorf(onem2m.OperationNotAllowed, "disr", "the container's instances can't be retrieved or deleted")
	}
	return nil
}
