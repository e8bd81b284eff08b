package ratelimit

import (
	"net/http"
	"net/netip"
	"strings"
)

// Clients finds out which address a request came from. The zero value trusts no
// proxy and takes the peer's address.
//
// Anyone can write X-Forwarded-For, so an element of it counts only if a
// trusted proxy added it: the chain is read from its end, and the first address
// that is not a trusted proxy is the client.
type Clients struct {
	// Trusted are the addresses of one's own proxies. Each has to append the
	// address of its peer to X-Forwarded-For.
	Trusted []netip.Prefix

	// TrustUnix says that a peer without an address, on a unix socket, is a
	// trusted proxy.
	TrustUnix bool
}

// Addr returns the client's address, without zone and with an IPv4 address
// mapped into IPv6 as plain IPv4. It is invalid when there is none: on a unix
// socket that is not trusted or whose proxy told nothing.
func (c Clients) Addr(r *http.Request) netip.Addr {
	addr, ok := parseAddr(r.RemoteAddr)
	if ok && !c.trusts(addr) || !ok && !c.TrustUnix {
		return addr
	}
	var chain []string
	for _, field := range r.Header.Values("X-Forwarded-For") {
		chain = append(chain, strings.Split(field, ",")...)
	}
	for i := len(chain) - 1; i >= 0; i-- {
		next, ok := parseAddr(strings.TrimSpace(chain[i]))
		if !ok {
			break // no one vouches for what lies before; the last proxy in the chain is all that is known
		}
		addr = next
		if !c.trusts(addr) {
			break
		}
	}
	return addr
}

// Key is a key for HTTP: the client's IPv4 address, or its IPv6 network of 64
// bits, because that is what one customer gets and can choose addresses from at
// will. A request without an address has the key "unknown", so that it is
// limited with its like rather than not at all.
func (c Clients) Key(r *http.Request) string {
	return NetworkKey(c.Addr(r))
}

// NetworkKey is the key of an address: an IPv4 address as it is, an IPv6
// address as its /64, and "unknown" for an invalid one.
func NetworkKey(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return "unknown"
	}
	if addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}

func (c Clients) trusts(addr netip.Addr) bool {
	for _, p := range c.Trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// parseAddr reads an address with or without a port, and with or without
// brackets.
func parseAddr(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return addr.Unmap().WithZone(""), err == nil
}
