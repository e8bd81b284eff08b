package incoming

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/visitor"
)

// Config is what the door is made of.
type Config struct {
	Service *chat.Service
	Visitor *visitor.Policy
	Log     *slog.Logger // default slog.Default(); tokens and texts are never in it
}

const (
	// maxBody bounds a request's body, in bytes. Slack's own bound is lower.
	maxBody = 256 << 10
	// callTimeout bounds the work on one request.
	callTimeout = 10 * time.Second
)

type door struct {
	Config
}

// New returns the handler of POST /hooks/{token}.
func New(cfg Config) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	mux := http.NewServeMux()
	mux.Handle("POST /hooks/{token}", &door{cfg})
	return mux
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := d.post(w, r); err != nil {
		d.refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, "ok")
}

var errNoText = &chat.Error{Code: chat.CodeInvalid, Message: "no_text"}

func (d *door) post(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	who := chat.Caller{Addr: d.Visitor.Addr(r), Agent: r.UserAgent()}
	if rate := d.Service.Limits.Calls; rate.Limit >= 0 {
		left, err := d.Service.Limiter.Take(ctx, "hook:"+who.Addr, 1, rate)
		if err != nil {
			return err
		}
		if !left.OK {
			return &chat.Error{Code: chat.CodeRateLimited, RetryAfter: left.RetryAfter}
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, long := errors.AsType[*http.MaxBytesError](err); long {
			return chat.ErrTooLarge
		}
		return errPayload
	}
	payload, err := decode(r.Header.Get("Content-Type"), body)
	if err != nil {
		return err
	}
	text := render(payload)
	event := r.Header.Get("X-GitHub-Event")
	if text == "" && event != "" { // Gitea sends it with Slack's format too
		text = github(event, payload)
	}
	if strings.TrimSpace(text) == "" {
		if event == "" {
			return errNoText
		}
		// nothing to tell is no mistake of the sender
		_, err = d.Service.Authenticate(ctx, r.PathValue("token"), who)
		return err
	}
	_, err = d.Service.PostHook(ctx, r.PathValue("token"), who, cut(text, d.Service.Limits.Message))
	return err
}

// refuse answers as Slack does: a status and a word.
func (d *door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errPayload) {
		answer(w, http.StatusBadRequest, "invalid_payload")
		return
	}
	e := chat.AsError(err)
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	switch e.Code {
	case chat.CodeUnauthenticated, chat.CodeNotFound, chat.CodeForbidden:
		answer(w, http.StatusNotFound, "no_service")
	case chat.CodeInvalid:
		answer(w, http.StatusBadRequest, e.Message)
	case chat.CodeTooLarge:
		answer(w, http.StatusRequestEntityTooLarge, "too_large")
	case chat.CodeRateLimited:
		answer(w, http.StatusTooManyRequests, "rate_limited")
	case chat.CodeUnavailable:
		d.Log.WarnContext(r.Context(), "incoming webhook failed", "error", err)
		answer(w, http.StatusServiceUnavailable, "service_unavailable")
	default:
		d.Log.ErrorContext(r.Context(), "incoming webhook failed", "error", err)
		answer(w, http.StatusInternalServerError, "server_error")
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

// cut shortens a text to limit bytes.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	n := max(limit-len(fenceEnd)-len(ellipsis), 0)
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return broken(text[:n])
}

const (
	fenceEnd = "\n```\n"
	ellipsis = "…"
)

// broken ends a text that does not end there. It closes the block of code that
// is open, if that has no more than three marks.
func broken(text string) string {
	open := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimLeft(line, "> "), "```") {
			open = !open
		}
	}
	if open {
		return text + fenceEnd + ellipsis
	}
	return text + ellipsis
}
