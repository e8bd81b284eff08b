package chat

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// Sessions that began at a provider are remembered, so that they end when the
// person logs out there, and that the provider can be told when they log out
// here.

const (
	// providerSessionKind is the kind of record of a session that began at a
	// provider, with the session's id.
	providerSessionKind = "providersession"
	// providerIndexKind is the kind of record that finds them, with the id
	// "<hash of an issuer and its subject or its session>/<session>".
	providerIndexKind = "providerindex"
	// logoutTokenKind is the kind of record of a provider's message that
	// someone logged out, so that it counts once.
	logoutTokenKind = "logouttoken"
)

// openingFor is more than the opening of a session takes, also where clocks of
// nodes differ: an older entry of the index without a session is of one that
// has ended.
const openingFor = time.Hour

// ProviderSession says at which provider a session began, and what that needs
// to end its own.
type ProviderSession struct {
	Provider string    `json:"provider"` // id; "" for a session that began with a password
	Issuer   string    `json:"issuer"`
	Subject  string    `json:"subject"`
	Session  string    `json:"session"` // the provider's id of its session; "" for none
	IDToken  string    `json:"id_token"`
	User     UserID    `json:"user"`
	Expires  time.Time `json:"expires"`
}

// indexed is an entry of the index of sessions.
type indexed struct {
	User    UserID    `json:"user"`
	Subject string    `json:"subject"`
	At      time.Time `json:"at"` // when its opening began
	Expires time.Time `json:"expires"`
}

// keys returns the entries of the index that lead to a session.
func (p ProviderSession) keys() []string {
	keys := []string{hashOf(p.Issuer, "subject", p.Subject)}
	if p.Session != "" {
		keys = append(keys, hashOf(p.Issuer, "session", p.Session))
	}
	return keys
}

// openProviderSession opens a session which ends when the provider says so. It
// is recorded first: a person who logs out there meanwhile gets none.
func (s *Service) openProviderSession(ctx context.Context, who Caller, user User,
	u ProviderUser) (LoggedInOutput, error) {
	p := ProviderSession{Provider: u.Provider, Issuer: u.Issuer, Subject: u.Subject, Session: u.Session,
		IDToken: u.IDToken, User: user.ID, Expires: s.now().Add(s.SessionMax)}
	if err := s.forgetEnded(ctx, user.ID, p); err != nil {
		return LoggedInOutput{}, err
	}
	out := s.newSession(who, user)
	id := string(out.Session.ID)
	value, err := json.Marshal(p)
	if err != nil {
		return LoggedInOutput{}, err
	}
	entry, err := json.Marshal(indexed{User: user.ID, Subject: p.Subject, At: s.now(), Expires: p.Expires})
	if err != nil {
		return LoggedInOutput{}, err
	}
	if _, err := s.Store.PutRecord(ctx, providerSessionKind, id, 0, value); err != nil {
		return LoggedInOutput{}, err
	}
	for _, key := range p.keys() {
		if _, err := s.Store.PutRecord(ctx, providerIndexKind, key+"/"+id, 0, entry); err != nil {
			return LoggedInOutput{}, err
		}
	}
	if err := s.keepSession(ctx, who, out.Session); err != nil {
		return LoggedInOutput{}, err
	}
	_, err = s.Store.Record(ctx, providerSessionKind, id)
	if errors.Is(err, ErrNotFound) {
		return LoggedInOutput{}, errors.Join(ErrLoggedOut, s.EndSessions(ctx, user.ID, out.Session.ID))
	}
	return out, err
}

// forgetEnded forgets the sessions of a subject that have ended, and none that
// another request may be opening.
func (s *Service) forgetEnded(ctx context.Context, user UserID, p ProviderSession) error {
	all, err := s.Store.Sessions(ctx, user)
	if err != nil {
		return err
	}
	for r, err := range s.prefixed(ctx, providerIndexKind, p.keys()[0]+"/") {
		if err != nil {
			return err
		}
		var x indexed
		if err := json.Unmarshal(r.Value, &x); err != nil {
			return err
		}
		_, id, _ := strings.Cut(r.ID, "/")
		if s.now().Sub(x.At) < openingFor ||
			slices.ContainsFunc(all, func(x Session) bool { return x.ID == SessionID(id) }) {
			continue
		}
		if _, err := s.forgetProviderSession(ctx, SessionID(id)); err != nil {
			return err
		}
	}
	return nil
}

// forgetProviderSession forgets at which provider a session began, and returns
// it; the zero value if it began at none.
func (s *Service) forgetProviderSession(ctx context.Context, id SessionID) (p ProviderSession, err error) {
	r, err := s.Store.Record(ctx, providerSessionKind, string(id))
	if errors.Is(err, ErrNotFound) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(r.Value, &p)
	}
	if err != nil {
		return p, err
	}
	for _, key := range p.keys() {
		if err := s.forgetRecords(ctx, providerIndexKind, key+"/"+string(id)); err != nil {
			return p, err
		}
	}
	return p, s.forgetRecords(ctx, providerSessionKind, string(id))
}

// EndSession ends the caller's session and returns at which provider it began.
func (s *Service) EndSession(ctx context.Context, who Caller) (ProviderSession, error) {
	if who.Anonymous() {
		return ProviderSession{}, ErrUnauthenticated
	}
	if err := who.May(scopeOf("session.delete", "DELETE")); err != nil {
		return ProviderSession{}, err
	}
	if err := s.Admit(ctx, who); err != nil {
		return ProviderSession{}, err
	}
	return s.revokeSession(ctx, who, who.Session)
}

// ProviderLogout is a provider's message that someone has logged out there.
type ProviderLogout struct {
	Issuer  string
	Subject string // may be empty with Session
	Session string // the provider's id of its session; empty for all of the subject
	Token   string // id of the message, which counts once
	Expires time.Time
}

// EndProviderSessions ends the sessions of which a provider says that they have
// ended. Their connections close. A message that came before ends nothing more.
func (s *Service) EndProviderSessions(ctx context.Context, in ProviderLogout) error {
	token := hashOf(in.Issuer, in.Token)
	_, err := s.Store.Record(ctx, logoutTokenKind, token)
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	key := hashOf(in.Issuer, "subject", in.Subject)
	if in.Session != "" {
		key = hashOf(in.Issuer, "session", in.Session)
	}
	var entries []string
	ending := map[UserID][]SessionID{}
	for r, err := range s.prefixed(ctx, providerIndexKind, key+"/") {
		if err != nil {
			return err
		}
		var x indexed
		if err := json.Unmarshal(r.Value, &x); err != nil {
			return err
		}
		if in.Subject != "" && x.Subject != in.Subject {
			continue
		}
		_, id, _ := strings.Cut(r.ID, "/")
		ending[x.User] = append(ending[x.User], SessionID(id))
		entries = append(entries, r.ID)
	}
	// A session that is being opened finds that it is recorded no more. The
	// index goes last: a message that comes again after a crash finds the rest.
	for user, sessions := range ending {
		for _, id := range sessions {
			if err := s.forgetRecords(ctx, providerSessionKind, string(id)); err != nil {
				return err
			}
		}
		if _, err := s.Store.Commit(ctx, s.change(Caller{},
			Change{Stream: UserStream(user), Op: RevokeSessions{Sessions: sessions}})); err != nil {
			return err
		}
	}
	if err := s.forgetRecords(ctx, providerIndexKind, entries...); err != nil {
		return err
	}
	value, err := json.Marshal(struct{ Expires time.Time }{in.Expires})
	if err != nil {
		return err
	}
	if _, err = s.Store.PutRecord(ctx, logoutTokenKind, token, 0, value); errors.Is(err, ErrConflict) {
		err = nil // another node was as fast
	}
	return err
}
