package federation

import (
	"context"
	"errors"
	"slices"

	"bulwark/onem2m"
)

// maxDoubts bounds how many descendants the registrar is asked about one by one
// at a look. The rest waits for the next one.
const maxDoubts = 16

// maxTelling bounds what is told at once, in octets: half of what bindings take.
// CSEs beyond it are reached where they are registered, not from above.
const maxTelling = 512 << 10

// tellDescendants tells the registrar which CSEs are below this one (C-215), and
// this CSE which of them the registrar takes. The registrar refuses a list with
// one that it knows from elsewhere: those are found by halving, and left out. So
// a registree that claims what isn't below it spoils it for nobody else.
func (r *Registree) tellDescendants(ctx context.Context, have onem2m.Object) error {
	if r.o.Registrar.SP() != r.o.Home.SP {
		return nil // they are told inside the SP only
	}
	want := r.o.Local.Descendants()
	t := telling{r: r, has: r.claimed(have)}
	t.has = slices.DeleteFunc(t.has, func(id onem2m.ID) bool {
		gone := !slices.Contains(want, id)
		t.stale = t.stale || gone
		return gone
	})
	more := slices.DeleteFunc(slices.Clone(want), func(id onem2m.ID) bool { return slices.Contains(t.has, id) })
	if err := t.offer(ctx, more); err != nil {
		return err
	}
	if t.stale {
		if err := t.tell(ctx, nil); err != nil && codeOf(err) == 0 {
			return err
		}
	}
	if len(t.refused) > 0 && !sameIDs(t.refused, r.last.refused) {
		r.o.Log.WarnContext(ctx, "the registrar doesn't take all descendants", "registrar", r.o.Registrar, "refused", t.refused)
	}
	r.conclude(verdict{t.has, t.refused, t.later})
	return r.o.Local.Vouched(ctx, t.has, t.refused)
}

// verdict is what the registrar says of the descendants of this CSE.
type verdict struct{ taken, refused, later []onem2m.ID }

// conclude notes a verdict. What the registrar refuses now it may take in a
// moment: of a CSE that moves below this one it hears from both sides, in any
// order. And what it takes its own registrar may refuse, and then it is taken back.
// So the registration is looked at again soon, in pauses that grow and begin anew
// when the verdict is another one.
func (r *Registree) conclude(v verdict) {
	switch same := sameIDs(v.taken, r.last.taken) && sameIDs(v.refused, r.last.refused) && sameIDs(v.later, r.last.later); {
	case len(v.taken)+len(v.refused)+len(v.later) == 0:
		r.pause = r.o.Check
	case !same:
		r.pause = min(firstPause, r.o.Check)
	default:
		r.pause = min(2*r.pause, r.o.Check)
	}
	r.last = v
}

// sameIDs compares without regard to order.
func sameIDs(a, b []onem2m.ID) bool {
	return len(a) == len(b) && slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// claimed are the descendants that the registrar has.
func (r *Registree) claimed(have onem2m.Object) []onem2m.ID {
	list, _ := have.Texts("dcse")
	ids := make([]onem2m.ID, 0, len(list))
	for _, s := range list {
		if id, _, err := r.o.Home.ParseID(s); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// telling is one go at it.
type telling struct {
	r       *Registree
	has     []onem2m.ID // what the registrar has, and should
	stale   bool        // it has more than that
	refused []onem2m.ID
	later   []onem2m.ID // it takes them at another time, if at all
}

// offer adds what the registrar takes of some CSEs. It fails if the registrar
// isn't reached.
func (t *telling) offer(ctx context.Context, more []onem2m.ID) error {
	if len(more) == 0 || len(t.refused)+len(t.later) >= maxDoubts {
		return nil
	}
	err := errTooLong
	if t.size(more) <= maxTelling {
		err = t.tell(ctx, more)
	}
	switch {
	case errors.Is(err, errTooLong) && len(more) == 1:
		t.later = append(t.later, more[0])
		return nil
	case errors.Is(err, errTooLong): // in parts
	case err == nil:
		t.has, t.stale = append(t.has, more...), false
		return nil
	case codeOf(err) == 0:
		return err
	case len(more) == 1 && codeOf(err) == onem2m.NotAcceptable:
		t.later = append(t.later, more[0]) // this CSE was wrong about it before; whoever says it now need not be
		return nil
	case len(more) == 1:
		t.refused = append(t.refused, more[0])
		return nil
	}
	half := len(more) / 2
	if err := t.offer(ctx, more[:half]); err != nil {
		return err
	}
	return t.offer(ctx, more[half:])
}

var errTooLong = errors.New("more descendants than can be told at once")

// size is how long the list gets.
func (t *telling) size(more []onem2m.ID) (n int) {
	for _, id := range slices.Concat(t.has, more) {
		n += len(id.Across(t.r.o.Home)) + len(`"",`)
	}
	return n
}

// tell updates descendantCSEs.
func (t *telling) tell(ctx context.Context, more []onem2m.ID) error {
	list := make([]string, 0, len(t.has)+len(more))
	for _, id := range slices.Concat(t.has, more) {
		list = append(list, id.Across(t.r.o.Home))
	}
	slices.Sort(list)
	value := onem2m.NullValue()
	if len(list) > 0 {
		value = onem2m.TextsValue(list)
	}
	return t.r.change(ctx, onem2m.Object{{Name: "dcse", Value: value}})
}
