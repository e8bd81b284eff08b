package mail

import (
	"cmp"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/parley-chat/parley/internal/mail/mailtest"
)

// to is how a test's server is reached.
func to(s *mailtest.Server, how Encryption) Server {
	return Server{Host: "localhost", Port: s.Port, User: mailtest.User, Password: mailtest.Password,
		TLS: how, CA: s.CA, Timeout: 20 * time.Second}
}

// send sends a small mail, and returns why it was not taken.
func send(t *testing.T, s Server, change func(*message)) *Failure {
	t.Helper()
	m := message{id: "1.a", to: "joe@example.com", name: "Joe", subject: "Hi", text: "hello\n",
		html: "<p>hello"}
	if change != nil {
		change(&m)
	}
	raw, err := compose(m, "Parley", "chat@example.com")
	if err != nil {
		t.Fatal(err)
	}
	return failure(t, s.deliver(t.Context(), "chat@example.com", m.to, raw))
}

func failure(t *testing.T, err error) *Failure {
	t.Helper()
	f, ok := err.(*Failure)
	if err != nil && !ok {
		t.Fatalf("%T: %v", err, err)
	}
	return f
}

func TestMailArrivesEncrypted(t *testing.T) {
	for how, s := range map[Encryption]*mailtest.Server{StartTLS: mailtest.Start(t, nil),
		ImplicitTLS: mailtest.StartTLS(t)} {
		if f := send(t, to(s, how), nil); f != nil {
			t.Fatal(f)
		}
		got := s.Take()
		if len(got) != 1 || got[0].From != "chat@example.com" || got[0].To != "joe@example.com" ||
			strings.TrimSpace(got[0].Text) != "hello" || !strings.HasPrefix(got[0].HTML, "<p>hello") {
			t.Errorf("got %+v", got)
		}
		err := Test(t.Context(), Config{Server: to(s, how), From: "chat@example.com", Name: "Parley",
			Now: time.Now}, "joe@example.com")
		if got := s.Take(); err != nil || len(got) != 1 || !strings.Contains(got[0].Text, "Mail works") {
			t.Errorf("the test: %v, %+v", err, got)
		}
	}
}

func TestPlainOnlyWhereItIsAsked(t *testing.T) {
	s := mailtest.Start(t, func(s *smtp.Server) { s.TLSConfig, s.AllowInsecureAuth = nil, true })
	if f := send(t, to(s, Plain), nil); f != nil {
		t.Fatal(f)
	}
	f := send(t, to(s, StartTLS), nil)
	if f == nil || !f.Ours || !strings.Contains(f.Error(), "offers no STARTTLS") || len(s.Take()) != 1 {
		t.Errorf("without encryption although it is demanded: %v", f)
	}
}

// TestWhatIsWrongIsSaid: each failure is a sentence that says what to do, and
// whether to try again.
func TestWhatIsWrongIsSaid(t *testing.T) {
	s := mailtest.Start(t, nil)
	for _, c := range []struct {
		name   string
		at     string // where the server refuses, and with what
		code   int
		text   string
		change func(*Server)
		is, do string
		final  bool
		ours   bool
	}{
		{name: "wrong password", change: func(s *Server) { s.Password = "x" },
			is: "refuses the user or the password: 535", do: "app password", ours: true},
		{name: "wrong name in the certificate", change: func(s *Server) { s.Host = "127.0.0.1" },
			is: "is for localhost", do: "as its certificate says it", ours: true},
		{name: "foreign authority", change: func(s *Server) { s.CA = nil },
			is: "this machine does not know", do: "--mail-ca", ours: true},
		{name: "no log-in", change: func(s *Server) { s.User = "" }, is: "502", do: "--mail-from", ours: true},
		{name: "refused sender", at: "mail", code: 553, text: "not yours",
			is: "refuses the sender: 553 not yours", do: "--mail-from", ours: true},
		{name: "no such person", at: "rcpt", code: 550, text: "no such user",
			is: "for this address: 550 no such user", do: "log-in", final: true},
		{name: "later", at: "rcpt", code: 451, text: "greylisted", is: "takes no mail now: 451 greylisted"},
		{name: "spam", at: "data", code: 554, text: "spam\rbad", is: "refuses the mail: 554 spam bad", final: true},
		{name: "full", at: "data", code: 452, text: "full", is: "takes no mail now: 452 full"},
		{name: "away", change: func(s *Server) { s.Port = "1" },
			is: "nothing takes connections", do: "whether the mail server runs"},
		{name: "no host", change: func(s *Server) { s.Host = "nowhere.invalid" },
			is: "there is no host nowhere.invalid", do: "DNS", ours: true},
		{name: "not encrypted at once", change: func(s *Server) { s.TLS = ImplicitTLS },
			is: "does not encrypt from the first byte", do: "smtp://", ours: true},
	} {
		server := to(s, StartTLS)
		if c.change != nil {
			c.change(&server)
		}
		s.Refuse(cmp.Or(c.at, "mail"), c.code, c.text)
		f := send(t, server, nil)
		s.Refuse(cmp.Or(c.at, "mail"), 0, "")
		if f == nil || !strings.Contains(f.Is, c.is) || !strings.Contains(f.Do, c.do) ||
			f.Final != c.final || f.Ours != c.ours || len(s.Take()) != 0 {
			t.Errorf("%s: %+v", c.name, f)
		} else if strings.Contains(f.Error(), mailtest.Password) {
			t.Errorf("%s: the password is told: %v", c.name, f)
		}
	}
}

// TestSilentServer accepts connections and never says a word.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, how := range []Encryption{StartTLS, ImplicitTLS, Plain} {
		s := Server{Host: "127.0.0.1", Port: port, TLS: how, Timeout: 50 * time.Millisecond}
		if f := send(t, s, nil); f == nil || !strings.Contains(f.Is, "does not answer") || f.Final {
			t.Errorf("%v: %v", how, f)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		for err == nil { // those from before, and then ours
			stop()
			_, err = io.Copy(io.Discard, conn)
			conn.Close()
			if err == nil {
				conn, err = l.Accept()
			}
		}
	}()
	s := Server{Host: "127.0.0.1", Port: port, Timeout: time.Minute}
	if f := failure(t, s.deliver(ctx, "a@example.com", "b@example.com", nil)); f == nil ||
		!strings.Contains(f.Is, "stopping") {
		t.Errorf("stopped: %v", f)
	}
}

func TestParseServer(t *testing.T) {
	for text, want := range map[string]Server{
		"smtp://mail.example.com":             {Host: "mail.example.com", Port: "587"},
		"smtp://u:p%40w@mail.example.com:25":  {Host: "mail.example.com", Port: "25", User: "u", Password: "p@w"},
		"smtps://u@x.com:p@mail.example.com/": {Host: "mail.example.com", Port: "465", User: "u@x.com", Password: "p", TLS: ImplicitTLS},
		"smtps://u%40x.com:p@[::1]":           {Host: "::1", Port: "465", User: "u@x.com", Password: "p", TLS: ImplicitTLS},
		"smtp://relay?tls=off":                {Host: "relay", Port: "587", TLS: Plain},
		"smtp://u:p@127.0.0.1:2525?tls=off":   {Host: "127.0.0.1", Port: "2525", User: "u", Password: "p", TLS: Plain},
		"smtp://u:hunter2@relay?tls=off":      {},
		"smtp://u:hunter2@relay?tls=of":       {},
		"smtps://relay?tls=off":               {},
		"http://u:hunter2@relay":              {},
		"smtp://u:hunter2@":                   {},
		"smtp://u:hunter2%@relay":             {},
		"smtp://u:hunter2@relay/path":         {},
	} {
		got, err := ParseServer(text)
		if (err == nil) != (want.Host != "") || err == nil && got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") || strings.Contains(got.String(), "p@w") {
			t.Errorf("%s: the password is told: %v", text, err)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for text, ok := range map[string]bool{
		"joe@example.com": true, "jörg@example.com": true, "joe@bücher.example": true, "a+b@c.d": true,
		"joe": false, "": false, "Joe <joe@example.com>": false, "joe@example.com, mary@example.com": false,
		"joe@example.com\r\nBcc: x@y.z": false, "joe @example.com": false, "joe@exa mple.com": false,
		"joe@-\u202e.example": false, "<joe@example.com>": false,
	} {
		if _, err := ParseAddress(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestReadCA(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCA(file); err == nil {
		t.Error("a file without a certificate is taken")
	}
	if _, err := ReadCA(file + "x"); err == nil {
		t.Error("a file that is not there is taken")
	}
}
