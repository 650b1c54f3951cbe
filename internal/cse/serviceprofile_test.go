package cse

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// subscribe makes a profile with one node, which links the rules r1, r2, … that
// are given as members of the resource.
func (w *world) subscribe(csi string, rules ...string) {
	w.t.Helper()
	links := make([]string, 0, len(rules))
	for i, members := range rules {
		name := "r" + string(rune('1'+i))
		w.must(onem2m.Created, ask{op: "C19", to: "cse-in", from: "CAdmin", body: `{"m2m:asar":{"rn":"` + name + `",` + members + `}}`})
		links = append(links, "cse-in/"+name)
	}
	w.must(onem2m.Created, ask{op: "C11", to: "cse-in", from: "CAdmin", body: `{"m2m:mssp":{"rn":"contract"}}`})
	w.must(onem2m.Created, ask{
		op: "C20", to: "cse-in/contract", from: "CAdmin",
		body: `{"m2m:svsn":{"rn":"node","ni":"urn:oid:0.2.481.1.9.1.1","csi":"` + csi + `","rlk":` + string(onem2m.TextsValue(links)) + `}}`,
	})
}

// keyed is the association of a pre-shared key.
func keyed(number identity.CredentialType, name string) *identity.Association {
	return &identity.Association{
		Kind: identity.KindAE, Framework: "psk", Binding: "https", Required: true,
		CredentialID: identity.CredentialID(number, name),
	}
}

// joins is a registration of an application.
func joins(from, api string, a *identity.Association) ask {
	return ask{op: "C2", to: "cse-in", from: from, assoc: a, body: `{"m2m:ae":{"api":"` + api + `","rr":false,"srv":["3"]}}`}
}

const thermo = `"apci":["12-therm*@sp.example"],"aai":["Nhvac-*"],"aae":["C*"]`

func TestServiceSubscription_Checks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("/id-in", thermo)
	node := func(members string) ask {
		return ask{op: "C20", to: "cse-in/contract", from: "CAdmin", body: `{"m2m:svsn":{"ni":"urn:oid:0.2.481.1.9.1.2"` + members + `}}`}
	}
	rule := func(members string) ask {
		return ask{op: "C19", to: "cse-in", from: "CAdmin", body: `{"m2m:asar":{` + members + `}}`}
	}
	change := func(to, body string) ask { return ask{op: "U", to: to, from: "CAdmin", body: body} }
	w.follow(t, []step{
		{name: "C-452 a node without CSE", ask: node(""), code: 2001},
		{name: "S-104 C-452 rules without CSE", ask: node(`,"rlk":["cse-in/r1"]`), code: 4000},
		{name: "S-104 no rules without CSE", ask: node(`,"rlk":[]`), code: 4000},
		{name: "S-104 rules with a CSE", ask: node(`,"csi":"/id-far","rlk":["cse-in/r1"]`), code: 2001},
		{name: "C-452 the CSE is an AE", ask: node(`,"csi":"CApp"`), code: 4000},
		{name: "C-452 the CSE is an AE of a CSE", ask: node(`,"csi":"/id-in/CApp"`), code: 4000},
		{name: "C-452 a link that isn't one", ask: node(`,"csi":"/id-far","rlk":["cse-in//x"]`), code: 4000},
		{name: "C-452 more links than a registration looks up", ask: node(`,"csi":"/id-far","rlk":["r"` + strings.Repeat(`,"r"`, maxRuleLinks) + `]`), code: 4000},
		{name: "C-452 no node ID", ask: ask{op: "C20", to: "cse-in/contract", from: "CAdmin", body: `{"m2m:svsn":{}}`}, code: 4000},
		{name: "C-452 delivery by a network that isn't there", ask: node(`,"nrq":true`), code: 5001},
		{name: "C-452 a node below the CSEBase", ask: ask{op: "C20", to: "cse-in", from: "CAdmin", body: `{"m2m:svsn":{"ni":"x"}}`}, code: 4108},
		{name: "C-452 the CSE stays", ask: change("cse-in/contract/node", `{"m2m:svsn":{"csi":"/id-far"}}`), code: 4000},
		{name: "S-105 App-IDs of each kind", ask: rule(`"aai":["*","Nx","Rx","rx","*x*"]`), code: 2001},
		{name: "S-105 C-452 another letter", ask: rule(`"aai":["Nx","0.2.481"]`), code: 4000},
		{name: "S-105 another letter in an UPDATE", ask: change("cse-in/r1", `{"m2m:asar":{"aai":["x"]}}`), code: 4000},
		{name: "S-105 an UPDATE", ask: change("cse-in/r1", `{"m2m:asar":{"aai":["Nhvac-1"]}}`), code: 2004},
		{name: "C-197 A-105 roles", ask: rule(`"ari":["1234abcd@role.example"]`), code: 2001},
		{name: "C-452 a rule below the profile", ask: ask{op: "C19", to: "cse-in/contract", from: "CAdmin", body: `{"m2m:asar":{}}`}, code: 4108},
		{name: "A-51 not for strangers", ask: ask{op: "C11", to: "cse-in", from: "Cother1", body: `{"m2m:mssp":{}}`}, code: 4103},
	})
}

func TestServiceSubscription_S106_C452_LivesOnTheINCSE(t *testing.T) {
	t.Parallel()
	for _, kind := range []Type{MN, ASN} {
		w := newWorld(t, func(o *Options) { o.Type = kind })
		for op, body := range map[string]string{
			"C11": `{"m2m:mssp":{}}`, "C19": `{"m2m:asar":{}}`, "C20": `{"m2m:svsn":{"ni":"x"}}`,
		} {
			w.must(onem2m.OperationNotAllowed, ask{op: op, to: "cse-in", from: "CAdmin", body: body})
		}
	}
}

func TestServiceSubscription_Registration(t *testing.T) {
	t.Parallel()
	therm, other := keyed(identity.CredentialPSK, "therm01@sp.example"), keyed(identity.CredentialPSK, "lamp01@sp.example")
	plain := &identity.Association{Framework: "none", Binding: "http"}
	node := keyed(identity.CredentialNode, "node-1")
	both := []string{`"apci":["12-therm*"],"aai":["Na*"],"aae":["Ca*"]`, `"apci":["12-lamp*"],"aai":["Nb*"],"aae":["Cb*"]`}
	tests := []struct {
		name  string
		rules []string
		ask   ask
		code  onem2m.StatusCode
	}{
		{"S-101 C-197 a rule that permits it", []string{thermo}, joins("C", "Nhvac-ctl", therm), 2001},
		{"S-101 the stem is the AE's", []string{thermo}, joins("Ctherm1", "Nhvac-ctl", therm), 2001},
		{"S-100 another application", []string{thermo}, joins("C", "Nlight-1", therm), 4126},
		{"S-100 another credential", []string{thermo}, joins("C", "Nhvac-ctl", other), 4126},
		{"S-100 another kind of stem", []string{thermo}, joins("S", "Nhvac-ctl", therm), 4126},
		{"S-100 another kind of stem, given", []string{thermo}, joins("Stherm1", "Nhvac-ctl", therm), 4126},
		{"S-101 GA-23 no association, and the rule has credentials", []string{thermo}, joins("C", "Nhvac-ctl", plain), 4126},
		{"S-102 no association and any credential", []string{`"apci":["*"],"aai":["*"],"aae":["*"]`}, joins("C", "Nx", plain), 4126},
		{"S-102 any of everything", []string{`"apci":["*"],"aai":["*"],"aae":["*"]`}, joins("S", "Nx", therm), 2001},
		{"S-101 GA-23 no credentials in the rule, no association", []string{`"aai":["*"],"aae":["*"]`}, joins("C", "Nx", plain), 2001},
		{"S-101 GA-23 no credentials in the rule, and an association", []string{`"aai":["*"],"aae":["*"]`}, joins("C", "Nx", therm), 4126},
		{"S-101 GA-23 no applications in the rule", []string{`"apci":["*"],"aae":["*"]`}, joins("C", "Nx", therm), 4126},
		{"S-101 GA-23 no AE-IDs in the rule", []string{`"apci":["*"],"aai":["*"]`}, joins("C", "Nx", therm), 4126},
		{"S-103 no rule", nil, joins("C", "Nx", therm), 4126},
		{"S-101 the second of two rules", both, joins("Cb1", "Nb1", other), 2001},
		{"S-101 C-197 half of one rule and half of another", both, joins("Cb1", "Nb1", therm), 4126},
		{"S-101 C-197 the App-ID of another rule", both, joins("Ca1", "Nb1", therm), 4126},
		{"S-101 C-197 the AE-ID of another rule", both, joins("Cb1", "Na1", therm), 4126},
		{"S-102 a wildcard within", []string{`"apci":["12-*@sp.example"],"aai":["N*-ctl"],"aae":["Ct*1"]`}, joins("Ctherm1", "Nhvac-ctl", therm), 2001},
		{"S-102 a wildcard within that doesn't fit", []string{`"apci":["12-*@sp.example"],"aai":["N*-ctl"],"aae":["Ct*1"]`}, joins("Ctherm2", "Nhvac-ctl", therm), 4126},
		{"GA-31 a registered App-ID of Release 3", []string{`"apci":["*"],"aai":["R0*"],"aae":["*"]`}, joins("C", "r01", therm), 2001},
		{"GA-31 and a rule of Release 3", []string{`"apci":["*"],"aai":["r0*"],"aae":["*"]`}, joins("C", "R01", therm), 2001},
		{"S-117 a node, and any AE-ID", []string{`"apci":["*"],"aai":["*"],"aae":["*"]`}, joins("Ca1", "Nx", node), 4126},
		{"S-117 a node, and an AE-ID of its own", []string{`"apci":["*"],"aai":["*"],"aae":["C*","Ca1"]`}, joins("Ca1", "Nx", node), 2001},
		{"S-109 an App-ID that isn't one", []string{thermo}, joins("C", "hvac-ctl", therm), 4000},
		{"S-109 an App-ID that isn't one and no rule", nil, joins("C", "hvac-ctl", therm), 4000},
		{"S-114 a certificate doesn't do without a rule", []string{thermo}, joins("Capp01", "Nhvac-1", certificate(identity.KindAE, "//m2m.example/id-in/Capp01")), 4126},
		{"S-114 nor a rule for another certificate", []string{`"apci":["*"],"aai":["*"],"aae":["*"]`}, joins("Cother1", "Nx", certificate(identity.KindAE, "//m2m.example/id-in/Capp01")), 4106},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.subscribe("/id-in", tt.rules...)
			w.must(tt.code, tt.ask)
		})
	}
}

func TestServiceSubscription_Enforcement(t *testing.T) {
	t.Parallel()
	open := joins("C", "Nx", nil)
	remove := func(w *world, to string) { w.must(onem2m.Deleted, ask{op: "D", to: to, from: "CAdmin"}) }
	t.Run("S-116 not without data", func(t *testing.T) {
		newWorld(t).must(onem2m.Created, open)
	})
	t.Run("S-116 S-099 C-196 at once where the operator says so", func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.RequireSubscription = true })
		w.must(onem2m.ServiceSubscriptionNotEstablished, open)
		w.subscribe("//m2m.example/id-in", `"aai":["*"],"aae":["*"]`)
		w.must(onem2m.Created, open)
	})
	t.Run("S-099 S-107 never away from the IN-CSE", func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Type, o.RequireSubscription = MN, true })
		w.must(onem2m.ServiceSubscriptionNotEstablished, open)
	})
	t.Run("S-099 C-196 only another CSE is subscribed", func(t *testing.T) {
		w := newWorld(t)
		w.subscribe("/id-far", `"aai":["*"],"aae":["*"]`)
		w.must(onem2m.ServiceSubscriptionNotEstablished, open)
	})
	t.Run("S-100 a rule that goes admits nobody, C-453 and throws nobody out", func(t *testing.T) {
		w := newWorld(t)
		w.subscribe("/id-in", `"aai":["*"],"aae":["*"]`)
		w.register("Capp01", "app")
		remove(w, "cse-in/r1")
		w.must(onem2m.AppRuleValidationFailed, open)
		w.must(onem2m.OK, ask{op: "R", to: "cse-in/app", from: "Capp01"})
	})
	t.Run("S-100 a link to something else admits nobody", func(t *testing.T) {
		w := newWorld(t)
		w.subscribe("/id-in", `"aai":["*"],"aae":["*"]`)
		remove(w, "cse-in/r1")
		w.container("CAdmin", "cse-in", "r1", "")
		w.must(onem2m.AppRuleValidationFailed, open)
	})
	t.Run("S-116 it ends when the profile is deleted", func(t *testing.T) {
		w := newWorld(t)
		w.subscribe("/id-in")
		w.must(onem2m.Created, ask{op: "C11", to: "cse-in", from: "CAdmin", body: `{"m2m:mssp":{"rn":"second"}}`})
		remove(w, "cse-in/contract")
		w.must(onem2m.ServiceSubscriptionNotEstablished, open)
		remove(w, "cse-in/second")
		w.must(onem2m.Created, open)
	})
	t.Run("S-099 S-116 but neither when it expires nor with a restart", func(t *testing.T) {
		dir := t.TempDir()
		w := &world{t: t, home: onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}, clock: time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC)}
		w.open(dir)
		w.must(onem2m.Created, ask{op: "C11", to: "cse-in", from: "CAdmin", body: `{"m2m:mssp":{"et":"20260304T113000"}}`})
		w.advance(2 * time.Hour)
		w.must(onem2m.ServiceSubscriptionNotEstablished, open)
		if err := w.c.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.restart(dir)
		w.must(onem2m.ServiceSubscriptionNotEstablished, open)
	})
	t.Run("S-099 a node that has expired is none, before the sweep too", func(t *testing.T) {
		w := newWorld(t)
		w.subscribe("/id-in", `"aai":["*"],"aae":["*"]`)
		w.must(onem2m.Updated, ask{op: "U", to: "cse-in/contract/node", from: "CAdmin", body: `{"m2m:svsn":{"et":"20260304T113000"}}`})
		w.must(onem2m.Created, open)
		w.advance(2 * time.Hour)
		w.must(onem2m.ServiceSubscriptionNotEstablished, open)
	})
	t.Run("C-196 the list of originators is for those without data", func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Allowed = []string{"Cgood*"} })
		w.must(onem2m.AppRuleValidationFailed, joins("Cother1", "Nx", nil))
		w.subscribe("/id-in", `"aai":["*"],"aae":["Cother*"]`)
		w.must(onem2m.Created, joins("Cother1", "Nx", nil))
		w.must(onem2m.AppRuleValidationFailed, joins("Cgood1", "Nx", nil))
	})
}

func TestServiceSubscription_C197_StemsAreMadeByPattern(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("/id-in", `"aai":["Nfixed"],"aae":["CAdmin","Ctaken1","Cnext1","S1"]`, `"aai":["Nopen"],"aae":["S1","C-*-x"]`)
	w.must(onem2m.Created, joins("Ctaken1", "Nfixed", nil))
	stem := func(from, api string) string {
		s, _ := w.must(onem2m.Created, joins(from, api, nil)).Text("aei")
		return s
	}
	if got := stem("C", "Nfixed"); got != "Cnext1" {
		t.Errorf("got %s, want the one that is left: neither the administrator's nor a registered one", got)
	}
	w.must(onem2m.AppRuleValidationFailed, joins("C", "Nfixed", nil))
	if got := stem("S", "Nfixed"); got != "S1" {
		t.Errorf("got %s, want the only one of this class", got)
	}
	first, second := stem("C", "Nopen"), stem("", "Nopen")
	for _, got := range []string{first, second} {
		if !matchesAny([]string{"C-*-x"}, got) || len(got) < 12 {
			t.Errorf("got %s, want one like C-*-x", got)
		}
	}
	if first == second {
		t.Errorf("%s was given twice", first)
	}
}

func TestServiceSubscription_S080_NoStemOfAnotherCredentialIsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("/id-in", `"apci":["*"],"aai":["*"],"aae":["Cone1"]`)
	w.must(onem2m.Created, joins("C", "Nx", keyed(identity.CredentialPSK, "a")))
	w.must(onem2m.Deleted, ask{op: "D", to: "Cone1", from: "CAdmin"})
	w.must(onem2m.AppRuleValidationFailed, joins("C", "Nx", keyed(identity.CredentialPSK, "b")))
	w.must(onem2m.OriginatorNotAuthenticated, joins("Cone1", "Nx", keyed(identity.CredentialPSK, "b")))
	w.must(onem2m.Created, joins("C", "Nx", keyed(identity.CredentialPSK, "a")))
}

func TestServiceSubscription_A193_TheRuleIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("/id-in", `"aai":["Na"],"aae":["C*"]`)
	rule := w.ri("cse-in/r1")
	w.must(onem2m.Created, joins("C", "Na", nil))
	last := w.audits[len(w.audits)-1]
	if last.Stage != "registration" || !last.Permit || last.Rule != rule {
		t.Errorf("got %+v, want rule %s", last, rule)
	}
	w.must(onem2m.AppRuleValidationFailed, joins("C", "Nb", nil))
	last = w.audits[len(w.audits)-1]
	if last.Stage != "registration" || last.Permit || last.Code != onem2m.AppRuleValidationFailed {
		t.Errorf("got %+v", last)
	}
}

// A stem that is made by a pattern fits it, is of the class that was asked for,
// and is none that could be made twice.
func TestNamer_S102_MadeStemsFitTheirPattern(t *testing.T) {
	t.Parallel()
	names := newNamer(strings.NewReader(strings.Repeat("x", 32)))
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[CSx*][a-c*]{0,6}`).Draw(t, "pattern")
		class := rapid.SampledFrom([]byte{'C', 'S'}).Draw(t, "class")
		stem := names.fitting(pattern, class)
		possible := pattern[0] == class && pattern != string(class) || pattern[0] == '*'
		if (stem != "") != possible {
			t.Fatalf("%s led to %q for %c", pattern, stem, class)
		}
		if stem != "" && (stem[0] != class || !matchesAny([]string{pattern}, stem)) {
			t.Fatalf("%s led to %q for %c", pattern, stem, class)
		}
	})
}
