package cse

import (
	"testing"

	"bulwark/onem2m"
)

// What a search by labels finds is judged in its place: below what the originator
// may not see, below an inactive AE, in a container that hides its instances.
func TestSearch_C148_ALabelledResourceIsJudgedInItsPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cguest1", "guest")
	w.policy("Capp01", "cse-in/app", "guests", `{"acor":["Capp01"],"acop":63},{"acor":["Cguest1"],"acop":34}`)
	open := `"acpi":["cse-in/app/guests"]`
	w.container("Capp01", "cse-in/app", "root", open)
	w.container("Capp01", "cse-in/app/root", "closed", "")
	w.container("Capp01", "cse-in/app/root/closed", "below", `"lbl":["a"],`+open)
	w.container("Capp01", "cse-in/app/root", "z", `"lbl":["b","a"],`+open)
	w.container("Capp01", "cse-in/app/root/z", "silent", `"disr":true,`+open)
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/root/z/silent", from: "Capp01", body: `{"m2m:cin":{"rn":"i","con":"x","lbl":["a"]}}`})
	w.container("Capp01", "cse-in/app", "beside", `"lbl":["a"],`+open)

	for _, c := range []struct{ name, query, want string }{
		{"discovery finds what lies below what is closed", "fu=1&lbl=a", uril("cse-in/app/root/closed/below", "cse-in/app/root/z")},
		{"a resource with both labels comes once", "fu=1&lbl=a&lbl=b", uril("cse-in/app/root/closed/below", "cse-in/app/root/z")},
		{"a level is a limit", "fu=1&lbl=a&lvl=1", uril("cse-in/app/root/z")},
		{"a page is cut", "fu=1&lbl=a&ofst=2&lim=1", uril("cse-in/app/root/z")},
		{"a result doesn't", "rcn=6&lbl=a", `{"m2m:rrl":{"rrf":[{"nm":"z","typ":3,"val":"cse-in/app/root/z"}]}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := text(w.do(ask{op: "R", to: "cse-in/app/root?" + c.query, from: "Cguest1"})); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
