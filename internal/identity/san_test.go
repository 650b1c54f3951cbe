package identity

import (
	"encoding/asn1"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// examples are the vectors of the worked examples: the value of the extension
// and what it says.
func examples() map[string]struct {
	hex  string
	want SubjectAltName
} {
	return map[string]struct {
		hex  string
		want SubjectAltName
	}{
		"S-040 E3 an AE-ID without scheme":   {"301786152f2f73702e6578616d706c652f536d657465723432", SubjectAltName{URIs: []string{"//sp.example/Smeter42"}}},
		"S-041 E4 the name of a CSE":         {"301882166d6e2d372e696e2d6373652e73702e6578616d706c65", SubjectAltName{DNS: []string{"mn-7.in-cse.sp.example"}}},
		"S-044 E6 the OID of a device":       {"3011a00f060402836101a0070d05649756ce1b", SubjectAltName{Devices: []string{"0.2.481.1.100.3030.10011"}}},
		"S-044 an otherName of another type": {"3011a00f060402836101a0070c05649756ce1b", SubjectAltName{}},
		"S-044 an address alone":             {"300687047f000001", SubjectAltName{}},
		"S-044 no name at all":               {"3000", SubjectAltName{}},
	}
}

func TestParseSubjectAltName(t *testing.T) {
	t.Parallel()
	for name, tc := range examples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			der, err := hex.DecodeString(tc.hex)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseSubjectAltName(der)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			for n := range der {
				if _, err := ParseSubjectAltName(der[:n]); err == nil {
					t.Errorf("%x, cut after %d octets, is accepted", der, n)
				}
			}
			if _, err := ParseSubjectAltName(append(der, 0)); err == nil {
				t.Error("something behind the extension is accepted")
			}
		})
	}
}

func TestParseSubjectAltName_RefusesWhatIsMalformed(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"not a sequence":                 "0403020100",
		"a name of the universal class":  "300304010a",
		"a NUL in a name":                "3006820461622e00",
		"a blank in a name":              "300682046162202e",
		"an octet beyond ASCII":          "300682046162c3a4",
		"an empty name":                  "30028200",
		"an otherName without value":     "3006a00406028361",
		"an OID that is cut":             "3010a00e0603028361a0070d05649756ce81",
		"an arc with a leading zero":     "3011a00f060402836101a0070d05648056ce1b",
		"an arc beyond 64 bits":          "3017a015060402836101a00d0d0bffffffffffffffffffff7f",
		"a value that isn't wrapped":     "300fa00d0604028361010d05649756ce1b",
		"two values of one otherName":    "3013a011060402836101a0090d05649756ce1b0500",
		"a type that isn't an OID":       "3011a00f040402836101a0070d05649756ce1b",
		"an empty relative identifier":   "300ca00a060402836101a0020d00",
		"a compound domain name":         "3006a20482026162",
		"an otherName that is primitive": "3011800f060402836101a0070d05649756ce1b",
	} {
		der, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseSubjectAltName(der); err == nil && len(got.DNS)+len(got.URIs)+len(got.Devices) > 0 {
			t.Errorf("%s is read as %+v", name, got)
		} else if err == nil && name != "a compound domain name" {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestDeviceName_S044_IsReadBackAsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		arcs := []string{strconv.Itoa(rapid.IntRange(0, 2).Draw(t, "first")), strconv.Itoa(rapid.IntRange(0, 39).Draw(t, "second"))}
		for _, arc := range rapid.SliceOfN(rapid.Uint64Range(0, 1<<62), 1, 10).Draw(t, "arcs") {
			arcs = append(arcs, strconv.FormatUint(arc, 10))
		}
		oid := strings.Join(arcs, ".")
		name, err := DeviceName(oid, rapid.IntRange(2, len(arcs)-1).Draw(t, "higher"))
		if err != nil {
			t.Fatal(err)
		}
		der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: name})
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseSubjectAltName(der)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(SubjectAltName{Devices: []string{oid}}, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestDeviceName_RefusesWhatIsNoDeviceIdentifier(t *testing.T) {
	t.Parallel()
	for _, oid := range []string{"", "1", "1.2.3.4", "3.1.1.1.1", "0.40.1.1.1", "1.2.x.4.5", "1.2.03.4.5", "1.2.-3.4.5", "1..2.3.4.5"} {
		if _, err := DeviceName(oid, 4); err == nil {
			t.Errorf("%q is accepted", oid)
		}
	}
}

func FuzzParseSubjectAltName(f *testing.F) {
	for _, tc := range examples() {
		der, err := hex.DecodeString(tc.hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	names, err := newNameMap(home(), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		san, err := ParseSubjectAltName(der)
		if err != nil {
			return
		}
		s, err := san.subject(names)
		if err != nil {
			return
		}
		if s.ID != "" {
			if id, _, err := home().ParseID(string(s.ID)); err != nil || id != s.ID {
				t.Fatalf("the identity %q is none", s.ID)
			}
		}
		if s.Flavour == 0 || strings.ContainsAny(s.Credential, "* ") {
			t.Fatalf("%+v", s)
		}
	})
}
