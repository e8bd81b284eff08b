package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/parley-chat/parley/internal/chat"
)

// maxLogoutToken bounds a logout token, in bytes.
const maxLogoutToken = 64 << 10

// loggedOut takes a provider's message that someone has logged out there, and
// ends their sessions here: OpenID Connect Back-Channel Logout.
func (h *Handler) loggedOut(w http.ResponseWriter, r *http.Request) {
	c, ok := h.clients[r.PathValue("provider")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxLogoutToken)
	if err := h.endSessions(r, c); err != nil {
		h.Log.WarnContext(r.Context(), "a provider's logout was refused", "provider", c.ID,
			"address", h.Policy.Addr(r), "error", err)
		status := http.StatusBadRequest
		if p := problemOf(err); p == unavailable || p == broken {
			status = http.StatusServiceUnavailable // it may try again
		}
		http.Error(w, "the logout token was refused; this server's log says why", status)
	}
}

func (h *Handler) endSessions(r *http.Request, c *client) error {
	ctx := r.Context()
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	raw := r.PostFormValue("logout_token")
	if raw == "" {
		return &fault{untrusted, errors.New("there is no logout_token")}
	}
	// signature, issuer, audience, time, event, no nonce
	token, err := conn.verifier.VerifyLogout(oidc.ClientContext(ctx, c.http), raw)
	if err != nil {
		return &fault{untrusted, err}
	}
	return h.Service.EndProviderSessions(ctx, chat.ProviderLogout{Issuer: c.Issuer, Subject: token.Subject,
		Session: token.SessionID, Token: token.TokenID, Expires: token.Expiry})
}

// logOut ends the caller's session, and answers with where the browser ends it
// at the provider too, if it began at one.
func (h *Handler) logOut(w http.ResponseWriter, r *http.Request) {
	cred, err := h.Policy.Credentials(r)
	if err == nil {
		err = h.Policy.CheckOrigin(r, cred.Cookie)
	}
	if err != nil {
		write(w, http.StatusForbidden, answer{Problem: expired})
		return
	}
	var session chat.ProviderSession
	who, err := h.Service.Authenticate(r.Context(), cred.Token, h.caller(r))
	if err == nil {
		session, err = h.Service.EndSession(r.Context(), who)
	}
	if err != nil && !errors.Is(err, chat.ErrUnauthenticated) && !errors.Is(err, chat.ErrNotFound) {
		h.Log.ErrorContext(r.Context(), "log-out failed", "error", err)
		write(w, http.StatusServiceUnavailable, answer{Problem: broken})
		return
	}
	if cred.Cookie {
		h.Policy.SetCookie(w, r, cred, "", time.Time{})
	}
	write(w, http.StatusOK, answer{URL: h.farewell(r, session)})
}

// farewell is where a browser ends a session at its provider; "" if there is
// nothing to do, or the provider does not answer: the person is logged out here
// in any case.
func (h *Handler) farewell(r *http.Request, s chat.ProviderSession) string {
	c, ok := h.clients[s.Provider]
	if !ok || c.KeepSession || c.Issuer != s.Issuer {
		return ""
	}
	conn, err := c.connect(r.Context())
	if err != nil {
		h.Log.WarnContext(r.Context(), "nobody is logged out at a provider", "provider", c.ID, "error", err)
		return ""
	}
	u, err := url.Parse(conn.endSession)
	if err != nil || conn.endSession == "" {
		return ""
	}
	q := u.Query()
	q.Set("id_token_hint", s.IDToken)
	q.Set("client_id", c.ClientID)
	q.Set("post_logout_redirect_uri", h.Address+"/")
	u.RawQuery = q.Encode()
	return u.String()
}
