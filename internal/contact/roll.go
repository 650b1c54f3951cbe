package contact

import (
	"slices"
	"strings"

	"bulwark/onem2m"
)

// MaxRoll bounds the AEs that a CSE tells of: an IN-CSE may take no more.
const MaxRoll = 10_000

// Roll is the AEs that a CSE refers to, as an IN-CSE has to know of them: in
// order, each once.
type Roll []Name

// Tracked reports whether the IN-CSE of the SP has to know of a reference on the
// CSE home. It tells of the new place of an AE the CSE where that was anyway,
// which needs not be listed for its own AEs; an AE-ID that is valid in the whole
// SP never changes; and other providers' AEs it doesn't track.
func (n Name) Tracked(home onem2m.Home) bool {
	cse := n.Registrar()
	return cse != "" && cse != home.CSE && !strings.HasPrefix(cse, "//")
}

// Add adds what a resource refers to, and reports whether that is anything.
func (r *Roll) Add(home onem2m.Home, ty onem2m.ResourceType, attrs onem2m.Object) bool {
	any := false
	for _, n := range Of(home, ty, attrs) {
		if !n.Tracked(home) {
			continue
		}
		any = true
		if at, known := slices.BinarySearch(*r, n); !known && len(*r) < MaxRoll {
			*r = slices.Insert(*r, at, n)
		}
	}
	return any
}

// Change is one thing to tell an IN-CSE: a reference that is gone, one that has
// come, or one that has taken the place of another (TS-0004 clause 7.5.1.2.17). ""
// is none.
type Change struct {
	Gone, Come Name
}

// Changes are what has to be told so that an IN-CSE that was told r knows of now.
func (r Roll) Changes(now Roll) []Change {
	missing := func(from, in Roll) (list Roll) {
		for _, n := range from {
			if _, there := slices.BinarySearch(in, n); !there {
				list = append(list, n)
			}
		}
		return list
	}
	gone, come := missing(r, now), missing(now, r)
	list := make([]Change, 0, len(gone)+len(come))
	for _, n := range gone {
		list = append(list, Change{Gone: n})
	}
	for _, n := range come {
		list = append(list, Change{Come: n})
	}
	return list
}

// After is the roll when a change has been told.
func (r Roll) After(c Change) Roll {
	next := slices.Clone(r)
	if at, there := slices.BinarySearch(next, c.Gone); there && c.Gone != "" {
		next = slices.Delete(next, at, at+1)
	}
	if at, there := slices.BinarySearch(next, c.Come); !there && c.Come != "" {
		next = slices.Insert(next, at, c.Come)
	}
	return next
}
