package recall_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/dynauth/recall"
	"bulwark/onem2m"
)

func item() recall.Item {
	return recall.Item{TokenID: "t1@das.m2m.example", Until: 1_900_000_000_000_000, Originator: "//m2m.example/id-in/CLamp", Target: "//m2m.example/id-in/cnt1", Because: "by the operator"}
}

const at = onem2m.Timestamp(1_800_000_000_000_000)

func TestMessage_IsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	lifted := item()
	lifted.Lifted, lifted.Target, lifted.Because = true, "", ""
	long := item()
	long.Because = strings.Repeat("ü", 150)
	text, err := (&recall.Message{At: at, Items: []recall.Item{item(), lifted, long}}).Text()
	if err != nil {
		t.Fatal(err)
	}
	got, err := recall.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	long.Because = strings.Repeat("ü", 100)
	if diff := cmp.Diff(&recall.Message{At: at, Items: []recall.Item{item(), lifted, long}}, got); diff != "" {
		t.Error(diff)
	}
	content := recall.Content("a.b.c")
	if text, err := recall.TokenOf(content.Value); err != nil || text != "a.b.c" || content.Name != recall.Root {
		t.Errorf("%v %q %v", content, text, err)
	}
	for _, bad := range []string{`[]`, `{}`, `{"tkn":1}`, `{"tkn":"a.b.c","x":1}`} {
		if _, err := recall.TokenOf([]byte(bad)); err == nil || onem2m.AsError(err).Code != onem2m.BadRequest {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestMessage_WhatIsNotUnderstoodCountsForNothing(t *testing.T) {
	t.Parallel()
	good := `{"tkid":"t1@d.example","until":"20260302T100000","or":"//m2m.example/id-in/CLamp"}`
	with := func(items string) string { return `{"at":"20260302T100000","rcl":[` + items + `]}` }
	if _, err := recall.Parse(with(good)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"no object":                     `[]`,
		"nothing":                       `{}`,
		"no time of it":                 `{"rcl":[` + good + `]}`,
		"an empty list":                 with(""),
		"more than a message has":       with(strings.Repeat(good+",", recall.MaxItems) + good),
		"a member that nobody knows":    strings.Replace(with(good), `"at"`, `"all":true,"at"`, 1),
		"a member of an item":           with(strings.Replace(good, `"or"`, `"all":true,"or"`, 1)),
		"no Token-ID":                   with(strings.Replace(good, `t1@d.example`, ``, 1)),
		"no end":                        with(strings.Replace(good, `20260302T100000`, `soon`, 1)),
		"an originator that is not all": with(strings.Replace(good, `//m2m.example/id-in/CLamp`, `CLamp`, 1)),
		"a resource without end":        with(strings.Replace(good, `"or"`, `"trid":"`+strings.Repeat("x", onem2m.MaxAddress+1)+`","or"`, 1)),
	} {
		if got, err := recall.Parse(text); err == nil || onem2m.AsError(err).Code != onem2m.BadRequest {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestMarks_AnAnswerCountsOnlyIfItWasNotCalledBackMeanwhile(t *testing.T) {
	t.Parallel()
	var m recall.Marks
	const das, who = onem2m.ID("//m2m.example/Sdas"), onem2m.ID("//m2m.example/id-in/CLamp")
	before := m.Turn()
	m.Note(das, who, "x")
	if !m.Since(before, das, who, "x") {
		t.Error("what was called back counts")
	}
	for name, got := range map[string]bool{
		"asked later":        m.Since(m.Turn(), das, who, "x"),
		"another server":     m.Since(before, "//m2m.example/Sother", who, "x"),
		"another originator": m.Since(before, das, who+"2", "x"),
		"another resource":   m.Since(before, das, who, "y"),
	} {
		if got {
			t.Errorf("%s: it doesn't count", name)
		}
	}
	for range 10_001 {
		m.Note(das, who, fmt.Sprint("z", m.Turn()))
	}
	if !m.Since(before, das, who, "x") || !m.Since(before, das, who, "y") {
		t.Error("what is forgotten counts as not called back")
	}
	if m.Since(m.Turn(), das, who, "x") {
		t.Error("what is asked now doesn't count")
	}
}

func FuzzParse(f *testing.F) {
	text, err := (&recall.Message{At: at, Items: []recall.Item{item()}}).Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(`{"at":"20260302T100000","rcl":[{"tkid":"a","until":"20260302T100000,5","or":"//m2m.example/S1","lift":true}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := recall.Parse(text)
		if err != nil {
			return
		}
		again, err := m.Text()
		if err != nil {
			t.Fatal(err)
		}
		got, err := recall.Parse(again)
		if diff := cmp.Diff(m, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	})
}
