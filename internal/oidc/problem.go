package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/parley-chat/parley/internal/chat"
)

// problem says why nobody was logged in: whose fault it is, and so what to do.
// The client has a sentence for each.
type problem string

const (
	denied        problem = "denied"        // the person or the provider said no
	unavailable   problem = "unavailable"   // the provider does not answer
	misconfigured problem = "misconfigured" // the provider and this server do not agree on their set-up
	untrusted     problem = "untrusted"     // the provider's answer fails a check
	expired       problem = "expired"       // too late, a second time, or in another browser
	noAccount     problem = "no-account"    // whom the provider knows, but nobody here
	notAllowed    problem = "not-allowed"   // in none of the groups that may
	disabled      problem = "disabled"      // the account is
	tooMany       problem = "too-many"      // log-ins from the person's address
	broken        problem = "broken"        // this server
)

// fault is an error with the problem that it is for people.
type fault struct {
	problem problem
	err     error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// problemOf returns what a failed log-in is for people.
func problemOf(err error) problem {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.problem
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unavailable
	case errors.Is(err, chat.ErrRateLimited):
		return tooMany
	case errors.Is(err, chat.ErrUnauthenticated):
		return expired
	}
	if e, ok := errors.AsType[*chat.Error](err); ok {
		switch {
		case e == chat.ErrNoAccount:
			return noAccount
		case e.Details != nil && e.Details.Kind == chat.IsDisabled:
			return disabled
		}
	}
	return broken
}

var statuses = map[problem]int{denied: http.StatusForbidden, unavailable: http.StatusBadGateway,
	misconfigured: http.StatusBadGateway, untrusted: http.StatusBadGateway,
	expired: http.StatusBadRequest, noAccount: http.StatusForbidden, notAllowed: http.StatusForbidden,
	disabled: http.StatusForbidden, tooMany: http.StatusTooManyRequests,
	broken: http.StatusInternalServerError}

// refusal is an error that the provider's log-in page sent along.
func refusal(code, description string) error {
	err := errors.New("the provider says " + code)
	if description != "" {
		err = errors.New("the provider says " + code + ": " + cut(description))
	}
	switch code {
	case "access_denied", "login_required", "interaction_required", "account_selection_required",
		"consent_required":
		return &fault{denied, err}
	case "temporarily_unavailable", "server_error":
		return &fault{unavailable, err}
	}
	return &fault{misconfigured, err}
}

// exchangeFault is why a code was not exchanged. The body of the provider's
// answer is not repeated: it may have the code.
func exchangeFault(err error) error {
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		if _, network := errors.AsType[*url.Error](err); network {
			return &fault{unavailable, err}
		}
		return &fault{misconfigured, err}
	}
	why := errors.New("the provider answers the code with " + e.Response.Status + " " + cut(e.ErrorCode) +
		" " + cut(e.ErrorDescription))
	switch {
	case e.ErrorCode == "invalid_grant":
		return &fault{expired, why}
	case e.Response.StatusCode >= 500:
		return &fault{unavailable, why}
	}
	return &fault{misconfigured, why}
}

// cut bounds a text of the provider's, for the log.
func cut(s string) string { return s[:min(len(s), 200)] }
