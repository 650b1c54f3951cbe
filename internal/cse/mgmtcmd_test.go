package cse

import (
	"testing"

	"bulwark/onem2m"
)

func TestMgmtCmd_Runs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := func(body string) ask {
		return ask{op: "C12", to: "cse-in", from: "CAdmin", body: `{"m2m:mgc":` + body + `}`}
	}
	u := func(to, body string) ask {
		return ask{op: "U", to: "cse-in/" + to, from: "CAdmin", body: `{"m2m:mgc":` + body + `}`}
	}
	w.follow(t, []step{
		{name: "C-420 an unknown command", ask: c(`{"cmt":8,"ext":"node1"}`), code: 6022},
		{name: "C-420 no command", ask: c(`{"ext":"node1"}`), code: 4000},
		{name: "C-420 no target", ask: c(`{"cmt":2}`), code: 4000},
		{name: "C-420 arguments of another command", ask: c(`{"cmt":2,"ext":"node1","exra":{"rst":[{}]}}`), code: 6023},
		{name: "C-420 arguments that don't exist", ask: c(`{"cmt":2,"ext":"node1","exra":{"any":[{}]}}`), code: 6023},
		{name: "C-420 a mandatory argument is missing", ask: c(`{"cmt":3,"ext":"node1","exra":{"uld":[{"ftyp":"f","url":"http://example.com/f"}]}}`), code: 6024},
		{name: "C-420 an UPDATE is looked at too", ask: c(`{"rn":"boot","cmt":2,"ext":"node1","exra":{"rbo":[{}]}}`), code: 2001, show: map[string]string{"exe": "false", "exm": "1"}},
		{name: "C-420 arguments of another command in an UPDATE", ask: u("boot", `{"exra":{"rst":[{}]}}`), code: 6023},
		{name: "C-420 the command stays", ask: u("boot", `{"cmt":1}`), code: 4000},
		{name: "C-421 the target may change before the first run", ask: u("boot", `{"ext":"node2"}`), code: 2004},
		{name: "C-420 no run without execEnable true", ask: u("boot", `{"exe":false}`), code: 2004},
		{name: "C-420 none yet", ask: ask{op: "R", to: "cse-in/boot?rcn=6", from: "CAdmin"}, code: 2000, body: `{"m2m:rrl":{"rrf":[]}}`},
		{name: "C-422 a run isn't created by request", ask: ask{op: "C8", to: "cse-in/boot", from: "CAdmin", body: `{"m2m:exin":{}}`}, code: 4005},
		{name: "C-420 a run", ask: u("boot", `{"exe":true}`), code: 2004},
		{name: "C-421 the target stays", ask: u("boot", `{"ext":"node3"}`), code: 4005},
		{name: "C-421 the mode stays", ask: u("boot", `{"exm":2}`), code: 4005},
	})
	run := w.child("cse-in/boot", onem2m.TypeExecInstance)
	if target, _ := run.Text("ext"); target != "node2" || string(run.Get("exs")) != "2" || !run.Has("exra") {
		t.Errorf("got %s", run.Append(nil))
	}
	to, _ := run.Text("ri")
	cancel := ask{op: "U", to: to, from: "CAdmin", body: `{"m2m:exin":{"exd":true}}`}
	w.follow(t, []step{
		{name: "C-422 a run is cancelled", ask: cancel, code: 2004, show: map[string]string{"exs": "5"}},
		{name: "C-422 once", ask: cancel, code: 6028},
		{name: "C-422 it goes", ask: ask{op: "D", to: to, from: "CAdmin"}, code: 2002},
		{name: "C-422 the command goes with its runs", ask: u("boot", `{"exe":true}`), code: 2004},
		{name: "C-422 at once", ask: ask{op: "D", to: "cse-in/boot", from: "CAdmin"}, code: 2002},
		{name: "C-420 a delayed command", ask: c(`{"rn":"late","cmt":1,"ext":"node1","exm":3,"exy":"PT5S"}`), code: 2001},
		{name: "C-420 waits", ask: u("late", `{"exe":true}`), code: 2004},
	})
	if run := w.child("cse-in/late", onem2m.TypeExecInstance); string(run.Get("exs")) != "1" {
		t.Errorf("got %s", run.Append(nil))
	}
}

func TestMgmtCmd_C420_OneRunForEachMemberOfAGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"n1", "n2"} {
		w.must(onem2m.Created, ask{op: "C14", to: "cse-in", from: "CAdmin", body: `{"m2m:nod":{"rn":"` + name + `","ni":"x"}}`})
	}
	w.must(onem2m.Created, ask{op: "C9", to: "cse-in", from: "CAdmin", body: `{"m2m:grp":{"rn":"g","mnm":5,"mid":["cse-in/n1","cse-in/n2"]}}`})
	w.must(onem2m.Created, ask{op: "C12", to: "cse-in", from: "CAdmin", body: `{"m2m:mgc":{"rn":"c","cmt":2,"ext":"cse-in/g"}}`})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/c", from: "CAdmin", body: `{"m2m:mgc":{"exe":true}}`})
	if got := w.count("cse-in/c", onem2m.TypeExecInstance); got != 2 {
		t.Errorf("got %d runs, want 2", got)
	}
}
