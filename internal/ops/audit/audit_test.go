package audit_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"bulwark/internal/ops/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string, opt audit.Options) *audit.Log {
	t.Helper()
	l, err := audit.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLog(t *testing.T, l *audit.Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func all(t *testing.T, dir string) []audit.Record {
	t.Helper()
	var records []audit.Record
	for r, err := range audit.Records(dir) {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

func denial(request string) audit.Record {
	return audit.Record{
		Event: "request", RequestID: request, Claimed: "CMallory", Credential: "10-x", Bound: []string{"//m2m.example/id-in/CLamp"},
		Source: netip.MustParseAddr("192.0.2.7"), Binding: "https", Operation: "create", Target: "cse-in/lamp", Type: 4,
		Stage: "impersonation", Result: audit.Deny, RSC: 4106, Reason: "From is not of this association",
	}
}

func TestLog_A193_ARecordComesBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "audit")
	l := open(t, dir, audit.Options{Size: 1 << 20, Count: 2})
	want := denial("r1")
	want.Rule, want.Originator, want.Authn, want.Time = "acp#2", "//m2m.example/id-in/CLamp", true, time.Now().UTC()
	l.Write(audit.Record{Event: "request", RequestID: "r0", Result: audit.Permit})
	l.Write(want)
	closeLog(t, l)

	got, err := audit.Search(dir, "r1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]audit.Record{want}, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
}

func TestLog_RotatesBySizeAndKeepsCountFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir, audit.Options{Size: 1000, Count: 3})
	for i := range 200 {
		l.Write(audit.Record{Event: "request", RequestID: fmt.Sprint("r", i), Result: audit.Permit})
	}
	closeLog(t, l)
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(names) != 3 {
		t.Fatalf("%d files are kept, %v", len(names), err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || info.Size() > 1200 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has %d octets and mode %v", name, info.Size(), info.Mode())
		}
	}
	records := all(t, dir)
	for i, r := range records {
		if want := fmt.Sprint("r", 200-len(records)+i); r.RequestID != want {
			t.Fatalf("record %d is %s, not %s", i, r.RequestID, want)
		}
	}
}

func TestLog_ContinuesBehindATornLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir, audit.Options{Size: 1 << 20, Count: 2})
	l.Write(denial("r1"))
	closeLog(t, l)
	name := filepath.Join(dir, "audit-00000001.jsonl")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for cutAt := range len(whole) {
		torn := append(append([]byte{}, whole...), whole[:cutAt]...)
		if err := os.WriteFile(name, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := len(all(t, dir)); got != 1 {
			t.Fatalf("with %d octets of a second line: %d records before the next start", cutAt, got)
		}
		if cutAt%40 != 0 {
			continue
		}
		l := open(t, dir, audit.Options{Size: 1 << 20, Count: 2})
		l.Write(denial("r2"))
		closeLog(t, l)
		if got := all(t, dir); len(got) != 2 || got[1].RequestID != "r2" {
			t.Fatalf("with %d octets of a second line: %d records after the next start", cutAt, len(got))
		}
	}
}

func TestRecords_SkipALineThatIsTooLong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := strings.Repeat("x", 100_000) + "\n" + `{"time":"2026-03-01T10:15:00Z","event":"start","result":"note"}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "audit-00000007.jsonl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := all(t, dir); len(got) != 1 || got[0].Event != "start" {
		t.Errorf("got %v", got)
	}
}

func TestLog_WritersDoNotMixTheirLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir, audit.Options{Size: 20_000, Count: 1000})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 100 {
				r := denial(fmt.Sprint(w, "-", i))
				r.Target = r.RequestID // a denial of its own
				l.Write(r)
			}
		})
	}
	wg.Wait()
	closeLog(t, l)
	seen := map[string]bool{}
	for _, r := range all(t, dir) {
		seen[r.RequestID] = true
	}
	if len(seen) != 800 || l.Lost() != 0 {
		t.Errorf("%d of 800 records are there, %d lost", len(seen), l.Lost())
	}
}

func TestLog_S096_IdenticalDenialsAreSummedUpPerCredential(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir, audit.Options{Size: 1 << 20, Count: 2})
		for i := range 50 {
			l.Write(denial(fmt.Sprint("r", i)))
		}
		other := denial("other")
		other.Credential = "10-y"
		l.Write(other)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		l.Write(denial("later"))
		closeLog(t, l)
	})
	counts := map[string]int{}
	for _, r := range all(t, dir) {
		counts[r.Event+" "+r.Credential] += max(r.Repeated, 1)
	}
	want := map[string]int{"request 10-x": 11, "repeated 10-x": 40, "request 10-y": 1}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
}

func TestLog_SaysHowManyRecordsItLost(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		// The superuser may write anywhere: take the folder away instead.
		t.Log("running as superuser")
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "audit")
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir, audit.Options{Size: 1, Count: 2}) // each record begins a file
		l.Write(denial("r1"))
		time.Sleep(2 * time.Second)
		if err := os.Rename(dir, dir+".gone"); err != nil {
			t.Fatal(err)
		}
		l.Write(denial("r2"))
		time.Sleep(2 * time.Second)
		if l.Check(t.Context()) == nil {
			t.Error("the trail counts as ready while it cannot be written")
		}
		if err := os.Rename(dir+".gone", dir); err != nil {
			t.Fatal(err)
		}
		l.Write(denial("r3"))
		closeLog(t, l)
		if l.Lost() != 1 {
			t.Errorf("%d records are counted as lost", l.Lost())
		}
	})
	var events []string
	for _, r := range all(t, dir) {
		events = append(events, fmt.Sprint(r.Event, r.RequestID, r.Repeated))
	}
	// Two files are kept, of one record each.
	if diff := cmp.Diff([]string{"lost1", "requestr30"}, trim(events)); diff != "" {
		t.Error(diff)
	}
}

func trim(s []string) []string { return s[max(0, len(s)-2):] }

func TestLog_BoundsWhatAnOriginatorCanWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir, audit.Options{Size: 1 << 20, Count: 2})
	r := denial(strings.Repeat("r", 5000))
	r.Claimed, r.Target = "C\xff\n\"", strings.Repeat("é", 5000)
	r.Bound = make([]string, 1000)
	l.Write(r)
	closeLog(t, l)
	got := all(t, dir)
	if len(got) != 1 || len(got[0].RequestID) > 512 || len(got[0].Target) > 512 || len(got[0].Bound) != 16 || got[0].Claimed != "C?\n\"" {
		t.Errorf("got %v", got)
	}
	found, err := audit.Search(dir, strings.Repeat("r", 5000))
	if err != nil || len(found) != 1 {
		t.Errorf("a long request identifier finds %d records, %v", len(found), err)
	}
}

func TestLog_AWriteAfterCloseIsCountedAsLost(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir(), audit.Options{Size: 1 << 20, Count: 2})
	closeLog(t, l)
	l.Write(denial("r1"))
	if l.Lost() != 1 {
		t.Errorf("%d are counted as lost", l.Lost())
	}
	closeLog(t, l)
}

func TestDocs_ExplainEveryFieldOfARecord(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/logging.md")
	if err != nil {
		t.Fatal(err)
	}
	for f := range reflect.TypeFor[audit.Record]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if row := "| `" + name + "` | " + f.Tag.Get("doc") + " |\n"; !strings.Contains(string(page), row) {
			t.Errorf("docs/logging.md has no row %s", row)
		}
	}
}
