package period

import (
	"strings"
	"testing"
	"time"
)

func TestPeriods(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p                       Period
		at                      time.Time
		start, next, name, args string
	}{
		{Hour, time.Date(2026, 10, 25, 0, 30, 1, 2, time.UTC).In(berlin), "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T00:00Z", ""},
		{Day, time.Date(2026, 3, 29, 12, 0, 0, 0, berlin), "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", "2026-03-29", ""},
		{Week, time.Date(2027, 1, 3, 12, 0, 0, 0, berlin), "2026-12-28T00:00:00+01:00", "2027-01-04T00:00:00+01:00", "2026-W53", ""},
		{Month, time.Date(2026, 12, 31, 23, 59, 59, 0, berlin), "2026-12-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00", "2026-12", ""},
		{Year, time.Date(2026, 1, 1, 0, 0, 0, 0, berlin), "2026-01-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00", "2026", ""},
	} {
		start, next := c.p.Start(c.at).Format(time.RFC3339), c.p.Next(c.at).Format(time.RFC3339)
		if name := c.p.Name(c.at); start != c.start || next != c.next || name != c.name {
			t.Errorf("%v: %s to %s, %s", c.p, start, next, name)
		}
		names, arg := c.p.Around(c.at)
		if len(names) != 3 || names[1] != c.name || len(strings.Fields(arg)) != 4 || names[0] == names[1] {
			t.Errorf("%v: around %v %q", c.p, names, arg)
		}
	}
}
