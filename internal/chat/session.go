package chat

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"
)

// touchEvery is the precision of Session.SeenAt: it is written at most this
// often.
const touchEvery = 5 * time.Minute

// Session is one login of one person on one device, or an API token. Only the
// token's hash is stored.
type Session struct {
	ID        SessionID `json:"id" doc:"Id, not the token"`
	User      UserID    `json:"-"`
	TokenHash string    `json:"-"` // lower-case hex SHA-256 of the token
	Name      string    `json:"name,omitempty" doc:"Name of an API token; empty for logins"`
	Scopes    []string  `json:"scopes,omitempty" doc:"Scopes of an API token; empty for logins, which have all"`
	Agent     string    `json:"agent,omitempty" doc:"User-Agent at login"`
	Addr      string    `json:"addr,omitempty" doc:"Address at login"`
	CreatedAt time.Time `json:"created_at" doc:"Log-in"`
	SeenAt    time.Time `json:"seen_at" doc:"Last used, to a few minutes"`
	ExpiresAt time.Time `json:"expires_at" doc:"Latest time at which it ends"`
	Current   bool      `json:"current,omitempty" doc:"Whether this is the session of the request"`
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Authenticate returns who with the person and session of the token filled in.
// ErrUnauthenticated if there is none or it has expired, ErrRateLimited if too
// many such tokens came from the caller's address. Valid tokens from there are
// accepted all the same: many people may share the address.
func (s *Service) Authenticate(ctx context.Context, token string, who Caller) (Caller, error) {
	as, err := s.authenticate(ctx, token, who)
	if errors.Is(err, ErrUnauthenticated) && who.Addr != "" {
		if err := s.limit(ctx, "token:"+who.Addr, s.Limits.Calls); err != nil {
			return Caller{}, err
		}
	}
	return as, err
}

func (s *Service) authenticate(ctx context.Context, token string, who Caller) (Caller, error) {
	if token == "" || len(token) > 256 {
		return Caller{}, ErrUnauthenticated
	}
	session, account, err := s.Store.Session(ctx, hashToken(token))
	if errors.Is(err, ErrNotFound) {
		return Caller{}, ErrUnauthenticated
	}
	if err != nil {
		return Caller{}, err
	}
	now := s.now()
	if !now.Before(session.ExpiresAt) || account.Disabled {
		return Caller{}, ErrUnauthenticated
	}
	if session.Name != "" {
		if may, err := s.mayUseTokens(ctx, account.User); err != nil || !may {
			return Caller{}, cmp.Or(err, error(ErrUnauthenticated))
		}
	}
	if now.Sub(session.SeenAt) >= touchEvery {
		if session.Name == "" { // API tokens are not extended
			session.ExpiresAt = s.expiry(session.CreatedAt, now)
		}
		err := s.Store.TouchSession(ctx, session.ID, account.ID, now, session.ExpiresAt)
		if errors.Is(err, ErrNotFound) {
			return Caller{}, ErrUnauthenticated
		}
		// Sessions stay usable while the store is read-only.
		if err != nil && !errors.Is(err, ErrUnavailable) {
			return Caller{}, err
		}
	}
	who.User, who.Session, who.ExpiresAt, who.Scopes = account.User, session.ID, session.ExpiresAt,
		session.Scopes
	if who.Device == "" {
		who.Device = string(session.ID)
	}
	return who, nil
}

func (s *Service) expiry(created, now time.Time) time.Time {
	idle, most := now.Add(s.SessionIdle), created.Add(s.SessionMax)
	if most.Before(idle) {
		return most
	}
	return idle
}

// errNoPasswords refuses passwords where people log in at a provider only.
var errNoPasswords = &Error{Code: CodeForbidden,
	Message: "This server has no passwords. Log in with one of the buttons on the log-in page."}

var errElsewhere = &Error{Code: CodeForbidden,
	Message: "This server has no passwords. Log in to the site that it is part of."}

// LogInInput is a name and password.
type LogInInput struct {
	Name     string `json:"name" doc:"Name"`
	Password string `json:"password" doc:"Password"`
	Code     string `json:"code,omitempty" doc:"Code of the second factor, or a recovery code; needed after an error with the kind code"`

	Passkey *PasskeyAnswer `json:"passkey,omitempty" doc:"An answer of a passkey in place of a code, see passkey.ask"`
}

// LoggedInOutput is a new session. Browsers get its token as a cookie.
type LoggedInOutput struct {
	User    User    `json:"user" doc:"Who you are"`
	Session Session `json:"session" doc:"The session"`
	Token   string  `json:"token,omitempty" doc:"Bearer token. Keep it secret"`
}

// LogIn opens a session. A wrong name and a wrong password get the same error
// after the same work.
func (s *Service) LogIn(ctx context.Context, who Caller, in LogInInput) (LoggedInOutput, error) {
	if s.External != nil {
		return LoggedInOutput{}, errElsewhere
	}
	if s.NoPasswords {
		return LoggedInOutput{}, errNoPasswords
	}
	if len(in.Password) > s.Limits.Password {
		return LoggedInOutput{}, invalid("password", "A password can have at most %d bytes.", s.Limits.Password)
	}
	key := s.Names.Key(in.Name)
	account, err := s.Store.AccountByName(ctx, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return LoggedInOutput{}, err
	}
	if account.NameKey != "" {
		key = account.NameKey // whichever of its keys it was found by
	}
	if err := s.limitGuesses(ctx, key, account.ID, who); err != nil {
		return LoggedInOutput{}, err
	}
	wrong := &Error{Code: CodeUnauthenticated, Message: "Wrong name or password."}
	ok, err := s.Hasher.Verify(ctx, account.Password, in.Password)
	if err != nil {
		return LoggedInOutput{}, err
	}
	if !ok {
		// Only existing names are logged: others may be a password in the wrong
		// field.
		s.Log.Warn("log-in failed", "name", account.Name, "address", who.Addr)
		return LoggedInOutput{}, wrong
	}
	if account.barred(s.now()) { // only shown to someone who knows the password
		return LoggedInOutput{}, disabled(account.User)
	}
	if err := s.passSecond(ctx, who, account.User, in.Code, in.Passkey); err != nil {
		return LoggedInOutput{}, err
	}
	if account.Disabled { // not any more
		if account.User, err = s.enable(ctx, account.ID); errors.Is(err, ErrUnauthenticated) {
			err = wrong // disabled again in the meantime
		}
		if err != nil {
			return LoggedInOutput{}, err
		}
	}
	if s.Hasher.Stale(account.Password) {
		if err := s.rehash(ctx, account, in.Password); err != nil {
			return LoggedInOutput{}, err
		}
	}
	if err := s.settle(ctx, account.User); err != nil {
		return LoggedInOutput{}, err
	}
	return s.openLogIn(ctx, who, account.User)
}

// rehash stores the same password with current parameters. It ends no session,
// and does nothing if the password has changed in the meantime.
func (s *Service) rehash(ctx context.Context, account Account, password string) error {
	hash, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = s.Store.Commit(ctx, s.change(Caller{User: account.User}, Change{
		Stream: UserStream(account.ID), Op: RevokeSessions{Password: hash, Was: account.Password,
			Sessions: []SessionID{noSession}},
	}))
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

// noSession is the id of no session.
const noSession SessionID = "none"

func (s *Service) openSession(ctx context.Context, who Caller, user User) (LoggedInOutput, error) {
	out := s.newSession(who, user)
	return out, s.keepSession(ctx, who, out.Session)
}

// newSession makes a session that is kept nowhere yet.
func (s *Service) newSession(who Caller, user User) LoggedInOutput {
	now, token := s.now(), s.NewToken()
	return LoggedInOutput{User: user, Token: token, Session: Session{
		ID: SessionID(s.NewID()), User: user.ID, TokenHash: hashToken(token),
		Agent: shorten(who.Agent, 200), Addr: who.Addr,
		CreatedAt: now, SeenAt: now, ExpiresAt: s.expiry(now, now), Current: true,
	}}
}

func (s *Service) keepSession(ctx context.Context, who Caller, session Session) error {
	if err := s.endOldest(ctx, session.User); err != nil {
		return err
	}
	if err := s.rememberClient(ctx, session.User, who); err != nil {
		return err
	}
	return s.Store.CreateSession(ctx, session)
}

// maxLogIns bounds the login sessions of one person. It is below maxTokens.
const maxLogIns = 100

// endOldest ends the oldest login sessions so that one more fits: too many
// logins never lock a person out.
func (s *Service) endOldest(ctx context.Context, user UserID) error {
	all, err := s.Store.Sessions(ctx, user)
	if err != nil {
		return err
	}
	var old []SessionID
	n := 0
	for _, x := range all { // newest first
		if len(x.Scopes) > 0 {
			continue
		}
		if n++; n >= maxLogIns {
			old = append(old, x.ID)
		}
	}
	if len(old) == 0 {
		return nil
	}
	_, err = s.Store.Commit(ctx, s.change(Caller{},
		Change{Stream: UserStream(user), Op: RevokeSessions{Sessions: old}}))
	return err
}

// LogOut ends the caller's session.
func (s *Service) LogOut(ctx context.Context, who Caller, _ None) (None, error) {
	return s.RevokeSession(ctx, who, SessionInput{Session: who.Session})
}

// SessionList is a person's sessions, newest first.
type SessionList struct {
	Sessions []Session `json:"sessions" doc:"Newest first"`
}

// ListSessions returns the caller's sessions that have not expired.
func (s *Service) ListSessions(ctx context.Context, who Caller, _ None) (SessionList, error) {
	all, err := s.Store.Sessions(ctx, who.User.ID)
	if err != nil {
		return SessionList{}, err
	}
	now := s.now()
	all = slices.DeleteFunc(all, func(x Session) bool { return !now.Before(x.ExpiresAt) })
	for i := range all {
		all[i].Current = all[i].ID == who.Session
	}
	return SessionList{Sessions: all}, nil
}

// SessionInput names a session.
type SessionInput struct {
	Session SessionID `json:"session" doc:"Id of the session"`
}

// RevokeSession ends one of the caller's sessions.
func (s *Service) RevokeSession(ctx context.Context, who Caller, in SessionInput) (None, error) {
	_, err := s.revokeSession(ctx, who, in.Session)
	return None{}, err
}

// revokeSession ends one of the caller's sessions and returns at which provider
// it began, if at one.
func (s *Service) revokeSession(ctx context.Context, who Caller, id SessionID) (ProviderSession, error) {
	done, err := s.Store.Commit(ctx, s.change(who, Change{
		Stream: UserStream(who.User.ID), Op: RevokeSessions{Sessions: []SessionID{id}},
	}))
	if err == nil && done[0].NoOp {
		err = ErrNotFound
	}
	if err != nil || len(s.Providers) == 0 {
		return ProviderSession{}, err
	}
	return s.forgetProviderSession(ctx, id)
}

// MeOutput is the caller.
type MeOutput struct {
	User    User    `json:"user" doc:"You"`
	Session Session `json:"session" doc:"Whether this is the session of the request"`
}

// Me returns the caller.
func (s *Service) Me(ctx context.Context, who Caller, _ None) (MeOutput, error) {
	all, err := s.ListSessions(ctx, who, None{})
	if err != nil {
		return MeOutput{}, err
	}
	i := slices.IndexFunc(all.Sessions, func(x Session) bool { return x.Current })
	if i < 0 {
		return MeOutput{}, ErrUnauthenticated
	}
	account, err := s.Store.Account(ctx, who.User.ID) // a connection's caller may be out of date
	return MeOutput{User: account.User, Session: all.Sessions[i]}, err
}
