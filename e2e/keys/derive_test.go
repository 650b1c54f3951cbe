package keys

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func TestDerivation_E115_E116_KmAndKpsaFollowTheVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "km-from-ke") {
		got, err := Km(v.secret(t, "Ke_hex"), v.text(t, "MAF_ID"))
		if err != nil {
			t.Fatalf("%s: %v", v.ID, err)
		}
		v.want(t, "Km_hex", got)
	}
	for _, v := range vectors(t, "kpsa-from-ke") {
		got, err := Kpsa(v.secret(t, "Ke_hex"), v.text(t, "Enrolee_B_ID"))
		if err != nil {
			t.Fatalf("%s: %v", v.ID, err)
		}
		v.want(t, "Kpsa_hex", got)
	}
}

func TestDerivation_E116_KeepsCaseAndBlanks(t *testing.T) {
	t.Parallel()
	ke := secretFor(t, bytes.Repeat([]byte{7}, KeyLength))
	seen := map[string]string{}
	for _, id := range []string{"maf.example.com", "MAF.example.com", " maf.example.com", "maf.example.com "} {
		got, err := Km(ke, id)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[string(got.Bytes())]; ok {
			t.Errorf("%q and %q give one key", id, other)
		}
		seen[string(got.Bytes())] = id
	}
	wide, err := Km(ke, "maf．example．com") // full-width stops, which NFKC makes plain
	if err != nil || seen[string(wide.Bytes())] != "maf.example.com" {
		t.Errorf("NFKC was not applied: %v", err)
	}
}

func TestDerivation_E115_E117_E118_UsageConstrainedKeysFollowTheVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "usage-constrained-key") {
		var usage int
		if err := json.Unmarshal(v.Input["SUID"], &usage); err != nil {
			t.Fatal(err)
		}
		got, err := UsageConstrained(v.secret(t, "Ke_hex"), Usage(usage), v.text(t, "EnrolmentTargetID"))
		if err != nil {
			t.Fatalf("%s: %v", v.ID, err)
		}
		v.want(t, "key_hex", got)
	}
	for _, usage := range []Usage{0, 9, 16, 20, 26, 30, 31, 36, 40, 44, 50, -13} {
		if _, err := UsageConstrained(secretFor(t, []byte("k")), usage, "example.com"); err == nil {
			t.Errorf("the usage %d is accepted", usage)
		}
	}
}

func TestTarget_E117_IsADomainName(t *testing.T) {
	t.Parallel()
	const in, mn = onem2m.ID("//m2m.example/id-in"), onem2m.ID("//m2m.example/Id-MN")
	for _, tc := range []struct {
		name string
		got  func() (string, error)
		want string
	}{
		{"an IN-CSE", func() (string, error) { return CSEName(in, in) }, "id-in.m2m.example"},
		{"an MN-CSE below it, in lower case", func() (string, error) { return CSEName(mn, in) }, "id-mn.id-in.m2m.example"},
		{"an AE of the MN-CSE", func() (string, error) { return AEName(mn+"/CAE01", mn, in) }, "cae01.id-mn.id-in.m2m.example"},
		{"an AE of the SP, registered at the MN-CSE", func() (string, error) { return AEName("//m2m.example/Sae", mn, in) }, "sae.id-mn.id-in.m2m.example"},
		{"a CSE of another SP", func() (string, error) { return CSEName("//other.example/x", in) }, ""},
		{"an AE as a CSE", func() (string, error) { return CSEName(mn+"/CAE01", in) }, ""},
		{"an AE of another registrar", func() (string, error) { return AEName(in+"/CAE01", mn, in) }, ""},
		{"a CSE as an AE", func() (string, error) { return AEName(mn, mn, in) }, ""},
		{"nobody", func() (string, error) { return CSEName("", "") }, ""},
		{"an SP alone", func() (string, error) { return CSEName("//m2m.example", "//m2m.example") }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.got()
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("%q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestKe2e_E119_MasterFollowsTheVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "ke2e-master") {
		from := "Kpsa_hex"
		if _, ok := v.Input[from]; !ok {
			from = "sourceGeneratedRandom_hex"
		}
		got, err := Ke2eMaster(v.secret(t, from), v.text(t, "sourceEndPointID"), Extraction{Salt: v.octets(t, "Salt_hex")})
		if err != nil {
			t.Fatalf("%s: %v", v.ID, err)
		}
		v.want(t, "Ke2e_master_hex", got.Key)
	}
}

func TestKe2e_E120_E121_E122_WorkingKeysFollowTheVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "ke2e-expand") {
		got, err := Master{Key: v.secret(t, "Ke2e_master_hex")}.Expand()
		if err != nil {
			t.Fatalf("%s: %v", v.ID, err)
		}
		v.want(t, "Ke2e_msg_auth_hex", got.MessageAuthenticity)
		v.want(t, "Ke2e_msg_conf_hex", got.MessageConfidentiality)
		v.want(t, "Ke2e_att_auth_hex", got.AttributeAuthenticity)
		v.want(t, "Ke2e_att_conf_hex", got.AttributeConfidentiality)
		v.want(t, "Ke2e_msg_conf_hex", got.Primitive())
		v.want(t, "Ke2e_att_conf_hex", got.Data())
		v.unwanted(t, "mustNotEqual_Ke2e_msg_conf_hex", got.MessageConfidentiality.Bytes())
	}
}

func TestKe2e_E119_OtherHashesAreProvisioned(t *testing.T) {
	t.Parallel()
	kpsa := secretFor(t, bytes.Repeat([]byte{1}, KeyLength))
	for hash, length := range map[crypto.Hash]int{0: 32, crypto.SHA256: 32, crypto.SHA384: 48, crypto.SHA512: 64} {
		master, err := Ke2eMaster(kpsa, "//m2m.example/id-in", Extraction{Hash: hash})
		if err != nil || master.Key.Len() != length {
			t.Errorf("hash %d: %d octets, %v", hash, master.Key.Len(), err)
		}
		if all, err := master.Expand(); err != nil || all.Data().Len() != length {
			t.Errorf("hash %d: %v", hash, err)
		}
	}
	if _, err := Ke2eMaster(kpsa, "//m2m.example/id-in", Extraction{Hash: crypto.SHA1}); err == nil {
		t.Error("SHA-1 is accepted")
	}
	if _, err := (Master{Key: kpsa, Hash: crypto.MD5}).Expand(); err == nil {
		t.Error("MD5 is accepted")
	}
}

func TestDerivation_NeedsAKeyAndAnIdentifier(t *testing.T) {
	t.Parallel()
	key := secretFor(t, []byte("k"))
	for name, got := range map[string]func() (Secret, error){
		"no Ke for Km":          func() (Secret, error) { return Km(Secret{}, "maf.example.com") },
		"no identifier":         func() (Secret, error) { return Kpsa(key, "") },
		"broken UTF-8":          func() (Secret, error) { return Kpsa(key, "\xff") },
		"an endless identifier": func() (Secret, error) { return Kpsa(key, strings.Repeat("x", MaxIdentifier+1)) },
		"no Kpsa": func() (Secret, error) {
			m, err := Ke2eMaster(Secret{}, "x", Extraction{})
			return m.Key, err
		},
		"neither salt nor source": func() (Secret, error) {
			m, err := Ke2eMaster(key, "", Extraction{})
			return m.Key, err
		},
		"no master":      func() (Secret, error) { k, err := Master{}.Expand(); return k.Data(), err },
		"no pairwiseKey": func() (Secret, error) { return Session(Secret{}, ReceiverRand{}, OriginatorRand{}) },
	} {
		if _, err := got(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestUntil_E123_NothingOutlivesTheEnrolment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		enrolment := onem2m.Timestamp(rapid.Int64Range(0, 5).Draw(t, "enrolment"))
		asked := onem2m.Timestamp(rapid.Int64Range(0, 5).Draw(t, "asked"))
		got := Until(enrolment, asked)
		if enrolment != 0 && (got == 0 || got > enrolment) {
			t.Errorf("lives until %d, the enrolment until %d", got, enrolment)
		}
		if asked != 0 && (got == 0 || got > asked) {
			t.Errorf("lives until %d, asked for %d", got, asked)
		}
	})
}

func TestSecret_IsNotPrinted(t *testing.T) {
	t.Parallel()
	octets := []byte("sixteen octets..")
	s := secretFor(t, octets)
	var wrapped any = struct {
		name   string
		secret Secret
	}{"x", s}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "key", s, "wrapped", wrapped)
	marshalled, err := json.Marshal(map[string]any{"key": s})
	if err == nil {
		t.Errorf("serialized as %s", marshalled)
	}
	for _, text := range []string{
		s.String(), fmt.Sprintf("%v %+v %#v %s %x %q %d", s, s, s, s, s, s, s), fmt.Sprintf("%v %+v %#v %x", wrapped, wrapped, wrapped, wrapped),
		fmt.Sprintf("%v", []Secret{s}), log.String(),
	} {
		if strings.Contains(text, string(octets)) || strings.Contains(strings.ToLower(text), hex.EncodeToString(octets)) || strings.Contains(text, "115 105 120") {
			t.Errorf("shows its octets: %s", text)
		}
	}
}

func TestSecret_NeverChanges(t *testing.T) {
	t.Parallel()
	octets := []byte{1, 2, 3}
	s := secretFor(t, octets)
	octets[0] = 9
	s.Bytes()[1] = 9
	if !bytes.Equal(s.Bytes(), []byte{1, 2, 3}) || s.Len() != 3 || s.IsZero() {
		t.Errorf("it is %x", s.Bytes())
	}
	if !s.Equal(secretFor(t, []byte{1, 2, 3})) || s.Equal(secretFor(t, []byte{1, 2, 4})) || s.Equal(Secret{}) || !(Secret{}).Equal(Secret{}) {
		t.Error("the comparison is wrong")
	}
	for _, length := range []int{0, MaxSecret + 1} {
		if _, err := NewSecret(make([]byte, length)); err == nil {
			t.Errorf("%d octets are accepted", length)
		}
	}
}
