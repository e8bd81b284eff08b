package redisstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// Messages implements [chat.Store].
func (s *Store) Messages(ctx context.Context, room chat.RoomID, page chat.Page) ([]chat.Message, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	from := map[chat.PageFrom]string{chat.Newest: "newest", chat.Before: "before",
		chat.After: "after", chat.Around: "around"}[page.From]
	reply, err := s.run(ctx, &messagesScript, s.pageKeys(room),
		[]string{from, num(page.No), num(int64(max(page.Limit, 0)))})
	if err != nil {
		return nil, failed("messages", err)
	}
	all, err := scanPage(room, reply)
	if err != nil {
		return nil, failed("messages of "+string(room), err)
	}
	messages := make([]chat.Message, len(all))
	for i := range all {
		messages[i] = all[i].Message
	}
	return messages, nil
}

func (s *Store) pageKeys(room chat.RoomID) []string {
	return []string{s.keys.room(room, "head"), s.keys.room(room, "messages"), s.keys.room(room, "marks")}
}

// scanPage reads {-1}, nothing, or {rows} or {rows, marks}.
func scanPage(room chat.RoomID, reply rueidis.RedisMessage) ([]stored, error) {
	r, err := reply.ToArray()
	if err != nil || len(r) == 0 {
		return nil, err
	}
	if err := refusal(r); err != nil {
		return nil, err
	}
	if len(r) > 1 {
		return scanAnnotated(room, r[0], r[1])
	}
	rows, err := r[0].ToArray()
	if err != nil {
		return nil, err
	}
	all := make([]stored, len(rows))
	for i, row := range rows {
		if all[i], err = scanRow(room, row); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Pinned implements [chat.Store].
func (s *Store) Pinned(ctx context.Context, room chat.RoomID) ([]chat.Message, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	k := func(what string) string { return s.keys.room(room, what) }
	reply, err := s.run(ctx, &pinsScript, []string{k("head"), k("messages"), k("marks"), k("marked")}, nil)
	if err != nil {
		return nil, failed("pinned messages", err)
	}
	all, err := scanPage(room, reply)
	if err != nil {
		return nil, failed("pinned messages of "+string(room), err)
	}
	messages := make([]chat.Message, len(all))
	for i := range all {
		messages[i] = all[i].Message
	}
	slices.SortFunc(messages, func(a,
		b chat.Message) int {
		return cmp.Or(b.PinnedAt.Compare(a.PinnedAt), cmp.Compare(b.No, a.No))
	})
	return messages, nil
}

// Edits implements [chat.Store].
func (s *Store) Edits(ctx context.Context, room chat.RoomID, no int64) ([]chat.Edit, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	replies := s.client.DoMulti(ctx,
		s.client.B().Hexists().Key(s.keys.room(room, "head")).Field("at").Build(),
		s.client.B().Hget().Key(s.keys.room(room, "marks")).Field(num(no)).Build())
	if there, err := replies[0].AsBool(); err != nil {
		return nil, failed("edits", err)
	} else if !there {
		return nil, failed("edits in "+string(room), chat.ErrNotFound)
	}
	reply, err := replies[1].ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		return nil, failed("edits", err)
	}
	k, err := scanAnnotation(reply)
	if err != nil || k == nil || k.Edits == 0 {
		return nil, failed("edits", err)
	}
	edits, err := s.edits(ctx, room, no, k.Edits)
	return edits, failed("edits", err)
}

// edits reads the earlier texts of a message that has had n.
func (s *Store) edits(ctx context.Context, room chat.RoomID, no, n int64) (edits []chat.Edit, err error) {
	var fields []string
	for i := max(1, n-chat.MaxEdits+1); i <= n; i++ {
		fields = append(fields, editField(no, i))
	}
	replies, err := s.client.Do(ctx,
		s.client.B().Hmget().Key(s.keys.room(room, "edits")).Field(fields...).Build()).ToArray()
	if err != nil {
		return nil, err
	}
	for _, r := range replies {
		if r.IsNil() {
			continue // deleted meanwhile, or it is one too many by now
		}
		e, err := scanEdit(r)
		if err != nil {
			return nil, err
		}
		edits = append(edits, e)
	}
	return edits, nil
}

func editField(no, n int64) string { return num(no) + " " + num(n) }
