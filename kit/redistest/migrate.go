package redistest

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Migrate begins to move the slot of a key to the next master, and stops when
// those named have moved: from now on commands with several keys, some of which
// do not exist, are answered TRYAGAIN. Finish moves the slot with all its keys.
func (c *Cluster) Migrate(t testing.TB, key string, moved ...string) (finish func()) {
	t.Helper()
	do := func(s *Server, args ...string) string {
		out, err := s.Do(args...)
		if err != nil {
			t.Errorf("redistest: %v: %v", args, err)
		}
		return strings.TrimSpace(out)
	}
	slot := do(c.Masters[0], "CLUSTER", "KEYSLOT", key)
	at := slices.IndexFunc(c.Masters, func(s *Server) bool {
		_, err := s.Do("EXISTS", key)
		return err == nil // the others answer MOVED
	})
	n, err := strconv.Atoi(slot)
	if err != nil || at < 0 {
		t.Fatalf("redistest: no master serves slot %q", slot)
	}
	from, to := c.Masters[at], c.Masters[(at+1)%len(c.Masters)]
	set := func(s *Server, how ...string) {
		if out := do(s, append([]string{"CLUSTER", "SETSLOT", strconv.Itoa(n)}, how...)...); out != "OK" {
			t.Errorf("redistest: SETSLOT %v: %s", how, out)
		}
	}
	toID := do(to, "CLUSTER", "MYID")
	set(to, "IMPORTING", do(from, "CLUSTER", "MYID"))
	set(from, "MIGRATING", toID)
	host, port, err := net.SplitHostPort(to.Addr())
	if err != nil {
		t.Error(err)
	}
	move := func(keys []string) {
		for _, key := range keys {
			do(from, "MIGRATE", host, port, key, "0", "5000")
		}
	}
	move(moved)
	return func() {
		move(strings.Fields(do(from, "CLUSTER", "GETKEYSINSLOT", slot, "100000")))
		// The new owner is told first: it gets a newer epoch, without which the
		// old one's claim would win.
		for i := range c.Masters {
			set(c.Masters[(at+1+i)%len(c.Masters)], "NODE", toID)
		}
	}
}
