// Package parley is the chat server as a part of another Go program: an
// [http.Handler] with the web client, REST, WebSocket and Socket.IO, on data in
// a directory or in Redis.
//
//	srv, err := parley.Open(ctx, parley.Options{Data: "./chat", Authenticate: whoIs, LogIn: "/login"})
//	...
//	defer srv.Close(ctx)
//	mux.Handle("/chat/", http.StripPrefix("/chat", srv))
//
// # People
//
// A program that has people of its own says with [Options.Authenticate] who a
// request is from. Accounts are made at first sight, and there are no
// passwords. The function is asked with every request, and with every new
// connection; [Server.Revoke] ends the connections that are open, as at a
// log-out. Without it the chat has accounts, passwords and invites of its own,
// as the command parley has; [Server.OwnerCode] makes the first owner.
//
// # From Go
//
// The program can make rooms ([Server.Room]), put people into them, send
// messages, as a bot or as a person ([Server.Send]), and hear what happens
// ([Server.Listen]). The rules of the chat hold for it too: who sends must be
// in the room, and is limited in how much.
//
// Ids of people and rooms follow from the program's own: [UserIDFor] and
// [RoomIDFor] need no look-up.
//
// # Several
//
// Nothing is global. A process can open several chats, each on data of its own.
// Processes share one that is in Redis.
package parley

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/server"
)

// Options say what a chat is. Only Data or Store must be given.
type Options struct {
	Data        string // directory of the data, made if it is not there; one process at a time can use it
	Store       string // or Redis: redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://
	RedisPrefix string // beginning of every key; default "parley"
	RedisWait   int    // how many replicas must have a change before it is acknowledged

	// Files is where files are kept that people send: a directory, a bucket
	// (s3://HOST/BUCKET/PREFIX?region=R, with FilesKey and FilesSecret), or
	// "off". Default the folder files in Data; with Store, off.
	Files                 string
	FilesKey, FilesSecret string
	FileSize              int // bytes of a file; default 50 MiB
	FilesTotal            int // bytes of all files together; 0 for no limit

	Name string // the chat's name, as people see it; default "Parley"
	// messages are deleted after it, in rooms that say nothing else; 0 keeps
	// them for good
	Retain time.Duration

	// SearchDir is where the search index is, of this process alone, or off.
	// Default: Data; with Store, a temporary directory, so that the index is
	// built at each start.
	SearchDir string
	// LinkPreviews has the chat look at the pages that people link to, on the
	// public web only, and show what they are.
	LinkPreviews bool

	// Authenticate says who a request is from: the zero User if nobody is
	// logged in. After an error the request is answered with 503, and the error
	// logged. It is called from many goroutines, often: with every request but
	// those for the client's own files, and sometimes twice. It must not read
	// the body.
	Authenticate func(*http.Request) (User, error)
	// LogIn and LogOut are addresses of the program's pages for it, which the
	// client shows. Who opens the client and is not logged in is sent to LogIn.
	LogIn, LogOut string
	// Recheck is how long a connection lasts at most until Authenticate is
	// asked again, and at least half as long. The client comes back by itself.
	// Default an hour.
	Recheck time.Duration

	// SignUp says who may sign up, without Authenticate: "open", "invite" or
	// "closed". Default "invite".
	SignUp string

	// PublicURL is the address under which people reach the chat, like
	// https://example.com or https://example.com/chat. If it is set, only pages
	// from there, and from Origins, may use a person's log-in. Otherwise the
	// Host of each request stands for it.
	PublicURL string
	Origins   []string
	// Proxies are reverse proxies whose X-Forwarded-For and X-Forwarded-Proto
	// are believed.
	Proxies []netip.Prefix

	Log *slog.Logger // default slog.Default()
	// Metrics is where the chat's metrics are registered until Close. Several
	// chats in one process need different labels:
	// prometheus.WrapRegistererWith. Default none.
	Metrics prometheus.Registerer
}

// Server is a chat. It is safe for concurrent use.
type Server struct {
	core    *server.Core
	inner   *server.Server
	handler http.Handler
	log     *slog.Logger

	metrics  prometheus.Registerer // nil for none
	registry *prometheus.Registry

	closeMu   sync.Mutex
	closing   context.Context // done when Close begins, under closeMu
	beginEnd  context.CancelFunc
	listeners sync.WaitGroup
	end       sync.Once
	endErr    error
}

// Open opens a chat on its data, and makes them if there are none. Ctx bounds
// the opening: in Redis, it waits for that to be there. Close must be called.
func Open(ctx context.Context, o Options) (_ *Server, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Server{log: o.Log, metrics: o.Metrics, registry: prometheus.NewRegistry()}
	if s.log == nil {
		s.log = slog.Default()
	}
	cfg := server.CoreConfig{
		Store: o.store(), Name: o.Name, SignUp: chat.SignUp(o.SignUp), Retain: o.Retain, Log: s.log,
		Metrics: s.registry,
	}
	if o.Authenticate != nil {
		cfg.SignUp, cfg.External = chat.SignUpClosed, &chat.External{LogIn: o.LogIn, LogOut: o.LogOut}
		cfg.SessionIdle, cfg.SessionMax = o.Recheck, o.Recheck
	}
	if s.core, err = server.OpenCore(ctx, cfg); err != nil {
		return nil, named(err)
	}
	if err := s.furnish(ctx, o); err != nil {
		return nil, errors.Join(named(err), s.core.Close())
	}
	s.log = s.core.Log
	policy := o.clientPolicy()
	s.inner = server.New(s.core, server.Config{
		Policy: policy, MaxSockets: 100_000, MaxUserSockets: 50, MaxSocketFrames: 2000, Metrics: s.registry,
		Address: o.PublicURL,
	})
	s.closing, s.beginEnd = context.WithCancel(context.Background())
	s.handler = s.inner
	if o.Authenticate != nil {
		s.handler = newAuthMiddleware(o, s.core.Service, policy, s.log, s.inner)
	}
	if s.metrics != nil { // as one, so that it can go as one
		if err := s.metrics.Register(s.registry); err != nil {
			s.metrics = nil
			return nil, errors.Join(fmt.Errorf("parley: Options.Metrics: %w", err), s.Close(ctx))
		}
	}
	return s, nil
}

// furnish makes what a chat has before people come.
func (s *Server) furnish(ctx context.Context, o Options) error {
	if _, err := s.core.OpenFiles(ctx, o.files()); err != nil {
		return err
	}
	if o.LinkPreviews {
		if err := s.core.OpenPreviews(server.PreviewConfig{LinkPreviews: "on"}, o.PublicURL); err != nil {
			return err
		}
	}
	if err := s.core.Prepare(ctx, s.core.Service.Setup); err != nil {
		return err
	}
	cfg := server.SearchConfig{SearchDir: o.SearchDir}
	if o.SearchDir == "off" {
		cfg.Search = "off"
	}
	_, err := s.core.OpenSearch(ctx, cfg)
	return err
}

func (o *Options) store() server.StoreConfig {
	return server.StoreConfig{Data: o.Data, Store: o.Store, RedisPrefix: o.RedisPrefix,
		RedisWait: o.RedisWait}
}

func (o *Options) files() server.FilesConfig {
	return server.FilesConfig{Files: o.Files, FileSize: o.FileSize, FilesTotal: o.FilesTotal,
		S3Key: o.FilesKey, S3Secret: o.FilesSecret}
}

// check fills in what is not given, and returns an error that names each option
// that cannot be.
func (o *Options) check() error {
	o.RedisPrefix = cmp.Or(o.RedisPrefix, "parley")
	o.FileSize = cmp.Or(o.FileSize, 50<<20)
	o.Recheck = cmp.Or(o.Recheck, time.Hour)
	o.SignUp = cmp.Or(o.SignUp, string(chat.SignUpInvite))
	bad := []error{named(server.CheckStore(o.store())), named(o.files().Check())}
	wrong := func(name, what string) { bad = append(bad, fmt.Errorf("parley: Options.%s: %s", name, what)) }
	if (o.Data == "") == (o.Store == "") {
		wrong("Data", "give either a directory or a Store")
	}
	switch chat.SignUp(o.SignUp) {
	case chat.SignUpOpen, chat.SignUpInvite, chat.SignUpClosed:
	default:
		wrong("SignUp", "is open, invite or closed")
	}
	if o.Authenticate == nil && (o.LogIn != "" || o.LogOut != "") {
		wrong("LogIn", "needs Authenticate")
	}
	for name, page := range map[string]string{"LogIn": o.LogIn, "LogOut": o.LogOut} {
		if u, err := url.Parse(page); err != nil || u.Scheme != "" && u.Scheme != "http" &&
			u.Scheme != "https" || u.Scheme == "" && page != "" && !strings.HasPrefix(page, "/") {
			wrong(name, "is an address like /login or https://example.com/login")
		}
	}
	if o.Recheck < 2*time.Second {
		wrong("Recheck", "is at least 2s")
	}
	if o.Retain < 0 {
		wrong("Retain", "is not negative")
	}
	if _, err := clientinfo.ParsePublicURL(o.PublicURL); err != nil {
		wrong("PublicURL", err.Error())
	}
	if _, err := clientinfo.ParseOrigins(o.Origins); err != nil {
		wrong("Origins", err.Error())
	}
	return errors.Join(bad...)
}

// clientPolicy makes the policy of options that were checked.
func (o *Options) clientPolicy() *clientinfo.Policy {
	p := &clientinfo.Policy{Proxies: o.Proxies}
	p.PublicURL, _ = clientinfo.ParsePublicURL(o.PublicURL)
	p.Origins, _ = clientinfo.ParseOrigins(o.Origins)
	return p
}

// asOptions are names of settings that are called otherwise here.
var asOptions = map[string]string{"S3Key": "FilesKey", "S3Secret": "FilesSecret"}

// named names options in an error, which may be joined of several.
func named(err error) error {
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, named(one))
		}
		return errors.Join(all...)
	case *server.SettingError:
		return fmt.Errorf("parley: Options.%s: %w", cmp.Or(asOptions[e.Setting], e.Setting), e.Err)
	}
	return err
}

// ServeHTTP serves the chat at the root of what it sees: use [http.StripPrefix]
// to have it below a path. Middleware around it must let connections be
// hijacked, or there are no WebSockets.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// OwnerCode returns the code with which the first person signs up as the owner,
// at the client's address with #setup= and the code behind it. It works once,
// within a day, and withdraws earlier ones. It is "" once the chat has an
// owner, and with Options.Authenticate, which gives users their roles.
func (s *Server) OwnerCode(ctx context.Context) (string, error) {
	if s.core.Service.External != nil {
		return "", nil
	}
	code, _, err := s.core.Service.OwnerInvite(ctx, 0)
	return code, public(err)
}

// Close tells clients to come back later, closes their connections, finishes
// the requests that are under way until ctx is done, and closes the data. What
// comes afterwards is answered with 503. Call it before or after
// [http.Server.Shutdown], which knows nothing of connections. It may be called
// again.
func (s *Server) Close(ctx context.Context) error {
	s.end.Do(func() {
		s.closeMu.Lock()
		s.beginEnd()
		s.closeMu.Unlock()
		s.listeners.Wait()
		s.endErr = errors.Join(s.inner.Drain(ctx), s.inner.Close(ctx))
		if s.metrics != nil {
			s.metrics.Unregister(s.registry)
		}
	})
	return s.endErr
}
