package identity

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func TestDecideRegistration(t *testing.T) {
	t.Parallel()
	var (
		none     = &Association{Framework: FrameworkNone}
		required = &Association{Framework: FrameworkNone, Required: true}
		trusted  = &Association{Framework: FrameworkNone, Trusted: true}
		ofNewAE  = certified(KindAE, "//m2m.example/id-in/Cnew")
		ofMeter  = certified(KindAE, meter)
		device   = "31-0.2.481.1.100.3030.10011"
		psk      = "12-therm01@m2m.example"
		several  = &Association{Kind: KindAE, Framework: FrameworkPSK, CredentialID: "12-multi@m2m.example", IDs: []onem2m.ID{plain, "//m2m.example/id-in/Cfree"}}
	)
	for _, tc := range []struct {
		id, name string
		a        *Association
		from     string
		want     Assignment
		code     onem2m.StatusCode
	}{
		{"C-195", "nobody in particular gets a C-type stem", none, "", Assignment{Class: 'C'}, 0},
		{"C-198", "C alone gets a new stem", none, "C", Assignment{Class: 'C'}, 0},
		{"C-205", "S alone gets a new S-type stem", none, "S", Assignment{Class: 'S'}, 0},
		{"C-198", "a free stem is given", none, "Cfree", Assignment{Stem: "Cfree", Class: 'C'}, 0},
		{"C-198 S-109", "an active stem", none, "Cplain1", Assignment{}, 4117},
		{"C-198 S-109", "an active stem that is bound to a credential", none, "Calpha1", Assignment{}, 4117},
		{"S-118", "a stem that was bound to a credential", none, "Cgone", Assignment{}, 4106},
		{"S-118", "a stem that was bound to a credential, on a trusted listener", trusted, "Cgone", Assignment{}, 4106},
		{"S-123", "an AE-ID that is a CSE-ID", none, "Sother", Assignment{}, 4117},
		{"C-196", "no association where one is required", required, "C", Assignment{}, 4107},
		{"C-196", "the administrator's stem", none, "CAdmin", Assignment{}, 4117},
		{"C-196", "the administrator's stem with its own certificate", certified(KindAE, admin), "CAdmin", Assignment{}, 4117},
		{"C-196", "the administrator's certificate without a stem", certified(KindAE, admin), "C", Assignment{}, 4117},
		{"C-196", "a CSE-ID without association", none, "/id-mn", Assignment{}, 4107},
		{"C-196", "a CSE-ID on a trusted listener", trusted, "/id-mn", Assignment{}, 4117},
		{"C-196", "this CSE-ID on a trusted listener", trusted, "/id-in", Assignment{}, 4107},
		{"C-196", "a CSE as itself", certified(KindCSE, middle), "/id-mn", Assignment{}, 4117},
		{"C-196", "a CSE as another", certified(KindCSE, middle), "/id-mn2", Assignment{}, 4106},
		{"C-196", "a CSE as an AE", certified(KindCSE, middle), "C", Assignment{}, 4106},
		{"C-196", "an AE-ID with this CSE-ID in front", none, "/id-in/Cfree", Assignment{}, 4000},
		{"C-196", "an absolute AE-ID", none, "//m2m.example/Sfree", Assignment{}, 4000},
		{"C-196", "no identifier", none, "x y", Assignment{}, 4000},
		{"S-092", "a certified AE without a stem gets its own", ofNewAE, "", Assignment{Stem: "Cnew", Class: 'C', Credential: "33-//m2m.example/id-in/Cnew"}, 0},
		{"S-092", "a certified AE with C gets its own", ofNewAE, "C", Assignment{Stem: "Cnew", Class: 'C', Credential: "33-//m2m.example/id-in/Cnew"}, 0},
		{"S-092", "a certified AE that is registered already", certified(KindAE, alpha), "C", Assignment{}, 4117},
		{"S-092", "a certified AE of another CSE", certified(KindAE, "//m2m.example/id-mn/Cx"), "C", Assignment{}, 4106},
		{"S-092", "E3: S gets the certified stem", ofMeter, "S", Assignment{Stem: "Smeter42", Class: 'S', Credential: "33-//m2m.example/Smeter42"}, 0},
		{"S-092", "E3: another stem", ofMeter, "Smeter43", Assignment{}, 4106},
		{"S-092", "E3: C with an S-type certificate", ofMeter, "C", Assignment{}, 4106},
		{"S-080", "a key gets the stem that it had", &Association{Kind: KindAE, Framework: FrameworkPSK, CredentialID: psk}, "C", Assignment{Stem: "Cgone", Class: 'C', Credential: psk}, 0},
		{"S-080", "a new key gets a new stem", &Association{Kind: KindAE, Framework: FrameworkPSK, CredentialID: "12-new@m2m.example"}, "C", Assignment{Class: 'C', Credential: "12-new@m2m.example"}, 0},
		{"S-080", "a new key doesn't get another's stem", &Association{Kind: KindAE, Framework: FrameworkPSK, CredentialID: "12-new@m2m.example"}, "Cgone", Assignment{}, 4106},
		{"S-072", "a device gets a further stem", credential(device), "Cmore", Assignment{Stem: "Cmore", Class: 'C', Credential: device}, 0},
		{"S-118", "a device doesn't get another's stem", credential(device), "Cgone", Assignment{}, 4106},
		{"S-092", "a key for several AEs gets the one that is free", several, "C", Assignment{Stem: "Cfree", Class: 'C', Credential: "12-multi@m2m.example"}, 0},
	} {
		t.Run(tc.id+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			reg := populated()
			reg.cses = append(reg.cses, "//m2m.example/Sother")
			got, err := DecideRegistration(home(), admin, tc.a, register(tc.from), reg, nil)
			if codeOf(err) != tc.code {
				t.Fatalf("DecideRegistration: %v, want code %d", err, tc.code)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecideRegistration_C196_TheListOfOriginatorsIsAsked(t *testing.T) {
	t.Parallel()
	for from, asked := range map[string]string{"": "C", "C": "C", "S": "S", "Cfree": "Cfree"} {
		var got string
		_, err := DecideRegistration(home(), admin, nil, register(from), populated(), func(stem string) bool { got = stem; return false })
		if codeOf(err) != onem2m.AppRuleValidationFailed || got != asked {
			t.Errorf("From %q: asked about %q, %v", from, got, err)
		}
	}
}

func TestDecideRegistration_A11_AnAssociationNeverGetsAnothersStem(t *testing.T) {
	t.Parallel()
	credentials := rapid.SampledFrom([]string{"31-0.2.481.1.100.3030.10011", "12-therm01@m2m.example", "33-" + string(alpha)})
	rapid.Check(t, func(t *rapid.T) {
		a := credential(credentials.Draw(t, "credential"))
		if strings.HasPrefix(a.CredentialID, "33-") {
			a.IDs = []onem2m.ID{alpha}
		}
		reg := populated()
		reg.aes = nil
		got, err := DecideRegistration(home(), admin, a, register(anyFrom().Draw(t, "from")), reg, nil)
		if err != nil || got.Stem == "" {
			return
		}
		id, _, err := home().ParseID(got.Stem)
		if err != nil {
			t.Fatal(err)
		}
		if bound, ok := reg.CredentialOf(id); ok && bound != a.CredentialID {
			t.Fatalf("%s gets %s of %s", a.CredentialID, id, bound)
		}
		if got.Credential != a.CredentialID || id == admin {
			t.Fatalf("%+v over %+v", got, a)
		}
	})
}
