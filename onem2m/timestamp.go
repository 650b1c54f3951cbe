package onem2m

import "time"

// Timestamp is an instant in microseconds since 1970 UTC: the resolution of
// m2m:timestamp (TS-0004 clause 6.3.3). Zero means "none".
type Timestamp int64

// TimestampOf returns the instant of t, cut to microseconds.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.UnixMicro()) }

// Time returns the instant as a UTC time.
func (t Timestamp) Time() time.Time { return time.UnixMicro(int64(t)).UTC() }

// String returns the basic ISO 8601 form with six fractional digits,
// "20260301T101500,000000" (C-011).
func (t Timestamp) String() string { return string(t.Append(make([]byte, 0, 22))) }

// Append writes String to dst.
func (t Timestamp) Append(dst []byte) []byte {
	at := t.Time()
	year, month, day := at.Date()
	if year < 0 || year > 9999 {
		return at.AppendFormat(dst, "20060102T150405,000000")
	}
	// Each answer has one, and this is some three times as fast as AppendFormat.
	hour, minute, second := at.Clock()
	dst = appendDigits(dst, year/100, year%100, int(month), day)
	dst = append(dst, 'T')
	dst = appendDigits(dst, hour, minute, second)
	dst = append(dst, ',')
	micros := at.Nanosecond() / 1000
	return appendDigits(dst, micros/10_000, micros/100%100, micros%100)
}

const decimal = "0123456789"

// appendDigits writes numbers below 100 with two digits each.
func appendDigits(dst []byte, numbers ...int) []byte {
	for _, n := range numbers {
		dst = append(dst, decimal[n/10], decimal[n%10])
	}
	return dst
}

// ParseTimestamp reads YYYYMMDDThhmmss with up to six digits behind a comma,
// always UTC; anything else is an error (C-011).
func ParseTimestamp(s string) (Timestamp, error) {
	const length = len("20060102T150405")
	if len(s) < length || s[8] != 'T' {
		return 0, errTimestamp()
	}
	year, ok1 := digits(s[0:4])
	month, ok2 := digits(s[4:6])
	day, ok3 := digits(s[6:8])
	hour, ok4 := digits(s[9:11])
	minute, ok5 := digits(s[11:13])
	second, ok6 := digits(s[13:15])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || hour > 23 || minute > 59 || second > 59 {
		return 0, errTimestamp()
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Day() != day || int(t.Month()) != month || month == 0 {
		return 0, errTimestamp() // there is no such day
	}
	if len(s) == length {
		return Timestamp(t.UnixMicro()), nil
	}
	fraction := s[length+1:]
	micros, ok := digits(fraction)
	if s[length] != ',' || !ok || len(fraction) > 6 {
		return 0, errTimestamp()
	}
	for range 6 - len(fraction) {
		micros *= 10
	}
	return Timestamp(t.UnixMicro() + int64(micros)), nil
}

// digits reads a number of one to six or so decimal digits.
func digits(s string) (n int, ok bool) {
	if s == "" || len(s) > 6 {
		return 0, false
	}
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func errTimestamp() *Error {
	return Errorf(BadRequest, "", "a timestamp is YYYYMMDDThhmmss, optionally with a comma and up to 6 digits, in UTC")
}

// Deadline returns the instant of a requestExpirationTimestamp, absolute or
// relative, if it lies after now. Text that is none, or none at all, is no
// deadline here: what is wrong with it is told by who checks the request.
func Deadline(expiration string, now time.Time) (time.Time, bool) {
	if expiration == "" {
		return time.Time{}, false
	}
	t, err := ParseAbsRel(expiration, TimestampOf(now))
	if err != nil {
		return time.Time{}, false
	}
	at := t.Time()
	return at, at.After(now)
}
