package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/wsclient"
)

// One value per code of [Error], for errors.Is.
var (
	ErrInvalid         = chat.ErrInvalid         // change the request
	ErrUnauthenticated = chat.ErrUnauthenticated // log in (again)
	ErrForbidden       = chat.ErrForbidden       // not allowed for this person
	ErrNotFound        = chat.ErrNotFound        // does not exist, or not for this person
	ErrConflict        = chat.ErrConflict        // taken, or changed in between
	ErrTooLarge        = chat.ErrTooLarge        // over a size limit
	ErrRateLimited     = chat.ErrRateLimited     // wait RetryAfter
	ErrUnavailable     = chat.ErrUnavailable     // not confirmed: try again
	ErrResync          = chat.ErrResync          // fetch the state again
	ErrInternal        = chat.ErrInternal        // a fault of the server
)

// ErrUnconfirmed means that the connection broke after the request was sent and
// before the answer came: the action may or may not have been done.
var ErrUnconfirmed = errors.New("no answer: the action may or may not have been done")

// ErrClosed is returned by what is called after Close.
var ErrClosed = errors.New("the connection is closed")

func unconfirmed(err error) error { return fmt.Errorf("%w: %w", ErrUnconfirmed, err) }

// CloseError is how a server closed a WebSocket. docs/protocol.md lists the
// codes.
type CloseError = wsclient.CloseError

// The codes with which a server closes a WebSocket for good.
const (
	closeProtocol = 1002
	closeNotText  = 1003
	closeNotUTF8  = 1007
	closeExpired  = 1008
	closeTooLarge = 1009
	closeRevoked  = 4001
	closeTooMany  = 4003
)

// isFinal reports whether coming back with the same token cannot help.
func isFinal(err error) bool {
	if end, ok := errors.AsType[*CloseError](err); ok {
		switch end.Code {
		case closeProtocol, closeNotText, closeNotUTF8, closeTooLarge:
			return true
		}
	}
	return errors.Is(err, ErrUnauthenticated) || errors.Is(err, ErrForbidden) || errors.Is(err, ErrInvalid)
}

// isPassing reports whether the same request may succeed later.
func isPassing(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrRateLimited) || errors.Is(err, ErrInternal)
}

// retryAfter is how long the server asks to wait, 0 if it does not say.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	if end, ok := errors.AsType[*CloseError](err); ok && end.Code == closeTooMany {
		return time.Minute
	}
	return 0
}

// refusal makes an error of an HTTP answer.
func refusal(status int, header http.Header, body []byte) error {
	var problem struct {
		Detail  string   `json:"detail"`
		Code    Code     `json:"code"`
		Field   string   `json:"field"`
		Details *Details `json:"because"`
	}
	if json.Unmarshal(body, &problem) != nil || problem.Code == "" {
		// Not from the chat itself: a proxy, or another server.
		problem.Detail = fmt.Sprintf("the server answered with status %d", status)
		switch {
		case status == http.StatusUnauthorized:
			problem.Code = CodeUnauthenticated
		case status == http.StatusForbidden:
			problem.Code = CodeForbidden
		case status == http.StatusNotFound:
			problem.Code = CodeNotFound
		case status == http.StatusRequestEntityTooLarge:
			problem.Code = CodeTooLarge
		case status == http.StatusTooManyRequests:
			problem.Code = CodeRateLimited
		case status >= 500:
			problem.Code = CodeUnavailable
		default:
			problem.Code = CodeInvalid
		}
	}
	e := &Error{Code: problem.Code, Message: problem.Detail, Field: problem.Field, Details: problem.Details}
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// rpcError is a refusal as JSON-RPC has it.
type rpcError struct {
	Message string `json:"message"`
	Data    struct {
		Code         Code     `json:"code"`
		Field        string   `json:"field"`
		RetryAfterMS int64    `json:"retry_after_ms"`
		Details      *Details `json:"because"`
	} `json:"data"`
}

func (r *rpcError) error() *Error {
	return &Error{Code: r.Data.Code, Message: r.Message, Field: r.Data.Field, Details: r.Data.Details,
		RetryAfter: time.Duration(r.Data.RetryAfterMS) * time.Millisecond}
}
