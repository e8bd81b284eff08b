package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// window is how many of a log's newest entries stay at least: one more than can
// be resumed, so that the id at the oldest place can be compared.
var window = strconv.Itoa(chat.Window + 1)

var remember = strconv.Itoa(int(generationLife / time.Second))

// commitRoom makes changes to a room in one step.
func (s *Store) commitRoom(ctx context.Context, room chat.RoomID,
	changes []chat.Change) ([]chat.Result, error) {
	if len(changes) == 1 && changes[0].Kind == chat.MessageCreated {
		r, err := s.commitMessage(ctx, room, &changes[0])
		if err != nil {
			return nil, err
		}
		return []chat.Result{r}, nil
	}
	undo := func() {}
	for i := range changes {
		if changes[i].Kind == chat.RoomCreated {
			var err error
			if undo, err = s.list(ctx, *changes[i].Room); err != nil {
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
		if c.Unslowed {
			speak += "!"
		}
	}
	add := func(op string, more ...string) []string {
		return append(append(args, op, c.ID, open, string(c.MustBeIn), speak), more...)
	}
	if op := becomes[c.Kind]; op != "" {
		return add(op, becomeArgs(c)...), nil
	}
	switch c.Kind {
	case chat.MessageCreated:
		m := c.Message
		files := ""
		if len(m.Files) > 0 {
			b, err := json.Marshal(m.Files)
			if err != nil {
				return nil, err
			}
			files = string(b)
		}
		return add("message", string(m.From), string(c.By), m.Text, m.ClientID,
			num(c.At.UnixMilli()), sendHash(c), words(m.Mentions), files), nil
	case chat.RoomCreated:
		b, err := json.Marshal(c.Room)
		return add("create", string(b), flag(c.Room.Archived), strconv.Itoa(c.Room.Slow)), err
	case chat.RoomUpdated:
		r := c.Room
		return add("update", r.Name, r.Topic, strconv.Itoa(r.Retain), flag(r.Archived),
			strconv.Itoa(r.Slow)), nil
	case chat.MessagesTrimmed:
		return add("trim", num(c.Trimmed)), nil
	case chat.MemberJoined:
		place, err := placeOf(c.Member, 0)
		return add("join", string(c.Member.User), place), err
	case chat.MemberLeft:
		return add("leave", string(c.Member.User)), nil
	case chat.MemberUpdated:
		mute := "-"
		if c.Mute != nil {
			if mute, err = muteOf(*c.Mute); err != nil {
				return nil, err
			}
		}
		return add("role", string(c.Member.User), string(c.Member.Role), mute), nil
	}
	return nil, fmt.Errorf("%w: no such change: %s", chat.ErrInvalid, c.Kind)
}

// sendHash makes the same send the same: 16 bytes of the hash of the room, who,
// from where and the client's id. Empty where the client gave no id. The
// embedded store makes the same: a migration carries them over.
func sendHash(c *chat.Change) string {
	if c.Message.ClientID == "" {
		return ""
	}
	var b []byte
	for _, part := range []string{string(c.Stream), string(c.By), c.Device, c.Message.ClientID} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	sum := sha256.Sum256(b)
	return string(sum[:16])
}

// runRoom runs room.lua. If each change stands for itself, errs has the
// refusals.
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
		return s.sent(room, c, r)
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
			k, err := scanMark(r[4])
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

// sent makes the event of a message that room.lua has just numbered.
func (s *Store) sent(room chat.RoomID, c *chat.Change, r []rueidis.RedisMessage) (chat.Result, error) {
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
	at := milli(c.At)
	m := stored{Message: chat.Message{
		Room: room, No: no, ID: c.ID, Seq: seq, From: c.Message.From, Text: c.Message.Text,
		ClientID: c.Message.ClientID, At: at,
		Mentions: slices.Clone(c.Message.Mentions), Files: slices.Clone(c.Message.Files),
	}, by: c.By}
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

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// list puts a room that is about to be made where rooms are looked for. It
// stands there before it exists rather than the other way round: readers skip
// what is not there. undo takes back what was new.
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
	return func() {
		for _, r := range s.client.DoMulti(context.WithoutCancel(ctx), added...) {
			if r.Error() != nil {
				return // readers skip it, and fsck removes it
			}
		}
	}, nil
}
