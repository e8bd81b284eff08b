package preview

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// longest is the most bytes of a link.
const longest = 2048

// judge takes a link apart and refuses what can be told from its letters. What
// it names is judged at the dial.
func (f *Fetcher) judge(link string) (*url.URL, error) {
	if len(link) > longest {
		return nil, fmt.Errorf("%w: it is too long", ErrRefused)
	}
	u, err := url.Parse(link)
	if err != nil {
		return nil, ErrRefused // the error would repeat the link
	}
	u.Scheme = strings.ToLower(u.Scheme)
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return nil, ErrRefused
	}
	if strings.ContainsFunc(u.Host, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '%' }) {
		return nil, ErrRefused
	}
	u.Fragment, u.RawFragment = "", ""
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		port := map[string]uint16{"http": 80, "https": 443}[u.Scheme]
		if p := u.Port(); p != "" {
			to, err := netip.ParseAddrPort("0.0.0.0:" + p)
			if err != nil {
				return nil, ErrRefused
			}
			port = to.Port()
		}
		if !f.opt.Guard.Permits(netip.AddrPortFrom(a, port)) {
			return nil, ErrRefused
		}
	}
	return u, nil
}

// newTransport connects to permitted addresses only, for one request each.
func newTransport(opt Options) *http.Transport {
	dialer := net.Dialer{Timeout: opt.Timeout, KeepAlive: -1, Resolver: opt.Resolver}
	return &http.Transport{ // without a proxy, which would connect unjudged
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return opt.Guard.DialContext(ctx, dialer, network, address)
		},
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
		TLSHandshakeTimeout:    opt.Timeout,
		ResponseHeaderTimeout:  opt.Timeout,
		ExpectContinueTimeout:  time.Second,
	}
}
