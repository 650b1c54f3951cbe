package access

import (
	"testing"

	"bulwark/onem2m"
)

func TestPolicy_ConfinedToOneEntity(t *testing.T) {
	t.Parallel()
	home := onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}
	for _, tt := range []struct {
		name, rules string
		want        bool
	}{
		{"it alone", `{"acor":["Cowner1"],"acop":63}`, true},
		{"it alone in two forms", `{"acor":["Cowner1","/id-in/Cowner1"],"acop":63}`, true},
		{"somebody else at times", `{"acor":["Cowner1"],"acop":63},{"acor":["Cother1"],"acop":4,"acco":[{"actw":["* * 6-7 * * * *"]}]}`, false},
		{"all", `{"acor":["all"],"acop":4}`, false},
		{"a domain", `{"acor":["//m2m.example"],"acop":4}`, false},
		{"a role", `{"acor":["Cowner1","r@roles.example"],"acop":4}`, false},
		{"a pattern", `{"acor":["Cowner*"],"acop":4}`, false},
		{"perhaps a group", `{"acor":["Cowner1","cse-in/group"],"acop":4}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := Compile(home, []byte(`{"acr":[`+tt.rules+`]}`), "pvs")
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Confined("//m2m.example/id-in/Cowner1"); got != tt.want {
				t.Errorf("got %v", got)
			}
			if p.Confined("") || (*Policy)(nil).Confined("//m2m.example/id-in/Cowner1") {
				t.Error("nobody's, or what can't be read, is confined to nobody")
			}
		})
	}
}
