package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/client"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/wsclient"
)

// listenerPool is thousands of connections that only listen to the open rooms.
// Their events are not recorded: each listener checks that every event follows
// the one before, and at the end that it has reached the head.
type listenerPool struct {
	clients   *simulation
	rooms     map[chat.Stream]bool
	listeners []*listener
	running   sync.WaitGroup
	cancel    context.CancelFunc

	delivered, doubled, resumed, resyncs, drops atomic.Int64

	connecting chan struct{} // slots for connections that are being made

	mu         sync.Mutex
	violations []Violation
}

// maxConnecting bounds the listeners that connect at the same time: with ten
// thousand at once, a busy machine would serve none in time.
const maxConnecting = 1000

// listener is one listening connection. Fields not guarded by mu belong to its
// goroutine.
type listener struct {
	n         int
	client    *simClient // the client whose account it uses
	all       *listenerPool
	positions map[chat.Stream]chat.Position
	resuming  map[chat.Stream]bool // streams that are not resumed yet

	mu     sync.Mutex
	conn   net.Conn                      // nil if it was cut
	ready  bool                          // it has got all missed events
	shared map[chat.Stream]chat.Position // copy of positions for other goroutines
}

// newListenerPool connects n listeners and waits until all are ready.
func newListenerPool(ctx context.Context, c *simulation, n int) (*listenerPool, error) {
	all := &listenerPool{clients: c, rooms: map[chat.Stream]bool{},
		connecting: make(chan struct{}, maxConnecting)}
	for _, id := range c.open {
		all.rooms[chat.RoomStream(id)] = true
	}
	here, away := context.WithCancel(ctx)
	all.cancel = away
	for i := range n {
		l := &listener{n: i + 1, client: c.clients[i%len(c.clients)], all: all,
			positions: map[chat.Stream]chat.Position{}}
		all.listeners = append(all.listeners, l)
		all.running.Go(func() { l.run(here) })
	}
	if err := all.waitReady(ctx); err != nil {
		all.leave()
		return nil, err
	}
	return all, nil
}

// readyWithin is how long listeners may take to connect on a busy machine.
const readyWithin = 10 * time.Minute

func (all *listenerPool) waitReady(ctx context.Context) error {
	return eventually(ctx, readyWithin,
		fmt.Sprintf("%d listeners to connect", len(all.listeners)), func() bool {
			for _, l := range all.listeners {
				l.mu.Lock()
				there := l.ready
				l.mu.Unlock()
				if !there {
					return false
				}
			}
			return true
		})
}

// cut resets every connection.
func (all *listenerPool) cut() {
	for _, l := range all.listeners {
		l.mu.Lock()
		if tcp, ok := l.conn.(*net.TCPConn); ok {
			tcp.SetLinger(0) // no port is kept waiting
			tcp.Close()
		}
		l.conn, l.ready = nil, false
		l.mu.Unlock()
	}
}

// leave ends every connection.
func (all *listenerPool) leave() {
	all.cancel()
	all.cut()
	all.running.Wait()
}

// waitCurrent waits until all listeners have reached the heads of all rooms.
// Those that do not are violations.
func (all *listenerPool) waitCurrent(ctx context.Context) error {
	heads := map[chat.Stream]chat.Position{}
	for stream := range all.rooms {
		id, _ := stream.Room()
		web, err := all.clients.restClient(all.clients.owner[id])
		if err != nil {
			return err
		}
		v, err := web.RoomGet(ctx, client.RoomInput{Room: id})
		if err != nil {
			return err
		}
		heads[stream] = v.Position
	}
	late := eventually(ctx, restWithin, "all listeners to be current", func() bool {
		for _, l := range all.listeners {
			if l.behind(heads) != "" {
				return false
			}
		}
		return true
	})
	for _, l := range all.listeners {
		if what := l.behind(heads); what != "" {
			all.fault("listener %d %s", l.n, what)
		}
	}
	return late
}

func (all *listenerPool) fault(format string, args ...any) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.violations = append(all.violations, Violation{Missing, fmt.Sprintf(format, args...)})
}

// addTo adds the listeners' counts and violations to a verdict.
func (all *listenerPool) addTo(v *Verdict) {
	v.Delivered += int(all.delivered.Load())
	v.Doubled += int(all.doubled.Load())
	v.Resumed += int(all.resumed.Load())
	v.Resyncs += int(all.resyncs.Load())
	v.Drops += int(all.drops.Load())
	v.Violations = append(v.Violations, all.violations...)
}

// behind describes a position that differs from the head; "" if none does.
func (l *listener) behind(heads map[chat.Stream]chat.Position) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for stream, head := range heads {
		if at := l.shared[stream]; at.Seq != head.Seq || at.ID != head.ID {
			return fmt.Sprintf("is at event %d (%s) of %s, and its head is %d (%s)", at.Seq, at.ID,
				stream, head.Seq, head.ID)
		}
	}
	return ""
}

// run keeps a connection until ctx is done.
func (l *listener) run(ctx context.Context) {
	for try := 0; ctx.Err() == nil; try++ {
		if urls := l.client.urls(); len(urls) > 0 {
			began := time.Now()
			if l.runConn(ctx, urls[rand.IntN(len(urls))]); time.Since(began) > time.Second {
				try = 0
			}
		}
		pause(ctx, time.Duration(rand.Int64N(int64(min(100*time.Millisecond<<min(try, 5), 3*time.Second)))))
	}
}

// runConn runs one connection until it ends.
func (l *listener) runConn(ctx context.Context, url string) {
	select {
	case l.all.connecting <- struct{}{}:
	case <-ctx.Done():
		return
	}
	arrived := sync.OnceFunc(func() { <-l.all.connecting })
	defer arrived()
	s, err := wsclient.Dial(ctx, url+"/api/v1/ws", wsclient.Options{ReadBuffer: 1 << 10,
		Header: http.Header{"Authorization": {"Bearer " + l.client.token}}})
	if err != nil {
		return
	}
	l.mu.Lock()
	l.conn = s.NetConn()
	l.mu.Unlock()
	if ctx.Err() != nil { // cut may have been called before
		s.Close()
		return
	}
	defer s.Close()
	l.resuming = map[chat.Stream]bool{}
	for stream := range l.positions {
		l.resuming[stream] = true
	}
	sync, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "sync",
		"params": map[string]any{"device": fmt.Sprint("listener-", l.n), "positions": l.positions}})
	if err != nil || s.Write(sync) != nil {
		return
	}
	for synced, there := false, false; ; {
		message, err := s.Read(nil)
		if err != nil {
			break
		}
		var f struct {
			Method         string
			Params, Result json.RawMessage
		}
		switch err := json.Unmarshal(message, &f); {
		case err != nil:
			l.all.fault("listener %d cannot read %q: %v", l.n, message, err)
		case f.Method != "":
			l.handle(f.Method, f.Params)
		case f.Result == nil: // refused: reconnect
			return
		default:
			synced = true
			l.synced(f.Result)
		}
		if !there && synced && len(l.resuming) == 0 {
			there = true
			arrived()
			l.setReady(s, true)
		}
	}
	l.setReady(s, false)
	l.all.drops.Add(1)
}

// setReady sets ready unless the connection has been replaced or cut.
func (l *listener) setReady(s *wsclient.Conn, there bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == s.NetConn() {
		l.ready = there
	}
}

func (l *listener) synced(answer json.RawMessage) {
	var r struct {
		Rooms []chat.RoomView `json:"rooms"`
	}
	if err := json.Unmarshal(answer, &r); err != nil {
		l.all.fault("listener %d cannot read the answer to sync: %v", l.n, err)
		return
	}
	for _, v := range r.Rooms {
		if stream := chat.RoomStream(v.ID); l.all.rooms[stream] {
			l.move(stream, v.Position)
		}
	}
}

func (l *listener) move(stream chat.Stream, to chat.Position) {
	l.positions[stream] = to
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shared == nil {
		l.shared = map[chat.Stream]chat.Position{}
	}
	l.shared[stream] = to
}

func (l *listener) handle(method string, params json.RawMessage) {
	var e struct {
		chat.Position
		Stream chat.Stream   `json:"stream"`
		Prev   string        `json:"prev"`
		At     chat.Position `json:"position"`
	}
	if method == "signal" {
		return
	}
	if err := json.Unmarshal(params, &e); err != nil {
		if method == "event" || method == "resync" {
			l.all.fault("listener %d cannot read %s: %v", l.n, method, err)
		}
		return
	}
	if !l.all.rooms[e.Stream] {
		return
	}
	at := l.positions[e.Stream]
	switch method {
	case "resumed":
		l.all.resumed.Add(1)
		delete(l.resuming, e.Stream)
	case "resync":
		l.all.resyncs.Add(1)
		delete(l.resuming, e.Stream)
		l.move(e.Stream, e.At)
	case "event":
		l.all.delivered.Add(1)
		switch {
		case e.Seq <= at.Seq && e.Epoch == at.Epoch:
			l.all.doubled.Add(1)
			return
		case e.Seq != at.Seq+1 || e.Prev != at.ID || e.Epoch != at.Epoch:
			l.all.fault("listener %d got event %d of %s after %d", l.n, e.Seq, e.Stream, at.Seq)
		}
		l.move(e.Stream, e.Position)
	}
}

// enoughFiles returns an error if a process may not open n files.
func enoughFiles(n int) error {
	if most, err := mostFiles(); err == nil && most < uint64(n) {
		return fmt.Errorf("%d open files are needed, and the limit is %d: raise it (ulimit -Hn), or ask for fewer with --listeners", n, most)
	}
	return nil
}
