package mail

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/httperror"
)

// pageTimeout bounds the work on one request.
const pageTimeout = 10 * time.Second

// pageStyle is the style of the pages. The browser's own colours follow the
// person's scheme.
const pageStyle = `:root{color-scheme:light dark;background:Canvas;font:100%/1.5 system-ui,sans-serif}` +
	`body{max-width:32rem;margin:10vh auto;padding:0 1.25rem;overflow-wrap:anywhere}` +
	`h1{font-size:1.4rem}` +
	`button{min-height:2.75rem;padding:.5rem 1.25rem;border:0;border-radius:.5rem;` +
	`font:inherit;font-weight:600;background:#0d6b60;color:#fff}`

// pagePolicy lets the pages use nothing but that style and their button.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}()

// step is what a link in a mail leads to: a page with a button, as programs
// that look through mail open links, and what the button does. The code is all
// that it needs: no log-in, no cookie. Mail programs press the button
// themselves to unsubscribe (RFC 8058).
type step struct {
	ask, button, done string
	do                func(*chat.Service, context.Context, chat.Caller,
		chat.MailCodeInput) (chat.MailAddressOutput, error)
}

var steps = map[string]step{
	"confirm": {"Is this your mail address?", "Confirm address", "This is now the address of your account: ",
		(*chat.Service).ConfirmMail},
	"undo": {"Undo the change of your mail address, and log your account out everywhere?", "Undo the change",
		"Your account has its address back: ", (*chat.Service).UndoMail},
	"unsubscribe": {"No more mail about messages that you have not read?", "Unsubscribe",
		"You can turn it on again in your settings. No more mail about unread messages goes to ",
		(*chat.Service).UnsubscribeMail},
}

// Handler returns the handler of /mail/{action}/{code}.
func (s *Sender) Handler(policy *clientinfo.Policy) http.Handler {
	mux := http.NewServeMux()
	for name, step := range steps {
		mux.HandleFunc("GET /mail/"+name+"/{code}", func(w http.ResponseWriter, _ *http.Request) {
			s.show(w, http.StatusOK, "<p>"+html.EscapeString(step.ask)+`</p><form method="post"><button>`+
				html.EscapeString(step.button)+"</button></form>")
		})
		mux.HandleFunc("POST /mail/"+name+"/{code}", func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
			defer cancel()
			out, err := step.do(s.Service, ctx, chat.Caller{Addr: policy.Addr(r), Agent: r.UserAgent()},
				chat.MailCodeInput{Code: r.PathValue("code")})
			if err != nil {
				s.refuse(w, r, err)
				return
			}
			s.show(w, http.StatusOK, paragraphs(step.done+out.Address))
		})
	}
	return mux
}

func (s *Sender) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := chat.AsError(err)
	if e.Code == chat.CodeInternal || e.Code == chat.CodeUnavailable {
		s.Log.ErrorContext(r.Context(), "the page of a mail failed", "error", err)
	}
	s.show(w, httperror.SetHeader(w, e), paragraphs(e.Message))
}

func (s *Sender) show(w http.ResponseWriter, status int, body string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", pagePolicy)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, document(s.Name, "<style>"+pageStyle+"</style>", "<h1>"+html.EscapeString(s.Name)+"</h1>"+body+
		"<p>"+link(s.URL+"/", "Open "+s.Name)+"</p>"))
}
