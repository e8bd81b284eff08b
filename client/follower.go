package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// FollowConfig says how to follow. The zero value is fine.
type FollowConfig struct {
	// Positions are those of an earlier Follower of the same person. Events
	// since then are delivered, or Resync. The default is to begin now.
	Positions map[Stream]Position
	// Buffer is how many bytes of updates may wait for the program. Beyond
	// that, later ones are fetched again when the program has caught up. The
	// default is 8 MiB.
	Buffer int
	// InFlight is how many sends are under way together at most; default 16.
	// With 1, a send that the server asked to repeat is never overtaken.
	InFlight int
}

// Follower follows what happens, and comes back when the connection breaks:
// after growing random pauses, or when the server asks it to. Its methods may
// be called from several goroutines at a time.
//
// Actions wait for a connection. Those that only read, and those that may be
// done twice without harm (PUT over HTTP), are repeated when their answer is
// lost; so is MessageSend, which never sends twice. The others then return
// [ErrUnconfirmed]. All are repeated after rate_limited, for as long as their
// context lasts.
type Follower struct {
	Actions
	client *Client
	cfg    FollowConfig
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // why it ended; read after ended

	mu      sync.Mutex
	conn    *Conn         // nil while there is none that has synced
	changed chan struct{} // closed and replaced when conn changes
	newest  *Conn         // also while it syncs
	known   positions     // with what waits for the program
	syncing bool          // events are dropped until the answer to sync
	lagging bool          // updates are dropped until the program has caught up
	retry   time.Duration // that the server asked for in its goodbye

	waiting []waitingUpdate // for the program
	bytes   int
	more    chan struct{} // holds a token when waiting has grown
	handled positions     // with what the program has handled

	outbox outbox

	watchMu sync.Mutex // held while the server is told
	watched []UserID   // nil if the program watches no one
}

type waitingUpdate struct {
	Update
	size int
}

// errGap ends a connection on which an event is missing: the server should
// never let that happen.
var errGap = errors.New("the server left out an event")

// Follow starts a follower and waits until it has synced. ctx bounds only that
// wait; Close ends it.
func (c *Client) Follow(ctx context.Context, cfg FollowConfig) (*Follower, error) {
	if cfg.Buffer == 0 {
		cfg.Buffer = 8 << 20
	}
	if cfg.InFlight == 0 {
		cfg.InFlight = 16
	}
	f := &Follower{client: c, cfg: cfg, ended: make(chan struct{}), changed: make(chan struct{}),
		more: make(chan struct{}, 1), known: positions{}, handled: positions{}}
	maps.Copy(f.known, cfg.Positions)
	maps.Copy(f.handled, cfg.Positions)
	f.outbox.init(cfg.InFlight)
	f.Actions.do = f.do
	running, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	go f.run(running)
	if _, err := f.live(ctx); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Close ends the follower. Sends that have no answer yet return ErrClosed.
func (f *Follower) Close() {
	f.cancel()
	<-f.ended
}

// Err returns why the follower ended, nil while it lasts. It is ErrClosed after
// Close, and ErrUnauthenticated when the token was revoked.
func (f *Follower) Err() error {
	select {
	case <-f.ended:
		return f.err
	default:
		return nil
	}
}

// Updates returns what happens, in order, until the follower ends. An update
// counts as handled when its turn of the loop ends. The program may take its
// time, and may call actions in the loop. Only one loop may run at a time.
func (f *Follower) Updates() iter.Seq[Update] {
	return func(yield func(Update) bool) {
		for {
			u, ok := f.next()
			if !ok {
				return
			}
			goOn := yield(u)
			f.mu.Lock()
			f.handled.move(u)
			f.mu.Unlock()
			if !goOn {
				return
			}
		}
	}
}

// Positions returns how far the updates have been handled. Give it to a later
// Follower to go on from there.
func (f *Follower) Positions() map[Stream]Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.handled)
}

// next waits for the next update; false if the follower has ended.
func (f *Follower) next() (Update, bool) {
	for {
		f.mu.Lock()
		if len(f.waiting) > 0 {
			first := f.waiting[0]
			f.waiting[0] = waitingUpdate{}
			f.waiting = f.waiting[1:]
			f.bytes -= first.size
			if f.lagging && f.bytes <= f.cfg.Buffer/2 {
				f.lagging = false
				f.syncAgain()
			}
			f.mu.Unlock()
			return first.Update, true
		}
		f.mu.Unlock()
		select {
		case <-f.more:
		case <-f.ended:
			f.mu.Lock()
			left := len(f.waiting)
			f.mu.Unlock()
			if left == 0 {
				return Update{}, false
			}
		}
	}
}

// run connects, again and again, until ctx is done or coming back cannot help.
func (f *Follower) run(ctx context.Context) {
	defer close(f.ended)
	for try := 0; ; try++ {
		synced, err := f.visit(ctx)
		if ctx.Err() != nil {
			err = ErrClosed
		}
		if ctx.Err() != nil || isFinal(err) {
			f.err = err
			f.outbox.end(err)
			return
		}
		if synced {
			try = 0
		}
		pause := f.pause(try, err)
		f.client.cfg.Log.Debug("reconnecting", "after", pause, "error", err)
		f.mu.Lock()
		if n := len(f.waiting); n == 0 || f.waiting[n-1].Disconnected == nil {
			f.push(Update{Disconnected: &Disconnected{Err: err, Retry: pause}}, 0)
		}
		f.mu.Unlock()
		sleep(ctx, pause)
	}
}

// visit is one connection, from its beginning to its end.
func (f *Follower) visit(ctx context.Context) (synced bool, err error) {
	conn, err := f.client.dial(ctx, f.receive)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	f.mu.Lock()
	f.newest, f.lagging = conn, false
	from := f.beginSync()
	f.mu.Unlock()
	asking, cancel := context.WithTimeout(ctx, time.Minute)
	_, err = conn.Sync(asking, f.client.cfg.Device, from)
	if err == nil {
		err = f.watch(asking, conn)
	}
	cancel()
	if err != nil {
		return false, errors.Join(err, conn.Err())
	}
	f.setConn(conn)
	defer f.setConn(nil)
	f.outbox.write(ctx, conn)
	return true, conn.Err()
}

func (f *Follower) setConn(conn *Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conn = conn
	close(f.changed)
	f.changed = make(chan struct{})
}

// beginSync returns the positions to sync from. Until the answer, what comes
// belongs to an earlier sync, or will come again. f.mu is held.
func (f *Follower) beginSync() map[Stream]Position {
	f.syncing = true
	return maps.Clone(f.known)
}

// syncAgain syncs on the open connection. f.mu is held.
func (f *Follower) syncAgain() {
	if f.syncing {
		return // the sync that is under way has these positions too
	}
	conn, from := f.newest, f.beginSync()
	go func() { // ends with the connection
		ctx := context.Background()
		_, err := conn.Sync(ctx, f.client.cfg.Device, from)
		if err == nil {
			err = f.watch(ctx, conn)
		}
		if err != nil {
			conn.Abort()
		}
	}()
}

// Watch replaces whom the program is told of when they come and go: at most 500
// people. Watched says who of them is online, now and whenever the follower has
// come back.
func (f *Follower) Watch(ctx context.Context, users []UserID) error {
	f.watchMu.Lock()
	f.watched = slices.Concat([]UserID{}, users)
	f.watchMu.Unlock()
	for {
		conn, err := f.live(ctx)
		if err != nil {
			return err
		}
		err = f.watch(ctx, conn)
		if ctx.Err() != nil || !errors.Is(err, ErrClosed) && !errors.Is(err, ErrUnconfirmed) {
			return err
		}
	}
}

// watch tells the server whom the program watches.
func (f *Follower) watch(ctx context.Context, conn *Conn) error {
	f.watchMu.Lock()
	defer f.watchMu.Unlock()
	if f.watched == nil {
		return nil
	}
	_, err := conn.Watch(ctx, f.watched)
	return err
}

// receive takes what comes. The reading goroutine of a connection calls it.
func (f *Follower) receive(u Update, size int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case u.Goodbye != nil:
		f.retry = time.Duration(u.Goodbye.RetryMS) * time.Millisecond
		f.push(u, size)
		return nil
	case u.State != nil:
		f.syncing = false
	case f.syncing || f.lagging:
		return nil
	case u.Event != nil:
		isNew, follows := f.known.next(u.Event)
		if !isNew {
			return nil
		}
		if !follows {
			return fmt.Errorf("%w: %s %d follows %d", errGap, u.Event.Stream, u.Event.Seq,
				f.known[u.Event.Stream].Seq)
		}
	}
	if f.bytes+size > f.cfg.Buffer && u.State == nil && len(f.waiting) > 0 {
		f.lagging = true
		f.client.cfg.Log.Debug("the program is behind: later updates are fetched again")
		return nil
	}
	f.known.move(u)
	f.push(u, size)
	if u.Resync != nil && isUserStream(u.Resync.Stream) {
		f.syncAgain()
	}
	return nil
}

// push adds an update to those that wait for the program. f.mu is held.
func (f *Follower) push(u Update, size int) {
	f.waiting = append(f.waiting, waitingUpdate{u, size})
	f.bytes += size
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// pause is how long to wait before the next attempt: full jitter, or what the
// server asked for and up to half as much again.
func (f *Follower) pause(try int, err error) time.Duration {
	f.mu.Lock()
	asked := max(f.retry, retryAfter(err))
	f.retry = 0
	f.mu.Unlock()
	if asked > 0 {
		return asked + rand.N(asked/2+1)
	}
	return backOff(try)
}

// backOff is a random pause whose bound doubles from 0.5 s to 30 s.
func backOff(try int) time.Duration {
	return rand.N(min(500*time.Millisecond<<min(try, 6), 30*time.Second))
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// live waits for a connection that has synced.
func (f *Follower) live(ctx context.Context) (*Conn, error) {
	for {
		f.mu.Lock()
		conn, changed := f.conn, f.changed
		f.mu.Unlock()
		if conn != nil && conn.Err() == nil {
			return conn, nil
		}
		select {
		case <-changed:
		case <-f.ended:
			return nil, f.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// do does an action over the connection that there is, or the next.
func (f *Follower) do(ctx context.Context, a action, in, out any) error {
	if send, ok := in.(SendInput); ok && a.name == "message.send" {
		m, err := f.SendAsync(ctx, send).Wait(ctx)
		*out.(*Message) = m
		return err
	}
	for try := 0; ; try++ {
		conn, err := f.live(ctx)
		if err != nil {
			return err
		}
		err = conn.Call(ctx, a.name, in, out)
		safe := a.method == http.MethodGet || a.method == http.MethodPut
		switch {
		case ctx.Err() != nil:
			return err
		case errors.Is(err, ErrClosed): // it was not sent
		case errors.Is(err, ErrRateLimited):
			sleep(ctx, max(retryAfter(err), backOff(try)))
		case safe && errors.Is(err, ErrUnavailable):
			sleep(ctx, max(retryAfter(err), backOff(try)))
		case safe && errors.Is(err, ErrUnconfirmed):
		default:
			return err
		}
	}
}
