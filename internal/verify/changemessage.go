package verify

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

// ownMessage is a message that the client has sent.
type ownMessage struct {
	room  chat.RoomID
	no    int64
	id    string
	key   string
	edits int
}

// reactedTo is a message and an emoji that the client has reacted with.
type reactedTo struct {
	room  chat.RoomID
	no    int64
	emoji string
}

var emojis = []string{"👍", "🎉"}

// remember keeps a message to be edited and deleted, and forgets an old one.
func (a *simClient) remember(m ownMessage) {
	if a.sent = append(a.sent, m); len(a.sent) > 20 {
		a.sent = slices.Delete(a.sent, 0, 1)
	}
}

// changeMessage requests a change of a message until it gets a response, and
// reports whether the outcome of every attempt is known. If not, the client
// does not change it again: a late attempt could undo its next change.
func (a *simClient) changeMessage(ctx context.Context, r Record, params map[string]any) (known bool) {
	params["room"], params["no"] = r.Room, r.No
	r.Kind = ChangeSent
	a.addRecord(r)
	m, got := a.callUntilAnswered(ctx, r.What, params)
	answered := Record{Kind: ChangeAcked, Room: r.Room, Key: r.Key}
	switch got {
	case accepted, acceptedLate:
		answered.show(&m)
		a.addRecord(answered)
	case rejected:
		answered.Kind = ChangeRefused
		a.addRecord(answered)
	}
	return got == accepted || got == rejected
}

// edit changes the text of one of the client's messages.
func (a *simClient) edit(ctx context.Context, key string) {
	if len(a.sent) == 0 {
		return
	}
	i := rand.IntN(len(a.sent))
	m := &a.sent[i]
	m.edits++
	text := textOf(m.key, m.edits, a.size)
	r := Record{Key: key, What: "message.edit", Room: string(m.room), No: m.no, Message: m.id,
		Text: nameOf(text)}
	if !a.changeMessage(ctx, r, map[string]any{"text": text}) {
		a.sent = slices.Delete(a.sent, i, i+1)
	}
}

// remove deletes one of the client's messages.
func (a *simClient) remove(ctx context.Context, key string) {
	if len(a.sent) == 0 {
		return
	}
	i := rand.IntN(len(a.sent))
	m := a.sent[i]
	a.sent = slices.Delete(a.sent, i, i+1)
	a.changeMessage(ctx, Record{Key: key, What: "message.delete", Room: string(m.room), No: m.no,
		Message: m.id}, map[string]any{})
}

// react adds or removes a reaction to one of the newest messages of a room.
func (a *simClient) react(ctx context.Context, key string) {
	room, ok := a.randomRoom()
	if !ok || room.HeadNo == 0 {
		return
	}
	to := reactedTo{room.ID, room.HeadNo - rand.Int64N(min(room.HeadNo, 8)), emojis[rand.IntN(len(emojis))]}
	if a.uncertain[to] {
		return
	}
	add := !a.reacted[to]
	what := "reaction.remove"
	if add {
		what = "reaction.add"
	}
	if a.changeMessage(ctx, Record{Key: key, What: what, Room: string(to.room), No: to.no, Emoji: to.emoji},
		map[string]any{"emoji": to.emoji}) {
		a.reacted[to] = add
	} else {
		a.uncertain[to] = true
	}
}
