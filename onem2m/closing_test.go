package onem2m

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// closingBySeconds is Closing as anybody would write it.
func closingBySeconds(list []*Schedule, t, limit time.Time) time.Time {
	for t = t.UTC().Truncate(time.Second); t.Before(limit); t = t.Add(time.Second) {
		open := false
		for _, s := range list {
			open = open || s.Contains(t)
		}
		if !open {
			return t
		}
	}
	return limit
}

func schedules(tb testing.TB, texts ...string) []*Schedule {
	tb.Helper()
	var list []*Schedule
	for _, text := range texts {
		s, err := ParseSchedule(text)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

func TestClosing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, windows, from, limit, want string
	}{
		{"at the end of the hour", "* * 8-16 * * * *", "2026-03-02T10:00:00.5Z", "2026-03-03T00:00:00Z", "2026-03-02T17:00:00Z"},
		{"closed already", "* * 8-16 * * * *", "2026-03-02T17:00:00.5Z", "2026-03-03T00:00:00Z", "2026-03-02T17:00:00Z"},
		{"not before the limit", "* * * * * * *", "2026-03-02T10:00:00Z", "2026-06-03T00:00:00.25Z", "2026-06-03T00:00:00.25Z"},
		{"by turns", "*/2 * * * * * *|1-59/2 * * * * * *", "2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z", "2026-03-03T10:00:00Z"},
		{"one meets the other", "* * 8-16 * * * *|* 0-4 17 * * * *", "2026-03-02T10:00:00Z", "2026-03-03T00:00:00Z", "2026-03-02T17:05:00Z"},
		{"a second is left out", "0-29,31-59 * * * * * *", "2026-03-02T10:00:31Z", "2026-03-03T00:00:00Z", "2026-03-02T10:01:30Z"},
		{"at the end of a month", "* * * * 2 * *", "2028-02-01T00:00:00Z", "2028-04-01T00:00:00Z", "2028-03-01T00:00:00Z"},
		{"no windows", "", "2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z", "2026-03-02T10:00:00Z"},
		{"the limit is over", "* * * * * * *", "2026-03-02T10:00:00Z", "2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at := func(text string) time.Time {
				v, err := time.Parse(time.RFC3339Nano, text)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			var list []*Schedule
			if tt.windows != "" {
				list = schedules(t, strings.Split(tt.windows, "|")...)
			}
			if got := Closing(list, at(tt.from), at(tt.limit)); !got.Equal(at(tt.want)) {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestClosing_IsThatOfGoingSecondBySecond(t *testing.T) {
	t.Parallel()
	field := func(rt *rapid.T, name string, choices ...string) string {
		return rapid.SampledFrom(choices).Draw(rt, name)
	}
	rapid.Check(t, func(rt *rapid.T) {
		var list []*Schedule
		for range rapid.IntRange(0, 3).Draw(rt, "windows") {
			text := strings.Join([]string{
				field(rt, "second", "*", "*/2", "1-59/2", "0-29", "30-59", "0-58", "1-59"), field(rt, "minute", "*", "*", "0-29", "30-59", "*/2", "1-59/2"),
				field(rt, "hour", "*", "*", "0-22", "10-11", "23,0"), field(rt, "day", "*", "*", "2-3", "31,1"), field(rt, "month", "*", "*", "3", "2,12"),
				field(rt, "week", "*", "*", "1-2"), field(rt, "year", "*", "*", "2026", "2027-2030"),
			}, " ")
			list = append(list, schedules(t, text)...)
		}
		from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, 366*86400).Draw(rt, "second")) * time.Second)
		if rapid.Bool().Draw(rt, "late") {
			from = time.Date(2026, 12, 31, 23, 58, rapid.IntRange(0, 59).Draw(rt, "s"), 7, time.UTC)
		}
		limit := from.Add(time.Duration(rapid.Int64Range(0, 30*3600).Draw(rt, "length")) * time.Second)
		if got, want := Closing(list, from, limit), closingBySeconds(list, from, limit); !got.Equal(want) {
			rt.Fatalf("from %v to %v: got %v, want %v", from, limit, got, want)
		}
	})
}

func FuzzClosing(f *testing.F) {
	f.Add("* * 8-17 * * 1-5 *", "*/2 * * * * * *", int64(1772400000), int64(3600))
	f.Add("1-59/2 * * * * * *", "*/2 * * * * * *", int64(1772400000), int64(86400))
	f.Add("* * * 29 2 * 2028", "* * * * * * *", int64(1835308800), int64(90000))
	f.Fuzz(func(t *testing.T, one, two string, from, length int64) {
		a, err1 := ParseSchedule(one)
		b, err2 := ParseSchedule(two)
		if err1 != nil || err2 != nil || from < 0 || from > 1<<33 || length < 0 || length > 90_000 {
			return
		}
		at := time.Unix(from, 0)
		list, limit := []*Schedule{a, b}, at.Add(time.Duration(length)*time.Second)
		if got, want := Closing(list, at, limit), closingBySeconds(list, at, limit); !got.Equal(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// BenchmarkClosing has windows that change each second, for a day.
func BenchmarkClosing(b *testing.B) {
	list := schedules(b, "*/2 * * * * * *", "1-59/2 * * * * * *")
	for len(list) < 16 {
		list = append(list, list[0])
	}
	from := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		Closing(list, from, from.AddDate(0, 0, 1))
	}
}
