package httpb_test

import (
	"bufio"
	"fmt"
	"testing"

	"bulwark/internal/binding/httpb"
)

func TestServer_TheRootIsTheServerWhereItHasNothingElse(t *testing.T) {
	t.Parallel()
	for root, want := range map[string]struct{ to, rsc string }{"": {"", "4000"}, "~/Sdas": {"/Sdas", "2000"}} {
		cse := &recorder{}
		c := dial(t, start(t, httpb.Options{Root: root}, cse))
		if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: Cx\r\nX-M2M-RI: r1\r\nX-M2M-RVI: 3\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		got, err := readAnswer(bufio.NewReader(c), "GET")
		if err != nil || got.rsc() != want.rsc {
			t.Errorf("%q: %v, %v", root, got, err)
		}
		if want.to != "" && cse.last(t).request.To != want.to {
			t.Errorf("%q: To is %q", root, cse.last(t).request.To)
		}
	}
}
