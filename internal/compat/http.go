package compat

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/httperror"
)

// route is one of the demo's. Its result is sent as JSON, or as text if it is a
// text.
type route struct {
	method, path string
	do           func(*Server, context.Context, *request) (status int, result any, err error)
}

func (s *Server) routes() []route {
	return []route{
		{"GET", "/links", (*Server).links},
		{"GET", "/randomname", (*Server).randomName},
		{"GET", "/me", (*Server).me},
		{"POST", "/login", (*Server).logIn},
		{"POST", "/logout", (*Server).logOut},
		{"GET", "/users", (*Server).users},
		{"GET", "/users/online", (*Server).online},
		{"GET", "/rooms/{user}", (*Server).roomsOf},
		{"POST", "/room", (*Server).openPair},
		{"GET", "/room/{room}/messages", (*Server).messages},
		{"GET", "/room/0/preload", (*Server).preload},
	}
}

// request is one request, and who makes it: nobody, if there is no session.
type request struct {
	*http.Request
	w    http.ResponseWriter
	who  chat.Caller
	cred clientinfo.Credentials // of the session; zero without
}

// refusal is how the demo tells what is wrong.
type refusal struct {
	Message string `json:"message"`
}

func (s *Server) serve(do func(*Server, context.Context, *request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// Not canceled by a client that has closed its sending side.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), callTimeout)
		defer cancel()
		s.headers(w, r)
		in, err := s.caller(ctx, w, r)
		var status int
		var out any
		if err == nil {
			err = s.people.refresh(ctx)
		}
		if err == nil {
			status, out, err = do(s, ctx, in)
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		reply(w, status, out)
	}
}

func reply(w http.ResponseWriter, status int, out any) {
	if text, ok := out.(string); ok {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		io.WriteString(w, text)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(out)
}

// refuse answers with err. Errors that are not the domain's are logged here and
// nowhere else.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := chat.AsError(err)
	if e.Code == chat.CodeInternal || e.Code == chat.CodeUnavailable {
		s.cfg.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path",
			r.URL.Path, "error", err)
	}
	status := httperror.SetHeader(w, e)
	if e.Code == chat.CodeUnauthenticated { // as the demo says it
		status = http.StatusForbidden
	}
	reply(w, status, refusal{e.Message})
}

// headers are those of every answer. Pages of allowed origins may read it with
// the person's cookie.
func (s *Server) headers(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); slices.Contains(s.cfg.Policy.Origins, origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}

func (s *Server) preflight(w http.ResponseWriter, r *http.Request) {
	s.headers(w, r)
	h := w.Header()
	if err := s.cfg.Policy.CheckOrigin(r, true); err != nil {
		s.refuse(w, r, err)
		return
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// caller says who asks. What a browser says of where an unsafe request comes
// from has to be a page of ours; programs say nothing of it. That is enough, as
// browsers always say it for a POST, and as bodies are JSON only and cookies
// SameSite.
func (s *Server) caller(ctx context.Context, w http.ResponseWriter, r *http.Request) (*request, error) {
	in := &request{Request: r, w: w, who: chat.Caller{Addr: s.cfg.Policy.Addr(r), Agent: r.UserAgent()}}
	cred, err := s.cfg.Policy.Credentials(r)
	if err != nil {
		return nil, err
	}
	unsafe := r.Method != http.MethodGet && r.Method != http.MethodHead
	if err := s.cfg.Policy.CheckOrigin(r, unsafe && !clientinfo.Silent(r)); err != nil {
		return nil, err
	}
	if cred.Token == "" {
		return in, nil
	}
	who, err := s.cfg.Service.Authenticate(ctx, cred.Token, in.who)
	if errors.Is(err, chat.ErrUnauthenticated) || errors.Is(err, chat.ErrRateLimited) {
		return in, nil // the session is over: the calls of no one count by address
	}
	if err != nil {
		return nil, err
	}
	if err := who.May(chat.ScopeLogin); err != nil {
		return nil, err // the demo knows no tokens for programs
	}
	in.who, in.cred = who, cred
	if cred.Cookie && !s.Claims(r) { // logged in by another client of this server
		s.mark(w, r, who.ExpiresAt)
	}
	return in, nil
}

// mark gives the browser the cookie by which its sockets are known; a zero time
// takes it back.
func (s *Server) mark(w http.ResponseWriter, r *http.Request, until time.Time) {
	http.SetCookie(w, s.cfg.Policy.NewCookie(r, s.marker(), "1", until))
}

// body decodes a request's body. Unlike Parley's own routes, the demo passes
// over fields that it does not know.
func (in *request) body(v any) error {
	if media, _, err := mime.ParseMediaType(in.Header.Get("Content-Type")); err != nil ||
		media != "application/json" {
		return &chat.Error{Code: chat.CodeInvalid,
			Message: "a body is JSON: set Content-Type: application/json"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(in.w, in.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return &chat.Error{Code: chat.CodeTooLarge, Message: "a body has at most 65536 bytes"}
	}
	if err != nil {
		return &chat.Error{Code: chat.CodeInvalid, Message: "the body did not arrive whole"}
	}
	if err := json.Unmarshal(body, v); err != nil {
		return &chat.Error{Code: chat.CodeInvalid,
			Message: "the body is not the JSON object that is asked for"}
	}
	return nil
}
