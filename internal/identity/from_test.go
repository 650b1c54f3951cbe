package identity

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

// home is the CSE of all tests.
func home() onem2m.Home { return onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"} }

const (
	alpha  onem2m.ID = "//m2m.example/id-in/Calpha1"
	bravo  onem2m.ID = "//m2m.example/id-in/Cbravo1"
	plain  onem2m.ID = "//m2m.example/id-in/Cplain1"
	meter  onem2m.ID = "//m2m.example/Smeter42"
	admin  onem2m.ID = "//m2m.example/id-in/CAdmin"
	middle onem2m.ID = "//m2m.example/id-mn"
)

// registry is what the CSE of the tests knows.
type registry struct {
	aes, cses   []onem2m.ID
	descendants map[onem2m.ID][]onem2m.ID
	bound       map[onem2m.ID]string
	roaming     map[onem2m.ID]onem2m.ID // AEs of the whole SP
}

func (r registry) AERegistered(id onem2m.ID) bool     { return slices.Contains(r.aes, id) }
func (r registry) CSERegistered(id onem2m.ID) bool    { return slices.Contains(r.cses, id) }
func (r registry) RegistrarOf(id onem2m.ID) onem2m.ID { return r.roaming[id] }
func (r registry) Descendant(of, id onem2m.ID) bool {
	for registree, below := range r.descendants {
		if (of == "" || of == registree) && slices.Contains(below, id) {
			return true
		}
	}
	return false
}

func (r registry) CredentialOf(id onem2m.ID) (string, bool) { c, ok := r.bound[id]; return c, ok }

func (r registry) BoundTo(credential string) []onem2m.ID {
	var out []onem2m.ID
	for id, c := range r.bound {
		if c == credential {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// populated is the registry of field case 12 and a little more.
func populated() registry {
	return registry{
		aes:         []onem2m.ID{alpha, bravo, plain, "//m2m.example/Sa1", "//m2m.example/Shere"},
		cses:        []onem2m.ID{middle, "//m2m.example/id-mn2", "//far.example/id-far"},
		descendants: map[onem2m.ID][]onem2m.ID{middle: {"//m2m.example/id-asn"}, "//m2m.example/id-mn2": {"//m2m.example/id-asn2"}},
		roaming:     map[onem2m.ID]onem2m.ID{"//m2m.example/Sasn": "//m2m.example/id-asn", "//m2m.example/Smn2": "//m2m.example/id-mn2"},
		bound: map[onem2m.ID]string{
			"//m2m.example/Sasn": "30-x",
			alpha:                CredentialID(CredentialAE, string(alpha)), bravo: CredentialID(CredentialAE, string(bravo)),
			"//m2m.example/Sa1": "31-0.2.481.1.100.3030.10011", "//m2m.example/Sgone": "12-gone@m2m.example", "//m2m.example/id-in/Cgone": "12-therm01@m2m.example",
		},
	}
}

// certified is the association of an AE-ID or CSE-ID certificate.
func certified(kind Kind, id onem2m.ID) *Association {
	t := CredentialAE
	if kind == KindCSE {
		t = CredentialCSE
	}
	return &Association{Kind: kind, Framework: FrameworkCertificate, IDs: []onem2m.ID{id}, CredentialID: CredentialID(t, string(id))}
}

// credential is an association that names no entity itself.
func credential(id string) *Association {
	return &Association{Kind: KindAE, Framework: FrameworkCertificate, CredentialID: id}
}

// request is a RETRIEVE.
func request(from string) *onem2m.Request {
	return &onem2m.Request{Operation: onem2m.Retrieve, To: "cse-in", From: from, HasFrom: true}
}

// requestTo is a RETRIEVE from another CSE.
func requestTo(to, from string) *onem2m.Request {
	req := request(from)
	req.To = to
	return req
}

// register is a CREATE of <AE>.
// announce is a request about an <AEAnnc>.
func announce(op onem2m.Operation, from string) *onem2m.Request {
	req := &onem2m.Request{Operation: op, From: from, HasFrom: true, Content: &onem2m.Content{Name: "m2m:aeA"}}
	if op == onem2m.Create {
		ty := int64(onem2m.TypeAEAnnc)
		req.Type = &ty
	}
	return req
}

func register(from string) *onem2m.Request {
	ty := int64(onem2m.TypeAE)
	return &onem2m.Request{Operation: onem2m.Create, To: "cse-in", From: from, HasFrom: from != "", Type: &ty}
}

// codeOf returns the status code of a refusal, 0 for none.
func codeOf(err error) onem2m.StatusCode {
	if err == nil {
		return 0
	}
	return onem2m.AsError(err).Code
}

func TestCheck(t *testing.T) {
	t.Parallel()
	var (
		none     = &Association{Framework: FrameworkNone}
		required = &Association{Framework: FrameworkNone, Required: true}
		trusted  = &Association{Framework: FrameworkNone, Trusted: true}
		ofAlpha  = certified(KindAE, alpha)
		ofAdmin  = certified(KindAE, admin)
		ofNewAE  = certified(KindAE, "//m2m.example/id-in/Cnew")
		ofMN     = certified(KindCSE, middle)
		ofFar    = certified(KindCSE, "//far.example/id-far")
		up       = certified(KindCSE, "//m2m.example/id-up")
		ofDevice = credential("31-0.2.481.1.100.3030.10011")
		ofPSK    = &Association{Kind: KindAE, Framework: FrameworkPSK, CredentialID: "12-therm01@m2m.example"}
		ofPSKNew = &Association{Kind: KindAE, Framework: FrameworkPSK, CredentialID: "12-new@m2m.example"}
		pskAdmin = &Association{Kind: KindAE, Framework: FrameworkPSK, CredentialID: "12-root@m2m.example", IDs: []onem2m.ID{admin}}
		stolen   = &Association{Kind: KindAE, Framework: FrameworkPSK, CredentialID: "12-other@m2m.example", IDs: []onem2m.ID{alpha}}
	)
	up.Upstream = true
	ok := func(id onem2m.ID) Originator { return Originator{ID: id, Authenticated: true} }
	seen := func(id onem2m.ID) Originator { return Originator{ID: id} }
	via := func(id onem2m.ID) Originator { return Originator{ID: id, Forwarded: true} }
	for _, tc := range []struct {
		id, name string
		a        *Association
		req      *onem2m.Request
		want     Originator
		code     onem2m.StatusCode
	}{
		// Field case 12, certificate of Calpha1.
		{"A-12", "an AE that names itself is authenticated", ofAlpha, request("Calpha1"), ok(alpha), 0},
		{"A-11", "an AE that names another AE", ofAlpha, request("Cbravo1"), Originator{}, 4106},
		{"A-11", "an AE that names an AE that doesn't exist", ofAlpha, request("Cnobody"), Originator{}, 4106},
		{"A-13 S-083", "an AE that names itself SP-relatively", ofAlpha, request("/id-in/Calpha1"), Originator{}, 4000},
		{"A-13 S-083", "an AE that names itself absolutely", ofAlpha, request("//m2m.example/id-in/Calpha1"), Originator{}, 4000},
		{"A-13 S-083", "an AE that names another SP-relatively", ofAlpha, request("/id-in/Cbravo1"), Originator{}, 4000},
		{"A-13 S-083", "an AE that names another absolutely", ofAlpha, request("//m2m.example/id-in/Cbravo1"), Originator{}, 4000},
		{"S-081", "an AE that names a CSE", ofAlpha, request("/id-mn"), Originator{}, 4106},
		{"A-22", "an AE that names this CSE", ofAlpha, request("/id-in"), Originator{}, 4000},
		{"A-11", "an AE that names the administrator", ofAlpha, request("CAdmin"), Originator{}, 4106},
		{"A-14 S-084", "an AE without From", ofAlpha, request(""), Originator{}, 4000},
		{"S-092", "an AE that asks for an AE-ID", ofAlpha, register("C"), Originator{}, 0},
		{"A-14 S-084", "an AE that asks for an AE-ID by no From", ofAlpha, register(""), Originator{}, 0},
		{"A-14 S-084", "C alone in a RETRIEVE", ofAlpha, request("C"), Originator{}, 4000},
		{"A-14 S-084", "S alone in a RETRIEVE", ofAlpha, request("S"), Originator{}, 4000},

		// The certificate of /id-mn.
		{"A-26 S-088", "a CSE that names itself is authenticated", ofMN, request("/id-mn"), ok(middle), 0},
		{"A-26 S-088", "a CSE that names itself absolutely", ofMN, request("//M2M.example/id-mn"), ok(middle), 0},
		{"A-27 S-088", "a CSE that forwards for its AE", ofMN, request("/id-mn/Cxyz1"), via("//m2m.example/id-mn/Cxyz1"), 0},
		{"A-15 S-085", "a CSE with a stem", ofMN, request("Calpha1"), Originator{}, 4106},
		{"A-15 S-085", "a CSE with the CSE-ID of another registree", ofMN, request("/id-mn2"), Originator{}, 4106},
		{"A-15 S-085", "a CSE with an AE of another registree", ofMN, request("/id-mn2/Cxyz1"), Originator{}, 4106},
		{"S-093", "a CSE that forwards for an AE of a descendant", ofMN, request("/id-asn/Cx"), via("//m2m.example/id-asn/Cx"), 0},
		{"S-093", "a CSE that forwards for a descendant", ofMN, request("/id-asn"), via("//m2m.example/id-asn"), 0},
		{"S-093", "a CSE that forwards for an AE of another's descendant", ofMN, request("/id-asn2/Cx"), Originator{}, 4106},
		{"S-093", "a CSE that forwards for an unknown CSE", ofMN, request("/id-x"), Originator{}, 4106},
		{"S-093", "a CSE that names an AE registered here", ofMN, request("/id-in/Calpha1"), Originator{}, 4106},
		{"S-093", "a CSE that names an S-type AE registered here", ofMN, request("/Shere"), Originator{}, 4106},
		{"S-093", "a CSE that forwards for an S-type AE that nobody knows", ofMN, request("/Sfar"), Originator{}, 4106},
		{"S-093", "a CSE that forwards for one to what is below another registree", ofMN, requestTo("/id-asn2/x", "/Sfar"), Originator{}, 4106},
		{"S-093", "a CSE that forwards for one to an S-type AE here", ofMN, requestTo("/Shere", "/Sfar"), Originator{}, 4106},
		{"S-093", "a CSE that forwards for one to an S-type AE below", ofMN, requestTo("/Sasn", "/Sfar"), Originator{}, 4106},
		{"S-093", "a CSE that forwards for one to a CSE above", ofMN, requestTo("/id-top/x", "/Sfar"), via("//m2m.example/Sfar"), 0},
		{"S-093", "the registrar forwards for one", up, request("/Sfar"), via("//m2m.example/Sfar"), 0},
		{"S-093", "a CSE that forwards for an S-type AE registered below it", ofMN, request("/Sasn"), via("//m2m.example/Sasn"), 0},
		{"S-093", "a CSE that forwards for an S-type AE registered beside it", ofMN, request("/Smn2"), Originator{}, 4106},
		{"A-196", "a CSE announces the AE-ID of an AE of its own", ofMN, announce(onem2m.Create, "/id-mn/S"), via("//m2m.example/id-mn/S"), 0},
		{"A-196", "a CSE announces where an AE of the whole SP is", ofMN, announce(onem2m.Update, "/id-asn/Sdev7"), via("//m2m.example/id-asn/Sdev7"), 0},
		{"A-196", "a CSE announces for another one", ofMN, announce(onem2m.Update, "/id-mn2/Sdev7"), Originator{}, 4106},
		{"A-196", "a CSE deletes so", ofMN, announce(onem2m.Delete, "/id-mn/Sdev7"), Originator{}, 4000},
		{"A-13", "an AE announces itself so", ofAlpha, announce(onem2m.Update, "/id-in/Sdev7"), Originator{}, 4000},
		{"S-091", "a CSE with the stem of an S-type AE", ofMN, request("Sfar"), Originator{}, 4000},
		{"A-22 C-087", "a CSE that names this CSE", ofMN, request("/id-in"), Originator{}, 4106},
		{"S-093", "a registree that forwards for another provider", ofMN, request("//other.example/cse/Cx1"), Originator{}, 4106},
		{"A-27 S-088", "the registrar that forwards for another provider", up, request("//other.example/cse/Cx1"), via("//other.example/cse/Cx1"), 0},
		{"S-094", "a CSE of another provider with an AE of a third", ofFar, request("//other.example/cse/Cx1"), Originator{}, 4106},
		{"A-196", "a CSE with an AE-ID of no form", ofMN, request("/id-mn/Sdev7"), Originator{}, 4000},
		{"A-196", "a CSE with an incomplete AE-ID", ofMN, request("/id-mn/C"), Originator{}, 4000},
		{"A-11", "a CSE that names the administrator", ofMN, request("/id-in/CAdmin"), Originator{}, 4106},
		{"S-094", "a registree with an S-type AE of another provider", ofMN, request("//other.example/Sabc"), Originator{}, 4106},
		{"S-094", "a CSE of another provider with its own AE", ofFar, request("//far.example/id-far/Cx"), via("//far.example/id-far/Cx"), 0},
		{"S-094", "a CSE of another provider with an AE of this one", ofFar, request("//m2m.example/id-mn/Cx"), Originator{}, 4106},
		{"S-094", "a CSE of another provider with an AE of a third", ofFar, request("//third.example/cse/Cx"), Originator{}, 4106},
		{"S-093", "the registrar forwards for an AE of its own", up, request("/id-up/Cx"), via("//m2m.example/id-up/Cx"), 0},
		{"S-093", "the registrar forwards for an AE beyond it", up, request("/id-y/Cx"), via("//m2m.example/id-y/Cx"), 0},
		{"A-15 S-093", "the registrar brings back what an AE below a registree asks", up, request("/id-asn/Cx"), via("//m2m.example/id-asn/Cx"), 0},
		{"A-15 S-093", "the registrar brings back what an AE of this CSE asks", up, request("/id-in/Cplain1"), via(plain), 0},
		{"A-15 S-093", "the registrar brings back what an S-type AE of this CSE asks", up, request("/Shere"), via("//m2m.example/Shere"), 0},
		{"S-093", "the registrar names an AE of this CSE that isn't there", up, request("/id-in/Cnobody"), Originator{}, 4106},
		{"S-093", "the registrar names an S-type AE that was here", up, request("/Sgone"), Originator{}, 4106},
		{"S-093", "the registrar names the administrator", up, request("/id-in/CAdmin"), Originator{}, 4106},
		{"A-22 C-087", "the registrar names this CSE", up, request("/id-in"), Originator{}, 4106},
		{"A-15 S-085", "a CSE with an AE of a registree of another provider", ofMN, request("//far.example/id-far/Cx"), Originator{}, 4106},
		{"A-15 S-093", "the registrar brings back what a registree asks", up, request("/id-mn"), via(middle), 0},

		// No association.
		{"A-16", "an AE bound to a credential without association", none, request("Calpha1"), Originator{}, 4106},
		{"A-16", "an AE that registered without credential", none, request("Cplain1"), seen(plain), 0},
		{"A-16", "an AE that isn't registered", none, request("Cunknown"), Originator{}, 4106},
		{"A-16", "an AE that isn't registered registers", none, register("Cunknown"), seen("//m2m.example/id-in/Cunknown"), 0},
		{"A-16", "the administrator without association", none, request("CAdmin"), Originator{}, 4106},
		{"A-17", "a CSE without association", none, request("/id-mn"), Originator{}, 4107},
		{"A-17", "a CSE without association registers as an AE", none, register("/id-mn"), Originator{}, 4107},
		{"A-22 C-087", "this CSE without association", none, request("/id-in"), Originator{}, 4107},
		{"A-13", "an SP-relative AE-ID without association", none, request("/id-in/Cplain1"), Originator{}, 4000},
		{"A-14 S-084", "no From without association", none, request(""), Originator{}, 4000},
		{"S-086", "an AE where an association is required", required, request("Cplain1"), Originator{}, 4107},
		{"S-087", "an unknown AE where an association is required", required, request("Cunknown"), Originator{}, 4107},
		{"S-086", "a registration where an association is required", required, register("C"), Originator{}, 4107},
		{"S-086", "no association at all counts as none", nil, request("Calpha1"), Originator{}, 4106},

		// Form of From (field case 06).
		{"A-196", "a regular expression", none, request("C.*"), Originator{}, 4000},
		{"A-196", "an asterisk", none, request("*"), Originator{}, 4000},
		{"A-196", "a stem with an asterisk", none, request("Cboss0*"), Originator{}, 4000},
		{"A-196", "a list", none, request(`["Cboss01"]`), Originator{}, 4000},
		{"A-196", "a blank", none, request("Cboss01 "), Originator{}, 4000},
		{"A-196", "a percent encoding", none, request("Cboss01%20"), Originator{}, 4000},
		{"A-196", "a stem of neither class, before the association is looked at", ofAlpha, request("boss01"), Originator{}, 4000},

		// The administrator (decision 23, 25).
		{"A-25 S-088", "the administrator by its certificate needs no <AE>", ofAdmin, request("CAdmin"), ok(admin), 0},
		{"A-11", "the administrator's certificate under another name", ofAdmin, request("Cbravo1"), Originator{}, 4106},
		{"A-11", "the administrator by another framework", pskAdmin, request("CAdmin"), Originator{}, 4106},
		{"S-081", "a registration as administrator is decided later", ofAlpha, register("CAdmin"), seen(admin), 0},

		// Registration inside an association (decision 25, S-080).
		{"A-12", "a certified AE without <AE> may not RETRIEVE", ofNewAE, request("Cnew"), Originator{}, 4106},
		{"A-12", "a certified AE without <AE> may register", ofNewAE, register("Cnew"), ok("//m2m.example/id-in/Cnew"), 0},
		{"S-092", "a certified AE may not register as another", ofNewAE, register("Celse"), Originator{}, 4106},
		{"S-074", "a device with a registered AE", ofDevice, request("Sa1"), ok("//m2m.example/Sa1"), 0},
		{"S-074", "a device with an AE of another credential", ofDevice, request("Cbravo1"), Originator{}, 4106},
		{"S-072", "a device may register one more AE", ofDevice, register("Cmore"), seen("//m2m.example/id-in/Cmore"), 0},
		{"S-080", "a key whose AE is gone may not RETRIEVE", ofPSK, request("Cgone"), Originator{}, 4106},
		{"S-080", "a key whose AE is gone may register it again", ofPSK, register("Cgone"), ok("//m2m.example/id-in/Cgone"), 0},
		{"S-080", "a key stands for one AE", ofPSK, register("Cmore"), Originator{}, 4106},
		{"S-080", "a new key may register as anything", ofPSKNew, register("Cmore"), seen("//m2m.example/id-in/Cmore"), 0},
		{"S-080", "a new key may do nothing else", ofPSKNew, request("Cmore"), Originator{}, 4106},
		{"S-118", "an AE that is bound to another credential", stolen, request("Calpha1"), Originator{}, 4106},

		// trust-plain (decision 3).
		{"A-18 S-090", "trusted: a registered AE", trusted, request("Calpha1"), ok(alpha), 0},
		{"A-18 S-090", "trusted: an AE that isn't registered", trusted, request("Cunknown"), ok("//m2m.example/id-in/Cunknown"), 0},
		{"A-18 S-090", "trusted: the administrator", trusted, request("CAdmin"), ok(admin), 0},
		{"A-18 S-090", "trusted: an S-type AE, SP-relative", trusted, request("/Smeter42"), ok(meter), 0},
		{"A-18 S-090", "trusted: a CSE", trusted, request("/id-mn9"), ok("//m2m.example/id-mn9"), 0},
		{"A-18 S-090", "trusted: an AE of another CSE", trusted, request("/id-mn/Cx"), Originator{ID: "//m2m.example/id-mn/Cx", Authenticated: true, Forwarded: true}, 0},
		{"A-13", "trusted: an AE with this CSE-ID in front", trusted, request("/id-in/Calpha1"), Originator{}, 4000},
		{"A-22 C-087", "trusted: this CSE", trusted, request("/id-in"), Originator{}, 4107},
		{"A-196", "trusted: no identifier", trusted, request("*"), Originator{}, 4000},
		{"A-14 S-084", "trusted: registration without From", trusted, register(""), Originator{}, 0},
	} {
		t.Run(tc.id+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := Check(home(), admin, tc.a, tc.req, populated())
			if codeOf(err) != tc.code {
				t.Fatalf("Check: %v, want code %d", err, tc.code)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCheck_A16_AnAEWithTheAdministratorsStemIsNotTheAdministrator(t *testing.T) {
	t.Parallel()
	// As it may be once the operator has given the right to another stem.
	reg := populated()
	reg.aes = append(reg.aes, admin, "//m2m.example/Sadmin")
	if _, err := Check(home(), admin, nil, request("CAdmin"), reg); codeOf(err) != 4106 {
		t.Errorf("without association: %v", err)
	}
	if _, err := Check(home(), "//m2m.example/Sadmin", certified(KindCSE, middle), request("/Sadmin"), populated()); codeOf(err) != 4106 {
		t.Errorf("forwarded by a CSE: %v", err)
	}
}

func TestCheck_S081_EachRequestOfAConnectionIsHeldAgainstIt(t *testing.T) {
	t.Parallel()
	a := certified(KindAE, alpha)
	for i, from := range []string{"Calpha1", "Cbravo1", "Calpha1"} {
		_, err := Check(home(), admin, a, request(from), populated())
		if want := from != "Calpha1"; (err != nil) != want {
			t.Errorf("request %d: %v", i, err)
		}
	}
}

func TestCheck_S096_TheRefusalOfAStrangerDoesntTellWhoExists(t *testing.T) {
	t.Parallel()
	_, known := Check(home(), admin, certified(KindAE, alpha), request("Cbravo1"), populated())
	_, unknown := Check(home(), admin, certified(KindAE, alpha), request("Cnobody"), populated())
	if known == nil || unknown == nil || known.Error() != unknown.Error() {
		t.Errorf("%v differs from %v", known, unknown)
	}
}

// stems and forms of the property tests; few, so that they meet.
func anyFrom() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		"", "C", "S", "Calpha1", "Cbravo1", "Cplain1", "Cgone", "CAdmin", "Sa1", "Shere", "Smeter42", "/id-in", "/id-mn", "/id-mn2", "/id-asn",
		"/id-in/Calpha1", "/id-mn/Cx", "/id-mn2/Cx", "/id-asn/Cx", "/Sa1", "/Smeter42", "//m2m.example/id-mn", "//far.example/id-far",
		"//far.example/id-far/Cx", "//m2m.example/id-in/CAdmin", "*", "x",
	})
}

func TestCheck_A23_A24_NobodyIsAuthenticatedWithoutAnAssociationForIt(t *testing.T) {
	t.Parallel()
	ids := rapid.SampledFrom([]onem2m.ID{alpha, bravo, plain, meter, admin, middle, "//m2m.example/Sa1", "//far.example/id-far", "//m2m.example/id-in"})
	credentials := rapid.SampledFrom([]string{"", "31-0.2.481.1.100.3030.10011", "12-therm01@m2m.example", "33-" + string(alpha)})
	rapid.Check(t, func(t *rapid.T) {
		a := &Association{
			Kind:         Kind(rapid.IntRange(0, 3).Draw(t, "kind")),
			Framework:    rapid.SampledFrom([]string{FrameworkNone, FrameworkPSK, FrameworkCertificate}).Draw(t, "framework"),
			IDs:          rapid.SliceOfN(ids, 0, 3).Draw(t, "ids"),
			CredentialID: credentials.Draw(t, "credential"),
			Trusted:      rapid.Bool().Draw(t, "trusted"),
			Required:     rapid.Bool().Draw(t, "required"),
			Upstream:     rapid.Bool().Draw(t, "upstream"),
		}
		req := request(anyFrom().Draw(t, "from"))
		if rapid.Bool().Draw(t, "register") {
			req = register(req.From)
		}
		reg := populated()
		got, err := Check(home(), admin, a, req, reg)
		if err != nil {
			if got != (Originator{}) {
				t.Fatalf("refused, but %+v", got)
			}
			return
		}
		believed := slices.Contains(a.IDs, got.ID) || a.CredentialID != "" && slices.Contains(reg.BoundTo(a.CredentialID), got.ID)
		if got.Authenticated && !believed && (!a.Trusted || a.Kind != KindNone) {
			t.Fatalf("%+v is authenticated over %+v", got, a)
		}
		if got.ID == home().ID() {
			t.Fatal("a request from outside is this CSE's")
		}
		if got.ID == admin && !got.Authenticated && !createsAE(req) {
			t.Fatal("the administrator is let in without authentication")
		}
	})
}

func FuzzCheck(f *testing.F) {
	for _, from := range []string{"", "C", "Calpha1", "/id-in/Calpha1", "//m2m.example/id-mn", "/id-mn/Sx", "//x/", "Ca\x00", "\xff"} {
		f.Add(from, 1, true)
		f.Add(from, 2, false)
	}
	f.Fuzz(func(t *testing.T, from string, kind int, enters bool) {
		req := request(from)
		if enters {
			req = register(from)
		}
		a := &Association{Kind: Kind(kind), Framework: FrameworkCertificate, IDs: []onem2m.ID{alpha}, CredentialID: "33-" + string(alpha)}
		got, err := Check(home(), admin, a, req, populated())
		var refusal *onem2m.Error
		if err != nil && !errors.As(err, &refusal) {
			t.Fatalf("the error is none for an originator: %v", err)
		}
		if got.Authenticated && got.ID != alpha {
			t.Fatalf("%q is authenticated as %s", from, got.ID)
		}
		if _, err := DecideRegistration(home(), admin, a, register(from), populated(), nil); err != nil && !errors.As(err, &refusal) {
			t.Fatalf("the error is none for an originator: %v", err)
		}
	})
}
