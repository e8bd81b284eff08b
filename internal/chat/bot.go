package chat

import "context"

// BotInput describes a new bot.
type BotInput struct {
	Name string `json:"name" doc:"Name that others will see"`
	Role Role   `json:"role,omitempty" enum:"member,guest" doc:"A guest sees only the rooms that it is added to, a member also public ones; default guest"`
}

// CreateBot creates an account for an app. A guest bot sees only the rooms that
// it is added to.
func (s *Service) CreateBot(ctx context.Context, who Caller, in BotInput) (User, error) {
	if in.Role == "" {
		in.Role = RoleGuest
	}
	if in.Role != RoleGuest && in.Role != RoleMember {
		return User{}, invalid("role", "A bot must be a guest or a member.")
	}
	if !who.User.Role.mayAlways(RightBots) {
		return User{}, ErrForbidden
	}
	return s.addBot(ctx, who, in.Name, in.Role, AuditEntry{Action: "bot.create"})
}

// addBot creates a bot and writes the audit entry.
func (s *Service) addBot(ctx context.Context, who Caller, name string, role Role,
	e AuditEntry) (User, error) {
	shown, key, err := s.foldName(name)
	if err != nil {
		return User{}, err
	}
	bot := User{ID: UserID(s.NewID()), Name: shown, Role: role, Bot: true, CreatedAt: s.now()}
	e.User, e.Detail = bot.ID, string(role)
	if err := s.audit(ctx, who, e); err != nil {
		return User{}, err
	}
	return bot, s.insert(ctx, who, Account{User: bot, NameKey: key}, "")
}
