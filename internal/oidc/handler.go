package oidc

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/httperror"
)

// Config is what the handler is made of.
type Config struct {
	Service   *chat.Service
	Policy    *clientinfo.Policy
	Providers []Provider // from [Load]
	Address   string     // of the server in browsers, without a slash at its end
	Now       func() time.Time
	Log       *slog.Logger
}

// Handler serves what is below /oidc/. Close must be called.
type Handler struct {
	Config
	clients map[string]*client
	mux     *http.ServeMux

	outside  *http.Client  // for pictures elsewhere than at a provider
	slots    chan struct{} // of pictures that are being fetched
	pictures sync.WaitGroup
	closing  context.Context // is done when the handler closes
	close    context.CancelFunc
}

// callTimeout bounds a request, in which the provider may be asked three
// things.
const callTimeout = 30 * time.Second

// New returns the handler of the given providers.
func New(cfg Config) *Handler {
	h := &Handler{Config: cfg, clients: map[string]*client{}, mux: http.NewServeMux(),
		outside: newOutside(), slots: make(chan struct{}, parallelPictures)}
	h.closing, h.close = context.WithCancel(context.Background())
	for _, p := range cfg.Providers {
		h.clients[p.ID] = newClient(p, cfg.Address+"/oidc/"+p.ID+"/callback", cfg.Now)
	}
	h.mux.HandleFunc("POST /oidc/{provider}/log-in", h.begin)
	h.mux.HandleFunc("GET /oidc/{provider}/callback", h.finish)
	h.mux.HandleFunc("POST /oidc/{provider}/logged-out", h.loggedOut)
	h.mux.HandleFunc("POST /oidc/log-out", h.logOut)
	return h
}

// ServeHTTP serves a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	w.Header().Set("Cache-Control", "no-store")
	if err := h.Service.Admit(ctx, chat.Caller{Addr: h.Policy.Addr(r)}); err != nil {
		httperror.Write(w, chat.AsError(err))
		return
	}
	h.mux.ServeHTTP(w, r.WithContext(ctx))
}

// Close stops fetching pictures, and closes the connections to the providers.
func (h *Handler) Close() {
	h.close()
	h.pictures.Wait()
	h.outside.CloseIdleConnections()
	for _, c := range h.clients {
		c.close()
	}
}

// answer is the answer to the client's requests.
type answer struct {
	URL     string  `json:"url,omitempty"`     // where to go
	Problem problem `json:"problem,omitempty"` // or why not
}

func write(w http.ResponseWriter, status int, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(a)
}

// fail logs why a log-in failed, and returns what it is for people.
func (h *Handler) fail(r *http.Request, provider string, err error) problem {
	p := problemOf(err)
	level := slog.LevelWarn
	if p == broken {
		level = slog.LevelError
	}
	h.Log.Log(r.Context(), level, "log-in at a provider failed", "provider", provider, "problem", string(p),
		"address", h.Policy.Addr(r), "error", err)
	return p
}

// back sends the browser to the client.
func (h *Handler) back(w http.ResponseWriter, r *http.Request, fragment string) {
	http.Redirect(w, r, h.Address+"/"+fragment, http.StatusSeeOther)
}

// caller is who sent a request, without credentials.
func (h *Handler) caller(r *http.Request) chat.Caller {
	who := chat.Caller{Addr: h.Policy.Addr(r), Agent: r.UserAgent()}
	if device := r.Header.Get("Parley-Device"); chat.IsDevice(device) {
		who.Device = device
	}
	return who
}

// page returns a place within the client, "" for text that is none.
func page(text string) string {
	if len(text) > 500 || !strings.HasPrefix(text, "#/") ||
		strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return text
}
