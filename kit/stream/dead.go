package stream

import (
	"context"
	_ "embed"
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

// DeadLetters returns up to count dead letters, the oldest first, beginning
// behind the one with the given id, or with the first if that is empty. The
// caller owns them.
func (g *Group) DeadLetters(ctx context.Context, after string, count int) ([]DeadLetter, error) {
	start := "-"
	if after != "" {
		if err := checkPosition(after); err != nil {
			return nil, err
		}
		start = "(" + after
	}
	ctx, cancel := g.t.bound(ctx)
	defer cancel()
	entries, err := g.t.client.Do(ctx,
		g.t.client.B().Xrange().Key(g.dead()).Start(start).End("+").Count(int64(count)).Build()).AsXRange()
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
