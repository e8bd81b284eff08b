// Package outgoing tells other programs what happens in rooms: it posts the
// events that outgoing webhooks are due, signed, and keeps what became of each.
// The queue is the room's log, and which event comes next, when it is tried
// again and when it is given up is the domain's, see [chat.Service.Deliver];
// here are the clock that looks for work, the request and the guard that keeps
// it out of the server's own network.
package outgoing

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Config is what a [Runner] is made of. Zero values mean what is said in
// brackets.
type Config struct {
	Service *chat.Service
	Permit  func(netip.AddrPort) bool // which addresses may be reached [Public]
	// hosts, each with or without a port, that may be reached wherever they are
	Allow    []string
	Patience chat.Patience // [15 attempts, 10 s to 1 h apart]
	Every    time.Duration // how often to look for work [1 s]
	Timeout  time.Duration // of one request [10 s]
	Version  string        // the server's, told to receivers
	Log      *slog.Logger  // [slog.Default()] addresses and texts are never in it
}

// Runner posts events.
type Runner struct {
	Config
	client *http.Client
	mu     sync.Mutex
	busy   map[string]bool // webhooks that are being served
}

// parallel is how many webhooks are served at the same time.
const parallel = 64

// New returns a runner, which does nothing until it is run.
func New(cfg Config) *Runner {
	if cfg.Permit == nil {
		cfg.Permit = Public
	}
	if cfg.Patience == (chat.Patience{}) {
		cfg.Patience = chat.Patience{Attempts: 15, First: 10 * time.Second, Longest: time.Hour}
	}
	if cfg.Every == 0 {
		cfg.Every = time.Second
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Runner{Config: cfg, busy: map[string]bool{}, client: &http.Client{
		Timeout:       cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dial(cfg), // and no proxy, which would connect unjudged
			TLSHandshakeTimeout:    cfg.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns:           parallel, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
			ForceAttemptHTTP2: true,
		},
	}}
}

// Run serves webhooks until ctx is done, and returns when what is under way has
// ended. One node at a time may run it.
func (r *Runner) Run(ctx context.Context) error {
	defer r.client.CloseIdleConnections()
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, parallel)
	tick := time.NewTicker(r.Every)
	defer tick.Stop()
	for ctx.Err() == nil {
		due, err := r.Service.DueOutgoing(ctx)
		if err != nil && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "looking for outgoing webhooks", "error", err)
		}
		for _, w := range due {
			if !r.begin(w.ID) {
				continue
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			wg.Go(func() {
				defer func() { r.end(w.ID); <-slots }()
				if err := r.Service.Deliver(ctx, w, r.Patience, r.post); err != nil && ctx.Err() == nil {
					r.Log.WarnContext(ctx, "serving an outgoing webhook", "room", w.Room, "webhook",
						w.ID, "error", err)
				}
			})
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

func (r *Runner) begin(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[id] {
		return false
	}
	r.busy[id] = true
	return true
}

func (r *Runner) end(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, id)
}

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
func (r *Runner) post(ctx context.Context, p chat.Parcel) error {
	body, err := json.Marshal(struct {
		Event chat.Event `json:"event"`
	}{p.Event})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Webhook.URL, bytes.NewReader(body))
	if err != nil {
		return &chat.DeliveryError{Reason: "the address cannot be used"}
	}
	h := req.Header
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "Parley/"+r.Version)
	h.Set("Parley-Webhook-Id", p.Webhook.ID)
	h.Set("Parley-Event-Id", p.Event.ID)
	h.Set("Parley-Signature", Signature(p.Secret, r.Service.Now(), body))
	res, err := r.client.Do(req)
	if err != nil {
		return &chat.DeliveryError{Reason: reason(err)}
	}
	defer res.Body.Close()
	io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection can be used again
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return nil
	case res.StatusCode == http.StatusGone:
		return &chat.DeliveryError{Reason: "the receiver answered 410: it wants nothing any more", Gone: true}
	}
	failure := &chat.DeliveryError{Reason: fmt.Sprintf("the receiver answered %d", res.StatusCode)}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 && s < 1<<20 {
		failure.RetryAfter = time.Duration(s) * time.Second
	}
	return failure
}

// reason says in words that may be shown why there was no answer.
func reason(err error) string {
	_, unknown := errors.AsType[*net.DNSError](err)
	if unknown || errors.Is(err, errRefused) {
		// The two are alike, so that no one finds out which names a private
		// network has.
		return "the receiver's name is not known, or its address is private: the operator can allow private hosts with --outgoing-allow"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the receiver's certificate is not valid"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "the receiver did not answer in time"
	}
	return "the receiver cannot be reached"
}
