package rest

import (
	"net/http"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/httperror"
)

// Problem is the body of a refusal: RFC 9457 problem details.
type Problem struct {
	Type   string    `json:"type" doc:"Always about:blank"`
	Title  string    `json:"title" doc:"The status in words"`
	Status int       `json:"status" doc:"HTTP status"`
	Detail string    `json:"detail" doc:"What is wrong and what to do"`
	Code   chat.Code `json:"code" enum:"invalid,unauthenticated,forbidden,not_found,conflict,resync,too_large,rate_limited,internal,unavailable" doc:"The kind of refusal, the same over every transport"`
	Field  string    `json:"field,omitempty" doc:"Field of the input at fault"`

	Details *chat.Details `json:"because,omitempty" doc:"What stands in the way, where a client can make something of it"`
}

// refuse answers with err as a problem. Errors that are not the domain's are
// logged here and nowhere else.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := chat.AsError(err)
	if e.Code == chat.CodeInternal || e.Code == chat.CodeUnavailable {
		h.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path,
			"error", err)
	}
	writeProblem(w, httperror.SetHeader(w, e), e)
}

func writeProblem(w http.ResponseWriter, status int, e *chat.Error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	write(w, Problem{Type: "about:blank", Title: http.StatusText(status),
		Status: status, Detail: e.Message, Code: e.Code, Field: e.Field, Details: e.Details})
}
