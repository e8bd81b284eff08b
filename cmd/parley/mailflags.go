package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/parley-chat/parley/internal/mail"
)

// mailFlags say how mail leaves.
type mailFlags struct {
	MailFrom string `help:"Address from which mail comes. Needed with --mail." placeholder:"ADDRESS"`
	MailCA   string `help:"PEM file with the certificate of the authority that the SMTP server's certificate is from, if it is your own." placeholder:"FILE"`
}

// serverMailFlags say how a server sends mail.
type serverMailFlags struct {
	Mail string `help:"SMTP server that takes mail to people: smtp://user:password@host:587 encrypts with STARTTLS, smtps:// from the first byte. Without it no mail is sent." placeholder:"URL"`
	mailFlags
	MailAfter time.Duration `help:"How long a mention or a direct message is unread before it is mailed." default:"15m"`
}

// config is how a server sends mail; nil if it sends none.
func (m serverMailFlags) config(name, url string) (*mail.Config, error) {
	if m.MailAfter < time.Second || m.MailAfter > 24*time.Hour {
		return nil, errors.New("--mail-after: must be 1s to 24h")
	}
	if m.Mail == "" {
		return nil, nil
	}
	cfg, err := m.mailConfig(m.Mail, name, url)
	return &cfg, err
}

// mailConfig is how mail is sent by an SMTP server; name is the chat's, url its
// address.
func (m mailFlags) mailConfig(server, name, url string) (mail.Config, error) {
	s, err := mail.ParseServer(server)
	if err != nil {
		return mail.Config{}, fmt.Errorf("--mail: %w", err)
	}
	if m.MailFrom == "" {
		return mail.Config{}, errors.New("--mail-from: is missing, the address from which mail comes")
	}
	from, err := mail.ParseAddress(m.MailFrom)
	if err != nil {
		return mail.Config{}, fmt.Errorf("--mail-from: %w", err)
	}
	if m.MailCA != "" {
		if s.CA, err = mail.ReadCA(m.MailCA); err != nil {
			return mail.Config{}, fmt.Errorf("--mail-ca: %w", err)
		}
	}
	return mail.Config{Server: s, From: from, Name: name, URL: url, Now: time.Now}, nil
}
