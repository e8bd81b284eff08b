package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/crypto/acme"
)

// errNotOffered is that of an authority that knows other challenges only.
var errNotOffered = errors.New("the authority does not offer this challenge")

// aboutChallenge reports whether another challenge may do better.
func aboutChallenge(err error) bool {
	_, refused := errors.AsType[*acme.AuthorizationError](err)
	return refused || errors.Is(err, errNotOffered)
}

// cause is what the authority says, as its own error if it is in there.
func cause(err error) error {
	if e, ok := errors.AsType[*acme.AuthorizationError](err); ok && len(e.Errors) > 0 {
		return e.Errors[0]
	}
	if e, ok := errors.AsType[*acme.OrderError](err); ok && e.Problem != nil {
		return e.Problem
	}
	if e, ok := errors.AsType[*acme.Error](err); ok {
		return e
	}
	return err
}

// explanation is an error in other words.
type explanation struct {
	text string
	error
}

func (e explanation) Error() string { return e.text }
func (e explanation) Unwrap() error { return e.error }

// explained says whose fault a failure is, and what to do about it. Challenge
// is empty if it came before any.
func (m *Manager) explained(err error, domain, challenge string) error {
	port := "443 (TLS-ALPN-01)"
	if challenge == overHTTP {
		port = "80 (HTTP-01)"
	}
	if problem, ok := cause(err).(*acme.Error); ok {
		name := problem.ProblemType[strings.LastIndex(problem.ProblemType, ":")+1:]
		return explanation{fmt.Sprintf("%s. The authority says: %s: %s", advice(name, domain, port), name,
			problem.Detail), err}
	}
	directory := m.cfg.Directory
	if u, parsed := url.Parse(directory); parsed == nil {
		directory = u.Host
	}
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, network := errors.AsType[net.Error](err)
	_, lookup := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, errNotOffered):
		return fmt.Errorf("port %s: %w", port, err)
	case unknown:
		return fmt.Errorf("this server does not trust the certificate of %s: name its root with --acme-roots: %w", directory, err)
	case lookup:
		return fmt.Errorf("this server cannot find the address of %s: look at its own DNS and at --acme-directory: %w", directory, err)
	case errors.Is(err, context.DeadlineExceeded) && challenge != "":
		return fmt.Errorf("%s did not finish in time. Nothing to do here: %w", directory, err)
	case network:
		return fmt.Errorf("this server cannot reach %s: allow it to open connections to there: %w", directory, err)
	}
	return err
}

// advice says what to do about a problem of RFC 8555.
func advice(problem, domain, port string) string {
	where, _, _ := strings.Cut(port, " ")
	switch problem {
	case "connection", "timeout":
		return fmt.Sprintf("the authority cannot reach port %s of %s: open port %s in every firewall on the way, and forward it to this server",
			port, domain, where)
	case "dns":
		return fmt.Sprintf("%s cannot be found, which is for whoever runs its DNS to mend: make an A or AAAA record with the public address of this server",
			domain)
	case "unauthorized", "incorrectResponse", "tls":
		return fmt.Sprintf("the authority did not reach this server on port %s of %s: another server or a proxy answers there, "+
			"a firewall is in between, or the name's A or AAAA record is another machine's", port, domain)
	case "caa":
		return fmt.Sprintf("a CAA record of %s forbids this authority: add it there, or choose another with --acme-directory", domain)
	case "rateLimited":
		return "the authority has had too many requests for this name or account. Wait; do not restart"
	case "rejectedIdentifier":
		return fmt.Sprintf("the authority gives no certificates for %s", domain)
	case "externalAccountRequired":
		return "this authority wants an account that is made elsewhere first, which Parley cannot use: choose another with --acme-directory"
	case "invalidContact", "unsupportedContact":
		return "the authority refuses the address of --acme-mail"
	case "serverInternal":
		return "the authority has a fault of its own. Nothing to do here"
	}
	return "the authority refused"
}
