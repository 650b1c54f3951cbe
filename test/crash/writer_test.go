package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"bulwark/test/harness"
)

// crowded is how many instances a container gets at most, so that one answer
// holds them all.
const crowded = 300

// writer is an AE that changes its own subtree, one request after the other,
// and notes what was acknowledged.
type writer struct {
	name   string // AE-ID; the <AE> is called like it
	sink   string // where notifications about its containers go
	random *rand.Rand
	boxes  []*box
	count  int

	told  []string // instances whose notification is due, in their order
	never []string // instances that don't exist, whose notification mustn't come
}

func (w *writer) parent() string { return "/cse-in/" + w.name }

// run sends requests until the connection fails, which is when the process has
// been killed, or until ctx ends. shared gets an instance now and then.
func (w *writer) run(ctx context.Context, t *testing.T, c *harness.Client, shared *gathering) {
	for ctx.Err() == nil {
		var alive bool
		switch n := w.random.IntN(100); {
		case len(w.live()) == 0 || n < 8:
			alive = w.open(ctx, t, c)
		case n < 14:
			alive = w.watch(ctx, t, c)
		case n < 26:
			alive = w.label(ctx, t, c)
		case n < 30:
			alive = w.close(ctx, t, c)
		case n < 36:
			alive = w.remove(ctx, t, c)
		case n < 50:
			alive = w.share(ctx, t, c, shared)
		default:
			alive = w.add(ctx, t, c)
		}
		if !alive {
			return
		}
	}
}

// live are the boxes that exist.
func (w *writer) live() []*box {
	var list []*box
	for _, b := range w.boxes {
		if b.existence == present {
			list = append(list, b)
		}
	}
	return list
}

func (w *writer) pick() *box {
	list := w.live()
	if len(list) == 0 {
		return nil
	}
	return list[w.random.IntN(len(list))]
}

func (w *writer) fresh() string {
	w.count++
	return fmt.Sprintf("%s-%d", w.name, w.count)
}

// send sends one request and reports whether it was acknowledged. An answer
// that refuses is an error of the test.
func (w *writer) send(ctx context.Context, t *testing.T, c *harness.Client, r harness.Request) bool {
	r.From = w.name
	a, err := c.Do(ctx, r)
	if err != nil {
		return false
	}
	if a.Status >= http.StatusBadRequest {
		t.Errorf("%s %s by %s: %s", r.Method, r.Target, w.name, a)
	}
	return true
}

func (w *writer) open(ctx context.Context, t *testing.T, c *harness.Client) bool {
	b := &box{rn: w.fresh(), existence: unsure, label: "new"}
	body := fmt.Sprintf(`{"m2m:cnt":{"rn":%q,"lbl":["new"]}}`, b.rn)
	if w.random.IntN(3) == 0 {
		b.bound = 5
		body = fmt.Sprintf(`{"m2m:cnt":{"rn":%q,"lbl":["new"],"mni":5}}`, b.rn)
	}
	w.boxes = append(w.boxes, b)
	ok := w.send(ctx, t, c, harness.Request{Method: http.MethodPost, Target: w.parent(), Type: 3, Body: body})
	if ok {
		b.existence = present
	}
	return ok
}

func (w *writer) watch(ctx context.Context, t *testing.T, c *harness.Client) bool {
	b := w.pick()
	if b == nil || b.watched == present {
		return true
	}
	b.watched = unsure
	ok := w.send(ctx, t, c, harness.Request{
		Method: http.MethodPost, Target: w.parent() + "/" + b.rn, Type: 23,
		Body: fmt.Sprintf(`{"m2m:sub":{"rn":"watch","nu":[%q],"nct":1,"enc":{"net":[3]}}}`, w.sink),
	})
	if ok {
		b.watched = present
	}
	return ok
}

func (w *writer) label(ctx context.Context, t *testing.T, c *harness.Client) bool {
	b := w.pick()
	if b == nil {
		return true
	}
	label := w.fresh()
	ok := w.send(ctx, t, c, harness.Request{
		Method: http.MethodPut, Target: w.parent() + "/" + b.rn, Body: fmt.Sprintf(`{"m2m:cnt":{"lbl":[%q]}}`, label),
	})
	if ok {
		b.label, b.steps = label, b.steps+1
	} else {
		b.labels, b.doubt = append(b.labels, label), b.doubt+1
	}
	return ok
}

// close deletes a container with all that is in it.
func (w *writer) close(ctx context.Context, t *testing.T, c *harness.Client) bool {
	b := w.pick()
	if b == nil {
		return true
	}
	ok := w.send(ctx, t, c, harness.Request{Method: http.MethodDelete, Target: w.parent() + "/" + b.rn})
	if b.existence = unsure; ok {
		b.existence = absent
	}
	// With the subscription goes what it still had to tell: it may come or not.
	w.told = slices.DeleteFunc(w.told, func(con string) bool { return slices.Contains(b.told, con) })
	b.told = nil
	return ok
}

// remove deletes one instance.
func (w *writer) remove(ctx context.Context, t *testing.T, c *harness.Client) bool {
	b := w.pick()
	if b == nil || len(b.instances) == 0 {
		return true
	}
	at := w.random.IntN(len(b.instances))
	con := b.instances[at].con
	ok := w.send(ctx, t, c, harness.Request{Method: http.MethodDelete, Target: w.parent() + "/" + b.rn + "/i-" + con})
	if ok {
		b.instances = slices.Delete(b.instances, at, at+1)
	} else {
		b.instances[at].fate = unsure
	}
	return ok
}

func (w *writer) add(ctx context.Context, t *testing.T, c *harness.Client) bool {
	b := w.pick()
	if b == nil || len(b.instances) >= crowded {
		return true
	}
	con := w.fresh()
	ok := w.send(ctx, t, c, harness.Request{
		Method: http.MethodPost, Target: w.parent() + "/" + b.rn, Type: 4, Body: fmt.Sprintf(`{"m2m:cin":{"rn":"i-%s","con":%q}}`, con, con),
	})
	if !ok {
		b.add(con, unsure)
		return false
	}
	b.add(con, present)
	if b.watched == present {
		w.tell(b, con)
	}
	return true
}

// tell notes that the notification about an instance is due.
func (w *writer) tell(b *box, con string) {
	w.told = append(w.told, con)
	b.told = append(b.told, con)
}

// share writes into the container of all writers.
func (w *writer) share(ctx context.Context, t *testing.T, c *harness.Client, g *gathering) bool {
	con := w.fresh()
	ok := w.send(ctx, t, c, harness.Request{
		Method: http.MethodPost, Target: "/cse-in/" + g.rn, Type: 4, Body: fmt.Sprintf(`{"m2m:cin":{"con":%q}}`, con),
	})
	g.note(con, ok)
	return ok
}

// settle compares the subtree with the CSE after a restart.
func (w *writer) settle(t *testing.T, c *harness.Client) {
	t.Helper()
	var kept []*box
	for _, b := range w.boxes {
		doubtful := ""
		if n := len(b.instances); n > 0 && b.instances[n-1].fate == unsure && b.doubt > 0 {
			doubtful = b.instances[n-1].con // a creation without an answer
		}
		made, never := b.settle(t, c, w.name, w.parent())
		if doubtful != "" && doubtful == made && b.watched == present {
			w.tell(b, made)
		}
		if doubtful != "" && doubtful == never {
			w.never = append(w.never, never)
		}
		if b.existence == present {
			kept = append(kept, b)
		} else if a := c.Get(t, w.name, w.parent()+"/"+b.rn); a.RSC != 4004 {
			t.Errorf("%s was deleted and is there: %s", b.rn, a)
		}
	}
	w.boxes = kept
}
