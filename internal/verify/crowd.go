package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/client"
	"github.com/parley-chat/parley/internal/chat"
)

// crowd is everybody who is there, and the rooms they are in.
type crowd struct {
	record *recorder
	urls   func() []string
	actors []*actor
	ours   map[chat.RoomID]bool
	open   []chat.RoomID          // rooms in which everybody is, and stays
	keeper map[chat.RoomID]*actor // who made a room, and never leaves it

	connected sync.WaitGroup
	away      context.CancelFunc

	mu    sync.Mutex
	nodes map[string]*client.Client // by URL
}

// Rooms of each kind.
const (
	openRooms    = 2 // in which everybody is
	passingRooms = 2 // into which people come, and leave
	closedRooms  = 3 // of a few people each
)

// newCrowd signs people up and makes the rooms. Nobody is connected yet.
func newCrowd(ctx context.Context, urls func() []string, n, size int) (*crowd, error) {
	c := &crowd{record: newRecorder(), urls: urls, ours: map[chat.RoomID]bool{},
		keeper: map[chat.RoomID]*actor{}, nodes: map[string]*client.Client{}}
	run := strings.ToLower(fmt.Sprintf("%08x", rand.Uint32()))
	for i := range n {
		c.actors = append(c.actors, &actor{n: i + 1, record: c.record, urls: urls, ours: c.ours,
			size: size, rooms: map[chat.RoomID]*followed{}, reacted: map[reactedTo]bool{},
			doubts: map[reactedTo]bool{}})
	}
	if err := c.each(4, func(_ int, a *actor) error {
		name := fmt.Sprintf("verify-%s-%d", run, a.n)
		web, err := c.web(a)
		if err != nil {
			return err
		}
		in, err := web.AccountCreate(ctx, client.SignUpInput{Name: name, Password: "verify " + name})
		if err != nil {
			return fmt.Errorf("sign up: %w (the server must let anybody: --sign-up open --max-logins=-1 --max-calls=-1 --max-sends=-1)", err)
		}
		a.user, a.token = in.User.ID, in.Token
		return nil
	}); err != nil {
		return nil, err
	}
	for i := range openRooms {
		if err := c.room(ctx, c.actors[i%n], fmt.Sprintf("open %d %s", i, run), client.Public,
			c.actors); err != nil {
			return nil, err
		}
	}
	c.open = slices.Collect(maps.Keys(c.ours))
	for i := range passingRooms {
		keeper := c.actors[(openRooms+i)%n]
		before := maps.Clone(c.ours)
		if err := c.room(ctx, keeper, fmt.Sprintf("passing %d %s", i, run), client.Public,
			nil); err != nil {
			return nil, err
		}
		for id := range c.ours {
			for _, a := range c.actors {
				if !before[id] && a != keeper {
					a.joinable = append(a.joinable, id)
				}
			}
		}
	}
	for i := range closedRooms {
		var some []*actor
		for j, a := range c.actors {
			if j%closedRooms == i {
				some = append(some, a)
			}
		}
		if err := c.room(ctx, some0(some, c.actors), fmt.Sprintf("closed %d %s", i, run), client.Private,
			some); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func some0(some, all []*actor) *actor {
	if len(some) > 0 {
		return some[0]
	}
	return all[0]
}

// room makes a room of these people and records who is in it.
func (c *crowd) room(ctx context.Context, keeper *actor, name string, kind client.RoomKind,
	people []*actor) error {
	var others []chat.UserID
	if kind == client.Private {
		for _, a := range people {
			if a != keeper {
				others = append(others, a.user)
			}
		}
	}
	web, err := c.web(keeper)
	if err != nil {
		return err
	}
	v, err := web.RoomCreate(ctx, client.CreateRoomInput{Name: name, Kind: kind, Users: others})
	if err != nil {
		return fmt.Errorf("make a room: %w", err)
	}
	if kind == client.Public {
		for _, a := range people {
			if a != keeper {
				if _, err := web.WithToken(a.token).RoomJoin(ctx,
					client.RoomInput{Room: v.ID}); err != nil {
					return fmt.Errorf("come into a room: %w", err)
				}
			}
		}
	}
	c.ours[v.ID], c.keeper[v.ID] = true, keeper
	if v, err = web.RoomGet(ctx, client.RoomInput{Room: v.ID}); err != nil {
		return fmt.Errorf("look at a room: %w", err)
	}
	for _, a := range c.actors {
		if a == keeper || slices.Contains(people, a) {
			a.note(Record{Kind: Member, Room: string(v.ID), Seq: v.Position.Seq})
		}
	}
	return nil
}

// web returns a client that acts as somebody, at any of the nodes.
func (c *crowd) web(a *actor) (*client.Client, error) {
	urls := c.urls()
	if len(urls) == 0 {
		return nil, errors.New("no node runs")
	}
	url := urls[rand.IntN(len(urls))]
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nodes[url] == nil {
		node, err := client.New(client.Config{URL: url})
		if err != nil {
			return nil, err
		}
		c.nodes[url] = node
	}
	return c.nodes[url].WithToken(a.token), nil
}

// connect connects everybody, and waits until all are there.
func (c *crowd) connect(ctx context.Context) error {
	here, away := context.WithCancel(ctx)
	c.away = away
	for _, a := range c.actors {
		c.connected.Go(func() { a.connect(here) })
	}
	return eventually(ctx, time.Minute, "everybody to connect", c.calm)
}

func (c *crowd) calm() bool {
	return !slices.ContainsFunc(c.actors, func(a *actor) bool { return !a.calm() })
}

// leave ends every connection.
func (c *crowd) leave() {
	if c.away != nil {
		c.away()
		c.connected.Wait()
		for _, a := range c.actors {
			a.fetches.Wait()
		}
		for _, node := range c.nodes {
			node.Close()
		}
	}
}

// act has everybody do things until it is time, and returns when all have ended
// what they did.
func (c *crowd) act(ctx, until context.Context, every time.Duration) {
	var acting sync.WaitGroup
	for _, a := range c.actors {
		acting.Go(func() { a.act(ctx, until, every) })
	}
	acting.Wait()
}

// drop cuts everybody's connection at once.
func (c *crowd) drop() {
	var cutting sync.WaitGroup
	for _, a := range c.actors {
		cutting.Go(a.drop)
	}
	cutting.Wait()
}

// rest waits until everybody holds what is fetched, and records it; if they do
// not before ctx is done, it records what there is and returns an error that
// says so: the judge will have more to say.
func (c *crowd) rest(ctx context.Context) error {
	fresh := make([][]Record, len(c.actors))
	var unlike error
	for {
		now := errors.New("somebody is not connected, or still fetches")
		if c.calm() {
			now = c.look(ctx, fresh)
		}
		if now == nil || ctx.Err() == nil {
			unlike = now
		}
		if now == nil || ctx.Err() != nil {
			break
		}
		pause(ctx, 50*time.Millisecond)
	}
	for i, a := range c.actors {
		for _, r := range a.held() {
			a.note(r)
		}
		for _, r := range fresh[i] {
			a.note(r)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := c.store(last); err != nil {
		return errors.Join(unlike, fmt.Errorf("read what is stored: %w", err))
	}
	return unlike
}

// look fetches everybody's rooms, and returns an error unless they are as they
// are held.
func (c *crowd) look(ctx context.Context, fresh [][]Record) error {
	return c.each(8, func(i int, a *actor) error {
		web, err := c.web(a)
		if err != nil {
			return err
		}
		list, err := web.RoomList(ctx)
		if err != nil {
			return err
		}
		seen := map[Record]bool{}
		fresh[i] = nil
		for _, v := range list.Rooms {
			if c.ours[v.ID] {
				seen[viewRecord(Holds, v)] = true
				fresh[i] = append(fresh[i], viewRecord(Fresh, v))
			}
		}
		held := 0
		for _, r := range a.held() {
			if c.ours[chat.RoomID(r.Room)] {
				if held++; !seen[r] {
					return fmt.Errorf("client %d does not hold %s as it is fetched", a.n, r.Room)
				}
			}
		}
		if held != len(seen) {
			return fmt.Errorf("client %d holds %d rooms and is in %d", a.n, held, len(seen))
		}
		return nil
	})
}

// each does something for everybody, for a few at a time, and returns the first
// error.
func (c *crowd) each(atOnce int, do func(i int, a *actor) error) error {
	places := make(chan struct{}, atOnce)
	bad := make([]error, len(c.actors))
	var wg sync.WaitGroup
	for i, a := range c.actors {
		places <- struct{}{}
		wg.Go(func() {
			bad[i] = do(i, a)
			<-places
		})
	}
	wg.Wait()
	for _, err := range bad {
		if err != nil {
			return err
		}
	}
	return nil
}

// store records every message of every room.
func (c *crowd) store(ctx context.Context) error {
	for room, keeper := range c.keeper {
		for after := int64(0); ; {
			web, err := c.web(keeper)
			if err != nil {
				return err
			}
			page, err := web.MessageList(ctx, client.MessageListInput{Room: room, After: new(after),
				Limit: 200})
			if err != nil {
				return err
			}
			for _, m := range page.Messages {
				after = m.No
				r := Record{Kind: Stored, Room: string(room), Key: m.ClientID, User: string(m.From)}
				r.show(&m)
				c.record.add(r)
			}
			if len(page.Messages) == 0 {
				break
			}
		}
	}
	return nil
}

// lazy is a connection of somebody that takes everything and reads nothing.
type lazy struct {
	conn *client.Conn
	gate chan struct{}
}

// laze opens one.
func (c *crowd) laze(ctx context.Context, a *actor) (*lazy, error) {
	urls := c.urls()
	l := &lazy{gate: make(chan struct{})}
	node, err := client.New(client.Config{URL: urls[rand.IntN(len(urls))], Token: a.token,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if tcp, ok := conn.(*net.TCPConn); ok {
				// With far less, the kernel takes long to go on.
				tcp.SetReadBuffer(64 << 10)
			}
			return conn, err
		}})
	if err != nil {
		return nil, err
	}
	conn, err := node.Dial(ctx, func(u client.Update) {
		if u.State == nil {
			<-l.gate
		}
	})
	if err != nil {
		return nil, err
	}
	l.conn = conn
	if _, err := conn.Sync(ctx, fmt.Sprint("lazy-", a.n), nil); err != nil {
		close(l.gate)
		conn.Abort()
		return nil, err
	}
	return l, nil
}

// wake reads again what waits, and reports whether the server had ended the
// connection.
func (l *lazy) wake() (cut bool) {
	close(l.gate)
	select {
	case <-l.conn.Done():
		cut = true
	case <-time.After(10 * time.Second):
	}
	l.conn.Abort()
	return cut
}
