package redistest_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

func set(c rueidis.Client, key, value string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return c.Do(ctx, c.B().Set().Key(key).Value(value).Build()).Error()
}

func TestServer(t *testing.T) {
	for name, start := range map[string]func(testing.TB,
		...string) *redistest.Server{"unix socket": redistest.Start, "port": redistest.StartTCP} {
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
	for i := range 1000 {
		if err := set(c, fmt.Sprint(i), "v"); err != nil {
			t.Fatal(err)
		}
	}
	replace := s.Lose(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Do(ctx, c.B().Set().Key("k").Value("w").Build()).Error(); err == nil {
		t.Error("the master that was lost answers")
	}
	if at, err := s.Master(); err != nil || at != before {
		t.Errorf("it was replaced by %s, %v", at, err)
	}
	replace()
	if n, err := s.Servers[1].Do("DBSIZE"); n != "1001" || err != nil {
		t.Errorf("the new master has %s keys, %v", n, err)
	}
	if at, err := s.Master(); err != nil || at != s.Servers[1].Addr() {
		t.Errorf("the master is %s, %v", at, err)
	}
	for deadline := time.Now().Add(30 * time.Second); set(c, "k",
		"w") != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the client did not find the new master within 30 s")
		}
	}
}

// Every test begins without the data of the one before it, wherever that left
// it.
func TestEach(t *testing.T) {
	var ran []string
	before := map[string][]string{} // the addresses of a deployment
	for range 2 {
		redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
			kind := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
			kind, _, _ = strings.Cut(kind, "#")
			ran = append(ran, kind)
			if a, ok := before[kind]; ok && !slices.Equal(a, d.Option().InitAddress) {
				t.Errorf("the second test runs at %v, the first did at %v", d.Option().InitAddress, a)
			}
			before[kind] = d.Option().InitAddress
			c := d.Client(t)
			for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
				if n, err := c.Do(t.Context(), c.B().Exists().Key(key).Build()).AsInt64(); n != 0 ||
					err != nil {
					t.Errorf("%s was left: %d, %v", key, n, err)
				}
				if err := set(c, key, "v"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if want := []string{"single", "sentinel", "cluster", "single", "sentinel",
		"cluster"}; !testing.Short() && !slices.Equal(ran, want) {
		t.Errorf("ran %v", ran)
	}
}

func Example() {
	client, stop := redistest.Example()
	defer stop()
	ctx := context.Background()
	fmt.Println(client.Do(ctx, client.B().Set().Key("k").Value("v").Build()).ToString())
	fmt.Println(client.Do(ctx, client.B().Get().Key("k").Build()).ToString())
	// Output:
	// OK <nil>
	// v <nil>
}
