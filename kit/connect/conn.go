package connect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// Backoff is the time between attempts: it doubles from Min to Max, and half of
// it is random, so that many who lost the same server do not come back at the
// same moment. Default 50 ms to 2 s.
type Backoff struct {
	Min, Max time.Duration
}

// Delay returns how long to wait after so many failed attempts, the first being
// 1.
func (b Backoff) Delay(attempts int) time.Duration {
	if b.Min <= 0 {
		b.Min = 50 * time.Millisecond
	}
	if b.Max < b.Min {
		b.Max = max(b.Min, 2*time.Second)
	}
	d := b.Max
	if shift := max(0, attempts-1); shift < 30 && b.Min<<shift < b.Max {
		d = b.Min << shift
	}
	return d/2 + rand.N(d/2+1)
}

// Kind says what happened to a connection.
type Kind int

const (
	Connected Kind = iota // a connection is open
	// an open connection broke, or was closed; of one that is not in use this
	// shows with the next command
	Lost
	Failed // a connection could not be opened
)

func (k Kind) String() string { return [...]string{"connected", "lost", "failed"}[k] }

// Event is something that happened to a connection.
type Event struct {
	Kind       Kind
	Addr       string
	Subscriber bool  // it is one of Subscriber's, not of Client's
	Err        error // with Lost and Failed
}

func (e Event) String() string {
	who := "commands"
	if e.Subscriber {
		who = "subscriptions"
	}
	if e.Err == nil {
		return fmt.Sprintf("redis connection for %s to %s: %v", who, e.Addr, e.Kind)
	}
	return fmt.Sprintf("redis connection for %s to %s: %v: %v", who, e.Addr, e.Kind, e.Err)
}

// Conn is Redis, connected.
type Conn struct {
	Client     rueidis.Client // for commands
	Subscriber rueidis.Client // for subscriptions, on connections of its own
}

// Close closes both clients.
func (c *Conn) Close() {
	c.Subscriber.Close()
	c.Client.Close()
}

// Open connects and waits until Redis answers, ctx ends or StartTimeout has
// passed. The error names the address and the last failure. Errors that a retry
// cannot fix, such as a wrong password, are returned immediately.
func Open(ctx context.Context, cfg Config) (*Conn, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.StartTimeout <= 0 {
		cfg.StartTimeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.StartTimeout,
		fmt.Errorf("gave up after %v", cfg.StartTimeout))
	defer cancel()
	client, err := wait(ctx, cfg, false)
	if err != nil {
		return nil, err
	}
	subscriber, err := wait(ctx, cfg, true)
	if err != nil {
		client.Close()
		return nil, err
	}
	return &Conn{Client: client, Subscriber: subscriber}, nil
}

// wait opens one client, as often as it takes.
func wait(ctx context.Context, cfg Config, subscriber bool) (rueidis.Client, error) {
	var last error
	for attempt := 1; ; attempt++ {
		client, err := try(ctx, cfg, subscriber)
		if err == nil {
			return client, nil
		}
		if isFinal(err) {
			return nil, fmt.Errorf("redis at %s: %w", cfg, err)
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for redis at %s: %w (%w)", cfg, last, context.Cause(ctx))
		case <-time.After(cfg.Backoff.Delay(attempt)):
		}
	}
}

// try opens a client, without client-side caching where the server has none or
// denies it.
func try(ctx context.Context, cfg Config, subscriber bool) (rueidis.Client, error) {
	start := &opening{ctx: ctx}
	o := cfg.option(start, subscriber)
	client, err := rueidis.NewClient(o)
	if errors.Is(err, rueidis.ErrNoCache) && !o.DisableCache {
		o.DisableCache = true
		client, err = rueidis.NewClient(o)
	}
	start.over.Store(true)
	if ctx.Err() == nil {
		return client, err
	}
	if err == nil { // it may have lost a connection to the end of ctx
		client.Close()
	}
	if failure := start.failure.Load(); failure != nil {
		return nil, *failure
	}
	return nil, fmt.Errorf("no answer: %w", ctx.Err())
}

// opening ends the connections of a client that is not open yet when ctx ends:
// rueidis takes no context to open one, and would wait for a server that
// accepts and says nothing.
type opening struct {
	ctx  context.Context
	over atomic.Bool // the client is open, or was given up

	failure atomic.Pointer[error] // why it could not connect last
}

// note remembers why a connection could not be opened.
func (o *opening) note(err error) {
	if !o.over.Load() {
		o.failure.Store(&err)
	}
}

// dial runs dial under ctx and, while the client opens, under o's.
func (o *opening) dial(ctx context.Context, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	if o.over.Load() {
		return dial(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(o.ctx, cancel)()
	conn, err := dial(ctx)
	if err == nil {
		context.AfterFunc(o.ctx, func() {
			if !o.over.Load() {
				conn.Close()
			}
		})
	}
	return conn, err
}

// isFinal reports whether waiting cannot mend the error: Redis is there, and
// refuses.
func isFinal(err error) bool {
	if e, ok := rueidis.IsRedisErr(err); ok {
		for _, prefix := range []string{"WRONGPASS", "NOAUTH", "NOPERM", "ERR invalid DB index",
			"ERR DB index", "ERR AUTH", "ERR Client sent AUTH"} {
			if strings.HasPrefix(e.Error(), prefix) {
				return true
			}
		}
	}
	var untrusted *tls.CertificateVerificationError
	return errors.As(err, &untrusted)
}

// retryDelay returns the pause before a command that only reads is sent again,
// or -1 to give it up: rueidis would go on for ever where the caller's context
// has no deadline.
func (c Config) retryDelay(attempts int, _ rueidis.Completed, err error) time.Duration {
	var failure net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &failure) && failure.Timeout() {
		return -1 // as silent as it was for Timeout
	}
	passed := time.Duration(0)
	for i := range attempts {
		passed += c.Backoff.Delay(i + 1)
	}
	if passed > c.Timeout {
		return -1
	}
	return c.Backoff.Delay(attempts)
}

// option is the configuration in rueidis' terms.
func (c Config) option(start *opening, subscriber bool) rueidis.ClientOption {
	if c.DialTimeout <= 0 {
		c.DialTimeout = 5 * time.Second
	}
	if c.KeepAlive <= 0 {
		c.KeepAlive = 30 * time.Second
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	tell := func(k Kind, addr string, err error) {
		if c.OnEvent != nil {
			c.OnEvent(Event{k, addr, subscriber, err})
		}
	}
	o := rueidis.ClientOption{
		InitAddress: c.Addrs, Username: c.Username, Password: c.Password, SelectDB: c.DB,
		ClientName: c.ClientName, TLSConfig: c.TLS,
		Dialer:           net.Dialer{Timeout: c.DialTimeout, KeepAlive: c.KeepAlive},
		ConnWriteTimeout: c.Timeout,
		RetryDelay:       c.retryDelay,
		DialCtxFn:        dialer(start, tell),
	}
	switch c.Mode {
	case Single:
		o.ForceSingleClient = true
	case Sentinel:
		o.Sentinel = rueidis.SentinelOption{MasterSet: c.MasterSet, Username: c.SentinelUsername,
			Password: c.SentinelPassword, TLSConfig: c.TLS,
			Dialer: net.Dialer{Timeout: c.DialTimeout, KeepAlive: c.KeepAlive}}
	}
	if c.Customize != nil {
		c.Customize(&o)
	}
	return o
}

// dialer opens connections and tells what becomes of them.
func dialer(start *opening, tell func(Kind, string, error)) func(context.Context, string,
	*net.Dialer, *tls.Config) (net.Conn, error) {
	return func(ctx context.Context, addr string, d *net.Dialer, cfg *tls.Config) (net.Conn, error) {
		network := "tcp"
		if strings.HasPrefix(addr, "/") {
			network = "unix"
		}
		return start.dial(ctx, func(ctx context.Context) (net.Conn, error) {
			var conn net.Conn
			var err error
			conn, err = d.DialContext(ctx, network, addr)
			if err == nil && cfg != nil {
				conn, err = handshake(ctx, conn, addr, d.Timeout, cfg)
			}
			if err != nil {
				start.note(err)
				tell(Failed, addr, err)
				return nil, err
			}
			tell(Connected, addr, nil)
			return &watched{Conn: conn, addr: addr, tell: tell}, nil
		})
	}
}

// handshake begins TLS on a connection, and closes it if that fails.
func handshake(ctx context.Context, conn net.Conn, addr string, timeout time.Duration,
	cfg *tls.Config) (net.Conn, error) {
	if cfg.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			host = addr
		}
		cfg = cfg.Clone()
		cfg.ServerName = host
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			return nil, err
		}
		return nil, fmt.Errorf("TLS handshake: %w: does the server speak TLS at this port? redis:// is without", err)
	}
	return secure, nil
}

// watched is a connection that tells, once, when it is lost.
type watched struct {
	net.Conn
	addr string
	tell func(Kind, string, error)
	over atomic.Bool
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.check(err)
	return n, err
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.check(err)
	return n, err
}

// check tells of what a read or a write has met. A time-out is rueidis' to
// judge.
func (w *watched) check(err error) {
	if err == nil {
		return
	}
	var failure net.Error
	if !errors.As(err, &failure) || !failure.Timeout() {
		w.end(err)
	}
}

// errClosed is why a connection was lost that this side closed.
var errClosed = errors.New("closed by this side")

func (w *watched) Close() error {
	w.end(errClosed)
	return w.Conn.Close()
}

func (w *watched) end(err error) {
	if !w.over.Swap(true) {
		w.tell(Lost, w.addr, err)
	}
}
