package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Scopes of tokens. A login session has all of them.
const (
	ScopeRead   = "read"   // reading, including live updates
	ScopeSend   = "send"   // messages, reactions, threads, read positions, typing
	ScopeManage = "manage" // rooms, members, people, invites
	// ScopeLogin covers passwords and tokens. No token has it.
	ScopeLogin = "login"
	// ScopeFactor covers second factors. No token has it, but a log-in that can
	// do nothing before it has one.
	ScopeFactor = "factor"
	// hookScope, followed by a room's id, is the scope of an incoming webhook:
	// it can only post to that room.
	hookScope = "hook:"
)

// maxTokens bounds the sessions and tokens of one person when a token is
// created.
const maxTokens = 200

// scopeOf returns the scope that an action needs.
func scopeOf(name, method string) string {
	switch noun, _, _ := strings.Cut(name, "."); {
	case name == "session.delete": // a token can end itself
		return ""
	case noun == "factor" || noun == "passkey":
		return ScopeFactor
	case noun == "session" || noun == "token" || noun == "bot" || noun == "push" || noun == "mail" || noun == "password" || name == "account.password":
		return ScopeLogin
	case name == "report.create":
		return ScopeSend
	case method == "GET" || name == "presence.seen" || name == "user.find":
		return ScopeRead
	case slices.Contains([]string{"message", "reaction", "thread", "read", "typing", "schedule"}, noun):
		return ScopeSend
	}
	return ScopeManage
}

// May returns nil if the caller's session has the scope.
func (c Caller) May(scope string) error {
	if len(c.Scopes) == 0 || scope == "" || slices.Contains(c.Scopes, scope) {
		return nil
	}
	if slices.Contains(c.Scopes, ScopeFactor) {
		return &Error{Code: CodeForbidden, Message: "Set up a second factor first. Your role on this server needs one.",
			Details: &Details{Kind: NeedsFactor}}
	}
	if scope == ScopeLogin || scope == ScopeFactor {
		return &Error{Code: CodeForbidden, Message: "Tokens cannot do this. Log in with a password."}
	}
	return &Error{Code: CodeForbidden, Message: "This token needs the scope " + scope + "."}
}

// TokenInput describes a new token.
type TokenInput struct {
	Name   string   `json:"name" doc:"What the token is for"`
	Scopes []string `json:"scopes" doc:"Scopes: read, send, manage"`
	Days   int      `json:"days,omitempty" doc:"Days until it expires; 0 for ten years"`
	User   UserID   `json:"user,omitempty" doc:"Bot that gets the token; default you"`
}

// TokenOutput is a new token.
type TokenOutput struct {
	Session Session `json:"session" doc:"Its scopes and expiry"`
	Token   string  `json:"token" doc:"Bearer token. Keep it secret; it is shown only once"`
}

// CreateToken creates a token for the caller or for a bot that they manage.
func (s *Service) CreateToken(ctx context.Context, who Caller, in TokenInput) (TokenOutput, error) {
	name, err := line("name", in.Name, 1, s.Limits.Name)
	if err != nil {
		return TokenOutput{}, err
	}
	if len(in.Scopes) == 0 {
		return TokenOutput{}, invalid("scopes", "Give at least one scope: read, send or manage.")
	}
	for _, scope := range in.Scopes {
		if !slices.Contains([]string{ScopeRead, ScopeSend, ScopeManage}, scope) {
			return TokenOutput{}, invalid("scopes", "A scope must be read, send or manage.")
		}
	}
	if in.Days < 0 || in.Days > maxTokenDays {
		return TokenOutput{}, invalid("days",
			"A token must be valid for 1 to %d days. 0 means ten years.", maxTokenDays)
	}
	if in.Days == 0 {
		in.Days = maxTokenDays
	}
	user, err := s.tokenUser(ctx, who, in.User)
	if err == nil && user == who.User.ID {
		var may bool
		if may, err = s.mayUseTokens(ctx, who.User); err == nil && !may {
			err = ErrForbidden
		}
	}
	if err == nil && slices.Contains(in.Scopes, ScopeManage) {
		err = s.proven(ctx, who)
	}
	if err != nil {
		return TokenOutput{}, err
	}
	scopes := slices.Compact(slices.Sorted(slices.Values(in.Scopes)))
	err = s.audit(ctx, who, AuditEntry{Action: "token.create", User: user,
		Detail: fmt.Sprintf("%s: %s, for %d days", name, strings.Join(scopes, ", "), in.Days)})
	if err != nil {
		return TokenOutput{}, err
	}
	out, err := s.openToken(ctx, who, user, name, scopes, time.Duration(in.Days)*24*time.Hour)
	if err == nil && user != who.User.ID {
		err = s.keepMaker(ctx, botToken{user, out.Session.ID, who.User.ID})
	}
	if err != nil {
		return TokenOutput{}, err
	}
	return out, nil
}

const maxTokenDays = 3650

func (s *Service) openToken(ctx context.Context, who Caller, user UserID, name string,
	scopes []string, age time.Duration) (TokenOutput, error) {
	have, err := s.Store.Sessions(ctx, user)
	if err != nil {
		return TokenOutput{}, err
	}
	if len(have) >= maxTokens {
		return TokenOutput{}, &Error{Code: CodeConflict,
			Message: "There are too many tokens and sessions. End some first."}
	}
	now, token := s.now(), s.NewToken()
	session := Session{
		ID: SessionID(s.NewID()), User: user, TokenHash: hashToken(token), Name: name,
		Scopes: scopes, Agent: shorten(who.Agent, 200), Addr: who.Addr,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(age),
	}
	return TokenOutput{Session: session, Token: token}, s.Store.CreateSession(ctx, session)
}

// tokenUser returns the owner of the tokens: the caller, or a bot that they
// manage.
func (s *Service) tokenUser(ctx context.Context, who Caller, user UserID) (UserID, error) {
	if user == "" || user == who.User.ID {
		return who.User.ID, nil
	}
	account, err := s.Store.Account(ctx, user)
	if err != nil {
		return "", err
	}
	if !account.Bot || !mayManage(who.User, account.User, account.Role) {
		return "", ErrForbidden
	}
	return user, nil
}

// TokenListInput selects whose tokens are listed.
type TokenListInput struct {
	User UserID `json:"user,omitempty" doc:"A bot; default you"`
}

// ListTokens returns the tokens of the caller, or of a bot that they manage.
func (s *Service) ListTokens(ctx context.Context, who Caller, in TokenListInput) (SessionList, error) {
	user, err := s.tokenUser(ctx, who, in.User)
	if err != nil {
		return SessionList{}, err
	}
	all, err := s.Store.Sessions(ctx, user)
	if err != nil {
		return SessionList{}, err
	}
	now, list := s.now(), SessionList{Sessions: []Session{}}
	for _, x := range all {
		if x.Name != "" && now.Before(x.ExpiresAt) {
			list.Sessions = append(list.Sessions, x)
		}
	}
	return list, nil
}

// TokenIDInput names a token.
type TokenIDInput struct {
	Token SessionID `json:"token" doc:"Id of the token's session, not the token"`
	User  UserID    `json:"user,omitempty" doc:"Bot that owns the token; default you"`
}

// RevokeToken ends a token of the caller's, or of a bot that they manage.
func (s *Service) RevokeToken(ctx context.Context, who Caller, in TokenIDInput) (None, error) {
	user, err := s.tokenUser(ctx, who, in.User)
	if err != nil {
		return None{}, err
	}
	if user != who.User.ID {
		all, err := s.Store.Sessions(ctx, user)
		if err != nil {
			return None{}, err
		}
		i := slices.IndexFunc(all, func(x Session) bool { return x.ID == in.Token })
		if i < 0 {
			return None{}, ErrNotFound
		}
		if err := s.audit(ctx, who, AuditEntry{Action: "token.revoke", User: user,
			Detail: all[i].Name}); err != nil {
			return None{}, err
		}
	}
	done, err := s.Store.Commit(ctx,
		s.change(who, Change{Stream: UserStream(user),
			Op: RevokeSessions{Sessions: []SessionID{in.Token}}}))
	if err == nil && done[0].NoOp {
		err = ErrNotFound
	}
	return None{}, err
}
