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

	"github.com/parley-chat/parley/internal/public"
)

// errRefused is the error of a connection to an address that events may not be
// sent to.
var errRefused = errors.New("this address may not be reached")

// Public permits every port of the addresses that anybody on the Internet can
// reach: none of this machine, of a private network, of a link, or that stands
// for an IPv4 address.
func Public(to netip.AddrPort) bool { return public.Address(to.Addr()) }

// dial connects to permitted addresses, and to the hosts that are allowed
// wherever they are. The very address that is about to be connected to is
// judged, so no name that leads elsewhere the second time gets around it.
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

// allowed reports whether host:port is in a list of hosts, each with a port or
// for all of them.
func allowed(hosts []string, address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && slices.ContainsFunc(hosts, func(h string) bool {
		return strings.EqualFold(h, host) || strings.EqualFold(h, address)
	})
}
