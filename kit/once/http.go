package once

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HTTP are the settings of Handler. Scope is required.
type HTTP struct {
	// Scope names whose keys they are, a user say: the same key in two scopes
	// is two keys. Without it one client could read another's answers.
	Scope func(*http.Request) string

	// Required refuses requests without a key with 400. By default they pass
	// unguarded.
	Required bool

	// Methods that are guarded. Default: POST and PATCH.
	Methods []string

	// Wait is how long a repeated request waits for the first one, before it is
	// answered 409. Default: 10 s; negative: not at all.
	Wait time.Duration

	// MaxBody bounds the request's body, which is read before the handler runs,
	// since it is a part of the fingerprint. Default: 1 MiB; beyond it 413.
	MaxBody int64

	// ErrorHandler answers when Redis gives no answer; the handler has not run
	// then. Default: 503.
	ErrorHandler func(http.ResponseWriter, *http.Request, error)
}

// Replayed is the header field of answers that were given before.
const Replayed = "Idempotency-Replayed"

const maxKey = 255

// stored is an answer as it is kept.
type stored struct {
	Status int         `json:"s"`
	Header http.Header `json:"h"`
	Body   []byte      `json:"b"`
}

// Handler returns a handler that runs next once for each Idempotency-Key.
// Repeated requests get the first one's answer, marked with [Replayed]; one
// with another method, URL or body under the same key is answered 422, and 409
// while the first one runs for longer than HTTP.Wait. An answer of 500 and
// above is not kept: the next request runs again.
//
// Answers are written when they are complete, so next cannot flush, hijack or
// stream. The context of next goes on when the client has gone: it may come
// back for the answer.
func (o *Once) Handler(opt HTTP, next http.Handler) http.Handler {
	if opt.Scope == nil {
		panic("once: HTTP.Scope is nil")
	}
	if opt.Methods == nil {
		opt.Methods = []string{http.MethodPost, http.MethodPatch}
	}
	if opt.Wait == 0 {
		opt.Wait = 10 * time.Second
	}
	if opt.MaxBody == 0 {
		opt.MaxBody = 1 << 20
	}
	if opt.ErrorHandler == nil {
		opt.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.Header().Set("Retry-After", "1")
			problem(w, http.StatusServiceUnavailable, "The request could not be guarded. Try again shortly.")
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ok := header(r)
		switch {
		case !slices.Contains(opt.Methods, r.Method) || ok && key == "" && !opt.Required:
			next.ServeHTTP(w, r)
		case key == "":
			problem(w, http.StatusBadRequest, "An Idempotency-Key of 1 to 255 characters is needed.")
		default:
			o.serve(opt, next, w, r, opt.Scope(r)+"\x00"+key)
		}
	})
}

// header reads the key: a string of structured fields, or bare as many clients
// send it. Ok is false when there is one that is not valid.
func header(r *http.Request) (key string, ok bool) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", true
	}
	key = values[0]
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		key = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(key[1 : len(key)-1])
	}
	if len(values) > 1 || key == "" || len(key) > maxKey {
		return "", false
	}
	return key, true
}

func (o *Once) serve(opt HTTP, next http.Handler, w http.ResponseWriter, r *http.Request, key string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, opt.MaxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		problem(w, http.StatusRequestEntityTooLarge, "The body has more than "+
			strconv.FormatInt(opt.MaxBody, 10)+" bytes.")
		return
	}
	if err != nil {
		return // the client is gone
	}
	fingerprint := r.Method + " " + r.URL.RequestURI() + "\n" + r.Header.Get("Content-Type") + "\n" + string(body)
	var first *recorder
	ctx := context.WithoutCancel(r.Context())
	text, _, err := o.do(ctx, key, []byte(fingerprint), opt.Wait, func(ctx context.Context) ([]byte, error) {
		request := r.WithContext(ctx)
		request.Body = io.NopCloser(bytes.NewReader(body))
		first = &recorder{header: http.Header{}}
		next.ServeHTTP(first, request)
		answer := first.answer()
		if answer.Status >= 500 {
			return nil, errUnkept
		}
		return json.Marshal(answer)
	})
	switch {
	case first != nil:
		// Whatever became of its record, the handler has run and this is its
		// answer.
		write(w, first.answer())
	case errors.Is(err, ErrMismatch):
		problem(w, http.StatusUnprocessableEntity, "This Idempotency-Key was used for another request.")
	case errors.Is(err, ErrRunning):
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusConflict, "The first request with this Idempotency-Key still runs.")
	case err != nil:
		opt.ErrorHandler(w, r, err)
	default:
		var answer stored
		if err := json.Unmarshal(text, &answer); err != nil {
			opt.ErrorHandler(w, r, err)
			return
		}
		w.Header().Set(Replayed, "true")
		write(w, answer)
	}
}

// errUnkept has an answer of 500 and above forgotten.
var errUnkept = errors.New("once: not kept")

func write(w http.ResponseWriter, answer stored) {
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // the client may be gone; the answer is kept
}

// A recorder collects an answer.
type recorder struct {
	header http.Header
	sent   http.Header // as it was when the status was written
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 { // informational ones cannot be kept
		r.status, r.sent = status, r.header.Clone()
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

func (r *recorder) answer() stored {
	r.WriteHeader(http.StatusOK) // unless there is a status
	return stored{r.status, r.sent, r.body.Bytes()}
}

func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client may be gone; there is no one else to tell.
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status,
		"detail": detail})
}
