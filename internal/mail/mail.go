// Package mail sends mail by SMTP: what people missed, as one mail each, and
// the mails about their accounts. Which messages those are, and who gets mail
// at all, is chat's. This package writes the mails, hands them to the
// operator's SMTP server, and is the follower that does it when the time has
// come.
package mail

import (
	"context"
	"fmt"
	"time"
)

// Config is what a [Sender] is made of.
type Config struct {
	Server Server
	From   string // address of the sender
	Name   string // the chat's name, which is the sender's
	URL    string // where people reach the chat
	Now    func() time.Time
}

// Test sends a mail that says that sending works. The error is a *[Failure].
func Test(ctx context.Context, cfg Config, to string) error {
	text := fmt.Sprintf("This is a test from %s. Mail works.\n\nIt was handed to %s.\n", cfg.Name, cfg.Server)
	m := message{id: fmt.Sprintf("test.%d", cfg.Now().UnixNano()), to: to, at: cfg.Now(),
		subject: "Test from " + cfg.Name, text: text, html: page(cfg.Name, paragraphs(text))}
	raw, err := compose(m, cfg.Name, cfg.From)
	if err != nil {
		return &Failure{Is: err.Error(), Final: true}
	}
	return cfg.Server.deliver(ctx, cfg.From, to, raw)
}
