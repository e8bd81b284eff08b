package incoming

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/httperror"
)

// Config is what the handler is made of.
type Config struct {
	Service *chat.Service
	Policy  *clientinfo.Policy
	Log     *slog.Logger // default slog.Default(); tokens and texts are never in it
}

const (
	// maxBody bounds a request's body, in bytes. Slack's own bound is lower.
	maxBody = 256 << 10
	// callTimeout bounds the work on one request.
	callTimeout = 10 * time.Second
)

type handler struct {
	Config
}

// New returns the handler of POST /hooks/{token}.
func New(cfg Config) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	mux := http.NewServeMux()
	mux.Handle("POST /hooks/{token}", &handler{cfg})
	return mux
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h.post(w, r); err != nil {
		h.refuse(w, r, err)
		return
	}
	httperror.WriteText(w, http.StatusOK, "ok")
}

var errNoText = &chat.Error{Code: chat.CodeInvalid, Message: "no_text"}

func (h *handler) post(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	who := chat.Caller{Addr: h.Policy.Addr(r), Agent: r.UserAgent()}
	who, err := h.Service.AuthenticateHook(ctx, r.PathValue("token"), who)
	if err != nil {
		return err
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
		return nil // nothing to tell is no mistake of the sender
	}
	_, err = h.Service.PostHook(ctx, who, cut(text, h.Service.Limits.Message))
	return err
}

// refuse answers as Slack does: a status and a word.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := chat.AsError(err)
	status := httperror.SetHeader(w, e)
	word := cmp.Or(answers[e.Code], "server_error")
	switch e.Code {
	case chat.CodeUnauthenticated, chat.CodeForbidden:
		status = http.StatusNotFound
		w.Header().Del("WWW-Authenticate")
	case chat.CodeInvalid:
		word = e.Message
	case chat.CodeUnavailable:
		h.Log.WarnContext(r.Context(), "incoming webhook failed", "error", err)
	case chat.CodeInternal:
		h.Log.ErrorContext(r.Context(), "incoming webhook failed", "error", err)
	}
	httperror.WriteText(w, status, word)
}

// answers are what Slack's incoming webhooks answer.
var answers = map[chat.Code]string{
	chat.CodeUnauthenticated: "no_service", chat.CodeNotFound: "no_service",
	chat.CodeForbidden: "no_service", chat.CodeTooLarge: "too_large",
	chat.CodeRateLimited: "rate_limited", chat.CodeUnavailable: "service_unavailable",
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
