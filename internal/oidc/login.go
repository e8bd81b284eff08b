package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/parley-chat/parley/internal/chat"
)

// begin answers with the provider's address for a new log-in.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request) {
	c, ok := h.clients[r.PathValue("provider")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	// No other page begins a log-in: it would end with whoever is logged in at
	// the provider being logged in here, unasked.
	if err := h.Policy.CheckOrigin(r, true); err != nil {
		write(w, http.StatusForbidden, answer{Problem: expired})
		return
	}
	url, err := h.address(w, r, c)
	if err != nil {
		p := h.fail(r, c.ID, err)
		write(w, statuses[p], answer{Problem: p})
		return
	}
	write(w, http.StatusOK, answer{URL: url})
}

func (h *Handler) address(w http.ResponseWriter, r *http.Request, c *client) (string, error) {
	var in struct{ Page string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&in); err != nil &&
		!errors.Is(err, io.EOF) {
		return "", &fault{expired, err}
	}
	conn, err := c.connect(r.Context())
	if err != nil {
		return "", err
	}
	browser := h.browser(r)
	if browser == "" {
		browser = h.Service.NewToken()
	}
	who := h.caller(r)
	pending := chat.PendingLogIn{Provider: c.ID, Nonce: h.Service.NewToken(),
		Verifier: oauth2.GenerateVerifier(), Browser: browser, Redirect: c.redirect, Device: who.Device,
		Page: page(in.Page)}
	state, err := h.Service.BeginLogIn(r.Context(), who, pending)
	if err != nil {
		return "", err
	}
	h.setBrowser(w, r, browser, h.Now().Add(chat.PendingFor))
	return conn.oauth.AuthCodeURL(state, oidc.Nonce(pending.Nonce),
		oauth2.S256ChallengeOption(pending.Verifier)), nil
}

// browser returns the secret by which we know the browser that began. Log-ins
// in several of its tabs share it.
func (h *Handler) browser(r *http.Request) string {
	c, err := r.Cookie(h.Policy.HostCookieName(r, "-log-in"))
	if err != nil {
		return ""
	}
	return c.Value
}

func (h *Handler) setBrowser(w http.ResponseWriter, r *http.Request, value string, until time.Time) {
	http.SetCookie(w, h.Policy.NewCookie(r, h.Policy.HostCookieName(r, "-log-in"), value, until))
}

// finish logs in whoever comes back from a provider, or sends them to the
// log-in page with the reason why not.
func (h *Handler) finish(w http.ResponseWriter, r *http.Request) {
	c, ok := h.clients[r.PathValue("provider")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	pending, out, err := h.logIn(r, c)
	if err != nil {
		h.back(w, r, "#log-in="+string(h.fail(r, c.ID, err))+"/"+c.ID)
		return
	}
	h.setBrowser(w, r, "", time.Time{})
	cred, _ := h.Policy.Credentials(r) // whatever it came with is replaced
	h.Policy.SetCookie(w, r, cred, out.Token, out.Session.ExpiresAt)
	h.back(w, r, pending.Page)
}

func (h *Handler) logIn(r *http.Request, c *client) (chat.PendingLogIn, chat.LoggedInOutput, error) {
	var none chat.LoggedInOutput
	ctx, query := r.Context(), r.URL.Query()
	pending, err := h.Service.FinishLogIn(ctx, c.ID, query.Get("state"), h.browser(r))
	if err != nil {
		return pending, none, err
	}
	conn, err := c.connect(ctx)
	if err != nil {
		return pending, none, err
	}
	// An answer that one provider gave in place of another (RFC 9207).
	if iss := query.Get("iss"); iss != c.Issuer && (iss != "" || conn.saysIssuer) {
		return pending, none, &fault{untrusted, fmt.Errorf("the answer is from issuer %q", cut(iss))}
	}
	if code := query.Get("error"); code != "" {
		return pending, none, refusal(cut(code), query.Get("error_description"))
	}
	user, picture, err := c.identify(ctx, conn, query.Get("code"), pending)
	if err != nil {
		return pending, none, err
	}
	who := h.caller(r)
	who.Device = pending.Device
	out, err := h.Service.LogInByProvider(ctx, who, user)
	if err == nil {
		h.takePicture(c, picture, out.User)
	}
	return pending, out, err
}

// identify exchanges a code for who the person is, and the address of their
// picture, if the provider names one.
func (c *client) identify(ctx context.Context, conn *connection, code string,
	pending chat.PendingLogIn) (_ chat.ProviderUser, picture string, _ error) {
	var none chat.ProviderUser
	ctx = oidc.ClientContext(ctx, c.http)
	token, err := conn.oauth.Exchange(ctx, code, oauth2.VerifierOption(pending.Verifier),
		oauth2.SetAuthURLParam("redirect_uri", pending.Redirect)) // of the node that began
	if err != nil {
		return none, "", exchangeFault(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return none, "", &fault{misconfigured, errors.New("the provider gives no ID token: is the scope openid allowed?")}
	}
	id, err := conn.verifier.Verify(ctx, raw) // signature, issuer, audience, time
	if err != nil {
		return none, "", &fault{untrusted, err}
	}
	said := claims{}
	if err := id.Claims(&said); err != nil {
		return none, "", &fault{untrusted, err}
	}
	switch azp := said.text("azp"); {
	case id.Subject == "":
		return none, "", &fault{untrusted, errors.New("the ID token has no subject")}
	case id.Nonce != pending.Nonce:
		return none, "", &fault{untrusted, errors.New("the ID token is of another log-in")}
	case azp != c.ClientID && (azp != "" || len(id.Audience) > 1):
		return none, "", &fault{untrusted, fmt.Errorf("the ID token is for the client %q", cut(azp))}
	case id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil:
		return none, "", &fault{untrusted, errors.New("the access token is not that of the ID token")}
	}
	if err := c.ask(ctx, conn, token, id.Subject, said); err != nil {
		return none, "", err
	}
	groups := said.list(c.Claims.Groups)
	if !c.admits(groups) {
		return none, "", &fault{notAllowed, errors.New("in none of the allowed groups")}
	}
	return chat.ProviderUser{
		Provider: c.ID, Issuer: c.Issuer, Subject: id.Subject, Session: said.text("sid"), IDToken: raw,
		Name: said.name(c.Claims.Name), Mail: said.text(c.Claims.Mail), MailVerified: said.verified(),
		Role: c.role(groups), Rooms: c.rooms(groups), SignUp: c.SignUp, LinkByMail: c.LinkByMail,
	}, said.text(c.Claims.Picture), nil
}

// ask adds what the ID token does not say and the provider tells on request.
func (c *client) ask(ctx context.Context, conn *connection, token *oauth2.Token, subject string,
	said claims) error {
	needsGroups := len(c.Roles) > 0 || len(c.Rooms) > 0 || len(c.AllowedGroups) > 0
	enough := said.name(c.Claims.Name) != "" && said.text(c.Claims.Mail) != "" &&
		(!needsGroups || said.get(c.Claims.Groups) != nil)
	if enough || conn.provider.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := conn.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return &fault{unavailable, err}
	}
	if info.Subject != subject {
		return &fault{untrusted, errors.New("the provider tells of another person than the ID token")}
	}
	more := claims{}
	if err := info.Claims(&more); err != nil {
		return &fault{untrusted, err}
	}
	// An address is as verified as who names it says.
	if said.text(c.Claims.Mail) == "" {
		delete(said, "email_verified")
	} else {
		delete(more, "email_verified")
	}
	said.fill(more)
	return nil
}
