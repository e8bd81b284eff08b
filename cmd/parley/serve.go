package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/demo"
	"github.com/parley-chat/parley/internal/netguard"
	"github.com/parley-chat/parley/internal/oidc"
)

// serve is the server's settings.
type serve struct {
	Listen string `help:"Address to listen on, host:port. \":8080\" listens on all addresses; port 0 picks a free port. Default: localhost:8080; with --tls-domain, :443; where PORT is set, that port of all addresses." placeholder:"ADDRESS"`
	storeFlags
	filesFlags
	previewFlags
	searchFlags
	Demo bool `help:"Fill an empty server with four people who share a well-known password. Do not use it on a public server."`

	Name      string   `help:"Name of the server, shown in the client." default:"Parley"`
	SignUp    string   `help:"Who may sign up: open (anyone), invite (people with an invite), closed (no one)." enum:"open,invite,closed" default:"invite"`
	PublicURL string   `help:"Address of the server in browsers, e.g. https://chat.example.com. Needed behind a proxy that changes the host or the path." placeholder:"URL"`
	Origins   []string `help:"Other origins whose pages may use a log-in, scheme://host[:port] each." placeholder:"ORIGIN"`
	Proxies   []string `help:"Addresses or networks of trusted reverse proxies. Their X-Forwarded-For and X-Forwarded-Proto are used." placeholder:"CIDR"`
	tlsFlags

	OIDC string `help:"TOML file of OpenID Connect providers at which people log in, see docs/operations.md." placeholder:"FILE"`

	Compat string `help:"Also serve clients of another chat: redis-chat-demo is the Redis chat demo for Node.js, see docs/compat.md." enum:",redis-chat-demo" default:"" placeholder:"NAME"`

	SessionIdle time.Duration `help:"Time after which an unused log-in expires." default:"720h"`
	SessionMax  time.Duration `help:"Time after which every log-in expires." default:"8760h"`

	Retain int `help:"Days after which messages are deleted, unless a room sets its own; 0 keeps them forever." default:"0"`

	MaxMessage      int `help:"Maximum size of a message in bytes." default:"16384"`
	MaxRooms        int `help:"Maximum number of rooms that one person may create." default:"500"`
	MaxSends        int `help:"Maximum number of messages from one person in 10 seconds; -1 for no limit." default:"50"`
	MaxCalls        int `help:"Maximum number of requests from one person in 10 seconds; -1 for no limit." default:"600"`
	MaxLogins       int `help:"Maximum number of log-ins and sign-ups from one address in a minute; -1 for no limit." default:"30"`
	MaxSockets      int `help:"Maximum number of open connections." default:"100000"`
	MaxUserSockets  int `help:"Maximum number of open connections of one person." default:"50"`
	MaxSocketFrames int `help:"Maximum number of frames from one connection in 10 seconds; -1 for no limit." default:"2000"`

	OutgoingAllow []string `help:"Hosts, addresses or networks, each with or without a port, to which outgoing webhooks may post although they are private, e.g. bot.internal or 10.0.0.7:8080." placeholder:"HOST"`

	Push string `help:"Push notifications on devices while the client is closed: content (with the beginning of a message), sender (only from whom it is), off." enum:"content,sender,off" default:"content"`

	serverMailFlags

	backupFlags

	MetricsToken string        `help:"Bearer token for /metrics. Without it, only admins can read the metrics." placeholder:"TOKEN"`
	LogLevel     string        `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
	LogFormat    string        `help:"text or json." enum:"text,json" default:"text"`
	Drain        time.Duration `help:"How long to wait for open requests when stopping." default:"10s"`
}

// Run serves until ctx is done.
func (s serve) Run(ctx context.Context, c console) error {
	a, err := s.start(ctx, c)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // a start leaves more behind than an idle server needs
	return a.wait(ctx)
}

// check returns an error that names each setting that cannot be.
func (s serve) check() error {
	bad := []error{s.storeFlags.check(), s.ownFiles().check(), s.backupFlags.check(),
		s.previewFlags.check(), s.tlsFlags.check(),
		checkMaxMessage(s.MaxMessage)}
	wrong := func(name, format string, args ...any) {
		bad = append(bad, fmt.Errorf("--"+name+": "+format, args...))
	}
	u, err := clientinfo.ParsePublicURL(s.PublicURL)
	switch {
	case err != nil:
		wrong("public-url", "%v", err)
	case u != nil && s.encrypts() && u.Scheme == "http":
		wrong("public-url", "is http:// although the server encrypts")
	}
	if _, err := clientinfo.ParseOrigins(s.Origins); err != nil {
		wrong("origins", "%v", err)
	}
	for name, n := range map[string]int{"max-rooms": s.MaxRooms,
		"max-sockets": s.MaxSockets, "max-user-sockets": s.MaxUserSockets} {
		if n < 1 {
			wrong(name, "must be at least 1")
		}
	}
	for name, n := range map[string]int{"max-sends": s.MaxSends, "max-calls": s.MaxCalls,
		"max-logins": s.MaxLogins, "max-socket-frames": s.MaxSocketFrames} {
		if n < -1 || n == 0 {
			wrong(name, "must be at least 1, or -1 for no limit")
		}
	}
	if _, err := netguard.ParseAllow(s.OutgoingAllow); err != nil {
		wrong("outgoing-allow", "%v", err)
	}
	if s.Retain < 0 || s.Retain > 36500 {
		wrong("retain", "must be 0, or days up to 36500")
	}
	if s.SessionIdle < time.Minute || s.SessionMax < s.SessionIdle {
		wrong("session-idle", "must be at least 1m, and --session-max no less")
	}
	if _, err := clientinfo.ParseProxies(s.Proxies); err != nil {
		wrong("proxies", "%v", err)
	}
	if _, err := s.serverMailFlags.config("", ""); err != nil {
		bad = append(bad, err)
	}
	return errors.Join(bad...)
}

// clientPolicy makes the policy of settings that were checked.
func (s serve) clientPolicy() *clientinfo.Policy {
	p := &clientinfo.Policy{HSTS: s.encrypts()}
	p.PublicURL, _ = clientinfo.ParsePublicURL(s.PublicURL)
	p.Origins, _ = clientinfo.ParseOrigins(s.Origins)
	p.Proxies, _ = clientinfo.ParseProxies(s.Proxies)
	return p
}

func (s serve) limits() chat.Limits {
	d := chat.DefaultLimits
	d.Message, d.RoomsCreated = s.MaxMessage, s.MaxRooms
	d.Sends.Limit, d.Calls.Limit, d.Logins.Limit = s.MaxSends, s.MaxCalls, s.MaxLogins
	return d
}

func (s serve) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	level.UnmarshalText([]byte(s.LogLevel)) // one of the enum
	opts := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// fill makes what a server needs before people come: General, the demo's
// people, the owner's link.
func (s serve) fill(ctx context.Context, a *app, c console) error {
	service := a.core.Service
	if err := service.Setup(ctx); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	if s.Demo {
		filled, err := demo.Fill(ctx, service)
		if err != nil {
			return fmt.Errorf("fill with the demo: %w", err)
		}
		if filled {
			fmt.Fprintf(c.out, "  demo:  Pablo, Joe, Mary and Alex, all with the password %q. Everybody knows it: not for strangers.\n", demo.Password)
		} else {
			fmt.Fprintf(c.out, "  demo:  not filled, as there are people already\n")
		}
	}
	var fresh time.Duration
	if a.core.Shared { // of nodes that start one after the other, the first one's link holds
		fresh = 10 * time.Minute
	}
	code, pending, err := service.OwnerInvite(ctx, fresh)
	if err != nil {
		return fmt.Errorf("look for an owner: %w", err)
	}
	if pending {
		fmt.Fprintln(c.out, "  owner: nobody yet. Another node has printed the link in the last minutes; parley user add --role owner does it too.")
	}
	if code != "" {
		fmt.Fprintf(c.out, "  owner: nobody yet. Whoever opens this link first becomes it (once, within a day):\n         %s/#setup=%s\n", a.url, code)
	}
	return nil
}

// logIn reads the providers at which people log in.
func (s serve) logIn() (oidc.Settings, error) {
	if s.OIDC == "" {
		return oidc.Settings{}, nil
	}
	settings, err := oidc.Load(s.OIDC, os.LookupEnv)
	if err != nil {
		err = fmt.Errorf("--oidc: %w", err)
	}
	return settings, err
}

func (s serve) signUp() chat.SignUp { return chat.SignUp(s.SignUp) }
