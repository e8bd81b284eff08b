package chat

import (
	"errors"
	"fmt"
	"time"
)

// Code says what kind of refusal an [Error] is. Each door has one table from
// codes to its own statuses.
type Code string

const (
	CodeInvalid         Code = "invalid"         // the request is malformed or breaks a limit: change it
	CodeUnauthenticated Code = "unauthenticated" // no session, or one that is over: log in
	CodeForbidden       Code = "forbidden"       // known to be there, not allowed for this person
	CodeNotFound        Code = "not_found"       // not there, or not for this person: both look alike
	CodeConflict        Code = "conflict"        // taken, or changed meanwhile
	CodeTooLarge        Code = "too_large"       // over a size limit
	CodeRateLimited     Code = "rate_limited"    // too often: wait RetryAfter
	CodeUnavailable     Code = "unavailable"     // could not be confirmed: try again with the same client id
	CodeResync          Code = "resync"          // the position cannot be resumed: fetch state again
	CodeInternal        Code = "internal"        // our fault; details are in the server's log
)

// Error is a refusal meant for the person or program that asked: Message says
// what to do. Internals never stand in it.
type Error struct {
	Code       Code
	Message    string
	Field      string        // the input field at fault, "" if none
	RetryAfter time.Duration // with CodeRateLimited and CodeUnavailable, 0 if unknown
	Details    *Details      // what stands in the way, where programs can make something of it; nil otherwise
}

// Details say in a refusal what stands in the way, so that a client can say it
// in its own words.
type Details struct {
	Kind   Restriction `json:"kind" enum:"archived,muted,banned,slow,disabled" doc:"What stands in the way"`
	Until  time.Time   `json:"until,omitzero" doc:"Until when, if that is known"`
	Reason string      `json:"reason,omitempty" doc:"What was given as the reason"`
}

// Restriction is what stands in somebody's way.
type Restriction string

const (
	IsArchived Restriction = "archived" // the room is
	IsMuted    Restriction = "muted"    // the person is, in the room
	IsBanned   Restriction = "banned"   // the person is, from the room
	IsSlow     Restriction = "slow"     // the room is
	IsDisabled Restriction = "disabled" // the account is
)

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Is makes errors.Is(err, ErrNotFound) true for every error of that code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// One value per code, for errors.Is and for stores, whose refusals carry no
// more than the code but for [ErrArchived], [Muted] and [TooSoon].
var (
	ErrInvalid         = &Error{Code: CodeInvalid, Message: "this request is not valid"}
	ErrUnauthenticated = &Error{Code: CodeUnauthenticated, Message: "log in first"}
	ErrForbidden       = &Error{Code: CodeForbidden, Message: "you may not do this"}
	ErrNotFound        = &Error{Code: CodeNotFound, Message: "there is no such thing, or it is not for you"}
	ErrConflict        = &Error{Code: CodeConflict, Message: "this is taken or has changed meanwhile"}
	ErrTooLarge        = &Error{Code: CodeTooLarge, Message: "this is too large"}
	ErrRateLimited     = &Error{Code: CodeRateLimited, Message: "too many requests: wait and try again"}
	ErrUnavailable     = &Error{Code: CodeUnavailable,
		Message: "this could not be confirmed: try again with the same client id"}
	ErrResync = &Error{Code: CodeResync,
		Message: "this position cannot be resumed: fetch the state again"}
	ErrInternal = &Error{Code: CodeInternal, Message: "something went wrong on the server"}
)

// ErrArchived refuses what nobody can do in an archived room.
var ErrArchived = &Error{Code: CodeForbidden, Message: "this room is archived: it can only be read",
	Details: &Details{Kind: IsArchived}}

// Muted refuses what somebody cannot do who is muted until then.
func Muted(until time.Time) *Error {
	return &Error{Code: CodeForbidden,
		Message: "you are muted in this room until " + minute(until) + ": you can only read it",
		Details: &Details{Kind: IsMuted, Until: until.UTC()}}
}

// TooSoon refuses a message in a slow room.
func TooSoon(wait time.Duration) *Error {
	return &Error{Code: CodeRateLimited,
		Message: "this room is slow: wait before you send the next message", RetryAfter: wait,
		Details: &Details{Kind: IsSlow}}
}

// minute writes a time in a refusal.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

func invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// AsError returns err as an *Error that may be shown to whoever asked. Errors
// that are not ours become [ErrInternal], or [ErrUnavailable] where a deadline
// passed; the caller logs the original.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if isContextError(err) {
		return ErrUnavailable
	}
	return ErrInternal
}
