package redisstore

import (
	"context"
	"strings"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
)

// markOf is the mark of a message, nil if it is plain. That of a deleted one
// has no place: its entry, without a text, goes along.
func markOf(m *migrate.Message) *mark {
	k := mark{
		Mentions: m.Mentions, Files: m.Files, EditedAt: m.EditedAt, DeletedAt: m.DeletedAt,
		PinnedAt: m.PinnedAt, PinnedBy: m.PinnedBy,
		Reactions: m.Reactions, Thread: m.Thread, Edits: int64(len(m.Edits)),
	}
	if len(k.Mentions) == 0 && len(k.Files) == 0 && k.EditedAt.IsZero() && k.DeletedAt.IsZero() &&
		k.PinnedAt.IsZero() && len(k.Reactions) == 0 && k.Thread == nil && k.Edits == 0 {
		return nil
	}
	return &k
}

// marks puts what messages have become where marks.lua does.
func (p *pipeline) marks(messages []migrate.Message) {
	b, k := p.store.client.B, p.store.keys
	flagged := map[chat.RoomID]bool{}
	for i := range messages {
		m := &messages[i]
		mark := markOf(m)
		if mark == nil {
			continue
		}
		if !flagged[m.Room] {
			flagged[m.Room] = true
			p.do(b().Hset().Key(k.room(m.Room, "head")).FieldValue().FieldValue("marked", "1").Build())
		}
		p.do(b().Hset().Key(k.room(m.Room, "marks")).FieldValue().FieldValue(num(m.No), p.json(mark)).Build())
		found := b().Zadd().Key(k.room(m.Room, "marked")).ScoreMember()
		for _, name := range mark.find(m.No) {
			found = found.ScoreMember(0, name)
		}
		p.do(found.Build())
		if len(m.Edits) > 0 {
			edits := b().Hset().Key(k.room(m.Room, "edits")).FieldValue()
			for n, e := range m.Edits {
				edits = edits.FieldValue(editField(m.No, int64(n)+1), p.json(e))
			}
			p.do(edits.Build())
		}
	}
}

func (p *pipeline) records(records []migrate.Record) {
	keys := p.store.recordKeys()
	for _, r := range records {
		name := recordName(r.Kind, r.ID)
		p.do(p.store.client.B().Hset().Key(keys[0]).FieldValue().FieldValue(name,
			num(r.Version)+" "+string(r.Value)).Build())
		p.do(p.store.client.B().Zadd().Key(keys[1]).ScoreMember().ScoreMember(0, name).Build())
	}
}

// Records implements [migrate.Source].
func (s *Source) Records(ctx context.Context, after migrate.Record, limit int) ([]migrate.Record, error) {
	from := "-"
	if after.Kind != "" {
		from = "(" + recordName(after.Kind, after.ID)
	}
	names, some, err := s.records(ctx, from, "+", limit)
	if err != nil {
		return nil, failed("records", err)
	}
	records := make([]migrate.Record, len(some))
	for i := range some {
		kind, _, _ := strings.Cut(names[i], " ")
		records[i] = migrate.Record{Kind: kind, Record: some[i]}
	}
	return records, nil
}
