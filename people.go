package parley

import (
	"context"

	"github.com/parley-chat/parley/internal/chat"
)

// PersonID is somebody's id in the chat.
type PersonID string

// PersonOf is the id of the program's visitor with that id. It needs no
// look-up, and is the same for ever.
func PersonOf(visitor string) PersonID { return PersonID(chat.ExternalID("person", visitor)) }

// Role is what a person may do in the chat.
type Role string

// Roles, from the least.
const (
	Guest  Role = "guest"  // is in the rooms that they were put into, and sees nobody else
	Member Role = "member" // makes rooms, joins public ones
	Admin  Role = "admin"  // looks after people and public rooms
	Owner  Role = "owner"  // may do everything
)

// Visitor is one of the program's people.
type Visitor struct {
	ID   string // unique and never another's: no mail address that is given away again. Empty for nobody
	Name string // as others see it; if somebody has it, or one that looks like it, this one gets a number
	Role Role   // empty for a member at first, and later as it is
}

// Receive makes a visitor's account before they come, or brings its name and
// role up to date.
func (s *Server) Receive(ctx context.Context, v Visitor) (PersonID, error) {
	u, err := s.core.Service.UpsertUser(ctx, v.external())
	return PersonID(u.ID), public(err)
}

func (v Visitor) external() chat.ExternalUser {
	return chat.ExternalUser{ID: v.ID, Name: v.Name, Role: chat.Role(v.Role)}
}

// Bot makes an account for the program itself to send with, if there is none of
// that name. It is in the rooms that it is put into, and nobody can log in as
// it.
func (s *Server) Bot(ctx context.Context, name string) (PersonID, error) {
	u, err := s.core.Service.Bot(ctx, name)
	return PersonID(u.ID), public(err)
}

// Revoke closes a person's connections, on all nodes, within a second. To be
// called when they have logged out, once Authenticate knows of it: their
// clients ask again at once. Tokens that they made for programs stay. It is no
// error if nobody is there.
func (s *Server) Revoke(ctx context.Context, p PersonID) error {
	return public(s.core.Service.EndSessions(ctx, chat.UserID(p), ""))
}

// Disable keeps a person out, whatever Authenticate says, until Enable. It ends
// their connections and their tokens for programs.
func (s *Server) Disable(ctx context.Context, p PersonID) error { return s.disable(ctx, p, true) }

// Enable takes Disable back.
func (s *Server) Enable(ctx context.Context, p PersonID) error { return s.disable(ctx, p, false) }

func (s *Server) disable(ctx context.Context, p PersonID, disabled bool) error {
	account, err := s.core.Service.Store.Account(ctx, chat.UserID(p))
	if err != nil {
		return public(err)
	}
	return public(s.core.Service.Disable(ctx, account, disabled))
}
