package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// outgoingKind is the kind of record of an outgoing webhook, with the id
	// "<room>/<webhook>".
	outgoingKind = "outgoing"
	// maxOutgoing is how many outgoing webhooks a room may have.
	maxOutgoing = 20
	// maxSameHost is how many of them may lead to one host, so that one message
	// does not become many requests there.
	maxSameHost = 3
	// maxURL is how many bytes the address of one may have.
	maxURL = 2048
)

// Outgoing is an outgoing webhook: an address that receives the events of one
// room. It keeps a position in the room's log, so no event is lost or reordered
// while the receiver or the server is down.
type Outgoing struct {
	ID        string    `json:"id" doc:"Id"`
	Room      RoomID    `json:"room" doc:"Room"`
	URL       string    `json:"url" doc:"Where events are posted to"`
	Kinds     []Kind    `json:"kinds,omitempty" doc:"Kinds of events that are sent; empty for all"`
	CreatedBy UserID    `json:"created_by" doc:"Person who created it or adopted it last; it acts with their permissions"`
	CreatedAt time.Time `json:"created_at" doc:"When"`

	Position  Position  `json:"position" doc:"Place in the room's stream: every event up to it was accepted, given up or not wanted"`
	Attempts  int       `json:"attempts,omitempty" doc:"How often the event after it was tried in vain"`
	NextAt    time.Time `json:"next_at,omitzero" doc:"When it is tried again"`
	Error     string    `json:"error,omitempty" doc:"Error of the last attempt; empty if it did not"`
	SentAt    time.Time `json:"sent_at,omitzero" doc:"When an event was last accepted"`
	Dead      int       `json:"dead,omitempty" doc:"How many events were given up so far"`
	SkippedAt time.Time `json:"skipped_at,omitzero" doc:"When events were last left out, as the receiver was behind for longer than the log reaches back"`
	Skipped   int64     `json:"skipped,omitempty" doc:"How many were left out, as far as that is known"`
	EndedAt   time.Time `json:"ended_at,omitzero" doc:"When the receiver said that it is gone (410): nothing is sent any more"`
	Paused    bool      `json:"paused,omitempty" doc:"Nothing is sent, because created_by may not moderate the room any more. outgoing.adopt resumes it"`
}

// OutgoingInput describes a new outgoing webhook.
type OutgoingInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	URL   string `json:"url" doc:"Where events are to be posted to, http or https"`
	Kinds []Kind `json:"kinds,omitempty" doc:"Kinds of events that are sent, e.g. message.created; empty for all"`
}

// OutgoingOutput is a new outgoing webhook.
type OutgoingOutput struct {
	Webhook Outgoing `json:"webhook" doc:"The webhook"`
	Secret  string   `json:"secret" doc:"Key of the signatures; keep it secret. It is not shown again"`
}

// OutgoingList lists the outgoing webhooks of a room.
type OutgoingList struct {
	Webhooks []Outgoing `json:"webhooks" doc:"Oldest first"`
}

// OutgoingIDInput names an outgoing webhook.
type OutgoingIDInput struct {
	Room    RoomID `json:"room" doc:"Id of the room"`
	Webhook string `json:"webhook" doc:"Id of the webhook"`
}

// roomKinds are the kinds of events of a room's stream.
var roomKinds = []Kind{
	RoomCreated, RoomUpdated, MemberJoined, MemberLeft, MemberUpdated, MessageCreated,
	MessageEdited, MessageDeleted, MessagePinned, MessageUnpinned,
	ThreadMoved, ReactionAdded, ReactionRemoved, MessagesTrimmed,
}

// StoredOutgoing is a webhook with the state of its delivery.
type StoredOutgoing struct {
	Outgoing
	Secret   string    `json:"secret"`
	PausedAt time.Time `json:"paused_at,omitzero"`
	Again    []string  `json:"again,omitempty"` // dead letters that are to be tried once more
}

func outgoingID(room RoomID, webhook string) string { return string(room) + "/" + webhook }

// CreateOutgoing creates an outgoing webhook for a room that the caller
// moderates. It receives events from now on.
func (s *Service) CreateOutgoing(ctx context.Context, who Caller, in OutgoingInput) (OutgoingOutput, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return OutgoingOutput{}, err
	}
	if err := judgeURL(in.URL); err != nil {
		return OutgoingOutput{}, err
	}
	for _, k := range in.Kinds {
		if !slices.Contains(roomKinds, k) {
			return OutgoingOutput{}, invalid("kinds", "Rooms have no such kind of event.")
		}
	}
	have, err := s.outgoings(ctx, in.Room)
	if err != nil {
		return OutgoingOutput{}, err
	}
	if len(have) >= maxOutgoing {
		return OutgoingOutput{}, &Error{Code: CodeConflict,
			Message: fmt.Sprintf("A room can have at most %d outgoing webhooks. Delete one first.", maxOutgoing)}
	}
	same := 0
	for _, o := range have {
		if host(o.URL) == host(in.URL) {
			same++
		}
	}
	if same >= maxSameHost {
		return OutgoingOutput{}, &Error{Code: CodeConflict, Message: fmt.Sprintf(
			"A room can have at most %d outgoing webhooks to one host. Delete one first.", maxSameHost)}
	}
	heads, err := s.Store.Heads(ctx, RoomStream(in.Room))
	if err != nil {
		return OutgoingOutput{}, err
	}
	o := StoredOutgoing{Secret: s.NewToken(), Outgoing: Outgoing{
		ID: s.NewID(), Room: in.Room, URL: in.URL,
		Kinds:     slices.Compact(slices.Sorted(slices.Values(in.Kinds))),
		CreatedBy: who.User.ID, CreatedAt: s.now(), Position: heads[0].Position,
	}}
	value, err := json.Marshal(o)
	if err != nil {
		return OutgoingOutput{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "outgoing.create", Room: o.Room,
		Detail: o.ID + ", to " + host(o.URL)}); err != nil {
		return OutgoingOutput{}, err
	}
	_, err = s.Store.PutRecord(ctx, outgoingKind, outgoingID(o.Room, o.ID), 0, value)
	s.outgoingChanged()
	return OutgoingOutput{Webhook: o.Outgoing, Secret: o.Secret}, err
}

// judgeURL checks the syntax of an address. The IP address is checked when
// connecting.
func judgeURL(link string) error {
	u, err := url.Parse(link)
	if err == nil && u.Fragment != "" {
		return invalid("url", "The address must not contain #. Servers never see what follows it.")
	}
	if err != nil || len(link) > maxURL || u.Scheme != "http" && u.Scheme != "https" ||
		u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return invalid("url", "Give an address such as https://example.org/path, without a user name or password, of at most %d bytes.", maxURL)
	}
	return nil
}

// host returns the host of an address, whose path may be secret.
func host(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// ListOutgoing returns the outgoing webhooks of a room that the caller
// moderates.
func (s *Service) ListOutgoing(ctx context.Context, who Caller, in RoomInput) (OutgoingList, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return OutgoingList{}, err
	}
	all, err := s.outgoings(ctx, in.Room)
	list := OutgoingList{Webhooks: []Outgoing{}}
	for _, o := range all {
		ok, err := s.moderates(ctx, o.CreatedBy, o.Room)
		if err != nil {
			return OutgoingList{}, err
		}
		o.Paused = !ok
		list.Webhooks = append(list.Webhooks, o.Outgoing)
	}
	return list, err
}

// AdoptOutgoing makes the caller responsible for an outgoing webhook, which
// then acts with their permissions and continues where it stopped.
func (s *Service) AdoptOutgoing(ctx context.Context, who Caller, in OutgoingIDInput) (None, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return None{}, err
	}
	o, _, err := s.outgoing(ctx, in.Room, in.Webhook)
	if err != nil {
		return None{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "outgoing.adopt", Room: in.Room,
		Detail: o.ID + ", to " + host(o.URL)}); err != nil {
		return None{}, err
	}
	_, err = s.ChangeOutgoing(ctx, in.Room, in.Webhook, func(o *StoredOutgoing) {
		o.CreatedBy, o.PausedAt = who.User.ID, time.Time{}
	})
	s.outgoingChanged()
	return None{}, err
}

// moderates reports whether a person may moderate the room now. Webhooks check
// this for their owner each time they act.
func (s *Service) moderates(ctx context.Context, user UserID, room RoomID) (bool, error) {
	account, err := s.Store.Account(ctx, user)
	if errors.Is(err, ErrNotFound) || err == nil && account.Disabled {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = s.moderated(ctx, Caller{User: account.User}, room)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}

// MayDeliver reports whether the person responsible for a webhook may moderate
// the room. If not, the webhook pauses; the list and the audit log show it.
func (s *Service) MayDeliver(ctx context.Context, o StoredOutgoing) (bool, error) {
	ok, err := s.moderates(ctx, o.CreatedBy, o.Room)
	if ok || err != nil {
		return ok, err
	}
	if !o.PausedAt.IsZero() {
		return false, nil
	}
	if err := s.audit(ctx, Caller{}, AuditEntry{Action: "outgoing.pause", Room: o.Room,
		User: o.CreatedBy, Detail: o.ID + ", to " + host(o.URL)}); err != nil {
		return false, err
	}
	_, err = s.ChangeOutgoing(ctx, o.Room, o.ID, func(now *StoredOutgoing) {
		if now.CreatedBy == o.CreatedBy { // otherwise someone has adopted it meanwhile
			now.PausedAt = s.now()
		}
	})
	return false, err
}

// DeleteOutgoing ends an outgoing webhook, with its dead letters.
func (s *Service) DeleteOutgoing(ctx context.Context, who Caller, in OutgoingIDInput) (None, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return None{}, err
	}
	if _, _, err := s.outgoing(ctx, in.Room, in.Webhook); err != nil {
		return None{}, err
	}
	letters, err := s.DeadLetters(ctx, in.Room, in.Webhook)
	if err != nil {
		return None{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "outgoing.delete", Room: in.Room,
		Detail: in.Webhook}); err != nil {
		return None{}, err
	}
	for _, l := range letters { // the webhook goes last: until then it can be deleted again
		if err := s.ForgetDeadLetter(ctx, in.Room, in.Webhook, l.ID); err != nil {
			return None{}, err
		}
	}
	return None{}, s.Store.DeleteRecord(ctx, outgoingKind, outgoingID(in.Room, in.Webhook))
}

// outgoing returns a webhook and the version of its record. It refuses ids with
// a slash, which could name a webhook of another room.
func (s *Service) outgoing(ctx context.Context, room RoomID, webhook string) (StoredOutgoing, int64, error) {
	if webhook == "" || strings.Contains(webhook, "/") {
		return StoredOutgoing{}, 0, ErrNotFound
	}
	r, err := s.Store.Record(ctx, outgoingKind, outgoingID(room, webhook))
	if err != nil {
		return StoredOutgoing{}, 0, err
	}
	o, err := readOutgoing(r)
	return o, r.Version, err
}

// outgoingChanged wakes the delivery after a webhook was created or changed.
func (s *Service) outgoingChanged() {
	if s.OutgoingChanged != nil {
		s.OutgoingChanged()
	}
}

// AllOutgoing returns up to a page of the webhooks of all rooms that have not
// ended, and the id to go on after; empty at the end.
func (s *Service) AllOutgoing(ctx context.Context, after string) (page []StoredOutgoing,
	next string, err error) {
	records, err := s.Store.Records(ctx, outgoingKind, after, s.Limits.PageMax)
	if err != nil || len(records) == 0 {
		return nil, "", err
	}
	for _, r := range records {
		o, err := readOutgoing(r)
		if err != nil {
			return nil, "", err
		}
		if o.EndedAt.IsZero() {
			page = append(page, o)
		}
	}
	return page, records[len(records)-1].ID, nil
}

// OneOutgoing returns a webhook; ErrNotFound if it was deleted.
func (s *Service) OneOutgoing(ctx context.Context, room RoomID, webhook string) (StoredOutgoing, error) {
	o, _, err := s.outgoing(ctx, room, webhook)
	return o, err
}

func readOutgoing(r Record) (StoredOutgoing, error) {
	var o StoredOutgoing
	if err := json.Unmarshal(r.Value, &o); err != nil {
		return StoredOutgoing{}, fmt.Errorf("outgoing webhook %s: %w", r.ID, err)
	}
	return o, nil
}

func (s *Service) outgoings(ctx context.Context, room RoomID) ([]StoredOutgoing, error) {
	records, err := s.Store.Records(ctx, outgoingKind, string(room)+"/", maxOutgoing+1)
	if err != nil {
		return nil, err
	}
	var all []StoredOutgoing
	for _, r := range records {
		if !strings.HasPrefix(r.ID, string(room)+"/") {
			break
		}
		o, err := readOutgoing(r)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// ChangeOutgoing applies a change to a webhook and retries on conflicts.
// ErrNotFound if it is deleted.
func (s *Service) ChangeOutgoing(ctx context.Context, room RoomID, webhook string,
	change func(*StoredOutgoing)) (StoredOutgoing, error) {
	for {
		o, version, err := s.outgoing(ctx, room, webhook)
		if err != nil {
			return StoredOutgoing{}, err
		}
		change(&o)
		value, err := json.Marshal(o)
		if err != nil {
			return StoredOutgoing{}, err
		}
		if _, err = s.Store.PutRecord(ctx, outgoingKind, outgoingID(room, webhook), version,
			value); !errors.Is(err, ErrConflict) {
			return o, err
		}
	}
}
