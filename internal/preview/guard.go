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
)

// Web permits the ports of the web, 80 and 443, on public addresses.
func Web(to netip.AddrPort) bool {
	return (to.Port() == 80 || to.Port() == 443) && Public(to.Addr())
}

// notPublic are the blocks that IANA's registries of special-purpose addresses do not call globally
// reachable, or that carry another address inside. Of IPv6 only 2000::/3 is given out at all.
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
)

var givenOut = netip.MustParsePrefix("2000::/3")

func prefixes(all ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(all))
	for i, p := range all {
		list[i] = netip.MustParsePrefix(p)
	}
	return list
}

// Public reports whether an address is one that anybody on the Internet can reach: not of this machine, a private
// network, a link, a provider's inside, a group, documentation, nor one that stands for an IPv4 address.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.Is6() && !givenOut.Contains(a) {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// longest is the most bytes of a link.
const longest = 2048

// judge takes a link apart and refuses what can be told from its letters. What it names is judged at the dial.
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
