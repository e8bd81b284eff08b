package chat

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// logInLinkKind is the kind of record of a link that logs its person in once,
// with the hash of its code as the id.
const logInLinkKind = "loginlink"

// LogInLinkFor is how long such a link works.
const LogInLinkFor = 15 * time.Minute

type logInLink struct {
	User    UserID    `json:"user"`
	Expires time.Time `json:"expires"`
}

// NewLogInLink returns a code that logs a person in once, on behalf of the
// operator: where there are no passwords, or someone has lost theirs.
func (s *Service) NewLogInLink(ctx context.Context, account Account) (code string, err error) {
	if account.Bot {
		return "", &Error{Code: CodeForbidden, Message: "Bots do not log in. They have tokens."}
	}
	if account.barred(s.now()) {
		return "", disabled(account.User)
	}
	if err := s.audit(ctx, Caller{},
		AuditEntry{Action: "session.link", User: account.ID}); err != nil {
		return "", err
	}
	value, err := json.Marshal(logInLink{User: account.ID, Expires: s.now().Add(LogInLinkFor)})
	if err != nil {
		return "", err
	}
	code = s.NewToken()
	_, err = s.Store.PutRecord(ctx, logInLinkKind, hashToken(code), 0, value)
	return code, err
}

// LogInLinkInput is the code of a link that logs its person in.
type LogInLinkInput struct {
	Code   string `json:"code" doc:"Code of the link"`
	Factor string `json:"factor,omitempty" doc:"Code of the second factor, or a recovery code; needed after an error with the kind code"`

	Passkey *PasskeyAnswer `json:"passkey,omitempty" doc:"An answer of a passkey in place of a code, see passkey.ask"`
}

// errLink refuses a link without saying why it is none.
var errLink = &Error{Code: CodeNotFound, Field: "code",
	Message: "This link has been used or has expired. Ask for a new one."}

// LogInByLink opens a session for the person of a link.
func (s *Service) LogInByLink(ctx context.Context, who Caller, in LogInLinkInput) (LoggedInOutput, error) {
	if s.External != nil {
		return LoggedInOutput{}, errElsewhere
	}
	if err := s.limit(ctx, "login:"+who.Addr, s.Limits.Logins); err != nil {
		return LoggedInOutput{}, err
	}
	if in.Code == "" || len(in.Code) > 256 {
		return LoggedInOutput{}, errLink
	}
	r, err := s.Store.Record(ctx, logInLinkKind, hashToken(in.Code))
	if errors.Is(err, ErrNotFound) {
		return LoggedInOutput{}, errLink
	}
	if err != nil {
		return LoggedInOutput{}, err
	}
	var link logInLink
	if err := json.Unmarshal(r.Value, &link); err != nil {
		return LoggedInOutput{}, err
	}
	if !s.now().Before(link.Expires) {
		return LoggedInOutput{}, errLink
	}
	account, err := s.Store.Account(ctx, link.User)
	if err != nil {
		return LoggedInOutput{}, err
	}
	if account.barred(s.now()) {
		return LoggedInOutput{}, disabled(account.User)
	}
	if err := s.limit(ctx, "guess:"+account.NameKey, s.Limits.Guesses); err != nil {
		return LoggedInOutput{}, err
	}
	if err := s.passSecond(ctx, who, account.User, in.Factor, in.Passkey); err != nil {
		return LoggedInOutput{}, err
	}
	err = s.Store.DeleteRecord(ctx, logInLinkKind, r.ID)
	if errors.Is(err, ErrNotFound) { // of two at once, one finds it
		return LoggedInOutput{}, errLink
	}
	if err != nil {
		return LoggedInOutput{}, err
	}
	if account.Disabled {
		if account.User, err = s.enable(ctx, account.ID); err != nil {
			return LoggedInOutput{}, err
		}
	}
	return s.openLogIn(ctx, who, account.User)
}
