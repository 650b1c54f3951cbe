package onem2m_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func TestParseTimestamp_C011(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"20260301T101500":        "20260301T101500,000000",
		"20260301T101500,5":      "20260301T101500,500000",
		"20260301T101500,123456": "20260301T101500,123456",
		"20240229T235959":        "20240229T235959,000000",
	} {
		got, err := onem2m.ParseTimestamp(in)
		if err != nil || got.String() != want {
			t.Errorf("%s is %s, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "tomorrow", "20260301", "2026-03-01T10:15:00", "20260301T101500Z", "20260301T101500+0100", "20260301T101500.5",
		"20260301T101500,", "20260301T101500,1234567", "20260301T101500,12a", "20260230T101500", "20250229T101500", "20261301T101500",
		"20260001T101500", "20260100T101500", "20260301T241500", "20260301T106000", "20260301T101560", "20260301t101500", "20260301T1015001", "-0260301T101500",
	} {
		if got, err := onem2m.ParseTimestamp(in); err == nil {
			t.Errorf("%q is read as %s", in, got)
		}
	}
}

func TestTimestamp_C011_EveryInstantComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := onem2m.Timestamp(rapid.Int64Range(0, 253402300799_999999).Draw(t, "microseconds"))
		out, err := onem2m.ParseTimestamp(in.String())
		if err != nil || out != in {
			t.Fatalf("%d is %s is %d, %v", in, in, out, err)
		}
	})
}

func TestParseDuration_C013(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"PT30S":          from.Add(30 * time.Second),
		"PT0.25S":        from.Add(250 * time.Millisecond),
		"PT1H30M":        from.Add(90 * time.Minute),
		"P1D":            from.AddDate(0, 0, 1),
		"P1M":            time.Date(2026, 2, 28, 10, 0, 0, 0, time.UTC),
		"P2Y1M":          time.Date(2028, 2, 29, 10, 0, 0, 0, time.UTC),
		"P1Y2M3DT4H5M6S": time.Date(2027, 4, 3, 14, 5, 6, 0, time.UTC),
		"P12M":           time.Date(2027, 1, 31, 10, 0, 0, 0, time.UTC),
		"PT0S":           from,
		"P999999999Y":    time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		"P999999999M":    time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		"P999999999D":    time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		d, err := onem2m.ParseDuration(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := d.After(from); !got.Equal(want) {
			t.Errorf("%s after %s is %s, want %s", in, from, got, want)
		}
	}
	for _, in := range []string{
		"", "P", "PT", "P1", "10", "-P1D", "P-1D", "P1DT", "P1W", "P1D1Y", "P1Y1Y", "PT1D", "P1H", "P1.5D", "PT1.S", "PT1.5.5S", "PT.5S",
		"p1d", "P1D ", " P1D", "PTT1S", "P9999999999D", "PT999999999H", "P1,5D", "PT1S1S", "PT1M1H",
	} {
		if d, err := onem2m.ParseDuration(in); err == nil {
			t.Errorf("%q is read as %+v", in, d)
		}
	}
}

func TestParseAbsRel_C012(t *testing.T) {
	t.Parallel()
	from, err := onem2m.ParseTimestamp("20260301T101500")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"20260401T000000": "20260401T000000,000000",
		"1500":            "20260301T101501,500000",
		"+1500":           "20260301T101501,500000",
		"-1500":           "20260301T101458,500000",
		"0":               "20260301T101500,000000",
		"PT10S":           "20260301T101510,000000",
	} {
		got, err := onem2m.ParseAbsRel(in, from)
		if err != nil || got.String() != want {
			t.Errorf("%s is %s, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "soon", "1.5", "1e3", "+-1", "++1", "P", "9223372036854775807", "20260231T000000"} {
		if got, err := onem2m.ParseAbsRel(in, from); err == nil {
			t.Errorf("%q is read as %s", in, got)
		}
	}
}

func FuzzParseTimestamp(f *testing.F) {
	for _, s := range []string{"20260301T101500", "20260301T101500,123456", "00010101T000000", "99991231T235959,9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := onem2m.ParseTimestamp(s)
		if err != nil {
			return
		}
		if again, err := onem2m.ParseTimestamp(got.String()); err != nil || again != got {
			t.Fatalf("%q is %d is %s is %d, %v", s, got, got, again, err)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"P1Y2M3DT4H5M6.7S", "PT30S", "P", "P999999999Y", "PT999999999S"} {
		f.Add(s)
	}
	from := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		d, err := onem2m.ParseDuration(s)
		if err != nil {
			return
		}
		if after := d.After(from); after.Before(from) || after.Year() > 9999 {
			t.Fatalf("%q leads to %s", s, after)
		}
	})
}
