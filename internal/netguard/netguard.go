// Package netguard keeps requests that users cause out of the server's own
// network. Link previews and outgoing webhooks connect to hosts that strangers
// name, so each connection goes through a [Guard]: it judges the address that
// the socket is about to connect to, after the name was resolved. A name that
// resolves to another address the second time gains nothing.
package netguard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// ErrRefused is the error of a connection to an address that the guard does not
// permit.
var ErrRefused = errors.New("this address may not be reached")

// Guard decides where the server may connect. Its zero value permits ports 80
// and 443 of public addresses.
type Guard struct {
	AnyPort bool      // permit all ports, not only those of the web
	Allow   AllowList // permitted besides public addresses
}

// Permits reports whether the server may connect to an address.
func (g Guard) Permits(to netip.AddrPort) bool {
	return g.port(0, to.Port()) && Public(to.Addr()) || g.allowsAddr(to)
}

// DialContext connects to a host and port with a copy of the dialer, if the
// allow-list names the host or the guard permits the address it resolves to.
func (g Guard) DialContext(ctx context.Context, d net.Dialer, network, address string) (net.Conn, error) {
	if !g.allowsName(address) {
		d.Control = func(network, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || network != "tcp4" && network != "tcp6" || !g.Permits(to) {
				return ErrRefused
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, address)
}

// port reports whether a port is the one that is wanted, or, if that is 0, one
// that the guard permits everywhere.
func (g Guard) port(want, port uint16) bool {
	if want != 0 {
		return port == want
	}
	return g.AnyPort || port == 80 || port == 443
}

// special are the blocks that IANA's registries of special-purpose addresses do
// not call globally reachable, or that carry another address inside. Of IPv6
// only 2000::/3 is assigned at all.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
	"192.168.0.0/16", "192.175.48.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
)

var assigned = netip.MustParsePrefix("2000::/3")

func prefixes(all ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(all))
	for i, p := range all {
		list[i] = netip.MustParsePrefix(p)
	}
	return list
}

// Public reports whether everyone on the Internet can reach an address. That
// excludes loopback, private, link-local, carrier-grade NAT, multicast and
// documentation addresses, and those that stand for an IPv4 address.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.Is6() && !assigned.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
