package connect_test

import (
	"context"
	"testing"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/connect"
	"github.com/parley-chat/parley/kit/redistest"
)

// BenchmarkGet has a GET with connect's client and with one of rueidis alone:
// the difference is what watching connections costs.
func BenchmarkGet(b *testing.B) {
	s := redistest.Start(b)
	cfg, err := connect.Parse(s.URL())
	if err != nil {
		b.Fatal(err)
	}
	conn, err := connect.Open(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(conn.Close)
	for _, by := range []struct {
		name   string
		client rueidis.Client
	}{{"connect", conn.Client}, {"rueidis", s.Client(b)}} {
		b.Run(by.name, func(b *testing.B) {
			c := by.client
			if err := c.Do(b.Context(), c.B().Set().Key("k").Value("v").Build()).Error(); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Do(context.Background(), c.B().Get().Key("k").Build()).Error(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
