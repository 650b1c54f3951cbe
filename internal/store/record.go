package store

import (
	"bytes"
	"slices"
	"strconv"
	"sync/atomic"

	"bulwark/onem2m"
)

// Record is one committed version of one resource. It is immutable and shared:
// nobody changes a Record that came from a Reader or went to a Tx.
type Record struct {
	ID       int64 // surrogate; ascending in creation order
	Parent   int64 // surrogate of the parent; 0 for the CSEBase
	RI       string
	RN       string
	Type     onem2m.ResourceType
	Root     string // root element of the representation: "m2m:cnt", "m2m:bat", "hd:tempe"
	Created  onem2m.Timestamp
	Modified onem2m.Timestamp
	Expires  onem2m.Timestamp // et; 0 means never
	Due      onem2m.Timestamp // when the sweep has to look at it; 0: it goes with its parent
	Origin   onem2m.ID        // originator of the CREATE, for the default policy
	Size     int64            // contentSize, for instances

	// Attributes is the representation in canonical JSON, universal attributes
	// included, all but those in Counters.
	Attributes []byte

	// Counted says that the type has the attributes of Counters.
	Counted  bool
	Counters Counters

	facets [facetCount]atomic.Pointer[any]
	whole  atomic.Pointer[[]byte] // Attributes and Counters
}

// Counters are the attributes of a container that change with its instances.
type Counters struct {
	State int64 // stateTag
	Count int64 // currentNrOfInstances
	Bytes int64 // currentByteSize
}

// Facet names a value that is computed from a record once and kept with it.
type Facet int

// The facets, one per package that derives something from records.
const (
	FacetAttributes   Facet = iota // the parsed attributes
	FacetAccess                    // compiled policies and the links to them
	FacetSubscription              // compiled notification criteria
	FacetType                      // whatever the procedures of the type need
	facetCount
)

// Derive returns what build makes of the record, computed once per version.
// build must be a pure function of the record; it may run more than once.
func (r *Record) Derive(f Facet, build func(*Record) any) any {
	if v := r.facets[f].Load(); v != nil {
		return *v
	}
	v := build(r)
	r.facets[f].Store(&v)
	return v
}

// WithCounters returns a version of the record with other counters. Facets
// carry over: none may depend on counters.
func (r *Record) WithCounters(c Counters) *Record {
	n := &Record{
		ID: r.ID, Parent: r.Parent, RI: r.RI, RN: r.RN, Type: r.Type, Root: r.Root,
		Created: r.Created, Modified: r.Modified, Expires: r.Expires, Due: r.Due,
		Origin: r.Origin, Size: r.Size, Attributes: r.Attributes,
		Counted: r.Counted, Counters: c,
	}
	for i := range r.facets {
		n.facets[i].Store(r.facets[i].Load())
	}
	return n
}

// Representation returns the whole representation as canonical JSON. The
// caller must not change the bytes.
func (r *Record) Representation() []byte {
	if !r.Counted || len(r.Attributes) < 2 {
		return r.Attributes
	}
	if whole := r.whole.Load(); whole != nil {
		return *whole
	}
	whole := r.withCounters()
	r.whole.Store(&whole)
	return whole
}

func (r *Record) withCounters() []byte {
	b := make([]byte, 0, len(r.Attributes)+64)
	b = append(b, r.Attributes[:len(r.Attributes)-1]...)
	if len(b) > 1 {
		b = append(b, ',')
	}
	if r.Type != onem2m.TypeTimeSeries { // which has no stateTag
		b = append(b, `"st":`...)
		b = strconv.AppendInt(b, r.Counters.State, 10)
		b = append(b, ',')
	}
	b = append(b, `"cni":`...)
	b = strconv.AppendInt(b, r.Counters.Count, 10)
	b = append(b, `,"cbs":`...)
	b = strconv.AppendInt(b, r.Counters.Bytes, 10)
	return slices.Clip(append(b, '}'))
}

// Labels returns the labels of the record, each once.
func (r *Record) Labels() []string {
	if !bytes.Contains(r.Attributes, []byte(`"lbl":`)) {
		return nil // as of most instances, which need not be taken apart
	}
	attrs, err := onem2m.ParseObject(r.Attributes)
	if err != nil {
		return nil
	}
	labels, _ := attrs.Texts("lbl")
	slices.Sort(labels)
	return slices.Compact(labels)
}

// Weight estimates the memory of the record in octets, for caches. The
// attributes count twice: once as bytes, once for what facets make of them. With
// counters they count once more.
func (r *Record) Weight() int {
	n := 320 + len(r.RI) + len(r.RN) + 2*len(r.Attributes) + len(r.Origin)
	if r.Counted {
		n += len(r.Attributes)
	}
	return n
}

// Bulk reports whether resources of the type come in great numbers below one
// parent and are little more than data: the instances. Engines keep fewer
// indexes for them.
func Bulk(ty onem2m.ResourceType) bool {
	return ty == onem2m.TypeContentInstance || ty == onem2m.TypeTimeSeriesInstance ||
		ty == onem2m.TypeFlexContainerInstance
}
