// Package period has the calendar periods that counters and leaderboards are
// kept by, and lets a script choose among them by the clock of Redis.
package period

import (
	_ "embed"
	"fmt"
	"strconv"
	"time"
)

// A Period is a span of the calendar.
type Period int

// Periods. Weeks begin on Monday.
const (
	Forever Period = iota
	Hour
	Day
	Week
	Month
	Year
)

// Valid reports whether it is one of them.
func (p Period) Valid() bool { return p >= Forever && p <= Year }

// Start returns when the period began that has t, in t's location.
func (p Period) Start(t time.Time) time.Time {
	y, m, d := t.Date()
	switch p {
	case Hour:
		// Not by the hour's name, which comes twice when clocks are set back.
		return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second -
			time.Duration(t.Nanosecond()))
	case Day:
		return time.Date(y, m, d, 0, 0, 0, 0, t.Location())
	case Week:
		return time.Date(y, m, d-(int(t.Weekday())+6)%7, 0, 0, 0, 0, t.Location())
	case Month:
		return time.Date(y, m, 1, 0, 0, 0, 0, t.Location())
	case Year:
		return time.Date(y, 1, 1, 0, 0, 0, 0, t.Location())
	}
	return time.Time{}
}

// Next returns when the period ends that has t.
func (p Period) Next(t time.Time) time.Time {
	start := p.Start(t)
	y, m, d := start.Date()
	switch p {
	case Hour:
		return start.Add(time.Hour)
	case Day:
		return time.Date(y, m, d+1, 0, 0, 0, 0, t.Location())
	case Week:
		return time.Date(y, m, d+7, 0, 0, 0, 0, t.Location())
	case Month:
		return time.Date(y, m+1, 1, 0, 0, 0, 0, t.Location())
	case Year:
		return time.Date(y+1, 1, 1, 0, 0, 0, 0, t.Location())
	}
	return time.Time{}
}

// Source begins a script whose first argument is what Keys returns for it: it
// defines now, in ms, and the chosen period's number, begin and end (0 without
// one).
//
//go:embed period.lua
var Source string

// Around returns the names of the periods before, at and after t, and the
// argument for Source.
func (p Period) Around(t time.Time) (names []string, arg string) {
	if p == Forever {
		return []string{""}, "0 0"
	}
	at := p.Start(p.Start(t).Add(-time.Minute))
	for range 3 {
		names = append(names, p.Name(at))
		arg += strconv.FormatInt(at.UnixMilli(), 10) + " "
		at = p.Next(at)
	}
	return names, arg + strconv.FormatInt(at.UnixMilli(), 10)
}

// Name names the period that has t, in keys.
func (p Period) Name(t time.Time) string {
	start := p.Start(t)
	switch p {
	case Hour:
		return start.UTC().Format("2006-01-02T15:04Z")
	case Day:
		return start.Format(time.DateOnly)
	case Week:
		y, w := start.ISOWeek()
		return fmt.Sprintf("%d-W%02d", y, w)
	case Month:
		return start.Format("2006-01")
	case Year:
		return start.Format("2006")
	}
	return ""
}
