package redistest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

func set(c rueidis.Client, key, value string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return c.Do(ctx, c.B().Set().Key(key).Value(value).Build()).Error()
}

func TestServer(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *redistest.Server{"unix socket": redistest.Start, "port": redistest.StartTCP} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "--appendonly", "yes", "--appendfsync", "always")
			c := s.Client(t)
			if err := set(c, "k", "v"); err != nil {
				t.Fatal(err)
			}
			if n := s.Commands()["set"]; n != 1 {
				t.Errorf("%d commands were counted", n)
			}
			s.Kill()
			if _, err := s.Do("PING"); err == nil {
				t.Error("a killed server answers")
			}
			s.Restart()
			if out, err := s.Do("GET", "k"); err != nil || out != "v" {
				t.Errorf("after kill and restart: %q, %v", out, err)
			}
			c = s.Client(t) // the first one would first find its connection broken
			s.Pause()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := c.Do(ctx, c.B().Ping().Build()).Error(); err == nil {
				t.Error("a paused server answers")
			}
			s.Resume()
			if err := set(c, "k", "w"); err != nil {
				t.Errorf("after a pause: %v", err)
			}
			if !strings.Contains(s.URL(), "://") {
				t.Errorf("URL: %s", s.URL())
			}
		})
	}
}

func TestSentinel(t *testing.T) {
	s := redistest.StartSentinel(t)
	c := s.Client(t)
	if err := set(c, "k", "v"); err != nil {
		t.Fatal(err)
	}
	before, err := s.Master()
	if err != nil || before != s.Servers[0].Addr() {
		t.Fatalf("the master is %s, %v", before, err)
	}
	s.Servers[0].Kill()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if at, _ := s.Master(); at == s.Servers[1].Addr() && set(c, "k", "w") == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the replica did not take over within 30 s")
		}
	}
}

func TestCluster(t *testing.T) {
	c := redistest.StartCluster(t).Client(t)
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} { // in all three
		if err := set(c, key, "v"); err != nil {
			t.Error(err)
		}
	}
}
