package chat

import (
	"errors"
	"fmt"
	"time"
)

// Code classifies an [Error]. Each transport maps codes to its own statuses in
// one table.
type Code string

const (
	CodeInvalid         Code = "invalid"         // the request is malformed or breaks a limit: change it
	CodeUnauthenticated Code = "unauthenticated" // no session, or an expired one: log in
	CodeForbidden       Code = "forbidden"       // exists, but this person may not do it
	CodeNotFound        Code = "not_found"       // does not exist, or not visible to this person: both look alike
	CodeConflict        Code = "conflict"        // taken, or changed in the meantime
	CodeTooLarge        Code = "too_large"       // over a size limit
	CodeRateLimited     Code = "rate_limited"    // too often: wait RetryAfter
	CodeUnavailable     Code = "unavailable"     // could not be confirmed: try again with the same client id
	CodeResync          Code = "resync"          // the position cannot be resumed: fetch state again
	CodeInternal        Code = "internal"        // a fault of the server; see its log
)

// Error is an error for the person or app that made the request. Message says
// what to do and never contains internals.
type Error struct {
	Code       Code
	Message    string
	Field      string        // the input field at fault, "" if none
	RetryAfter time.Duration // with CodeRateLimited and CodeUnavailable, 0 if unknown
	Details    *Details      // why, in a form that clients can translate; or nil
}

// Details give the reason for an error in a form that clients can translate.
type Details struct {
	Kind   Restriction `json:"kind" enum:"archived,muted,banned,announce,slow,disabled,code,proof,factor" doc:"Why the request was refused"`
	Until  time.Time   `json:"until,omitzero" doc:"When the restriction ends, if known"`
	Reason string      `json:"reason,omitempty" doc:"Reason given by the moderator"`

	Factors []string `json:"factors,omitempty" doc:"With code: what the second factor can be passed with: app, passkey, recovery"`
}

// Restriction is the reason why a person may not do something.
type Restriction string

const (
	IsArchived Restriction = "archived" // the room is
	IsMuted    Restriction = "muted"    // the person is, in the room
	IsBanned   Restriction = "banned"   // the person is, from the room
	IsAnnounce Restriction = "announce" // only moderators post in the room
	IsSlow     Restriction = "slow"     // the room is
	IsDisabled Restriction = "disabled" // the account is

	NeedsCode   Restriction = "code"   // a code of the second factor is missing
	NeedsProof  Restriction = "proof"  // see session.prove
	NeedsFactor Restriction = "factor" // the person has to set up a second factor first
)

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Is makes errors.Is(err, ErrNotFound) true for every error of that code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// One value per code, for errors.Is and for stores. Errors of stores carry only
// the code, except [ErrArchived], [ErrAnnounce], [Muted] and [TooSoon].
var (
	ErrInvalid         = &Error{Code: CodeInvalid, Message: "This request is not valid."}
	ErrUnauthenticated = &Error{Code: CodeUnauthenticated, Message: "Log in first."}
	ErrForbidden       = &Error{Code: CodeForbidden, Message: "You are not allowed to do this."}
	ErrNotFound        = &Error{Code: CodeNotFound, Message: "Not found, or you do not have access."}
	ErrConflict        = &Error{Code: CodeConflict, Message: "This is already taken, or it has changed in the meantime."}
	ErrTooLarge        = &Error{Code: CodeTooLarge, Message: "This is too large."}
	ErrRateLimited     = &Error{Code: CodeRateLimited, Message: "Too many requests. Wait and try again."}
	ErrUnavailable     = &Error{Code: CodeUnavailable,
		Message: "This could not be confirmed. Try again with the same client_id."}
	ErrResync = &Error{Code: CodeResync,
		Message: "This position cannot be resumed. Fetch the state again."}
	ErrInternal = &Error{Code: CodeInternal, Message: "Something went wrong on the server."}
)

// ErrArchived is returned for writes to an archived room.
var ErrArchived = &Error{Code: CodeForbidden, Message: "This room is archived. You can only read it.",
	Details: &Details{Kind: IsArchived}}

// ErrAnnounce is returned for messages of members to a room for announcements.
var ErrAnnounce = &Error{Code: CodeForbidden,
	Message: "Only moderators post in this room. You can reply in threads.",
	Details: &Details{Kind: IsAnnounce}}

// Muted is the error for a member who is muted until a time.
func Muted(until time.Time) *Error {
	return &Error{Code: CodeForbidden,
		Message: "You are muted in this room until " + minute(until) + ". You can only read it.",
		Details: &Details{Kind: IsMuted, Until: until.UTC()}}
}

// TooSoon is the error for a message that is sent too early in slow mode.
func TooSoon(wait time.Duration) *Error {
	return &Error{Code: CodeRateLimited,
		Message: "Slow mode is on in this room. Wait before you send the next message.", RetryAfter: wait,
		Details: &Details{Kind: IsSlow}}
}

// minute formats a time for an error message.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

func invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// AsError returns err as an *Error that is safe to show. Other errors become
// [ErrInternal], or [ErrUnavailable] if a deadline passed; the caller logs the
// original.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if isContextError(err) {
		return ErrUnavailable
	}
	return ErrInternal
}
