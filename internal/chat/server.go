package chat

import (
	"cmp"
	"context"
	"errors"
)

// ServerInfo is the public information about the server.
type ServerInfo struct {
	ID           string `json:"id" doc:"Id of the server's data: what a client keeps belongs to it, and to no other server at this address"`
	Name         string `json:"name" doc:"The server's name"`
	Version      string `json:"version" doc:"Its version"`
	SignUp       SignUp `json:"sign_up" enum:"open,invite,closed" doc:"Who may sign up"`
	NeedsSetup   bool   `json:"needs_setup" doc:"Nobody owns the server yet: use the link that it printed at its start"`
	ReadReceipts bool   `json:"read_receipts" doc:"People see who has read a message, see read.list"`

	Rights []RightRule `json:"rights" doc:"What each role may do; server.update changes those with choices"`

	SecondFactor FactorDemand `json:"second_factor,omitempty" enum:",admins,members,everyone" doc:"Who needs a second factor; empty for nobody"`

	External bool   `json:"external,omitempty" doc:"Another program logs people in: there are no passwords, and nobody signs up"`
	LogIn    string `json:"log_in,omitempty" doc:"With external: address of its page for logging in"`
	LogOut   string `json:"log_out,omitempty" doc:"With external: address of its page for logging out"`

	Providers   []Provider `json:"providers,omitempty" doc:"Where people can log in instead of with a password"`
	NoPasswords bool       `json:"no_passwords,omitempty" doc:"People log in at providers only: there are no passwords"`

	Mail     bool   `json:"mail,omitempty" doc:"It sends mail"`
	Passkeys string `json:"passkeys,omitempty" doc:"The only address at which passkeys work; empty if there are none"`
	Limits   Limits `json:"limits" doc:"What it allows"`
	Previews bool   `json:"previews" doc:"It shows what links lead to, see link.previews"`
	// for people who wonder why nothing can be sent
	Degraded map[string]string `json:"degraded,omitempty" doc:"What does not work at the moment although messages can be read, by the part of the server: why"`
}

// SignUp says who can sign up.
type SignUp string

// Info returns the public information about the server.
func (s *Service) Info(ctx context.Context, _ Caller, _ None) (ServerInfo, error) {
	owned, err := s.Owned(ctx)
	limits := s.Limits
	if s.Files == nil {
		limits.File = 0
	}
	if err != nil {
		return ServerInfo{}, err
	}
	id, err := s.ServerID(ctx)
	if err != nil {
		return ServerInfo{}, err
	}
	set, _, err := s.settings(ctx)
	info := ServerInfo{ID: id, Name: cmp.Or(set.Name, s.Name), Rights: set.rules(),
		ReadReceipts: !set.HideReads, SecondFactor: set.SecondFactor,
		Version: s.Version, SignUp: s.SignUp, NeedsSetup: !owned,
		Providers: s.Providers, NoPasswords: s.NoPasswords,
		Mail: s.Mail != nil, Limits: limits, Previews: s.LinkPreviewer != nil}
	if s.Passkeys != nil && s.External == nil {
		info.Passkeys = s.Passkeys.Address()
	}
	if s.Health != nil {
		info.Degraded = s.Health(ctx)
	}
	if x := s.External; x != nil {
		info.SignUp, info.NeedsSetup, info.External, info.LogIn, info.LogOut = SignUpClosed, false,
			true, x.LogIn, x.LogOut
	}
	return info, err
}

// Owned reports whether the server has an owner.
func (s *Service) Owned(ctx context.Context) (bool, error) {
	if s.owned.Load() {
		return true, nil
	}
	for after := UserID(""); ; {
		users, err := s.Store.Users(ctx, after, s.Limits.PageMax)
		if err != nil {
			return false, err
		}
		for _, u := range users {
			if u.Role == RoleOwner {
				s.owned.Store(true)
				return true, nil
			}
		}
		if len(users) < s.Limits.PageMax {
			return false, nil
		}
		after = users[len(users)-1].ID
	}
}

// Setup creates the room General, which every server has. Repeating it changes
// nothing.
func (s *Service) Setup(ctx context.Context) error {
	_, err := s.Store.Commit(ctx, s.change(Caller{}, Change{
		Stream: RoomStream(GeneralID), Op: CreateRoom{Room: Room{ID: GeneralID, Kind: Public,
			Name: "General", Topic: "Everything and everyone", CreatedAt: s.now()}},
	}))
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}
