package chat_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// forgetful is a store that does not get to deleting records, as when the
// server stops just before.
type forgetful struct {
	chat.Store
	stopped bool
}

func (s *forgetful) DeleteRecord(ctx context.Context, kind, id string) error {
	if s.stopped {
		return chat.ErrUnavailable
	}
	return s.Store.DeleteRecord(ctx, kind, id)
}

func in(f *fixture, d time.Duration) string { return f.Now().Add(d).Format(time.RFC3339Nano) }

func (f *fixture) texts(who chat.Caller, room chat.RoomID) string {
	f.T.Helper()
	page, err := f.ListMessages(f.T.Context(), who, chat.MessageListInput{Room: room})
	must(f.T, "messages", err)
	var all []string
	for _, m := range page.Messages {
		all = append(all, m.Text)
	}
	return strings.Join(all, ", ")
}

func (f *fixture) scheduledOf(who chat.Caller) []chat.Scheduled {
	f.T.Helper()
	list, err := f.ListScheduled(f.T.Context(), who, chat.None{})
	must(f.T, "list", err)
	return list.Scheduled
}

func TestScheduledMessages(t *testing.T) {
	store := &forgetful{Store: chattest.NewModel(nil)}
	f := newFixture(t, func(c *chat.Config) { c.Store, c.Limits = store, chattest.Unlimited() })
	mary, joe := f.Person("Mary", chat.RoleMember), f.Person("Joe", chat.RoleMember)
	room := f.Room(mary, chat.Private, joe)
	ctx := t.Context()
	schedule := func(text string, d time.Duration) chat.Scheduled {
		t.Helper()
		item, err := f.Schedule(ctx, mary, chat.ScheduleInput{Room: room, Text: text, At: in(f, d)})
		must(t, "schedule "+text, err)
		return item
	}
	schedule("second", 2*time.Hour)
	schedule("first", time.Hour)
	later := schedule("third", 2*time.Hour)
	gone := schedule("cancelled", time.Hour)
	at, text := in(f, 3*time.Hour), "third, changed"
	change := chat.UpdateScheduledInput{ID: later.ID, At: &at, Text: &text}
	must(t, "change", errOf(f.UpdateScheduled(ctx, mary, change)))
	refused(t, "another person's", errOf(f.UpdateScheduled(ctx, joe, change)), chat.ErrNotFound)
	must(t, "cancel", errOf(f.DeleteScheduled(ctx, mary, chat.ScheduledIDInput{ID: gone.ID})))

	must(t, "too early", f.SendDue(ctx))
	if got := f.texts(joe, room); got != "" {
		t.Fatalf("sent before its time: %s", got)
	}
	f.Wait(time.Hour)
	store.stopped = true
	if err := f.SendDue(ctx); err == nil {
		t.Fatal("the server did not stop")
	}
	store.stopped = false
	must(t, "after the restart", f.SendDue(ctx))
	f.Wait(time.Hour)
	must(t, "an hour later", f.SendDue(ctx))
	if got, want := f.texts(joe, room), "first, second"; got != want {
		t.Fatalf("the room has %q, want %q", got, want)
	}
	f.Wait(24 * time.Hour)
	must(t, "a day later", f.SendDue(ctx))
	if got, want := f.texts(joe, room), "first, second, third, changed"; got != want {
		t.Fatalf("the room has %q, want %q", got, want)
	}
	if left := f.scheduledOf(mary); len(left) != 0 {
		t.Errorf("left over: %+v", left)
	}

	// What cannot be sent stays, and says why; with another time it is tried
	// again.
	item := schedule("from outside", time.Hour)
	must(t, "leave", errOf(f.RemoveMember(ctx, mary, chat.RemoveMemberInput{Room: room, User: joe.User.ID})))
	must(t, "archive", errOf(f.UpdateRoom(ctx, mary, chat.UpdateRoomInput{Room: room, Archived: ptr(true)})))
	f.Wait(time.Hour)
	must(t, "send", f.SendDue(ctx))
	if left := f.scheduledOf(mary); len(left) != 1 || left[0].Error == "" {
		t.Fatalf("scheduled: %+v, want one with an error", left)
	}
	must(t, "open again", errOf(f.UpdateRoom(ctx, mary, chat.UpdateRoomInput{Room: room, Archived: ptr(false)})))
	at = in(f, time.Minute)
	must(t, "again", errOf(f.UpdateScheduled(ctx, mary, chat.UpdateScheduledInput{ID: item.ID, At: &at})))
	f.Wait(time.Minute)
	must(t, "send", f.SendDue(ctx))
	if got := f.texts(mary, room); !strings.HasSuffix(got, "from outside") {
		t.Errorf("not sent at the second time: %q", got)
	}

	for what, in := range map[string]chat.ScheduleInput{
		"the past":         {Room: room, Text: "x", At: in(f, -time.Second)},
		"no time":          {Room: room, Text: "x"},
		"after two years":  {Room: room, Text: "x", At: in(f, 2*366*24*time.Hour)},
		"no text":          {Room: room, At: in(f, time.Hour)},
		"a reminder reply": {Room: room, No: 1, Thread: 1, At: in(f, time.Hour)},
	} {
		refused(t, what, errOf(f.Schedule(ctx, mary, in)), chat.ErrInvalid)
	}
	refused(t, "a room of others", errOf(f.Schedule(ctx, joe,
		chat.ScheduleInput{Room: room, Text: "x", At: in(f, time.Hour)})), chat.ErrNotFound)
}

// TestScheduledAreBounded: in number, in bytes, in how often they change, and
// in what is left of earlier times.
func TestScheduledAreBounded(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) { c.Limits = chattest.Unlimited() })
	mary := f.Person("Mary", chat.RoleMember)
	room, ctx := f.Room(mary, chat.Private), t.Context()
	schedule := func(text string) (chat.Scheduled, error) {
		return f.Schedule(ctx, mary, chat.ScheduleInput{Room: room, Text: text, At: in(f, time.Hour)})
	}
	small, err := schedule("small")
	must(t, "a small one", err)
	large := strings.Repeat("x", 16<<10)
	for range 31 {
		must(t, "a large one", errOf(schedule(large)))
	}
	must(t, "instead of a small one", errOf(f.UpdateScheduled(ctx, mary,
		chat.UpdateScheduledInput{ID: small.ID, Text: &large})))
	refused(t, "a byte too many", errOf(schedule("x")), chat.ErrConflict)
	for _, item := range f.scheduledOf(mary)[1:] {
		must(t, "delete", errOf(f.DeleteScheduled(ctx, mary, chat.ScheduledIDInput{ID: item.ID})))
	}
	for range 199 {
		must(t, "one more", errOf(schedule("x")))
	}
	refused(t, "the 201st", errOf(schedule("x")), chat.ErrConflict)

	for n := range 3 {
		at := in(f, time.Duration(n+2)*time.Hour)
		must(t, "another time", errOf(f.UpdateScheduled(ctx, mary,
			chat.UpdateScheduledInput{ID: small.ID, At: &at})))
	}
	turns, err := f.Store.Records(ctx, "turn", "", 1000)
	if must(t, "turns", err); len(turns) != 200 {
		t.Errorf("%d turns for 200 items", len(turns))
	}
	f.Limits.Sends.Limit = 1
	must(t, "one change", errOf(f.UpdateScheduled(ctx, mary, chat.UpdateScheduledInput{ID: small.ID})))
	refused(t, "another", errOf(f.UpdateScheduled(ctx, mary,
		chat.UpdateScheduledInput{ID: small.ID})), chat.ErrRateLimited)
}

func TestReminders(t *testing.T) {
	bell := new(chattest.Bell)
	f := newFixture(t, func(c *chat.Config) { c.Bell = bell })
	mary := f.Person("Mary", chat.RoleMember)
	room := f.Room(mary, chat.Private)
	m := f.Say(mary, room, "call Joe")
	ctx := t.Context()
	remind := chat.ScheduleInput{Room: room, No: m.No, Text: "really", At: in(f, time.Hour)}
	item, err := f.Schedule(ctx, mary, remind)
	must(t, "a reminder", err)
	remind.No = 9
	refused(t, "of no message", errOf(f.Schedule(ctx, mary, remind)), chat.ErrNotFound)
	f.Wait(time.Hour)
	before := len(bell.Signals())
	must(t, "its time", f.SendDue(ctx))
	left := f.scheduledOf(mary)
	if len(left) != 1 || !left[0].Due || left[0].Text != "really" {
		t.Fatalf("reminders: %+v, want one that is due", left)
	}
	want := chat.Signal{Stream: chat.UserStream(mary.User.ID), Kind: chat.ScheduleChanged, User: mary.User.ID}
	if got := bell.Signals()[before:]; len(got) != 1 || got[0] != want {
		t.Errorf("signals %+v, want %+v", got, want)
	}
	at := in(f, time.Hour)
	must(t, "later again", errOf(f.UpdateScheduled(ctx, mary, chat.UpdateScheduledInput{ID: item.ID, At: &at})))
	f.Wait(time.Hour)
	must(t, "its second time", f.SendDue(ctx))
	if left := f.scheduledOf(mary); len(left) != 1 || !left[0].Due {
		t.Errorf("reminders: %+v, want one that is due again", left)
	}
	must(t, "done", errOf(f.DeleteScheduled(ctx, mary, chat.ScheduledIDInput{ID: item.ID})))
	if got := f.texts(mary, room); got != "call Joe" {
		t.Errorf("a reminder sent something: %q", got)
	}
}
