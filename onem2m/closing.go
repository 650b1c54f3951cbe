package onem2m

import (
	"slices"
	"time"
)

// Closing returns the first whole second from t on, and before limit, that none of
// the schedules contains; limit when each second until then is in one of them. t
// is cut to seconds and the result is in UTC. It goes minute by minute where it
// can't go by hours or days, however the seconds alternate.
func Closing(schedules []*Schedule, t, limit time.Time) time.Time {
	t = t.UTC().Truncate(time.Second)
	var today, hourly []*Schedule
	for t.Before(limit) {
		today = today[:0]
		for _, s := range schedules {
			if s.containsDay(t) {
				today = append(today, s)
			}
		}
		year, month, day := t.Date()
		if slices.ContainsFunc(today, func(s *Schedule) bool { return s.hours == 1<<24-1 && s.minutes == minuteSet && s.seconds == minuteSet }) {
			t = time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
			continue
		}
		for t.Before(limit) && t.Day() == day {
			hourly = hourly[:0]
			for _, s := range today {
				if s.hours>>t.Hour()&1 == 1 {
					hourly = append(hourly, s)
				}
			}
			if slices.ContainsFunc(hourly, func(s *Schedule) bool { return s.minutes == minuteSet && s.seconds == minuteSet }) {
				t = t.Truncate(time.Hour).Add(time.Hour)
				continue
			}
			at, closed := closingInHour(hourly, t)
			if closed && at.Before(limit) {
				return at
			}
			t = at
		}
	}
	return limit
}

// minuteSet has the bits of all minutes of an hour, or seconds of a minute.
const minuteSet = 1<<60 - 1

// closingInHour is Closing in the hour of t, of schedules that contain that hour;
// closed is false, and the result the next hour, when they contain the rest of it.
func closingInHour(list []*Schedule, t time.Time) (at time.Time, closed bool) {
	_, minute, second := t.Clock()
	hour := t.Truncate(time.Hour)
	for ; minute < 60; minute, second = minute+1, 0 {
		open := uint64(0)
		for _, s := range list {
			if s.minutes>>minute&1 == 1 {
				open |= s.seconds
			}
		}
		for ; second < 60; second++ {
			if open>>second&1 == 0 {
				return hour.Add(time.Duration(minute)*time.Minute + time.Duration(second)*time.Second), true
			}
			if open == minuteSet {
				break
			}
		}
	}
	return hour.Add(time.Hour), false
}
