package audit

import (
	"net/netip"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// bounded returns r with every text cut and made valid UTF-8.
func bounded(r Record) Record {
	for _, s := range []*string{
		&r.Event, &r.RequestID, &r.Originator, &r.Claimed, &r.Credential, &r.Binding,
		&r.Operation, &r.Target, &r.Stage, &r.Rule, &r.Reason, (*string)(&r.Result),
	} {
		*s = cut(*s)
	}
	var bound []string
	for _, id := range r.Bound[:min(len(r.Bound), maxBound)] {
		bound = append(bound, cut(id))
	}
	r.Bound = bound
	return r
}

func anyRecord(t *rapid.T) Record {
	// Half of the texts are arbitrary octets, some are longer than the bound.
	text := rapid.OneOf(
		rapid.Just(""), rapid.String(), rapid.StringN(400, 700, -1),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 600), func(b []byte) string { return string(b) }),
	)
	source := rapid.OneOf(rapid.Just(netip.Addr{}), rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) netip.Addr {
		if b[0] < 128 {
			return netip.AddrFrom4([4]byte(b[:4]))
		}
		return netip.AddrFrom16([16]byte(b))
	}))
	number := rapid.OneOf(rapid.Just(0), rapid.Int())
	return Record{
		Time:  time.Unix(rapid.Int64Range(0, 250_000_000_000).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond")).UTC(),
		Event: text.Draw(t, "event"), RequestID: text.Draw(t, "req"), Originator: text.Draw(t, "fr"), Claimed: text.Draw(t, "claimed"),
		Authn: rapid.Bool().Draw(t, "authn"), Credential: text.Draw(t, "credential"), Bound: rapid.SliceOfN(text, 0, maxBound+2).Draw(t, "bound"),
		Source: source.Draw(t, "source"), Binding: text.Draw(t, "bind"), Operation: text.Draw(t, "op"), Target: text.Draw(t, "to"),
		Type: number.Draw(t, "ty"), Stage: text.Draw(t, "stage"), Rule: text.Draw(t, "rule"), Result: Result(text.Draw(t, "result")),
		RSC: number.Draw(t, "rsc"), Reason: text.Draw(t, "reason"), Repeated: number.Draw(t, "repeated"),
	}
}

func TestRecord_TheLineIsWhatReflectionWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord(t)
		want, err := json.Marshal(bounded(r))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want)+"\n", string(r.appendLine(nil))); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRecord_ATypicalLineIsWrittenWithoutAllocation(t *testing.T) {
	r := Record{
		Time: time.Now().UTC(), Event: "request", RequestID: "r1", Originator: "//m2m.example/id-in/CLamp", Authn: true,
		Credential: "10-x", Source: netip.MustParseAddr("192.0.2.7"), Binding: "https", Operation: "create", Target: "cse-in/lamp",
		Stage: "static", Rule: "acp rule 1", Result: Permit,
	}
	buffer := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { r.appendLine(buffer) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
