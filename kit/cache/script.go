package cache

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

//go:embed lease.lua
var leaseLua string

//go:embed store.lua
var storeLua string

//go:embed release.lua
var releaseLua string

//go:embed setget.lua
var setGetLua string

// script is a Lua script over the key of one entry.
type script struct{ text, sha string }

func newScript(text string) script {
	sum := sha1.Sum([]byte(text))
	return script{text: text, sha: hex.EncodeToString(sum[:])}
}

// execution is the call of a script for the entry of key.
type execution struct {
	key  string
	args []string
}

// run calls a script for each execution, and runs more behind them, in one
// round trip to each node. Where a node does not know the script (restarted,
// flushed, failed over) those are sent again with its text. The results are the
// executions', then more's.
func (c *Cache[V]) run(ctx context.Context, s script, execs []execution,
	more ...rueidis.Completed) []rueidis.RedisResult {
	if len(execs)+len(more) == 0 {
		return nil
	}
	cmds := make(rueidis.Commands, 0, len(execs)+len(more))
	for _, e := range execs {
		cmds = append(cmds, c.client.B().Evalsha().Sha1(s.sha).Numkeys(1).
			Key(c.entryKey(e.key)).Arg(e.args...).Build())
	}
	results := c.client.DoMulti(ctx, append(cmds, more...)...)
	var at []int
	var again rueidis.Commands
	for i, e := range execs {
		if err, ok := rueidis.IsRedisErr(results[i].Error()); ok && err.IsNoScript() {
			at = append(at, i)
			again = append(again, c.client.B().Eval().Script(s.text).Numkeys(1).
				Key(c.entryKey(e.key)).Arg(e.args...).Build())
		}
	}
	if len(again) > 0 {
		for j, r := range c.client.DoMulti(ctx, again...) {
			results[at[j]] = r
		}
	}
	return results
}

// one calls a script for one entry and returns its answer.
func (c *Cache[V]) one(ctx context.Context, s script, e execution) (int64, error) {
	return c.run(ctx, s, []execution{e})[0].AsInt64()
}

func (c *Cache[V]) releasing(key, token string, hold time.Duration) execution {
	return execution{key, []string{token, millis(hold), string(rune(kindPending))}}
}

func millis(d time.Duration) string {
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10)
}
