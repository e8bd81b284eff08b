package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/client"
	"github.com/parley-chat/parley/internal/chat"
)

// simClient is one simulated client. It follows all its rooms, reconnects to
// another node when its connection ends, and retries each send until it gets a
// response.
type simClient struct {
	n        int
	user     chat.UserID
	token    string
	record   *recorder
	urls     func() []string      // current URLs of the nodes
	recorded map[chat.RoomID]bool // rooms of this run; others are not recorded
	size     int                  // extra bytes per message

	joinable []chat.RoomID // rooms that it joins and leaves

	sent      []ownMessage       // that may be edited and deleted
	reacted   map[reactedTo]bool // whether it has reacted
	uncertain map[reactedTo]bool // reactions whose outcome is unknown

	mu       sync.Mutex
	conn     *client.Conn // nil without a synced connection
	own      chat.Position
	rooms    map[chat.RoomID]*followed
	fetching int
	fetches  sync.WaitGroup
}

// followed is a room as the client follows it.
type followed struct {
	view  chat.RoomView
	stale bool         // its state is being fetched, now or after the next sync; events wait
	wait  []chat.Event // in the meantime
	read  int64        // newest read position in the meantime
	fetch int          // number of the last fetch; earlier ones are ignored
}

func (a *simClient) addRecord(r Record) {
	if r.Room != "" && r.Kind != Resync && !a.recorded[chat.RoomID(r.Room)] {
		return
	}
	r.Client, r.User = a.n, string(a.user)
	a.record.add(r)
}

// run keeps a connection until ctx is done.
func (a *simClient) run(ctx context.Context) {
	for try := 0; ctx.Err() == nil; try++ {
		urls := a.urls()
		if len(urls) > 0 {
			began := time.Now()
			a.runConn(ctx, urls[rand.IntN(len(urls))])
			if time.Since(began) > time.Second {
				try = 0
			}
		}
		// Full jitter, as clients should use, with shorter delays.
		pause(ctx, time.Duration(rand.Int64N(int64(min(20*time.Millisecond<<min(try, 6), time.Second)))))
	}
}

// runConn runs one connection until it ends.
func (a *simClient) runConn(ctx context.Context, url string) {
	var conn *client.Conn
	conn, err := dial(ctx, url, a.token, func(u client.Update) {
		if u.State != nil {
			a.synced(conn, u.State)
		} else {
			a.receive(u)
		}
	})
	if err != nil {
		return
	}
	defer conn.Abort()
	asking, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if _, err := conn.Sync(asking, fmt.Sprint("verify-", a.n), a.positions()); err != nil {
		return
	}
	select {
	case <-conn.Done():
	case <-ctx.Done():
	}
	a.mu.Lock()
	a.conn = nil
	a.mu.Unlock()
	a.addRecord(Record{Kind: Dropped})
}

func (a *simClient) positions() map[chat.Stream]chat.Position {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := map[chat.Stream]chat.Position{}
	if a.own.Epoch != "" {
		p[chat.UserStream(a.user)] = a.own
	}
	for id, r := range a.rooms {
		if !r.stale {
			p[chat.RoomStream(id)] = r.view.Position
		}
	}
	return p
}

func (a *simClient) synced(s *client.Conn, r *client.State) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.own.Epoch == "" {
		a.own = r.UserPosition
	}
	for _, stream := range r.Gone {
		if id, ok := stream.Room(); ok {
			a.untrack(id)
		}
	}
	a.conn = s
	for _, v := range r.Rooms {
		if old := a.rooms[v.ID]; old == nil {
			a.track(v)
		} else {
			old.stale, old.wait, old.read = true, nil, 0 // it was, and its position was not given
			a.fetch(s, v.ID)
		}
	}
	// A stale room that is missing from the response is one that the person has
	// left.
	for id, f := range a.rooms {
		if f.stale && !slices.ContainsFunc(r.Rooms, func(v chat.RoomView) bool { return v.ID == id }) {
			a.untrack(id)
		}
	}
}

// track starts to follow a room and fetches its messages. The lock is held.
func (a *simClient) track(v chat.RoomView) {
	a.rooms[v.ID] = &followed{view: v, stale: true}
	a.fetch(a.conn, v.ID)
}

// untrack stops following a room. The lock is held.
func (a *simClient) untrack(id chat.RoomID) {
	if a.rooms[id] != nil {
		delete(a.rooms, id)
		a.addRecord(Record{Kind: Left, Room: string(id)})
	}
}

func (a *simClient) receive(u client.Update) {
	switch r := u.Resync; {
	case u.Event != nil:
		a.event(*u.Event)
	case u.Resumed != nil:
		a.addRecord(Record{Kind: Resumed})
	case r != nil:
		a.addRecord(Record{Kind: Resync, Room: string(r.Stream)})
		a.mu.Lock()
		defer a.mu.Unlock()
		if id, ok := r.Stream.Room(); ok {
			if f := a.rooms[id]; f != nil {
				f.stale, f.wait, f.read = true, nil, 0 // earlier events may be wrong, too
				a.fetch(a.conn, id)
			}
		} else if r.Stream == chat.UserStream(a.user) {
			a.own = chat.Position{}
			for _, f := range a.rooms { // read positions are unknown, too
				f.stale = true
			}
			if s := a.conn; s != nil {
				a.fetches.Go(s.Abort) // and sync without that position
			}
		}
	}
}

func (a *simClient) event(e chat.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, inRoom := e.Stream.Room()
	if !inRoom {
		if e.Stream == chat.UserStream(a.user) &&
			(a.own.Epoch == "" || e.Seq > a.own.Seq || e.Epoch != a.own.Epoch) {
			a.own = e.Position()
			a.ownEvent(e)
		}
		return
	}
	f := a.rooms[id]
	if f != nil && f.stale {
		f.wait = append(f.wait, e)
		return
	}
	a.recordEvent(id, e)
	if f != nil {
		f.apply(a.user, e)
	}
}

// recordEvent records an event of a room.
func (a *simClient) recordEvent(id chat.RoomID, e chat.Event) {
	r := Record{Kind: Got, Room: string(id), Seq: e.Seq, ID: e.ID, Prev: e.Prev, What: string(e.Kind)}
	if e.Message != nil {
		r.show(e.Message)
	}
	if e.Member != nil {
		r.Member = string(e.Member.User)
	}
	if e.Reaction != nil {
		r.No, r.Emoji, r.Member = e.Reaction.No, e.Reaction.Emoji, string(e.Reaction.User)
	}
	a.addRecord(r)
}

// ownEvent applies an event of the person's own stream. The lock is held.
func (a *simClient) ownEvent(e chat.Event) {
	switch e.Kind {
	case chat.RoomJoined:
		if a.rooms[e.View.ID] == nil {
			a.track(*e.View)
		}
	case chat.RoomLeft:
		a.untrack(e.Left)
	case chat.NotifyChanged:
		if f := a.rooms[e.Notify.Room]; f != nil {
			f.view.Notify = e.Notify.Level
		}
	case chat.ReadMoved:
		if f := a.rooms[e.Read.Room]; f != nil {
			f.view.ReadNo, f.read = max(f.view.ReadNo, e.Read.No), max(f.read, e.Read.No)
			f.view.Count()
		}
	}
}

// apply applies an event to the room's view if it is the next one.
func (f *followed) apply(me chat.UserID, e chat.Event) {
	if e.Epoch != f.view.Position.Epoch || e.Seq != f.view.Position.Seq+1 {
		return
	}
	f.view.Position = e.Position()
	switch e.Kind {
	case chat.MemberJoined:
		f.view.Members++
	case chat.MemberLeft:
		f.view.Members--
	case chat.MessagesTrimmed:
		f.view.Trimmed = e.Trimmed
	case chat.MessageCreated:
		f.view.HeadNo = e.Message.No
		if e.Message.From == me {
			f.view.ReadNo = e.Message.No
		}
	}
	if e.Message != nil && e.Message.Deleted() {
		if i, found := slices.BinarySearch(f.view.Deleted, e.Message.No); !found {
			f.view.Deleted = slices.Insert(f.view.Deleted, i, e.Message.No)
		}
	}
	f.view.Count()
}

// fetch starts fetching a room's state and messages. The lock is held.
func (a *simClient) fetch(s *client.Conn, id chat.RoomID) {
	if s == nil {
		return // the next sync will fetch it
	}
	f := a.rooms[id]
	f.fetch++
	this := f.fetch
	a.fetching++
	a.fetches.Go(func() {
		a.refetch(s, id, f, this)
		a.mu.Lock()
		a.fetching--
		a.mu.Unlock()
	})
}

// refetch fetches until it has everything, or the connection is over: then the
// next sync will fetch it.
func (a *simClient) refetch(s *client.Conn, id chat.RoomID, f *followed, this int) {
	for try := 0; ; try++ {
		err := a.fetchOnce(s, id, f, this)
		if err == nil || a.liveConn() != s {
			return
		}
		time.Sleep(rand.N(50 * time.Millisecond << min(try, 4)))
	}
}

func (a *simClient) fetchOnce(s *client.Conn, id chat.RoomID, f *followed, this int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	// the lock is held
	overtaken := func() bool { return a.rooms[id] != f || a.conn != s || f.fetch != this }
	v, err := s.RoomGet(ctx, client.RoomInput{Room: id})
	if errors.Is(err, client.ErrNotFound) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if !overtaken() {
			a.untrack(id)
		}
		return nil
	}
	if err != nil {
		return err
	}
	var all []chat.Message // earlier messages may be wrong
	for after := int64(0); after < v.HeadNo && a.recorded[id]; {
		page, err := s.MessageList(ctx, client.MessageListInput{Room: id, After: new(after), Limit: 200})
		if err != nil {
			return err
		}
		if len(page.Messages) == 0 {
			break
		}
		for _, m := range page.Messages {
			if after = m.No; m.No <= v.HeadNo {
				all = append(all, m)
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if overtaken() {
		return nil
	}
	a.addRecord(Record{Kind: Base, Room: string(id), Seq: v.Position.Seq, ID: v.Position.ID, No: v.HeadNo})
	for _, m := range all {
		r := Record{Kind: Fetched, Room: string(id)}
		r.show(&m)
		a.addRecord(r)
	}
	f.view, f.stale = v, false
	f.view.ReadNo = max(v.ReadNo, f.read)
	f.view.Count()
	wait := f.wait
	f.wait = nil
	for _, e := range wait {
		if e.Seq > v.Position.Seq || e.Epoch != v.Position.Epoch {
			a.recordEvent(id, e)
			f.apply(a.user, e)
		}
	}
	return nil
}

// act performs random actions, mostly sends, until the until context is done.
// It finishes the last one unless ctx is done.
func (a *simClient) act(ctx, until context.Context, every time.Duration) {
	for i := 0; ; i++ {
		pause(until, rand.N(2*every))
		if until.Err() != nil {
			return
		}
		key := fmt.Sprintf("%d-%d", a.n, i)
		switch rand.IntN(40) {
		case 0:
			a.drop()
		case 1:
			a.join(ctx)
		case 2:
			a.leave(ctx)
		case 3, 4, 5:
			a.read(ctx)
		case 6, 7, 8:
			a.edit(ctx, key)
		case 9:
			a.remove(ctx, key)
		case 10, 11, 12, 13:
			a.react(ctx, key)
		default:
			a.send(ctx, key)
		}
	}
}

// randomRoom returns one of the client's rooms.
func (a *simClient) randomRoom() (chat.RoomView, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := slices.Sorted(maps.Keys(a.rooms))
	ids = slices.DeleteFunc(ids, func(id chat.RoomID) bool { return !a.recorded[id] })
	if len(ids) == 0 {
		return chat.RoomView{}, false
	}
	return a.rooms[ids[rand.IntN(len(ids))]].view, true
}

func (a *simClient) liveConn() *client.Conn {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conn
}

func (a *simClient) drop() {
	if s := a.liveConn(); s != nil {
		s.Abort()
	}
}

// send sends one message and retries until it gets a response.
func (a *simClient) send(ctx context.Context, key string) {
	room, ok := a.randomRoom()
	if !ok {
		return
	}
	a.addRecord(Record{Kind: Send, Room: string(room.ID), Key: key})
	m, got := a.callUntilAnswered(ctx, "message.send",
		map[string]any{"room": room.ID, "text": textOf(key, 0, a.size), "client_id": key})
	switch got {
	case accepted, acceptedLate:
		a.addRecord(Record{Kind: Ack, Room: string(room.ID), Key: key, No: m.No, Message: m.ID})
		a.remember(ownMessage{room: room.ID, no: m.No, id: m.ID, key: key})
	case rejected:
		a.addRecord(Record{Kind: Refuse, Room: string(room.ID), Key: key})
	}
}

// outcome is the result of callUntilAnswered.
type outcome int

const (
	undecided    outcome = iota // unknown: any attempt may have been applied, or still be
	accepted                    // by the first attempt that was applied
	acceptedLate                // an earlier attempt may have been applied too, or still be
	rejected                    // permanently; nothing was written
)

// callUntilAnswered calls an action that returns a message, and retries until
// it gets a response.
func (a *simClient) callUntilAnswered(ctx context.Context, method string,
	params any) (m chat.Message, got outcome) {
	// one in twenty is not retried, as when a window is closed
	attempts := math.MaxInt
	if rand.IntN(20) == 0 {
		attempts = 1
	}
	unknown := false
	for try := 0; ctx.Err() == nil && try < attempts; try++ {
		s := a.liveConn()
		if s == nil {
			pause(ctx, 10*time.Millisecond)
			try--
			continue
		}
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		m = chat.Message{}
		err := s.Call(asking, method, params, &m)
		cancel()
		refusal, isRefusal := errors.AsType[*client.Error](err)
		switch {
		case err == nil && unknown:
			return m, acceptedLate
		case err == nil:
			return m, accepted
		case isRefusal && isPassing(refusal):
			unknown = unknown || refusal.Code != "rate_limited"
		case isRefusal && unknown: // an earlier attempt may have been applied
			return m, undecided
		case isRefusal:
			return m, rejected
		default:
			unknown = true
		}
		pause(ctx, time.Duration(rand.Int64N(int64(50*time.Millisecond<<min(try, 4)))))
	}
	return m, undecided
}

func (a *simClient) read(ctx context.Context) {
	if room, ok := a.randomRoom(); ok {
		a.ask(ctx, "read.mark", map[string]any{"room": room.ID, "no": room.HeadNo})
	}
}

// join joins one of the joinable rooms.
func (a *simClient) join(ctx context.Context) {
	if len(a.joinable) > 0 {
		room := a.joinable[rand.IntN(len(a.joinable))]
		a.addRecord(Record{Kind: Join, Room: string(room)})
		a.ask(ctx, "room.join", map[string]any{"room": room})
	}
}

// leave leaves one of the joinable rooms.
func (a *simClient) leave(ctx context.Context) {
	if len(a.joinable) > 0 {
		room := a.joinable[rand.IntN(len(a.joinable))]
		a.addRecord(Record{Kind: Leave, Room: string(room)})
		a.ask(ctx, "room.leave", map[string]any{"room": room})
	}
}

// ask calls an action and retries until it gets a response. The result is
// visible in the events.
func (a *simClient) ask(ctx context.Context, method string, params any) {
	for try := 0; ctx.Err() == nil; try++ {
		s := a.liveConn()
		if s == nil {
			pause(ctx, 10*time.Millisecond)
			continue
		}
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := s.Call(asking, method, params, nil)
		cancel()
		if no, isRefusal := errors.AsType[*client.Error](err); err == nil || isRefusal && !isPassing(no) {
			return
		}
		pause(ctx, rand.N(50*time.Millisecond<<min(try, 4)))
	}
}

// settled reports whether the client is connected and has nothing to fetch.
func (a *simClient) settled() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.rooms {
		if f.stale {
			return false
		}
	}
	return a.conn != nil && a.fetching == 0
}

// snapshot returns the client's state of its rooms.
func (a *simClient) snapshot() []Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []Record
	for _, id := range slices.Sorted(maps.Keys(a.rooms)) {
		all = append(all, viewRecord(Holds, a.rooms[id].view))
	}
	return all
}

func viewRecord(k Kind, v chat.RoomView) Record {
	return Record{
		Kind: k, Room: string(v.ID), Seq: v.Position.Seq, ID: v.Position.ID, No: v.HeadNo,
		Read: v.ReadNo, Trimmed: v.Trimmed, Unread: v.Unread, Members: v.Members,
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
