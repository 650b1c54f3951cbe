package federation

import (
	"testing"

	"bulwark/test/harness"
)

func TestIdentity_OfACSEOverItsAssociation(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.in.open(t, "box", "/id-mn/Cx", "/id-asn/Cx", "/id-mn2/Cx", "/id-mn", "//other.example/id-in/Cx")
	tr.in.plain.Make(t, "Shere", "/cse-in", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	creds := s2client(t, tr, "/id-mn")
	tests := []struct {
		name, from string
		rsc        int
	}{
		{"S-082 an AE of it", "/id-mn/Cx", 2000},
		{"S-082 absolute", "//m2m.example/id-mn/Cx", 2000},
		{"C-215 S-093 an AE of a CSE below it", "/id-asn/Cx", 2000},
		{"S-122 itself", "/id-mn", 2000},
		{"A-15 S-085 another registree", "/id-mn2", 4106},
		{"A-15 S-085 an AE of another registree", "/id-mn2/Cx", 4106},
		{"S-093 an AE of a CSE that nobody knows", "/id-gone/Cx", 4106},
		{"A-15 S-085 a stem", "Cx", 4106},
		{"A-22 the receiver", "/id-in", 4106},
		{"S-093 an AE that is registered here", "/Shere", 4106},
		{"S-093 another provider", "//other.example/id-in/Cx", 4106},
		{"the administrator", "/id-in/CAdmin", 4106},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if a := creds.Get(t, tt.from, "/cse-in/box"); a.RSC != tt.rsc {
				t.Errorf("%s: got %s, want %d", tt.from, a, tt.rsc)
			}
		})
	}
	t.Run("A-15 before it is forwarded", func(t *testing.T) {
		t.Parallel()
		if a := creds.Get(t, "/id-mn2/Cx", "/~/id-mn2/cse-mn2"); a.RSC != 4106 {
			t.Errorf("got %s", a)
		}
	})
	t.Run("C-398 copies of what is another's", func(t *testing.T) {
		t.Parallel()
		for ty, body := range map[int]string{
			10002: `{"m2m:aeA":{"lnk":"/id-mn2/Cx","api":"N.x","et":"20991231T000000"}}`,
			10003: `{"m2m:cntA":{"lnk":"/id-mn2/cnt1","et":"20991231T000000"}}`,
			10005: `{"m2m:cbA":{"lnk":"/id-mn2/cse-mn2","et":"20991231T000000"}}`,
		} {
			if a := creds.Create(t, "/id-mn", "/cse-in", ty, body); a.RSC != 4103 {
				t.Errorf("%d: got %s", ty, a)
			}
		}
	})
	t.Run("C-212 S-122 a registration in another's name", func(t *testing.T) {
		t.Parallel()
		body := `{"m2m:csr":{"rn":"fake","cb":"/id-new/cse","csi":"/id-new","rr":false,"srv":["3"]}}`
		if a := creds.Create(t, "/id-new", "/cse-in", 16, body); a.RSC != 4106 {
			t.Errorf("got %s", a)
		}
		if a := creds.Create(t, "/id-mn", "/cse-in", 16, body); a.RSC != 4117 {
			t.Errorf("C-212: got %s", a)
		}
	})
}

// s2client is a client with a certificate of a CSE, at the IN-CSE.
func s2client(t *testing.T, tr tree, id string) *harness.Client {
	t.Helper()
	return harness.NewClient(t, tr.in.url(), tr.authority.Client(tr.authority.CSE(id)), 1)
}

func TestIdentity_A27_OnlyANeighbourIsAuthenticated(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.in.plain.Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"strict","pv":{"acr":[{"acor":["all"],"acaf":true,"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	tr.in.plain.Make(t, "CAdmin", "/cse-in", 3, `{"m2m:cnt":{"rn":"strictbox","acpi":["cse-in/strict"]}}`)
	client := s2client(t, tr, "/id-mn")
	if a := client.Get(t, "/id-mn", "/cse-in/strictbox"); a.RSC != 2000 {
		t.Errorf("A-26 a registree: %s", a)
	}
	if a := client.Get(t, "/id-mn/Cx", "/cse-in/strictbox"); a.RSC != 4103 {
		t.Errorf("A-27 an AE behind it: %s", a)
	}
}

// The first MN-CSE can't know who is beside it: the IN-CSE does.
func TestIdentity_S093_ACSEThatClaimsAnothersPlace(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.mn2.open(t, "box", "/id-mn/Clamp")
	tr.mn.plain.Make(t, "Clamp", "/cse-mn", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	reaches := func(when string) {
		t.Helper()
		tr.mn.plain.Get(t, "Clamp", "/~/id-mn2/cse-mn2/box").Expect(t, 2000, 200)
		if a := tr.liar(t).Get(t, "/id-mn2", "/cse-mn"); a.RSC != 4106 {
			t.Errorf("%s: in the name of another CSE: %s", when, a)
		}
	}
	claim := func(list string) *harness.Answer {
		return tr.liar(t).Update(t, "/id-asn", "/cse-mn/id-asn", `{"m2m:csr":{"dcse":[`+list+`]}}`)
	}
	if a := claim(`"/id-in"`); a.RSC != 4107 {
		t.Errorf("the registrar: %s", a)
	}
	tr.asn.halt()
	claim(`"/id-mn2"`).Expect(t, 2004, 200)
	reaches("at once")
	await(t, "the claim is taken back", func() bool { return tr.mn.plain.Get(t, "CAdmin", "/cse-mn/id-asn").Attribute("dcse") == nil })
	reaches("then")
	if a := claim(`"/id-mn2"`); a.RSC != 5207 {
		t.Errorf("once more: %s", a)
	}
	tr.descendants(t, "[/id-asn]")
}

// liar is a client with the certificate of the ASN-CSE, at the first MN-CSE.
func (tr *tree) liar(t *testing.T) *harness.Client {
	t.Helper()
	trust := tr.authority.Client(tr.authority.CSE("/id-asn"))
	trust.InsecureSkipVerify = true // its certificate names the CSE, not the host
	return harness.NewClient(t, tr.mn.url(), trust, 1)
}
