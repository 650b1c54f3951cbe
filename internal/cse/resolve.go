package cse

import (
	"errors"
	"slices"
	"strings"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// target is what an address leads to.
type target struct {
	rec     *store.Record // the resource; for a virtual one its parent
	virtual string        // "la", "ol", …; "" for a real resource
	rest    []string      // path elements behind a virtual one that passes them on
}

func notFound() error {
	return onem2m.Errorf(onem2m.NotFound, "to", "no such resource")
}

// hosted returns the CSE-relative path of an address, if this CSE may host it.
// "/Sabc" reads as a CSE-ID and may be an S-type AE registered here (S-123).
func (c *CSE) hosted(a onem2m.Address) (path []string, ok bool) {
	if a.Local(c.Home) {
		return a.Path, true
	}
	id := a.Entity(c.Home)
	if len(a.Path) > 0 || id.Stem() == "" || id.SP() != c.Home.SP {
		return nil, false
	}
	return []string{id.Stem()}, true
}

// resolve follows the CSE-relative part of an address, in any of its styles
// (core section 2.1). Nothing expired or detached is found, nor anything below
// it (C-408).
func (c *CSE) resolve(r store.Reader, path []string, now onem2m.Timestamp) (target, error) {
	if len(path) == 0 {
		return target{}, notFound()
	}
	var rec *store.Record
	var err error
	if c.namesBase(path[0]) {
		rec, err = r.ByID(baseID)
	} else {
		rec, err = r.ByRI(path[0])
	}
	if err != nil {
		return target{}, missing(err)
	}
	if err := c.alive(r, rec, now); err != nil {
		return target{}, err
	}
	for i, segment := range path[1:] {
		if rest := path[i+2:]; c.virtualChild(rec.Type, segment, len(rest) > 0) {
			return target{rec: rec, virtual: segment, rest: rest}, nil
		}
		rec, err = r.Child(rec.ID, segment)
		if err != nil {
			return target{}, missing(err)
		}
		if expired(rec, now) {
			return target{}, notFound()
		}
	}
	return target{rec: rec}, nil
}

// missing turns the store's "not found" into 4004 and keeps any other error.
func missing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return notFound()
	}
	return err
}

func expired(rec *store.Record, now onem2m.Timestamp) bool {
	return rec.Expires != 0 && rec.Expires <= now
}

// alive walks from rec to the CSEBase: an expired or detached resource takes
// all below it with it.
func (c *CSE) alive(r store.Reader, rec *store.Record, now onem2m.Timestamp) error {
	for {
		if expired(rec, now) {
			return notFound()
		}
		if rec.ID == baseID {
			return nil
		}
		parent, err := r.ByID(rec.Parent)
		if err != nil {
			return missing(err)
		}
		rec = parent
	}
}

// virtualChild reports whether name is a virtual child of type ty that this
// version serves; through says that path elements follow it.
func (c *CSE) virtualChild(ty onem2m.ResourceType, name string, through bool) bool {
	p := c.types[ty]
	if p == nil {
		return false
	}
	if v := p.virtual[name]; v != nil {
		return !through || v.through
	}
	return !through && p.instances != 0 && (name == "la" || name == "ol")
}

// reserved reports whether name is taken by a virtual child under ty, served
// or not (C-028).
func reserved(ty onem2m.ResourceType, name string) bool {
	info := onem2m.TypeByNumber(ty)
	if info == nil {
		return false
	}
	if ty == onem2m.TypeFlexContainer && (name == "la" || name == "ol") {
		return true // of later releases (C-258)
	}
	return slices.Contains(info.VirtualChildren(), name)
}

// Structured returns the structured CSE-relative address of rec, "cse-in/a/b".
func Structured(r store.Reader, rec *store.Record) (string, error) {
	names := []string{rec.RN}
	for rec.ID != baseID {
		parent, err := r.ByID(rec.Parent)
		if err != nil {
			return "", missing(err)
		}
		rec = parent
		names = append(names, rec.RN)
	}
	slices.Reverse(names)
	return strings.Join(names, "/"), nil
}

// depth counts the levels from the CSEBase (0) to rec.
func depth(r store.Reader, rec *store.Record) (int, error) {
	n := 0
	for rec.ID != baseID {
		parent, err := r.ByID(rec.Parent)
		if err != nil {
			return 0, missing(err)
		}
		rec = parent
		n++
	}
	return n, nil
}
