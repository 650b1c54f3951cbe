package cse

import "testing"

func TestMultimediaSession_C267_AgreementOfTwoAEs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Cother1", "other")
	w.follow(t, []step{
		{name: "an AE with capabilities", ask: ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(`,"rn":"app","scp":["webrtc"]`)}, code: 2001},
		{name: "C-267 an AE without", ask: ask{op: "C46", to: "cse-in/other", from: "Cother1", body: `{"m2m:mms":{"soi":"Capp01","osd":{"sdc":["v=0"]}}}`}, code: 5214},
		{name: "C-267 a session", ask: ask{op: "C46", to: "cse-in/app", from: "Capp01", body: `{"m2m:mms":{"rn":"s","soi":"Cother1","osd":{"sdc":["v=0"]}}}`}, code: 2001, show: map[string]string{"sst": "1", "osd": `{"sdc":["v=0"]}`, "asd": ""}},
		{name: "C-267 of nobody", ask: ask{op: "C46", to: "cse-in/app", from: "Capp01", body: `{"m2m:mms":{"soi":"nobody","osd":{"sdc":["v=0"]}}}`}, code: 4000},
		{name: "C-031 nothing is accepted at the beginning", ask: ask{op: "C46", to: "cse-in/app", from: "Capp01", body: `{"m2m:mms":{"soi":"Cother1","osd":{"sdc":["v=0"]},"asd":{"sdc":["v=0"]}}}`}, code: 4000},
		{name: "C-195 only below an AE", ask: ask{op: "C46", to: "cse-in", from: "CAdmin", body: `{"m2m:mms":{"soi":"Cother1","osd":{"sdc":["v=0"]}}}`}, code: 4108},
		{name: "C-267 an offer changes before", ask: ask{op: "U", to: "cse-in/app/s", from: "Capp01", body: `{"m2m:mms":{"osd":{"sdc":["v=1"]}}}`}, code: 2004},
		{name: "C-267 accepted, and online at once", ask: ask{op: "U", to: "cse-in/app/s", from: "Capp01", body: `{"m2m:mms":{"asd":{"sdc":["v=1"]},"sst":2}}`}, code: 2004, show: map[string]string{"sst": "2"}},
		{name: "C-267 no other offer now", ask: ask{op: "U", to: "cse-in/app/s", from: "Capp01", body: `{"m2m:mms":{"osd":{"sdc":["v=2"]}}}`}, code: 5215},
		{name: "C-267 nothing else is accepted", ask: ask{op: "U", to: "cse-in/app/s", from: "Capp01", body: `{"m2m:mms":{"asd":{"sdc":["v=2"]},"sst":2}}`}, code: 5215},
		{name: "C-267 anything else", ask: ask{op: "U", to: "cse-in/app/s", from: "Capp01", body: `{"m2m:mms":{"lbl":["x"],"sst":2}}`}, code: 2004},
		{name: "C-267 another offer with the end of the session", ask: ask{op: "U", to: "cse-in/app/s", from: "Capp01", body: `{"m2m:mms":{"osd":{"sdc":["v=2"]},"sst":1}}`}, code: 2004, show: map[string]string{"sst": "1"}},
		{name: "C-267 and after it", ask: ask{op: "U", to: "cse-in/app/s", from: "Capp01", body: `{"m2m:mms":{"osd":{"sdc":["v=3"]}}}`}, code: 2004},
	})
}
