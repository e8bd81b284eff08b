package lock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/redistest"
)

// number reads the number behind a name in the output of INFO.
func number(t testing.TB, info, name string) (n int) {
	t.Helper()
	_, rest, _ := strings.Cut(info, name)
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func lost(t testing.TB, l *Lock, within time.Duration) {
	t.Helper()
	select {
	case <-l.Context().Done():
		wantErr(t, "the context's cause", context.Cause(l.Context()), ErrLost)
	case <-time.After(within):
		t.Fatalf("the lock is not known to be lost after %s", within)
	}
}

// What cannot work is an error at once, for TryLock and for Lock, on a lock
// that is free and on one that is held.
func TestRefusals(t *testing.T) {
	key := func(i int) string { return (&Locker{opt: Options{Prefix: "lock"}}).keys("r")[i] }
	for name, c := range map[string]struct {
		free, held []string // the command that breaks it; nil: not broken that way
	}{
		"full": {free: []string{"CONFIG", "SET", "maxmemory", "1"},
			held: []string{"CONFIG", "SET", "maxmemory", "1"}},
		"denied": {free: []string{"ACL", "SETUSER", "default", "-evalsha"},
			held: []string{"ACL", "SETUSER", "default", "-evalsha"}},
		"denied key": {free: []string{"ACL", "SETUSER", "default", "resetkeys",
			"~other:*"}, held: []string{"ACL", "SETUSER", "default", "resetkeys", "~other:*"}},
		"denied inside": {free: []string{"ACL", "SETUSER", "default", "-set"},
			held: []string{"ACL", "SETUSER", "default", "-set"}},
		"denied counter":        {free: []string{"ACL", "SETUSER", "default", "-get"}},
		"denied clock":          {free: []string{"ACL", "SETUSER", "default", "-time"}},
		"denied waiting":        {held: []string{"ACL", "SETUSER", "default", "-subscribe"}},
		"counter of wrong type": {free: []string{"RPUSH", key(0), "x"}},
		"lock of wrong type":    {free: []string{"RPUSH", key(1), "x"}},
		"lock without expiry":   {free: []string{"SET", key(1), "x"}},
		"waiters of wrong type": {held: []string{"SET", key(2), "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			for what, broken := range map[string][]string{"free": c.free, "held": c.held} {
				if broken == nil {
					continue
				}
				srv := redistest.Start(t, "--maxmemory-policy", "noeviction")
				client, admin := srv.Client(t), srv.Client(t)
				if what == "held" {
					mustLock(t, openLocker(t, client, Options{}), "r")
				}
				do(t, admin, broken...)
				k := openLocker(t, client, Options{})
				start := time.Now()
				_, err := k.Lock(within(t, 20*time.Second), "r")
				wantHonest(t, what, err)
				if what == "free" {
					_, err := k.TryLock(t.Context(), "r")
					wantHonest(t, what+", TryLock", err)
				}
				if took := time.Since(start); took > time.Second {
					t.Errorf("%s: %v took %s", what, err, took)
				}
				if what == "free" && !strings.HasPrefix(name, "lock ") && name != "denied key" {
					n, err := srv.Do("EXISTS", key(1))
					if err != nil || n != "0" {
						t.Errorf("a lock that was refused stays behind: %s, %v", n, err)
					}
				}
			}
		})
	}
}

// A full Redis can extend, release and hand over what it has.
func TestFullGoesOn(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t, "--maxmemory-policy", "noeviction").Client(t)
	ours, theirs := openLocker(t, client, Options{Lease: 600 * time.Millisecond}),
		openLocker(t, client, patient)
	l := mustLock(t, ours, "f")
	got := make(chan error, 1)
	go func() {
		_, err := theirs.Lock(within(t, 20*time.Second), "f")
		got <- err
	}()
	waiting(t, theirs, "f", 1)
	do(t, client, "CONFIG", "SET", "maxmemory", "1")
	select {
	case <-l.Context().Done():
		t.Fatal(context.Cause(l.Context()))
	case <-time.After(900 * time.Millisecond):
	}
	if err := l.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantHonest(t, "the next", <-got) // was woken, and told
}

// An absent Redis is an error within Options.Timeout, or within the caller's
// deadline.
func TestAway(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*redistest.Server){
		"down":  (*redistest.Server).Kill,
		"hangs": (*redistest.Server).Pause,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			k := openLocker(t, srv.Client(t),
				Options{Lease: 2 * time.Second, CallTimeout: 300 * time.Millisecond, Outage: -1})
			l := mustLock(t, k, "held")
			waited := make(chan error, 1)
			waiter := openLocker(t, srv.Client(t), Options{RetryDelay: 100 * time.Millisecond,
				CallTimeout: 300 * time.Millisecond, Outage: -1})
			go func() {
				_, err := waiter.Lock(context.Background(), "held")
				waited <- err
			}()
			waiting(t, waiter, "held", 1)
			leave(srv)
			defer srv.Resume()
			left := time.Now()
			wantHonest(t, "a caller who waited", <-waited)
			if took := time.Since(left); took > 1500*time.Millisecond {
				t.Errorf("a caller who waited heard of it after %s", took)
			}
			for _, name := range []string{"held", "free"} {
				start := time.Now()
				_, err := k.Lock(context.Background(), name)
				wantHonest(t, name, err)
				_, err = k.TryLock(context.Background(), name)
				wantHonest(t, name, err)
				if took := time.Since(start); took > 1500*time.Millisecond {
					t.Errorf("two errors took %s", took)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
				start = time.Now()
				_, err = k.Lock(ctx, name)
				wantHonest(t, name, err)
				if took := time.Since(start); took > 250*time.Millisecond {
					t.Errorf("with a deadline of 30 ms it took %s", took)
				}
				cancel()
			}
			lost(t, l, 5*time.Second)
		})
	}
}

// Lock waits for a Redis that is away for a short time, and says in the end
// that it is.
func TestOutage(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	k := openLocker(t, srv.Client(t), Options{Outage: 20 * time.Second})
	short := openLocker(t, srv.Client(t), Options{Outage: time.Millisecond})
	srv.Kill()
	got := make(chan error, 1)
	go func() {
		_, err := k.Lock(t.Context(), "l")
		got <- err
	}()
	srv.Restart()
	if err := <-got; err != nil {
		t.Error(err)
	}
	srv.Kill()
	_, err := short.Lock(t.Context(), "l")
	if !errors.Is(err, kit.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// The context ends before the lease does, and not as soon as Redis hiccups.
func TestLostInTime(t *testing.T) {
	t.Parallel()
	const lease = 1200 * time.Millisecond
	for name, leave := range map[string]func(*redistest.Server){
		"down":  (*redistest.Server).Kill,
		"hangs": (*redistest.Server).Pause,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			l := mustLock(t, openLocker(t, srv.Client(t), Options{Lease: lease}), "l")
			leave(srv)
			left := time.Now()
			lost(t, l, lease)
			if took := time.Since(left); took < lease/2 {
				t.Errorf("given up after %s of %s", took, lease)
			}
			if name == "down" {
				srv.Restart() // empty
			} else {
				srv.Resume()
			}
			eventually(t, "another gets it", func() bool {
				_, err := openLocker(t, srv.Client(t), Options{}).TryLock(t.Context(), "l")
				return err == nil
			})
			wantErr(t, "Unlock", l.Unlock(t.Context()), ErrLost)
		})
	}
	t.Run("taken away", func(t *testing.T) {
		client := redistest.Start(t).Client(t)
		k := openLocker(t, client, Options{Lease: lease})
		l := mustLock(t, k, "l")
		do(t, client, "FLUSHALL")
		lost(t, l, lease*2/3)
	})
}

// A short absence costs nothing.
func TestHiccup(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	l := mustLock(t, openLocker(t, srv.Client(t),
		Options{Lease: 1500 * time.Millisecond, CallTimeout: 200 * time.Millisecond}), "l")
	for range 3 {
		time.Sleep(300 * time.Millisecond) // work
		srv.Pause()
		time.Sleep(400 * time.Millisecond)
		srv.Resume()
	}
	if err := l.Context().Err(); err != nil {
		t.Fatal(context.Cause(l.Context()))
	}
	mustUnlock(t, l)
}

// Unlock can be repeated when Redis gave no answer.
func TestUnlockAgain(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	k := openLocker(t, srv.Client(t), Options{CallTimeout: 200 * time.Millisecond})
	l := mustLock(t, k, "u")
	srv.Pause()
	err := l.Unlock(t.Context())
	srv.Resume()
	wantHonest(t, "Unlock", err)
	err = l.Unlock(t.Context()) // the first may have arrived
	if err != nil && !errors.Is(err, ErrLost) {
		t.Error(err)
	}
	if _, err := k.TryLock(t.Context(), "u"); err != nil {
		t.Error(err)
	}
}

// A release that failed is repeated in the background, long before the lease is
// over. Unlock then says that it succeeded, once.
func TestUnlockIsRepeated(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	admin := srv.Client(t)
	k := openLocker(t, srv.Client(t), Options{Lease: time.Minute})
	l := mustLock(t, k, "u")
	do(t, admin, "ACL", "SETUSER", "default", "-evalsha", "-eval")
	wantHonest(t, "Unlock", l.Unlock(t.Context()))
	do(t, admin, "ACL", "SETUSER", "default", "+evalsha", "+eval")
	eventually(t, "the lock to be free", func() bool {
		next, err := k.TryLock(t.Context(), "u")
		if err == nil {
			mustUnlock(t, next)
		}
		return err == nil
	})
	if err := l.Unlock(t.Context()); err != nil {
		t.Errorf("Unlock after it was repeated: %v", err)
	}
	if err := l.Unlock(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("Unlock once more: %v", err)
	}
}

func TestScriptFlush(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		flush := func() {
			for _, node := range client.Nodes() {
				do(t, node, "SCRIPT", "FLUSH")
			}
		}
		k := openLocker(t, client, Options{Prefix: t.Name(), Lease: 900 * time.Millisecond,
			CallTimeout: 500 * time.Millisecond})
		for range 5 {
			l := mustLock(t, k, "s")
			flush()
			if _, err := k.TryLock(t.Context(), "s"); !errors.Is(err, ErrHeld) {
				t.Error(err)
			}
			flush()
			mustUnlock(t, l)
		}
		l := mustLock(t, k, "s")
		for range 2 {
			flush()
			time.Sleep(350 * time.Millisecond) // an extension comes in between
		}
		mustUnlock(t, l)
	})
}
