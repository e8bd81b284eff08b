package chat

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Whoever has forgotten a password gets a link to set a new one: by mail, or
// from an admin. A request says nothing of whether there is such an account:
// it is only written down, which is the same work for any name, and read later
// where mail is sent.

const (
	// resetKind is the kind of record of such a link, with the hash of its code
	// as the id.
	resetKind = "reset"
	// wishKind is that of a request, with a hash of the name as the id.
	wishKind = "resetwish"
)

const (
	// ResetFor is how long a link works.
	ResetFor = time.Hour
	// wishFor is how long a request may wait for whoever sends mail.
	wishFor = time.Hour
)

// resetMails limits how many such mails a person gets, whoever asks for them.
var resetMails = Rate{Limit: 3, Window: time.Hour}

type resetLink struct {
	User    UserID    `json:"user"`
	Expires time.Time `json:"expires"`
}

type resetWish struct {
	Name    string    `json:"name"` // its key
	Expires time.Time `json:"expires"`
}

// AskResetInput names an account.
type AskResetInput struct {
	Name string `json:"name" doc:"Name of the account"`
}

// AskReset has a link to set a new password mailed to an account's address, if
// there is such an account and it has one. The answer does not tell.
func (s *Service) AskReset(ctx context.Context, who Caller, in AskResetInput) (None, error) {
	switch {
	case s.External != nil:
		return None{}, errElsewhere
	case s.NoPasswords:
		return None{}, errNoPasswords
	case s.Mail == nil:
		return None{}, &Error{Code: CodeForbidden,
			Message: "This server sends no mail. Ask your administrator for a link to set a new password."}
	}
	if err := s.limit(ctx, "login:"+who.Addr, s.Limits.Logins); err != nil {
		return None{}, err
	}
	if in.Name == "" || len(in.Name) > 256 {
		return None{}, invalid("name", "Enter the name that you log in with.")
	}
	key := s.Names.Key(in.Name)
	id := hashToken(key)[:32]
	value, err := json.Marshal(resetWish{Name: key, Expires: s.now().Add(wishFor)})
	if err != nil {
		return None{}, err
	}
	r, err := s.Store.Record(ctx, wishKind, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return None{}, err
	}
	_, err = s.Store.PutRecord(ctx, wishKind, id, r.Version, value)
	if errors.Is(err, ErrConflict) { // somebody asks at the same moment
		err = nil
	}
	s.mailChanged()
	return None{}, err
}

// ServeResets turns requests into mails.
func (s *Service) ServeResets(ctx context.Context) error {
	return s.eachRecord(ctx, wishKind, func(r Record) error {
		var wish resetWish
		if err := json.Unmarshal(r.Value, &wish); err != nil {
			return err
		}
		if err := s.serveReset(ctx, wish); err != nil {
			return err
		}
		return s.forgetRecords(ctx, wishKind, r.ID)
	})
}

func (s *Service) serveReset(ctx context.Context, wish resetWish) error {
	account, err := s.Store.AccountByName(ctx, wish.Name)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || account.Bot || account.barred(s.now()) || !s.now().Before(wish.Expires) {
		return err
	}
	m, _, err := s.mailOf(ctx, account.ID)
	if err != nil || m.Address == "" {
		return err
	}
	err = s.limit(ctx, "reset:"+string(account.ID), resetMails)
	if errors.Is(err, ErrRateLimited) {
		return nil
	}
	if err != nil {
		return err
	}
	code, err := s.newReset(ctx, account.ID)
	if err != nil {
		return err
	}
	return s.tell(ctx, account.ID, Letter{Kind: LetterReset, Code: code})
}

func (s *Service) newReset(ctx context.Context, user UserID) (code string, err error) {
	value, err := json.Marshal(resetLink{User: user, Expires: s.now().Add(ResetFor)})
	if err != nil {
		return "", err
	}
	code = s.NewToken()
	_, err = s.Store.PutRecord(ctx, resetKind, hashToken(code), 0, value)
	return code, err
}

// ResetLinkOutput is a link to set a new password.
type ResetLinkOutput struct {
	Code    string    `json:"code" doc:"Goes behind #reset= in the client's address. It is shown once"`
	Expires time.Time `json:"expires" doc:"It works until then, once"`
}

// MakeReset makes a link with which somebody sets a new password, for an admin
// to hand over.
func (s *Service) MakeReset(ctx context.Context, who Caller, in UserInput) (ResetLinkOutput, error) {
	switch {
	case s.External != nil:
		return ResetLinkOutput{}, errElsewhere
	case s.NoPasswords:
		return ResetLinkOutput{}, errNoPasswords
	}
	account, err := s.Store.Account(ctx, in.User)
	if err != nil {
		return ResetLinkOutput{}, err
	}
	if account.Bot || !mayManage(who.User, account.User, account.Role) {
		return ResetLinkOutput{}, ErrForbidden
	}
	if err := s.proven(ctx, who); err != nil {
		return ResetLinkOutput{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "account.reset", User: account.ID}); err != nil {
		return ResetLinkOutput{}, err
	}
	out := ResetLinkOutput{Expires: s.now().Add(ResetFor)}
	out.Code, err = s.newReset(ctx, account.ID)
	return out, err
}

// ResetInput sets a new password.
type ResetInput struct {
	Code     string `json:"code" doc:"Code of the link"`
	Password string `json:"password" doc:"New password"`
	Factor   string `json:"factor,omitempty" doc:"Code of the second factor, or a recovery code; needed after an error with the kind code"`

	Passkey *PasskeyAnswer `json:"passkey,omitempty" doc:"An answer of a passkey in place of a code, see passkey.ask"`
}

// ResetPassword sets a new password with a link, which works once. It ends all
// sessions and opens a new one. A second factor stays, and is asked for.
func (s *Service) ResetPassword(ctx context.Context, who Caller, in ResetInput) (LoggedInOutput, error) {
	switch {
	case s.External != nil:
		return LoggedInOutput{}, errElsewhere
	case s.NoPasswords:
		return LoggedInOutput{}, errNoPasswords
	}
	if err := s.limit(ctx, "login:"+who.Addr, s.Limits.Logins); err != nil {
		return LoggedInOutput{}, err
	}
	if in.Code == "" || len(in.Code) > 256 {
		return LoggedInOutput{}, errLink
	}
	r, err := s.Store.Record(ctx, resetKind, hashToken(in.Code))
	if errors.Is(err, ErrNotFound) {
		return LoggedInOutput{}, errLink
	}
	if err != nil {
		return LoggedInOutput{}, err
	}
	var link resetLink
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
	if err := s.checkNewPassword(in.Password); err != nil { // before a code is used up
		return LoggedInOutput{}, err
	}
	if err := s.limit(ctx, "guess:"+account.NameKey, s.Limits.Guesses); err != nil {
		return LoggedInOutput{}, err
	}
	if err := s.passSecond(ctx, who, account.User, in.Factor, in.Passkey); err != nil {
		return LoggedInOutput{}, err
	}
	err = s.Store.DeleteRecord(ctx, resetKind, r.ID)
	if errors.Is(err, ErrNotFound) { // of two at once, one finds it
		return LoggedInOutput{}, errLink
	}
	if err != nil {
		return LoggedInOutput{}, err
	}
	if err := s.setPassword(ctx, Caller{User: account.User}, account, in.Password, ""); err != nil {
		return LoggedInOutput{}, err
	}
	if account.Disabled {
		if account.User, err = s.enable(ctx, account.ID); err != nil {
			return LoggedInOutput{}, err
		}
	}
	return s.openLogIn(ctx, who, account.User)
}

// tell mails somebody a letter about their account, if they have an address.
func (s *Service) tell(ctx context.Context, user UserID, l Letter) error {
	if s.Mail == nil {
		return nil
	}
	if m, _, err := s.mailOf(ctx, user); err != nil || m.Address == "" {
		return err
	}
	_, err := s.changeMail(ctx, user, func(m *StoredMail) error {
		if m.Address == "" {
			return nil
		}
		l.ID, l.To, l.At = s.NewID(), m.Address, s.now()
		m.post(l)
		return nil
	})
	s.mailChanged()
	return err
}

// warn tells somebody what happened to their account. That it cannot be told
// does not undo it.
func (s *Service) warn(ctx context.Context, user UserID, l Letter) {
	err := s.limit(ctx, "warn:"+string(user), mailLetters)
	if err == nil {
		err = s.tell(ctx, user, l)
	}
	if err != nil && !errors.Is(err, ErrRateLimited) {
		s.Log.Warn("mail about an account could not be queued", "user", user, "error", err)
	}
}
