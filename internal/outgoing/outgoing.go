// Package outgoing posts what happens in rooms to the addresses of outgoing
// webhooks. Each webhook is a queue of a follower, see internal/follow: the
// room's log is what is still to be sent, and the webhook's record says how far
// it is. This package makes the requests.
package outgoing

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/netguard"
)

// Config is what a [Sender] is made of. Zero values mean what is said in
// brackets.
type Config struct {
	Service *chat.Service
	Guard   netguard.Guard     // where events may be posted
	Retry   follow.RetryPolicy // [15 attempts, 10 s to 1 h apart]
	Sweep   time.Duration      // how often to look for webhooks that others made [5 s]
	Timeout time.Duration      // of one request [10 s]
	Version string             // the server's, told to receivers
	// Post posts an event; the error is a *chat.DeliveryError if the receiver
	// did not accept it [over HTTP]
	Post func(context.Context, chat.Delivery) error
}

// Sender posts events.
type Sender struct {
	Config
	client *http.Client
	listed map[string]follow.Cursor // by the sweep that is under way
	sentMu sync.Mutex
	sent   map[string]time.Time // when an event was accepted, until that is saved
}

// parallel is how many webhooks are served at the same time.
const parallel = 64

// New returns a sender.
func New(cfg Config) *Sender {
	if cfg.Retry == (follow.RetryPolicy{}) {
		cfg.Retry = follow.RetryPolicy{Attempts: 15, First: 10 * time.Second, Most: time.Hour}
	}
	cfg.Sweep = cmp.Or(cfg.Sweep, 5*time.Second)
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	s := &Sender{Config: cfg, sent: map[string]time.Time{}, client: cfg.Guard.Client(cfg.Timeout, parallel)}
	if s.Post == nil {
		s.Post = s.post
	}
	return s
}

// Close closes the connections that are idle.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Signature is the value of the header Parley-Signature: the time in Unix
// seconds, and the HMAC-SHA256, in hexadecimal, of that time, a full stop and
// the body.
func Signature(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// post sends one event. Why it was not accepted is a *chat.DeliveryError, which
// repeats nothing of what the receiver said.
func (s *Sender) post(ctx context.Context, d chat.Delivery) error {
	body, err := json.Marshal(struct {
		Event chat.Event `json:"event"`
	}{d.Event})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Webhook.URL, bytes.NewReader(body))
	if err != nil {
		return &chat.DeliveryError{Reason: "the address cannot be used"}
	}
	h := req.Header
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "Parley/"+s.Version)
	h.Set("Parley-Webhook-Id", d.Webhook.ID)
	h.Set("Parley-Event-Id", d.Event.ID)
	h.Set("Parley-Signature", Signature(d.Secret, s.Service.Now(), body))
	res, err := s.client.Do(req)
	if err != nil {
		return &chat.DeliveryError{Reason: netguard.Explain(err, refused)}
	}
	defer res.Body.Close()
	// The rest is read so that the connection can be used again. What follows
	// 101 is the connection itself, which no time-out ends.
	if res.StatusCode >= 200 {
		io.CopyN(io.Discard, res.Body, 64<<10)
	}
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return nil
	case res.StatusCode == http.StatusGone:
		return &chat.DeliveryError{Reason: "the receiver answered 410: it wants nothing any more", Gone: true}
	}
	failure := &chat.DeliveryError{Reason: fmt.Sprintf("the receiver answered %d", res.StatusCode)}
	failure.RetryAfter = netguard.RetryAfter(res.Header.Get("Retry-After"), s.Service.Now())
	return failure
}

// refused is why a receiver is not called that is not known or not permitted.
const refused = "the receiver's name is not known, or its address is private: the operator can allow private hosts with --outgoing-allow"
