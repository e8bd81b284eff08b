// Package public judges addresses: which of them anybody on the Internet can
// reach. Whatever has this server connect to what strangers name asks here,
// with the very address that is about to be connected to.
package public

import "net/netip"

// notPublic are the blocks that IANA's registries of special-purpose addresses
// do not call globally reachable, or that carry another address inside. Of IPv6
// only 2000::/3 is given out at all.
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
	"192.168.0.0/16", "192.175.48.0/24",
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

// Address reports whether an address is one that anybody on the Internet can
// reach: not of this machine, a private network, a link, a provider's inside, a
// group, documentation, nor one that stands for an IPv4 address.
func Address(a netip.Addr) bool {
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
