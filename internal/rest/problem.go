package rest

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"github.com/parley-chat/parley/internal/chat"
)

// statuses is the door's one table from the domain's refusals to HTTP.
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

// Problem is the body of a refusal: RFC 9457 problem details.
type Problem struct {
	Type   string    `json:"type" doc:"Always about:blank"`
	Title  string    `json:"title" doc:"The status in words"`
	Status int       `json:"status" doc:"HTTP status"`
	Detail string    `json:"detail" doc:"What is wrong and what to do"`
	Code   chat.Code `json:"code" enum:"invalid,unauthenticated,forbidden,not_found,conflict,resync,too_large,rate_limited,internal,unavailable" doc:"The kind of refusal, the same over both doors"`
	Field  string    `json:"field,omitempty" doc:"Field of the input at fault"`

	Because *chat.Because `json:"because,omitempty" doc:"What stands in the way, where a client can make something of it"`
}

// refuse answers with err as a problem. Errors that are not the domain's are
// logged here and nowhere else.
func (d *door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := chat.AsError(err)
	if e.Code == chat.CodeInternal || e.Code == chat.CodeUnavailable {
		d.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path,
			"error", err)
	}
	status := statuses[e.Code]
	h := w.Header()
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="parley"`)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(Problem{Type: "about:blank", Title: http.StatusText(status),
		Status: status, Detail: e.Message, Code: e.Code, Field: e.Field, Because: e.Because})
}
