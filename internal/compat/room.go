package compat

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/parley-chat/parley/internal/chat"
)

// rooms remembers what the ids of rooms are in the demo, and back. It only
// translates: who may do what in a room is judged by the domain, each time.
type rooms struct {
	store chat.Store

	mu    sync.Mutex
	shown map[chat.RoomID]string
	meant map[string]chat.RoomID
}

// maxRemembered bounds what is remembered; it is forgotten then and learned
// anew.
const maxRemembered = 100_000

func newRooms(store chat.Store) *rooms {
	r := &rooms{store: store}
	r.forget()
	return r
}

// forget empties the memory. The lock is held, or nobody else knows of r.
func (r *rooms) forget() {
	r.shown = map[chat.RoomID]string{chat.GeneralID: general}
	r.meant = map[string]chat.RoomID{general: chat.GeneralID}
}

// learn remembers a room and returns its id in the demo.
func (r *rooms) learn(room chat.Room) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id, known := r.shown[room.ID]; known {
		return id
	}
	if len(r.shown) >= maxRemembered {
		r.forget()
	}
	var id string
	if isPair(room) {
		id = pairID(room.People[0], room.People[1])
	} else {
		id = strconv.FormatInt(number(string(room.ID)), 10)
	}
	r.shown[room.ID], r.meant[id] = id, room.ID
	return id
}

// isPair reports whether a room is one of those that the demo has for two
// people. Direct rooms of more are shown as rooms whose name are their people.
func isPair(room chat.Room) bool { return room.Kind == chat.Direct && len(room.People) == 2 }

// id returns a room's id in the demo.
func (r *rooms) id(ctx context.Context, id chat.RoomID) (string, error) {
	r.mu.Lock()
	shown, known := r.shown[id]
	r.mu.Unlock()
	if known {
		return shown, nil
	}
	room, err := r.store.Room(ctx, id)
	if err != nil {
		return "", err
	}
	return r.learn(room), nil
}

func (r *rooms) find(id string) (chat.RoomID, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	room, ok := r.meant[id]
	return room, ok
}

// room returns the room that a demo client means. ErrNotFound for what is no
// id, and for rooms that are not the caller's: that there are others is not
// told.
func (s *Server) room(ctx context.Context, who chat.Caller, id string) (chat.RoomID, error) {
	if a, b, ok := parsePair(id); ok {
		if me := number(string(who.User.ID)); a != me && b != me {
			return "", chat.ErrNotFound
		}
	} else if _, ok := parseNumber(id); !ok && id != general {
		return "", chat.ErrNotFound
	}
	if room, ok := s.rooms.find(id); ok {
		return room, nil
	}
	list, err := act[chat.RoomList](ctx, s, who, "room.list", nil)
	if err != nil {
		return "", err
	}
	for _, v := range list.Rooms {
		if s.rooms.learn(v.Room) == id {
			return v.ID, nil
		}
	}
	return "", chat.ErrNotFound
}

// shownName is what a room that is no pair's is called.
func (s *Server) shownName(ctx context.Context, room chat.Room) (string, error) {
	if room.Kind != chat.Direct {
		return room.Name, nil
	}
	var names []string
	for _, id := range room.People {
		name, err := s.people.name(ctx, id)
		if err != nil {
			return "", err
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", "), nil
}

// pairNames are the names of two people, as the demo tells them: each in a list
// of its own, in the order of the room's id.
func (s *Server) pairNames(ctx context.Context, pair []chat.UserID) ([]any, error) {
	names := []any{}
	for _, id := range slices.SortedFunc(slices.Values(pair),
		func(a, b chat.UserID) int { return cmp.Compare(number(string(a)), number(string(b))) }) {
		name, err := s.people.name(ctx, id)
		if err != nil {
			return nil, err
		}
		names = append(names, []string{name})
	}
	return names, nil
}
