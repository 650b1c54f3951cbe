package cse

import (
	"testing"

	"bulwark/onem2m"
)

func TestDelete_GenericProcedure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.container("Capp01", "cse-in/app", "c1", `"lbl":["a"]`)
	w.container("Capp01", "cse-in/app/c1", "inner", "")
	w.instance("Capp01", "cse-in/app/c1", "i1", "one")
	w.instance("Capp01", "cse-in/app/c1", "i2", "two")
	w.policy("Cother1", "cse-in/other", "all", `{"acor":["all"],"acop":63}`)
	inner := w.ri("cse-in/app/c1/inner")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"acpi":["cse-in/other/all"]}}`})
	w.follow(t, []step{
		{name: "C-223 an UPDATE of it without content", ask: ask{op: "U", to: "cse-in", from: "CAdmin"}, code: 4000},
		{name: "C-223 an UPDATE of it", ask: ask{op: "U", to: "cse-in", from: "CAdmin", body: `{"m2m:cb":{}}`}, code: 4005},
		{name: "C-123 CSEBase", ask: ask{op: "D", to: "cse-in", from: "CAdmin"}, code: 4005},
		{name: "C-123 CSEBase by its resourceID", ask: ask{op: "D", to: "id-in", from: "CAdmin"}, code: 4005},
		{name: "C-123 CSEBase as -", ask: ask{op: "D", to: "-", from: "CAdmin"}, code: 4005},
		{name: "C-125 condition that doesn't hold", ask: ask{op: "D", to: "cse-in/app/c1?lbl=b", from: "Capp01"}, code: 4004},
		{name: "C-031 content", ask: ask{op: "D", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{}}`}, code: 4000},
		{name: "C-035 rcn 9", ask: ask{op: "D", to: "cse-in/app/c1?rcn=9", from: "Capp01"}, code: 4000},
		{name: "C-142 rcn 7", ask: ask{op: "D", to: "cse-in/app/c1?rcn=7", from: "Capp01"}, code: 4000},
		{name: "no privilege", ask: ask{op: "D", to: "cse-in/app/c1", from: "Cother1"}, code: 4103},
		{name: "no privilege by resourceID either", ask: ask{op: "D", to: inner, from: "Cother1"}, code: 4103},
		{name: "C-122 C-243 counters follow", ask: ask{op: "D", to: "cse-in/app/c1/i1", from: "Capp01"}, code: 2002, body: "none"},
		{name: "C-122 C-243 stateTag stays", ask: ask{op: "R", to: "cse-in/app/c1", from: "Capp01"}, code: 2000, show: map[string]string{"cni": "1", "cbs": "3", "st": "2"}},
		{name: "C-124 rcn 6", ask: ask{op: "D", to: "cse-in/app/c1/i2?rcn=6", from: "Capp01"}, code: 2002, body: `{"m2m:rrl":{"rrf":[]}}`},
		{name: "C-124 C-125 rcn 1 and a condition that holds", ask: ask{op: "D", to: "cse-in/app/c1/inner?rcn=1&ty=3", from: "Capp01"}, code: 2002, show: map[string]string{"rn": `"inner"`, "cni": "0"}},
		{name: "C-121 it is gone", ask: ask{op: "R", to: inner, from: "CAdmin"}, code: 4004},
	})
	w.instance("Capp01", "cse-in/app/c1", "i3", "three")
	policy := w.ri("cse-in/other/all")
	w.follow(t, []step{
		{name: "C-124 C-127 rcn 8 shows the children as they were", ask: ask{op: "D", to: "cse-in/app/c1?rcn=8", from: "Capp01"}, code: 2002, show: map[string]string{"m2m:cin": "*", "rn": ""}},
		{name: "C-121 descendants go with it", ask: ask{op: "R", to: "cse-in/app/c1/i3", from: "CAdmin"}, code: 4004},
		{name: "C-128 a policy that is linked can go", ask: ask{op: "D", to: "cse-in/other/all", from: "Cother1"}, code: 2002},
		{name: "C-128 the link stays, and grants nothing", ask: ask{op: "R", to: "cse-in/app", from: "CAdmin"}, code: 2000, show: map[string]string{"acpi": `["` + policy + `"]`}},
		{name: "C-128 A-43 not even to the creator", ask: ask{op: "R", to: "cse-in/app", from: "Capp01"}, code: 4103},
	})
}

func TestDelete_C127_PrivilegeOnTheTargetIsEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cguest1", "guest")
	w.policy("Capp01", "cse-in/app", "guests", `{"acor":["Cguest1"],"acop":1}`)
	w.container("Capp01", "cse-in/app", "c1", `"acpi":["cse-in/app/guests"]`)
	w.container("Cguest1", "cse-in/app/c1", "theirs", "")
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/app/c1/theirs", from: "Capp01"})
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app", from: "Capp01"})
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/c1/theirs", from: "CAdmin"})
}
