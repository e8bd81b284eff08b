package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// maxDirect is how many people a direct room has at most.
const maxDirect = 9

const directPrefix = "d-"

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
	return RoomID(directPrefix + hex.EncodeToString(sum[:13]))
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
		return RoomView{}, invalid("users", "A direct room has one to %d other people.", maxDirect-1)
	}
	id := DirectID(people...)
	view, err := s.Store.View(ctx, id, who.User.ID)
	if err == nil {
		return view, s.reopenDirect(ctx, who, id)
	}
	if !errors.Is(err, ErrNotFound) {
		return view, err
	}
	if !who.User.Role.mayAlways(RightDirect) {
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
		if err := s.roomForOneMore(ctx, who, u); err != nil {
			return RoomView{}, err
		}
		entering = append(entering, s.entering(who, id, Member{User: u, Role: RoomMember})...)
	}
	return s.create(ctx, who, Room{ID: id, Kind: Direct, People: people, CreatedBy: who.User.ID,
		CreatedAt: s.now()}, entering)
}

// closedKind is the kind of record of who has closed a direct room, with the
// room's id. They are still members; the room is off their lists.
const closedKind = "closed"

// closedAt is the number of the newest message when somebody closed a room.
type closedAt map[UserID]int64

// closeDirect takes a direct room off the caller's list until someone writes in
// it.
func (s *Service) closeDirect(ctx context.Context, who Caller, view RoomView) error {
	for {
		closed, version, err := s.closed(ctx, view.ID)
		if err != nil {
			return err
		}
		closed[who.User.ID] = view.HeadNo
		value, err := json.Marshal(closed)
		if err != nil {
			return err
		}
		_, err = s.Store.PutRecord(ctx, closedKind, string(view.ID), version, value)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	if err := s.offList(ctx, who, view.ID, who.User.ID); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return s.reopenWritten(ctx, view.ID) // a message may have come in between
}

// reopenDirect puts a direct room back on the lists of all who have closed it.
// It costs one look-up if no one has.
func (s *Service) reopenDirect(ctx context.Context, who Caller, room RoomID) error {
	closed, version, err := s.closed(ctx, room)
	if err != nil || version == 0 {
		return err
	}
	for user := range closed {
		_, err := s.Store.Commit(ctx,
			s.change(who, Change{Stream: UserStream(user), Op: ListRoom{Room: room}}))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return s.forgetRecords(ctx, closedKind, string(room))
}

// reopenWritten is reopenDirect if a message has come since somebody closed the
// room.
func (s *Service) reopenWritten(ctx context.Context, room RoomID) error {
	closed, _, err := s.closed(ctx, room)
	if err != nil {
		return err
	}
	heads, err := s.Store.Heads(ctx, RoomStream(room))
	if err != nil {
		return err
	}
	for _, no := range closed {
		if heads[0].No > no {
			return s.reopenDirect(ctx, Caller{}, room)
		}
	}
	return nil
}

func (s *Service) closed(ctx context.Context, room RoomID) (closed closedAt, version int64, err error) {
	closed = closedAt{}
	r, err := s.Store.Record(ctx, closedKind, string(room))
	if errors.Is(err, ErrNotFound) {
		return closed, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(r.Value, &closed)
	}
	return closed, r.Version, err
}

// reopenAll reopens direct rooms in which someone wrote, where a crash kept
// Send from it.
func (s *Service) reopenAll(ctx context.Context) error {
	return s.eachRecord(ctx, closedKind, func(r Record) error {
		return s.reopenWritten(ctx, RoomID(r.ID))
	})
}
