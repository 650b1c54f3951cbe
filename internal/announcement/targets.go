package announcement

import (
	"slices"

	"bulwark/onem2m"
)

// MaxTargets bounds announceTo: every change of the original is sent to each of
// its entries.
const MaxTargets = 16

// Target is an entry of announceTo that has no copy yet.
type Target struct {
	Host onem2m.ID // the CSE
	To   string    // the parent of the copy; "" where the entry is a CSE-ID
}

// Targets are what becomes of the copies of one resource.
type Targets struct {
	Kept []string // addresses of copies that stay
	New  []Target
	Gone []string // addresses of copies that have to go
}

// Compare holds an announceTo that was asked for against the copies that there
// are. An entry stands for a copy by its address, or by the CSE that it is on;
// every other one asks for a new copy (C-389, C-396). An entry that is neither a
// CSE-ID nor an address on another CSE is 4000 (C-402).
func Compare(home onem2m.Home, copies, wanted []string) (Targets, error) {
	var t Targets
	if len(wanted) > MaxTargets {
		return t, onem2m.Errorf(onem2m.BadRequest, "at", "more than %d targets", MaxTargets)
	}
	for _, text := range wanted {
		a, err := onem2m.ParseAddress(text)
		if err != nil || a.CSE == "" || a.Attribute != "" {
			return t, onem2m.Errorf(onem2m.BadRequest, "at", "neither a CSE-ID nor an address on another CSE")
		}
		host := a.Host(home)
		switch have := on(home, copies, host); {
		case host == home.ID():
			return t, onem2m.Errorf(onem2m.BadRequest, "at", "a resource isn't announced to its own CSE")
		case slices.Contains(copies, text):
			t.keep(text)
		case len(a.Path) == 0 && have != "":
			t.keep(have)
		case len(a.Path) == 0:
			t.add(Target{Host: host})
		default:
			t.add(Target{Host: host, To: text})
		}
	}
	for _, text := range copies {
		if !slices.Contains(t.Kept, text) {
			t.Gone = append(t.Gone, text)
		}
	}
	return t, nil
}

func (t *Targets) keep(text string) {
	if !slices.Contains(t.Kept, text) {
		t.Kept = append(t.Kept, text)
	}
}

func (t *Targets) add(one Target) {
	if !slices.Contains(t.New, one) {
		t.New = append(t.New, one)
	}
}

// on returns the first copy on a CSE, or "".
func on(home onem2m.Home, copies []string, host onem2m.ID) string {
	for _, text := range copies {
		if Host(home, text) == host {
			return text
		}
	}
	return ""
}

// On returns the address of the copy that a resource with this announceTo has
// on a CSE, or "".
func On(home onem2m.Home, attrs onem2m.Object, host onem2m.ID) string {
	copies, _ := attrs.Texts("at")
	return on(home, copies, host)
}

// Host returns the CSE that an address is on, or "" if it can't be read.
func Host(home onem2m.Home, text string) onem2m.ID {
	a, err := onem2m.ParseAddress(text)
	if err != nil {
		return ""
	}
	return a.Host(home)
}
