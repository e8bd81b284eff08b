package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Reason says why a message notifies a person, or why it does not.
type Reason string

const (
	ForDirect  Reason = "direct"  // it is in a direct room
	ForAll     Reason = "all"     // they want all of the room
	ForMention Reason = "mention" // it mentions them, or everyone
	ForKeyword Reason = "keyword" // it has one of their words, or their name

	NotOwn     Reason = "own"         // it is their own
	NotThere   Reason = "not_there"   // they are not in the room
	NotRead    Reason = "read"        // they have read it
	NotDeleted Reason = "deleted"     // it was deleted
	NotPaused  Reason = "paused"      // they have paused notifications
	NotQuiet   Reason = "quiet_hours" // it is in their quiet hours
	NotRoom    Reason = "room_off"    // they want nothing of the room
	NotCalled  Reason = "not_called"  // it does not mention them, and they want only mentions
)

// Notifies reports whether the reason is one for which a person is notified.
func (r Reason) Notifies() bool {
	return r == ForDirect || r == ForAll || r == ForMention || r == ForKeyword
}

// NotifySettings is what the document "settings" of a person says about
// notifications. What it says in another form than docs/protocol.md counts as
// not said.
type NotifySettings struct {
	NameToo     bool
	Keywords    []string
	Quiet       *QuietHours // nil for none
	HideContent bool        // notifications outside of the client have no text
}

// QuietHours are when nothing notifies a person. They begin on the given days,
// of which 0 is Sunday, and may end on the next.
type QuietHours struct {
	Days     []time.Weekday
	From, To int // minutes from midnight
	Zone     string
}

// maxKeywords is how many words of a person are looked for.
const maxKeywords = 50

func readNotifySettings(v map[string]any) NotifySettings {
	var out NotifySettings
	out.NameToo, _ = v["nameToo"].(bool)
	out.HideContent, _ = v["hideContent"].(bool)
	words, _ := v["keywords"].([]any)
	for _, w := range words {
		if word, ok := w.(string); ok && strings.TrimSpace(word) != "" && len(out.Keywords) < maxKeywords {
			out.Keywords = append(out.Keywords, word)
		}
	}
	quiet, _ := v["quiet"].(map[string]any)
	days, ok := quiet["days"].([]any)
	from, okFrom := minutesOf(quiet["from"])
	to, okTo := minutesOf(quiet["to"])
	if !ok || !okFrom || !okTo {
		return out
	}
	out.Quiet = &QuietHours{From: from, To: to}
	out.Quiet.Zone, _ = quiet["zone"].(string)
	for _, d := range days {
		if day, ok := d.(float64); ok && day == float64(int(day)) && day >= 0 && day <= 6 {
			out.Quiet.Days = append(out.Quiet.Days, time.Weekday(day))
		}
	}
	return out
}

var timeOfDay = regexp.MustCompile(`^([01]\d|2[0-3]):([0-5]\d)$`)

// minutesOf returns the minutes from midnight of a time such as 22:00.
func minutesOf(v any) (int, bool) {
	text, _ := v.(string)
	m := timeOfDay.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	hour, _ := strconv.Atoi(m[1])
	minute, _ := strconv.Atoi(m[2])
	return hour*60 + minute, true
}

// contains reports whether a moment is within the hours, on the clock of its
// location.
func (q *QuietHours) contains(at time.Time) bool {
	if q == nil {
		return false
	}
	now := at.Hour()*60 + at.Minute()
	today := slices.Contains(q.Days, at.Weekday())
	yesterday := slices.Contains(q.Days, (at.Weekday()+6)%7)
	if q.From < q.To {
		return today && now >= q.From && now < q.To
	}
	return today && now >= q.From || yesterday && now < q.To
}

// hasWord reports whether a text has a name or a word: as words of their own,
// with or without an @, in capitals or not.
func hasWord(text, word string) bool {
	parts := strings.Fields(word)
	if len(parts) == 0 {
		return false
	}
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	re, err := regexp.Compile(`(?i)` + strings.Join(parts, `\s+`))
	if err != nil {
		return false
	}
	inside := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || r == '_' }
	for from := 0; from < len(text); {
		m := re.FindStringIndex(text[from:])
		if m == nil {
			return false
		}
		start, end := from+m[0], from+m[1]
		before, _ := utf8.DecodeLastRuneInString(text[:start])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if !inside(before) && !inside(after) {
			return true
		}
		_, size := utf8.DecodeRuneInString(text[start:])
		from = start + size
	}
	return false
}

// Listener is a person as the rule of notifications sees them in one room.
type Listener struct {
	User     User
	View     RoomView
	Parent   NotifyLevel // of the room of a thread
	Settings NotifySettings
}

// level is the level of the room.
func (l Listener) level() NotifyLevel {
	switch {
	case l.View.Notify != NotifyUsual:
		return l.View.Notify
	case l.View.Kind == ThreadRoom && l.Parent == NotifyNone:
		return NotifyNone
	case l.View.Kind == Direct:
		return NotifyAll
	}
	return NotifyMentions
}

// zone is where the person's clock goes.
func (l Listener) zone() *time.Location {
	for _, name := range []string{quietZone(l.Settings.Quiet), l.User.TimeZone} {
		if name == "" || name == "Local" {
			continue
		}
		if zone, err := time.LoadLocation(name); err == nil {
			return zone
		}
	}
	return time.UTC
}

func quietZone(q *QuietHours) string {
	if q == nil {
		return ""
	}
	return q.Zone
}

// Notified says whether a message notifies a person at a time, and why. It is
// the rule for all notifications; the client has the same for those that it
// shows itself, and testdata/notify.json holds both to the same answers.
func (l Listener) Notified(m *Message, now time.Time) Reason {
	mentioned := slices.Contains(m.Mentions, l.User.ID) || slices.Contains(m.Mentions, MentionAll)
	switch {
	case m.From == l.User.ID:
		return NotOwn
	case m.Deleted():
		return NotDeleted
	case m.No <= max(l.View.ReadNo, l.View.Trimmed):
		return NotRead
	case now.Before(l.User.QuietUntil):
		return NotPaused
	case l.Settings.Quiet.contains(now.In(l.zone())):
		return NotQuiet
	case l.level() == NotifyNone:
		return NotRoom
	case mentioned:
		return ForMention
	case l.level() == NotifyAll && l.View.Kind == Direct:
		return ForDirect
	case l.level() == NotifyAll:
		return ForAll
	}
	words := l.Settings.Keywords
	if l.Settings.NameToo {
		words = append(slices.Clip(words), l.User.Name)
	}
	if slices.ContainsFunc(words, func(w string) bool { return hasWord(m.Text, w) }) {
		return ForKeyword
	}
	return NotCalled
}

// listener returns a person as the rule sees them in a room; ErrNotFound if
// they are not in it, or may not log in.
func (s *Service) listener(ctx context.Context, room RoomID, user UserID) (Listener, error) {
	view, err := s.Store.View(ctx, room, user)
	if err != nil {
		return Listener{}, err
	}
	l := Listener{View: view}
	if view.Kind == ThreadRoom {
		parent, err := s.Store.View(ctx, view.Parent, user)
		if err != nil {
			return Listener{}, err
		}
		l.Parent = parent.Notify
	}
	account, err := s.Store.Account(ctx, user)
	if err != nil {
		return Listener{}, err
	}
	if account.barred(s.now()) {
		return Listener{}, ErrNotFound
	}
	l.User = account.User
	l.Settings, err = s.notifySettings(ctx, user)
	return l, err
}

// notifySettings reads what a person's settings say about notifications.
func (s *Service) notifySettings(ctx context.Context, user UserID) (NotifySettings, error) {
	r, err := s.Store.Record(ctx, documentKind, documentID(user, "settings"))
	if errors.Is(err, ErrNotFound) {
		return NotifySettings{}, nil
	}
	if err != nil {
		return NotifySettings{}, err
	}
	var v map[string]any
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return NotifySettings{}, fmt.Errorf("settings of %s: %w", user, err)
	}
	return readNotifySettings(v), nil
}
