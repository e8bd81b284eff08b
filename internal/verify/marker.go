package verify

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

// ownMessage is a message that an actor has sent.
type ownMessage struct {
	room  chat.RoomID
	no    int64
	id    string
	key   string
	edits int
}

// reactedTo is what an actor has reacted to, and how.
type reactedTo struct {
	room  chat.RoomID
	no    int64
	emoji string
}

var emojis = []string{"👍", "🎉"}

// remember keeps a message to be edited and deleted, and forgets an old one.
func (a *actor) remember(m ownMessage) {
	if a.sent = append(a.sent, m); len(a.sent) > 20 {
		a.sent = slices.Delete(a.sent, 0, 1)
	}
}

// mark asks for a change of a message, until there is an answer, and reports
// whether it is known what became of it, with every attempt. Who does not know
// leaves it alone from then on: an attempt that is late would undo what they do
// next, and rightly so.
func (a *actor) mark(ctx context.Context, r Record, params map[string]any) (known bool) {
	params["room"], params["no"] = r.Room, r.No
	r.Kind = Mark
	a.note(r)
	m, said := a.insist(ctx, r.What, params)
	answered := Record{Kind: Marked, Room: r.Room, Key: r.Key}
	switch said {
	case yes, yesAfterAll:
		answered.show(&m)
		a.note(answered)
	case no:
		answered.Kind = Spurned
		a.note(answered)
	}
	return said == yes || said == no
}

// edit gives one of the actor's messages another text.
func (a *actor) edit(ctx context.Context, key string) {
	if len(a.sent) == 0 {
		return
	}
	i := rand.IntN(len(a.sent))
	m := &a.sent[i]
	m.edits++
	text := textOf(m.key, m.edits, a.size)
	r := Record{Key: key, What: "message.edit", Room: string(m.room), No: m.no, Message: m.id,
		Text: nameOf(text)}
	if !a.mark(ctx, r, map[string]any{"text": text}) {
		a.sent = slices.Delete(a.sent, i, i+1)
	}
}

// remove deletes one of them.
func (a *actor) remove(ctx context.Context, key string) {
	if len(a.sent) == 0 {
		return
	}
	i := rand.IntN(len(a.sent))
	m := a.sent[i]
	a.sent = slices.Delete(a.sent, i, i+1)
	a.mark(ctx, Record{Key: key, What: "message.delete", Room: string(m.room), No: m.no,
		Message: m.id}, map[string]any{})
}

// react reacts to one of the newest messages of a room, or takes that back.
func (a *actor) react(ctx context.Context, key string) {
	room, ok := a.some()
	if !ok || room.HeadNo == 0 {
		return
	}
	to := reactedTo{room.ID, room.HeadNo - rand.Int64N(min(room.HeadNo, 8)), emojis[rand.IntN(len(emojis))]}
	if a.doubts[to] {
		return
	}
	add := !a.reacted[to]
	what := "reaction.remove"
	if add {
		what = "reaction.add"
	}
	if a.mark(ctx, Record{Key: key, What: what, Room: string(to.room), No: to.no, Emoji: to.emoji},
		map[string]any{"emoji": to.emoji}) {
		a.reacted[to] = add
	} else {
		a.doubts[to] = true
	}
}
