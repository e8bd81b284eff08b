package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// An invite link lets several people sign up, and lands them in rooms. It is a
// record with the hash of its code as the id, so that it is found by the code;
// an invite for one person who lands nowhere in particular is used up by the
// store, with the account.
const linkKind = "invite"

const (
	maxUses        = 1000
	maxInviteLinks = 1000
	maxLands       = 20 // rooms
)

func (i Invite) spent() bool { return i.Uses > 0 && i.Used >= i.Uses }

// createLink keeps a link, whose rooms the caller may bring people into.
func (s *Service) createLink(ctx context.Context, who Caller, i Invite) error {
	if len(i.Rooms) > maxLands {
		return invalid("rooms", "An invite leads into at most %d rooms.", maxLands)
	}
	for _, id := range i.Rooms {
		if err := s.mayBring(ctx, who, id); err != nil {
			return err
		}
	}
	links, err := s.links(ctx)
	if err != nil {
		return err
	}
	if len(links) >= maxInviteLinks {
		return &Error{Code: CodeConflict, Message: "There are too many invite links. Withdraw one first."}
	}
	value, err := json.Marshal(i)
	if err != nil {
		return err
	}
	_, err = s.Store.PutRecord(ctx, linkKind, i.CodeHash, 0, value)
	return err
}

// mayBring returns nil if somebody may bring others into a room: into a public
// one that they are in, and elsewhere if they moderate it.
func (s *Service) mayBring(ctx context.Context, who Caller, id RoomID) error {
	view, err := s.Store.View(ctx, id, who.User.ID)
	switch {
	case err != nil:
		return err
	case view.Archived:
		return ErrArchived
	case view.Kind == Direct || view.Kind == ThreadRoom,
		view.Kind != Public && !mayModerate(who.User, view.Room, view.Role):
		return ErrForbidden
	}
	return nil
}

func readLink(r Record) (Invite, error) {
	l := Invite{CodeHash: r.ID}
	if err := json.Unmarshal(r.Value, &l); err != nil {
		return Invite{}, fmt.Errorf("invite link %s: %w", r.ID, err)
	}
	return l, nil
}

// links returns all invite links, those that have expired too.
func (s *Service) links(ctx context.Context) (all []Invite, err error) {
	err = s.recordsAfter(ctx, linkKind, "", func(r Record) error {
		l, err := readLink(r)
		all = append(all, l)
		return err
	})
	return all, err
}

// claim counts a use of a link, by one or, if it came to nothing, by minus one.
func (s *Service) claim(ctx context.Context, hash string, by int) error {
	for {
		r, err := s.Store.Record(ctx, linkKind, hash)
		if err != nil {
			return err
		}
		l, err := readLink(r)
		if err != nil {
			return err
		}
		if by > 0 && l.spent() {
			return errInvite
		}
		l.Used += by
		value, err := json.Marshal(l)
		if err != nil {
			return err
		}
		if _, err = s.Store.PutRecord(ctx, linkKind, hash, r.Version, value); !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// land brings somebody who has just signed up into the rooms of the link, as
// far as its maker may still do that.
func (s *Service) land(ctx context.Context, user User, i Invite) error {
	maker, err := s.Store.Account(ctx, i.CreatedBy)
	if err != nil {
		return err
	}
	for _, id := range i.Rooms {
		err := s.mayBring(ctx, Caller{User: maker.User}, id)
		if err == nil {
			_, err = s.Store.Member(ctx, id, user.ID)
			if errors.Is(err, ErrNotFound) {
				err = s.enter(ctx, Caller{User: maker.User}, id, user.ID, RoomMember)
			}
		}
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrForbidden) {
			return err
		}
	}
	return nil
}

// pruneLinks forgets links that have expired or are used up.
func (s *Service) pruneLinks(ctx context.Context) error {
	return s.eachRecord(ctx, linkKind, func(r Record) error {
		l, err := readLink(r)
		if err != nil || s.now().Before(l.ExpiresAt) && !l.spent() {
			return err
		}
		return s.forgetRecords(ctx, linkKind, r.ID)
	})
}

// ShowInviteInput asks what an invite is for.
type ShowInviteInput struct {
	Invite string `json:"invite" doc:"Code of the invite"`
}

// ShownInvite is what whoever has an invite may know before signing up.
type ShownInvite struct {
	Role      Role      `json:"role" enum:"owner,admin,member,guest" doc:"Role that it gives"`
	By        string    `json:"by,omitempty" doc:"Name of who made it; empty for the server itself"`
	Rooms     []string  `json:"rooms" doc:"Names of the rooms that it leads into"`
	ExpiresAt time.Time `json:"expires_at" doc:"No longer valid then"`
}

// ShowInvite says who invites to what.
func (s *Service) ShowInvite(ctx context.Context, who Caller, in ShowInviteInput) (ShownInvite, error) {
	if err := s.limit(ctx, "login:"+who.Addr, s.Limits.Logins); err != nil {
		return ShownInvite{}, err
	}
	i, err := s.inviteOf(ctx, in.Invite)
	if err != nil {
		return ShownInvite{}, err
	}
	shown := ShownInvite{Role: i.Role, ExpiresAt: i.ExpiresAt, Rooms: []string{}}
	if i.CreatedBy != "" {
		maker, err := s.Store.Account(ctx, i.CreatedBy)
		if err != nil {
			return ShownInvite{}, err
		}
		shown.By = maker.Name
	}
	for _, id := range i.Rooms {
		room, err := s.Store.Room(ctx, id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return ShownInvite{}, err
		}
		if err == nil && !room.Archived {
			shown.Rooms = append(shown.Rooms, room.Name)
		}
	}
	return shown, nil
}
