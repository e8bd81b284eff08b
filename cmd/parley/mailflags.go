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
