package stream

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// everyEvent appends while something disturbs, and wants a follower to get each
// event once and in order, and a group each at least once.
func everyEvent(t *testing.T, topic *Topic, total int, disturb func(done int)) {
	t.Helper()
	r := follow(t, topic, Beginning)
	w, _ := work(t, topic, GroupOptions{Concurrency: 4, VisibilityTimeout: 500 * time.Millisecond,
		MaxDeliveries: 1000}, fine)
	fill(t, topic, 0, 0)
	r.has(t, 1)

	// A payload is used once, so that one whose append has failed may be there
	// or not.
	var appended []string
	for i := range total {
		disturb(i)
		for attempt := 0; ; attempt++ {
			payload := fmt.Sprintf("%d/%d", i, attempt)
			_, err := topic.Append(t.Context(), payload)
			if err == nil {
				appended = append(appended, payload)
				break
			}
			if attempt > 1000 {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond) // the pause of a caller that tries again
		}
	}
	last := appended[len(appended)-1]
	until(t, "the last event", func() bool {
		select {
		case err := <-r.ended:
			t.Fatalf("Follow ended: %v; failed %v", err, r.failed)
		default:
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Contains(r.got, last)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failed) == 0 {
		t.Error("nothing disturbed the follower")
	}
	next := 0
	seen := map[string]bool{}
	for _, payload := range r.got {
		if seen[payload] {
			t.Errorf("the follower got %s twice", payload)
		}
		seen[payload] = true
		if next < len(appended) && payload == appended[next] {
			next++
		}
	}
	if next != len(appended) {
		t.Errorf("the follower did not get %s in its order, of %d; it failed with %v",
			appended[next], len(appended), r.failed)
	}
	until(t, "the group to have all", func() bool {
		has := map[string]bool{}
		for _, p := range w.payloads() {
			has[p] = true
		}
		return !slices.ContainsFunc(appended, func(p string) bool { return !has[p] })
	})
}

func TestEveryEventThroughKills(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		topic := newTopic(t, client, TopicOptions{})
		everyEvent(t, topic, 1500, func(i int) {
			if i%100 != 50 {
				return
			}
			eachMaster(t, client, func(node rueidis.Client) {
				for _, kind := range []string{"normal", "pubsub"} {
					// The connection that asks is spared; what the others had
					// under way fails.
					node.Do(t.Context(), node.B().Arbitrary("CLIENT", "KILL", "TYPE", kind,
						"SKIPME", "yes").Build())
				}
			})
		})
	})
}

func TestEveryEventThroughRestarts(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	topic := newTopic(t, server.Client(t), TopicOptions{Timeout: time.Second})
	everyEvent(t, topic, 300, func(i int) {
		if i%100 == 50 {
			server.Kill()
			server.Restart()
		}
	})
}

func TestEveryEventThroughFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds to start")
	}
	t.Parallel()
	set := redistest.StartSentinel(t)
	topic := newTopic(t, set.Client(t), TopicOptions{Replicas: 1, Timeout: time.Second})
	everyEvent(t, topic, 200, func(i int) {
		switch i {
		case 100:
			set.Servers[0].Kill()
			until(t, "the replica to take over", func() bool {
				at, _ := set.Master()
				return at == set.Servers[1].Addr()
			})
			set.Servers[0].Restart() // as the new master's replica: Replicas asks for one
			until(t, "the old master to follow", func() bool {
				set.Servers[0].Do("REPLICAOF", "127.0.0.1",
					strings.TrimPrefix(set.Servers[1].Addr(), "127.0.0.1:"))
				out, _ := set.Servers[0].Do("INFO", "replication")
				return strings.Contains(out, "master_link_status:up")
			})
		}
	})
}

func TestEveryEventThroughClusterFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds to start")
	}
	t.Parallel()
	set := redistest.StartCluster(t)
	client := set.Client(t)
	get := client.B().Get().Key("{orders}").Build()
	owner := int(get.Slot()) * 3 / 16384
	replica := set.AddReplica(t, owner)
	topic := newTopic(t, client, TopicOptions{Timeout: time.Second})
	everyEvent(t, topic, 200, func(i int) {
		if i == 100 {
			until(t, "the replica to have all", func() bool {
				a, err1 := set.Masters[owner].Do("XINFO", "STREAM", topic.stem)
				replica.Do("READONLY")
				b, err2 := replica.Do("INFO", "replication")
				m, _ := set.Masters[owner].Do("INFO", "replication")
				return err1 == nil && err2 == nil && a != "" &&
					offset(b, "slave_repl_offset:") == offset(m, "master_repl_offset:")
			})
			set.Masters[owner].Kill()
		}
	})
}

func offset(info, field string) string {
	_, rest, _ := strings.Cut(info, field)
	n, _, _ := strings.Cut(rest, "\r")
	n, _, _ = strings.Cut(n, "\n")
	return strings.TrimSpace(n)
}

// A consumer that is killed in the middle leaves its work to another.
func TestGroupTakesOverFromKilled(t *testing.T) {
	server := redistest.Start(t)
	topic := newTopic(t, server.Client(t), TopicOptions{})
	fill(t, topic, 1, 20)
	cmd := exec.Command(os.Args[0], "-test.run=^TestConsumerProcess$", "-test.v")
	cmd.Env = append(os.Environ(), "BUS_TEST_CONSUME="+server.Addr())
	out, err := cmd.StdoutPipe()
	wantNoError(t, err)
	wantNoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	holds := 0
	for holds < 5 && lines.Scan() {
		if strings.HasPrefix(lines.Text(), "holds ") {
			holds++
		}
	}
	wantNoError(t, cmd.Process.Kill())
	cmd.Wait()
	if holds != 5 || pending(t, topic, topic.stem) != 5 {
		t.Fatalf("it held %d, and %d are pending", holds, pending(t, topic, topic.stem))
	}
	w, _ := work(t, topic, GroupOptions{VisibilityTimeout: 300 * time.Millisecond}, fine)
	w.has(t, numbers(1, 20)...)
	until(t, "no work to be left", func() bool { return pending(t, topic, topic.stem) == 0 })
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.got {
		if want := map[bool]int{true: 2,
			false: 1}[slices.Contains(numbers(1, 5), d.Payload)]; d.Deliveries != want {
			t.Errorf("%+v, want %d deliveries", d, want)
		}
	}
}

// TestConsumerProcess is the process that the test above kills.
func TestConsumerProcess(t *testing.T) {
	addr := os.Getenv("BUS_TEST_CONSUME")
	if addr == "" {
		t.Skip("runs in a process of its own")
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{addr}, ForceSingleClient: true,
		DialCtxFn: func(ctx context.Context, path string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		},
	})
	wantNoError(t, err)
	topic := newTopic(t, client, TopicOptions{})
	g, err := topic.Group("billing", GroupOptions{Concurrency: 5})
	wantNoError(t, err)
	g.Consume(t.Context(), func(_ context.Context, d Delivery) error {
		fmt.Println("holds", d.Payload)
		select {}
	})
}

// A slow handler of whatever kind does not hold up the client's other users.
func TestSlowHandlersHoldUpNobody(t *testing.T) {
	client := redistest.Single(t).Client(t)
	topic := newTopic(t, client, TopicOptions{})
	release, entered := make(chan bool), make(chan string, 2)
	var once [2]sync.Once
	slow := func(i int, name string) { once[i].Do(func() { entered <- name }); <-release }
	work(t, topic, GroupOptions{}, func(context.Context, Delivery) error { slow(0, "group"); return nil })
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		done <- topic.Follow(ctx, Beginning, func(Event) error { slow(1, "follower"); return nil },
			FollowOptions{})
	}()
	fill(t, topic, 1, 3)
	for range 2 {
		<-entered
	}
	start := time.Now()
	for range 2000 {
		do(t, client, "PING")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("2,000 commands took %s", took)
	}
	close(release)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
