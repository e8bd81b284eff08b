package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config says where the server is and who asks.
type Config struct {
	// URL is the server's address, with its path if it has one, as
	// https://chat.example.org.
	URL string
	// Token is from token.create or a log-in. Leave it empty to call LogIn or
	// AccountCreate first.
	Token string
	// Device names this program: at most 64 letters, digits, - and _. A retry
	// of a send counts as the same message only from the same device, so a
	// program that keeps client ids across its restarts keeps this as well. The
	// default is random.
	Device string
	// UserAgent is shown to people in the list of their sessions.
	UserAgent string

	// DialContext opens connections; the default is a net.Dialer's.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS configures https; the default trusts the system's authorities.
	TLS *tls.Config
	// KeepAlive is after how long a silence a WebSocket asks the server for a
	// sign of life. After as long again without one the connection counts as
	// broken. The default is 30 s.
	KeepAlive time.Duration
	// Log gets what a Follower repairs by itself, at level debug. The default
	// drops it.
	Log *slog.Logger
}

// Client calls actions over HTTP. Its methods may be called from several
// goroutines at a time.
type Client struct {
	Actions
	cfg  Config
	base string
	http *http.Client
}

// Actions has a method for each action of the protocol. Get it from a [Client],
// a [Conn] or a [Follower].
type Actions struct {
	do func(ctx context.Context, a action, in, out any) error
}

// action is what the transports need to know of one.
type action struct{ name, method, path string }

// none is the input or output of actions without one.
type none struct{}

func call[Out any](ctx context.Context, a Actions, act action, in any) (out Out, err error) {
	err = a.do(ctx, act, in, &out)
	return out, err
}

// New returns a client. It does not connect.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("server URL: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("server URL %q: want http://host or https://host", cfg.URL)
	}
	if cfg.Device == "" {
		cfg.Device = rand.Text()
	}
	if cfg.KeepAlive == 0 {
		cfg.KeepAlive = 30 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.DialContext == nil {
		cfg.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext, transport.TLSClientConfig = cfg.DialContext, cfg.TLS
	c := &Client{cfg: cfg, base: strings.TrimRight(cfg.URL, "/") + "/api/v1",
		http: &http.Client{Transport: transport}}
	c.Actions.do = c.call
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// LogIn returns a client that acts as the person with this name and password.
// The token of the new session is in its Token.
func (c *Client) LogIn(ctx context.Context, name, password string) (*Client, error) {
	out, err := c.SessionCreate(ctx, LogInInput{Name: name, Password: password})
	if err != nil {
		return nil, err
	}
	return c.WithToken(out.Token), nil
}

// WithToken returns a client that differs in its token. Both share their
// connections.
func (c *Client) WithToken(token string) *Client {
	other := *c
	other.cfg.Token = token
	other.Actions.do = other.call
	return &other
}

// Token returns the token that the client acts with.
func (c *Client) Token() string { return c.cfg.Token }

// call does an action over HTTP, once.
func (c *Client) call(ctx context.Context, a action, in, out any) error {
	path, fields, err := fill(a.path, in)
	if err != nil {
		return err
	}
	var body io.Reader
	if a.method == http.MethodGet {
		query := url.Values{}
		for name, text := range fields {
			query.Set(name, plain(text))
		}
		path += "?" + query.Encode()
	} else if len(fields) > 0 {
		data, err := json.Marshal(fields)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	res, err := c.request(ctx, a.method, path, "application/json", body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("%s: the answer: %w", a.name, unconfirmed(err))
	}
	return nil
}

// fill puts the fields of an input into a path, and returns the others.
func fill(path string, in any) (string, map[string]json.RawMessage, error) {
	data, err := json.Marshal(in)
	if err != nil {
		return "", nil, err
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return "", nil, err
	}
	for name, text := range fields {
		if slot := "{" + name + "}"; strings.Contains(path, slot) {
			if plain(text) == "" {
				return "", nil, &Error{Code: CodeInvalid, Field: name, Message: name + " is missing"}
			}
			path = strings.Replace(path, slot, url.PathEscape(plain(text)), 1)
			delete(fields, name)
		}
	}
	return path, fields, nil
}

// plain is a JSON string or number as text.
func plain(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s
	}
	return string(value)
}

// request makes one HTTP request, and returns an answer that is a success.
func (c *Client) request(ctx context.Context, method, path, contentType string,
	body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	for name, values := range c.header() {
		req.Header[name] = values
	}
	res, err := c.http.Do(req)
	if err != nil {
		var dialing *net.OpError
		if errors.As(err, &dialing) && dialing.Op == "dial" {
			return nil, err
		}
		return nil, unconfirmed(err)
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return nil, unconfirmed(err)
	}
	return nil, refusal(res.StatusCode, res.Header, answer)
}

func (c *Client) header() http.Header {
	h := http.Header{"Parley-Device": {c.cfg.Device}}
	if c.cfg.Token != "" {
		h.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	if c.cfg.UserAgent != "" {
		h.Set("User-Agent", c.cfg.UserAgent)
	}
	return h
}

// Upload sends the bytes of a file. Put the id of the result into Files of a
// [SendInput] within a day. The server finds out the type from the bytes.
func (c *Client) Upload(ctx context.Context, name string, content io.Reader) (File, error) {
	return post[File](ctx, c, "/files?name="+url.QueryEscape(name), content)
}

// UploadPicture makes an image (JPEG, PNG, GIF or WebP) the profile picture of
// the caller.
func (c *Client) UploadPicture(ctx context.Context, image io.Reader) (User, error) {
	return post[User](ctx, c, "/account/picture", image)
}

func post[Out any](ctx context.Context, c *Client, path string, content io.Reader) (out Out, err error) {
	res, err := c.request(ctx, http.MethodPost, path, "application/octet-stream", content)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	return out, json.NewDecoder(res.Body).Decode(&out)
}

// Download returns the bytes of a file of a message. The caller closes them.
func (c *Client) Download(ctx context.Context, room RoomID, no int64, file string) (io.ReadCloser,
	error) {
	return c.get(ctx, "/rooms/"+url.PathEscape(string(room))+"/messages/"+strconv.FormatInt(no, 10)+
		"/files/"+url.PathEscape(file))
}

// DownloadPicture returns the profile picture of a person, a JPEG or PNG. The
// caller closes it.
func (c *Client) DownloadPicture(ctx context.Context, user UserID) (io.ReadCloser, error) {
	return c.get(ctx, "/users/"+url.PathEscape(string(user))+"/picture")
}

func (c *Client) get(ctx context.Context, path string) (io.ReadCloser, error) {
	res, err := c.request(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}
