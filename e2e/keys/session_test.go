package keys

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

// wire is a rand object as JSON has it.
type wire struct {
	ID          string  `json:"esri"`
	Value       string  `json:"esrv"`
	Expiry      string  `json:"esrx"`
	Generators  []int64 `json:"esks,omitempty"`
	Generator   int64   `json:"esk,omitzero"`
	Protections []int64 `json:"espa"`
}

func (w wire) rand() Rand { return Rand{w.ID, w.Value, w.Expiry, w.Protections} }

func (v vector) rand(t *testing.T, name string) wire {
	t.Helper()
	var w wire
	if err := json.Unmarshal(v.Input[name], &w, json.RejectUnknownMembers(true)); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestSession_E115_E126_FollowsTheVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "session-esprim-key") {
		r, o := v.rand(t, "receiverESPrimRandObject"), v.rand(t, "originatorESPrimRandObject")
		receiver, originator := ReceiverRand{r.rand(), r.Generators}, OriginatorRand{o.rand(), o.Generator}
		first, err := receiver.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		second, err := originator.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		if got := string(first) + string(second) + LabelSession; got != v.text(t, "hmacMessage") {
			t.Errorf("%s: message %s", v.ID, got)
		}
		got, err := Session(v.secret(t, "pairwiseESPrimKey_hex"), receiver, originator)
		if err != nil {
			t.Fatalf("%s: %v", v.ID, err)
		}
		v.want(t, "sessionESPrimKey_hex", got)
		v.unwanted(t, "mustNotEqual_hex", got.Bytes())
	}
}

// sample returns two objects that fit each other.
func sample() (ReceiverRand, OriginatorRand) {
	return ReceiverRand{Rand{"U1", "x1", "20260301T000000", []int64{A256GCM}}, []int64{HMACSHA256}},
		OriginatorRand{Rand{"U2", "x2", "20260301T000000", []int64{A256GCM}}, HMACSHA256}
}

func TestSession_E125_OnlyAlgorithm1(t *testing.T) {
	t.Parallel()
	pairwise := secretFor(t, []byte("pairwise"))
	r, o := sample()
	o.Generator = 2
	if _, err := Session(pairwise, r, o); err == nil {
		t.Error("an unknown algorithm is accepted")
	}
	r, o = sample()
	r.Generators = []int64{2}
	if _, err := Session(pairwise, r, o); err == nil {
		t.Error("an algorithm that was not offered is accepted")
	}
}

func TestRand_RefusesWhatWouldNeedAnEscape(t *testing.T) {
	t.Parallel()
	pairwise := secretFor(t, []byte("pairwise"))
	for _, text := range []string{"", `U"`, "U\\", "U ", "Ü", "U\n", strings.Repeat("U", MaxRandText+1)} {
		for i := range 4 {
			r, o := sample()
			*[]*string{&r.ID, &r.Value, &o.Expiry, &o.ID}[i] = text
			if _, err := Session(pairwise, r, o); err == nil {
				t.Errorf("%q is accepted as text %d", text, i)
			}
		}
	}
	for i := range 3 {
		r, o := sample()
		*[]*[]int64{&r.Generators, &r.Protections, &o.Protections}[i] = slices.Repeat([]int64{HMACSHA256}, MaxRandItems+1)
		if _, err := Session(pairwise, r, o); err == nil {
			t.Errorf("an endless list %d is accepted", i)
		}
	}
}

// TestRand_E126_CanonicalIsInjective draws two objects: they have one form only
// if they are equal, and the form is JSON that reads back.
func TestRand_E126_CanonicalIsInjective(t *testing.T) {
	t.Parallel()
	draw := func(t *rapid.T, name string) ReceiverRand {
		text := rapid.StringMatching(`[A-Za-z_][A-Za-z0-9._,-]{0,2}`)
		list := rapid.SliceOfN(rapid.Int64Range(-1, 2), 0, 2)
		return ReceiverRand{
			Rand{text.Draw(t, name+" id"), text.Draw(t, name+" value"), text.Draw(t, name+" expiry"), list.Draw(t, name+" protections")},
			list.Draw(t, name+" generators"),
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		first, err1 := a.Canonical()
		second, err2 := b.Canonical()
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		same := a.ID == b.ID && a.Value == b.Value && a.Expiry == b.Expiry && slices.Equal(a.Protections, b.Protections) && slices.Equal(a.Generators, b.Generators)
		if same != (string(first) == string(second)) {
			t.Errorf("%s and %s", first, second)
		}
		var back wire
		if err := json.Unmarshal(first, &back, json.RejectUnknownMembers(true)); err != nil {
			t.Fatal(err)
		}
		if back.ID != a.ID || back.Value != a.Value || back.Expiry != a.Expiry || !slices.Equal(back.Protections, a.Protections) || !slices.Equal(back.Generators, a.Generators) {
			t.Errorf("%s reads back as %+v", first, back)
		}
	})
}

func TestContentKey_IsTheFirstOctets(t *testing.T) {
	t.Parallel()
	octets := make([]byte, KeyLength)
	for i := range octets {
		octets[i] = byte(i)
	}
	session := secretFor(t, octets)
	for algorithm, length := range map[int64]int{A128GCM: 16, A192GCM: 24, A256GCM: 32} {
		got, err := ContentKey(session, algorithm)
		if err != nil || !slices.Equal(got.Bytes(), octets[:length]) {
			t.Errorf("algorithm %d: %x, %v", algorithm, got.Bytes(), err)
		}
	}
	if _, err := ContentKey(session, 13); err == nil {
		t.Error("an unknown algorithm has a key")
	}
	if _, err := ContentKey(Secret{}, A256GCM); err == nil {
		t.Error("no session has a key")
	}
}

func BenchmarkSession(b *testing.B) {
	pairwise := secretOf(make([]byte, KeyLength))
	r, o := sample()
	for b.Loop() {
		if _, err := Session(pairwise, r, o); err != nil {
			b.Fatal(err)
		}
	}
}
