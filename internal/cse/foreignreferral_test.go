package cse

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func TestForeignReferral_A139_PointsOfAccessAreThoseOfTheOtherCSE(t *testing.T) {
	t.Parallel()
	there := onem2m.Home{SP: "//m2m.example", CSE: "/id-far"}
	for _, tt := range []struct {
		name, points string
		want         []string
	}{
		{"A-139 a URL stays", `["https://das.example/x"]`, []string{"https://das.example/x"}},
		{"A-139 an absolute name stays", `["//other.example/Sdas"]`, []string{"//other.example/Sdas"}},
		{"A-139 a name within the provider gets that of the other CSE", `["/Sdas"]`, []string{"//m2m.example/Sdas"}},
		{"A-139 a name within the CSE is one there", `["Cdas01","cse-far/das"]`, []string{"//m2m.example/id-far/Cdas01", "//m2m.example/id-far/cse-far/das"}},
		{"A-139 what names nothing is dropped", `["","https://das.example/x"]`, []string{"https://das.example/x"}},
		{"A-139 with nothing left nobody is asked", `[""]`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			attrs, err := onem2m.ParseObject([]byte(`{"dae":true,"dap":` + tt.points + `}`))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			if u := foreignReferral(there, attrs); u != nil {
				got = u.points
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
