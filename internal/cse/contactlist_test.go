package cse

import (
	"fmt"
	"testing"
	"time"

	"bulwark/internal/contact"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// notifiable lets everybody send notifications to the CSE itself.
func notifiable(o *Options) {
	o.BasePolicy = []byte(`{"acr":[{"acor":["all"],"acop":63}]}`)
}

func mn(name string) *identity.Association {
	return certificate(identity.KindCSE, onem2m.ID("//m2m.example/"+name))
}

// registerCSE registers a CSE named so.
func (w *world) registerCSE(name string) {
	w.t.Helper()
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/" + name, assoc: mn(name), body: `{"m2m:csr":{"rn":"` + name + `","csi":"/` + name + `","cb":"/` + name + `/cse","rr":false,"srv":["3"]}}`})
}

func TestContactList_C210_IsTheCSEsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.follow(t, []step{
		{name: "C-210 an IN-CSE has it", ask: ask{op: "R", to: "cse-in/AEContactList", from: "CAdmin"}, code: 2000, show: map[string]string{"ty": "43", "nic": "0", "pi": `"id-in"`}},
		{name: "A-42 nobody else reads it", ask: ask{op: "R", to: "cse-in/AEContactList", from: "Capp01"}, code: 4103},
		{name: "C-210 nobody creates one", ask: ask{op: "C43", to: "cse-in", from: "CAdmin", body: `{"m2m:alst":{"rn":"x"}}`}, code: 4005},
		{name: "C-210 nor an entry of it", ask: ask{op: "C44", to: "cse-in/AEContactList", from: "CAdmin", body: `{"m2m:alpc":{}}`}, code: 4005},
		{name: "C-210 C-061 before anything is looked for", ask: ask{op: "C43", to: "cse-in/nothing", from: "CAdmin", body: `{"m2m:alst":{}}`}, code: 4005},
		{name: "C-210 nobody updates it", ask: ask{op: "U", to: "cse-in/AEContactList", from: "CAdmin", body: `{"m2m:alst":{"lbl":["x"]}}`}, code: 4005},
		{name: "C-210 nobody deletes it", ask: ask{op: "D", to: "cse-in/AEContactList", from: "CAdmin"}, code: 4005},
	})
	t.Run("C-210 another CSE has none", func(t *testing.T) {
		other := newWorld(t, func(o *Options) { o.Type = MN })
		other.must(onem2m.NotFound, ask{op: "R", to: "cse-in/AEContactList", from: "CAdmin"})
		other.must(onem2m.OperationNotAllowed, ask{op: "C43", to: "cse-in", from: "CAdmin", body: `{"m2m:alst":{}}`})
	})
}

func TestContactList_C210_KeepsWhatCSEsTellOfTheirReferences(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &world{t: t, home: onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}, clock: time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC)}
	w.open(dir, notifiable)
	w.registerCSE("id-mn")
	w.register("Capp01", "app")
	tell := func(from, body string, a *identity.Association) ask {
		return ask{op: "N", to: "cse-in", from: from, body: `{"m2m:sgn":{"aerid":true` + body + `}}`, assoc: a}
	}
	list := func(path string) ask {
		return ask{op: "R", to: "cse-in/AEContactList" + path, from: "CAdmin"}
	}
	w.follow(t, []step{
		{name: "C-210 a new reference", ask: tell("/id-mn", `,"tid1":null,"tid2":"/id-far/Cone01"`, mn("id-mn")), code: 2000},
		{name: "C-210 another", ask: tell("/id-mn", `,"tid2":"/Stwo01"`, mn("id-mn")), code: 2000},
		{name: "C-210 the same again", ask: tell("/id-mn", `,"tid2":"/Stwo01"`, mn("id-mn")), code: 2000},
		{name: "C-210 one CSE has told", ask: list(""), code: 2000, show: map[string]string{"nic": "1"}},
		{name: "C-210 what it told", ask: list("?fu=2&rcn=8"), code: 2000},
		{name: "A-69 an AE has nothing to tell", ask: tell("Capp01", `,"tid2":"/Stwo01"`, nil), code: 4103},
		{name: "A-69 nor a CSE for another", ask: tell("/id-mn/Cx01", `,"tid2":"/Stwo01"`, mn("id-mn")), code: 4103},
		{name: "C-210 of no AE", ask: tell("/id-mn", `,"tid2":"/id-far/cnt1"`, mn("id-mn")), code: 4000},
		{name: "C-210 in a form that says nothing elsewhere", ask: tell("/id-mn", `,"tid2":"Cone01"`, mn("id-mn")), code: 4000},
		{name: "C-210 of nothing at all", ask: tell("/id-mn", ``, mn("id-mn")), code: 4000},
	})
	entry := func(want string) {
		t.Helper()
		o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/AEContactList?rcn=8", from: "CAdmin"})
		entries, _ := o.Objects("m2m:alpc")
		if len(entries) != 1 || string(entries[0].Get("ail")) != want || string(entries[0].Get("csi")) != `"/id-mn"` {
			t.Errorf("C-210: got %s, want %s", o.Append(nil), want)
		}
	}
	entry(`["/id-far/Cone01","/Stwo01"]`)
	w.restart(dir, notifiable)
	w.follow(t, []step{
		{name: "C-210 a reference that changes", ask: tell("/id-mn", `,"tid1":"/id-far/Cone01","tid2":"/id-in/Cone01"`, mn("id-mn")), code: 2000},
	})
	entry(`["/Stwo01","/id-in/Cone01"]`)
	w.follow(t, []step{
		{name: "C-210 one that goes", ask: tell("/id-mn", `,"tid1":"/Stwo01","tid2":null`, mn("id-mn")), code: 2000},
		{name: "C-210 and the last", ask: tell("/id-mn", `,"tid1":"/id-in/Cone01"`, mn("id-mn")), code: 2000},
		{name: "C-210 no entry is left", ask: list("?rcn=6"), code: 2000, body: `{"m2m:rrl":{"rrf":[]}}`},
		{name: "C-210 nor counted", ask: list(""), code: 2000, show: map[string]string{"nic": "0"}},
	})
}

func TestTracking_A69_C210_AnAEMovesToAnotherRegistrar(t *testing.T) {
	t.Parallel()
	w := newWorld(t, notifiable)
	w.registerCSE("id-mn")
	w.registerCSE("id-far")
	w.register("Capp01", "app")
	w.register("Cmove1", "moving")
	moved := func(from, was, is string, a *identity.Association) ask {
		return ask{op: "N", to: "cse-in", from: from, body: `{"m2m:sgn":{"aerp":true,"tid1":"` + was + `","tid2":"` + is + `"}}`, assoc: a}
	}
	w.follow(t, []step{
		{name: "a policy names it", ask: ask{op: "C1", to: "cse-in/app", from: "Capp01", body: `{"m2m:acp":{"rn":"acp","pv":{"acr":[{"acor":["Cmove1","Capp01"],"acop":63}]},"pvs":{"acr":[{"acor":["Capp01"],"acop":63}]}}}`}, code: 2001},
		{name: "a container is for it", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1","acpi":["cse-in/app/acp"]}}`}, code: 2001},
		{name: "a group has it as a member", ask: ask{op: "C9", to: "cse-in/app", from: "Capp01", body: `{"m2m:grp":{"rn":"g","mnm":5,"mid":["Cmove1","Capp01"]}}`}, code: 2001},
		{name: "a subscription tells it", ask: ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:sub":{"rn":"s","nu":["http://app.example.com/n","Capp01"]}}`}, code: 2001},
		{name: "A-69 not told by an AE", ask: moved("Capp01", "/id-in/Cmove1", "/id-mn/Cmove1", nil), code: 4103},
		{name: "A-69 nor by a CSE that isn't the new registrar", ask: moved("/id-far", "/id-in/Cmove1", "/id-mn/Cmove1", mn("id-far")), code: 4103},
		{name: "A-69 nor by one that isn't registered", ask: moved("/id-new", "/id-in/Cmove1", "/id-new/Cmove1", mn("id-new")), code: 4103},
		{name: "A-69 nor of an AE of another stem", ask: moved("/id-mn", "/id-in/Cmove1", "/id-mn/Capp01", mn("id-mn")), code: 4103},
		{name: "C-210 without the CSEs", ask: moved("/id-mn", "/Smove1", "/id-mn/Smove1", mn("id-mn")), code: 4000},
		{name: "A-69 nothing has changed so far", ask: ask{op: "R", to: "cse-in/app/g", from: "Capp01"}, code: 2000, show: map[string]string{"mid": `["Cmove1","Capp01"]`}},
		{name: "A-69 an AE that doesn't want to be tracked stays", ask: moved("/id-mn", "/id-in/Cmove1", "/id-mn/Cmove1", mn("id-mn")), code: 4103},
		{name: "A-69 nor does one come that isn't here", ask: moved("/id-mn", "/id-in/Cnone1", "/id-mn/Cnone1", mn("id-mn")), code: 4103},
		{name: "A-69 nor one of another CSE that is known", ask: moved("/id-mn", "/id-far/Cmove1", "/id-mn/Cmove1", mn("id-mn")), code: 4103},
		{name: "A-69 nor one of the whole SP that isn't announced from there", ask: moved("/id-mn", "/id-far/Smove1", "/id-mn/Smove1", mn("id-mn")), code: 4103},
		{name: "A-69 it wants to be tracked", ask: ask{op: "U", to: "cse-in/moving", from: "Cmove1", body: `{"m2m:ae":{"trps":true}}`}, code: 2004},
		{name: "A-69 so does another one", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"trps":true}}`}, code: 2004},
		{name: "C-210 told by the new registrar", ask: moved("/id-mn", "/id-in/Cmove1", "/id-mn/Cmove1", mn("id-mn")), code: 2000},
		{name: "C-210 the policy follows", ask: ask{op: "R", to: "cse-in/app/c1", from: "/id-mn/Cmove1", assoc: mn("id-mn")}, code: 2000},
		{name: "C-210 and admits nobody under the old name", ask: ask{op: "R", to: "cse-in/app/c1", from: "Cmove1"}, code: 4103},
		{name: "C-210 the group follows", ask: ask{op: "R", to: "cse-in/app/g", from: "Capp01"}, code: 2000, show: map[string]string{"mid": `["/id-mn/Cmove1","Capp01"]`}},
		{name: "C-210 others stay", ask: ask{op: "R", to: "cse-in/app/c1/s", from: "Capp01"}, code: 2000, show: map[string]string{"nu": `["http://app.example.com/n","Capp01"]`}},
		{name: "C-210 C-208 the old registration is INACTIVE", ask: ask{op: "R", to: "cse-in/moving", from: "CAdmin"}, code: 2000, show: map[string]string{"regs": "2"}},
		{name: "C-210 told again", ask: moved("/id-mn", "/id-in/Cmove1", "/id-mn/Cmove1", mn("id-mn")), code: 2000},
	})
	if len(w.changed) != 0 {
		t.Errorf("C-210: %d subscriptions changed, want none", len(w.changed))
	}
	w.follow(t, []step{
		{name: "C-210 and the other moves too", ask: moved("/id-far", "/id-in/Capp01", "/id-far/Capp01", mn("id-far")), code: 2000},
		{name: "C-210 the subscription follows", ask: ask{op: "R", to: "cse-in/app/c1/s", from: "CAdmin"}, code: 2000, show: map[string]string{"nu": `["http://app.example.com/n","/id-far/Capp01"]`}},
	})
	if len(w.changed) != 1 {
		t.Errorf("C-210: %d subscriptions told of their new target, want 1", len(w.changed))
	}
	t.Run("A-69 an AE with a credential stays", func(t *testing.T) {
		w.register("Cbound", "bound")
		w.must(onem2m.Updated, ask{op: "U", to: "cse-in/bound", from: "Cbound", body: `{"m2m:ae":{"trps":true}}`})
		err := w.c.Store.Update(t.Context(), func(tx store.Tx) error {
			return tx.Bind(store.Binding{ID: "//m2m.example/id-in/Cbound", Credential: "30-a", Since: 1})
		})
		if err != nil {
			t.Fatal(err)
		}
		w.must(onem2m.OriginatorHasNoPrivilege, moved("/id-mn", "/id-in/Cbound", "/id-mn/Cbound", mn("id-mn")))
	})
	t.Run("C-084 a notification of no known kind", func(t *testing.T) {
		w.must(onem2m.BadRequest, ask{op: "N", to: "cse-in", from: "/id-mn", body: `{"m2m:sgn":{"aerp":true,"aerid":true,"tid1":"/id-in/Cx1","tid2":"/id-mn/Cx1"}}`, assoc: mn("id-mn")})
		w.must(onem2m.BadRequest, ask{op: "N", to: "cse-in", from: "/id-mn", body: `{"m2m:sgn":{"sur":"cse-in/x"}}`, assoc: mn("id-mn")})
	})
	t.Run("C-210 A-69 another CSE believes the IN-CSE", func(t *testing.T) {
		other := newWorld(t, notifiable, func(o *Options) { o.Type, o.Registrar = MN, "//m2m.example/id-top" })
		other.registerCSE("id-mn")
		other.register("Cmove1", "moving")
		top := mn("id-top")
		top.Upstream = true
		away := moved("/id-top", "/id-in/Cmove1", "/id-mn/Cmove1", top)
		other.must(onem2m.OriginatorHasNoPrivilege, moved("/id-mn", "/id-in/Cmove1", "/id-mn/Cmove1", mn("id-mn")))
		other.must(onem2m.OriginatorHasNoPrivilege, away)
		for _, kind := range []struct {
			cst  string
			code onem2m.StatusCode
		}{{"2", 4103}, {"1", 2000}} {
			if err := other.c.Unmirror(t.Context(), "cse-in/id-top"); err != nil {
				t.Fatal(err)
			}
			attrs, err := onem2m.ParseObject([]byte(`{"csi":"/id-top","cb":"/id-top/cse","rr":true,"poa":["http://top.example.com"],"cst":` + kind.cst + `,"srv":["3"]}`))
			if err != nil {
				t.Fatal(err)
			}
			if err := other.c.Mirror(t.Context(), attrs); err != nil {
				t.Fatal(err)
			}
			other.must(kind.code, away)
		}
		other.check(t, step{ask: ask{op: "R", to: "cse-in/moving", from: "CAdmin"}, code: 2000, show: map[string]string{"regs": "2"}})
		other.must(onem2m.OperationNotAllowed, ask{op: "N", to: "cse-in", from: "/id-mn", body: `{"m2m:sgn":{"aerid":true,"tid2":"/Stwo01"}}`, assoc: mn("id-mn")})
	})
}

// busyList is an IN-CSE that id-mn has told of so many AEs, and id-far of one.
func busyList(t *testing.T, names int) *world {
	t.Helper()
	w := newWorld(t, notifiable)
	w.registerCSE("id-mn")
	w.registerCSE("id-far")
	list := make([]string, names)
	for i := range list {
		list[i] = fmt.Sprintf("/id-far/C%d", i)
	}
	err := w.c.Store.Update(t.Context(), func(tx store.Tx) error {
		lists, err := tx.OfType(onem2m.TypeAEContactList, 0, 1)
		if err == nil {
			_, err = w.c.putContacts(tx, lists[0], "//m2m.example/id-mn", list)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.must(onem2m.OK, tellList("id-far", `"tid2":"/id-mn/Cone01"`))
	return w
}

func tellList(cse, ids string) ask {
	return ask{op: "N", to: "cse-in", from: "/" + cse, body: `{"m2m:sgn":{"aerid":true,` + ids + `}}`, assoc: mn(cse)}
}

// toggle has a CSE tell of a reference and take it back until that is refused, and
// returns how often that was taken.
func (w *world) toggle(cse string, most int) (taken int) {
	w.t.Helper()
	for taken < most {
		ids := `"tid2":"/id-far/Cflip1"`
		if taken%2 == 1 {
			ids = `"tid1":"/id-far/Cflip1"`
		}
		switch res := w.do(tellList(cse, ids)); res.Code {
		case onem2m.OK:
			taken++
		case onem2m.NotAcceptable:
			return taken
		default:
			w.t.Fatalf("got %d %s", res.Code, text(res))
		}
	}
	return taken
}

func TestContactList_A191_ANeighbourThatTogglesLeavesTheWriterToOthers(t *testing.T) {
	t.Parallel()
	const names = 5000
	w := busyList(t, names)
	most := maxListed/(2*names+leastListed) + 1
	if n := w.toggle("id-mn", 2*most); n > most || n < most-5 {
		t.Errorf("taken %d times, %d may be", n, most)
	}
	if n := w.toggle("id-far", 100); n != 100 {
		t.Errorf("another CSE was taken %d times", n)
	}
	w.advance(maxListed * listedPause)
	if n := w.toggle("id-mn", 4); n == 0 {
		t.Error("it is refused for good")
	}
}

func TestContactList_A191_TheListsOfOthersAreNotReadAgain(t *testing.T) {
	t.Parallel()
	w := busyList(t, 1000)
	note := func(from onem2m.ID, gone, come contact.Name) (work int) {
		t.Helper()
		err := w.c.Store.Update(t.Context(), func(tx store.Tx) (err error) {
			work, err = w.c.noteReference(tx, from, from, gone, come)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return work
	}
	if n := note("//m2m.example/id-far", "", "/id-mn/Ctwo01"); n != 3 {
		t.Errorf("%d names read and written", n)
	}
	if n := w.c.contactsBehind("//m2m.example/id-mn"); n != 1000 {
		t.Errorf("C-210 %d names of one neighbour", n)
	}
	note("//m2m.example/id-far", "/id-mn/Ctwo01", "")
	note("//m2m.example/id-far", "/id-mn/Cone01", "")
	if n := w.c.contactsBehind("//m2m.example/id-far"); n != 0 {
		t.Errorf("C-210 %d names after the last is gone", n)
	}
	w.check(t, step{ask: ask{op: "R", to: "cse-in/AEContactList", from: "CAdmin"}, code: 2000, show: map[string]string{"nic": "1"}})
}
