package preview

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/parley-chat/parley/internal/public"
)

// Web permits the ports of the web, 80 and 443, on public addresses.
func Web(to netip.AddrPort) bool {
	return (to.Port() == 80 || to.Port() == 443) && public.Address(to.Addr())
}

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
		if !f.opt.Permit(netip.AddrPortFrom(a, port)) {
			return nil, ErrRefused
		}
	}
	return u, nil
}

// newTransport connects to permitted addresses only, for one request each.
func newTransport(opt Options) *http.Transport {
	dialer := &net.Dialer{
		Timeout:   opt.Timeout,
		KeepAlive: -1,
		Resolver:  opt.Resolver,
		// Called with the very address of the socket that is about to connect.
		Control: func(network, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || network != "tcp4" && network != "tcp6" || !opt.Permit(to) {
				return ErrRefused
			}
			return nil
		},
	}
	return &http.Transport{
		DialContext:            dialer.DialContext, // and no proxy, which would dial unjudged
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
		TLSHandshakeTimeout:    opt.Timeout,
		ResponseHeaderTimeout:  opt.Timeout,
		ExpectContinueTimeout:  time.Second,
	}
}
