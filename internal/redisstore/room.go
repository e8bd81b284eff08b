package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// window is how many of a log's newest entries are kept at least: one more than
// chat.Window, so that the id of the oldest position can be checked.
var window = strconv.Itoa(chat.Window + 1)

var remember = strconv.Itoa(int(generationLife / time.Second))

// commitRoom writes changes to a room in one step.
func (s *Store) commitRoom(ctx context.Context, room chat.RoomID,
	changes []chat.Change) ([]chat.Result, error) {
	switch annotations := isAnnotation(&changes[0]); {
	case len(changes) == 1 && (annotations || changes[0].Kind() == chat.MessageCreated):
		r, err := s.enqueue(ctx, queueKey{room, annotations}, &changes[0])
		if err != nil {
			return nil, err
		}
		return []chat.Result{r}, nil
	case annotations:
		results, _, err := s.annotate(ctx, room, changes, false)
		return results, err
	}
	undo := func() {}
	for i := range changes {
		if op, isNew := changes[i].Op.(chat.CreateRoom); isNew {
			var err error
			if undo, err = s.list(ctx, op.Room); err != nil {
				return nil, err
			}
			break
		}
	}
	results, _, err := s.runRoom(ctx, room, changes, false)
	if err != nil && isRefusal(err) {
		undo()
	}
	return results, err
}

// roomArgs adds a change as room.lua takes it.
func (s *Store) roomArgs(args []string, c *chat.Change) ([]string, error) {
	open, err := s.open(c)
	if err != nil {
		return nil, err
	}
	speak := ""
	if c.MustSpeak {
		speak = num(c.At.UnixMilli())
		if c.ByAdmin {
			speak += "!"
		}
	}
	add := func(op string, more ...string) []string {
		return append(append(args, op, c.ID, open, string(c.MustBeIn), speak), more...)
	}
	switch op := c.Op.(type) {
	case chat.CreateMessage:
		kept := ""
		if a := annotationOf(c.Message()); !a.empty() {
			b, err := json.Marshal(a)
			if err != nil {
				return nil, err
			}
			kept = string(b)
		}
		hash := ""
		if h := c.SendHash(); h != [16]byte{} {
			hash = string(h[:])
		}
		return add("message", string(op.From), string(c.By), op.Text, op.ClientID,
			num(c.At.UnixMilli()), hash, words(op.Mentions), kept), nil
	case chat.CreateRoom:
		b, err := json.Marshal(op.Room)
		return add("create", string(b), gate(op.Room.Archived, op.Room.Announce), strconv.Itoa(op.Room.Slow)), err
	case chat.UpdateRoom:
		return add("update", op.Name, op.Topic, strconv.Itoa(op.Retain), gate(op.Archived, op.Announce),
			strconv.Itoa(op.Slow)), nil
	case chat.TrimMessages:
		return add("trim", num(op.To)), nil
	case chat.AddMember:
		place, err := encodeMember(&op.Member, 0)
		return add("join", string(op.Member.User), place), err
	case chat.RemoveMember:
		return add("leave", string(op.User)), nil
	case chat.UpdateMember:
		mute := "-"
		if op.Mute != nil {
			if mute, err = muteOf(*op.Mute); err != nil {
				return nil, err
			}
		}
		return add("role", string(op.User), string(op.Role), mute), nil
	}
	return nil, errUnknown(c)
}

// gate is what sends must know of a room, beside how slow it is: 1 if it is
// archived, and 2 more if only moderators post.
func gate(archived, announce bool) string {
	n := 0
	if archived {
		n = 1
	}
	if announce {
		n += 2
	}
	return strconv.Itoa(n)
}

// errUnknown is a fault in this package: an operation that no case handles.
func errUnknown(c *chat.Change) error { return fmt.Errorf("unknown operation %T", c.Op) }

// runRoom runs room.lua. If the changes are independent, errs has their errors.
func (s *Store) runRoom(ctx context.Context, room chat.RoomID, changes []chat.Change,
	each bool) (results []chat.Result, errs []error, err error) {
	k := func(what string) string { return s.keys.room(room, what) }
	at := changes[0].At
	keys := append([]string{k("head"), k("log"), k("messages"), k("members"), k("order"),
		k("reads"), k("marks"), k("marked"), k("edits")}, s.keys.sends(room, at)...)
	mode := "all"
	if each {
		mode = "each"
	}
	args := make([]string, 0, 6+13*len(changes))
	args = append(args, string(room), s.keys.channel(changes[0].Stream), window, remember, num(day(at)), mode)
	for i := range changes {
		if args, err = s.roomArgs(args, &changes[i]); err != nil {
			return nil, nil, err
		}
	}
	reply, err := s.run(ctx, &roomScript, keys, args)
	if err != nil {
		return nil, nil, err
	}
	replies, err := reply.ToArray()
	if err != nil {
		return nil, nil, err
	}
	if err := refusal(replies); err != nil {
		return nil, nil, err
	}
	if len(replies) != len(changes) {
		return nil, nil, fmt.Errorf("room.lua gave %d answers to %d changes", len(replies), len(changes))
	}
	results, errs = make([]chat.Result, len(changes)), make([]error, len(changes))
	for i := range changes {
		r, err := replies[i].ToArray()
		if err != nil {
			return nil, nil, err
		}
		if errs[i] = refusal(r); errs[i] != nil {
			continue
		}
		if results[i], err = s.roomResult(room, &changes[i], r); err != nil {
			return nil, nil, fmt.Errorf("answer of room.lua: %w", err)
		}
	}
	return results, errs, nil
}

func (s *Store) roomResult(room chat.RoomID, c *chat.Change, r []rueidis.RedisMessage) (chat.Result, error) {
	kind, err := r[0].AsInt64()
	if err != nil {
		return chat.Result{}, err
	}
	switch kind {
	case 0:
		return noOp, nil
	case 1:
		return s.sent(c, r)
	case 2:
		if len(r) < 4 {
			return chat.Result{}, fmt.Errorf("%d parts", len(r))
		}
		fields, err := r[1].ToArray()
		if err != nil {
			return chat.Result{}, err
		}
		no, err := r[2].AsInt64()
		if err != nil {
			return chat.Result{}, err
		}
		m, err := scan(room, no, fields)
		if err != nil {
			return chat.Result{}, err
		}
		if len(r) > 4 {
			k, err := scanAnnotation(r[4])
			if err != nil {
				return chat.Result{}, err
			}
			if k != nil {
				k.show(&m.Message)
			}
		}
		prev, err := r[3].ToString()
		return chat.Result{Event: s.event(m, prev), Duplicate: true}, err
	}
	return s.appended(r)
}

// sent returns the event of a message that room.lua has numbered.
func (s *Store) sent(c *chat.Change, r []rueidis.RedisMessage) (chat.Result, error) {
	seq, err := r[1].AsInt64()
	if err != nil {
		return chat.Result{}, err
	}
	no, err := r[2].AsInt64()
	if err != nil {
		return chat.Result{}, err
	}
	prev, err := r[3].ToString()
	if err != nil {
		return chat.Result{}, err
	}
	m := stored{Message: *c.Message(), by: c.By}
	m.No, m.Seq = no, seq
	return chat.Result{Event: s.event(m, prev)}, nil
}

// appended reads {3, event}.
func (s *Store) appended(r []rueidis.RedisMessage) (chat.Result, error) {
	text, err := r[1].ToString()
	if err != nil {
		return chat.Result{}, err
	}
	e, err := s.decode(text)
	return chat.Result{Event: e}, err
}

func isRefusal(err error) bool {
	return err != nil && slices.Contains([]chat.Code{chat.CodeNotFound, chat.CodeConflict,
		chat.CodeInvalid, chat.CodeForbidden, chat.CodeRateLimited}, chat.AsError(err).Code)
}

// list adds a room to the indexes before it is created, and tells the bell:
// readers skip rooms that do not exist. undo removes it again.
func (s *Store) list(ctx context.Context, r chat.Room) (undo func(), err error) {
	created, all, public := s.keys.user(r.CreatedBy, "created"), s.keys.server("rooms"),
		s.keys.server("public")
	b := s.client.B
	commands := rueidis.Commands{
		b().Sadd().Key(created).Member(string(r.ID)).Build(),
		b().Zadd().Key(all).ScoreMember().ScoreMember(0, string(r.ID)).Build(),
	}
	undos := rueidis.Commands{
		b().Srem().Key(created).Member(string(r.ID)).Build(),
		b().Zrem().Key(all).Member(string(r.ID)).Build(),
	}
	if r.Kind == chat.Public {
		commands = append(commands, b().Zadd().Key(public).ScoreMember().ScoreMember(0, string(r.ID)).Build())
		undos = append(undos, b().Zrem().Key(public).Member(string(r.ID)).Build())
	}
	var added rueidis.Commands
	for i, reply := range s.client.DoMulti(ctx, commands...) {
		n, err := reply.AsInt64()
		if err != nil {
			return nil, err
		}
		if n > 0 {
			added = append(added, undos[i])
		}
	}
	text, err := json.Marshal(made{r.ID})
	if err != nil {
		return nil, err
	}
	// Before it is created, so that who listens to every room misses nothing.
	if err := s.client.Do(ctx, b().Spublish().Channel(s.keys.channel(chat.ServerStream)).
		Message(string(text)).Build()).Error(); err != nil {
		return nil, err
	}
	return func() {
		for _, r := range s.client.DoMulti(context.WithoutCancel(ctx), added...) {
			if r.Error() != nil {
				return // readers skip it, and fsck removes it
			}
		}
	}, nil
}
