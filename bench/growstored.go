package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// growStored: ever more messages in one room.
func (g *growth) growStored() error {
	f, c, err := g.launch("stored", 0, 1, nil)
	if err != nil {
		return err
	}
	has := 0
	for _, n := range g.stored {
		begin := time.Now()
		if err := fill(g.ctx, f.d, n-has); err != nil {
			return errors.Join(err, g.end(f))
		}
		filled := float64(n-has) / time.Since(begin).Seconds()
		var starts []time.Duration
		for i := range 5 {
			s, err := g.startServer(f.d, wide...)
			if err != nil {
				return errors.Join(err, g.end(f))
			}
			if starts = append(starts, s.took); i == 4 {
				f.servers = []*server{s}
			} else if err := s.stop(); err != nil {
				return errors.Join(err, g.end(f))
			}
		}
		slices.Sort(starts)
		s := f.servers[0]
		page, err := median(1000, func(int) error {
			return s.get(g.ctx, "/rooms/general/messages", c.tokens[0])
		})
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		old, err := median(1000, func(i int) error {
			return s.get(g.ctx, fmt.Sprintf("/rooms/general/messages?before=%d", 60+i*7%(n-60)), c.tokens[0])
		})
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		talker, err := dial(g.ctx, s, c.tokens[0], 0)
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		go talker.read()
		const sends = 300
		send, err := median(sends, func(int) error {
			if err := talker.say(chat.GeneralID, int(spoken.Add(1)), text); err != nil {
				return err
			}
			if _, ok := <-talker.acks; !ok {
				return errors.New("the sender was disconnected")
			}
			return nil
		})
		talker.Close()
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		has = n + sends
		bytes, err := f.d.bytes(g.ctx)
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		p := g.point("stored", "messages in the room", n)
		p.set("newest page, µs", us(page))
		p.set("any page, µs", us(old))
		p.set("durable send, µs", us(send))
		p.set("first answer after start, ms", us(starts[2])/1e3)
		p.set("stored/s", filled)
		p.set("store, MB", bytes/1e6)
		g.keep(p)
		if err := f.stop(); err != nil {
			return err
		}
		f.servers = nil
	}
	return g.end(f)
}

// median is that of the times that do takes.
func median(n int, do func(i int) error) (time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		begin := time.Now()
		if err := do(i); err != nil {
			return 0, err
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[n/2], nil
}

// bytes is what the data take: on disk, or of Redis' memory.
func (d data) bytes(ctx context.Context) (float64, error) {
	if d.redis != nil {
		return d.redis.memory(ctx)
	}
	var sum float64
	return sum, filepath.WalkDir(d.dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = e.Info(); err == nil {
				sum += float64(info.Size())
			}
		}
		return err
	})
}
