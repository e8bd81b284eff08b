package lock

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// A queue has the callers of this process who wait for one lock. The process
// is noted once in Redis however many they are; when it is woken, the first of
// them tries. All fields are guarded by the locker's mu.
type queue struct {
	waiters []chan error // in order; each takes one value
	timer   *time.Timer  // has the first try without having been woken
}

// errNote tells a caller who waits to try at once, because Redis may not know
// that this process waits.
var errNote = errors.New("lock: to be noted again")

// An ear is what this process had heard of a lock at some time. While it stays
// the same no wake-up was missed, and none was used up.
type ear struct {
	live  uint64 // the subscription that stands; 0 for none
	wakes uint64
}

// heard returns the ear of a lock. mu is held.
func (k *Locker) heard(queue string) ear {
	return ear{k.live, k.wakes[maphash.String(k.seed, queue)%uint64(len(k.wakes))]}
}

func (k *Locker) hearing(queue string) ear {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.heard(queue)
}

// others reports whether someone else in this process waits for the lock.
func (k *Locker) others(queue string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.queues[queue] != nil
}

// wait returns when it is the caller's turn to try again, or with the reason
// why there is no use in that. The caller has tried after hearing returned
// heard.
func (k *Locker) wait(ctx context.Context, at place, pause time.Duration, first bool, heard ear) error {
	turn := make(chan error, 1)
	k.mu.Lock()
	if k.closed {
		k.mu.Unlock()
		return ErrClosed
	}
	if !k.listening {
		k.listening = true
		k.work.Go(k.listen)
	}
	if k.live != 0 && k.heard(at.queue()) != heard {
		k.mu.Unlock()
		return errNote
	}
	q := k.queues[at.queue()]
	if q == nil {
		q = &queue{timer: time.AfterFunc(pause, func() { k.wake(at.queue(), nil) })}
		k.queues[at.queue()] = q
	} else {
		q.timer.Reset(pause)
	}
	if first {
		q.waiters = slices.Insert(q.waiters, 0, turn) // keeps its place
	} else {
		q.waiters = append(q.waiters, turn)
	}
	k.mu.Unlock()

	var err error
	select {
	case err := <-turn:
		return err
	case <-ctx.Done():
		err = ctx.Err()
	case <-k.ctx.Done():
		err = ErrClosed
	}
	k.mu.Lock()
	i := slices.Index(q.waiters, turn)
	if i >= 0 {
		k.remove(at.queue(), q, i)
	}
	k.mu.Unlock()
	if i < 0 {
		if told := <-turn; told == nil || told == errNote {
			k.handOn(at)
		}
	}
	return err
}

// remove takes a waiter out of its queue. mu is held.
func (k *Locker) remove(name string, q *queue, i int) {
	q.waiters = slices.Delete(q.waiters, i, i+1)
	if len(q.waiters) == 0 {
		q.timer.Stop()
		delete(k.queues, name)
	}
}

// wake gives the turn to the first who waits, if there is one.
func (k *Locker) wake(queue string, why error) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wakeFirst(queue, why)
}

func (k *Locker) wakeFirst(queue string, why error) bool {
	q := k.queues[queue]
	if q == nil {
		return false
	}
	q.waiters[0] <- why
	q.timer.Reset(k.opt.RetryDelay) // until it has tried
	k.remove(queue, q, 0)
	return true
}

// wakeAll gives the turn to the first who waits for each lock.
func (k *Locker) wakeAll(why error) {
	for queue := range k.queues {
		k.wakeFirst(queue, why)
	}
}

// handOn is for a turn that no one takes: it goes to another here, or back to
// Redis for another process.
func (k *Locker) handOn(at place) {
	if !k.wake(at.queue(), nil) {
		k.work.Go(func() { k.giveBack(at) })
	}
}

func (k *Locker) giveBack(at place) {
	// If that fails, the others find out by themselves, after
	// Options.RetryDelay.
	_, _ = k.askOne(context.Background(), k.masters[0],
		func(ctx context.Context, master rueidis.Client) (int64, error) {
			return exec.Script(ctx, at.mode.pass, master, at.keys[1:], []string{k.counts}).AsInt64()
		})
}

// fail ends the waiting of all: what one was told by Redis holds for the
// others.
func (k *Locker) fail(queue string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.wakeFirst(queue, err) {
	}
}

// listen hears the wake-ups of this process, on one connection, for as long as
// the locker lives and someone has waited.
func (k *Locker) listen() {
	var backoff exec.Backoff
	for {
		err := k.hear()
		k.mu.Lock()
		k.live = 0
		switch {
		case len(k.masters) > 1:
			// Only the wake-up is missing; those who wait look by themselves.
		case transient(err):
			k.wakeAll(nil) // who tries now finds out what there is to know
		default:
			for len(k.queues) > 0 {
				k.wakeAll(fmt.Errorf("lock: wait: %w", err))
			}
			k.listening = false
			k.mu.Unlock()
			return
		}
		k.mu.Unlock()
		if !backoff.Pause(k.ctx) || !k.awaited() {
			return
		}
	}
}

// awaited reports whether someone waits. If not, the next who does begins to
// listen.
func (k *Locker) awaited() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.listening = len(k.queues) > 0
	return k.listening
}

// hear subscribes to the channel of this process, and returns when that ends.
func (k *Locker) hear() error {
	master, err := k.masters[0].get(k.ctx, k)
	if err != nil {
		return err
	}
	where := nodes(master)
	conn, release := master.Dedicate()
	defer func() { conn.Close(); release() }() // not back to the others: it has a subscription
	broken := conn.SetPubSubHooks(rueidis.PubSubHooks{
		OnSubscription: func(rueidis.PubSubSubscription) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.epoch++
			k.live = k.epoch
			k.wakeAll(errNote)
		},
		OnMessage: func(m rueidis.PubSubMessage) { k.woken(m.Message) },
	})
	ctx, cancel := context.WithTimeout(k.ctx, k.opt.CallTimeout)
	err = conn.Do(ctx, conn.B().Subscribe().Channel(k.channel).Build()).Error()
	cancel()
	if err != nil {
		return err
	}
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case err := <-broken:
			if err == nil {
				err = rueidis.ErrClosing
			}
			return err
		case <-k.ctx.Done():
			return k.ctx.Err()
		case <-look.C:
			// A failover may leave the connection to the old master standing.
			if now := nodes(master); now != where {
				return fmt.Errorf("the servers are now %s, no longer %s", now, where)
			}
		}
	}
}

// woken handles a wake-up, which names the key of those who wait.
func (k *Locker) woken(queue string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wakes[maphash.String(k.seed, queue)%uint64(len(k.wakes))]++
	if !k.closed && !k.wakeFirst(queue, nil) {
		k.work.Go(func() { k.giveBack(k.atQueue(queue)) })
	}
}

func nodes(client rueidis.Client) string {
	var all []string
	for addr := range client.Nodes() {
		all = append(all, addr)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// transient tells the errors that go by themselves, such as those of a
// failover, from those that come again.
func transient(err error) bool {
	refusal, ok := exec.Refusal(err)
	if !ok {
		return true
	}
	code, _, _ := strings.Cut(refusal.Error(), " ")
	return slices.Contains([]string{"LOADING", "MASTERDOWN", "READONLY", "CLUSTERDOWN",
		"TRYAGAIN", "MOVED", "ASK"}, code)
}
