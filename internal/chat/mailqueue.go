package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// mailFor is how long it is tried to mail a message, from when it is due.
	mailFor = 24 * time.Hour
	// letterFor is how long it is tried to send a letter.
	letterFor = 24 * time.Hour

	maxMailWaiting = 100 // messages; the newest
	maxMailRooms   = 200 // of which it is known what was queued; the newest
	maxMailText    = 500 // characters of a message
	maxLetters     = 10  // the newest
)

// LetterKind says what a mail about an account is about.
type LetterKind string

const (
	LetterConfirm LetterKind = "confirm" // to an address, which the code confirms
	LetterChanged LetterKind = "changed" // to the address before, which the code restores
	LetterReset   LetterKind = "reset"   // the code sets a new password

	// LetterPassword and those below are warnings: that the password is another
	// one, that there is no second factor any more, no app, a new passkey or
	// one less, and of a log-in from a device and an address that were not seen
	// before.
	LetterPassword    LetterKind = "password"
	LetterFactor      LetterKind = "factor"
	LetterApp         LetterKind = "app"
	LetterPasskey     LetterKind = "passkey"
	LetterPasskeyGone LetterKind = "passkeygone"
	LetterDevice      LetterKind = "device"
)

// Letter is a mail about an account that is to be sent.
type Letter struct {
	ID   string     `json:"id"`
	Kind LetterKind `json:"kind"`
	To   string     `json:"to"`
	Code string     `json:"code,omitempty"`
	At   time.Time  `json:"at"`

	Agent string `json:"agent,omitempty"` // with LetterDevice
	Addr  string `json:"addr,omitempty"`
}

// MailJob is a message about which a person may get a mail.
type MailJob struct {
	Room RoomID    `json:"room"`
	No   int64     `json:"no"`
	At   time.Time `json:"at"` // when it was sent
}

// Mail is a mail that is to be sent: a letter, or what a person missed.
type Mail struct {
	ID       string // the same if it is sent again
	To, Name string // address and name of the person
	Kind     LetterKind
	Code     string // what the link of a letter ends with, or the one that unsubscribes
	Agent    string // of a LetterDevice: what the client says it is
	Addr     string // and where it was
	At       time.Time
	Missed   []MissedRoom
	Thread   string // what belongs together
}

// MissedRoom is a room with messages that a person missed.
type MissedRoom struct {
	Room     RoomID
	Name     string // empty for direct rooms, and where content is left out
	Direct   bool
	Messages []MissedMessage // in order
}

// MissedMessage is a message that a person missed. Text is empty where content
// is left out.
type MissedMessage struct {
	No   int64
	From string
	At   time.Time // by the person's clock
	Text string
}

// post adds a letter.
func (m *StoredMail) post(l Letter) {
	m.Letters = append(m.Letters, l)
	m.Letters = m.Letters[max(0, len(m.Letters)-maxLetters):]
}

// wake is when there is something to send; zero for never.
func (s *Service) wake(m StoredMail) time.Time {
	var next time.Time
	for _, j := range m.Waiting {
		if due := j.At.Add(s.MailAfter); next.IsZero() || due.Before(next) {
			next = due
		}
	}
	if len(m.Letters) > 0 {
		next = m.Letters[0].At
	}
	if !next.IsZero() && next.Before(m.NextAt) {
		next = m.NextAt
	}
	return next
}

// MailDue returns when a person's mail is to be served; zero for never.
func (s *Service) MailDue(ctx context.Context, user UserID) (time.Time, error) {
	m, _, err := s.mailOf(ctx, user)
	return s.wake(m), err
}

// MailQueues returns those of a page of all people with mail who have something
// to send, and the id to go on after; empty at the end.
func (s *Service) MailQueues(ctx context.Context, after string) (busy []UserID, next string, err error) {
	records, err := s.Store.Records(ctx, mailboxKind, after, s.Limits.PageMax)
	if err != nil || len(records) == 0 {
		return nil, "", err
	}
	for _, r := range records {
		m, err := readMail(r)
		if err != nil {
			return nil, "", err
		}
		if !s.wake(m).IsZero() {
			busy = append(busy, m.User)
		}
	}
	return busy, records[len(records)-1].ID, nil
}

// QueueMail queues a room's messages for those whom they mention, and in direct
// rooms for everyone. Queueing a message again changes nothing.
func (s *Service) QueueMail(ctx context.Context, room RoomID, messages []*Message) error {
	messages = s.news(messages)
	if len(messages) == 0 {
		return nil
	}
	r, err := s.Store.Room(ctx, room)
	if err != nil {
		return err
	}
	people := map[UserID][]*Message{}
	for _, m := range messages {
		called := m.Mentions
		switch {
		case r.Kind == Direct:
			called = r.People
		case slices.Contains(m.Mentions, MentionAll):
			called = nil
			for member, err := range s.members(ctx, room) {
				if err != nil {
					return err
				}
				called = append(called, member.User)
			}
		}
		for _, user := range called {
			people[user] = append(people[user], m)
		}
	}
	for user, messages := range people {
		if err := s.queueMail(ctx, user, room, messages); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) queueMail(ctx context.Context, user UserID, room RoomID, messages []*Message) error {
	m, version, err := s.mailOf(ctx, user)
	if err != nil || version == 0 || m.Address == "" || m.Off {
		return err
	}
	l, err := s.listener(ctx, room, user)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	l.View.ReadNo = 0 // that is judged when the time has come
	messages = slices.DeleteFunc(slices.Clone(messages), func(m *Message) bool {
		return !mailed(l.Notified(m, s.now()))
	})
	if len(messages) == 0 {
		return nil
	}
	_, err = s.changeMail(ctx, user, func(m *StoredMail) error {
		for _, message := range messages {
			m.queue(MailJob{Room: room, No: message.No, At: message.At})
		}
		return nil
	})
	return err
}

// mailed reports whether what notifies for a reason is mailed, too.
func mailed(r Reason) bool { return r == ForDirect || r == ForMention }

func (m *StoredMail) queue(j MailJob) {
	if slices.ContainsFunc(m.Queued, func(k MailJob) bool { return k.Room == j.Room && j.No <= k.No }) {
		return
	}
	m.Queued = slices.DeleteFunc(m.Queued, func(k MailJob) bool { return k.Room == j.Room })
	m.Queued = append(m.Queued, j)
	m.Queued = m.Queued[max(0, len(m.Queued)-maxMailRooms):]
	m.Waiting = append(m.Waiting, j)
	m.Waiting = m.Waiting[max(0, len(m.Waiting)-maxMailWaiting):]
}

// ServeMail sends what is due to a person, and returns when there is more; zero
// for never. Failures that may pass stay in the queue, with a pause of
// pause(attempts).
func (s *Service) ServeMail(ctx context.Context, user UserID,
	pause func(attempts int) time.Duration) (time.Time, error) {
	for {
		m, _, err := s.mailOf(ctx, user)
		if err != nil {
			return time.Time{}, err
		}
		next := s.wake(m)
		if next.IsZero() || s.now().Before(next) {
			return next, nil
		}
		if len(m.Letters) > 0 {
			err = s.sendLetter(ctx, m, m.Letters[0], pause)
		} else {
			err = s.sendMissed(ctx, m, pause)
		}
		if err != nil {
			return time.Time{}, err
		}
	}
}

func (s *Service) sendLetter(ctx context.Context, m StoredMail, l Letter,
	pause func(int) time.Duration) error {
	account, err := s.Store.Account(ctx, m.User)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	out := Mail{ID: "letter." + l.ID, To: l.To, Name: account.Name, Kind: l.Kind, Code: l.Code,
		Agent: l.Agent, Addr: l.Addr, At: l.At}
	return s.sendMail(ctx, m.User, &out, s.now().Sub(l.At) > letterFor, pause, func(m *StoredMail) {
		m.Letters = slices.DeleteFunc(m.Letters, func(x Letter) bool { return x.ID == l.ID })
	})
}

// sendMissed sends all messages that wait, if one has waited long enough, as
// one mail: those that still notify the person.
func (s *Service) sendMissed(ctx context.Context, m StoredMail, pause func(int) time.Duration) error {
	out, err := s.missed(ctx, m)
	if err != nil {
		return err
	}
	return s.sendMail(ctx, m.User, out, false, pause, func(now *StoredMail) {
		now.Waiting = slices.DeleteFunc(now.Waiting, func(j MailJob) bool {
			return slices.Contains(m.Waiting, j)
		})
	})
}

// sendMail sends a mail, unless that is nil or it took too long, and calls done
// when there is nothing more to do about it.
func (s *Service) sendMail(ctx context.Context, user UserID, out *Mail, late bool,
	pause func(int) time.Duration, done func(*StoredMail)) error {
	var failure *DeliveryError
	if out != nil && !late {
		err := s.Mail(ctx, *out)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		ours := false
		if failure, ours = errors.AsType[*DeliveryError](err); err != nil && !ours {
			return err
		}
	}
	_, err := s.changeMail(ctx, user, func(m *StoredMail) error {
		switch {
		case out == nil || late:
			done(m)
			m.Attempts, m.NextAt = 0, time.Time{}
		case failure == nil:
			done(m)
			m.SentAt, m.Error, m.Attempts, m.NextAt = s.now(), "", 0, time.Time{}
		case failure.Final:
			done(m)
			m.Error, m.Attempts, m.NextAt = failure.Reason, 0, time.Time{}
		default:
			m.Attempts++
			m.Error, m.NextAt = failure.Reason, s.now().Add(pause(m.Attempts))
		}
		return nil
	})
	return err
}

// missed returns what a person missed of what waits; nil for nothing.
func (s *Service) missed(ctx context.Context, m StoredMail) (*Mail, error) {
	if m.Address == "" || m.Off {
		return nil, nil
	}
	out := Mail{To: m.Address}
	id := sha256.New()
	byRoom := map[RoomID][]MailJob{}
	var rooms []RoomID
	for _, j := range m.Waiting {
		if byRoom[j.Room] == nil {
			rooms = append(rooms, j.Room)
		}
		byRoom[j.Room] = append(byRoom[j.Room], j)
	}
	for _, room := range rooms {
		l, err := s.listener(ctx, room, m.User)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		missed, err := s.missedIn(ctx, l, byRoom[room])
		if err != nil {
			return nil, err
		}
		if len(missed.Messages) == 0 {
			continue
		}
		for _, one := range missed.Messages {
			fmt.Fprintf(id, "%s %s %d\n", m.User, room, one.No)
		}
		out.Name, out.Missed = l.User.Name, append(out.Missed, missed)
	}
	if len(out.Missed) == 0 {
		return nil, nil
	}
	thread := string(m.User)
	if len(out.Missed) == 1 {
		thread += " " + string(out.Missed[0].Room)
	}
	sum := sha256.Sum256([]byte(thread))
	out.Thread = "thread." + hex.EncodeToString(sum[:10])
	out.ID = "missed." + hex.EncodeToString(id.Sum(nil)[:10])
	var err error
	out.Code, err = s.unsubscribeCode(ctx, m.User, m.Address)
	return &out, err
}

// missedIn returns those of the messages of a room that still notify.
func (s *Service) missedIn(ctx context.Context, l Listener, jobs []MailJob) (MissedRoom, error) {
	out := MissedRoom{Room: l.View.ID, Direct: l.View.Kind == Direct}
	hidden := s.PushWithoutContent || l.Settings.HideContent
	for _, j := range jobs {
		m, err := s.messageAt(ctx, MessageInput{Room: j.Room, No: j.No})
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return out, err
		}
		if !mailed(l.Notified(&m, s.now())) || s.now().Sub(m.At) > s.MailAfter+mailFor {
			continue
		}
		author, err := s.Store.Account(ctx, m.From)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return out, err
		}
		one := MissedMessage{No: m.No, From: author.Name, At: m.At.In(l.zone())}
		if !hidden {
			one.Text = plain(m.Text, maxMailText)
		}
		out.Messages = append(out.Messages, one)
	}
	if out.Direct || hidden || len(out.Messages) == 0 {
		return out, nil
	}
	var err error
	out.Name, err = s.placeName(ctx, l.View.Room)
	return out, err
}
