// Package push notifies people on their devices while the client is closed, by
// Web Push (RFC 8030, 8291, 8292). The rule of whom a message notifies is
// chat's. This package is the follower that applies it to each message, and the
// sender that seals notifications and hands them to the push services of the
// browsers' vendors.
package push

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/netguard"
)

// Config is what a [Sender] is made of. Zero values mean what is said in
// brackets.
type Config struct {
	Service *chat.Service
	Guard   netguard.Guard     // where push services may be
	Contact string             // https address that push services are told [the project's]
	Retry   follow.RetryPolicy // pauses between attempts [10 s to 1 h]
	Sweep   time.Duration      // how often to look for devices that other nodes have added [30 s]
	Timeout time.Duration      // of one request [10 s]
	Client  *http.Client       // [a guarded one]
}

// Sender sends notifications to devices.
type Sender struct {
	Config
	Wake     func(...chat.Stream) // wakes the follower's queues of streams
	SweepNow func()               // has the follower look for devices and rooms
	people   people
	listed   map[string]follow.Cursor // by the sweep that is under way
}

// parallel is how many devices and rooms are served at the same time.
const parallel = 32

// New returns a sender.
func New(cfg Config) *Sender {
	if cfg.Retry == (follow.RetryPolicy{}) {
		cfg.Retry = follow.RetryPolicy{First: 10 * time.Second, Most: time.Hour}
	}
	cfg.Sweep = cmp.Or(cfg.Sweep, 30*time.Second)
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	if !strings.HasPrefix(cfg.Contact, "https://") {
		cfg.Contact = "https://github.com/parley-chat/parley"
	}
	if cfg.Client == nil {
		cfg.Client = cfg.Guard.Client(cfg.Timeout, parallel)
	}
	return &Sender{Config: cfg, Wake: func(...chat.Stream) {}, SweepNow: func() {}}
}

// Close closes the connections that are idle.
func (s *Sender) Close() { s.Client.CloseIdleConnections() }

// refused is why a push service is not called that is not known or not
// permitted.
const refused = "the push service's name is not known, or its address is private"

// Send seals a notification for a device and hands it to its push service. Why
// that did not take it is a *chat.DeliveryError.
func (s *Sender) Send(ctx context.Context, d chat.StoredPush, m chat.PushMessage) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	private, public, err := s.Service.PushKey(ctx)
	if err != nil {
		return err
	}
	options := &webpush.Options{
		HTTPClient: s.Client, Subscriber: s.Contact, VAPIDPublicKey: public, VAPIDPrivateKey: private,
		TTL: int(chat.PushTTL / time.Second), Urgency: webpush.UrgencyNormal,
	}
	if m.Urgent || m.Test {
		options.Urgency = webpush.UrgencyHigh
	}
	if m.Room != "" { // a device that was away gets the newest of a room
		sum := sha256.Sum256([]byte(m.Room))
		options.Topic = base64.RawURLEncoding.EncodeToString(sum[:18])
	}
	res, err := webpush.SendNotificationWithContext(ctx, body, &webpush.Subscription{
		Endpoint: d.Endpoint, Keys: webpush.Keys{P256dh: d.P256dh, Auth: d.Auth}}, options)
	if errors.Is(err, webpush.ErrMaxPadExceeded) {
		return &chat.DeliveryError{Reason: "the notification is too long", Final: true}
	}
	if err != nil {
		return &chat.DeliveryError{Reason: netguard.Explain(err, refused)}
	}
	defer res.Body.Close()
	if res.StatusCode >= 200 {
		io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection can be used again
	}
	return judge(res, s.Service.Now())
}

// judge says what an answer means. It repeats nothing of what it says.
func judge(res *http.Response, now time.Time) error {
	code := res.StatusCode
	failure := &chat.DeliveryError{Reason: fmt.Sprintf("the push service answered %d", code)}
	switch {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusNotFound || code == http.StatusGone:
		failure.Reason, failure.Gone = failure.Reason+": the device has unsubscribed", true
	case code == http.StatusTooManyRequests || code >= 500 || code == http.StatusRequestTimeout:
		failure.RetryAfter = netguard.RetryAfter(res.Header.Get("Retry-After"), now)
	default:
		failure.Final = true
	}
	return failure
}
