// Package mail sends mail by SMTP: what people missed, as one mail each, and
// the mails about their accounts. Which messages those are, and who gets mail
// at all, is chat's. This package writes the mails, hands them to the
// operator's SMTP server, serves the pages that their links lead to, and is the
// follower that does it when the time has come.
package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
)

// Config is what a [Sender] is made of. Zero values mean what is said in
// brackets.
type Config struct {
	Service *chat.Service
	Server  Server
	From    string             // address of the sender
	Name    string             // the chat's name, which is the sender's
	URL     string             // where people reach the chat, without a slash at its end
	Now     func() time.Time   // [time.Now]
	Retry   follow.RetryPolicy // pauses between attempts [30 s to 1 h]
	Sweep   time.Duration      // how often to look for what is due [15 s]
	Log     *slog.Logger       // [slog.Default()]
}

// Sender sends mail.
type Sender struct {
	Config
	mu      sync.Mutex
	failing bool // the last attempt failed for a reason that concerns all mail
}

// New returns a sender.
func New(cfg Config) *Sender { return &Sender{Config: cfg.withDefaults()} }

func (cfg Config) withDefaults() Config {
	if cfg.Retry == (follow.RetryPolicy{}) {
		cfg.Retry = follow.RetryPolicy{First: 30 * time.Second, Most: time.Hour}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Sweep = cmp.Or(cfg.Sweep, 15*time.Second)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	return cfg
}

// Send writes a mail and hands it in. Why that failed is a
// *chat.DeliveryError.
func (s *Sender) Send(ctx context.Context, m chat.Mail) error {
	out := s.write(m)
	out.id, out.to, out.name, out.thread, out.at = m.ID, m.To, m.Name, m.Thread, s.Now()
	err := s.send(ctx, out)
	s.note(err)
	if f, ok := errors.AsType[*Failure](err); ok {
		return &chat.DeliveryError{Reason: f.told(), Final: f.Final}
	}
	return err
}

func (cfg Config) send(ctx context.Context, m message) error {
	raw, err := compose(m, cfg.Name, cfg.From)
	if err != nil {
		return &Failure{Is: err.Error(), Final: true}
	}
	return cfg.Server.deliver(ctx, cfg.From, m.to, raw)
}

// note logs when sending begins to fail, when it works again, and each mail
// that is refused.
func (s *Sender) note(err error) {
	f, failed := errors.AsType[*Failure](err)
	if failed && f.Final {
		s.Log.Warn("a mail was refused", "error", f)
		return
	}
	s.mu.Lock()
	was := s.failing
	s.failing = failed
	s.mu.Unlock()
	switch {
	case failed && !was:
		s.Log.Error("mail cannot be sent; it is tried again", "error", f)
	case !failed && was:
		s.Log.Info("mail is sent again")
	}
}

// Test sends a mail that says that sending works. The error is a *[Failure].
func Test(ctx context.Context, cfg Config, to string) error {
	cfg = cfg.withDefaults()
	text := fmt.Sprintf("This is a test from %s. Mail works.\n\nIt was handed to %s.\n", cfg.Name, cfg.Server)
	return cfg.send(ctx, message{id: fmt.Sprintf("test.%d", cfg.Now().UnixNano()), to: to, at: cfg.Now(),
		subject: "Test from " + cfg.Name, text: text, html: page(cfg.Name, paragraphs(text))})
}
