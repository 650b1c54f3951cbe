package cse

import (
	"testing"

	"bulwark/onem2m"
)

func TestForeign_A66_ACSESaysWhoItsOwnAEsAreAndNoOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for aei, want := range map[string]onem2m.ID{
		"Cx":                       "//m2m.example/id-mn/Cx",
		"/id-mn/Cx":                "//m2m.example/id-mn/Cx",
		"Swide1":                   "//m2m.example/Swide1",
		"/id-in/Cx":                "",
		"//far.example/id-far/Cx":  "",
		"//m2m.example/id-other/C": "",
	} {
		f, err := w.c.readForeign("//m2m.example/id-mn", &onem2m.Content{Name: "m2m:ae", Value: onem2m.Object{{Name: "aei", Value: onem2m.TextValue(aei)}}.Append(nil)})
		switch {
		case want == "" && err == nil:
			t.Errorf("A-66 %s is %s", aei, f.entity)
		case want != "" && (err != nil || f.entity != want):
			t.Errorf("A-66 %s: %v", aei, err)
		}
	}
}
