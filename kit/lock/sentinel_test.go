package lock

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
)

// In a failover in good order the holder keeps its lock, or is told. Nobody
// else has it as long as its context says that it has.
func TestFailover(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	set := redistest.StartSentinel(t)
	opt := Options{Lease: 3 * time.Second, CallTimeout: 500 * time.Millisecond}
	k, rival := openLocker(t, set.Client(t), opt), openLocker(t, set.Client(t), opt)
	l := mustLock(t, k, "f")
	replicated(t, set, k, "f")

	failedOver := make(chan struct{})
	rivalled := make(chan int64, 1)
	go func() {
		defer close(rivalled)
		for {
			other, err := rival.TryLock(context.Background(), "f")
			if err == nil {
				if l.Context().Err() == nil {
					t.Error("two have the lock")
				}
				rivalled <- other.Token()
				return
			}
			select {
			case <-failedOver:
				if errors.Is(err, ErrHeld) {
					return
				}
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	eventually(t, "the failover begins", func() bool {
		out, err := set.Sentinels[0].Do("SENTINEL", "FAILOVER", redistest.MasterSet)
		return err == nil && out == "OK"
	})
	eventually(t, "the replica is master", func() bool {
		at, err := set.Master()
		return err == nil && at == set.Servers[1].Addr()
	})
	eventually(t, "the client finds it", func() bool {
		// The old master may still grant it; that is forgotten with its data.
		other, err := rival.TryLock(t.Context(), "other")
		if err == nil {
			err = other.Unlock(t.Context())
		}
		return err == nil
	})
	close(failedOver)
	token, overtaken := <-rivalled
	err := l.Unlock(t.Context())
	switch {
	case overtaken && token <= l.Token():
		t.Errorf("token %d after %d", token, l.Token())
	case overtaken:
		wantErr(t, "Unlock", err, ErrLost)
	case err != nil:
		t.Errorf("nobody took the lock, but: %v", err)
	}
	t.Logf("overtaken: %v", overtaken)
}

// A replica that had not heard of the lock becomes master: another can take it,
// with a newer token, and the holder is told with its next extension.
func TestFailoverThatForgets(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	set := redistest.StartSentinel(t)
	k := openLocker(t, set.Client(t), Options{Lease: 12 * time.Second, CallTimeout: time.Second})
	rival := openLocker(t, set.Client(t), Options{CallTimeout: time.Second})
	warm := mustLock(t, k, "warm") // draws the counter up to the replica
	replicated(t, set, k, "warm")
	mustUnlock(t, warm)

	master, replica := set.Servers[0], set.Servers[1]
	cutOff(t, master, replica)
	l := mustLock(t, k, "f")
	more := mustLock(t, k, "warm")
	mustUnlock(t, more)
	master.Kill()
	var other *Lock
	eventually(t, "the replica serves", func() bool {
		var err error
		other, err = rival.TryLock(t.Context(), "f")
		return err == nil
	})
	if other.Token() <= l.Token() {
		t.Errorf("token %d after %d", other.Token(), l.Token())
	}
	if again := mustLock(t, rival, "warm"); again.Token() <= more.Token() {
		t.Errorf("token %d after %d, which the new master never heard of", again.Token(), more.Token())
	}
	lost(t, l, 10*time.Second) // at the next extension, far from the lease's end
	wantErr(t, "Unlock", l.Unlock(t.Context()), ErrLost)
	if _, err := k.TryLock(t.Context(), "f"); !errors.Is(err, ErrHeld) {
		t.Errorf("the old holder freed the new one's lock: %v", err)
	}
}

func replicated(t testing.TB, set *redistest.Sentinel, k *Locker, name string) {
	t.Helper()
	eventually(t, "the replica has it", func() bool {
		out, err := set.Servers[1].Do("EXISTS", k.keys(name)[1])
		return err == nil && out == "1"
	})
}

// cutOff lets the replica follow its master no more. The Sentinels go on to
// take it for a good replica.
func cutOff(t testing.TB, master, replica *redistest.Server) {
	t.Helper()
	if _, err := replica.Do("CONFIG", "SET", "masteruser", "nobody", "masterauth", "wrong"); err != nil {
		t.Fatal(err)
	}
	if _, err := master.Do("CLIENT", "KILL", "TYPE", "replica"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replica is cut off", func() bool {
		out, err := replica.Do("INFO", "replication")
		return err == nil && strings.Contains(out, "master_link_status:down")
	})
}
