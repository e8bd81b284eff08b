package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What is scheduled is kept in two kinds of records: itself, with the id
// "<person>/<id>", and its turn, with the id "<time>/<person>/<id>", so that
// what is due comes first. A turn that does not lead to something of that time
// is stale.
const (
	scheduledKind = "scheduled"
	turnKind      = "turn"
)

const (
	maxScheduled     = 200       // of a person
	maxScheduledText = 512 << 10 // bytes of their texts together
	maxScheduleIn    = 366 * 24 * time.Hour
	// scheduleDevice separates the client ids of scheduled messages from those
	// of the person's devices.
	scheduleDevice = "schedule"
)

// Scheduled is a message that is sent later, or a message that a person is to
// be reminded of.
type Scheduled struct {
	ID        string    `json:"id" doc:"Id"`
	Room      RoomID    `json:"room" doc:"Room"`
	At        time.Time `json:"at" doc:"When"`
	Text      string    `json:"text,omitempty" doc:"What is sent then, Markdown; of a reminder, a note"`
	Thread    int64     `json:"thread,omitempty" doc:"Of a message to be sent: number of the message that it answers in a thread"`
	No        int64     `json:"no,omitempty" doc:"Of a reminder: number of the message"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made"`
	Due       bool      `json:"due,omitempty" doc:"Of a reminder: its time has come"`
	Error     string    `json:"error,omitempty" doc:"Of a message: why it was not sent"`
}

// ScheduleInput asks for a message to be sent later, or for a reminder.
type ScheduleInput struct {
	Room   RoomID `json:"room" doc:"Id of the room"`
	At     string `json:"at" doc:"When: a time as in RFC 3339, within a year"`
	Text   string `json:"text,omitempty" doc:"Markdown; with no, a note for yourself"`
	Thread int64  `json:"thread,omitempty" doc:"Number of a message of the room: send it into the thread under that"`
	No     int64  `json:"no,omitempty" doc:"Number of a message of the room that you want to be reminded of; without it, text is sent"`
}

// UpdateScheduledInput changes what is scheduled. What is not given stays.
type UpdateScheduledInput struct {
	ID   string  `json:"id" doc:"Id"`
	At   *string `json:"at,omitempty" doc:"When: a time as in RFC 3339, within a year"`
	Text *string `json:"text,omitempty" doc:"Markdown"`
}

// ScheduledIDInput names something that is scheduled.
type ScheduledIDInput struct {
	ID string `json:"id" doc:"Id"`
}

// ScheduledList is what a person has scheduled.
type ScheduledList struct {
	Scheduled []Scheduled `json:"scheduled" doc:"In the order in which they were made"`
}

// storedScheduled is the record: Sending says that it is being sent, or was
// cancelled, and cannot be changed any more.
type storedScheduled struct {
	Scheduled
	Sending bool `json:"sending,omitempty"`
}

func scheduledID(user UserID, id string) string { return string(user) + "/" + id }

func turnID(at time.Time, record string) string {
	return fmt.Sprintf("%013d/%s", at.UnixMilli(), record)
}

// Schedule keeps a message to be sent later, or a reminder.
func (s *Service) Schedule(ctx context.Context, who Caller, in ScheduleInput) (Scheduled, error) {
	at, err := s.later(in.At)
	if err != nil {
		return Scheduled{}, err
	}
	var text string
	if in.No != 0 {
		if _, _, err := s.message(ctx, who, MessageInput{Room: in.Room, No: in.No}); err != nil {
			return Scheduled{}, err
		}
		if in.Thread != 0 {
			return Scheduled{}, invalid("thread", "give no for a reminder, or thread for a message")
		}
		if text, err = line("text", in.Text, 0, maxReason); err != nil {
			return Scheduled{}, err
		}
	} else {
		if text, err = s.messageText(in.Text); err != nil {
			return Scheduled{}, err
		}
		view, err := s.view(ctx, who, in.Room)
		if err != nil {
			return Scheduled{}, err
		}
		if view.Archived {
			return Scheduled{}, ErrArchived
		}
		if view.Announce && in.Thread == 0 && !mayModerate(who.User, view.Room, view.Role) {
			return Scheduled{}, ErrAnnounce
		}
	}
	if err := s.mayHave(ctx, who, "", text); err != nil {
		return Scheduled{}, err
	}
	item := Scheduled{ID: s.NewID(), Room: in.Room, At: at, Text: text, Thread: in.Thread, No: in.No,
		CreatedAt: s.now()}
	return item, s.putScheduled(ctx, who.User.ID, 0, storedScheduled{Scheduled: item})
}

// mayHave counts a change of what the caller has scheduled, and refuses a text
// more, or another text for the item with that id, if it is too much.
func (s *Service) mayHave(ctx context.Context, who Caller, id, text string) error {
	if err := s.limit(ctx, "schedule:"+string(who.User.ID), s.Limits.Sends); err != nil {
		return err
	}
	have, err := s.ListScheduled(ctx, who, None{})
	if err != nil {
		return err
	}
	items, bytes := 1, len(text)
	for _, item := range have.Scheduled {
		if item.ID != id {
			items, bytes = items+1, bytes+len(item.Text)
		}
	}
	if items > maxScheduled || bytes > maxScheduledText {
		return &Error{Code: CodeConflict, Message: fmt.Sprintf(
			"You can have at most %d scheduled messages and reminders, of %d KiB together. Delete one first.",
			maxScheduled, maxScheduledText>>10)}
	}
	return nil
}

// later reads a time to come.
func (s *Service) later(text string) (time.Time, error) {
	at, err := s.until("at", text)
	if err != nil {
		return time.Time{}, err
	}
	if now := s.now(); !at.After(now) || at.After(now.Add(maxScheduleIn)) {
		return time.Time{}, invalid("at", "Choose a time within a year from now.")
	}
	return at, nil
}

// putScheduled keeps something, its turn first: a turn alone is stale, while
// what has no turn would never be done. ErrConflict if it has another version.
func (s *Service) putScheduled(ctx context.Context, user UserID, was int64, item storedScheduled) error {
	value, err := json.Marshal(item)
	if err != nil {
		return err
	}
	record := scheduledID(user, item.ID)
	if item.Error == "" && !item.Due {
		_, err := s.Store.PutRecord(ctx, turnKind, turnID(item.At, record), 0, []byte("{}"))
		if err != nil && !errors.Is(err, ErrConflict) { // a conflict: its turn is there
			return err
		}
	}
	if _, err := s.Store.PutRecord(ctx, scheduledKind, record, was, value); err != nil {
		return err
	}
	s.scheduleChanged(ctx, user)
	return nil
}

// scheduleChanged tells a person's clients to ask again.
func (s *Service) scheduleChanged(ctx context.Context, user UserID) {
	s.Bell.Signal(ctx, Signal{Stream: UserStream(user), Kind: ScheduleChanged, User: user})
}

// ListScheduled returns what the caller has scheduled.
func (s *Service) ListScheduled(ctx context.Context, who Caller, _ None) (ScheduledList, error) {
	list := ScheduledList{Scheduled: []Scheduled{}}
	for r, err := range s.prefixed(ctx, scheduledKind, scheduledID(who.User.ID, "")) {
		if err != nil {
			return ScheduledList{}, err
		}
		item, err := readScheduled(r)
		if err != nil {
			return ScheduledList{}, err
		}
		if !item.Sending {
			list.Scheduled = append(list.Scheduled, item.Scheduled)
		}
	}
	return list, nil
}

func readScheduled(r Record) (storedScheduled, error) {
	var item storedScheduled
	if err := json.Unmarshal(r.Value, &item); err != nil {
		return item, fmt.Errorf("scheduled %s: %w", r.ID, err)
	}
	return item, nil
}

// scheduled returns one of the caller's that can still be changed.
func (s *Service) scheduled(ctx context.Context, who Caller, id string) (storedScheduled, int64, error) {
	if id == "" || strings.Contains(id, "/") {
		return storedScheduled{}, 0, ErrNotFound
	}
	r, err := s.Store.Record(ctx, scheduledKind, scheduledID(who.User.ID, id))
	if err != nil {
		return storedScheduled{}, 0, err
	}
	item, err := readScheduled(r)
	if err == nil && item.Sending {
		err = ErrNotFound
	}
	return item, r.Version, err
}

// UpdateScheduled changes when something is done, or what is sent. ErrNotFound
// if it is being sent already.
func (s *Service) UpdateScheduled(ctx context.Context, who Caller,
	in UpdateScheduledInput) (Scheduled, error) {
	item, version, err := s.scheduled(ctx, who, in.ID)
	if err != nil {
		return Scheduled{}, err
	}
	was := item.At
	if in.At != nil {
		if item.At, err = s.later(*in.At); err != nil {
			return Scheduled{}, err
		}
		item.Due, item.Error = false, ""
	}
	if in.Text != nil {
		if item.No != 0 {
			item.Text, err = line("text", *in.Text, 0, maxReason)
		} else {
			item.Text, err = s.messageText(*in.Text)
		}
		if err != nil {
			return Scheduled{}, err
		}
	}
	if err := s.mayHave(ctx, who, item.ID, item.Text); err != nil {
		return Scheduled{}, err
	}
	if err := s.putScheduled(ctx, who.User.ID, version, item); err != nil {
		return Scheduled{}, err
	}
	if !item.At.Equal(was) { // its turn then would stay until that time
		err = s.forgetRecords(ctx, turnKind, turnID(was, scheduledID(who.User.ID, item.ID)))
	}
	return item.Scheduled, err
}

// DeleteScheduled cancels a message that is not being sent yet, or a reminder.
func (s *Service) DeleteScheduled(ctx context.Context, who Caller, in ScheduledIDInput) (None, error) {
	item, version, err := s.scheduled(ctx, who, in.ID)
	if err != nil {
		return None{}, err
	}
	// From here on nothing sends it.
	item.Sending = true
	value, err := json.Marshal(item)
	if err != nil {
		return None{}, err
	}
	record := scheduledID(who.User.ID, in.ID)
	if _, err := s.Store.PutRecord(ctx, scheduledKind, record, version, value); err != nil {
		return None{}, err
	}
	err = errors.Join(s.forgetRecords(ctx, turnKind, turnID(item.At, record)),
		s.forgetRecords(ctx, scheduledKind, record))
	s.scheduleChanged(ctx, who.User.ID)
	return None{}, err
}

// SendDue sends the messages whose time has come, and marks the reminders. Call
// it every few seconds, on one node at a time. What was being sent when a
// server stopped is sent under the same client id, so it is never sent twice.
func (s *Service) SendDue(ctx context.Context) error {
	var failed failures
	for after := ""; ; {
		turns, err := s.Store.Records(ctx, turnKind, after, 100)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		for _, turn := range turns {
			after = turn.ID
			ms, record, _ := strings.Cut(turn.ID, "/")
			n, err := strconv.ParseInt(ms, 10, 64)
			if err == nil && time.UnixMilli(n).After(s.now()) {
				return errors.Join(failed...)
			}
			if err == nil {
				err = s.takeTurn(ctx, record, time.UnixMilli(n))
			}
			if err == nil {
				err = s.forgetRecords(ctx, turnKind, turn.ID)
			}
			if failed.add(err) != nil {
				return errors.Join(failed...)
			}
		}
		if len(turns) < 100 {
			return errors.Join(failed...)
		}
	}
}

// takeTurn does what is scheduled, if it is for that time. An error means that
// it is to be tried again.
func (s *Service) takeTurn(ctx context.Context, record string, at time.Time) error {
	r, err := s.Store.Record(ctx, scheduledKind, record)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	item, err := readScheduled(r)
	if err != nil || !item.At.Equal(at) {
		return err
	}
	user := UserID(strings.TrimSuffix(record, "/"+item.ID))
	if item.No != 0 {
		item.Due = true
		return s.putScheduled(ctx, user, r.Version, item)
	}
	if !item.Sending {
		item.Sending = true
		value, err := json.Marshal(item)
		if err != nil {
			return err
		}
		if r.Version, err = s.Store.PutRecord(ctx, scheduledKind, record, r.Version, value); err != nil {
			return err // changed at this moment: it has another turn, or is looked at again
		}
	}
	account, err := s.Store.Account(ctx, user)
	if err != nil {
		return err
	}
	if account.barred(s.now()) {
		err = disabled(account.User)
	} else {
		_, err = s.Send(ctx, Caller{User: account.User, Device: scheduleDevice},
			SendInput{Room: item.Room, Text: item.Text, Thread: item.Thread, ClientID: item.ID})
	}
	switch {
	case err == nil:
		err = s.forgetRecords(ctx, scheduledKind, record)
		s.scheduleChanged(ctx, user)
		return err
	case !certain(err) || errors.Is(err, ErrRateLimited):
		return err
	}
	item.Sending, item.Error = false, AsError(err).Message
	return s.putScheduled(ctx, user, r.Version, item)
}
