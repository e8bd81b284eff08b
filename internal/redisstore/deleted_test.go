package redisstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestDeletedIsNowhere looks through every key for what a deleted message has
// said.
func TestDeletedIsNowhere(t *testing.T) {
	c := newCostly(t, redistest.Start(t))
	id, user := c.room(2)
	stream := chat.RoomStream(id)
	annotate := func(op chat.Annotation) chat.Change {
		return chat.Change{Stream: stream, ID: c.id(), At: time.Now(), By: user, Op: op}
	}
	c.commit(c.message(id, user, func(op *chat.CreateMessage) {
		op.Text, op.Mentions = "canary-first", []chat.UserID{"canary-person"}
		op.Files = []chat.File{{ID: "canary-file", Name: "canary-name"}}
	}), annotate(chat.EditMessage{No: 1, Text: "canary-second", Mentions: []chat.UserID{"canary-other"}}),
		annotate(chat.EditMessage{No: 1, Text: "canary-third"}), annotate(chat.PinMessage{No: 1}))
	c.commit(c.list(id, user)) // shows the newest message
	found := func() (all string) {
		keys, err := c.server.Do("KEYS", "*")
		c.must(err)
		for _, key := range strings.Fields(keys) {
			kind, err := c.server.Do("TYPE", key)
			c.must(err)
			read := map[string][]string{
				"string": {"GET", key}, "hash": {"HGETALL", key}, "set": {"SMEMBERS", key},
				"list": {"LRANGE", key, "0", "-1"},
				"zset": {"ZRANGE", key, "0", "-1"}, "stream": {"XRANGE", key, "-", "+"},
			}[strings.TrimSpace(kind)]
			text, err := c.server.Do(read...)
			c.must(err)
			if strings.Contains(text, "canary") {
				all += key + ": " + text + "\n"
			}
		}
		return all
	}
	if !strings.Contains(found(), "canary-first") {
		t.Fatal("the test does not see what is there")
	}
	for range chat.MaxEdits + 20 {
		c.commit(annotate(chat.EditMessage{No: 1, Text: "canary-" + c.id()}))
	}
	key, err := c.server.Do("KEYS", "*:edits")
	c.must(err)
	if n, err := c.server.Do("HLEN", strings.TrimSpace(key)); err != nil ||
		strings.TrimSpace(n) != fmt.Sprint(chat.MaxEdits) {
		t.Errorf("in %q are %s earlier texts, %v", key, n, err)
	}
	c.commit(annotate(chat.DeleteMessage{No: 1}))
	if left := found(); left != "" {
		t.Errorf("it is still there:\n%s", left)
	}
	v, err := c.store.View(t.Context(), id, user)
	if c.must(err); v.Last == nil || !v.Last.Deleted() || v.Last.From != user {
		t.Errorf("the place is %+v", v.Last)
	}
}
