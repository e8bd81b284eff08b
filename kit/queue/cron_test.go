package queue

import (
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	for _, c := range []struct{ spec, after, want string }{
		{"* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"},
		{"* * * * *", "2026-01-01T00:00:59.9Z", "2026-01-01T00:01:00Z"},
		{"*/15 * * * *", "2026-01-01T23:50:00Z", "2026-01-02T00:00:00Z"},
		{"5,10-12,50/5 3 * * *", "2026-01-01T03:12:00Z", "2026-01-01T03:50:00Z"},
		{"5,10-12,50/5 3 * * *", "2026-01-01T03:55:00Z", "2026-01-02T03:05:00Z"},
		{"30 8 * * mon-fri", "2026-11-27T08:30:00Z", "2026-11-30T08:30:00Z"},
		{"0 0 * * 7", "2026-11-30T00:00:00Z", "2026-12-06T00:00:00Z"},
		{"0 0 1 jan *", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"0 12 13 * fri", "2026-11-12T00:00:00Z", "2026-11-13T12:00:00Z"}, // either
		{"0 12 13 * fri", "2026-11-13T12:00:00Z", "2026-11-20T12:00:00Z"},
		{"0 12 */2 * fri", "2026-11-13T12:00:00Z", "2026-11-27T12:00:00Z"}, // both
		{"@daily", "2026-06-01T12:00:00Z", "2026-06-02T00:00:00Z"},
		{"@every 90s", "2026-06-01T12:00:00Z", "2026-06-01T12:01:30Z"},
		{"CRON_TZ=Asia/Kolkata 0 9 * * *", "2026-06-01T00:00:00Z", "2026-06-01T03:30:00Z"},
		{"TZ=America/New_York 0 * * * *", "2026-06-01T00:30:00Z", "2026-06-01T01:00:00Z"},
		// Clocks go from 2 to 3 on 29 March and from 3 to 2 on 25 October.
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		{"CRON_TZ=Europe/Berlin 30 * * * *", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T01:30:00Z"},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"},
		{"CRON_TZ=Europe/Berlin 30 * * * *", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
		// Here a day of spring has no midnight.
		{"CRON_TZ=America/Santiago 0 0 * * *", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z"},
		{"CRON_TZ=America/Santiago */30 * * * *", "2026-09-06T03:30:00Z", "2026-09-06T04:00:00Z"},
	} {
		r, err := parse(c.spec)
		if err != nil {
			t.Errorf("%s: %v", c.spec, err)
			continue
		}
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.next(after).Format(time.RFC3339); got != c.want {
			t.Errorf("%s after %s: %s, want %s", c.spec, c.after, got, c.want)
		}
	}
}

func TestBadSpecs(t *testing.T) {
	for _, spec := range []string{"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
		"* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *", "0 0 31 2 *", "@every 1", "@every 10ms", "@never",
		"CRON_TZ=Nowhere 0 0 * * *", "-1 * * * *", "1- * * * *", ", * * * *"} {
		if r, err := parse(spec); err == nil {
			t.Errorf("%q passes: %+v", spec, r)
		}
	}
}

// FuzzSchedule finds that each time is later than the one before, and that none
// of them is one that the fields exclude.
func FuzzSchedule(f *testing.F) {
	f.Add("*/5 1-3 * * 1", int64(1e9))
	f.Add("CRON_TZ=Europe/Berlin 30 2 * 3,10 0", int64(1774700000))
	f.Fuzz(func(t *testing.T, spec string, from int64) {
		r, err := parse(spec)
		if err != nil || from < 0 || from > 1<<33 {
			return
		}
		at := time.Unix(from, 0)
		for range 5 {
			next := r.next(at)
			if next.IsZero() {
				return
			}
			if !next.After(at) || r.every == 0 && r.month&(1<<next.In(r.zone).Month()) == 0 {
				t.Fatalf("%q after %s: %s", spec, at, next)
			}
			at = next
		}
	})
}
