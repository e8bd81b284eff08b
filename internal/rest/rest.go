// Package rest is the REST API: one route for each action of the domain, the
// OpenAPI document that describes them, the page that shows it, and around them
// what every HTTP server sends.
package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
)

// Config is what the handler is made of.
type Config struct {
	Service *chat.Service
	Policy  *clientinfo.Policy
	Socket  http.Handler // serves /api/v1/ws
	IO      http.Handler // serves /socket.io/; nil for none
	Hooks   http.Handler // serves /hooks/; nil for none
	LogIn   http.Handler // serves /oidc/; nil for none
	Mail    http.Handler // serves /mail/, where links in mails lead to; nil for none
	Web     fs.FS        // the web client: index.html and what it loads
	Metrics http.Handler // serves /metrics to those who may see it

	MetricsToken string       // bearer token for /metrics, besides the sessions of admins; "" for none
	Version      string       // shown in the OpenAPI document
	Log          *slog.Logger // default slog.Default()
}

const (
	prefix = "/api/v1"
	// maxBody bounds a request's body, in bytes.
	maxBody = 64 << 10
	// Bytes of answers that wait for clients to read them: of one person, and
	// of all. A single answer is always written.
	maxAnswers, allAnswers = 16 << 20, 256 << 20
	// callTimeout bounds the work on one request.
	callTimeout = 10 * time.Second
)

type handler struct {
	Config
	uploads, addrUploads quota // places
	answers              quota // bytes that are being written
}

// New returns the handler of everything that is served over HTTP. It belongs
// into [Protect].
func New(cfg Config) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	h := newHandler(cfg)
	mux := http.NewServeMux()
	for _, a := range chat.Actions() {
		mux.Handle(a.Method+" "+prefix+a.Path, detached(h.route(a)))
	}
	for _, a := range byteRoutes() {
		mux.Handle(a.Method+" "+prefix+a.Path,
			detached(map[string]http.HandlerFunc{"file.upload": h.upload, "file.open": h.file,
				"link.image": h.image, "picture.set": h.setPicture, "picture.open": h.picture,
				"emoji.create": h.createEmoji, "emoji.open": h.picture}[a.Name]))
	}
	spec := openAPI(cfg.Version, cfg.Policy)
	mux.HandleFunc("GET "+prefix+"/openapi.json", spec.serveJSON)
	mux.HandleFunc("GET "+prefix+"/docs", spec.servePage)
	mux.HandleFunc("GET "+prefix+"/docs.css", serveStyle)
	mux.Handle("GET "+prefix+"/ws", cfg.Socket)
	if cfg.IO != nil {
		mux.Handle("/socket.io/", cfg.IO)
	}
	if cfg.Hooks != nil {
		mux.Handle("/hooks/", detached(cfg.Hooks))
	}
	if cfg.LogIn != nil {
		mux.Handle("/oidc/", detached(cfg.LogIn))
	}
	if cfg.Mail != nil {
		mux.Handle("/mail/", detached(cfg.Mail))
	}
	mux.HandleFunc(noRoute, func(w http.ResponseWriter, r *http.Request) {
		if allow := methods(mux, r); len(allow) > 0 {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			writeProblem(w, http.StatusMethodNotAllowed, &chat.Error{Code: chat.CodeNotFound,
				Message: "this route is for " + strings.Join(allow, ", ") + " only"})
			return
		}
		h.refuse(w, r, &chat.Error{Code: chat.CodeNotFound,
			Message: "there is no such route: see " + prefix + "/docs"})
	})
	mux.HandleFunc("GET /healthz",
		func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.HandleFunc("GET /metrics", h.metrics)
	mux.Handle("/", static(cfg.Web))
	return mux
}

// detached serves requests whose client has closed its sending side, which
// net/http takes for the end of the connection. As over a WebSocket, a call is
// not canceled when the connection ends: its own time-out bounds it.
func detached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	})
}

// noRoute is the pattern of what is below /api/ and no route.
const noRoute = "/api/"

// methods returns those that there is a route for at a request's path.
func methods(mux *http.ServeMux, r *http.Request) []string {
	var all []string
	for _, method := range []string{"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"} {
		other := *r
		other.Method = method
		if _, pattern := mux.Handler(&other); pattern != noRoute {
			all = append(all, method)
		}
	}
	return all
}

func newHandler(cfg Config) *handler {
	return &handler{Config: cfg,
		uploads:     quota{total: allUploads, each: maxUploads, spare: spareUploads},
		addrUploads: quota{total: allUploads, each: maxAddrUploads},
		answers:     quota{total: allAnswers, each: maxAnswers, spare: allAnswers / 4},
	}
}

// Protect sets the security headers of every answer. It also takes the path of
// the public URL off requests whose proxy did not, and logs once if a proxy's
// headers are not believed.
func Protect(policy *clientinfo.Policy, log *slog.Logger, next http.Handler) http.Handler {
	var warn sync.Once
	base := policy.BasePath()
	below := http.StripPrefix(strings.TrimSuffix(base, "/"), next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy",
			"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; "+
				"connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(self), geolocation=()")
		if policy.HSTS {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if at, untrusted := policy.Untrusted(r); untrusted {
			warn.Do(func() {
				log.WarnContext(r.Context(), "the forwarding headers of a proxy are ignored: "+
					"if it is yours, name it with --proxies", "address", at)
			})
		}
		switch {
		case base != "/" && r.URL.Path+"/" == base:
			http.Redirect(w, r, base, http.StatusPermanentRedirect)
		case base != "/" && strings.HasPrefix(r.URL.Path, base):
			below.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (h *handler) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := h.Service.Store.Ping(ctx); err != nil {
		h.Log.WarnContext(r.Context(), "not ready", "error", err)
		plain(w, http.StatusServiceUnavailable, "the store does not answer")
		return
	}
	if h.Service.Health != nil {
		if parts := h.Service.Health(ctx); len(parts) > 0 {
			// Nodes that can be read stay in service.
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			json.NewEncoder(w).Encode(map[string]any{"status": "degraded", "parts": parts})
			return
		}
	}
	text := "ready"
	if h.Service.Index != nil {
		if built := h.Service.Index.Built(); built < 100 {
			text += fmt.Sprintf("\nsearch: the index is being built, %d %%", built)
		}
	}
	plain(w, http.StatusOK, text)
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write([]byte(text + "\n"))
}

// metrics serves the metrics to the bearer of the operator's token, and to
// admins.
func (h *handler) metrics(w http.ResponseWriter, r *http.Request) {
	cred, err := h.Policy.Credentials(r)
	if err == nil && !sameSecret(cred.Token, h.MetricsToken) {
		var who chat.Caller
		if who, err = h.Service.Authenticate(r.Context(), cred.Token,
			chat.Caller{Addr: h.Policy.Addr(r)}); err == nil {
			err = h.Service.MayOperate(who)
		}
	}
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	h.Metrics.ServeHTTP(w, r)
}
