package ws_test

import "testing"

// TestFull: there is an end to how many sockets a server takes, by the
// handler's count, which includes clients that have not logged in, and by the
// hub's.
func TestFull(t *testing.T) {
	for name, limit := range map[string]func(*settings){
		"the handler": func(s *settings) { s.live.MaxConns = 3 },
		"the hub":     func(s *settings) { s.hub.MaxConns = 3 },
	} {
		f := newFixture(t, limit)
		var inside []*client
		for _, person := range []string{"Ann", "Bob", "Cid"} {
			c := f.dial(f.person(person))
			c.lives("one of three")
			inside = append(inside, c)
		}
		late := f.person("Dan")
		res, conn, _ := f.upgrade("/api/v1/ws", bearer(late))
		if conn.Close(); res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: a fourth is answered with %s, retry after %q", name, res.Status,
				res.Header.Get("Retry-After"))
		}
		inside[0].conn.Close()
		eventually(t, "a place to come free", func() bool {
			res, conn, _ := f.upgrade("/api/v1/ws", bearer(late))
			conn.Close()
			return res.StatusCode == 101
		})
		inside[1].lives("one who was there")
	}
}
