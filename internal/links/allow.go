package links

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-chat/parley/internal/preview"
)

// Allow is what may be looked at besides the public web.
type Allow []place

// place is a network, and a port there; 0 for the ports of the web.
type place struct {
	net  netip.Prefix
	port uint16
}

// ParseAllow reads addresses and networks, each with a port or for the ports of
// the web: 10.0.0.7, 10.0.0.7:8080, 10.0.0.0/8, 10.0.0.0/8:8080, [::1]:8080.
func ParseAllow(texts []string) (Allow, error) {
	var all Allow
	for _, text := range texts {
		p, ok := parsePlace(text)
		if !ok {
			return nil, fmt.Errorf("%q is neither an address nor a network, like 10.0.0.0/8 or 10.0.0.7:8080", text)
		}
		all = append(all, p)
	}
	return all, nil
}

func parsePlace(text string) (place, bool) {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return place{whole(at.Addr()), at.Port()}, at.Port() != 0 && at.Addr().Zone() == ""
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return place{whole(a), 0}, true
	}
	addr, bits, _ := strings.Cut(text, "/")
	bits, port, ok := strings.Cut(bits, ":")
	net, err := netip.ParsePrefix(addr + "/" + bits)
	if err != nil {
		return place{}, false
	}
	n := uint64(0)
	if ok {
		if n, err = strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return place{}, false
		}
	}
	return place{net.Masked(), uint16(n)}, true
}

func whole(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// permit says which addresses may be connected to.
func (a Allow) permit(to netip.AddrPort) bool {
	return preview.Web(to) || slices.ContainsFunc(a, func(p place) bool {
		return p.net.Contains(to.Addr()) &&
			(p.port == to.Port() || p.port == 0 && (to.Port() == 80 || to.Port() == 443))
	})
}
