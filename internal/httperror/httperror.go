// Package httperror says how the domain's errors are answered over HTTP. It
// holds the one table from their codes to statuses.
package httperror

import (
	"io"
	"math"
	"net/http"
	"strconv"

	"github.com/parley-chat/parley/internal/chat"
)

var statuses = map[chat.Code]int{
	chat.CodeInvalid:         http.StatusBadRequest,
	chat.CodeUnauthenticated: http.StatusUnauthorized,
	chat.CodeForbidden:       http.StatusForbidden,
	chat.CodeNotFound:        http.StatusNotFound,
	chat.CodeConflict:        http.StatusConflict,
	chat.CodeResync:          http.StatusGone,
	chat.CodeTooLarge:        http.StatusRequestEntityTooLarge,
	chat.CodeRateLimited:     http.StatusTooManyRequests,
	chat.CodeInternal:        http.StatusInternalServerError,
	chat.CodeUnavailable:     http.StatusServiceUnavailable,
}

// Status returns the HTTP status of an error.
func Status(e *chat.Error) int { return statuses[e.Code] }

// SetHeader sets the headers that every answer with an error has, and returns
// its status.
func SetHeader(w http.ResponseWriter, e *chat.Error) int {
	h := w.Header()
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if e.Code == chat.CodeUnauthenticated {
		h.Set("WWW-Authenticate", `Bearer realm="parley"`)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	return Status(e)
}

// Write answers with an error as plain text.
func Write(w http.ResponseWriter, e *chat.Error) { WriteText(w, SetHeader(w, e), e.Message+"\n") }

// WriteText answers with a status and plain text.
func WriteText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text)
}
