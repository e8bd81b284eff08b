package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// challengeKind is the kind of record of what an authenticator was asked to
// sign, under the hash of a secret that only the page has which asked.
const challengeKind = "passkeychallenge"

// ChallengeFor is how long an authenticator may take to answer.
const ChallengeFor = 5 * time.Minute

type passkeyChallenge struct {
	State   []byte    `json:"state"`
	Makes   UserID    `json:"makes,omitempty"` // for whom it makes a passkey; empty if it uses one
	Session SessionID `json:"session,omitempty"`
	Device  string    `json:"device,omitempty"`
	Expires time.Time `json:"expires"`
}

var errChallenge = &Error{Code: CodeConflict, Field: "passkey",
	Message: "This took too long, or was used before. Try again."}

// ChallengeOutput is what an authenticator is to sign.
type ChallengeOutput struct {
	Challenge string         `json:"challenge" doc:"Secret of this attempt: give it back with the answer. It counts once, for five minutes"`
	Options   map[string]any `json:"options" doc:"For navigator.credentials, as PublicKeyCredentialCreationOptionsJSON or PublicKeyCredentialRequestOptionsJSON"`
}

// PasskeyAnswer is what an authenticator has signed.
type PasskeyAnswer struct {
	Challenge  string         `json:"challenge" doc:"Secret of this attempt"`
	Credential map[string]any `json:"credential" doc:"What navigator.credentials returned, as its toJSON writes it"`
}

// challenge keeps a ceremony until the browser of the caller has done it.
func (s *Service) challenge(ctx context.Context, who Caller, c Ceremony,
	makes UserID) (ChallengeOutput, error) {
	value, err := json.Marshal(passkeyChallenge{State: c.State, Makes: makes, Session: who.Session,
		Device: who.Device, Expires: s.now().Add(ChallengeFor)})
	if err != nil {
		return ChallengeOutput{}, err
	}
	secret := s.NewToken()
	_, err = s.Store.PutRecord(ctx, challengeKind, hashToken(secret), 0, value)
	return ChallengeOutput{Challenge: secret, Options: c.Options}, err
}

// takeChallenge returns the state of a ceremony, once, to the session and the
// device that began it.
func (s *Service) takeChallenge(ctx context.Context, who Caller, secret string,
	makes UserID) ([]byte, error) {
	if secret == "" || len(secret) > 256 {
		return nil, errChallenge
	}
	r, err := s.Store.Record(ctx, challengeKind, hashToken(secret))
	if errors.Is(err, ErrNotFound) {
		return nil, errChallenge
	}
	if err != nil {
		return nil, err
	}
	var c passkeyChallenge
	if err := json.Unmarshal(r.Value, &c); err != nil {
		return nil, err
	}
	if c.Makes != makes || c.Session != who.Session || c.Device != who.Device || !s.now().Before(c.Expires) {
		return nil, errChallenge
	}
	err = s.Store.DeleteRecord(ctx, challengeKind, r.ID)
	if errors.Is(err, ErrNotFound) { // of two at once, one finds it
		err = errChallenge
	}
	return c.State, err
}

// AskPasskey asks for any passkey of this server.
func (s *Service) AskPasskey(ctx context.Context, who Caller, _ None) (ChallengeOutput, error) {
	switch {
	case s.External != nil:
		return ChallengeOutput{}, errElsewhere
	case s.Passkeys == nil:
		return ChallengeOutput{}, errNoPasskeys
	}
	if err := s.limit(ctx, "login:"+who.Addr, s.Limits.Logins); err != nil {
		return ChallengeOutput{}, err
	}
	c, err := s.Passkeys.Request()
	if err != nil {
		return ChallengeOutput{}, err
	}
	return s.challenge(ctx, who, c, "")
}

// usePasskey returns whose passkey signed a challenge.
func (s *Service) usePasskey(ctx context.Context, who Caller, in PasskeyAnswer) (UserID, error) {
	if s.Passkeys == nil {
		return "", errNoPasskeys
	}
	state, err := s.takeChallenge(ctx, who, in.Challenge, "")
	if err != nil {
		return "", err
	}
	owner, used, err := s.Passkeys.Answered(state, in.Credential, func(user UserID) ([]StoredPasskey, error) {
		all, _, err := s.passkeys(ctx, user)
		return all, err
	})
	if err != nil {
		return "", s.oddPasskey(who, err)
	}
	return owner, s.changePasskeys(ctx, owner, func(all []StoredPasskey) ([]StoredPasskey, error) {
		i := slices.IndexFunc(all, func(k StoredPasskey) bool {
			return bytes.Equal(k.Credential, used.Credential)
		})
		if i < 0 { // removed a moment ago
			return nil, ErrPasskey
		}
		k := &all[i]
		if (used.Counter > 0 || k.Counter > 0) && used.Counter <= k.Counter {
			s.Log.Warn("passkey may be copied: its counter did not go forward", "user", owner,
				"passkey", k.ID, "was", k.Counter, "is", used.Counter, "address", who.Addr)
			return nil, errCopied
		}
		k.Counter, k.UsedAt = used.Counter, s.now()
		return all, nil
	})
}

// LogInByPasskey opens a session with a passkey, which says by itself whose it
// is, and is both factors.
func (s *Service) LogInByPasskey(ctx context.Context, who Caller, in PasskeyAnswer) (LoggedInOutput, error) {
	switch {
	case s.External != nil:
		return LoggedInOutput{}, errElsewhere
	case s.NoPasswords:
		return LoggedInOutput{}, errNoPasswords
	}
	if err := s.limit(ctx, "login:"+who.Addr, s.Limits.Logins); err != nil {
		return LoggedInOutput{}, err
	}
	user, err := s.usePasskey(ctx, who, in)
	if err != nil {
		return LoggedInOutput{}, err
	}
	account, err := s.Store.Account(ctx, user)
	if err != nil {
		return LoggedInOutput{}, err
	}
	if account.barred(s.now()) {
		return LoggedInOutput{}, disabled(account.User)
	}
	if account.Disabled {
		if account.User, err = s.enable(ctx, account.ID); err != nil {
			return LoggedInOutput{}, err
		}
	}
	if err := s.settle(ctx, account.User); err != nil {
		return LoggedInOutput{}, err
	}
	return s.openLogIn(ctx, who, account.User)
}
