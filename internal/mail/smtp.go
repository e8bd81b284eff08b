package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"golang.org/x/net/idna"
)

// Server is the SMTP server that takes the mail.
type Server struct {
	Host, Port     string
	User, Password string // no log-in where User is empty
	TLS            Encryption
	CA             *x509.CertPool // who may have signed its certificate; nil for the system's

	// Timeout is for connecting and for each answer; the answer to a whole mail
	// may take four times as long. Default 30 s.
	Timeout time.Duration
}

// Encryption says when a connection is encrypted.
type Encryption int

const (
	StartTLS    Encryption = iota // by the command STARTTLS, which must succeed
	ImplicitTLS                   // from its first byte
	Plain                         // never
)

// ParseServer reads an address such as smtp://user:password@host:587 or
// smtps://host. ?tls=off at its end is for a relay without encryption. The
// error repeats nothing of it, as it may have a password.
func ParseServer(text string) (Server, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Server{}, errors.New("must be smtp://user:password@host:587 or smtps://…; " +
			"signs in the password must be percent-encoded, as %40 for @")
	}
	var s Server
	switch u.Scheme {
	case "smtp":
		s.Port = cmp.Or(u.Port(), "587")
	case "smtps":
		s.TLS, s.Port = ImplicitTLS, cmp.Or(u.Port(), "465")
	default:
		return Server{}, errors.New("must begin with smtp:// or smtps://")
	}
	if s.Host = u.Hostname(); s.Host == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return Server{}, errors.New("must have a host and nothing after it, as smtp://mail.example.com:587")
	}
	s.User = u.User.Username()
	s.Password, _ = u.User.Password()
	switch {
	case u.RawQuery == "":
	case u.RawQuery == "tls=off" && s.TLS == StartTLS:
		s.TLS = Plain
	default:
		return Server{}, errors.New("can have ?tls=off behind smtp://host, and nothing else there")
	}
	if s.TLS == Plain && s.User != "" && !loopback(s.Host) {
		return Server{}, errors.New("has a password that ?tls=off would send unencrypted")
	}
	return s, nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// ReadCA reads the certificates of a private authority from a PEM file.
func ReadCA(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", file)
	}
	return pool, nil
}

// String is the address without the log-in.
func (s Server) String() string {
	scheme := "smtp://"
	if s.TLS == ImplicitTLS {
		scheme = "smtps://"
	}
	return scheme + net.JoinHostPort(s.Host, s.Port)
}

// deliver hands a mail in. The error is a *Failure.
func (s Server) deliver(ctx context.Context, from, to string, message []byte) error {
	c, err := s.connect(ctx, from)
	if err != nil {
		return s.explain(ctx, err, connecting)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if s.User != "" {
		if err := s.logIn(c); err != nil {
			return s.explain(ctx, err, loggingIn)
		}
	}
	envelope, utf8, err := envelopeAddress(to)
	if err != nil {
		return &Failure{Is: "the address " + to + " cannot be written in mail", Final: true}
	}
	sender, _, err := envelopeAddress(from)
	if err != nil {
		return &Failure{Is: "the sender " + from + " cannot be written in mail", Do: "Set another --mail-from."}
	}
	if ok, _ := c.Extension("SMTPUTF8"); utf8 && !ok {
		return &Failure{Is: "the mail server takes no addresses such as " + to, Final: true}
	}
	if err := c.Mail(sender, &smtp.MailOptions{UTF8: utf8, Size: int64(len(message))}); err != nil {
		return s.explain(ctx, err, naming)
	}
	if err := c.Rcpt(envelope, nil); err != nil {
		return s.explain(ctx, err, addressing)
	}
	w, err := c.Data()
	if err == nil {
		if _, err = w.Write(message); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		return s.explain(ctx, err, handing)
	}
	_ = c.Quit() // it has been taken
	return nil
}

// connect returns a connection that is encrypted as it should be.
func (s Server) connect(ctx context.Context, from string) (*smtp.Client, error) {
	timeout := cmp.Or(s.Timeout, 30*time.Second)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(s.Host, s.Port))
	if err != nil {
		return nil, err
	}
	// The library has a client, and with it time-outs, only behind STARTTLS.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c, err := s.greet(ctx, conn)
	if err == nil {
		c.CommandTimeout, c.SubmissionTimeout = timeout, 4*timeout
		err = c.Hello(helloName(from))
	}
	if err != nil {
		conn.Close()
		return nil, cmp.Or(ctx.Err(), err)
	}
	return c, nil
}

func (s Server) greet(ctx context.Context, conn net.Conn) (*smtp.Client, error) {
	config := &tls.Config{ServerName: s.Host, RootCAs: s.CA, MinVersion: tls.VersionTLS12}
	switch s.TLS {
	case StartTLS:
		return smtp.NewClientStartTLS(conn, config)
	case ImplicitTLS:
		encrypted := tls.Client(conn, config)
		return smtp.NewClient(encrypted), encrypted.HandshakeContext(ctx)
	default:
		return smtp.NewClient(conn), nil
	}
}

// helloName is how we introduce ourselves: as the domain of the sender.
func helloName(from string) string {
	_, domain, _ := strings.Cut(from, "@")
	domain, err := idna.Lookup.ToASCII(domain)
	if err != nil || domain == "" {
		return "localhost"
	}
	return domain
}

var errNoAuth = errors.New("no AUTH PLAIN or LOGIN")

func (s Server) logIn(c *smtp.Client) error {
	ok, params := c.Extension("AUTH")
	offered := strings.Fields(strings.ToUpper(params))
	switch {
	case ok && slices.Contains(offered, sasl.Plain):
		return c.Auth(sasl.NewPlainClient("", s.User, s.Password))
	case ok && slices.Contains(offered, sasl.Login):
		return c.Auth(sasl.NewLoginClient(s.User, s.Password))
	}
	return errNoAuth
}

// ParseAddress reads an address without a name, such as joe@example.com. What
// it returns can be put into a header and into an envelope.
func ParseAddress(text string) (string, error) {
	a, err := mail.ParseAddress(text)
	if err != nil || a.Name != "" || a.Address != text {
		return "", errors.New("must be an address such as joe@example.com")
	}
	if _, _, err := envelopeAddress(text); err != nil {
		return "", errors.New("must be an address with a domain that can be looked up, such as joe@example.com")
	}
	return text, nil
}

// envelopeAddress is the address as SMTP says it. Where its domain is not
// ASCII, it is written in ASCII; utf8 reports whether what is before it is not.
func envelopeAddress(address string) (text string, utf8 bool, err error) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return "", false, errors.New("no @")
	}
	local, domain := address[:at], address[at+1:]
	if !ascii(domain) {
		if domain, err = idna.Lookup.ToASCII(domain); err != nil {
			return "", false, err
		}
	}
	return local + "@" + domain, !ascii(local), nil
}

func ascii(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > 126 || r <= ' ' }) < 0
}
