package cse

import (
	"strings"
	"testing"

	"bulwark/onem2m"
)

func TestAE_C310_WhoSaysWhereItIsGetsWhatRestsForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		var list []string
		for _, targets := range w.hastened {
			list = append(list, targets...)
		}
		w.hastened = nil
		return " " + strings.Join(list, " ") + " "
	}
	told := func(what string, want bool) {
		t.Helper()
		list := heard()
		for _, spelling := range []string{"Cdev01", "cse-in/dev", "/id-in/Cdev01", "//m2m.example/id-in/cse-in/dev"} {
			if strings.Contains(list, " "+spelling+" ") != want {
				t.Errorf("%s: %s is hastened: %v, want %v", what, spelling, !want, want)
			}
		}
	}
	w.register("Cdev01", "dev")
	told("a registration", true)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/dev", from: "Cdev01", body: `{"m2m:ae":{"lbl":["x"]}}`})
	told("another change", false)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/dev", from: "Cdev01", body: `{"m2m:ae":{"poa":["http://192.0.2.7:9000"]}}`})
	told("a new point of access", true)
}
