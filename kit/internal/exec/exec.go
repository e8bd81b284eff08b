// Package exec runs scripts on a Redis that may be resharding, loading or
// failing over.
package exec

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

const (
	firstPause = 2 * time.Millisecond
	mostPause  = 100 * time.Millisecond
)

// Script runs a script, and runs it again for as long as Redis answers that it
// has done nothing because it is busy with itself: a slot is moving, data is
// being loaded, or a master is being replaced. The context bounds that. The
// last answer is returned when the context ends first.
func Script(ctx context.Context, script *rueidis.Lua, client rueidis.Client,
	keys, args []string) rueidis.RedisResult {
	return repeat(ctx, script, client, keys, args, Busy)
}

// Read is Script for a script that finds out which keys of its slot to read. It
// is run again, too, when one of those has moved ahead of the slot: it must do
// no harm when it runs twice.
func Read(ctx context.Context, script *rueidis.Lua, client rueidis.Client,
	keys, args []string) rueidis.RedisResult {
	return repeat(ctx, script, client, keys, args, func(err error) bool { return Busy(err) || between(err) })
}

func repeat(ctx context.Context, script *rueidis.Lua, client rueidis.Client, keys, args []string,
	again func(error) bool) rueidis.RedisResult {
	pause := firstPause
	for {
		result := script.Exec(ctx, client, keys, args)
		if !again(result.Error()) {
			return result
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2+1))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return result
		}
		pause = min(2*pause, mostPause)
	}
}

// Refusal returns the error that Redis answered with, which err may wrap. Other
// errors mean that Redis gave no answer.
func Refusal(err error) (*rueidis.RedisError, bool) {
	var refusal *rueidis.RedisError
	ok := errors.As(err, &refusal)
	return refusal, ok
}

// Busy reports whether Redis refused a command without doing any of it, for a
// reason that passes by itself.
func Busy(err error) bool {
	refusal, ok := Refusal(err)
	if !ok {
		return false
	}
	switch code, _, _ := strings.Cut(refusal.Error(), " "); code {
	case "TRYAGAIN", "LOADING", "CLUSTERDOWN", "MASTERDOWN":
		return true
	}
	return false
}

// between reports whether a script failed at a key that it found out by itself,
// because the slot is moving and the key is on the other side.
func between(err error) bool {
	refusal, ok := Refusal(err)
	return ok && strings.Contains(refusal.Error(), "non local key")
}
