package clientinfo

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Addr returns the client's address for limits: the IPv4 address, or the /64
// that an IPv6 address lies in, because one party usually has all of it.
func (p *Policy) Addr(r *http.Request) string {
	at := p.via(r).addr
	if at.Is6() {
		net, _ := at.WithZone("").Prefix(64)
		return net.String()
	}
	return at.String()
}

// Secure reports whether the client's connection is encrypted, up to the first
// trusted proxy. Traefik calls the scheme of a WebSocket wss.
func (p *Policy) Secure(r *http.Request) bool {
	scheme := p.via(r).scheme
	return strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "wss")
}

// Untrusted returns the address of a proxy whose forwarding headers are not
// believed, because it is not among Proxies.
func (p *Policy) Untrusted(r *http.Request) (netip.Addr, bool) {
	at := peer(r)
	return at, (r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("X-Forwarded-Proto") != "" ||
		r.Header.Get("Forwarded") != "") && !p.trusts(at)
}

// client is where a request came from before the trusted proxies.
type client struct {
	addr         netip.Addr
	scheme, host string
}

// via follows the forwarding headers from the right, as far as trusted proxies
// wrote them. Forwarded counts where there are no X-Forwarded headers.
func (p *Policy) via(r *http.Request) client {
	c := client{addr: peer(r), scheme: "http", host: r.Host}
	if r.TLS != nil {
		c.scheme = "https"
	}
	if !p.trusts(c.addr) {
		return c
	}
	addrs, schemes := list(r, "X-Forwarded-For"), list(r, "X-Forwarded-Proto")
	hosts := list(r, "X-Forwarded-Host")
	if len(addrs)+len(schemes)+len(hosts) == 0 {
		addrs, schemes, hosts = forwarded(list(r, "Forwarded"))
	}
	proxies := 1
	for _, text := range slices.Backward(addrs) {
		next, ok := parseHop(text)
		if !ok {
			break
		}
		if c.addr = next; !p.trusts(next) {
			break
		}
		proxies++
	}
	// Each proxy adds one entry to a list, or replaces the list by its own. A
	// list that is longer than that of the addresses is taken from its start.
	first := func(of []string, otherwise string) string {
		at := max(0, len(of)-proxies)
		if len(of) > len(addrs) {
			at = 0
		}
		if len(of) == 0 || of[at] == "" {
			return otherwise
		}
		return of[at]
	}
	c.scheme, c.host = first(schemes, c.scheme), first(hosts, c.host)
	return c
}

// list returns the entries of a header that may be repeated.
func list(r *http.Request, header string) []string {
	all := strings.Join(r.Header.Values(header), ",")
	if all == "" {
		return nil
	}
	parts := strings.Split(all, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// forwarded takes the elements of a Forwarded header apart (RFC 7239).
func forwarded(elements []string) (addrs, schemes, hosts []string) {
	for _, element := range elements {
		values := map[string]string{}
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			values[strings.ToLower(name)] = strings.Trim(value, `"`)
		}
		addrs = append(addrs, values["for"])
		schemes = append(schemes, values["proto"])
		hosts = append(hosts, values["host"])
	}
	return addrs, schemes, hosts
}

// parseHop reads an address with or without a port: 192.0.2.1, 192.0.2.1:443,
// 2001:db8::1, [2001:db8::1], [2001:db8::1]:443.
func parseHop(text string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap(), true
	}
	if bare, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(bare, "]")
	}
	at, err := netip.ParseAddr(text)
	return at.Unmap(), err == nil
}

func (p *Policy) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p.Proxies, func(net netip.Prefix) bool { return net.Contains(a) })
}

func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// ParseProxies reads addresses and networks.
func ParseProxies(texts []string) ([]netip.Prefix, error) {
	var nets []netip.Prefix
	for _, text := range texts {
		text = strings.TrimSpace(text)
		net, err := netip.ParsePrefix(text)
		if err != nil {
			at, err := netip.ParseAddr(text)
			if err != nil || at.Zone() != "" {
				return nil, fmt.Errorf("%q is neither an address nor a network like 10.0.0.0/8", text)
			}
			net = netip.PrefixFrom(at, at.BitLen())
		}
		nets = append(nets, net.Masked())
	}
	return nets, nil
}
