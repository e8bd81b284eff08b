package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/emersion/go-smtp"
)

// Failure is why a mail was not handed in.
type Failure struct {
	Is    string // what happened, for the operator; without a full stop
	Do    string // what the operator can do; empty for nothing
	Final bool   // this mail is refused, and trying again is of no use
	Ours  bool   // the settings are at fault: no mail is sent until they are mended
	said  string // what the server answered
}

// told is what the person to whom the mail goes learns of it.
func (f *Failure) told() string {
	switch {
	case f.Ours:
		return "mail does not work on this server at the moment"
	case f.Final && f.said == "":
		return f.Is
	case f.Final:
		return "the mail server refuses mail to this address: " + f.said
	}
	return "the mail server has not taken it yet"
}

// Error implements error.
func (f *Failure) Error() string {
	if f.Do == "" {
		return f.Is
	}
	return f.Is + ". " + f.Do
}

// stage is what was being done when something failed.
type stage int

const (
	connecting stage = iota
	loggingIn
	naming     // the sender
	addressing // the recipient
	handing    // the mail itself in
)

// explain turns an error into what a person can understand.
func (s Server) explain(ctx context.Context, err error, at stage) *Failure {
	if ctx.Err() != nil {
		return &Failure{Is: "the server is stopping"}
	}
	if answer, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return s.explainAnswer(answer, at)
	}
	if errors.Is(err, errNoAuth) {
		return &Failure{Is: s.String() + " offers no log-in with a password", Ours: true,
			Do: "Leave user and password out of --mail, or use the port that is for handing mail in, which is often 587 or 465."}
	}
	if f := s.explainTLS(err); f != nil {
		return f
	}
	var dns *net.DNSError
	var op *net.OpError
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.As(err, &dns):
		return &Failure{Is: fmt.Sprintf("there is no host %s", s.Host), Ours: true,
			Do: "Check the host in --mail, and this machine's DNS."}
	case isNet && timeout.Timeout():
		f := &Failure{Is: s.String() + " does not answer",
			Do: "Check host and port in --mail, and whether a firewall keeps connections to it from leaving."}
		if s.TLS != ImplicitTLS {
			f.Do += " A server that encrypts from the first byte, as on port 465, needs smtps://."
		}
		return f
	case errors.As(err, &op) && op.Op == "dial":
		return &Failure{Is: "nothing takes connections at " + s.String(),
			Do: "Check host and port in --mail, and whether the mail server runs."}
	case strings.Contains(err.Error(), "support STARTTLS"):
		return &Failure{Is: s.String() + " offers no STARTTLS", Ours: true,
			Do: "Use smtps:// with its port for that, or put ?tls=off behind the host if it is a relay in your own network."}
	}
	return &Failure{Is: fmt.Sprintf("the connection to %s broke off (%v)", s, err),
		Do: "Check that an SMTP server is there. One that encrypts from the first byte needs smtps://, one that does not smtp://."}
}

// explainTLS explains what is wrong with a certificate; nil if nothing is.
func (s Server) explainTLS(err error) *Failure {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return &Failure{Is: s.String() + " does not encrypt from the first byte", Ours: true,
			Do: "Use smtp://, which encrypts with STARTTLS."}
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		names := "no name"
		if e.Certificate != nil && len(e.Certificate.DNSNames) > 0 {
			names = strings.Join(e.Certificate.DNSNames[:min(3, len(e.Certificate.DNSNames))], ", ")
		}
		return &Failure{Is: fmt.Sprintf("the certificate of %s is for %s", s, names), Ours: true,
			Do: "Write the host in --mail as its certificate says it."}
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return &Failure{Is: fmt.Sprintf("the certificate of %s is signed by someone this machine does not know", s),
			Ours: true, Do: "If it is your own authority, give its certificate with --mail-ca."}
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return &Failure{Is: fmt.Sprintf("the certificate of %s has expired, or is not valid yet", s), Ours: true,
			Do: "Renew it, or set the clocks."}
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &Failure{Is: fmt.Sprintf("the certificate of %s does not hold: %v", s, e.Err), Ours: true,
			Do: "Give the mail server a certificate that does."}
	}
	return nil
}

// explainAnswer explains what the server answered.
func (s Server) explainAnswer(answer *smtp.SMTPError, at stage) *Failure {
	said := fmt.Sprintf("%d %s", answer.Code, oneLine(answer.Message, 200))
	f := &Failure{said: said}
	if answer.Code < 500 {
		f.Is = fmt.Sprintf("%s takes no mail now: %s", s, said)
		return f
	}
	switch at {
	case connecting:
		f.Is, f.Do = fmt.Sprintf("%s takes no mail from here: %s", s, said),
			"Ask whoever runs it to let this machine in."
	case loggingIn:
		f.Is, f.Do, f.Ours = fmt.Sprintf("%s refuses the user or the password: %s", s, said),
			"Check both in --mail; some providers want an app password, made in the account's security settings.", true
	case naming:
		f.Is, f.Do, f.Ours = fmt.Sprintf("%s refuses the sender: %s", s, said),
			"Set --mail-from to an address from which the user in --mail may send.", true
	case addressing:
		f.Is, f.Do, f.Final = fmt.Sprintf("%s takes no mail for this address: %s", s, said),
			"If it says so of every address outside of its domain, it wants a log-in: give user and password in --mail.", true
	default:
		f.Is, f.Final = fmt.Sprintf("%s refuses the mail: %s", s, said), true
	}
	return f
}
