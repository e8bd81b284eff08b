package lock

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// A process of its own holds locks: the test binary, run again with a role. It
// obeys lines on its input and answers each with one.
const (
	roleVariable  = "PARLEY_LOCK_TEST_ROLE" // the master set or -, the lease, addresses
	processPrefix = "process"
)

func play(role string) int {
	fields := strings.Fields(role)
	lease, err := time.ParseDuration(fields[1])
	if err != nil {
		panic(err)
	}
	option := rueidis.ClientOption{InitAddress: fields[2:]}
	if fields[0] != "-" {
		option.Sentinel.MasterSet = fields[0]
	}
	if strings.HasPrefix(option.InitAddress[0], "/") {
		option.DialCtxFn = func(ctx context.Context, path string, dialer *net.Dialer,
			_ *tls.Config) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		panic(err)
	}
	k, err := New(client, Options{Prefix: processPrefix, Lease: lease})
	if err != nil {
		panic(err)
	}
	var l *Lock
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		word, name, _ := strings.Cut(in.Text(), " ")
		var err error
		switch word {
		case "lock":
			if l, err = k.Lock(context.Background(), name); err == nil {
				fmt.Println(l.Token())
			}
		case "write": // to the resource, without a look at the context
			fmt.Println(l.Token())
		case "lost":
			select {
			case <-l.Context().Done():
				fmt.Println(errors.Is(context.Cause(l.Context()), ErrLost))
			case <-time.After(20 * time.Second):
				fmt.Println("never")
			}
		case "unlock":
			if err = l.Unlock(context.Background()); err == nil {
				fmt.Println("ok")
			}
		}
		if err != nil {
			fmt.Println(err)
		}
	}
	k.Close()
	client.Close()
	return 0
}

type process struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

// fork starts a process that uses the Redis.
func fork(t testing.TB, where string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), self)}
	p.cmd.Env = append(os.Environ(), roleVariable+"="+where)
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.signal(syscall.SIGCONT)
		in.Close()
		p.cmd.Wait()
	})
	return p
}

func (p *process) signal(s syscall.Signal) { p.cmd.Process.Signal(s) }

func (p *process) tell(line string) {
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		p.t.Error(err)
	}
}

func (p *process) hear() string {
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Errorf("a process is silent: %v", err)
	}
	return strings.TrimSpace(line)
}

func (p *process) ask(line string) string {
	p.tell(line)
	return p.hear()
}

func (p *process) token(line string) int64 {
	answer := p.ask(line)
	n, err := strconv.ParseInt(answer, 10, 64)
	if err != nil {
		p.t.Errorf("%s: %s", line, answer)
	}
	return n
}

// fence is a resource that refuses a token older than the newest it has seen.
type fence struct {
	mu     sync.Mutex
	newest int64
	writes int
}

func (f *fence) write(token int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if token < f.newest {
		return false
	}
	f.newest = token
	f.writes++
	return true
}

// eachPlace runs a test on each kind of Redis, told where it is.
func eachPlace(t *testing.T, lease time.Duration,
	test func(t *testing.T, where string, client rueidis.Client)) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		opt := d.Option()
		kind := "-"
		if opt.Sentinel.MasterSet != "" {
			kind = opt.Sentinel.MasterSet
		}
		test(t, kind+" "+lease.String()+" "+strings.Join(opt.InitAddress, " "), d.Client(t))
	})
}

// Processes take turns, each with a newer token than the one before, so that
// none of their writes is refused.
func TestProcessesExclude(t *testing.T) {
	eachPlace(t, 5*time.Second, func(t *testing.T, where string, _ rueidis.Client) {
		const processes, rounds = 4, 15
		var resource fence
		var all sync.WaitGroup
		var within sync.Mutex
		for range processes {
			p := fork(t, where)
			all.Go(func() {
				for range rounds {
					token := p.token("lock turns")
					if !within.TryLock() {
						t.Error("two hold the lock")
						return
					}
					if !resource.write(token) {
						t.Errorf("%d is refused, after %d", token, resource.newest)
					}
					within.Unlock()
					if answer := p.ask("unlock"); answer != "ok" {
						t.Error(answer)
					}
				}
			})
		}
		all.Wait()
		if resource.writes != processes*rounds {
			t.Errorf("%d writes", resource.writes)
		}
	})
}

// A holder that is stopped beyond its lease is overtaken. When it goes on, what
// it writes is refused, and it frees nothing.
func TestStoppedHolder(t *testing.T) {
	t.Parallel()
	const lease = 500 * time.Millisecond
	eachPlace(t, lease, func(t *testing.T, where string, client rueidis.Client) {
		var resource fence
		old := fork(t, where)
		if !resource.write(old.token("lock stopped")) {
			t.Error("the first write is refused")
		}
		old.signal(syscall.SIGSTOP)
		stopped := time.Now()

		k := openLocker(t, client, Options{Prefix: processPrefix, Lease: lease})
		l := mustLock(t, k, "stopped")
		if took := time.Since(stopped); took > lease+500*time.Millisecond {
			t.Errorf("freed after %s", took)
		}
		if !resource.write(l.Token()) {
			t.Errorf("the new holder's token %d is refused after %d", l.Token(), resource.newest)
		}
		old.tell("write")
		old.signal(syscall.SIGCONT)
		token, _ := strconv.ParseInt(old.hear(), 10, 64)
		if token == 0 || resource.write(token) {
			t.Errorf("the token %d passes after %d", token, l.Token())
		}
		if answer := old.ask("lost"); answer != "true" {
			t.Errorf("the old holder's context ended with ErrLost: %s", answer)
		}
		if answer := old.ask("unlock"); !strings.HasPrefix(answer, "unlock: "+ErrLost.Error()) &&
			!strings.HasPrefix(answer, ErrLost.Error()) {
			t.Errorf("the old holder unlocked: %s", answer)
		}
		if _, err := openLocker(t, client, Options{Prefix: processPrefix}).TryLock(t.Context(),
			"stopped"); !errors.Is(err, ErrHeld) {
			t.Errorf("the old holder freed the new one's lock: %v", err)
		}
		if err := l.Context().Err(); err != nil {
			t.Error(context.Cause(l.Context()))
		}
		mustUnlock(t, l)
	})
}

// A holder that is killed is followed by one who waits within the lease.
func TestKilledHolder(t *testing.T) {
	t.Parallel()
	const lease = time.Second
	eachPlace(t, lease, func(t *testing.T, where string, client rueidis.Client) {
		p := fork(t, where)
		first := p.token("lock killed")
		k := openLocker(t, client, Options{Prefix: processPrefix}) // its own lease does not matter
		got := make(chan *Lock, 1)
		go func() {
			l, err := k.Lock(within(t, 20*time.Second), "killed")
			if err != nil {
				t.Error(err)
			}
			got <- l
		}()
		waiting(t, k, "killed", 1)
		p.signal(syscall.SIGKILL)
		killed := time.Now()
		l := <-got
		if l == nil {
			return
		}
		// The waiter's own look may lag behind the expiry by a fiftieth of its
		// lease.
		if took := time.Since(killed); took > lease+400*time.Millisecond {
			t.Errorf("freed after %s", took)
		}
		if l.Token() <= first {
			t.Errorf("token %d after %d", l.Token(), first)
		}
		mustUnlock(t, l)
	})
}
