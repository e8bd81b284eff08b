package chat

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A log-in at a provider leaves this server and comes back, perhaps to another
// node or after a restart. What is needed then is a record, under the hash of a
// state that the provider passes on. It works once, for a short time, and only
// in the browser that began.

// pendingKind is the kind of record of a log-in that has begun at a provider.
const pendingKind = "pendinglogin"

// PendingFor is how long a person may take to log in at a provider.
const PendingFor = 10 * time.Minute

// PendingLogIn is a log-in that has begun.
type PendingLogIn struct {
	Provider string    `json:"provider"` // id
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"` // of PKCE
	Redirect string    `json:"redirect"` // where the provider sends the browser back to
	Browser  string    `json:"browser"`  // a secret of the browser that began; hashed in the store
	Device   string    `json:"device"`
	Page     string    `json:"page"` // where to go afterwards
	Expires  time.Time `json:"expires"`
}

// ErrLogInExpired refuses a log-in that is over, was finished before, or was
// begun in another browser or at another provider.
var ErrLogInExpired = &Error{Code: CodeUnauthenticated,
	Message: "This log-in has expired, or was begun in another browser. Log in again."}

// BeginLogIn records a log-in and returns the state with which it is finished.
func (s *Service) BeginLogIn(ctx context.Context, who Caller, p PendingLogIn) (state string, err error) {
	if err := s.limit(ctx, "login:"+who.Addr, s.Limits.Logins); err != nil {
		return "", err
	}
	p.Browser, p.Expires = hashToken(p.Browser), s.now().Add(PendingFor)
	value, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	state = s.NewToken()
	_, err = s.Store.PutRecord(ctx, pendingKind, hashToken(state), 0, value)
	return state, err
}

// FinishLogIn returns the log-in of a state, once. ErrLogInExpired if there is
// none in this browser at this provider.
func (s *Service) FinishLogIn(ctx context.Context, provider, state, browser string) (PendingLogIn, error) {
	if state == "" || len(state) > 256 || browser == "" || len(browser) > 256 {
		return PendingLogIn{}, ErrLogInExpired
	}
	r, err := s.Store.Record(ctx, pendingKind, hashToken(state))
	if errors.Is(err, ErrNotFound) {
		return PendingLogIn{}, ErrLogInExpired
	}
	if err != nil {
		return PendingLogIn{}, err
	}
	var p PendingLogIn
	if err := json.Unmarshal(r.Value, &p); err != nil {
		return PendingLogIn{}, err
	}
	if p.Provider != provider || !s.now().Before(p.Expires) ||
		subtle.ConstantTimeCompare([]byte(p.Browser), []byte(hashToken(browser))) != 1 {
		return PendingLogIn{}, ErrLogInExpired
	}
	err = s.Store.DeleteRecord(ctx, pendingKind, r.ID)
	if errors.Is(err, ErrNotFound) { // finished a moment ago
		err = ErrLogInExpired
	}
	return p, err
}

// pruneLogIns forgets what belongs to log-ins and whose time is over: those
// that were begun, links, proofs, second factors that were not confirmed,
// challenges of passkeys, sessions at providers and their logout tokens.
func (s *Service) pruneLogIns(ctx context.Context) error {
	var all []error
	for _, kind := range []string{pendingKind, logInLinkKind, proofKind, newFactorKind, challengeKind,
		resetKind, wishKind, providerSessionKind, providerIndexKind, logoutTokenKind} {
		err := s.eachRecord(ctx, kind, func(r Record) error {
			var x struct{ Expires time.Time }
			if err := json.Unmarshal(r.Value, &x); err != nil || s.now().Before(x.Expires) {
				return err
			}
			return s.forgetRecords(ctx, kind, r.ID)
		})
		if err != nil {
			all = append(all, fmt.Errorf("forget every %s that has ended: %w", kind, err))
		}
	}
	return errors.Join(all...)
}
