package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A passkey is a key that a person's phone, computer or security key keeps for
// this server. With it they log in without a password: the authenticator asks
// them for a finger, a face or a PIN, so it is both factors at once. After a
// password, or as a proof, it takes the place of a code.

// passkeyKind is the kind of record of a person's passkeys, under their id.
const passkeyKind = "passkey"

const maxPasskeys = 20 // of a person

// Passkeys checks what authenticators sign, for the address of this server.
type Passkeys interface {
	// Address is where passkeys work, such as https://chat.example.com.
	Address() string
	// Creation is how to make a passkey for a person who has these.
	Creation(server string, user User, has []StoredPasskey) (Ceremony, error)
	// Created returns the passkey that was made, without its chat side.
	Created(user User, state []byte, answer map[string]any) (StoredPasskey, error)
	// Request is how to use any passkey of this server.
	Request() (Ceremony, error)
	// Answered returns whose passkey was used, which, and its counter as it is
	// now. find returns the passkeys of a person.
	Answered(state []byte, answer map[string]any, find func(UserID) ([]StoredPasskey, error)) (
		UserID, StoredPasskey, error)
}

// Ceremony is what a browser is asked to do with an authenticator, and what the
// server keeps until it has.
type Ceremony struct {
	Options map[string]any
	State   []byte
}

// ErrPasskey refuses an answer of an authenticator. It tells no reason.
var ErrPasskey = &Error{Code: CodeForbidden, Field: "passkey",
	Message: "This passkey does not work here. It may have been removed from the account. Try another way to log in."}

// errCopied refuses a passkey whose counter does not go forward.
var errCopied = &Error{Code: CodeForbidden, Field: "passkey",
	Message: "Someone else may have a copy of this passkey. Log in another way, remove it, and add a new one."}

var errNoPasskeys = &Error{Code: CodeForbidden,
	Message: "This server has no passkeys: they need https and a name that browsers reach it by."}

// Passkey is what people see of a passkey.
type Passkey struct {
	ID        string    `json:"id" doc:"Id"`
	Name      string    `json:"name" doc:"What its owner calls it"`
	CreatedAt time.Time `json:"created_at" doc:"When it was added"`
	UsedAt    time.Time `json:"used_at,omitzero" doc:"When it was last used"`
	Synced    bool      `json:"synced,omitempty" doc:"It can be on several devices, such as all of one account at Apple or Google"`
}

// StoredPasskey is a passkey as it is kept.
type StoredPasskey struct {
	Passkey
	Credential []byte   `json:"credential"` // its id to the authenticator
	Key        []byte   `json:"key"`        // public key, as COSE
	Counter    uint32   `json:"counter"`    // of signatures; 0 where none are counted
	Transports []string `json:"transports,omitempty"`
}

func (s *Service) passkeys(ctx context.Context, user UserID) (all []StoredPasskey, version int64, err error) {
	r, err := s.Store.Record(ctx, passkeyKind, string(user))
	if errors.Is(err, ErrNotFound) {
		return nil, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(r.Value, &all)
	}
	return all, r.Version, err
}

// changePasskeys replaces a person's passkeys by what change makes of them.
func (s *Service) changePasskeys(ctx context.Context, user UserID,
	change func([]StoredPasskey) ([]StoredPasskey, error)) error {
	for {
		all, version, err := s.passkeys(ctx, user)
		if err == nil {
			all, err = change(all)
		}
		if err != nil {
			return err
		}
		value, err := json.Marshal(all)
		if err != nil {
			return err
		}
		_, err = s.Store.PutRecord(ctx, passkeyKind, string(user), version, value)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// PasskeyList is a person's passkeys.
type PasskeyList struct {
	Passkeys []Passkey `json:"passkeys" doc:"Oldest first"`
}

// ListPasskeys returns the caller's passkeys.
func (s *Service) ListPasskeys(ctx context.Context, who Caller, _ None) (PasskeyList, error) {
	all, _, err := s.passkeys(ctx, who.User.ID)
	out := PasskeyList{Passkeys: []Passkey{}}
	for _, k := range all {
		out.Passkeys = append(out.Passkeys, k.Passkey)
	}
	return out, err
}

// BeginPasskey begins to make a passkey for the caller.
func (s *Service) BeginPasskey(ctx context.Context, who Caller, _ None) (ChallengeOutput, error) {
	switch {
	case s.External != nil:
		return ChallengeOutput{}, errElsewhere
	case who.User.Bot:
		return ChallengeOutput{}, ErrForbidden
	case s.Passkeys == nil:
		return ChallengeOutput{}, errNoPasskeys
	}
	if err := s.proven(ctx, who); err != nil {
		return ChallengeOutput{}, err
	}
	all, _, err := s.passkeys(ctx, who.User.ID)
	if err != nil {
		return ChallengeOutput{}, err
	}
	if len(all) >= maxPasskeys {
		return ChallengeOutput{}, tooManyPasskeys
	}
	info, err := s.Info(ctx, who, None{})
	if err != nil {
		return ChallengeOutput{}, err
	}
	c, err := s.Passkeys.Creation(info.Name, who.User, all)
	if err != nil {
		return ChallengeOutput{}, err
	}
	return s.challenge(ctx, who, c, who.User.ID)
}

var tooManyPasskeys = &Error{Code: CodeConflict,
	Message: fmt.Sprintf("You have %d passkeys. Remove one that you no longer use.", maxPasskeys)}

// NewPasskeyInput is a passkey that a browser has made.
type NewPasskeyInput struct {
	Name    string        `json:"name" doc:"What you call it"`
	Passkey PasskeyAnswer `json:"passkey" doc:"What the browser made"`
}

// FinishPasskey keeps a passkey that the caller's browser has made. With the
// first second factor come recovery codes.
func (s *Service) FinishPasskey(ctx context.Context, who Caller, in NewPasskeyInput) (RecoveryOutput, error) {
	out := RecoveryOutput{Recovery: []string{}}
	if s.Passkeys == nil {
		return out, errNoPasskeys
	}
	name, err := line("name", in.Name, 1, s.Limits.Name)
	if err != nil {
		return out, err
	}
	state, err := s.takeChallenge(ctx, who, in.Passkey.Challenge, who.User.ID)
	if err != nil {
		return out, err
	}
	if err := s.mayEnrol(ctx, who); err != nil {
		return out, err
	}
	made, err := s.Passkeys.Created(who.User, state, in.Passkey.Credential)
	if err != nil {
		return out, s.oddPasskey(who, err)
	}
	made.ID, made.Name, made.CreatedAt = s.NewID(), name, s.now()
	f, version, err := s.factor(ctx, factorKind, who.User.ID)
	first := errors.Is(err, ErrNotFound)
	if err != nil && !first {
		return out, err
	}
	if err := s.record(ctx, who, AuditEntry{Action: "passkey.create", User: who.User.ID, Detail: name}); err != nil {
		return out, err
	}
	err = s.changePasskeys(ctx, who.User.ID, func(all []StoredPasskey) ([]StoredPasskey, error) {
		if len(all) >= maxPasskeys {
			return nil, tooManyPasskeys
		}
		return append(all, made), nil
	})
	if err != nil {
		return out, err
	}
	if first {
		out.Recovery, f.Recovery = newRecovery()
		f.CreatedAt = s.now()
		if err := s.putFactor(ctx, factorKind, who.User.ID, f, version); err != nil {
			return out, err
		}
	}
	s.warn(ctx, who.User.ID, Letter{Kind: LetterPasskey})
	out.LoggedIn, err = s.wholeSession(ctx, who)
	return out, err
}

// RenamePasskeyInput names a passkey anew.
type RenamePasskeyInput struct {
	Passkey string `json:"passkey" doc:"Id of the passkey"`
	Name    string `json:"name" doc:"What you call it"`
}

// RenamePasskey gives one of the caller's passkeys another name.
func (s *Service) RenamePasskey(ctx context.Context, who Caller, in RenamePasskeyInput) (None, error) {
	name, err := line("name", in.Name, 1, s.Limits.Name)
	if err != nil {
		return None{}, err
	}
	return None{}, s.changePasskeys(ctx, who.User.ID, func(all []StoredPasskey) ([]StoredPasskey, error) {
		i := slices.IndexFunc(all, func(k StoredPasskey) bool { return k.ID == in.Passkey })
		if i < 0 {
			return nil, ErrNotFound
		}
		all[i].Name = name
		return all, nil
	})
}

// PasskeyInput names a passkey.
type PasskeyInput struct {
	Passkey string `json:"passkey" doc:"Id of the passkey"`
}

// DeletePasskey removes one of the caller's passkeys.
func (s *Service) DeletePasskey(ctx context.Context, who Caller, in PasskeyInput) (None, error) {
	if err := s.proven(ctx, who); err != nil {
		return None{}, err
	}
	all, _, err := s.passkeys(ctx, who.User.ID)
	if err != nil {
		return None{}, err
	}
	i := slices.IndexFunc(all, func(k StoredPasskey) bool { return k.ID == in.Passkey })
	if i < 0 {
		return None{}, ErrNotFound
	}
	f, _, err := s.factor(ctx, factorKind, who.User.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return None{}, err
	}
	last := len(f.Secret) == 0
	if last && len(all) == 1 {
		if err := s.mayGoWithout(ctx, who.User); err != nil {
			return None{}, err
		}
	}
	entry := AuditEntry{Action: "passkey.delete", User: who.User.ID, Detail: all[i].Name}
	if err := s.record(ctx, who, entry); err != nil {
		return None{}, err
	}
	err = s.changePasskeys(ctx, who.User.ID, func(all []StoredPasskey) ([]StoredPasskey, error) {
		all = slices.DeleteFunc(all, func(k StoredPasskey) bool { return k.ID == in.Passkey })
		last = last && len(all) == 0
		return all, nil
	})
	if err != nil {
		return None{}, err
	}
	if !last {
		s.warn(ctx, who.User.ID, Letter{Kind: LetterPasskeyGone})
		return None{}, nil
	}
	s.warn(ctx, who.User.ID, Letter{Kind: LetterFactor})
	return None{}, s.forgetRecords(ctx, factorKind, string(who.User.ID)) // recovery codes of nothing
}

// oddPasskey logs why an answer of an authenticator was refused.
func (s *Service) oddPasskey(who Caller, err error) error {
	if errors.Is(err, ErrPasskey) {
		s.Log.Warn("passkey refused", "user", who.User.ID, "address", who.Addr, "error", err)
	}
	return err
}
