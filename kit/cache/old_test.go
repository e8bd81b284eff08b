package cache_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

// older is a connection on which SET with NX and GET is a syntax error, as it
// is before Redis 7.0.
type older struct{ net.Conn }

func (o older) Write(b []byte) (int, error) {
	return o.Conn.Write(bytes.ReplaceAll(b, []byte("NX\r\n$3\r\nGET"), []byte("NX\r\n$3\r\n???")))
}

// TestOlderRedis caches on a server before Redis 7.0, with tags, a refresh and
// a write.
func TestOlderRedis(t *testing.T) {
	option := redistest.Start(t).Option()
	dial := option.DialCtxFn
	option.DialCtxFn = func(ctx context.Context, addr string, d *net.Dialer,
		cfg *tls.Config) (net.Conn, error) {
		conn, err := dial(ctx, addr, d, cfg)
		return older{conn}, err
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := cache.New(client, cache.Options[string]{Name: "old", TTL: time.Minute,
		Tags: func(string) []string { return []string{"tag"} },
		OnError: func(err error) {
			if !strings.Contains(err.Error(), ": track: ") {
				t.Error(err)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	loads := 0
	load := func(context.Context, string) (string, error) { loads++; return "v", nil }
	get := func(want string) {
		t.Helper()
		if v, err := c.Get(t.Context(), "k", load); err != nil || v != want {
			t.Fatalf("%q, %v", v, err)
		}
	}
	for range 5 {
		get("v")
	}
	if loads != 1 {
		t.Errorf("%d loads for 5 reads", loads)
	}
	if err := c.InvalidateTag(t.Context(), "tag"); err != nil {
		t.Fatal(err)
	}
	get("v")
	if loads != 2 {
		t.Errorf("%d loads after the tag was invalidated", loads)
	}
	if err := c.Set(t.Context(), "k", "w"); err != nil {
		t.Fatal(err)
	}
	get("w")
}
