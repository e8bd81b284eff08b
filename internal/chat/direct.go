package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// maxDirect is how many people a direct room has at most.
const maxDirect = 9

// DirectID is the id of the direct room of some people, in any order. It
// follows from who they are, so that there cannot be two such rooms, on
// whichever node each of them asks.
func DirectID(people ...UserID) RoomID {
	ids := make([]string, len(people))
	for i, id := range people {
		ids[i] = string(id)
	}
	slices.Sort(ids)
	sum := sha256.Sum256([]byte(strings.Join(ids, "\x00")))
	return RoomID("d-" + hex.EncodeToString(sum[:13]))
}

// OpenDirectInput asks for a direct room.
type OpenDirectInput struct {
	User  UserID   `json:"user,omitempty" doc:"Id of another person"`
	Users []UserID `json:"users,omitempty" doc:"Ids of one to eight others; instead of user, or beside it"`
}

// OpenDirect returns the room of the caller and some others, and makes it if it
// is not there.
func (s *Service) OpenDirect(ctx context.Context, who Caller, in OpenDirectInput) (RoomView, error) {
	people := append([]UserID{who.User.ID}, in.Users...)
	if in.User != "" {
		people = append(people, in.User)
	}
	slices.Sort(people)
	people = slices.Compact(people)
	if len(people) < 2 || len(people) > maxDirect {
		return RoomView{}, invalid("users", "a direct room is with one to %d other people", maxDirect-1)
	}
	id := DirectID(people...)
	view, err := s.Store.View(ctx, id, who.User.ID)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return view, err
	}
	if !mayCreateRooms(who.User) {
		return RoomView{}, ErrForbidden
	}
	if len(people) > 2 { // there are more sets of people than people
		if err := s.mayCreateOneMore(ctx, who); err != nil {
			return RoomView{}, err
		}
	}
	for _, u := range people {
		if u == who.User.ID {
			continue
		}
		if err := s.mayEnter(ctx, u); err != nil {
			return RoomView{}, err
		}
	}
	var entering []Change
	for _, u := range people {
		if err := s.roomForOneMore(ctx, u); err != nil {
			return RoomView{}, err
		}
		entering = append(entering, s.entering(who, id, Member{User: u, Role: RoomMember})...)
	}
	return s.create(ctx, who, Room{ID: id, Kind: Direct, People: people, CreatedBy: who.User.ID,
		CreatedAt: s.now()}, entering)
}
