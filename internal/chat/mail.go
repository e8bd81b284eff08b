package chat

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
)

const (
	// mailboxKind is the kind of record of a person's mail, whose id is the
	// person's.
	mailboxKind = "mail"
	// confirmFor is how long the link that confirms an address works.
	confirmFor = 24 * time.Hour
	// undoFor is how long the link that undoes a change of the address works.
	undoFor = 7 * 24 * time.Hour
	// maxUndo is how many changes of an address can be undone at a time; there
	// are no more changes until then. So no one who has taken an account over
	// can push the rightful address out.
	maxUndo = 5
)

// mailLetters limits how many mails with links a person can have sent, and how
// many go to an address.
var mailLetters = Rate{Limit: 5, Window: time.Hour}

// StoredMail is a person's mail: their address, and what is to be sent.
type StoredMail struct {
	User    UserID     `json:"user"`
	Address string     `json:"address,omitempty"` // confirmed; empty for none
	Off     bool       `json:"off,omitempty"`     // no mail about messages
	Pending *MailLink  `json:"pending,omitempty"` // an address that is not confirmed yet
	Undo    []MailLink `json:"undo,omitempty"`    // earlier addresses, oldest first

	Letters []Letter  `json:"letters,omitempty"` // oldest first
	Waiting []MailJob `json:"waiting,omitempty"`
	// Queued is the newest message of each room that was ever in Waiting, so
	// that what is handled twice is mailed once.
	Queued   []MailJob `json:"queued,omitempty"`
	Attempts int       `json:"attempts,omitempty"`
	NextAt   time.Time `json:"next_at,omitzero"` // not before, as an attempt failed
	SentAt   time.Time `json:"sent_at,omitzero"`
	Error    string    `json:"error,omitempty"` // of the last attempt
}

// MailLink is an address, and the code that makes it the person's.
type MailLink struct {
	Address  string    `json:"address"`
	CodeHash string    `json:"code"`
	Until    time.Time `json:"until"`
}

// MailOutput is the caller's mail.
type MailOutput struct {
	Enabled bool      `json:"enabled" doc:"Whether this server sends mail"`
	Address string    `json:"address,omitempty" doc:"Your confirmed address. No one else sees it"`
	Pending string    `json:"pending,omitempty" doc:"The address that the last mail with a link went to, until you confirm it"`
	Notify  bool      `json:"notify" doc:"Whether you get mail about mentions and direct messages that you have not read"`
	Minutes int       `json:"minutes" doc:"After how many minutes"`
	SentAt  time.Time `json:"sent_at,omitzero" doc:"When the mail server last took a mail to you"`
	Error   string    `json:"error,omitempty" doc:"Why the last attempt failed; empty if it did not"`
}

// SetMailInput sets a mail address.
type SetMailInput struct {
	Address  string `json:"address" doc:"Your mail address; empty for none"`
	Password string `json:"password,omitempty" doc:"Your password; without it, a proof that it is you is needed, see session.prove"`
}

// UpdateMailInput changes what mail is for.
type UpdateMailInput struct {
	Notify bool `json:"notify" doc:"Whether you get mail about mentions and direct messages that you have not read"`
}

// MailCodeInput is a code from a mail.
type MailCodeInput struct {
	Code string `json:"code" doc:"The end of the link in the mail"`
}

// MailAddressOutput is what a link in a mail has done.
type MailAddressOutput struct {
	Address string `json:"address" doc:"The address that it is about"`
}

var (
	errNoMail      = &Error{Code: CodeForbidden, Message: "This server sends no mail."}
	errMailCode    = &Error{Code: CodeNotFound, Field: "code", Message: "This link is no longer valid. Ask for a new one in your settings."}
	errMailAddress = &Error{Code: CodeInvalid, Field: "address", Message: "The address must be a mail address such as joe@example.com."}
)

// ParseMailAddress returns ErrInvalid for what is not an address alone, such as
// joe@example.com.
func ParseMailAddress(text string) error {
	a, err := mail.ParseAddress(text)
	if err != nil || a.Name != "" || a.Address != text || len(text) > 254 ||
		strings.LastIndexByte(text, '@') > 64 || strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r == '<' || r == '>' || r == 127
	}) {
		return errMailAddress
	}
	return nil
}

// GetMail returns the caller's mail.
func (s *Service) GetMail(ctx context.Context, who Caller, _ None) (MailOutput, error) {
	m, _, err := s.mailOf(ctx, who.User.ID)
	return s.mailOutput(m), err
}

func (s *Service) mailOutput(m StoredMail) MailOutput {
	out := MailOutput{Enabled: s.Mail != nil, Address: m.Address, Notify: !m.Off,
		Minutes: int(s.MailAfter / time.Minute), SentAt: m.SentAt, Error: m.Error}
	if m.Pending != nil && s.now().Before(m.Pending.Until) {
		out.Pending = m.Pending.Address
	}
	return out
}

// mailOf returns a person's mail, and the version of its record: 0 for none.
func (s *Service) mailOf(ctx context.Context, user UserID) (StoredMail, int64, error) {
	m := StoredMail{User: user}
	r, err := s.Store.Record(ctx, mailboxKind, string(user))
	if errors.Is(err, ErrNotFound) {
		return m, 0, nil
	}
	if err != nil {
		return m, 0, err
	}
	m, err = readMail(r)
	return m, r.Version, err
}

func readMail(r Record) (StoredMail, error) {
	var m StoredMail
	if err := json.Unmarshal(r.Value, &m); err != nil {
		return m, fmt.Errorf("mail of %s: %w", r.ID, err)
	}
	return m, nil
}

// changeMail applies a change to a person's mail as it is now, also while
// others change it: it may be asked more than once. If it fails, nothing is
// written.
func (s *Service) changeMail(ctx context.Context, user UserID,
	change func(*StoredMail) error) (StoredMail, error) {
	for {
		m, version, err := s.mailOf(ctx, user)
		if err != nil {
			return m, err
		}
		if err := change(&m); err != nil {
			return m, err
		}
		value, err := json.Marshal(m)
		if err != nil {
			return m, err
		}
		_, err = s.Store.PutRecord(ctx, mailboxKind, string(user), version, value)
		if !errors.Is(err, ErrConflict) {
			return m, err
		}
	}
}

// SetMail sets the caller's mail address. It is theirs when they follow the
// link that is mailed there. Until then the one before stays.
func (s *Service) SetMail(ctx context.Context, who Caller, in SetMailInput) (MailOutput, error) {
	switch {
	case s.Mail == nil:
		return MailOutput{}, errNoMail
	case s.External != nil:
		return MailOutput{}, errElsewhere
	}
	if in.Address != "" {
		if err := ParseMailAddress(in.Address); err != nil {
			return MailOutput{}, err
		}
	}
	var err error
	if in.Password != "" {
		_, err = s.checkPassword(ctx, who, "password", in.Password)
	} else { // people who log in at a provider have none
		err = s.proven(ctx, who)
	}
	if err != nil {
		return MailOutput{}, err
	}
	if err := s.limit(ctx, "mail:"+string(who.User.ID), mailLetters); err != nil {
		return MailOutput{}, err
	}
	if in.Address != "" {
		if err := s.limit(ctx, "mail-to:"+strings.ToLower(in.Address), mailLetters); err != nil {
			return MailOutput{}, err
		}
	}
	code := s.mailCode(who.User.ID)
	m, err := s.changeMail(ctx, who.User.ID, func(m *StoredMail) error {
		m.Pending = nil
		m.Letters = slices.DeleteFunc(m.Letters, func(l Letter) bool { return l.Kind == LetterConfirm })
		switch in.Address {
		case m.Address:
			return nil
		case "":
			return s.replaceAddress(m, "")
		}
		if err := s.mayMove(m); err != nil { // said now, and not when it is confirmed
			return err
		}
		m.Pending = &MailLink{Address: in.Address, CodeHash: hashToken(code), Until: s.now().Add(confirmFor)}
		m.post(Letter{ID: s.NewID(), Kind: LetterConfirm, To: in.Address, Code: code, At: s.now()})
		return nil
	})
	if err != nil {
		return MailOutput{}, err
	}
	s.mailChanged()
	return s.mailOutput(m), nil
}

// mailCode makes a code for a link in a mail. It begins with whose it is.
func (s *Service) mailCode(user UserID) string { return string(user) + "." + s.NewToken() }

// mayMove refuses a change of the address if too many can be undone.
func (s *Service) mayMove(m *StoredMail) error {
	now := s.now()
	m.Undo = slices.DeleteFunc(m.Undo, func(l MailLink) bool { return !now.Before(l.Until) })
	if m.Address != "" && len(m.Undo) >= maxUndo {
		return &Error{Code: CodeRateLimited, Field: "address", RetryAfter: m.Undo[0].Until.Sub(now),
			Message: "You have changed your address often. Try again in a few days."}
	}
	return nil
}

// replaceAddress gives a person another address. The one before is told, with
// a way back.
func (s *Service) replaceAddress(m *StoredMail, address string) error {
	if err := s.mayMove(m); err != nil {
		return err
	}
	if m.Address != "" {
		code := s.mailCode(m.User)
		m.Undo = append(m.Undo,
			MailLink{Address: m.Address, CodeHash: hashToken(code), Until: s.now().Add(undoFor)})
		m.post(Letter{ID: s.NewID(), Kind: LetterChanged, To: m.Address, Code: code, At: s.now()})
	}
	m.Address, m.Error, m.Attempts, m.NextAt = address, "", 0, time.Time{}
	return nil
}

// mailChanged says that there may be something new to send.
func (s *Service) mailChanged() {
	if s.MailChanged != nil {
		s.MailChanged()
	}
}

// UpdateMail turns mail about messages on or off.
func (s *Service) UpdateMail(ctx context.Context, who Caller, in UpdateMailInput) (MailOutput, error) {
	if err := s.limit(ctx, "push:"+string(who.User.ID), s.Limits.Profiles); err != nil {
		return MailOutput{}, err
	}
	m, err := s.changeMail(ctx, who.User.ID, func(m *StoredMail) error {
		m.Off = !in.Notify
		return nil
	})
	return s.mailOutput(m), err
}

// owner returns whose code it is. Guesses from an address are limited.
func (s *Service) owner(ctx context.Context, who Caller, code string) (UserID, error) {
	if err := s.limit(ctx, "login:"+who.Addr, s.Limits.Logins); err != nil {
		return "", err
	}
	user, _, ok := strings.Cut(code, ".")
	if !ok || user == "" || len(user) > 64 || len(code) > 256 {
		return "", errMailCode
	}
	return UserID(user), nil
}

func (l *MailLink) opens(code string, now time.Time) bool {
	return l != nil && now.Before(l.Until) && hmac.Equal([]byte(l.CodeHash), []byte(hashToken(code)))
}

// ConfirmMail makes an address that of the person to whom the code was mailed
// there.
func (s *Service) ConfirmMail(ctx context.Context, who Caller, in MailCodeInput) (MailAddressOutput, error) {
	user, err := s.owner(ctx, who, in.Code)
	if err != nil {
		return MailAddressOutput{}, err
	}
	m, err := s.changeMail(ctx, user, func(m *StoredMail) error {
		if !m.Pending.opens(in.Code, s.now()) {
			return errMailCode
		}
		to := m.Pending.Address
		m.Pending = nil
		return s.replaceAddress(m, to)
	})
	if err != nil {
		return MailAddressOutput{}, err
	}
	s.mailChanged()
	return MailAddressOutput{Address: m.Address}, nil
}

// UndoMail gives a person the address back to which the code was mailed, and
// ends all their sessions.
func (s *Service) UndoMail(ctx context.Context, who Caller, in MailCodeInput) (MailAddressOutput, error) {
	user, err := s.owner(ctx, who, in.Code)
	if err != nil {
		return MailAddressOutput{}, err
	}
	is := func(l MailLink) bool { return l.opens(in.Code, s.now()) }
	m, _, err := s.mailOf(ctx, user)
	if err != nil {
		return MailAddressOutput{}, err
	}
	if !slices.ContainsFunc(m.Undo, is) {
		return MailAddressOutput{}, errMailCode
	}
	// First, so that a crash in between leaves the link.
	if _, err := s.Store.Commit(ctx, s.change(Caller{},
		Change{Stream: UserStream(user), Op: RevokeSessions{}})); err != nil {
		return MailAddressOutput{}, err
	}
	m, err = s.changeMail(ctx, user, func(m *StoredMail) error {
		i := slices.IndexFunc(m.Undo, is)
		if i < 0 {
			return errMailCode
		}
		m.Address, m.Pending, m.Error = m.Undo[i].Address, nil, ""
		m.Undo, m.Letters = m.Undo[:i], nil // those behind it were not theirs
		return nil
	})
	return MailAddressOutput{Address: m.Address}, err
}

// UnsubscribeMail ends the mails about messages of the person to whom the code
// was mailed.
func (s *Service) UnsubscribeMail(ctx context.Context, who Caller,
	in MailCodeInput) (MailAddressOutput, error) {
	user, err := s.owner(ctx, who, in.Code)
	if err != nil {
		return MailAddressOutput{}, err
	}
	m, err := s.changeMail(ctx, user, func(m *StoredMail) error {
		want, err := s.unsubscribeCode(ctx, user, m.Address)
		if err == nil && (m.Address == "" || !hmac.Equal([]byte(want), []byte(in.Code))) {
			err = errMailCode
		}
		m.Off = true
		return err
	})
	if err != nil {
		return MailAddressOutput{}, err
	}
	return MailAddressOutput{Address: m.Address}, nil
}

// unsubscribeCode is signed, and works as long as the person has the address.
func (s *Service) unsubscribeCode(ctx context.Context, user UserID, address string) (string, error) {
	key, err := s.mailKey(ctx)
	if err != nil {
		return "", err
	}
	sign := hmac.New(sha256.New, key)
	sign.Write([]byte("unsubscribe\x00" + string(user) + "\x00" + address))
	return string(user) + "." + base64.RawURLEncoding.EncodeToString(sign.Sum(nil)), nil
}

// mailKey is made once, and is the same on all nodes.
func (s *Service) mailKey(ctx context.Context) ([]byte, error) {
	for {
		r, err := s.Store.Record(ctx, serverKind, "mail")
		if !errors.Is(err, ErrNotFound) {
			return r.Value, err
		}
		key := make([]byte, 32)
		rand.Read(key)
		value := []byte(base64.RawURLEncoding.EncodeToString(key))
		if _, err := s.Store.PutRecord(ctx, serverKind, "mail", 0, value); err != nil &&
			!errors.Is(err, ErrConflict) {
			return nil, err
		}
	}
}
