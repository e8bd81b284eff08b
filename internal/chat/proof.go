package chat

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Before what is dangerous a person proves anew that it is they, so that a
// computer that was left alone, or a stolen session, is not enough.

// proofKind is the kind of record of such a proof, under the session's id.
const proofKind = "proof"

// ProofFor is how long a proof counts. A log-in is one.
const ProofFor = 10 * time.Minute

// ErrProof asks for a proof, see [Service.Prove].
var ErrProof = &Error{Code: CodeForbidden, Message: "Confirm that it is you, and try again.",
	Details: &Details{Kind: NeedsProof}}

type proof struct {
	Expires time.Time `json:"expires"`
}

// proven returns nil if the caller has proved within [ProofFor] who they are,
// or else [ErrProof]. Tokens were made after such a proof, and where another
// program logs people in, there is nothing to ask for.
func (s *Service) proven(ctx context.Context, who Caller) error {
	if who.Session == "" || s.External != nil || len(who.Scopes) > 0 {
		return s.mayEnrol(ctx, who)
	}
	all, err := s.Store.Sessions(ctx, who.User.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(x Session) bool { return x.ID == who.Session })
	if i >= 0 && s.now().Sub(all[i].CreatedAt) < ProofFor {
		return nil
	}
	r, err := s.Store.Record(ctx, proofKind, string(who.Session))
	if errors.Is(err, ErrNotFound) {
		return ErrProof
	}
	if err != nil {
		return err
	}
	var p proof
	if err := json.Unmarshal(r.Value, &p); err != nil {
		return err
	}
	if !s.now().Before(p.Expires) {
		return ErrProof
	}
	return nil
}

// ProofInput proves who the caller is: by a code or a passkey if they have a
// second factor, else by their password.
type ProofInput struct {
	Password string `json:"password,omitempty" doc:"Your password, if you have no second factor"`
	Code     string `json:"code,omitempty" doc:"A code of your second factor"`

	Passkey *PasskeyAnswer `json:"passkey,omitempty" doc:"Or an answer of a passkey, see passkey.ask"`
}

// Prove records that the caller has just proved who they are.
func (s *Service) Prove(ctx context.Context, who Caller, in ProofInput) (None, error) {
	if err := s.limit(ctx, "code:"+string(who.User.ID), s.Limits.Guesses); err != nil {
		return None{}, err
	}
	err := s.useFactor(ctx, who, who.User.ID, in.Code, in.Passkey)
	if errors.Is(err, ErrNotFound) {
		_, err = s.checkPassword(ctx, who, "password", in.Password)
	}
	if err != nil {
		return None{}, asked(err)
	}
	value, err := json.Marshal(proof{Expires: s.now().Add(ProofFor)})
	if err != nil {
		return None{}, err
	}
	for {
		r, err := s.Store.Record(ctx, proofKind, string(who.Session))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return None{}, err
		}
		_, err = s.Store.PutRecord(ctx, proofKind, string(who.Session), r.Version, value)
		if !errors.Is(err, ErrConflict) {
			return None{}, err
		}
	}
}

// asked makes of an error of the kind [NeedsCode] what somebody is told who is
// logged in.
func asked(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Details == nil || e.Details.Kind != NeedsCode {
		return err
	}
	more := *e
	more.Code = CodeInvalid
	return &more
}
