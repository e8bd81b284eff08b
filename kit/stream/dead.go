package stream

import (
	"context"
	_ "embed"
	"iter"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

var (
	//go:embed redrive.lua
	redriveSource string
	redriveScript = rueidis.NewLuaScript(redriveSource)
)

// A DeadLetter is an event that a group has given up.
type DeadLetter struct {
	ID         string // names it in Redrive and Discard, and in the order of their arrival
	Event             // of the topic
	Deliveries int    // how often it was delivered
	Reason     string // the last error
	Died       time.Time
}

// DeadLetters yields the group's dead letters, oldest first, starting after the
// one with the id after, or with the first if after is empty. It reads 100 in
// each round trip, as the loop gets to them. An error is the last thing that it
// yields.
func (g *Group) DeadLetters(ctx context.Context, after string) iter.Seq2[DeadLetter, error] {
	const page = 100
	return func(yield func(DeadLetter, error) bool) {
		start := "-"
		if after != "" {
			if err := checkPosition(after); err != nil {
				yield(DeadLetter{}, err)
				return
			}
			start = "(" + after
		}
		for {
			letters, err := g.deadPage(ctx, start, page)
			if err != nil {
				yield(DeadLetter{}, err)
				return
			}
			for _, l := range letters {
				if !yield(l, nil) {
					return
				}
				start = "(" + l.ID
			}
			if len(letters) < page {
				return
			}
		}
	}
}

func (g *Group) deadPage(ctx context.Context, start string, count int64) ([]DeadLetter, error) {
	ctx, cancel := g.t.bound(ctx)
	defer cancel()
	entries, err := g.t.client.Do(ctx,
		g.t.client.B().Xrange().Key(g.dead()).Start(start).End("+").Count(count).Build()).AsXRange()
	if err != nil {
		return nil, g.fault("dead letters", exec.Unavailable(ctx, err))
	}
	letters := make([]DeadLetter, len(entries))
	for i, e := range entries {
		f := e.FieldValues
		n, _ := strconv.Atoi(f["deliveries"])
		letters[i] = DeadLetter{
			ID: e.ID, Event: Event{Position: f["position"], Payload: f["event"]}, Deliveries: n,
			Reason: f["reason"], Died: Event{Position: e.ID}.Time(),
		}
	}
	return letters, nil
}

// Redrive gives dead letters back to the group, and only to it, as if they were
// new, and returns how many there were of those named.
func (g *Group) Redrive(ctx context.Context, ids ...string) (int, error) {
	for _, id := range ids {
		if err := checkPosition(id); err != nil {
			return 0, err
		}
	}
	if len(ids) == 0 {
		return 0, nil
	}
	ctx, cancel := g.t.bound(ctx)
	defer cancel()
	n, err := exec.Script(ctx, redriveScript, g.t.client, []string{g.dead(), g.retries()}, ids).AsInt64()
	if err != nil {
		return int(n), g.fault("redrive", exec.Unavailable(ctx, err))
	}
	return int(n), nil
}

// Discard forgets dead letters and returns how many there were of those named.
func (g *Group) Discard(ctx context.Context, ids ...string) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	for _, id := range ids {
		if err := checkPosition(id); err != nil {
			return 0, err
		}
	}
	ctx, cancel := g.t.bound(ctx)
	defer cancel()
	n, err := g.t.client.Do(ctx, g.t.client.B().Xdel().Key(g.dead()).Id(ids...).Build()).AsInt64()
	if err != nil {
		return 0, g.fault("discard", exec.Unavailable(ctx, err))
	}
	return int(n), nil
}
