package parley

import (
	"errors"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Error is a refusal. Compare with [errors.Is]: errors of one Code are the
// same.
type Error struct {
	// invalid, forbidden, not_found, conflict, too_large, rate_limited or
	// unavailable
	Code       string
	Message    string        // what is wrong and what to do
	Field      string        // at fault, if it is one
	RetryAfter time.Duration // with rate_limited and unavailable, if known

	err error
}

// What calls are refused with.
var (
	ErrInvalid     = &Error{Code: string(chat.CodeInvalid), Message: "this cannot be"}
	ErrForbidden   = &Error{Code: string(chat.CodeForbidden), Message: "not allowed"}
	ErrNotFound    = &Error{Code: string(chat.CodeNotFound), Message: "not there"}
	ErrConflict    = &Error{Code: string(chat.CodeConflict), Message: "it is there already"}
	ErrTooLarge    = &Error{Code: string(chat.CodeTooLarge), Message: "too large"}
	ErrRateLimited = &Error{Code: string(chat.CodeRateLimited), Message: "too many"}
	ErrUnavailable = &Error{Code: string(chat.CodeUnavailable),
		Message: "the data cannot be reached: try again"}
)

// Error says what is wrong.
func (e *Error) Error() string { return "parley: " + e.Message }

// Unwrap returns what it came from.
func (e *Error) Unwrap() error { return e.err }

// Is reports whether target has the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// public is an error of the domain in words of this package.
func public(err error) error {
	e, ok := errors.AsType[*chat.Error](err)
	if !ok {
		return err
	}
	return &Error{Code: string(e.Code), Message: e.Message, Field: e.Field,
		RetryAfter: e.RetryAfter, err: err}
}
