package chattest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

// Apply returns v, me's view of a room, after the room's next event, and
// whether me is still in the room. It is what every client does with an event.
// The event must follow v.Position.
func Apply(v chat.RoomView, me chat.UserID, e chat.Event) (chat.RoomView, bool) {
	v, e = v.Clone(), e.Clone()
	v.Position = e.Position()
	in := true
	switch e.Kind {
	case chat.RoomCreated, chat.RoomUpdated:
		v.Room = *e.Room
	case chat.MemberJoined:
		v.Members++
	case chat.MemberLeft:
		v.Members--
		in = e.Member.User != me
	case chat.MemberUpdated:
		if e.Member.User == me {
			v.Role, v.Mute = e.Member.Role, e.Member.Mute
		}
	case chat.MessagesTrimmed:
		v.Trimmed = e.Trimmed
		if v.HeadNo <= v.Trimmed {
			v.Last = nil
		}
	case chat.MessageCreated:
		v.HeadNo = e.Message.No
		if e.Message.From == me {
			v.ReadNo = max(v.ReadNo, e.Message.No)
		}
	case chat.ReactionAdded, chat.ReactionRemoved:
		if v.Last != nil && v.Last.No == e.Reaction.No {
			v.Last.React(*e.Reaction, e.Kind == chat.ReactionAdded)
		}
	}
	// Whatever happened to it, a message is taken for what it says.
	if m := e.Message; m != nil {
		if m.No == v.HeadNo {
			v.Last = m
		}
		v.Deleted = with(v.Deleted, m.No, m.Deleted())
		v.Mentions = with(v.Mentions, m.No, m.Mentioning(me))
	}
	v.Count()
	return v, in
}

// with returns an ascending list with no in it, or without.
func with(list []int64, no int64, in bool) []int64 {
	i, found := slices.BinarySearch(list, no)
	switch {
	case in && !found:
		return slices.Insert(list, i, no)
	case found && !in:
		return slices.Delete(list, i, i+1)
	}
	return list
}

// State is what a client of one person holds.
type State struct {
	Me       chat.UserID
	Position chat.Position // in the person's stream
	Views    map[chat.RoomID]chat.RoomView
}

// Fetch reads the state of a person as a client does that has none: first the
// place in the person's stream, then the rooms, so that what happens meanwhile
// is seen again, not missed.
func Fetch(ctx context.Context, s chat.Store, me chat.UserID) (State, error) {
	heads, err := s.Heads(ctx, chat.UserStream(me))
	if err != nil {
		return State{}, err
	}
	views, err := s.Views(ctx, me)
	if err != nil {
		return State{}, err
	}
	st := State{Me: me, Position: heads[0].Position, Views: map[chat.RoomID]chat.RoomView{}}
	for _, v := range views {
		st.Views[v.ID] = v
	}
	return st, nil
}

// CatchUp returns st after everything that happened since.
func (st State) CatchUp(ctx context.Context, s chat.Store) (State, error) {
	st.Views = maps.Clone(st.Views)
	mine, err := after(ctx, s, chat.UserStream(st.Me), st.Position)
	if err != nil {
		return State{}, err
	}
	for _, e := range mine {
		st.Position = e.Position()
		switch e.Kind {
		case chat.RoomJoined:
			if have, ok := st.Views[e.View.ID]; !ok || have.Position.Seq < e.View.Position.Seq {
				st.Views[e.View.ID] = *e.View
			}
		case chat.RoomLeft:
			delete(st.Views, e.Left)
		case chat.NotifyChanged:
			if v, ok := st.Views[e.Notify.Room]; ok {
				v.Notify = e.Notify.Level
				st.Views[e.Notify.Room] = v
			}
		case chat.ReadMoved:
			if v, ok := st.Views[e.Read.Room]; ok {
				v = v.Clone()
				v.ReadNo = max(v.ReadNo, e.Read.No)
				v.Count()
				st.Views[e.Read.Room] = v
			}
		}
	}
	for id, v := range st.Views {
		events, err := after(ctx, s, chat.RoomStream(id), v.Position)
		if err != nil {
			return State{}, err
		}
		for _, e := range events {
			var in bool
			if v, in = Apply(v, st.Me, e); !in {
				return State{}, fmt.Errorf("left %s at %d without room.left in the person's stream",
					id, e.Seq)
			}
		}
		st.Views[id] = v
	}
	return st, nil
}

// Sorted returns the views by id, as Store.Views does.
func (st State) Sorted() []chat.RoomView {
	var views []chat.RoomView
	for _, id := range slices.Sorted(maps.Keys(st.Views)) {
		views = append(views, st.Views[id])
	}
	return views
}

// after returns all events of a stream after p, and checks that each follows
// the one before.
func after(ctx context.Context, s chat.Store, stream chat.Stream, p chat.Position) ([]chat.Event, error) {
	var all []chat.Event
	for {
		events, err := s.Events(ctx, stream, p, 100)
		if err != nil {
			return nil, fmt.Errorf("events of %s after %d: %w", stream, p.Seq, err)
		}
		for _, e := range events {
			if !e.Follows(p) {
				return nil, fmt.Errorf("%s: event %d (%s, after %q) does not follow %d (%s)",
					stream, e.Seq, e.ID, e.Prev, p.Seq, p.ID)
			}
			p = e.Position()
		}
		all = append(all, events...)
		if len(events) < 100 {
			return all, nil
		}
	}
}
