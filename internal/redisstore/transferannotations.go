package redisstore

import (
	"context"
	"strings"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
)

// annotations writes those of messages. A deleted message keeps its entry,
// which comes without a text.
func (p *pipeline) annotations(messages []migrate.Message) {
	b, k := p.store.client.B, p.store.keys
	flagged := map[chat.RoomID]bool{}
	for i := range messages {
		m := &messages[i]
		a := annotationOf(&m.Message)
		a.Edits = int64(len(m.Edits))
		if a.empty() {
			continue
		}
		if !flagged[m.Room] {
			flagged[m.Room] = true
			p.do(b().Hset().Key(k.room(m.Room, "head")).FieldValue().FieldValue("marked", "1").Build())
		}
		p.do(b().Hset().Key(k.room(m.Room, "marks")).FieldValue().FieldValue(num(m.No), p.json(a)).Build())
		found := b().Zadd().Key(k.room(m.Room, "marked")).ScoreMember()
		for _, name := range a.find(m.No) {
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
