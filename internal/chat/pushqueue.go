package chat

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// PushTTL is how long a message that is queued may take to a device.
	PushTTL = 24 * time.Hour
	// pushGrace is how long someone who is online has to read a message before
	// their devices are notified. A client that shows the room marks it as read
	// at once.
	pushGrace = 5 * time.Second

	maxPushWaiting = 50  // of a device; the newest
	maxPushEnded   = 100 // traces of a device; the newest
	maxPushText    = 200 // characters of a message in a notification
)

// PushJob is a message of which a device is still to be notified.
type PushJob struct {
	Room RoomID    `json:"room"`
	No   int64     `json:"no"`
	At   time.Time `json:"at"`  // when the message was sent
	Due  time.Time `json:"due"` // not before
}

// PushTrace is what became of the notification of a device about a message.
type PushTrace struct {
	Room    RoomID    `json:"room"`
	No      int64     `json:"no"`
	At      time.Time `json:"at"` // when that was known
	Reason  Reason    `json:"reason,omitempty"`
	Sent    bool      `json:"sent,omitempty"`
	Failure string    `json:"failure,omitempty"`
}

// PushMessage is what a device receives, sealed.
type PushMessage struct {
	Test  bool   `json:"test,omitempty"`
	Room  RoomID `json:"room,omitempty"`
	No    int64  `json:"no,omitempty"`
	From  string `json:"from,omitempty"`  // name of the author
	Place string `json:"place,omitempty"` // name of the room; empty in direct rooms and without content
	Text  string `json:"text,omitempty"`  // beginning of the message; empty without content
	// Urgent is of a message that is for the person, and not only for the room.
	Urgent bool `json:"-"`
}

func (d *StoredPush) knows(room RoomID, no int64) bool {
	return slices.ContainsFunc(d.Waiting, func(j PushJob) bool { return j.Room == room && j.No == no }) ||
		slices.ContainsFunc(d.Ended, func(t PushTrace) bool { return t.Room == room && t.No == no })
}

// end moves a job to the traces.
func (d *StoredPush) end(t PushTrace) {
	d.Waiting = slices.DeleteFunc(d.Waiting, func(j PushJob) bool { return j.Room == t.Room && j.No == t.No })
	d.Ended = slices.DeleteFunc(append(d.Ended, t), func(old PushTrace) bool {
		return t.At.Sub(old.At) > PushTTL
	})
	d.Ended = d.Ended[max(0, len(d.Ended)-maxPushEnded):]
}

// Wake is when the device has something to do next; zero for never.
func (d *StoredPush) Wake() time.Time {
	var next time.Time
	for _, j := range d.Waiting {
		if next.IsZero() || j.Due.Before(next) {
			next = j.Due
		}
	}
	if !next.IsZero() && next.Before(d.NextAt) {
		next = d.NextAt
	}
	return next
}

// QueuePush decides which of the people with devices, who are sorted, a room's
// messages notify, and queues them for their devices. It returns whose.
// Queueing a message again changes nothing.
func (s *Service) QueuePush(ctx context.Context, room RoomID, people []UserID,
	messages []*Message) ([]UserID, error) {
	messages = s.news(messages)
	if len(messages) == 0 {
		return nil, nil
	}
	r, err := s.Store.Room(ctx, room)
	if err != nil {
		return nil, err
	}
	if people, err = s.among(ctx, r, people); err != nil {
		return nil, err
	}
	var queued []UserID
	for _, user := range people {
		l, err := s.listener(ctx, room, user)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return queued, err
		}
		l.View.ReadNo = 0 // that is judged when the time has come
		var wanted []*Message
		for _, m := range messages {
			if l.Notified(m, s.now()).Notifies() {
				wanted = append(wanted, m)
			}
		}
		if len(wanted) == 0 {
			continue
		}
		if err := s.queuePush(ctx, user, room, wanted); err != nil {
			return queued, err
		}
		queued = append(queued, user)
	}
	return queued, nil
}

// among returns those of the people, who are sorted, that may be in a room. It
// costs what the room has members, not what the server has people.
func (s *Service) among(ctx context.Context, room Room, people []UserID) ([]UserID, error) {
	var here []UserID
	switch {
	case room.Kind == Direct:
		here = room.People
	case len(people) <= s.Limits.PageMax:
		return people, nil // as cheap as asking who the members are
	default:
		for m, err := range s.members(ctx, room.ID) {
			if err != nil {
				return nil, err
			}
			here = append(here, m.User)
		}
	}
	return slices.DeleteFunc(slices.Clone(here), func(user UserID) bool {
		_, found := slices.BinarySearch(people, user)
		return !found
	}), nil
}

func (s *Service) queuePush(ctx context.Context, user UserID, room RoomID, messages []*Message) error {
	devices, err := s.pushDevices(ctx, user)
	if err != nil {
		return err
	}
	online, err := s.Presence.Online(ctx, []UserID{user})
	if err != nil {
		return err
	}
	now := s.now()
	for _, d := range devices {
		_, err := s.ChangePush(ctx, user, d.ID, func(d *StoredPush) {
			for _, m := range messages {
				if d.knows(room, m.No) || m.At.Before(d.CreatedAt) {
					continue
				}
				due := now
				if len(online) > 0 {
					due = m.At.Add(pushGrace)
				}
				d.Waiting = append(d.Waiting, PushJob{Room: room, No: m.No, At: m.At, Due: due})
			}
			for len(d.Waiting) > maxPushWaiting {
				old := d.Waiting[0]
				d.end(PushTrace{Room: old.Room, No: old.No, At: now, Failure: "too many notifications waited"})
			}
		})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// ServePush sends what is due to a device. Failures that may pass stay in the
// queue, with a pause of pause(attempts), or a longer one if the push service
// asks for it. ErrNotFound if the device is notified no more.
func (s *Service) ServePush(ctx context.Context, user UserID, device SessionID,
	pause func(attempts int) time.Duration) error {
	for {
		d, err := s.OnePush(ctx, user, device)
		if err != nil {
			return err
		}
		now := s.now()
		i := slices.IndexFunc(d.Waiting, func(j PushJob) bool { return !now.Before(j.Due) })
		if i < 0 || now.Before(d.NextAt) {
			return nil
		}
		if err := s.sendPush(ctx, d, d.Waiting[i], pause); err != nil {
			return err
		}
	}
}

// sendPush sends one notification, if its message still notifies the person.
func (s *Service) sendPush(ctx context.Context, d StoredPush, job PushJob,
	pause func(attempts int) time.Duration) error {
	sessions, err := s.Store.Sessions(ctx, d.User)
	if err != nil {
		return err
	}
	if !s.lives(sessions, d.ID) {
		return s.ForgetPush(ctx, d.User, d.ID)
	}
	trace := PushTrace{Room: job.Room, No: job.No}
	message, reason, err := s.pushMessage(ctx, d.User, job)
	if err != nil {
		return err
	}
	trace.Reason = reason
	var failure *DeliveryError
	switch {
	case !reason.Notifies():
	case s.now().Sub(job.At) > PushTTL:
		trace.Failure = "it took too long: " + d.Error
	default:
		err := s.Push(ctx, d, message)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		ours := false
		if failure, ours = errors.AsType[*DeliveryError](err); err != nil && !ours {
			return err
		}
		trace.Sent = err == nil
	}
	if failure != nil && failure.Gone {
		return s.ForgetPush(ctx, d.User, d.ID)
	}
	_, err = s.ChangePush(ctx, d.User, d.ID, func(d *StoredPush) {
		trace.At = s.now()
		switch {
		case failure == nil:
			if trace.Sent {
				d.SentAt, d.Error, d.Attempts, d.NextAt = trace.At, "", 0, time.Time{}
			}
			d.end(trace)
		case failure.Final:
			d.Error, trace.Failure = failure.Reason, failure.Reason
			d.end(trace)
		default:
			d.Attempts++
			d.Error, d.NextAt = failure.Reason, trace.At.Add(max(pause(d.Attempts), failure.RetryAfter))
		}
	})
	return err
}

// pushMessage returns what a device is told of a message, and whether the
// person is still to be notified of it.
func (s *Service) pushMessage(ctx context.Context, user UserID, job PushJob) (PushMessage, Reason, error) {
	l, err := s.listener(ctx, job.Room, user)
	if errors.Is(err, ErrNotFound) {
		return PushMessage{}, NotThere, nil
	}
	if err != nil {
		return PushMessage{}, "", err
	}
	m, err := s.messageAt(ctx, MessageInput{Room: job.Room, No: job.No})
	if errors.Is(err, ErrNotFound) {
		return PushMessage{}, NotDeleted, nil
	}
	if err != nil {
		return PushMessage{}, "", err
	}
	reason := l.Notified(&m, s.now())
	if !reason.Notifies() {
		return PushMessage{}, reason, nil
	}
	out := PushMessage{Room: job.Room, No: job.No, Urgent: reason != ForAll}
	author, err := s.Store.Account(ctx, m.From)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return PushMessage{}, "", err
	}
	out.From = author.Name
	if s.PushWithoutContent || l.Settings.HideContent {
		return out, reason, nil
	}
	out.Text = plain(m.Text, maxPushText)
	out.Place, err = s.placeName(ctx, l.View.Room)
	return out, reason, err
}

// placeName is the name of a room, and for a thread of the room that it is in.
func (s *Service) placeName(ctx context.Context, room Room) (string, error) {
	if room.Kind != ThreadRoom {
		return room.Name, nil
	}
	parent, err := s.Store.Room(ctx, room.Parent)
	return parent.Name, err
}

var (
	fences = regexp.MustCompile("(?m)^ *(?:```|~~~).*$")
	signs  = regexp.MustCompile("\\*\\*|__|~~|`|(?m:^ *(?:>|#{1,6} ))")
)

// plain returns the beginning of a text in one line, without most of the signs
// that markdown has.
func plain(text string, most int) string {
	text = inlineLink.ReplaceAllStringFunc(fences.ReplaceAllString(text, ""), func(link string) string {
		return strings.TrimLeft(link[:strings.LastIndex(link, "](")], "![")
	})
	text = strings.Join(strings.Fields(signs.ReplaceAllString(text, "")), " ")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:most-1])) + "…"
}

// PushEvents takes from a person's stream what ends notifications: a device
// whose log-in is over is forgotten, and what was read elsewhere is not sent.
func (s *Service) PushEvents(ctx context.Context, user UserID, device SessionID, events []Event) error {
	var read []*Read
	for _, e := range events {
		switch e.Kind {
		case SessionRevoked:
			if slices.Contains(e.Sessions, device) {
				return s.ForgetPush(ctx, user, device)
			}
		case ReadMoved:
			read = append(read, e.Read)
		}
	}
	d, err := s.OnePush(ctx, user, device)
	if err != nil {
		return err
	}
	done := func(j PushJob) bool {
		return slices.ContainsFunc(read, func(r *Read) bool { return r.Room == j.Room && r.No >= j.No })
	}
	if !slices.ContainsFunc(d.Waiting, done) {
		return nil
	}
	_, err = s.ChangePush(ctx, user, device, func(d *StoredPush) {
		for _, j := range slices.Clone(d.Waiting) {
			if done(j) {
				d.end(PushTrace{Room: j.Room, No: j.No, At: s.now(), Reason: NotRead})
			}
		}
	})
	return err
}

// PushDecision says why a person was notified of a message, or was not.
type PushDecision struct {
	Reason  Reason          `json:"reason" doc:"What the rule says now, whether or not you have read it: direct, all, mention and keyword notify you; own, not_there, deleted, paused, quiet_hours, room_off and not_called do not"`
	Devices []PushDelivered `json:"devices" doc:"Your devices that receive notifications, oldest first"`
}

// PushDelivered is what a device was told of a message.
type PushDelivered struct {
	Device  PushDevice `json:"device" doc:"Device"`
	State   string     `json:"state" enum:"sent,waiting,dropped,failed,none" doc:"sent: the push service accepted it. waiting: it is still to be sent. dropped: reason says why it was not sent. failed: error says why. none: it was not to be sent, or was longer ago than a day"`
	Reason  Reason     `json:"reason,omitempty" doc:"What the rule said then"`
	At      time.Time  `json:"at,omitzero" doc:"When that was known; with waiting, when the next attempt is"`
	Failure string     `json:"failure,omitempty" doc:"With failed and waiting: why the last attempt failed"`
}

// WhyPush says why the caller's devices were notified of a message, or were
// not. Traces are kept for a day.
func (s *Service) WhyPush(ctx context.Context, who Caller, in MessageInput) (PushDecision, error) {
	m, _, err := s.message(ctx, who, in)
	if err != nil {
		return PushDecision{}, err
	}
	out := PushDecision{Reason: NotThere, Devices: []PushDelivered{}}
	l, err := s.listener(ctx, in.Room, who.User.ID)
	if err == nil {
		l.View.ReadNo = 0 // whoever asks has read it
		out.Reason = l.Notified(&m, s.now())
	} else if !errors.Is(err, ErrNotFound) { // a thread that they do not follow
		return PushDecision{}, err
	}
	devices, err := s.pushDevices(ctx, who.User.ID)
	for _, d := range devices {
		d.Current = d.ID == who.Session
		out.Devices = append(out.Devices, d.delivered(in.Room, in.No))
	}
	return out, err
}

func (d *StoredPush) delivered(room RoomID, no int64) PushDelivered {
	out := PushDelivered{Device: d.PushDevice, State: "none"}
	for _, j := range d.Waiting {
		if j.Room == room && j.No == no {
			out.State, out.At, out.Failure = "waiting", j.Due, d.Error
			if j.Due.Before(d.NextAt) {
				out.At = d.NextAt
			}
		}
	}
	for _, t := range d.Ended {
		if t.Room != room || t.No != no {
			continue
		}
		out.At, out.Reason, out.Failure = t.At, t.Reason, t.Failure
		switch {
		case t.Sent:
			out.State = "sent"
		case t.Failure != "":
			out.State = "failed"
		default:
			out.State = "dropped"
		}
	}
	return out
}
