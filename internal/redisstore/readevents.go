package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// Heads implements [chat.Store].
func (s *Store) Heads(ctx context.Context, streams ...chat.Stream) ([]chat.Head, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	if len(streams) == 0 {
		return nil, nil
	}
	commands := make(rueidis.Commands, len(streams))
	for i, stream := range streams {
		commands[i] = s.client.B().Hget().Key(s.keys.of(stream, "head")).Field("at").Build()
	}
	heads := make([]chat.Head, len(streams))
	for i, reply := range s.client.DoMulti(ctx, commands...) {
		at, err := reply.ToString()
		if rueidis.IsRedisNil(err) {
			if _, isRoom := streams[i].Room(); !isRoom {
				heads[i].Epoch = s.epoch
			}
			continue
		}
		if err == nil {
			heads[i], err = s.head(at)
		}
		if err != nil {
			return nil, failed("heads", err)
		}
	}
	return heads, nil
}

// head reads "<seq> <no> <whether the newest event is a message> <day of the
// newest send> <id>".
func (s *Store) head(at string) (h chat.Head, err error) {
	f := strings.SplitN(at, " ", 5)
	if len(f) != 5 {
		return h, fmt.Errorf("%q is no head", at)
	}
	h.Epoch, h.ID = s.epoch, f[4]
	if h.Seq, err = strconv.ParseInt(f[0], 10, 64); err != nil {
		return h, err
	}
	h.No, err = strconv.ParseInt(f[1], 10, 64)
	return h, err
}

// Events implements [chat.Store].
func (s *Store) Events(ctx context.Context, stream chat.Stream, after chat.Position,
	limit int) ([]chat.Event, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	events, err := s.events(ctx, stream, after, max(limit, 0))
	return events, failed(fmt.Sprintf("events of %s after %d", stream, after.Seq), err)
}

func (s *Store) events(ctx context.Context, stream chat.Stream, after chat.Position,
	limit int) ([]chat.Event, error) {
	_, isRoom := stream.Room()
	wrong := after.Epoch != s.epoch || after.Seq < 0 || after.Seq == 0 && after.ID != ""
	first := after.Seq // the entry at the place comes along: its id is compared
	if wrong {
		first = 0
	}
	flag := "0"
	if isRoom {
		flag = "1"
	}
	k := func(what string) string { return s.keys.of(stream, what) }
	reply, err := s.run(ctx, &eventsScript,
		[]string{k("head"), k("log"), k("messages"), k("marks")},
		[]string{num(first), num(int64(limit) + 1), flag})
	if err != nil {
		return nil, err
	}
	r, err := reply.ToArray()
	if err != nil {
		return nil, err
	}
	if err := refusal(r); err != nil {
		return nil, err
	}
	if wrong {
		return nil, chat.ErrResync
	}
	all, err := s.scanEvents(stream, r[1], r[2], r[3])
	if err != nil {
		return nil, err
	}
	head, err := r[0].AsInt64()
	if err != nil {
		return nil, err
	}
	prev, next := "", after.Seq+1
	if after.Seq > 0 {
		if len(all) == 0 || all[0].Seq != after.Seq || after.ID != "" && all[0].ID != after.ID {
			return nil, chat.ErrResync
		}
		prev, all = all[0].ID, all[1:]
	}
	if len(all) == 0 && limit > 0 && after.Seq < head {
		return nil, chat.ErrResync
	}
	all = all[:min(len(all), limit)]
	if err := s.lastMessages(ctx, all); err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Seq != next || all[i].Message == nil && slices.Contains(showing, all[i].Kind) {
			return nil, chat.ErrResync // the oldest are gone, or messages
		}
		all[i].Prev = prev
		prev, next = all[i].ID, next+1
	}
	return all, nil
}

// lastMessages sets the Last of views in events to the message as it is now.
func (s *Store) lastMessages(ctx context.Context, events []chat.Event) error {
	var views []*chat.RoomView
	var commands rueidis.Commands
	for i := range events {
		if v := events[i].View; v != nil && v.HeadNo > 0 {
			views = append(views, v)
			// The mark is read after the message: one that is deleted between
			// the two has it.
			commands = append(commands,
				s.client.B().Xrange().Key(s.keys.room(v.ID, "messages")).Start(num(v.HeadNo)).End(
					num(v.HeadNo)).Build(),
				s.client.B().Hget().Key(s.keys.room(v.ID, "marks")).Field(num(v.HeadNo)).Build())
		}
	}
	replies := s.client.DoMulti(ctx, commands...)
	for i, v := range views {
		rows, err := replies[2*i].ToArray()
		if err != nil {
			return err
		}
		var row rueidis.RedisMessage
		if len(rows) > 0 {
			row = rows[0]
		}
		mark, err := replies[2*i+1].ToMessage()
		if err != nil && !rueidis.IsRedisNil(err) {
			return err
		}
		if v.Last, err = scanLast(v.ID, v.HeadNo, row, mark); err != nil {
			return err
		}
	}
	return nil
}

// scanLast reads a message and its mark, either of which may be nil.
func scanLast(room chat.RoomID, no int64, row, mark rueidis.RedisMessage) (*chat.Message, error) {
	k, err := scanAnnotation(mark)
	if err != nil {
		return nil, err
	}
	var m stored
	switch {
	case row.IsArray():
		m, err = scanRow(room, row)
	case k != nil && k.ID != "":
		m, err = k.place(room, no)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if k != nil {
		k.show(&m.Message)
	}
	return &m.Message, nil
}

// scanEvents reads the entries of a log and the messages among them. Where a
// message is gone, the event that made it is empty, and one that changed it has
// none.
func (s *Store) scanEvents(stream chat.Stream, entries, messages,
	marks rueidis.RedisMessage) ([]chat.Event, error) {
	rows, err := entries.ToArray()
	if err != nil {
		return nil, err
	}
	room, _ := stream.Room()
	all, err := scanAnnotated(room, messages, marks)
	if err != nil {
		return nil, err
	}
	said := make(map[int64]*stored, len(all))
	for i := range all {
		said[all[i].No] = &all[i]
	}
	events := make([]chat.Event, len(rows))
	for i, row := range rows {
		seq, fields, err := entry(row)
		if err != nil {
			return nil, err
		}
		kind, err := fields[0].ToString()
		if err != nil {
			return nil, err
		}
		text, err := fields[1].ToString()
		if err != nil {
			return nil, err
		}
		if kind == "r" {
			if events[i], err = s.readMoved(stream, seq, text); err != nil {
				return nil, err
			}
			continue
		}
		if kind == "e" {
			if events[i], err = s.decode(text); err != nil {
				return nil, err
			}
			continue
		}
		if kind == "x" {
			if events[i], err = s.reacted(stream, seq, text); err != nil {
				return nil, err
			}
			continue
		}
		if kind == "c" {
			e, err := s.changed(stream, seq, text)
			if err != nil {
				return nil, err
			}
			m := said[e.Message.No]
			if e.Message = nil; m != nil {
				e.Message = m.Clone()
			}
			events[i] = e
			continue
		}
		no, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("event %d of %s: %w", seq, stream, err)
		}
		if m := said[no]; m != nil {
			events[i] = s.event(*m, "")
		}
	}
	return events, nil
}

// readMoved reads "<id> <at> <by> <no> <room>", the entry of a read.moved.
func (s *Store) readMoved(stream chat.Stream, seq int64, text string) (chat.Event, error) {
	f := strings.SplitN(text, " ", 5)
	if len(f) != 5 {
		return chat.Event{}, fmt.Errorf("event %d of %s: %q", seq, stream, text)
	}
	at, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return chat.Event{}, fmt.Errorf("event %d of %s: %w", seq, stream, err)
	}
	no, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil {
		return chat.Event{}, fmt.Errorf("event %d of %s: %w", seq, stream, err)
	}
	return chat.Event{
		Stream: stream, Epoch: s.epoch, Seq: seq, ID: f[0], Kind: chat.ReadMoved, At: unmilli(at),
		By:   chat.UserID(f[2]),
		Read: &chat.Read{Room: chat.RoomID(f[4]), No: no},
	}, nil
}
