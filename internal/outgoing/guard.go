package outgoing

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// errRefused is the error of a connection to an address that events may not be sent to.
var errRefused = errors.New("this address may not be reached")

// reserved are the blocks of IANA's special-purpose registries that are not globally reachable, or that lead to IPv4 addresses.
var reserved = func() (nets []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24",
		"192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
		"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
	} {
		nets = append(nets, netip.MustParsePrefix(p))
	}
	return nets
}()

// unicast6 is what of IPv6 is given out.
var unicast6 = netip.MustParsePrefix("2000::/3")

// Public permits every port of the addresses that anybody on the Internet can reach: none of this machine, of a private
// network, of a link, or that stands for an IPv4 address.
func Public(to netip.AddrPort) bool {
	a := to.Addr()
	return a.IsValid() && a.Zone() == "" && (a.Is4() || unicast6.Contains(a)) && !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}

// dial connects to permitted addresses, and to the hosts that are allowed wherever they are. The very address that is about to be
// connected to is judged, so no name that leads elsewhere the second time gets around it.
func dial(cfg Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	free := &net.Dialer{Timeout: cfg.Timeout, KeepAlive: 30 * time.Second}
	guarded := *free
	guarded.Control = func(network, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || network != "tcp4" && network != "tcp6" || !cfg.Permit(to) {
			return errRefused
		}
		return nil
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if allowed(cfg.Allow, address) {
			return free.DialContext(ctx, network, address)
		}
		return guarded.DialContext(ctx, network, address)
	}
}

// allowed reports whether host:port is in a list of hosts, each with a port or for all of them.
func allowed(hosts []string, address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && slices.ContainsFunc(hosts, func(h string) bool {
		return strings.EqualFold(h, host) || strings.EqualFold(h, address)
	})
}
