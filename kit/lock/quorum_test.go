package lock

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

type masters []*redistest.Server

func startMasters(t testing.TB, n int) (s masters) {
	for range n {
		s = append(s, redistest.Start(t))
	}
	return s
}

// locker opens one with clients of its own.
func (s masters) locker(t testing.TB, opt Options) *Locker {
	t.Helper()
	var clients []rueidis.Client
	for _, server := range s {
		clients = append(clients, server.Client(t))
	}
	k, err := NewQuorum(clients, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// owners is how many masters have a lock of that name.
func (s masters) owners(t testing.TB, k *Locker, name string) (n int) {
	t.Helper()
	for _, server := range s {
		out, err := server.Do("EXISTS", k.keys(name)[1])
		if err != nil {
			t.Fatal(err)
		}
		if out == "1" {
			n++
		}
	}
	return n
}

func TestQuorum(t *testing.T) {
	servers := startMasters(t, 3)
	ours, theirs := servers.locker(t, Options{}), servers.locker(t, Options{})
	var last int64
	for round := range 5 {
		// Counters that disagree, as after lost votes, do not let the token
		// fall.
		do(t, ours.masters[round%3].client, "INCRBY", ours.keys("q")[0], strconv.Itoa(10*round*round))
		l := mustLock(t, ours, "q")
		eventually(t, "all three have it", func() bool { return servers.owners(t, ours, "q") == 3 })
		_, err := theirs.TryLock(t.Context(), "q")
		wantErr(t, "held", err, ErrHeld)
		mustUnlock(t, l)
		eventually(t, "it is released on all", func() bool { return servers.owners(t, ours, "q") == 0 })
		next := mustLock(t, theirs, "q")
		if l.Token() <= last || next.Token() <= l.Token() {
			t.Errorf("tokens %d, %d, %d", last, l.Token(), next.Token())
		}
		last = next.Token()
		wantErr(t, "Unlock of another's", l.Unlock(t.Context()), ErrLost)
		mustUnlock(t, next)
		eventually(t, "it is released on all", func() bool { return servers.owners(t, ours, "q") == 0 })
	}
}

func TestQuorumExcludes(t *testing.T) {
	servers := startMasters(t, 3)
	var counter, last int64 // guarded by the lock alone
	var callers sync.WaitGroup
	const lockers, rounds = 4, 10
	for range lockers {
		k := servers.locker(t, Options{RetryDelay: 20 * time.Millisecond})
		callers.Go(func() {
			for range rounds {
				err := k.With(within(t, 60*time.Second), "counter",
					func(_ context.Context, token int64) error {
						if token <= last {
							t.Errorf("token %d after %d", token, last)
						}
						last = token
						counter++
						return nil
					})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	if counter != lockers*rounds {
		t.Errorf("counted %d", counter)
	}
}

// One of three can be away, whichever it is, and however it is.
func TestQuorumMinority(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*redistest.Server){
		"down":  (*redistest.Server).Kill,
		"hangs": (*redistest.Server).Pause,
	} {
		for i := range 3 {
			t.Run(name+" "+strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				servers := startMasters(t, 3)
				opt := Options{Lease: 900 * time.Millisecond, CallTimeout: 250 * time.Millisecond}
				ours, theirs := servers.locker(t, opt), servers.locker(t, opt)
				before := mustLock(t, ours, "before")
				leave(servers[i])
				defer servers[i].Resume()
				start := time.Now()
				l := mustLock(t, ours, "m")
				_, err := theirs.TryLock(t.Context(), "m")
				wantErr(t, "held", err, ErrHeld)
				got := make(chan error, 1)
				go func() {
					l, err := theirs.Lock(within(t, 20*time.Second), "m")
					if err == nil {
						err = l.Unlock(t.Context())
					}
					got <- err
				}()
				waiting(t, theirs, "m", 1)
				mustUnlock(t, l)
				if err := <-got; err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("without master %d it took %s", i, took)
				}
				// What was held goes on for more than a lease.
				if rest := time.Until(start.Add(1200 * time.Millisecond)); rest > 0 {
					select {
					case <-before.Context().Done():
						t.Error(context.Cause(before.Context()))
					case <-time.After(rest):
					}
				}
				mustUnlock(t, before)
			})
		}
	}
}

// Without a majority there is no lock, an error in time, and what is held is
// lost in time.
func TestQuorumMajority(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*redistest.Server){
		"down":  (*redistest.Server).Kill,
		"hangs": (*redistest.Server).Pause,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers := startMasters(t, 3)
			const lease = 900 * time.Millisecond
			k := servers.locker(t, Options{Lease: lease, CallTimeout: 200 * time.Millisecond, Outage: -1})
			before := mustLock(t, k, "before")
			leave(servers[0])
			leave(servers[2])
			defer servers[0].Resume()
			defer servers[2].Resume()
			start := time.Now()
			_, err := k.Lock(context.Background(), "m")
			wantHonest(t, "Lock", err)
			_, err = k.TryLock(context.Background(), "m")
			wantHonest(t, "TryLock", err)
			if took := time.Since(start); took > 800*time.Millisecond {
				t.Errorf("two errors took %s", took)
			}
			lost(t, before, lease-time.Since(start))
			wantHonest(t, "Unlock", before.Unlock(context.Background()))
			eventually(t, "the vote of the one that is there is taken back", func() bool {
				out, err := servers[1].Do("EXISTS", k.keys("m")[1])
				return err == nil && out == "0"
			})
		})
	}
}

// A vote that is lost is taken back, and one master that forgets does not end a
// lock. Two at a time do.
func TestQuorumVotes(t *testing.T) {
	t.Parallel()
	servers := startMasters(t, 3)
	const lease = 900 * time.Millisecond
	k := servers.locker(t, Options{Lease: lease})
	for i := range 2 {
		if _, err := openLocker(t, servers[i].Client(t), Options{}).TryLock(t.Context(),
			"taken"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := k.TryLock(t.Context(), "taken")
	wantErr(t, "two are another's", err, ErrHeld)
	eventually(t, "the third's vote is taken back", func() bool { return servers.owners(t, k, "taken") == 2 })

	l := mustLock(t, k, "forgotten")
	eventually(t, "all have it", func() bool { return servers.owners(t, k, "forgotten") == 3 })
	do(t, k.masters[0].client, "FLUSHALL")
	select {
	case <-l.Context().Done():
		t.Fatal(context.Cause(l.Context()))
	case <-time.After(lease / 2): // an extension comes in between
	}
	eventually(t, "two at a time do", func() bool {
		do(t, k.masters[0].client, "FLUSHALL")
		do(t, k.masters[1].client, "FLUSHALL")
		return l.Context().Err() != nil
	})
	if err := l.Unlock(t.Context()); !errors.Is(err, ErrLost) {
		t.Error(err)
	}
}

// Those who wait are woken, not polled for.
func TestQuorumWakeUp(t *testing.T) {
	t.Parallel()
	servers := startMasters(t, 3)
	opt := patient
	opt.RetryDelay = 2 * time.Second
	ours, theirs := servers.locker(t, opt), servers.locker(t, opt)
	const rounds = 10
	start := time.Now()
	for range rounds {
		l := mustLock(t, ours, "w")
		got := make(chan error, 1)
		go func() {
			l, err := theirs.Lock(within(t, 20*time.Second), "w")
			if err == nil {
				err = l.Unlock(t.Context())
			}
			got <- err
		}()
		waiting(t, theirs, "w", 1)
		mustUnlock(t, l)
		if err := <-got; err != nil {
			t.Fatal(err)
		}
	}
	// A vote that comes between may cost a delay now and then.
	if took := time.Since(start); took > rounds/2*opt.RetryDelay {
		t.Errorf("%d handovers took %s", rounds, took)
	}
}

// Three masters are restarted one after the other, each away for longer than
// the lease and empty when it is back: the lock stays the holder's, and the
// token of the next one is higher.
func TestQuorumRollingRestart(t *testing.T) {
	t.Parallel()
	servers := startMasters(t, 3)
	const lease = 600 * time.Millisecond
	k := servers.locker(t, Options{Lease: lease})
	l := mustLock(t, k, "leader")
	for _, server := range servers {
		server.Kill()
		select {
		case <-l.Context().Done():
			t.Fatal(context.Cause(l.Context()))
		case <-time.After(lease * 3 / 2):
		}
		server.Restart()
		eventually(t, "all have it again", func() bool { return servers.owners(t, k, "leader") == 3 })
	}
	token := l.Token()
	mustUnlock(t, l)
	eventually(t, "it is released on all", func() bool { return servers.owners(t, k, "leader") == 0 })
	next := mustLock(t, k, "leader")
	if next.Token() <= token {
		t.Errorf("token %d after %d", next.Token(), token)
	}
}

// A quorum is opened while one of its masters is down, and uses it once it is
// there.
func TestOpenQuorum(t *testing.T) {
	t.Parallel()
	servers := startMasters(t, 3)
	servers[2].Kill()
	var open []Open
	for _, server := range servers {
		open = append(open, func(context.Context) (rueidis.Client, error) {
			return rueidis.NewClient(server.Option())
		})
	}
	k, err := OpenQuorum(open, Options{Lease: 600 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	l := mustLock(t, k, "q")
	servers[2].Restart()
	eventually(t, "all have it", func() bool { return servers.owners(t, k, "q") == 3 })
	mustUnlock(t, l)
}
