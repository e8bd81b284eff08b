package redisstore

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
)

// Sends implements [migrate.Source].
func (s *Source) Sends(ctx context.Context, since time.Time, give func([]migrate.Send) error) error {
	const page = 500
	oldest := day(since)
	for after := ""; ; {
		ids, err := s.ids(ctx, s.keys.server("rooms"), after, page)
		if err != nil || len(ids) == 0 {
			return failed("sends", err)
		}
		after = ids[len(ids)-1]
		// Most rooms remember nothing: which do?
		type place struct {
			room chat.RoomID
			key  string
		}
		var places []place
		var commands rueidis.Commands
		for _, id := range ids {
			for n := oldest; n <= oldest+3; n++ { // two days and what clocks may be wrong
				places = append(places, place{chat.RoomID(id), s.keys.generation(chat.RoomID(id), n)})
				commands = append(commands, s.client.B().Exists().Key(
					s.keys.generation(chat.RoomID(id), n)).Build())
			}
		}
		for i, r := range s.client.DoMulti(ctx, commands...) {
			there, err := r.AsBool()
			if err != nil {
				return failed("sends", err)
			}
			if !there {
				continue
			}
			if err := s.generationSends(ctx, places[i].room, places[i].key, since, give); err != nil {
				return err
			}
		}
	}
}

func (s *Source) generationSends(ctx context.Context, room chat.RoomID, key string, since time.Time,
	give func([]migrate.Send) error) error {
	for cursor := "0"; ; {
		reply, err := s.run(ctx, &transferSendsScript,
			[]string{key, s.keys.room(room, "messages"), s.keys.room(room, "marks")},
			[]string{cursor, "2000"})
		if err != nil {
			return failed("sends of "+string(room), err)
		}
		list, err := reply.AsStrSlice()
		if err != nil || len(list) == 0 {
			return failed("sends of "+string(room), err)
		}
		var some []migrate.Send
		for row := range slices.Chunk(list[1:], 3) {
			no, err := strconv.ParseInt(row[1], 10, 64)
			if err != nil {
				return err
			}
			at, err := strconv.ParseInt(row[2], 10, 64)
			if err != nil {
				return err
			}
			send := migrate.Send{Room: room, No: no, At: unmilli(at)}
			if copy(send.Hash[:], row[0]) == len(send.Hash) && !send.At.Before(since) {
				some = append(some, send)
			}
		}
		if some = s.cut.sends(some); len(some) > 0 {
			if err := give(some); err != nil {
				return err
			}
		}
		if cursor = list[0]; cursor == "0" {
			return nil
		}
	}
}

// Forgotten implements [migrate.Source].
func (s *Source) Forgotten(ctx context.Context, sends []migrate.Send) (lost int, err error) {
	commands := make(rueidis.Commands, len(sends))
	for i := range sends {
		key := s.keys.generation(sends[i].Room, day(sends[i].At))
		commands[i] = s.client.B().Hget().Key(key).Field(string(sends[i].Hash[:])).Build()
	}
	for i, r := range s.client.DoMulti(ctx, commands...) {
		no, err := r.AsInt64()
		if err != nil && !rueidis.IsRedisNil(err) {
			return lost, failed("sends", err)
		}
		if err != nil || no != sends[i].No {
			lost++
		}
	}
	return lost, nil
}
