package federation

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// registrar is a CSE that others register with, and the local side of it.
type registrar struct {
	t *testing.T

	mu       sync.Mutex // guards what follows
	entry    onem2m.Object
	address  string // where the entry is found
	away     bool
	tries    int               // while it was away
	refuse   onem2m.StatusCode // of a CREATE
	taken    bool              // the name of the entry is taken
	base     string
	log      []string
	mirrored []string
	below    []onem2m.ID
	queue    []*onem2m.Request // for who polls
	answers  []string
	channel  bool
	crowded  bool        // it takes no descendants
	known    []onem2m.ID // that are somewhere else
	barred   []onem2m.ID // that it doesn't take for now
	vouched  []onem2m.ID
	denied   []onem2m.ID
	does     string // e2eSecInfo of who registers
	limited  bool   // it takes no e2eSecInfo

	r   *Registree // that is kept
	out *slog.Logger
}

func newRegistrar(t *testing.T) *registrar {
	t.Helper()
	return &registrar{t: t, out: slog.New(slog.DiscardHandler), base: `{"csi":"/id-in","rn":"cse-in","cst":1,"srv":["2a","3"],"poa":["mqtt://x","https://in.m2m.example:8443"]}`}
}

func object(t *testing.T, text string) onem2m.Object {
	t.Helper()
	o, err := onem2m.ParseObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// tried is how often it was asked while it was away.
func (r *registrar) tried() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tries
}

// Send implements Sender.
func (r *registrar) Send(ctx context.Context, point string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		r.tries++
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "away")
	}
	if point != "https://in.m2m.example" || who != in || req.From != "/id-mn" || req.RequestID == "" || req.Release != "3" {
		r.t.Errorf("sent to %s of %s: %+v", point, who, req)
	}
	line := fmt.Sprintf("%s %s", req.Operation, req.To)
	if req.Content != nil && req.Operation == onem2m.Update {
		line += " " + string(req.Content.Value)
	}
	r.log = append(r.log, line)
	if strings.HasSuffix(req.To, "/pcu") {
		return r.polled(ctx, req), nil
	}
	return r.answer(req), nil
}

func (r *registrar) answer(req *onem2m.Request) *onem2m.Response {
	content := func(o onem2m.Object) *onem2m.Content {
		return &onem2m.Content{Name: "m2m:csr", Value: o.Append(nil)}
	}
	switch {
	case req.Operation == onem2m.Create && *req.Type == int64(onem2m.TypePollingChannel):
		r.channel = true
		return &onem2m.Response{Code: onem2m.Created}
	case req.Operation == onem2m.Create:
		return r.create(req)
	case req.Filter != nil:
		return &onem2m.Response{Code: onem2m.OK, Content: &onem2m.Content{Name: "m2m:uril", Value: onem2m.TextsValue([]string{"cse-in/other", r.address})}}
	case req.To == "/id-in/-":
		return &onem2m.Response{Code: onem2m.OK, Content: content(object(r.t, r.base))}
	case r.entry == nil || req.To != r.address:
		return &onem2m.Response{Code: onem2m.NotFound}
	case req.Operation == onem2m.Update && r.limited && object(r.t, string(req.Content.Value)).Has("esi"):
		return &onem2m.Response{Code: onem2m.BadRequest}
	case req.Operation == onem2m.Update && r.crowded && object(r.t, string(req.Content.Value)).Has("dcse"):
		return &onem2m.Response{Code: onem2m.BadRequest}
	case req.Operation == onem2m.Update && names(req, r.known):
		return &onem2m.Response{Code: onem2m.SecurityAssociationRequired}
	case req.Operation == onem2m.Update && names(req, r.barred):
		return &onem2m.Response{Code: onem2m.NotAcceptable}
	case req.Operation == onem2m.Update:
		for _, m := range object(r.t, string(req.Content.Value)) {
			if string(m.Value) == "null" {
				r.entry.Delete(m.Name)
			} else {
				r.entry.Set(m.Name, m.Value)
			}
		}
		return &onem2m.Response{Code: onem2m.Updated}
	case req.Operation == onem2m.Delete:
		r.entry = nil
		return &onem2m.Response{Code: onem2m.Deleted}
	}
	return &onem2m.Response{Code: onem2m.OK, Content: content(r.entry)}
}

// names reports whether the content of a request names one of some CSEs.
func names(req *onem2m.Request, ids []onem2m.ID) bool {
	return slices.ContainsFunc(ids, func(id onem2m.ID) bool {
		return strings.Contains(string(req.Content.Value), strconv.Quote(id.SPRelative()))
	})
}

// with changes or looks at what it holds.
func (r *registrar) with(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

func (r *registrar) create(req *onem2m.Request) *onem2m.Response {
	attrs := object(r.t, string(req.Content.Value))
	switch {
	case r.crowded && attrs.Has("dcse"):
		return &onem2m.Response{Code: onem2m.BadRequest}
	case r.refuse != 0:
		return &onem2m.Response{Code: r.refuse, Content: &onem2m.Content{Name: "m2m:dbg", Value: onem2m.TextValue("why")}}
	case r.taken && attrs.Has("rn"):
		return &onem2m.Response{Code: onem2m.Conflict}
	}
	r.entry, r.address = attrs, "/id-in/-/id-mn"
	if !attrs.Has("rn") {
		r.address = "/id-in/csr77"
		r.entry.Set("ri", onem2m.TextValue("csr77"))
	}
	return &onem2m.Response{Code: onem2m.Created, Content: &onem2m.Content{Name: "m2m:csr", Value: r.entry.Append(nil)}}
}

// polled serves the <pollingChannelURI>. The lock is held.
func (r *registrar) polled(ctx context.Context, req *onem2m.Request) *onem2m.Response {
	switch {
	case !r.channel:
		return &onem2m.Response{Code: onem2m.NotFound}
	case req.Operation == onem2m.Notify:
		r.answers = append(r.answers, string(req.Content.Value))
		return &onem2m.Response{Code: onem2m.OK}
	case len(r.queue) > 0:
		next := r.queue[0]
		r.queue = r.queue[1:]
		return &onem2m.Response{Code: onem2m.OK, Content: &onem2m.Content{Name: "m2m:rqp", Value: wire.EncodeRequest(next)}}
	}
	r.mu.Unlock()
	defer r.mu.Lock()
	select {
	case <-ctx.Done():
	case <-time.After(2 * time.Second):
	}
	return &onem2m.Response{Code: onem2m.RequestTimeout}
}

// Mirror implements Local.
func (r *registrar) Mirror(_ context.Context, attrs onem2m.Object) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mirrored = append(r.mirrored, string(attrs.Append(nil)))
	return nil
}

// EndToEnd implements Local.
func (r *registrar) EndToEnd() jsontext.Value {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.does == "" {
		return nil
	}
	return jsontext.Value(r.does)
}

// Descendants implements Local.
func (r *registrar) Descendants() []onem2m.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.below
}

// Vouched implements Local.
func (r *registrar) Vouched(_ context.Context, taken, refused []onem2m.ID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vouched, r.denied = taken, refused
	return nil
}

// registree makes the side that registers.
func (r *registrar) registree(points ...string) *Registree {
	return NewRegistree(RegistreeOptions{
		Home: middle(), Registrar: in, URL: "https://in.m2m.example",
		Self:   Self{Type: 2, Points: points, Releases: []string{"1", "3"}},
		Sender: r, Local: r, Check: 30 * time.Second, Now: time.Now, Random: rand.Reader, Log: r.out,
	})
}

// said returns what was asked since the last call.
func (r *registrar) said() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	log := r.log
	r.log = nil
	return log
}
