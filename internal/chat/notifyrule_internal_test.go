package chat

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"
)

// The client is held to the same cases by web/src/notify/notify.test.ts.
func TestNotifyRule(t *testing.T) {
	text, err := os.ReadFile("testdata/notify.json")
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Names []struct {
			Text, Name string
			Has        bool
		}
		Now     time.Time
		Me      UserID
		Rooms   []RoomView
		ReadNo  int64 `json:"read_no"`
		Message json.RawMessage
		Cases   []struct {
			What       string
			Settings   map[string]any
			QuietUntil time.Time `json:"quiet_until"`
			Message    json.RawMessage
			Reason     Reason
		}
	}
	if err := json.Unmarshal(text, &in); err != nil {
		t.Fatal(err)
	}
	for _, c := range in.Names {
		if got := hasWord(c.Text, c.Name); got != c.Has {
			t.Errorf("%q has %q: %v", c.Text, c.Name, got)
		}
	}
	room := func(id RoomID) RoomView {
		i := slices.IndexFunc(in.Rooms, func(v RoomView) bool { return v.ID == id })
		if i < 0 {
			return RoomView{}
		}
		v := in.Rooms[i]
		v.ReadNo = in.ReadNo
		return v
	}
	for _, c := range in.Cases {
		var m Message
		for _, part := range []json.RawMessage{in.Message, c.Message} {
			if err := json.Unmarshal(part, &m); err != nil {
				t.Fatal(err)
			}
		}
		view := room(m.Room)
		l := Listener{View: view, User: User{ID: in.Me, Name: "Mary", QuietUntil: c.QuietUntil},
			Parent: room(view.Parent).Notify, Settings: readNotifySettings(c.Settings)}
		if got := l.Notified(&m, in.Now); got != c.Reason {
			t.Errorf("%s: %s, want %s", c.What, got, c.Reason)
		}
	}
}

func TestQuietHoursGoByThePersonsClock(t *testing.T) {
	now := time.Date(2026, 1, 2, 21, 30, 0, 0, time.UTC) // 22:30 in Berlin
	quiet := func(zone string) NotifySettings {
		return NotifySettings{Quiet: &QuietHours{Days: []time.Weekday{5},
			From: 22 * 60, To: 7 * 60, Zone: zone}}
	}
	for _, c := range []struct {
		zone, users string
		want        Reason
	}{
		{"Europe/Berlin", "", NotQuiet},
		{"", "Europe/Berlin", NotQuiet},
		{"Nowhere/Else", "Europe/Berlin", NotQuiet},
		{"Europe/London", "Europe/Berlin", ForMention},
		{"", "", ForMention},
	} {
		l := Listener{User: User{ID: "mary", TimeZone: c.users}, Settings: quiet(c.zone)}
		if got := l.Notified(&Message{No: 1, Mentions: []UserID{"mary"}}, now); got != c.want {
			t.Errorf("%q, %q: %s, want %s", c.zone, c.users, got, c.want)
		}
	}
}
