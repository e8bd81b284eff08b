package cache_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

const childEnv = "PARLEY_CACHE_TEST_CHILD"

// child is the life of one of TestHerd's processes: it says ready, waits for a
// line, has its callers miss together, and says what they saw.
func child() bool {
	conf := os.Getenv(childEnv)
	if conf == "" {
		return false
	}
	where := strings.Split(conf, ",")
	client, err := rueidis.NewClient(rueidis.ClientOption{DialCtxFn: dial,
		Sentinel: rueidis.SentinelOption{MasterSet: where[0]}, InitAddress: where[1:]})
	if err != nil {
		fmt.Println("client:", err)
		os.Exit(1)
	}
	c, err := cache.New(client, cache.Options[string]{Name: "herd", TTL: time.Minute,
		Timeout: 15 * time.Second,
		OnError: func(err error) { fmt.Fprintln(os.Stderr, err) }})
	if err != nil {
		fmt.Println("cache:", err)
		os.Exit(1)
	}
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	in.Scan()
	var loads, wrong atomic.Int64
	var wg sync.WaitGroup
	for range 250 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			v, err := c.Get(ctx, "hot", func(ctx context.Context, key string) (string, error) {
				loads.Add(1)
				// The work of a loader. Long enough for everyone to arrive
				// meanwhile.
				select {
				case <-time.After(300 * time.Millisecond):
				case <-ctx.Done():
				}
				return "value", ctx.Err()
			})
			if err != nil || v != "value" {
				wrong.Add(1)
			}
		})
	}
	wg.Wait()
	fmt.Println(loads.Load(), wrong.Load(), c.Stats().RedisErrors)
	c.Close()
	client.Close()
	return true
}

// 1,000 callers in four processes miss the same key at once: one of them loads.
func TestHerd(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		type process struct {
			cmd *exec.Cmd
			in  interface{ Write([]byte) (int, error) }
			out *bufio.Scanner
		}
		where := append([]string{d.Option().Sentinel.MasterSet}, d.Option().InitAddress...)
		var procs []process
		for range 4 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(where, ","))
			in, err := cmd.StdinPipe()
			must(t, err)
			out, err := cmd.StdoutPipe()
			must(t, err)
			cmd.Stderr = os.Stderr
			must(t, cmd.Start())
			p := process{cmd, in, bufio.NewScanner(out)}
			procs = append(procs, p)
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		}
		for _, p := range procs {
			if !p.out.Scan() || p.out.Text() != "ready" {
				t.Fatalf("a child said %q", p.out.Text())
			}
		}
		for _, p := range procs {
			_, err := p.in.Write([]byte("go\n"))
			must(t, err)
		}
		total := 0
		for _, p := range procs {
			p.out.Scan()
			var loads, wrong, errs int
			if _, err := fmt.Sscan(p.out.Text(), &loads, &wrong, &errs); err != nil {
				t.Fatalf("a child said %q", p.out.Text())
			}
			if wrong != 0 || errs != 0 {
				t.Errorf("a child had %d wrong answers and %d errors", wrong, errs)
			}
			total += loads
		}
		if total != 1 {
			t.Fatalf("%d loads, want 1", total)
		}
	})
}
