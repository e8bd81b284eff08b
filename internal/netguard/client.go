package netguard

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Client returns a client that connects only where the guard permits, directly
// and not through a proxy, and follows no redirect. It serves that many
// requests at a time well.
func (g Guard) Client(timeout time.Duration, parallel int) *http.Client {
	dialer := net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{ // without a proxy, which would connect unjudged
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return g.DialContext(ctx, dialer, network, address)
			},
			TLSHandshakeTimeout:    timeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns:           parallel, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
			ForceAttemptHTTP2: true,
		},
	}
}

// Explain says in words that may be shown why there was no answer. A name that
// is not known and an address that is not permitted are told alike, as refused,
// so that no one finds out which names a private network has.
func Explain(err error, refused string) string {
	_, unknown := errors.AsType[*net.DNSError](err)
	if unknown || errors.Is(err, ErrRefused) {
		return refused
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the receiver's certificate is not valid"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "the receiver did not answer in time"
	}
	return "the receiver cannot be reached"
}

// longestPause is the longest that a receiver may ask for.
const longestPause = 12 * 24 * time.Hour

// RetryAfter is how long a receiver wants to be left alone: it says seconds or
// a date in its header Retry-After. It is 0 if it says nothing that can be
// believed.
func RetryAfter(header string, now time.Time) time.Duration {
	wait, err := strconv.Atoi(header)
	pause := time.Duration(wait) * time.Second
	if err != nil {
		at, err := http.ParseTime(header)
		if err != nil {
			return 0
		}
		pause = at.Sub(now)
	}
	if pause < 0 || pause > longestPause || wait > int(longestPause/time.Second) {
		return 0
	}
	return pause
}
