package lock

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"hash/maphash"
	mathrand "math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/internal/exec"
)

var (
	//go:embed acquire.lua
	acquireSource string
	//go:embed extend.lua
	extendSource string
	//go:embed retake.lua
	retakeSource string
	//go:embed release.lua
	releaseSource string
	//go:embed wake.lua
	wakeSource string
	//go:embed note.lua
	noteSource string
	//go:embed pass.lua
	passSource string
	//go:embed raise.lua
	raiseSource string
)

// A Locker takes locks in one Redis, or in a quorum of several. It is safe for
// concurrent use. Close it.
type Locker struct {
	opt     Options
	masters []*master
	quorum  int
	id      string // begins the ids of its locks
	serial  atomic.Uint64
	silent  atomic.Bool // the last that was asked gave no answer

	exclusive, shared mode
	retaking, raising *rueidis.Lua

	lease string // the scripts' argument, in milliseconds

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	// everything under way. Grows only while mu is held and closed is false, or
	// from a member.
	work sync.WaitGroup

	mu     sync.Mutex
	closed bool
	held   map[*Lock]struct{}
	timer  *time.Timer       // of the next extension of any; nil while none is to come
	due    time.Time         // when it fires
	queues map[string]*queue // by the key of the processes that wait; none is empty

	// Whether PUBLISH in a script counts all who hear it, which it does not on
	// a cluster: "1" or "0", as scripts take it.
	counts    string
	channel   string // where this process hears that it is woken
	listening bool
	live      uint64     // the subscription that stands; 0 for none
	epoch     uint64     // the last one's
	wakes     [64]uint64 // heard, by the hash of that key
	seed      maphash.Seed
}

// New returns a locker on one Redis: a server, a set behind Sentinels or a
// cluster. The client stays the caller's and must outlive the locker.
func New(client rueidis.Client, opt Options) (*Locker, error) {
	return newLocker([]*master{{client: client}}, opt)
}

// NewQuorum returns a locker on several masters that know nothing of each
// other: a lock is held when more than half of them grant it (Redlock). Three
// or five are sensible. All lockers must name the same masters, in the same
// order, because waiting callers are woken through the first. ErrHeld then also
// says that no one won the vote. The clients stay the caller's and must outlive
// the locker.
func NewQuorum(clients []rueidis.Client, opt Options) (*Locker, error) {
	if len(clients) < 3 {
		return nil, fmt.Errorf("lock: a quorum of %d masters survives the loss of none: at least 3 are needed", len(clients))
	}
	masters := make([]*master, len(clients))
	for i, client := range clients {
		masters[i] = &master{client: client}
	}
	return newLocker(masters, opt)
}

// OpenQuorum is NewQuorum for masters of which some may be down at the start:
// each is opened when it is first asked, and again for as long as that fails.
// Close closes them.
func OpenQuorum(open []Open, opt Options) (*Locker, error) {
	if len(open) < 3 {
		return nil, fmt.Errorf("lock: a quorum of %d masters survives the loss of none: at least 3 are needed", len(open))
	}
	masters := make([]*master, len(open))
	for i, one := range open {
		masters[i] = &master{open: one}
	}
	return newLocker(masters, opt)
}

func newLocker(masters []*master, opt Options) (*Locker, error) {
	opt, err := opt.complete(len(masters))
	if err != nil {
		return nil, err
	}
	k := &Locker{
		opt:     opt,
		masters: masters,
		quorum:  len(masters)/2 + 1,
		id:      rand.Text() + "-",
		exclusive: mode{
			acquire: rueidis.NewLuaScript(noteSource + acquireSource),
			extend:  rueidis.NewLuaScript(extendSource),
			release: rueidis.NewLuaScript(wakeSource + releaseSource),
			pass:    rueidis.NewLuaScript(wakeSource + passSource),
		},
		shared: mode{
			acquire: rueidis.NewLuaScript(noteSource + wakeSource + sharedSource + shareSource),
			extend:  rueidis.NewLuaScript(wakeSource + sharedSource + renewSource),
			release: rueidis.NewLuaScript(wakeSource + sharedSource + unshareSource),
			pass:    rueidis.NewLuaScript(wakeSource + sharedSource + passSharedSource),
		},
		retaking: rueidis.NewLuaScript(retakeSource),
		raising:  rueidis.NewLuaScript(raiseSource),
		lease:    milliseconds(opt.Lease),
		held:     map[*Lock]struct{}{},
		queues:   map[string]*queue{},
		seed:     maphash.MakeSeed(),
	}
	k.counts = "1"
	if client := masters[0].client; client != nil && client.Mode() == rueidis.ClientModeCluster {
		k.counts = "0"
	}
	k.channel = opt.Prefix + ":wake:" + k.id[:len(k.id)-1]
	k.ctx, k.stop = context.WithCancel(context.Background())
	return k, nil
}

// Lock takes the lock and waits for it while another has it. The context bounds
// the waiting, not the holding; its values are those of [Lock.Context].
//
// Errors: ErrHeld after Options.Tries; the context's error, together with
// ErrHeld if another had the lock; kit.ErrUnavailable when Redis has given no
// answer for Options.Outage; anything else is what Redis refuses, at once.
// Whether an unanswered call took the lock is unknown; if it did, it is
// released, or Redis forgets it after a lease.
func (k *Locker) Lock(ctx context.Context, name string) (*Lock, error) {
	return k.lock(ctx, context.WithoutCancel(ctx), k.at(name))
}

// TryLock is Lock without waiting: ErrHeld at once if another has it.
func (k *Locker) TryLock(ctx context.Context, name string) (*Lock, error) {
	return k.tryLock(ctx, k.at(name))
}

func (k *Locker) tryLock(ctx context.Context, at place) (*Lock, error) {
	if err := k.begin(at.name); err != nil {
		return nil, err
	}
	defer k.work.Done()
	l, _, err := k.try(ctx, context.WithoutCancel(ctx), at, notes{})
	if err == nil && l == nil {
		err = fmt.Errorf("%w: %q", ErrHeld, at.name)
	}
	return l, err
}

// With runs work under the lock and releases it, also after a panic. Work's
// context ends with ctx, and with the cause ErrLost when the lock is lost. The
// error is that of Lock, or work's joined with Unlock's: nil means that the
// lock was held throughout.
func (k *Locker) With(ctx context.Context, name string,
	work func(ctx context.Context, token int64) error) error {
	return k.with(ctx, k.at(name), work)
}

func (k *Locker) with(ctx context.Context, at place,
	work func(ctx context.Context, token int64) error) (err error) {
	l, err := k.lock(ctx, ctx, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Unlock(ctx)) }()
	return work(l.ctx, l.token)
}

// Close ends the waiting of all callers with ErrClosed, ends the contexts of
// the locks that are still held with that cause and releases them, and returns
// when nothing of the locker runs any more. If Redis is away, that is when the
// clients have given up what was asked of them. It closes no clients but those
// that OpenQuorum opened.
func (k *Locker) Close() {
	k.mu.Lock()
	if k.closed {
		k.mu.Unlock()
		k.work.Wait()
		return
	}
	k.closed = true
	if k.timer != nil {
		k.timer.Stop()
	}
	var held []*Lock
	for l := range k.held {
		held = append(held, l)
	}
	for _, l := range held {
		k.work.Go(func() {
			_ = l.unlock(context.Background(), ErrClosed) // what cannot be released expires
		})
	}
	k.mu.Unlock()
	k.stop()
	k.work.Wait()
	for _, m := range k.masters {
		m.close()
	}
}

// begin enters a caller into the work that Close waits for.
func (k *Locker) begin(name string) error {
	if name == "" {
		return ErrName
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return ErrClosed
	}
	k.work.Add(1)
	return nil
}

func (k *Locker) lock(ctx, parent context.Context, at place) (*Lock, error) {
	if err := k.begin(at.name); err != nil {
		return nil, err
	}
	defer k.work.Done()
	woken, turn := false, false
	var outage outage
	for attempt := 1; ; attempt++ {
		heard := k.hearing(at.queue())
		l, next, err := k.try(ctx, parent, at,
			notes{waits: heard.live != 0, first: turn, others: heard.live != 0 && k.others(at.queue())})
		switch {
		case l != nil:
			return l, nil
		case err != nil && ctx.Err() == nil && outage.goesOn(err, k.opt.Outage):
			if err := k.sleep(ctx, outage.pause()); err != nil && ctx.Err() == nil {
				return nil, err
			}
			attempt--
			continue
		case err != nil && ctx.Err() == nil:
			k.fail(at.queue(), err)
			return nil, err
		case err != nil:
			if turn {
				k.handOn(at) // was woken and has no use for it
				err = fmt.Errorf("%w: %q: %w", ErrHeld, at.name, err)
			}
			return nil, err
		case attempt == k.opt.Tries:
			return nil, fmt.Errorf("%w: %q, after %d attempts", ErrHeld, at.name, attempt)
		}
		outage = noOutage
		switch {
		case next.draw:
			err = k.sleep(ctx, next.pause)
		case woken && len(k.masters) > 1:
			// The first master woke us, while the unlocker's word may still be
			// on its way to the others.
			woken = false
			err = k.sleep(ctx, time.Millisecond+mathrand.N(20*time.Millisecond))
		default:
			woken = true
			err = k.wait(ctx, at, next.pause, turn, heard)
			turn = true
		}
		switch {
		case err == errNote:
			attempt--
		case err != nil:
			if ctx.Err() != nil {
				err = fmt.Errorf("%w: %q: %w", ErrHeld, at.name, err)
			}
			return nil, err
		}
	}
}

// outage is the time for which Redis has given no answer.
type outage struct {
	since time.Time
	step  int
}

var noOutage outage

// goesOn reports whether the outage is to be waited out: for this long, unless
// the error says that Redis is there.
func (o *outage) goesOn(err error, limit time.Duration) bool {
	if !errors.Is(err, kit.ErrUnavailable) {
		return false
	}
	if o.since.IsZero() {
		o.since = time.Now()
	}
	return time.Since(o.since) < limit
}

// pause is the time until the next attempt.
func (o *outage) pause() time.Duration {
	d := min(20*time.Millisecond<<min(o.step, 5), 500*time.Millisecond)
	o.step++
	return d/2 + mathrand.N(d/2)
}

// refusal is what to do when another has the lock: wait for a wake-up, but not
// longer than the pause.
type refusal struct {
	pause time.Duration
	draw  bool // no one won the vote, and so no one will wake
}

// notes are what an attempt has noted in Redis besides.
type notes struct {
	waits  bool // if it is refused, this process waits
	first  bool // before all others, since it was woken
	others bool // if it is granted, this process goes on waiting, for another caller
}

// try asks once. With neither a lock nor an error it was refused.
func (k *Locker) try(ctx, parent context.Context, at place, note notes) (*Lock,
	refusal, error) {
	id := k.id + strconv.FormatUint(k.serial.Add(1), 36) + at.mark()
	args := []string{id, k.lease, "1", k.channel, "0", flag(note.first), flag(note.others)}
	if len(k.masters) > 1 {
		args[2] = "0" // the counters of the masters shall agree
	}
	if note.waits {
		// Everyone who waits tries, and so notes it again, after RetryDelay at
		// the latest.
		args[4] = milliseconds(2 * (k.opt.RetryDelay + k.opt.CallTimeout))
	}
	if at.limit != "" {
		args = append(args, at.limit, k.counts)
	}
	start := time.Now()
	votes := k.ask(ctx, func(ctx context.Context, master rueidis.Client) (int64, error) {
		return exec.Script(ctx, at.mode.acquire, master, at.keys, args).AsInt64()
	})
	switch votes.verdict {
	case granted:
		token, err := k.agree(ctx, at.keys, id, votes)
		deadline := start.Add(k.opt.Lease - k.opt.drift())
		if err == nil && time.Now().Before(deadline) {
			l, err := k.hold(parent, at, id, token, deadline)
			return l, refusal{}, err
		}
		k.forget(at, id)
		if err == nil {
			err = errors.New("the answer took as long as the lease")
		}
		return nil, refusal{}, fmt.Errorf("lock: acquire %q: %w", at.name, exec.Unavailable(ctx, err))
	case failed:
		// A refusal in so many words took nothing.
		if _, ok := exec.Refusal(votes.err); !ok || len(k.masters) > 1 {
			k.forget(at, id)
		}
		return nil, refusal{}, fmt.Errorf("lock: acquire %q: %w", at.name, exec.Unavailable(ctx, votes.err))
	}
	pause := k.opt.RetryDelay - time.Duration(k.opt.Jitter*mathrand.Float64()*float64(k.opt.RetryDelay))
	if len(k.masters) > 1 {
		// Some may have granted it. They are asked to forget before the next
		// attempt, which they would be in the way of.
		k.ask(context.WithoutCancel(ctx), k.releaser(at, id))
		return nil, refusal{pause, votes.verdict == split}, nil
	}
	left := time.Duration(-votes.highest) * time.Millisecond
	return nil, refusal{pause: min(pause,
		left+time.Millisecond+mathrand.N(min(k.opt.Lease/50, 50*time.Millisecond)))}, nil
}

// forget releases, without waiting for it, what an attempt may have taken whose
// answer no one waited for. The attempt may still be under way, on another
// connection, so a release that finds nothing is repeated.
func (k *Locker) forget(at place, id string) {
	k.work.Go(func() {
		for _, pause := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond,
			k.opt.CallTimeout, 0} {
			votes := k.ask(context.Background(), k.releaser(at, id))
			if votes.yes == len(k.masters) || k.sleep(context.Background(), pause) != nil {
				return
			}
		}
	})
}

func (k *Locker) releaser(at place, id string) func(context.Context, rueidis.Client) (int64, error) {
	return func(ctx context.Context, master rueidis.Client) (int64, error) {
		return exec.Script(ctx, at.mode.release, master, at.keys[1:], []string{k.counts, id}).AsInt64()
	}
}

func (k *Locker) sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-k.ctx.Done():
		return ErrClosed
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
