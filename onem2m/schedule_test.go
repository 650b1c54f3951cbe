package onem2m

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustTime(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := ParseTimestamp(s)
	if err != nil {
		t.Fatal(err)
	}
	return at.Time()
}

func TestSchedule_Contains(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		id, name, entry, at string
		want                bool
	}{
		{"A-85", "a working hour on Tuesday", "* * 8-17 * * 1-5 *", "20260901T103000", true},
		{"A-85", "the same hour on Saturday", "* * 8-17 * * 1-5 *", "20260905T103000", false},
		{"A-85", "the hour after the last", "* * 8-17 * * 1-5 *", "20260901T180000", false},
		{"A-85", "a list of hours, minute inside", "* 0-5 2,6,10 * * * *", "20260901T060300", true},
		{"A-85", "a list of hours, minute outside", "* 0-5 2,6,10 * * * *", "20260901T060600", false},
		{"A-85", "new year", "0 0 0 1 1 * *", "20270101T000000", true},
		{"A-85", "one second later", "0 0 0 1 1 * *", "20270101T000001", false},
		{"A-87", "Sunday the 13th is not Friday the 13th", "* * * 13 * 5 *", "20260913T120000", false},
		{"A-87", "Friday the 13th", "* * * 13 * 5 *", "20261113T120000", true},
		{"C-260", "a step on the second", "*/10 * * * * * *", "20260901T000020", true},
		{"C-260", "beside the step", "*/10 * * * * * *", "20260901T000025", false},
		{"C-260", "a stepped range", "* 10-30/5 * * * * *", "20260901T001500", true},
		{"C-260", "beside the stepped range", "* 10-30/5 * * * * *", "20260901T001600", false},
		{"C-260", "the step of a day counts from 1", "* * * */10 * * *", "20260921T000000", true},
		{"C-260", "the step of a day doesn't count from 0", "* * * */10 * * *", "20260920T000000", false},
		{"C-260", "the step of a year counts from 2000", "* * * * * * */4", "20280101T000000", true},
		{"C-260", "a year in a list", "* * * * * * 2025,2027-2029", "20280101T000000", true},
		{"C-260", "a year outside a list", "* * * * * * 2025,2027-2029", "20260101T000000", false},
		{"C-260", "a year before the field begins", "* * * * * * *", "19991231T235959", false},
		{"C-260", "day of week 0 is Sunday", "* * * * * 0 *", "20260906T000000", true},
		{"C-260", "the last of each field", "59 59 23 31 12 5 9999", "99991231T235959", true},
	} {
		t.Run(tc.id+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			s, err := ParseSchedule(tc.entry)
			if err != nil {
				t.Fatal(err)
			}
			at := mustTime(t, tc.at)
			if got := s.Contains(at); got != tc.want {
				t.Errorf("%q contains %s: got %v, want %v", tc.entry, tc.at, got, tc.want)
			}
			elsewhere := time.FixedZone("UTC+9", 9*3600)
			if got := s.Contains(at.In(elsewhere)); got != tc.want {
				t.Errorf("A-86: the answer depends on the zone of the time value")
			}
		})
	}
}

func TestParseSchedule_C260_RefusesWhatIsNoEntry(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ entry, text string }{
		{"", "seven fields"},
		{"whenever", "seven fields"},
		{"* * * * * *", "seven fields"},
		{"* * * * * * * *", "seven fields"},
		{"*  * * * * * *", "seven fields"},
		{" * * * * * * *", "seven fields"},
		{"*\t* * * * * *", "seven fields"},
		{"* * 22-2 * * * *", "hour: the range runs backwards"},
		{"60 * * * * * *", "second: a number is outside 0-59"},
		{"99 * * * * * *", "second: a number is outside 0-59"},
		{"* * * 0 * * *", "day of month: a number is outside 1-31"},
		{"* * * * * 7 *", "day of week: a number is outside 0-6"},
		{"* * * * * * 1999", "year: a number is outside 2000-9999"},
		{"* * * * * * 10000", "year: neither"},
		{"*/0 * * * * * *", "second: the step"},
		{"*/ * * * * * *", "second: the step"},
		{"1-5/0 * * * * * *", "second: the step"},
		{"5/2 * * * * * *", "second: a step follows"},
		{"1, * * * * * *", "second: neither"},
		{",1 * * * * * *", "second: neither"},
		{"1-2-3 * * * * * *", "second: the end"},
		{"-1 * * * * * *", "second: neither"},
		{"+1 * * * * * *", "second: neither"},
		{"*,1 * * * * * *", "second: neither"},
		{"1,*/2 * * * * * *", "second: "},
		{"* * * * JAN * *", "month: neither"},
		{"* * * * * MON *", "day of week: neither"},
		{"* * * L * * *", "day of month: neither"},
		{"٣ * * * * * *", "second: neither"},
		{strings.Repeat("1,", MaxSchedule) + "1 * * * * * *", "longer than"},
	} {
		t.Run(tc.entry[:min(len(tc.entry), 20)], func(t *testing.T) {
			t.Parallel()
			s, err := ParseSchedule(tc.entry)
			if err == nil {
				t.Fatalf("accepted as %v", s)
			}
			if !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %q, want a text with %q", err, tc.text)
			}
		})
	}
}

func TestSchedule_Next(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, entry, from, want string }{
		{"an instant inside is its own answer", "* * * * * * *", "20260304T103000", "20260304T103000"},
		{"a fraction is rounded up", "* * * * * * *", "20260304T103000,5", "20260304T103001"},
		{"later in the same hour", "0 45 * * * * *", "20260304T103000", "20260304T104500"},
		{"the next hour", "0 15 * * * * *", "20260304T103000", "20260304T111500"},
		{"the next day", "30 15 9 * * * *", "20260304T103000", "20260305T091530"},
		{"the next Sunday", "* * * * * 0 *", "20260304T103000", "20260308T000000"},
		{"the next leap day", "* * * 29 2 * *", "20260304T103000", "20280229T000000"},
		{"the next Friday the 13th", "* * * 13 * 5 *", "20260304T103000", "20260313T000000"},
		{"over the end of a year", "* * 8 1 1 * *", "20260101T090000", "20270101T080000"},
		{"before the first year", "* * * * * * *", "19700101T000000", "20000101T000000"},
		{"a year like the first, which was over in part", "* * * 1 1 4 2026,2037", "20260304T103000", "20370101T000000"},
		{"a year that is over", "* * * * * * 2020-2025", "20260304T103000", ""},
		{"a date that doesn't exist", "* * * 31 2,4,6,9,11 * *", "20260304T103000", ""},
		{"a leap day in years that have none", "* * * 29 2 * 2025-9999/4", "20260304T103000", ""},
		{"a leap day on a Monday", "* * * 29 2 1 *", "20260304T103000", "20440229T000000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, err := ParseSchedule(tc.entry)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := s.Next(mustTime(t, tc.from))
			if ok != (tc.want != "") || ok && !got.Equal(mustTime(t, tc.want)) {
				t.Errorf("got %v %v, want %s", got, ok, tc.want)
			}
		})
	}
}

// genScheduleEntry draws valid entries, mostly narrow in the coarse fields so
// that days match and miss about as often.
func genScheduleEntry(t *rapid.T) string {
	var fields []string
	for _, f := range scheduleFields {
		high := min(f.max, f.min+60)
		number := rapid.IntRange(f.min, high)
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		lo, hi := strconv.Itoa(min(a, b)), strconv.Itoa(max(a, b))
		forms := []string{
			"*", "*/" + strconv.Itoa(rapid.IntRange(1, 40).Draw(t, "step")),
			lo + "-" + hi, lo + "-" + hi + "/3", hi + "," + lo,
		}
		fields = append(fields, rapid.SampledFrom(forms).Draw(t, f.name))
	}
	return strings.Join(fields, " ")
}

func TestSchedule_NextIsTheFirstInside(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		s, err := ParseSchedule(genScheduleEntry(t))
		if err != nil {
			t.Fatal(err)
		}
		from := start.Add(time.Duration(rapid.IntRange(0, 3*365*86400).Draw(t, "from")) * time.Second)
		next, ok := s.Next(from)
		if ok && (next.Before(from) || !s.Contains(next)) {
			t.Fatalf("%v after %v is %v, which is outside", s, from, next)
		}
		if !ok {
			next = from.Add(400 * 24 * time.Hour)
		}
		for range 200 {
			offset := rapid.Int64Range(0, int64(next.Sub(from))).Draw(t, "offset")
			probe := from.Add(time.Duration(offset)).Truncate(time.Second)
			if !probe.Before(from) && probe.Before(next) && s.Contains(probe) {
				t.Fatalf("%v after %v is %v, but contains %v", s, from, next, probe)
			}
		}
	})
}

func TestSchedule_ContainsAllocatesNothing(t *testing.T) {
	s, err := ParseSchedule("* * 8-17 * * 1-5 2025-2030/2,2040")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2027, 3, 3, 10, 0, 0, 0, time.UTC)
	if n := testing.AllocsPerRun(100, func() { s.Contains(at) }); n != 0 {
		t.Errorf("got %v allocations", n)
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{
		"* * * * * * *", "*/10 * 8-17 1,15 * 1-5 2026", "0-59/7 1 2 3 4 5 2006", "60 * * * * * *", "", "* * * 31 2 * *",
	} {
		f.Add(s, int64(1772620200))
	}
	f.Fuzz(func(t *testing.T, text string, at int64) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		again, err := ParseSchedule(s.String())
		if err != nil {
			t.Fatalf("the text of a schedule is refused: %v", err)
		}
		when := time.Unix(at, 0)
		if s.Contains(when) != again.Contains(when) {
			t.Fatal("the same text gives another schedule")
		}
		if year := when.UTC().Year(); year < 1000 || year > 9999 {
			return
		}
		if next, ok := s.Next(when); ok && !s.Contains(next) {
			t.Fatalf("the next time %v is outside", next)
		}
	})
}
