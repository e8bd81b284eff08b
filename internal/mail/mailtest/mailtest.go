// Package mailtest is a real SMTP server for tests. It keeps the mail that it
// takes, and refuses what it is told to.
package mailtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// User and Password are those of the only log-in.
const (
	User     = "parley"
	Password = "s3cret word"
)

// Mail is a mail as the server got it.
type Mail struct {
	From, To   string // of the envelope
	Header     mail.Header
	Raw        string
	Text, HTML string
}

// Server is an SMTP server at localhost.
type Server struct {
	Port   string
	CA     *x509.CertPool // the authority of its certificate, which is for localhost
	caFile string

	mu     sync.Mutex
	taken  []Mail
	refuse map[string]error
	tried  int
	come   chan struct{}
}

// Start starts a server until the end of the test. It encrypts with STARTTLS;
// change, if not nil, may have it do something else.
func Start(t testing.TB, change func(*smtp.Server)) *Server {
	t.Helper()
	return start(t, change, func(l net.Listener) net.Listener { return l })
}

// StartTLS starts a server that encrypts from the first byte.
func StartTLS(t testing.TB) *Server {
	t.Helper()
	return start(t, nil, func(l net.Listener) net.Listener {
		return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{authority().cert}})
	})
}

func start(t testing.TB, change func(*smtp.Server), wrap func(net.Listener) net.Listener) *Server {
	t.Helper()
	s := &Server{CA: authority().pool, refuse: map[string]error{}, come: make(chan struct{}, 1),
		caFile: filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(s.caFile, authority().text, 0o600); err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{s: s}, nil
	}))
	server.Domain, server.EnableSMTPUTF8 = "localhost", true
	server.ErrorLog = log.New(io.Discard, "", 0)
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{authority().cert}}
	if change != nil {
		change(server)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, s.Port, _ = net.SplitHostPort(l.Addr().String())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(wrap(l))
	}()
	t.Cleanup(func() {
		server.Close()
		l.Close() // of which the server knows nothing before it serves
		<-done
	})
	return s
}

// URL is the server's address with the log-in.
func (s *Server) URL() string {
	return "smtp://parley:s3cret%20word@localhost:" + s.Port
}

// CAFile is a PEM file with the certificate of the server's authority.
func (s *Server) CAFile() string { return s.caFile }

// Take returns the mail that has come since the last time.
func (s *Server) Take() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.taken
	s.taken = nil
	return all
}

// Tried returns how often mail was handed in, taken or refused.
func (s *Server) Tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tried
}

// Wait returns the mail that has come since the last time, once there is some.
func (s *Server) Wait(t testing.TB) []Mail {
	t.Helper()
	for {
		if all := s.Take(); len(all) > 0 {
			return all
		}
		select {
		case <-s.come:
		case <-t.Context().Done():
			t.Fatal("no mail has come")
		}
	}
}

// Refuse has the server answer with a code and a text at "mail", "rcpt" or
// "data"; with code 0, no more.
func (s *Server) Refuse(at string, code int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refuse, at)
	if code != 0 {
		s.refuse[at] = &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0},
			Message: text}
	}
}

func (s *Server) judge(at string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at == "mail" {
		s.tried++
	}
	return s.refuse[at]
}

// session is one connection.
type session struct {
	s        *Server
	in       bool
	from, to string
}

func (c *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (c *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, word string) error {
		if user != User || word != Password {
			return smtp.ErrAuthFailed
		}
		c.in = true
		return nil
	}), nil
}

func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	if !c.in {
		return smtp.ErrAuthRequired
	}
	c.from = from
	return c.s.judge("mail")
}

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.to = to
	return c.s.judge("rcpt")
}

func (c *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := c.s.judge("data"); err != nil {
		return err
	}
	m, err := read(raw)
	if err != nil {
		return err
	}
	m.From, m.To = c.from, c.to
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.taken = append(c.s.taken, m)
	select {
	case c.s.come <- struct{}{}:
	default:
	}
	return nil
}

func (c *session) Reset()        {}
func (c *session) Logout() error { return nil }

func read(raw []byte) (Mail, error) {
	m := Mail{Raw: string(raw)}
	r, err := mail.CreateReader(bytes.NewReader(raw))
	if err != nil {
		return m, err
	}
	m.Header = r.Header
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			return m, err
		}
		h, ok := part.Header.(*mail.InlineHeader)
		if !ok {
			return m, errors.New("a part is no text")
		}
		if kind, _, _ := h.ContentType(); kind == "text/html" {
			m.HTML = string(body)
		} else {
			m.Text = string(body)
		}
	}
}

// signer is the authority of all servers, and their certificate.
type signer struct {
	cert tls.Certificate
	pool *x509.CertPool
	text []byte // PEM
}

var authority = sync.OnceValue(func() signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	of := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, &of, &of, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return signer{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool, text}
})
