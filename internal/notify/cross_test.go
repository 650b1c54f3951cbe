package notify

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func TestCross_C322_C326_EveryTargetIsToldByTheRulesOfASubscription(t *testing.T) {
	t.Parallel()
	const attributes = `"nu":["Cx","` + urlA + `","/id-far/Cy","//far.example/id-b/Cz"],"nec":4,"exc":2,"cr":"Cx"`
	for _, tt := range []struct {
		name     string
		schedule string
		held     int
	}{
		{"C-322 at once", "", 0},
		{"C-326 a schedule holds it back", "* * 3 * * * *", heldBack},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			sub := b.subscribe("crs1", attributes)
			if tt.schedule != "" {
				s, err := onem2m.ParseSchedule(tt.schedule)
				if err != nil {
					t.Fatal(err)
				}
				b.engine.Schedule("crs1", onem2m.TypeCrossResourceSubscription, []*onem2m.Schedule{s})
			}
			b.update(func(tx store.Tx) error { return b.engine.Cross(tx, sub) })
			got := map[string]string{}
			for _, d := range b.queued() {
				got[d.Target] = string(d.Payload)
				if d.Held != tt.held || d.Category != 4 || d.Final || d.Subscription != "crs1" {
					t.Errorf("%s: %+v", d.Target, d)
				}
			}
			const near = `{"m2m:sgn":{"sur":"/id-in/crs1"}}`
			want := map[string]string{"Cx": near, urlA: near, "/id-far/Cy": near, "//far.example/id-b/Cz": `{"m2m:sgn":{"sur":"//m2m.example/id-in/crs1"}}`}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
