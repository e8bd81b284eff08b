package netguard

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// AllowList names what the operator permits besides public addresses.
type AllowList []entry

// entry is a network or a host name, and a port there. Port 0 means the ports
// that the guard permits everywhere.
type entry struct {
	net  netip.Prefix
	host string // lower case, "" for a network
	port uint16
}

// ParseAllow reads host names, addresses and networks, each with or without a
// port: hooks.internal, hooks.internal:8080, 10.0.0.7, 10.0.0.7:8080,
// 10.0.0.0/8, 10.0.0.0/8:8080, fd00::1, [fd00::1]:8080.
func ParseAllow(texts []string) (AllowList, error) {
	var list AllowList
	for _, text := range texts {
		e, ok := parseEntry(text)
		if !ok {
			return nil, fmt.Errorf("%q is not a host, an address or a network, like hooks.internal, 10.0.0.7:8080 or 10.0.0.0/8", text)
		}
		list = append(list, e)
	}
	return list, nil
}

func parseEntry(text string) (entry, bool) {
	if e, ok := parseHost(text); ok {
		return e, true
	}
	at := strings.LastIndexByte(text, ':')
	if at < 0 {
		return entry{}, false
	}
	host := text[:at]
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : at-1]
	}
	port, err := strconv.ParseUint(text[at+1:], 10, 16)
	e, ok := parseHost(host)
	e.port = uint16(port)
	return e, ok && err == nil && port != 0
}

func parseHost(text string) (entry, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		return entry{net: netip.PrefixFrom(a, a.BitLen())}, a.Zone() == ""
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		return entry{net: p.Masked()}, true
	}
	return entry{host: strings.ToLower(text)}, isName(text)
}

var nameRE = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// isName reports whether a text is a host name, and not an odd way to write an
// address.
func isName(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "" && last[0] > '9' && nameRE.MatchString(host)
}

func (g Guard) allowsAddr(to netip.AddrPort) bool {
	return slices.ContainsFunc(g.Allow, func(e entry) bool {
		return e.host == "" && e.net.Contains(to.Addr()) && g.port(e.port, to.Port())
	})
}

func (g Guard) allowsName(address string) bool {
	host, p, err := net.SplitHostPort(address)
	port, bad := strconv.ParseUint(p, 10, 16)
	if err != nil || bad != nil {
		return false
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return slices.ContainsFunc(g.Allow, func(e entry) bool {
		return e.host != "" && e.host == host && g.port(e.port, uint16(port))
	})
}
