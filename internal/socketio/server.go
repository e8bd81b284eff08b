// Package socketio is a server of Socket.IO, protocol 5, which the official
// clients from version 3 on speak: events with acknowledgements both ways,
// bytes, namespaces and rooms, over the sessions of package engineio.
//
//	server := socketio.New(socketio.Options{})
//	server.OnConnect("/", func(s *socketio.Socket, auth json.RawMessage, r *http.Request) error {
//		s.Join("lobby")
//		s.On("say", func(e *socketio.Event) {
//			var text string
//			if err := e.Decode(0, &text); err != nil {
//				e.Ack("say what?")
//				return
//			}
//			server.To("/", "lobby").Except(s).Emit("said", text)
//			e.Ack("done")
//		})
//		return nil // or an error, for a client that is not welcome
//	})
//	http.Handle("/socket.io/", server)
//
// A client's session carries a [Socket] for each namespace it is connected to.
// What a session has sent is acted upon in order, by one goroutine at a time
// that exists only while there is something to do: the functions given to
// OnConnect, On, OnAny and OnDisconnect run on it, never two at once for one
// session, and may wait. Meanwhile heartbeats and acknowledgements are still
// read, until as much waits as a session may have waiting: 256 packets or
// MaxPayload bytes; then the client has to wait too, and for longer than its
// heartbeat allows it is taken for dead. These functions heed [Socket.Context]
// if they wait, as Close waits for them, and must not panic.
//
// Sending never waits: it queues, and whoever does not fetch what is queued for
// it is closed. An event for many is encoded once, see [Encode] and
// [Server.To].
//
// Everything a client can make the server hold is bounded: by [Options], by a
// depth of JSON of 64, and by 256 arguments and 64 attachments of one event.
// Whoever breaks the protocol loses the session.
package socketio

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/socketio/engineio"
)

// Options are what a server is made of. The zero value of each field is its
// default.
type Options struct {
	Path           string        // of all requests; default "/socket.io/"
	PingInterval   time.Duration // between pings, if they are answered; default 25 s
	PingTimeout    time.Duration // a client has to answer a ping; default 20 s
	UpgradeTimeout time.Duration // a client has to finish an upgrade to WebSocket; default 10 s
	ConnectTimeout time.Duration // a session may be in no namespace; default 45 s
	// bytes of one event from a client with its attachments, and of one polling
	// request; default 1,000,000
	MaxPayload int
	// bytes that may wait for one client; more closes its session; larger than
	// any event; default 1 MiB
	MaxQueue      int
	MaxSessions   int // default 100,000
	MaxNamespaces int // of one session; also how many CONNECTs in a row may be in vain; default 16

	// Allow judges the request that is to open a session, before there is one:
	// its origin, its rate, who sends it. An error refuses it with 403 and the
	// error's text, or as a *Refusal says. Nil allows all. Later requests of a
	// session are not judged: they have to come from the client that opened it,
	// see Cookie and Identify.
	Allow func(r *http.Request) error

	// Cookie and Identify tell the client of a session that polls from others
	// who have learned its identifier, see [engineio.Config].
	Cookie   func(r *http.Request) *http.Cookie
	Identify func(r *http.Request) Identity

	// Keep returns what a session keeps of the request that opens it, for
	// Socket.Kept. Nil keeps a copy of the request, for ConnectFunc.
	Keep func(r *http.Request) any
}

// Identity is what Options.Identify says of a request.
type Identity = engineio.Identity

// Refusal is an error of Options.Allow that says how a request is answered.
type Refusal = engineio.Refusal

// Reason says why a socket was disconnected, in the words of the reference
// server where it has any.
type Reason = engineio.Reason

// Reasons of a disconnection.
const (
	ReasonClient      = engineio.ReasonClient      // the client has closed its session
	ReasonTransport   = engineio.ReasonTransport   // a connection broke
	ReasonPingTimeout = engineio.ReasonPingTimeout // a ping was not answered
	ReasonParse       = engineio.ReasonParse       // the client has broken the protocol
	ReasonSlow        = engineio.ReasonSlow        // more than MaxQueue waited
	ReasonShutdown    = engineio.ReasonShutdown    // by Server.Close
	// the session was in no namespace for too long
	ReasonConnectTimeout Reason = "connect timeout"
	ReasonClientLeft     Reason = "client namespace disconnect" // the client has left the namespace
	ReasonServerLeft     Reason = "server namespace disconnect" // by Socket.Disconnect
	ReasonServerClosed   Reason = "forced server close"         // by Socket.CloseSession
)

// Server serves Socket.IO. It is an http.Handler.
type Server struct {
	opt     Options
	engine  *engineio.Server
	workers sync.WaitGroup // added to while a session is not closed

	mu         sync.RWMutex
	namespaces map[string]*namespace
}

// ConnectFunc judges a client that connects to a namespace. Auth is the JSON
// object that it has sent for that, nil if none, and r the request that opened
// its session, without body and context, nil with Options.Keep; both may be
// kept. With an error the client gets a CONNECT_ERROR of its text, or of what a
// *ConnectError says. With nil it is connected, and what was sent to s
// meanwhile follows. This is the place for s.On, s.OnAny, s.OnDisconnect and
// s.Join.
type ConnectFunc func(s *Socket, auth json.RawMessage, r *http.Request) error

// ConnectError is an error for a client that connects, with data that comes
// with it, if not nil.
type ConnectError struct {
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *ConnectError) Error() string { return e.Message }

// New returns a server. Close must be called.
func New(opt Options) *Server {
	if opt.Path == "" {
		opt.Path = "/socket.io/"
	}
	if opt.ConnectTimeout == 0 {
		opt.ConnectTimeout = 45 * time.Second
	}
	if opt.MaxPayload == 0 {
		opt.MaxPayload = 1_000_000
	}
	if opt.MaxQueue == 0 {
		opt.MaxQueue = 1 << 20
	}
	if opt.MaxNamespaces == 0 {
		opt.MaxNamespaces = 16
	}
	s := &Server{opt: opt, namespaces: map[string]*namespace{}}
	s.engine = engineio.New(engineio.Config{
		PingInterval: opt.PingInterval, PingTimeout: opt.PingTimeout, UpgradeTimeout: opt.UpgradeTimeout,
		MaxPayload: opt.MaxPayload, MaxQueue: opt.MaxQueue, MaxSessions: opt.MaxSessions,
		Allow: opt.Allow, Keep: opt.Keep, Cookie: opt.Cookie, Identify: opt.Identify,
		Accept: func(session *engineio.Session) engineio.Receiver { return newClient(s, session) },
	})
	return s
}

// OnConnect opens a namespace, whose name begins with a slash. There is none
// without it; "/" is the one clients use by default. It is called before the
// server serves, once for each namespace.
func (s *Server) OnConnect(name string, f ConnectFunc) {
	if !strings.HasPrefix(name, "/") || strings.Contains(name, ",") || len(name) > maxNamespace {
		panic("socketio: a namespace begins with a slash, has no comma and is short: " + name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.namespaces[name] != nil {
		panic("socketio: a second OnConnect for " + name)
	}
	s.namespaces[name] = &namespace{name: name, connect: f, sockets: map[*Socket]struct{}{},
		rooms: map[string]map[*Socket]struct{}{}}
}

func (s *Server) namespace(name string) *namespace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.namespaces[name]
}

// ServeHTTP takes the requests of all clients. Cross-origin headers, and
// answers to OPTIONS, are its caller's.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != s.opt.Path && r.URL.Path+"/" != s.opt.Path {
		http.NotFound(w, r)
		return
	}
	s.engine.ServeHTTP(w, r)
}

// Sessions is how many there are, connected to a namespace or not.
func (s *Server) Sessions() int { return s.engine.Sessions() }

// Close closes all sessions with ReasonShutdown, and waits until the functions
// of all sockets have returned, OnDisconnect's last.
func (s *Server) Close() {
	s.engine.Close()
	s.workers.Wait()
}
