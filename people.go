package parley

import (
	"context"

	"github.com/parley-chat/parley/internal/chat"
)

// UserID is a person's id in the chat.
type UserID string

// UserIDFor returns the id in the chat of the user with that id in the program.
// It needs no look-up, and never changes.
func UserIDFor(id string) UserID { return UserID(chat.ExternalID("person", id)) }

// Role is what a person may do in the chat.
type Role string

// Roles, from the least.
const (
	Guest  Role = "guest"  // sees only the rooms that they were added to, and the people there
	Member Role = "member" // creates rooms, joins public ones
	Admin  Role = "admin"  // manages people and public rooms
	Owner  Role = "owner"  // may do everything
)

// User is one of the program's people.
type User struct {
	ID   string // unique and never reused, so not an email address that may change hands; empty for no one
	Name string // as others see it; if someone has this name, or one that looks like it, a number is added
	Role Role   // empty means member for a new account, and no change for an old one
}

// UpsertUser creates a user's account before they first connect, or updates its
// name and role.
func (s *Server) UpsertUser(ctx context.Context, v User) (UserID, error) {
	u, err := s.core.Service.UpsertUser(ctx, v.external())
	return UserID(u.ID), public(err)
}

func (v User) external() chat.ExternalUser {
	return chat.ExternalUser{ID: v.ID, Name: v.Name, Role: chat.Role(v.Role)}
}

// Bot creates an account that the program itself sends with, unless there is
// one of that name. The bot is in the rooms that it is added to. No one can log
// in as it.
func (s *Server) Bot(ctx context.Context, name string) (UserID, error) {
	u, err := s.core.Service.Bot(ctx, name)
	return UserID(u.ID), public(err)
}

// Revoke closes a person's connections on all nodes, within a second. Call it
// when they have logged out and Authenticate knows it: their clients reconnect
// at once. API tokens that they made stay valid. It is no error if the person
// is unknown or offline.
func (s *Server) Revoke(ctx context.Context, p UserID) error {
	return public(s.core.Service.EndSessions(ctx, chat.UserID(p), ""))
}

// Disable keeps a person out, whatever Authenticate says, until Enable. It ends
// their connections and their API tokens.
func (s *Server) Disable(ctx context.Context, p UserID) error { return s.disable(ctx, p, true) }

// Enable undoes Disable.
func (s *Server) Enable(ctx context.Context, p UserID) error { return s.disable(ctx, p, false) }

func (s *Server) disable(ctx context.Context, p UserID, disabled bool) error {
	account, err := s.core.Service.Store.Account(ctx, chat.UserID(p))
	if err != nil {
		return public(err)
	}
	return public(s.core.Service.Disable(ctx, account, disabled))
}
