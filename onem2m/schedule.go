package onem2m

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxSchedule bounds a schedule entry in octets. The text sets no limit; the
// longest useful list, sixty seconds one by one, takes 170.
const MaxSchedule = 512

// Schedule is a parsed m2m:scheduleEntry: the seven fields second, minute,
// hour, day of month, month, day of week and year, all of which an instant
// must match (TS-0004 clause 7.4.9.1, C-260, C-07). It is immutable.
type Schedule struct {
	text    string
	seconds uint64
	minutes uint64
	hours   uint64
	days    uint64 // of the month, from bit 1
	months  uint64 // from bit 1
	week    uint64 // bit 0 is Sunday
	years   []stride
}

// stride is the set from, from+step, … up to to. Years are kept in this form
// because a bit set of 8,000 of them would outweigh everything else.
type stride struct{ from, to, step int }

func (r stride) contains(v int) bool {
	return r.from <= v && v <= r.to && (v-r.from)%r.step == 0
}

// scheduleFields lists the fields of an entry in order, with their bounds.
var scheduleFields = [7]struct {
	name     string
	min, max int
}{
	{"second", 0, 59},
	{"minute", 0, 59},
	{"hour", 0, 23},
	{"day of month", 1, 31},
	{"month", 1, 12},
	{"day of week", 0, 6},
	{"year", 2000, 9999},
}

// ParseSchedule reads an entry such as "* * 8-17 * * 1-5 *": seven fields with
// one blank between them, each "*", "*/n", or a comma list of numbers, ranges
// a-b and stepped ranges a-b/n. The error says which field is wrong and why;
// it doesn't repeat the input.
func ParseSchedule(s string) (*Schedule, error) {
	if len(s) > MaxSchedule {
		return nil, fmt.Errorf("a schedule entry is longer than %d octets", MaxSchedule)
	}
	fields := strings.Split(s, " ")
	if len(fields) != len(scheduleFields) {
		return nil, errors.New("a schedule entry has seven fields with one blank between them")
	}
	schedule := &Schedule{text: s}
	sets := [6]*uint64{
		&schedule.seconds, &schedule.minutes, &schedule.hours,
		&schedule.days, &schedule.months, &schedule.week,
	}
	for i, field := range fields {
		f := scheduleFields[i]
		strides, err := parseScheduleField(field, f.min, f.max)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if i == len(sets) {
			schedule.years = strides
			break
		}
		for _, r := range strides {
			for v := r.from; v <= r.to; v += r.step {
				*sets[i] |= 1 << v
			}
		}
	}
	return schedule, nil
}

func parseScheduleField(s string, low, high int) ([]stride, error) {
	if s == "*" {
		return []stride{{low, high, 1}}, nil
	}
	if step, ok := strings.CutPrefix(s, "*/"); ok {
		n, err := parseScheduleStep(step)
		return []stride{{low, high, n}}, err
	}
	var strides []stride
	for item := range strings.SplitSeq(s, ",") {
		r, err := parseScheduleItem(item, low, high)
		if err != nil {
			return nil, err
		}
		strides = append(strides, r)
	}
	return strides, nil
}

// parseScheduleItem reads n, a-b or a-b/n.
func parseScheduleItem(s string, low, high int) (stride, error) {
	r := stride{step: 1}
	item, step, stepped := strings.Cut(s, "/")
	first, last, ranged := strings.Cut(item, "-")
	if stepped && !ranged {
		return r, errors.New("a step follows * or a range")
	}
	if stepped {
		n, err := parseScheduleStep(step)
		if err != nil {
			return r, err
		}
		r.step = n
	}
	var ok bool
	if r.from, ok = parseScheduleNumber(first); !ok {
		return r, errors.New("neither *, a number, a range nor a list of them")
	}
	r.to = r.from
	if ranged {
		if r.to, ok = parseScheduleNumber(last); !ok {
			return r, errors.New("the end of the range is not a number")
		}
	}
	if r.from < low || r.to > high {
		return r, fmt.Errorf("a number is outside %d-%d", low, high)
	}
	if r.from > r.to {
		return r, errors.New("the range runs backwards")
	}
	return r, nil
}

func parseScheduleStep(s string) (int, error) {
	n, ok := parseScheduleNumber(s)
	if !ok || n == 0 {
		return 1, errors.New("the step is not a number from 1 upwards")
	}
	return n, nil
}

// parseScheduleNumber reads one to four digits: no sign, no blank.
func parseScheduleNumber(s string) (int, bool) {
	if s == "" || len(s) > 4 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// String returns the entry as it was written.
func (s *Schedule) String() string { return s.text }

// Contains reports whether t, read as UTC and cut to seconds, matches all
// seven fields. It allocates nothing.
func (s *Schedule) Contains(t time.Time) bool {
	t = t.UTC()
	hour, minute, second := t.Clock()
	return s.hours>>hour&1 == 1 && s.minutes>>minute&1 == 1 && s.seconds>>second&1 == 1 && s.containsDay(t)
}

func (s *Schedule) containsDay(t time.Time) bool {
	year, month, day := t.Date()
	return s.days>>day&1 == 1 && s.months>>month&1 == 1 && s.week>>t.Weekday()&1 == 1 && s.containsYear(year)
}

func (s *Schedule) containsYear(year int) bool {
	for _, r := range s.years {
		if r.contains(year) {
			return true
		}
	}
	return false
}

// Next returns the first whole second at or after t that the schedule
// contains, in UTC, and false if there is none: the years are over, or the
// date is one that no calendar has.
func (s *Schedule) Next(t time.Time) (time.Time, bool) {
	t = t.UTC()
	if whole := t.Truncate(time.Second); whole.Before(t) {
		t = whole.Add(time.Second)
	}
	if s.containsDay(t) {
		if at, ok := s.nextInDay(t); ok {
			return at, true
		}
	}
	year, month, day := t.Date()
	t = time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
	if first := time.Date(scheduleFields[6].min, 1, 1, 0, 0, 0, 0, time.UTC); t.Before(first) {
		t = first
	}
	return s.nextFromMidnight(t)
}

// nextInDay returns the first matching second from t to the end of its day.
func (s *Schedule) nextInDay(t time.Time) (time.Time, bool) {
	for day := t.Day(); t.Day() == day; {
		hour, minute, second := t.Clock()
		switch {
		case s.hours>>hour&1 == 0:
			t = t.Truncate(time.Hour).Add(time.Hour)
		case s.minutes>>minute&1 == 0:
			t = t.Truncate(time.Minute).Add(time.Minute)
		case s.seconds>>second&1 == 0:
			t = t.Add(time.Second)
		default:
			return t, true
		}
	}
	return time.Time{}, false
}

// nextFromMidnight looks for the first matching day from t, then for the first
// matching second in it. There are only 14 kinds of years, by the weekday of
// 1 January and by leap day: a kind that was searched in vain isn't searched
// again, which keeps an impossible date cheap.
func (s *Schedule) nextFromMidnight(t time.Time) (time.Time, bool) {
	var vain [14]bool
	for t.Year() <= scheduleFields[6].max {
		year := t.Year()
		newYear := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		kind := int(newYear.Weekday()) * 2
		if newYear.AddDate(1, 0, -1).YearDay() == 366 {
			kind++
		}
		if s.containsYear(year) && !vain[kind] {
			vain[kind] = t.Equal(newYear)
			for ; t.Year() == year; t = t.AddDate(0, 0, 1) {
				if s.containsDay(t) {
					return s.nextInDay(t)
				}
			}
		}
		t = time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}, false
}
