package chat

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// A second factor is an authenticator app, whose secret the server shares, or a
// passkey, with recovery codes for those who lose it. Whoever has one is asked
// for it after the password, or after a link from the operator. A log-in at a
// provider needs none: what it asks for is up to the provider.

const (
	// factorKind is the kind of record of a person's second factor, under their
	// id.
	factorKind = "factor"
	// newFactorKind is that of one which has not been confirmed yet.
	newFactorKind = "newfactor"
)

// FactorFor is how long setting up a second factor may take.
const FactorFor = 15 * time.Minute

const recoveryCodes = 10

type factor struct {
	Secret    []byte    `json:"secret"` // of the app; empty for those with passkeys only
	CreatedAt time.Time `json:"created_at"`
	Step      int64     `json:"step"`     // of the last code that was used
	Recovery  []string  `json:"recovery"` // hashes of the codes that are left
	Expires   time.Time `json:"expires"`  // with newFactorKind
}

func (s *Service) factor(ctx context.Context, kind string, user UserID) (f factor, version int64, err error) {
	r, err := s.Store.Record(ctx, kind, string(user))
	if err == nil {
		err = json.Unmarshal(r.Value, &f)
	}
	return f, r.Version, err
}

func (s *Service) putFactor(ctx context.Context, kind string, user UserID, f factor, was int64) error {
	value, err := json.Marshal(f)
	if err == nil {
		_, err = s.Store.PutRecord(ctx, kind, string(user), was, value)
	}
	return err
}

// With these a second factor is passed.
const (
	ByApp      = "app"      // a code of an authenticator app
	ByPasskey  = "passkey"  // an answer of an authenticator
	ByRecovery = "recovery" // a recovery code
)

// needsCode asks for a second factor, in the field code or passkey.
func needsCode(by []string) *Error {
	e := &Error{Code: CodeUnauthenticated, Field: "code",
		Message: "Enter the code that your authenticator app shows, or a recovery code.",
		Details: &Details{Kind: NeedsCode, Factors: by}}
	if !slices.Contains(by, ByApp) {
		e.Message = "Use your passkey, or enter a recovery code."
	}
	return e
}

// errWrongCode tells no reason: it may be old, used or another one's.
var errWrongCode = &Error{Code: CodeForbidden, Field: "code",
	Message: "This code is wrong or was used before. Wait for the next one."}

// errNoFactor says that there is no second factor to change.
var errNoFactor = &Error{Code: CodeConflict, Message: "There is no second factor."}

// factorsOf returns with what a person can pass the second factor; nothing if
// they have none.
func (s *Service) factorsOf(ctx context.Context, user UserID) (by []string, err error) {
	f, _, err := s.factor(ctx, factorKind, user)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	keys, _, err := s.passkeys(ctx, user)
	if len(f.Secret) > 0 {
		by = append(by, ByApp)
	}
	if len(keys) > 0 {
		by = append(by, ByPasskey)
	}
	if len(by) > 0 && len(f.Recovery) > 0 {
		by = append(by, ByRecovery)
	}
	return by, err
}

// useFactor takes a code of a person's second factor, or an answer of one of
// their passkeys, each only once. ErrNotFound if they have no second factor,
// an error of the kind [NeedsCode] if neither is given.
func (s *Service) useFactor(ctx context.Context, who Caller, user UserID, code string,
	key *PasskeyAnswer) error {
	by, err := s.factorsOf(ctx, user)
	switch {
	case err != nil:
		return err
	case len(by) == 0:
		return ErrNotFound
	case key != nil:
		owner, err := s.usePasskey(ctx, who, *key)
		if err == nil && owner != user {
			err = ErrPasskey
		}
		return err
	case code == "":
		return needsCode(by)
	}
	for {
		f, version, err := s.factor(ctx, factorKind, user)
		if errors.Is(err, ErrNotFound) { // only a passkey, without recovery codes
			err = errWrongCode
		}
		if err != nil {
			return err
		}
		if !f.take(code, s.now()) {
			return errWrongCode
		}
		err = s.putFactor(ctx, factorKind, user, f, version)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		// somebody used one at the same moment: it might be this one
	}
}

// passSecond takes the second factor of a log-in, if the person has one.
func (s *Service) passSecond(ctx context.Context, who Caller, user User, code string,
	key *PasskeyAnswer) error {
	err := s.useFactor(ctx, who, user.ID, code, key)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case errors.Is(err, ErrForbidden):
		s.Log.Warn("wrong second factor", "name", user.Name, "address", who.Addr)
	}
	return err
}

// take marks a code as used, if it is one.
func (f *factor) take(code string, now time.Time) bool {
	code = plainCode(code)
	if len(f.Secret) > 0 { // everyone knows the codes of an empty one
		if step, ok := totpStepOf(f.Secret, code, now, f.Step); ok {
			f.Step = step
			return true
		}
	}
	i := slices.Index(f.Recovery, hashToken(code))
	if i < 0 {
		return false
	}
	f.Recovery = slices.Delete(f.Recovery, i, i+1)
	return true
}

// plainCode is a code as people may type it, with spaces and hyphens, in
// capitals.
func plainCode(code string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' {
			return -1
		}
		return r
	}, code))
}

// newRecovery returns recovery codes as they are shown, and their hashes.
func newRecovery() (shown, hashes []string) {
	for range recoveryCodes {
		code := strings.ToLower(rand.Text()[:12]) // 60 bits
		shown = append(shown, code[:4]+"-"+code[4:8]+"-"+code[8:])
		hashes = append(hashes, hashToken(code))
	}
	return shown, hashes
}

// FactorOutput is the state of a person's second factor.
type FactorOutput struct {
	Enabled   bool      `json:"enabled" doc:"There is an authenticator app"`
	CreatedAt time.Time `json:"created_at,omitzero" doc:"Since when"`
	Recovery  int       `json:"recovery,omitempty" doc:"How many recovery codes are left"`
	Passkeys  int       `json:"passkeys,omitempty" doc:"How many passkeys there are, see passkey.list"`
	Demanded  bool      `json:"demanded,omitempty" doc:"Your role needs a second factor: the last cannot be removed"`
}

// GetFactor returns the state of the caller's second factor.
func (s *Service) GetFactor(ctx context.Context, who Caller, _ None) (FactorOutput, error) {
	demanded, err := s.demandsFactor(ctx, who.User)
	if err != nil {
		return FactorOutput{}, err
	}
	f, _, err := s.factor(ctx, factorKind, who.User.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return FactorOutput{}, err
	}
	keys, _, err := s.passkeys(ctx, who.User.ID)
	return FactorOutput{Enabled: len(f.Secret) > 0, CreatedAt: f.CreatedAt, Recovery: len(f.Recovery),
		Passkeys: len(keys), Demanded: demanded}, err
}

// NewFactorOutput is a second factor that waits for its first code.
type NewFactorOutput struct {
	Secret string `json:"secret" doc:"To type into an authenticator app, in base32"`
	URI    string `json:"uri" doc:"The same as an address, for a QR code"`
}

// BeginFactor makes a second factor, which counts once it is confirmed.
func (s *Service) BeginFactor(ctx context.Context, who Caller, _ None) (NewFactorOutput, error) {
	if s.External != nil {
		return NewFactorOutput{}, errElsewhere
	}
	if who.User.Bot {
		return NewFactorOutput{}, ErrForbidden
	}
	if err := s.proven(ctx, who); err != nil {
		return NewFactorOutput{}, err
	}
	info, err := s.Info(ctx, who, None{})
	if err != nil {
		return NewFactorOutput{}, err
	}
	secret := make([]byte, totpSecret)
	rand.Read(secret) // never fails
	_, version, err := s.factor(ctx, newFactorKind, who.User.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return NewFactorOutput{}, err
	}
	now := s.now()
	err = s.putFactor(ctx, newFactorKind, who.User.ID,
		factor{Secret: secret, CreatedAt: now, Expires: now.Add(FactorFor)}, version)
	return NewFactorOutput{Secret: base32Plain.EncodeToString(secret),
		URI: totpURI(info.Name, who.User.Name, secret)}, err
}

// CodeInput is a code of a second factor.
type CodeInput struct {
	Code string `json:"code" doc:"Code that the authenticator app shows"`
}

// RecoveryOutput are new recovery codes.
type RecoveryOutput struct {
	Recovery []string        `json:"recovery" doc:"Recovery codes, each for one log-in. They are shown once"`
	LoggedIn *LoggedInOutput `json:"logged_in,omitempty" doc:"The session that takes the place of one that could only set up a second factor"`
}

// ConfirmFactor has the caller's new second factor count, with its first code.
// It replaces the one before.
func (s *Service) ConfirmFactor(ctx context.Context, who Caller, in CodeInput) (RecoveryOutput, error) {
	var out RecoveryOutput
	if err := s.limit(ctx, "code:"+string(who.User.ID), s.Limits.Guesses); err != nil {
		return out, err
	}
	if err := s.mayEnrol(ctx, who); err != nil {
		return out, err
	}
	f, _, err := s.factor(ctx, newFactorKind, who.User.ID)
	if errors.Is(err, ErrNotFound) || err == nil && !s.now().Before(f.Expires) {
		return out, &Error{Code: CodeConflict, Message: "This took too long. Begin again with a new QR code."}
	}
	if err != nil {
		return out, err
	}
	if !f.take(in.Code, s.now()) {
		return out, &Error{Code: CodeInvalid, Field: "code",
			Message: "This is not the code that the app shows now. If it goes on, check the clock of your phone."}
	}
	_, version, err := s.factor(ctx, factorKind, who.User.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return out, err
	}
	if err := s.record(ctx, who, AuditEntry{Action: "factor.confirm", User: who.User.ID}); err != nil {
		return out, err
	}
	out.Recovery, f.Recovery = newRecovery()
	f.CreatedAt, f.Expires = s.now(), time.Time{}
	if err := s.putFactor(ctx, factorKind, who.User.ID, f, version); err != nil {
		return out, err
	}
	if err := s.forgetRecords(ctx, newFactorKind, string(who.User.ID)); err != nil {
		return out, err
	}
	out.LoggedIn, err = s.wholeSession(ctx, who)
	return out, err
}

// RenewRecovery replaces the caller's recovery codes.
func (s *Service) RenewRecovery(ctx context.Context, who Caller, _ None) (RecoveryOutput, error) {
	if err := s.proven(ctx, who); err != nil {
		return RecoveryOutput{}, err
	}
	f, version, err := s.factor(ctx, factorKind, who.User.ID)
	if errors.Is(err, ErrNotFound) {
		err = errNoFactor
	}
	if err != nil {
		return RecoveryOutput{}, err
	}
	if err := s.record(ctx, who, AuditEntry{Action: "factor.recovery", User: who.User.ID}); err != nil {
		return RecoveryOutput{}, err
	}
	var out RecoveryOutput
	out.Recovery, f.Recovery = newRecovery()
	return out, s.putFactor(ctx, factorKind, who.User.ID, f, version)
}

// DeleteFactor removes the caller's authenticator app. Recovery codes stay with
// those who have passkeys.
func (s *Service) DeleteFactor(ctx context.Context, who Caller, _ None) (None, error) {
	if err := s.proven(ctx, who); err != nil {
		return None{}, err
	}
	keys, _, err := s.passkeys(ctx, who.User.ID)
	if err != nil {
		return None{}, err
	}
	if len(keys) == 0 {
		if err := s.mayGoWithout(ctx, who.User); err != nil {
			return None{}, err
		}
		return None{}, s.removeFactors(ctx, who, who.User.ID)
	}
	f, version, err := s.factor(ctx, factorKind, who.User.ID)
	if errors.Is(err, ErrNotFound) || err == nil && len(f.Secret) == 0 {
		err = errNoFactor
	}
	if err != nil {
		return None{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "factor.delete", User: who.User.ID}); err != nil {
		return None{}, err
	}
	f.Secret = nil
	if err := s.putFactor(ctx, factorKind, who.User.ID, f, version); err != nil {
		return None{}, err
	}
	s.warn(ctx, who.User.ID, Letter{Kind: LetterApp})
	return None{}, nil
}

// ResetFactor removes all second factors, passkeys too, of somebody who has
// lost them.
func (s *Service) ResetFactor(ctx context.Context, who Caller, in UserInput) (None, error) {
	account, err := s.Store.Account(ctx, in.User)
	if err != nil {
		return None{}, err
	}
	if !mayManage(who.User, account.User, account.Role) {
		return None{}, ErrForbidden
	}
	if err := s.proven(ctx, who); err != nil {
		return None{}, err
	}
	return None{}, s.removeFactors(ctx, who, account.ID)
}

// RemoveFactor removes somebody's second factors, on behalf of the operator.
func (s *Service) RemoveFactor(ctx context.Context, account Account) error {
	return s.removeFactors(ctx, Caller{}, account.ID)
}

func (s *Service) removeFactors(ctx context.Context, who Caller, user UserID) error {
	by, err := s.factorsOf(ctx, user)
	if err == nil && len(by) == 0 {
		err = errNoFactor
	}
	if err != nil {
		return err
	}
	if err := s.record(ctx, who, AuditEntry{Action: "factor.delete", User: user}); err != nil {
		return err
	}
	for _, kind := range []string{passkeyKind, factorKind} {
		if err := s.forgetRecords(ctx, kind, string(user)); err != nil {
			return err
		}
	}
	s.warn(ctx, user, Letter{Kind: LetterFactor})
	return nil
}
