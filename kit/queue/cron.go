package queue

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A rhythm says when a schedule fires.
type rhythm struct {
	every time.Duration // of "@every"; the rest is then empty

	minute, hour, day, month, weekday uint64 // bits
	anyDay, anyWeekday, anyHour       bool   // began with a star
	zone                              *time.Location
}

var nicknames = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
	"@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

var (
	monthNames   = []string{"", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

// parse reads a cron specification.
func parse(spec string) (r rhythm, err error) {
	text := strings.TrimSpace(spec)
	r.zone = time.UTC
	for _, prefix := range []string{"CRON_TZ=", "TZ="} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			name, fields, _ := strings.Cut(rest, " ")
			if r.zone, err = time.LoadLocation(name); err != nil {
				return r, fmt.Errorf("queue: schedule %q: %w", spec, err)
			}
			text = strings.TrimSpace(fields)
			break
		}
	}
	if rest, ok := strings.CutPrefix(text, "@every "); ok {
		r.every, err = time.ParseDuration(strings.TrimSpace(rest))
		if err == nil && r.every < time.Second {
			err = fmt.Errorf("%s is less than a second", r.every)
		}
		if err != nil {
			return r, fmt.Errorf("queue: schedule %q: %w", spec, err)
		}
		return r, nil
	}
	if fields, ok := nicknames[text]; ok {
		text = fields
	}
	fields := strings.Fields(text)
	if len(fields) != 5 {
		return r, fmt.Errorf("queue: schedule %q: five fields are needed: minute, hour, day, month, weekday", spec)
	}
	for i, f := range []struct {
		to        *uint64
		low, high int
		names     []string
	}{{&r.minute, 0, 59, nil}, {&r.hour, 0, 23, nil}, {&r.day, 1, 31, nil}, {&r.month, 1, 12, monthNames},
		{&r.weekday, 0, 7, weekdayNames}} {
		if *f.to, err = parseField(strings.ToLower(fields[i]), f.low, f.high, f.names); err != nil {
			return r, fmt.Errorf("queue: schedule %q: %w", spec, err)
		}
	}
	if r.weekday&(1<<7) != 0 { // Sunday too
		r.weekday |= 1
	}
	r.anyHour, r.anyDay, r.anyWeekday = star(fields[1]), star(fields[2]), star(fields[4])
	if r.next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return r, fmt.Errorf("queue: schedule %q: there is no such day", spec)
	}
	return r, nil
}

func star(field string) bool { return field[0] == '*' || field[0] == '?' }

// parseField reads a list of numbers, names, ranges and steps into bits.
func parseField(text string, low, high int, names []string) (bits uint64, err error) {
	number := func(s string) (int, error) {
		for i, name := range names {
			if name != "" && s == name {
				return i, nil
			}
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < low || n > high {
			return 0, fmt.Errorf("%q is not from %d to %d", s, low, high)
		}
		return n, nil
	}
	for item := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(item, "/")
		by := 1
		if stepped {
			if by, err = strconv.Atoi(step); err != nil || by < 1 {
				return 0, fmt.Errorf("%q is no step", step)
			}
		}
		first, last := low, high
		if span != "*" && span != "?" {
			from, to, ranged := strings.Cut(span, "-")
			if first, err = number(from); err != nil {
				return 0, err
			}
			switch {
			case ranged:
				if last, err = number(to); err != nil {
					return 0, err
				}
			case !stepped:
				last = first
			}
			if last < first {
				return 0, fmt.Errorf("%q ends before it begins", span)
			}
		}
		for n := first; n <= last; n += by {
			bits |= 1 << n
		}
	}
	return bits, nil
}

// next returns the first time after t, or zero if there is none within eight
// years, which no leap day is longer away than.
//
// When clocks are set forward, what falls into the hour that is left out comes
// with the first moment after it. When they are set back, a fixed hour comes
// once, and every hour comes as often as there are hours.
func (r rhythm) next(t time.Time) time.Time {
	if r.every > 0 {
		return t.Truncate(r.every).Add(r.every)
	}
	after := t.In(r.zone)
	year, month, day := after.Date()
	for n := range 8*366 + 1 {
		date := time.Date(year, month, day+n, 12, 0, 0, 0, time.UTC)
		if !r.on(date) {
			continue
		}
		if found := r.within(date, t); !found.IsZero() {
			return found.UTC()
		}
	}
	return time.Time{}
}

// on reports whether the day is one of the rhythm's. As in every cron, a day of
// the month and one of the week that are both restricted are alternatives.
func (r rhythm) on(date time.Time) bool {
	if r.month&(1<<date.Month()) == 0 {
		return false
	}
	day := r.day&(1<<date.Day()) != 0
	weekday := r.weekday&(1<<date.Weekday()) != 0
	if r.anyDay || r.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

// within returns the first time on a day that is after t.
func (r rhythm) within(date, t time.Time) time.Time {
	y, m, d := date.Date()
	if r.anyHour {
		// Each minute that there is on this day, also those that come twice.
		at := time.Date(y, m, d, 0, 0, 0, 0, r.zone)
		if at.Day() != d { // a day that has no midnight
			_, at = at.ZoneBounds()
		}
		if at.Before(t) {
			at = t.Truncate(time.Minute)
		}
		for ; at.In(r.zone).Day() == d; at = at.Add(time.Minute) {
			local := at.In(r.zone)
			if at.After(t) && r.hour&(1<<local.Hour()) != 0 && r.minute&(1<<local.Minute()) != 0 {
				return at
			}
		}
		return time.Time{}
	}
	for hour := range 24 {
		for minute := range 60 {
			if r.hour&(1<<hour) == 0 || r.minute&(1<<minute) == 0 {
				continue
			}
			at := time.Date(y, m, d, hour, minute, 0, 0, r.zone)
			if at.Hour() != hour || at.Minute() != minute { // left out on this day
				before, after := at.ZoneBounds()
				if at = after; before.Day() == d && before.Month() == m && before.Year() == y {
					at = before
				}
			}
			if at.After(t) {
				return at
			}
		}
	}
	return time.Time{}
}
