package cse

import (
	"testing"

	"bulwark/onem2m"
)

func TestConsultation_A139_NobodyTakesThePlaceOfOneThatIsGone(t *testing.T) {
	t.Parallel()
	const evil = "https://evil.example/onem2m"
	grant := grantsOf(`{"acor":["Cevil01"],"acop":63}`, "")
	steal := ask{op: "R", to: "cse-in/own/safe", from: "Cevil01"}
	for name, link := range map[string]string{"A-139 by a path": "cse-in/shed/dac", "A-139 by a path from elsewhere": "//m2m.example/id-in/-/shed/dac"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsulting(t)
			c.register("Cfriend", "shed")
			c.must(onem2m.Created, ask{op: "C34", to: "cse-in/shed", from: "Cfriend", body: `{"m2m:dac":{"rn":"dac","dae":true,"dap":["` + dasPoint + `"]}}`})
			c.register("Cowner2", "own")
			c.container("Cowner2", "cse-in/own", "safe", `"daci":["`+link+`"]`)
			c.register("Cevil01", "evil")
			c.das.says(2000, grant)
			c.must(onem2m.OK, steal) // whom the owner has chosen
			c.must(onem2m.Deleted, ask{op: "D", to: "cse-in/shed", from: "Cfriend"})
			c.das.says(2000, "")
			c.must(onem2m.OriginatorHasNoPrivilege, steal)
			c.must(onem2m.Deleted, ask{op: "D", to: "cse-in/evil", from: "Cevil01"})
			c.register("Cevil01", "shed")
			c.must(onem2m.Created, ask{op: "C34", to: "cse-in/shed", from: "Cevil01", body: `{"m2m:dac":{"rn":"dac","dae":true,"dap":["` + evil + `"]}}`})
			c.das.says(2000, grant)
			c.must(onem2m.OriginatorHasNoPrivilege, steal)
		})
	}
}

func TestConsultation_A139_OneThatComesLaterCountsIfItsCreatorMayChooseIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, creator string
		asked         int
	}{
		{"A-139 the owner", "Cowner2", 1},
		{"A-139 the administrator", "CAdmin", 1},
		{"A-139 somebody else", "Cother1", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newConsulting(t)
			c.das.says(2000, "")
			c.register("Cowner2", "own")
			c.register("Cother1", "other")
			c.policy("Cowner2", "cse-in/own", "open", `{"acor":["Cother1"],"acop":1},{"acor":["Cowner2"],"acop":63}`)
			c.must(onem2m.Updated, ask{op: "U", to: "cse-in/own", from: "Cowner2", body: `{"m2m:ae":{"daci":["cse-in/own/dac"]}}`})
			c.container("Cowner2", "cse-in/own", "safe", "")
			c.must(onem2m.Updated, ask{op: "U", to: "cse-in/own", from: "Cowner2", body: `{"m2m:ae":{"acpi":["cse-in/own/open"]}}`})
			c.must(onem2m.Created, ask{op: "C34", to: "cse-in/own", from: tt.creator, body: `{"m2m:dac":{"rn":"dac","dae":true,"dap":["` + dasPoint + `"]}}`})
			c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/own"))
			if n := c.das.count(); n != tt.asked {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

func TestConsultation_A139_TheDefaultOneIsMadeByTheAdministrator(t *testing.T) {
	t.Parallel()
	c := newConsulting(t, func(o *Options) { o.Consult = "cse-in/shed/dac" })
	c.register("Cowner2", "own")
	c.register("Cevil01", "shed") // a name that somebody else had, or was to have
	dac := func(from, rn string) ask {
		return ask{op: "C34", to: "cse-in/shed", from: from, body: `{"m2m:dac":{"rn":"` + rn + `","dae":true,"dap":["` + dasPoint + `"]}}`}
	}
	c.must(onem2m.OriginatorHasNoPrivilege, dac("Cevil01", "dac"))
	c.must(onem2m.Created, dac("Cevil01", "other"))
	c.das.says(2000, grantsOf(`{"acor":["Cevil01"],"acop":2}`, ""))
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/own", from: "Cevil01"})
	c.must(onem2m.Created, dac("CAdmin", "dac"))
	c.must(onem2m.OK, ask{op: "R", to: "cse-in/own", from: "Cevil01"})
}
