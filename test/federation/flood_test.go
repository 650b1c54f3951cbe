package federation

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/test/harness"
)

// memoryUnderFlood bounds what a CSE may take while a registree floods it: what
// waits for one CSE, as large as a request may be, and the process itself.
const memoryUnderFlood = 256 << 20

// A registree sends more large requests than fit on the way to a CSE that doesn't
// answer, registrations in other names, and connections that say nothing.
func TestFaults_C076_AFloodTakesABoundedShare(t *testing.T) {
	t.Parallel()
	if !harness.Slow() {
		t.Skip("it takes a while: BULWARK_SLOW=1 runs it")
	}
	s := newProvider(t, "//m2m.example")
	in := s.in.process(t)
	stuck, way := s.over(t, "/id-stuck", "cse-stuck")
	good := s.below(s.in, "mn", "/id-good", "cse-good")
	stuck.start()
	good.start()
	stuck.joined(s.in)
	good.joined(s.in)
	s.in.open(t, "box", "/id-good/Cvisitor")
	good.plain.Make(t, "Cvisitor", "/cse-good", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	trust := s.authority.Client(s.authority.CSE("/id-flood"))
	flooder := harness.NewClient(t, s.in.url(), trust, 1)
	flooder.Create(t, "/id-flood", "/cse-in", 16, `{"m2m:csr":{"cb":"/id-flood/cse-flood","csi":"/id-flood","rr":false,"srv":["3"]}}`).Expect(t, 2001, 201)
	before := in.Resident()

	way.set(holds)
	defer way.set(passes)
	large := `{"m2m:cin":{"con":"` + strings.Repeat("x", 900<<10) + `"}}`
	var group sync.WaitGroup
	answered := 0
	for i := range 600 {
		group.Go(func() {
			_, err := flooder.Do(t.Context(), harness.Request{
				Method: "POST", Target: "/~/id-stuck/cse-stuck/box", From: fmt.Sprintf("/id-flood/Cx%d", i), Type: 4, Body: large,
				Header: map[string][]string{"X-M2M-RET": {"8000"}},
			})
			_ = err // a connection too many may be refused
		})
		if i%10 == 0 {
			a, err := flooder.Do(t.Context(), harness.Request{
				Method: "POST", Target: "/cse-in", From: fmt.Sprintf("/id-flood%d", i), Type: 16, Body: fmt.Sprintf(`{"m2m:csr":{"cb":"/id-flood%d/c","csi":"/id-flood%d","rr":false}}`, i, i),
			})
			if err == nil { // likewise
				answered++
				if a.RSC != 4106 {
					t.Errorf("S-122: registered in another name: %s", a)
				}
			}
		}
	}
	if answered == 0 {
		t.Error("nobody was told that a registration in another name is refused")
	}
	var most int64
	fastest := time.Hour
	for range 30 {
		fastest = min(fastest, harness.Took(func() {
			good.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box").Expect(t, 2000, 200)
			s.in.plain.Get(t, "CAdmin", "/cse-in").Expect(t, 2000, 200)
		}))
		most = max(most, in.Resident()-before)
		time.Sleep(100 * time.Millisecond)
	}
	group.Wait()
	t.Logf("others waited %s at the least, and %d MiB were in use beyond %d", fastest, most>>20, before>>20)
	if fastest > 2*time.Second {
		t.Errorf("others waited %s at the least", fastest)
	}
	if most > memoryUnderFlood {
		t.Errorf("%d MiB are in use", most>>20)
	}
}
