package federation

import (
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"slices"
	"strings"

	"bulwark/onem2m"
)

// contentName is the root element of a <remoteCSE>.
const contentName = "m2m:csr"

// maxFound bounds the resources among which the own <remoteCSE> is looked for.
const maxFound = 20

// base is the address of the <CSEBase> of the registrar, whatever its name.
func (r *Registree) base() string { return Widened(r.o.Registrar, r.o.Home, r.o.Registrar) + "/-" }

// self is this CSE as the registrar knows it.
func (r *Registree) self() string { return Widened(r.o.Home.ID(), r.o.Home, r.o.Registrar) }

// guess is the address that the own <remoteCSE> has if the registrar took the
// name that it was offered.
func (r *Registree) guess() string { return r.base() + "/" + r.o.Home.ResourceID() }

// ask sends one request to the registrar. Any answer but that wanted is an
// error.
func (r *Registree) ask(ctx context.Context, doing string, want onem2m.StatusCode, req *onem2m.Request) (*onem2m.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	res, err := r.send(ctx, doing, req)
	if err != nil {
		return nil, err
	}
	if res.Code != want {
		e := &refusedError{doing: doing, code: res.Code}
		if c := res.Content; c != nil && c.Name == "m2m:dbg" {
			e.text = string(c.Value)
		}
		return nil, e
	}
	return res, nil
}

// send sends one request of this CSE to the registrar.
func (r *Registree) send(ctx context.Context, doing string, req *onem2m.Request) (*onem2m.Response, error) {
	var b [10]byte
	if _, err := io.ReadFull(r.o.Random, b[:]); err != nil {
		return nil, fmt.Errorf("request identifier: %w", err)
	}
	req.RequestID = r.o.Home.ResourceID() + "-" + base32.StdEncoding.EncodeToString(b[:])
	req.From, req.HasFrom, req.Release = r.self(), true, "3"
	res, err := r.o.Sender.Send(ctx, r.o.URL, r.o.Registrar, req)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", doing, err)
	case res == nil:
		return nil, fmt.Errorf("%s: no answer", doing)
	}
	return res, nil
}

// look retrieves the own <remoteCSE>; nil if the registrar has none.
func (r *Registree) look(ctx context.Context) (onem2m.Object, error) {
	address := r.Entry()
	if address == "" {
		address = r.guess()
	}
	have, err := r.retrieve(ctx, "look at the registration", address)
	if code := codeOf(err); code == onem2m.NotFound || code == onem2m.OriginatorHasNoPrivilege || code == onem2m.OriginatorNotAuthenticated {
		return nil, nil // gone, or another's resource, or the registrar doesn't know this CSE
	}
	if err != nil || !r.own(have) {
		return nil, err
	}
	r.setEntry(address)
	return have, nil
}

func (r *Registree) retrieve(ctx context.Context, doing, address string) (onem2m.Object, error) {
	res, err := r.ask(ctx, doing, onem2m.OK, &onem2m.Request{Operation: onem2m.Retrieve, To: address})
	if err != nil {
		return nil, err
	}
	if res.Content == nil {
		return nil, fmt.Errorf("%s: an answer without content", doing)
	}
	attrs, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return attrs, nil
}

// own reports whether a <remoteCSE> stands for this CSE.
func (r *Registree) own(attrs onem2m.Object) bool {
	csi, _ := attrs.Text("csi")
	id, _, err := r.o.Home.ParseID(csi)
	return err == nil && id == r.o.Home.ID() && attrs.Has("cb")
}

// join creates the <remoteCSE> at the registrar (C-212). A name that is taken is
// left to the registrar; a registration that is there already, under a name
// that this CSE doesn't remember, is looked for.
func (r *Registree) join(ctx context.Context) (onem2m.Object, error) {
	attrs := r.described() // descendants are told when the CSE is registered: they are no reason to refuse that
	attrs.Delete("esi")    // likewise
	attrs.Set("rn", onem2m.TextValue(r.o.Home.ResourceID()))
	have, err := r.create(ctx, attrs)
	if codeOf(err) == onem2m.Conflict {
		attrs.Delete("rn")
		have, err = r.create(ctx, attrs)
	}
	if codeOf(err) == onem2m.OriginatorHasAlreadyRegistered {
		if found := r.search(ctx); found != nil {
			return found, nil
		}
	}
	return have, err
}

// described are the attributes of the registration as they should be, but for
// those that change by themselves.
func (r *Registree) described() onem2m.Object {
	attrs := onem2m.Object{
		{Name: "csi", Value: onem2m.TextValue(r.self())},
		{Name: "cb", Value: onem2m.TextValue(r.self() + "/" + r.o.Home.Name)},
		{Name: "cst", Value: onem2m.IntValue(int64(r.o.Self.Type))},
		{Name: "et", Value: onem2m.TimeValue(onem2m.TimestampOf(r.o.Now().Add(lifetime)))},
	}
	return append(attrs, r.changing()...)
}

// changing are the attributes that an UPDATE keeps up to date (C-218).
func (r *Registree) changing() onem2m.Object {
	attrs := onem2m.Object{
		{Name: "rr", Value: onem2m.BoolValue(len(r.o.Self.Points) > 0)},
		{Name: "srv", Value: onem2m.TextsValue(r.o.Self.Releases)},
		{Name: "csz", Value: onem2m.TextsValue([]string{"application/json"})},
	}
	if len(r.o.Self.Points) > 0 {
		attrs.Set("poa", onem2m.TextsValue(r.o.Self.Points))
	}
	if info := r.o.Local.EndToEnd(); info != nil {
		attrs.Set("esi", info)
	}
	return attrs
}

func (r *Registree) create(ctx context.Context, attrs onem2m.Object) (onem2m.Object, error) {
	ty := int64(onem2m.TypeRemoteCSE)
	res, err := r.ask(ctx, "register", onem2m.Created, &onem2m.Request{
		Operation: onem2m.Create, To: r.base(), Type: &ty,
		Content: &onem2m.Content{Name: contentName, Value: attrs.Append(nil)},
	})
	if err != nil {
		return nil, err
	}
	address := r.guess()
	have := attrs.Clone()
	if res.Content != nil && res.Content.Name == contentName {
		if have, err = onem2m.ParseObject(res.Content.Value); err != nil {
			return nil, fmt.Errorf("register: %w", err)
		}
	}
	if ri, ok := have.Text("ri"); ok && ri != "" {
		address = ri
		if !strings.HasPrefix(ri, "/") {
			address = Widened(r.o.Registrar, r.o.Home, r.o.Registrar) + "/" + ri
		}
	}
	r.setEntry(address)
	return have, nil
}

// search finds the own <remoteCSE> among those that this CSE may see at the
// registrar; nil if it isn't there.
func (r *Registree) search(ctx context.Context) onem2m.Object {
	usage, limit := int64(1), int64(maxFound)
	res, err := r.ask(ctx, "search the registration", onem2m.OK, &onem2m.Request{
		Operation: onem2m.Retrieve, To: r.base(),
		Filter: &onem2m.FilterCriteria{FilterUsage: &usage, Limit: &limit, Types: []onem2m.ResourceType{onem2m.TypeRemoteCSE}},
	})
	if err != nil || res.Content == nil {
		return nil
	}
	list, ok := onem2m.TextsOf(res.Content.Value)
	if !ok {
		return nil
	}
	for _, address := range list[:min(len(list), maxFound)] {
		if !strings.HasPrefix(address, "/") {
			address = Widened(r.o.Registrar, r.o.Home, r.o.Registrar) + "/" + address
		}
		if have, err := r.retrieve(ctx, "search the registration", address); err == nil && r.own(have) {
			r.setEntry(address)
			return have
		}
	}
	return nil
}

// refresh updates what the registrar has and shouldn't, and renews the
// registration when half of its life is over (C-218). The renewal goes first and
// alone, and descendants that the registrar doesn't take leave all else as it is.
func (r *Registree) refresh(ctx context.Context, have onem2m.Object) error {
	now := onem2m.TimestampOf(r.o.Now())
	if et, err := onem2m.ParseTimestamp(textOf(have, "et")); err != nil || et < now+onem2m.Timestamp(lifetime.Microseconds()/2) {
		until := onem2m.TimeValue(now + onem2m.Timestamp(lifetime.Microseconds()))
		if err := r.change(ctx, onem2m.Object{{Name: "et", Value: until}}); err != nil {
			return err
		}
	}
	want := r.changing()
	r.compare(ctx, have, want)
	if err := r.change(ctx, differing(have, want, "rr", "srv", "csz", "poa")); err != nil {
		return err
	}
	r.agreed = want
	err := r.change(ctx, differing(have, want, "esi")) // E-16, E-21
	if codeOf(err) != 0 {
		r.o.Log.WarnContext(ctx, "the registrar doesn't take what this CSE does end to end", "registrar", r.o.Registrar, "err", err)
	} else if err != nil {
		return err
	}
	return r.tellDescendants(ctx, have)
}

// compare warns when the registrar has other points of access of this CSE than
// both agreed on: two CSEs with one CSE-ID and one certificate would take each
// other's place in turn, and neither would see why requests are lost.
func (r *Registree) compare(ctx context.Context, have, want onem2m.Object) {
	if r.agreed == nil || len(differing(r.agreed, want, "rr", "poa")) > 0 || len(differing(have, want, "rr", "poa")) == 0 {
		return
	}
	r.strayed++
	if r.strayed&(r.strayed-1) != 0 {
		return // told fewer and fewer times
	}
	points, _ := have.Texts("poa")
	r.o.Log.WarnContext(
		ctx, "somebody has changed the registration of this CSE; is there another one with its CSE-ID and certificate?",
		"cse", r.o.Home.ID(), "registrar", r.o.Registrar, "poa", points, "own", r.o.Self.Points, "times", r.strayed,
	)
}

// differing returns what of some attributes the registrar should be told.
func differing(have, want onem2m.Object, names ...string) onem2m.Object {
	change := onem2m.Object{}
	for _, name := range names {
		switch value := want.Get(name); {
		case value == nil && have.Has(name):
			change.Set(name, []byte("null"))
		case value != nil && !same(name, have, want):
			change.Set(name, value)
		}
	}
	return change
}

// change updates the registration, if there is anything to change.
func (r *Registree) change(ctx context.Context, change onem2m.Object) error {
	if len(change) == 0 {
		return nil
	}
	_, err := r.ask(ctx, "update the registration", onem2m.Updated, &onem2m.Request{
		Operation: onem2m.Update, To: r.Entry(), Content: &onem2m.Content{Name: contentName, Value: change.Append(nil)},
	})
	return err
}

func textOf(o onem2m.Object, name string) string { s, _ := o.Text(name); return s }

// same compares an attribute: lists without regard to order.
func same(name string, have, want onem2m.Object) bool {
	if name == "esi" {
		a, b := have.Get(name).Clone(), want.Get(name).Clone()
		return a.Canonicalize() == nil && b.Canonicalize() == nil && string(a) == string(b)
	}
	if name == "rr" {
		a, okA := have.Bool(name)
		b, okB := want.Bool(name)
		return okA && okB && a == b
	}
	a, okA := have.Texts(name)
	b, okB := want.Texts(name)
	if !okA || !okB {
		return false
	}
	if name != "poa" { // the order of points of access matters
		slices.Sort(a)
		slices.Sort(b)
	}
	return slices.Equal(a, b)
}

// describe reads what the registrar says of itself and makes the attributes of
// the local <remoteCSE> of it (C-214). The URL that the operator gave comes
// first: it works.
func (r *Registree) describe(ctx context.Context) (onem2m.Object, error) {
	have, err := r.retrieve(ctx, "read the registrar's <CSEBase>", r.base())
	if err != nil {
		return nil, err
	}
	csi, _ := have.Text("csi")
	if id, _, err := atSP(r.o.Registrar.SP()).ParseID(csi); err != nil || id != r.o.Registrar {
		return nil, fmt.Errorf("the CSE at %s is %q, not %s", r.o.URL, csi, r.o.Registrar)
	}
	points := []string{r.o.URL}
	more, _ := have.Texts("poa")
	plain := !secure(r.o.URL) // else the registrar is never asked without TLS
	for _, p := range more {
		if !slices.Contains(points, p) && (secure(p) || plain && (strings.HasPrefix(p, "http://") || strings.HasPrefix(p, "ws://"))) && len(points) < maxPoints {
			points = append(points, p)
		}
	}
	name, _ := have.Text("rn")
	if !onem2m.ValidName(name) {
		name = "-"
	}
	id := Widened(r.o.Registrar, r.o.Home, r.o.Registrar)
	attrs := onem2m.Object{
		{Name: "csi", Value: onem2m.TextValue(id)},
		{Name: "cb", Value: onem2m.TextValue(id + "/" + name)},
		{Name: "rr", Value: onem2m.BoolValue(true)},
		{Name: "poa", Value: onem2m.TextsValue(points)},
	}
	for _, name := range []string{"cst", "srv", "csz", "esi"} {
		if v := have.Get(name); v != nil {
			attrs.Set(name, v)
		}
	}
	if list, _ := have.Texts("lbl"); !tops(attrs) {
		if i := slices.IndexFunc(list, func(label string) bool { return strings.HasPrefix(label, CentralLabel) }); i >= 0 {
			attrs.Set("lbl", onem2m.TextsValue(list[i:i+1]))
		}
	}
	if !attrs.Has("srv") {
		attrs.Set("srv", onem2m.TextsValue([]string{"1"})) // mandatory since Release 2
	}
	return attrs, nil
}

// CentralLabel begins the label with the CSE-ID of the IN-CSE, by which a registrar
// that is none tells its registrees, in its <CSEBase>: they need it for AE-IDs that are
// valid in the whole SP, and the text has no attribute for it.
const CentralLabel = "IN-CSE-ID:"

// tops reports whether the registrar is the IN-CSE, as far as it tells.
func tops(registrar onem2m.Object) bool {
	kind, _ := registrar.Int("cst")
	return kind == 1
}

// maxPoints bounds the points of access that are taken from a registrar.
const maxPoints = 8

// atSP reads identifiers as a CSE of another SP writes them.
func atSP(sp string) onem2m.Home { return onem2m.Home{SP: sp} }

// secure reports whether a point of access is one over TLS.
func secure(point string) bool {
	return strings.HasPrefix(point, "https://") || strings.HasPrefix(point, "wss://")
}
