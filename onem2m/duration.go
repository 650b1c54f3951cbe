package onem2m

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is an xs:duration: PnYnMnDTnHnMnS (TS-0004 clause 6.3.2). Years and
// months are steps of the calendar, whose length depends on where they begin.
type Duration struct {
	Years, Months, Days int
	Clock               time.Duration // hours, minutes and seconds
}

// maxDurationNumber bounds each number of a duration; it is far beyond every
// use and keeps the arithmetic inside 64 bits.
const maxDurationNumber = 999_999_999

// ParseDuration reads an xs:duration that isn't negative. "P" and "PT" without
// a number, weeks, and a fraction anywhere but in the seconds are errors, as is
// a bare number (C-013).
func ParseDuration(s string) (Duration, error) {
	var d Duration
	bad := Errorf(BadRequest, "", "a duration is PnYnMnDTnHnMnS and not negative")
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" {
		return d, bad
	}
	units, clock := "YMD", false
	for rest != "" {
		if rest[0] == 'T' && !clock {
			units, clock, rest = "HMS", true, rest[1:]
			if rest == "" {
				return Duration{}, bad
			}
			continue
		}
		n := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if n < 1 {
			return Duration{}, bad
		}
		unit := rest[n]
		at := strings.IndexByte(units, unit)
		if at < 0 || !d.add(rest[:n], unit, clock) {
			return Duration{}, bad
		}
		units, rest = units[at+1:], rest[n+1:] // each unit once and in order
	}
	return d, nil
}

// add puts a number of one unit in.
func (d *Duration) add(number string, unit byte, clock bool) bool {
	whole, fraction, dot := strings.Cut(number, ".")
	if dot && (unit != 'S' || fraction == "" || len(fraction) > 18 || strings.Contains(fraction, ".")) {
		return false
	}
	n, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || n > maxDurationNumber {
		return false
	}
	value := int(n)
	if clock {
		return d.addClock(value, unit, fraction)
	}
	switch unit {
	case 'Y':
		d.Years = value
	case 'M':
		d.Months = value
	default:
		d.Days = value
	}
	return true
}

// addClock puts hours, minutes or seconds in; it fails where the sum could
// leave 64 bits of nanoseconds.
func (d *Duration) addClock(value int, unit byte, fraction string) bool {
	step := time.Second
	switch unit {
	case 'H':
		step = time.Hour
	case 'M':
		step = time.Minute
	}
	if int64(value) > math.MaxInt64/4/int64(step) {
		return false
	}
	d.Clock += time.Duration(value) * step
	for i, scale := 0, 100*time.Millisecond; i < len(fraction) && scale > 0; i, scale = i+1, scale/10 {
		d.Clock += time.Duration(fraction[i]-'0') * scale
	}
	return true
}

// maxYear ends what a timestamp can write: four digits.
const maxYear = 9999

// After returns the instant that lies d behind t: years and months first,
// where a day that the month doesn't have becomes its last day, then days,
// then the clock. It never goes beyond the year 9999.
func (d Duration) After(t time.Time) time.Time {
	t = t.UTC()
	end := time.Date(maxYear, time.December, 31, 23, 59, 59, 0, time.UTC)
	months := int64(d.Years)*12 + int64(d.Months) + int64(t.Year())*12 + int64(t.Month()) - 1
	if months/12 > maxYear || int64(d.Days) > int64(maxYear)*366 {
		return end
	}
	year, month := int(months/12), time.Month(months%12+1)
	day := min(t.Day(), time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day())
	t = time.Date(year, month, day+d.Days, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC).Add(d.Clock)
	if t.After(end) {
		return end
	}
	return t
}

// Zero reports whether the duration is empty.
func (d Duration) Zero() bool { return d == Duration{} }

// ParseAbsRel reads an m2m:absRelTimestamp: a timestamp, or a signed integer
// number of milliseconds, or (as a public CSE does) a duration, the latter two
// counted from the given instant (C-012).
func ParseAbsRel(s string, from Timestamp) (Timestamp, error) {
	bad := func() (Timestamp, error) {
		return 0, Errorf(BadRequest, "", "a timestamp, a number of milliseconds or a duration is expected")
	}
	if strings.HasPrefix(s, "P") {
		d, err := ParseDuration(s)
		if err != nil {
			return bad()
		}
		return TimestampOf(d.After(from.Time())), nil
	}
	if t, err := ParseTimestamp(s); err == nil {
		return t, nil
	}
	ms, err := strconv.ParseInt(strings.TrimPrefix(s, "+"), 10, 64)
	if err != nil || strings.HasPrefix(s, "+-") || strings.HasPrefix(s, "++") {
		return bad()
	}
	const limit = int64(maxYear) * 366 * 24 * 3600 * 1000
	if ms > limit || ms < -limit {
		return bad()
	}
	return from + Timestamp(ms*1000), nil
}
