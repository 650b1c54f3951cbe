package cse

import (
	"testing"

	"go.uber.org/goleak"

	"bulwark/onem2m"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(counting{m}) }

// step is one request with what has to come of it. Steps of a list share a
// world and run one after the other.
type step struct {
	name string // ids and a sentence
	ask
	code onem2m.StatusCode
	show map[string]string // attributes of the answer as JSON; "" has to be absent
	body string            // the whole Content, or "none"
}

// follow runs steps.
func (w *world) follow(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) { w.check(t, s) })
	}
}

func (w *world) check(t *testing.T, s step) {
	t.Helper()
	res := w.do(s.ask)
	if res.Code != s.code {
		t.Fatalf("%s %s by %s %s: got %d %s, want %d", s.op, s.to, s.from, s.ask.body, res.Code, text(res), s.code)
	}
	switch {
	case s.body == "none" && res.Content != nil:
		t.Errorf("got %s, want no content", text(res))
	case s.body != "" && s.body != "none" && text(res) != s.body:
		t.Errorf("got %s, want %s", text(res), s.body)
	}
	if s.show == nil {
		return
	}
	if res.Content == nil {
		t.Fatalf("no content, want %v", s.show)
	}
	o, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range s.show {
		got := o.Get(name)
		if want == "*" && got != nil {
			continue
		}
		if string(got) != want {
			t.Errorf("%s: got %s, want %s in %s", name, got, want, text(res))
		}
	}
}

// uril is the Content of a discovery.
func uril(addresses ...string) string {
	return string((&onem2m.Content{Name: "m2m:uril", Value: onem2m.TextsValue(addresses)}).Append(nil))
}

// ri returns the resourceID of a resource, as the administrator sees it.
func (w *world) ri(to string) string {
	w.t.Helper()
	s, _ := w.must(onem2m.OK, ask{op: "R", to: to, from: "CAdmin"}).Text("ri")
	return s
}

// attribute returns one attribute of a resource as JSON, "" if there is none.
func (w *world) attribute(to, name string) string {
	w.t.Helper()
	return string(w.must(onem2m.OK, ask{op: "R", to: to, from: "CAdmin"}).Get(name))
}

// container makes a container with the given members besides its name.
func (w *world) container(from, parent, name, members string) {
	w.t.Helper()
	if members != "" {
		members = "," + members
	}
	w.must(onem2m.Created, ask{op: "C3", to: parent, from: from, body: `{"m2m:cnt":{"rn":"` + name + `"` + members + `}}`})
}

// instance makes a contentInstance.
func (w *world) instance(from, parent, name, content string) {
	w.t.Helper()
	w.must(onem2m.Created, ask{op: "C4", to: parent, from: from, body: `{"m2m:cin":{"rn":"` + name + `","con":"` + content + `"}}`})
}

// policy makes an <accessControlPolicy> in the AE or CSEBase; rules are those of
// privileges, the administrator's stand-in is the only one in selfPrivileges.
func (w *world) policy(from, parent, name, rules string) {
	w.t.Helper()
	w.must(onem2m.Created, ask{op: "C1", to: parent, from: from, body: `{"m2m:acp":{"rn":"` + name + `","pv":{"acr":[` + rules + `]},"pvs":{"acr":[{"acor":["` + from + `"],"acop":63}]}}}`})
}

// debugText returns the debug text of a refusal.
func debugText(res *onem2m.Response) string {
	if res.Content == nil || res.Content.Name != "m2m:dbg" {
		return ""
	}
	s, _ := onem2m.TextOf(res.Content.Value)
	return s
}
