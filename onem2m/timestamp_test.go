package onem2m_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func TestTimestamp_IsWrittenAsTheTimePackageWouldAndReadBack(t *testing.T) {
	t.Parallel()
	first, last := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		at := onem2m.Timestamp(rapid.Int64Range(first.UnixMicro(), last.UnixMicro()).Draw(t, "microseconds"))
		got := at.String()
		if want := at.Time().Format("20060102T150405,000000"); got != want {
			t.Fatalf("written %s, want %s", got, want)
		}
		if back, err := onem2m.ParseTimestamp(got); err != nil || back != at {
			t.Fatalf("%s is read as %d, %v", got, back, err)
		}
	})
}

func TestTimestamp_BeyondTheYear9999IsWrittenWithoutTrouble(t *testing.T) {
	t.Parallel()
	for _, at := range []onem2m.Timestamp{-1 << 63, 1<<63 - 1} {
		if got, want := at.String(), at.Time().Format("20060102T150405,000000"); got != want {
			t.Errorf("written %s, want %s", got, want)
		}
	}
}
