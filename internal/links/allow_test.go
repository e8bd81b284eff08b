package links

import (
	"net/netip"
	"testing"
)

func TestAllow(t *testing.T) {
	all, err := ParseAllow([]string{"10.0.0.0/8", "192.168.1.7", "192.168.1.8:8080",
		"172.16.5.0/24:3000", "fd00::/16", "fd01::/16:81", "[::1]:9000", "fd02::1"})
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]bool{
		"10.1.2.3:80": true, "10.1.2.3:443": true, "10.1.2.3:6379": false, "11.0.0.1:80": true,
		"11.0.0.1:81": false, "127.0.0.1:80": false,
		"192.168.1.7:443": true, "192.168.1.7:8080": false, "192.168.1.8:8080": true,
		"192.168.1.8:80": false, "192.168.1.9:80": false,
		"172.16.5.9:3000": true, "172.16.5.9:80": false, "172.16.6.9:3000": false,
		"[fd00::5]:80": true, "[fd00::5]:81": false, "[fd01::5]:81": true, "[fd01::5]:80": false,
		"[::1]:9000": true, "[::1]:80": false, "[fd02::1]:443": true, "[fd02::2]:443": false,
		"[::ffff:10.1.2.3]:80": false,
	} {
		if got := all.permit(netip.MustParseAddrPort(to)); got != want {
			t.Errorf("%s: %t", to, got)
		}
	}
	for _, text := range []string{"", "x", "localhost", "10.0.0.0/33", "10.0.0.0/8:",
		"10.0.0.0/8:0", "10.0.0.0/8:99999", "10.0.0.1:0", "10.0.0.1:x", "fe80::1%lo",
		"[fe80::1%lo]:80", "/8", "10.0.0.0/"} {
		if all, err := ParseAllow([]string{text}); err == nil {
			t.Errorf("%q is taken for %v", text, all)
		}
	}
}
