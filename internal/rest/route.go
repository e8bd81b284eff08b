package rest

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/wire"
)

// route serves one action.
func (h *handler) route(a chat.Action) http.Handler {
	bind := newBinding(a)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
		defer cancel()
		who, cred, err := h.caller(ctx, r)
		if err != nil {
			h.refuse(w, r, err)
			return
		}
		if cred.Outdated {
			h.Policy.SetCookie(w, r, cred, cred.Token, who.ExpiresAt)
		}
		out, err := a.Call(ctx, h.Service, who, func(in any) error { return bind.fill(w, r, in) })
		if err != nil {
			h.refuse(w, r, err)
			return
		}
		out = h.keep(w, r, cred, a, out)
		var body bytes.Buffer
		if err := write(&body, out); err != nil {
			h.refuse(w, r, err)
			return
		}
		end, ok := h.answers.take(int64(body.Len()), holderOf(who))
		if !ok {
			h.refuse(w, r, &chat.Error{Code: chat.CodeRateLimited, RetryAfter: time.Second,
				Message: "too many answers are waiting for you: read them first"})
			return
		}
		defer end()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(a.Status)
		w.Write(body.Bytes())
	})
}

// write writes JSON. No browser takes it for HTML, so < stays one byte.
func write(w io.Writer, what any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(what)
}

// caller says who asks. A browser that acts by its cookie must come from a page
// of ours.
func (h *handler) caller(ctx context.Context, r *http.Request) (chat.Caller, clientinfo.Credentials, error) {
	who := chat.Caller{Addr: h.Policy.Addr(r), Agent: r.UserAgent(), Device: r.Header.Get("Parley-Device")}
	if !chat.IsDevice(who.Device) {
		return who, clientinfo.Credentials{},
			&chat.Error{Code: chat.CodeInvalid, Field: "Parley-Device",
				Message: "device can have at most 64 letters, digits and -_ characters."}
	}
	cred, err := h.Policy.Credentials(r)
	if err != nil {
		return who, cred, err
	}
	needed := cred.Cookie && r.Method != http.MethodGet || wantsCookie(r)
	if err := h.Policy.CheckOrigin(r, needed); err != nil {
		return who, cred, err
	}
	if cred.Token == "" {
		return who, cred, nil
	}
	as, err := h.Service.Authenticate(ctx, cred.Token, who)
	if cred.Cookie && (errors.Is(err, chat.ErrUnauthenticated) || errors.Is(err, chat.ErrRateLimited)) {
		cred.Outdated = false // the cookie may be another server's on this host
		return who, cred, nil // who is left with an expired one can log in
	}
	return as, cred, err
}

func wantsCookie(r *http.Request) bool { return r.Header.Get("Parley-Cookie") == "set" }

// keep moves a new session's token into a cookie for browsers, and takes the
// cookie back on log-out.
func (h *handler) keep(w http.ResponseWriter, r *http.Request, cred clientinfo.Credentials, a chat.Action,
	out any) any {
	switch out := out.(type) {
	case chat.LoggedInOutput:
		if wantsCookie(r) || cred.Cookie {
			h.Policy.SetCookie(w, r, cred, out.Token, out.Session.ExpiresAt)
			out.Token = ""
		}
		return out
	case chat.RecoveryOutput:
		if out.LoggedIn != nil {
			kept := h.keep(w, r, cred, a, *out.LoggedIn).(chat.LoggedInOutput)
			out.LoggedIn = &kept
		}
		return out
	case chat.None:
		if a.Name == "session.delete" && cred.Cookie {
			h.Policy.SetCookie(w, r, cred, "", time.Time{})
		}
	}
	return out
}

// binding fills an action's input from a request: fields named in the path from
// there, the others from the query (GET) or the body.
type binding struct {
	path   map[string]int // field name to index in the struct
	others map[string]int
	body   bool
}

func newBinding(a chat.Action) binding {
	b := binding{path: map[string]int{}, others: map[string]int{}, body: a.Method != http.MethodGet}
	for i := range a.In.NumField() {
		name, _, _ := strings.Cut(a.In.Field(i).Tag.Get("json"), ",")
		if strings.Contains(a.Path, "{"+name+"}") {
			b.path[name] = i
		} else {
			b.others[name] = i
		}
	}
	return b
}

func (b binding) fill(w http.ResponseWriter, r *http.Request, in any) error {
	v := reflect.ValueOf(in).Elem()
	if b.body {
		if err := b.fillBody(w, r, in); err != nil {
			return err
		}
		if r.URL.RawQuery != "" {
			return &chat.Error{Code: chat.CodeInvalid,
				Message: "this route takes no query: put the fields in the body"}
		}
	} else {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return &chat.Error{Code: chat.CodeInvalid,
				Message: "the query cannot be read: it is name=value, with & between, and % encoded"}
		}
		for name, values := range query {
			i, ok := b.others[name]
			if !ok {
				return &chat.Error{Code: chat.CodeInvalid, Field: name,
					Message: fmt.Sprintf("there is no field %q", name)}
			}
			if len(values) != 1 {
				return &chat.Error{Code: chat.CodeInvalid, Field: name,
					Message: fmt.Sprintf("%q is given %d times", name, len(values))}
			}
			if err := set(v.Field(i), name, values[0]); err != nil {
				return err
			}
		}
	}
	for name, i := range b.path {
		if !v.Field(i).IsZero() {
			return &chat.Error{Code: chat.CodeInvalid, Field: name,
				Message: fmt.Sprintf("%q belongs in the path", name)}
		}
		if err := set(v.Field(i), name, r.PathValue(name)); err != nil {
			return err
		}
	}
	return nil
}

func (b binding) fillBody(w http.ResponseWriter, r *http.Request, in any) error {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return &chat.Error{Code: chat.CodeInvalid, Message: "compressed bodies are not accepted"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return &chat.Error{Code: chat.CodeTooLarge,
			Message: fmt.Sprintf("a body has at most %d bytes", maxBody)}
	}
	if err != nil {
		return &chat.Error{Code: chat.CodeInvalid, Message: "the body did not arrive whole"}
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); len(body) > 0 &&
		(err != nil || media != "application/json") {
		return &chat.Error{Code: chat.CodeInvalid,
			Message: "a body is JSON: set Content-Type: application/json"}
	}
	return wire.DecodeInput(body, in, slices.Collect(maps.Keys(b.path))...)
}

// maxText bounds a text in a path or query, in bytes. The longest that an
// action takes is that of a search.
const maxText = 1000

// set parses text from a path or query into a field.
func set(field reflect.Value, name, text string) error {
	if field.Kind() == reflect.Pointer {
		field.Set(reflect.New(field.Type().Elem()))
		field = field.Elem()
	}
	wrong := func(what string) error {
		return &chat.Error{Code: chat.CodeInvalid, Field: name, Message: fmt.Sprintf("%q must be %s", name, what)}
	}
	switch field.Kind() {
	case reflect.String:
		if len(text) > maxText || strings.ContainsFunc(text,
			func(r rune) bool { return r < ' ' && !unicode.IsSpace(r) || r == 0xfffd }) {
			return wrong(fmt.Sprintf("text of at most %d bytes, without control characters", maxText))
		}
		field.SetString(text)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return wrong("a whole number")
		}
		field.SetInt(n)
	case reflect.Bool:
		yes, err := strconv.ParseBool(text)
		if err != nil {
			return wrong("true or false")
		}
		field.SetBool(yes)
	default:
		return wrong("left out here")
	}
	return nil
}

func sameSecret(got, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}
