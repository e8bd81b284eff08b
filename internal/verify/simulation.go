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

// simulation is all simulated clients and their rooms.
type simulation struct {
	record   *recorder
	urls     func() []string
	clients  []*simClient
	recorded map[chat.RoomID]bool
	open     []chat.RoomID              // rooms in which everyone stays
	owner    map[chat.RoomID]*simClient // creator of each room, who never leaves it

	connected sync.WaitGroup
	cancel    context.CancelFunc

	mu    sync.Mutex
	nodes map[string]*client.Client // by URL
}

// Rooms of each kind.
const (
	openRooms    = 2 // with everyone as a member
	passingRooms = 2 // which people join and leave
	closedRooms  = 3 // with a few people each
)

// newSimulation creates the accounts and rooms. No client is connected yet.
func newSimulation(ctx context.Context, urls func() []string, n, size int) (*simulation, error) {
	c := &simulation{record: newRecorder(), urls: urls, recorded: map[chat.RoomID]bool{},
		owner: map[chat.RoomID]*simClient{}, nodes: map[string]*client.Client{}}
	run := strings.ToLower(fmt.Sprintf("%08x", rand.Uint32()))
	for i := range n {
		c.clients = append(c.clients, &simClient{n: i + 1, record: c.record, urls: urls, recorded: c.recorded,
			size: size, rooms: map[chat.RoomID]*followed{}, reacted: map[reactedTo]bool{},
			uncertain: map[reactedTo]bool{}})
	}
	if err := c.each(4, func(_ int, a *simClient) error {
		name := fmt.Sprintf("verify-%s-%d", run, a.n)
		web, err := c.restClient(a)
		if err != nil {
			return err
		}
		in, err := web.AccountCreate(ctx, client.SignUpInput{Name: name, Password: "verify " + name})
		if err != nil {
			return fmt.Errorf("sign up: %w (the server needs these settings: --sign-up open --max-logins=-1 --max-calls=-1 --max-sends=-1)", err)
		}
		a.user, a.token = in.User.ID, in.Token
		return nil
	}); err != nil {
		return nil, err
	}
	for i := range openRooms {
		if err := c.room(ctx, c.clients[i%n], fmt.Sprintf("open %d %s", i, run), client.Public,
			c.clients); err != nil {
			return nil, err
		}
	}
	c.open = slices.Collect(maps.Keys(c.recorded))
	for i := range passingRooms {
		owner := c.clients[(openRooms+i)%n]
		before := maps.Clone(c.recorded)
		if err := c.room(ctx, owner, fmt.Sprintf("passing %d %s", i, run), client.Public,
			nil); err != nil {
			return nil, err
		}
		for id := range c.recorded {
			for _, a := range c.clients {
				if !before[id] && a != owner {
					a.joinable = append(a.joinable, id)
				}
			}
		}
	}
	for i := range closedRooms {
		var some []*simClient
		for j, a := range c.clients {
			if j%closedRooms == i {
				some = append(some, a)
			}
		}
		if err := c.room(ctx, firstOf(some, c.clients), fmt.Sprintf("closed %d %s", i, run), client.Private,
			some); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func firstOf(some, all []*simClient) *simClient {
	if len(some) > 0 {
		return some[0]
	}
	return all[0]
}

// room creates a room with these people and records its members.
func (c *simulation) room(ctx context.Context, owner *simClient, name string, kind client.RoomKind,
	people []*simClient) error {
	var others []chat.UserID
	if kind == client.Private {
		for _, a := range people {
			if a != owner {
				others = append(others, a.user)
			}
		}
	}
	web, err := c.restClient(owner)
	if err != nil {
		return err
	}
	v, err := web.RoomCreate(ctx, client.CreateRoomInput{Name: name, Kind: kind, Users: others})
	if err != nil {
		return fmt.Errorf("make a room: %w", err)
	}
	if kind == client.Public {
		for _, a := range people {
			if a != owner {
				if _, err := web.WithToken(a.token).RoomJoin(ctx,
					client.RoomInput{Room: v.ID}); err != nil {
					return fmt.Errorf("join a room: %w", err)
				}
			}
		}
	}
	c.recorded[v.ID], c.owner[v.ID] = true, owner
	if v, err = web.RoomGet(ctx, client.RoomInput{Room: v.ID}); err != nil {
		return fmt.Errorf("get a room: %w", err)
	}
	for _, a := range c.clients {
		if a == owner || slices.Contains(people, a) {
			a.addRecord(Record{Kind: Member, Room: string(v.ID), Seq: v.Position.Seq})
		}
	}
	return nil
}

// restClient returns a REST client for a person at a random node.
func (c *simulation) restClient(a *simClient) (*client.Client, error) {
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

// connect connects all clients and waits until they have synced.
func (c *simulation) connect(ctx context.Context) error {
	here, away := context.WithCancel(ctx)
	c.cancel = away
	for _, a := range c.clients {
		c.connected.Go(func() { a.run(here) })
	}
	return eventually(ctx, time.Minute, "all clients to connect", c.settled)
}

func (c *simulation) settled() bool {
	return !slices.ContainsFunc(c.clients, func(a *simClient) bool { return !a.settled() })
}

// leave ends every connection.
func (c *simulation) leave() {
	if c.cancel != nil {
		c.cancel()
		c.connected.Wait()
		for _, a := range c.clients {
			a.fetches.Wait()
		}
		for _, node := range c.nodes {
			node.Close()
		}
	}
}

// act runs act of all clients and waits for them.
func (c *simulation) act(ctx, until context.Context, every time.Duration) {
	var acting sync.WaitGroup
	for _, a := range c.clients {
		acting.Go(func() { a.act(ctx, until, every) })
	}
	acting.Wait()
}

// drop cuts all connections at once.
func (c *simulation) drop() {
	var cutting sync.WaitGroup
	for _, a := range c.clients {
		cutting.Go(a.drop)
	}
	cutting.Wait()
}

// waitConverged waits until the state of all clients equals what is fetched,
// and records both. If they differ when ctx is done, it records them all the
// same and returns an error.
func (c *simulation) waitConverged(ctx context.Context) error {
	fresh := make([][]Record, len(c.clients))
	var unlike error
	for {
		now := errors.New("a client is not connected or is still fetching")
		if c.settled() {
			now = c.compareViews(ctx, fresh)
		}
		if now == nil || ctx.Err() == nil {
			unlike = now
		}
		if now == nil || ctx.Err() != nil {
			break
		}
		pause(ctx, 50*time.Millisecond)
	}
	for i, a := range c.clients {
		for _, r := range a.snapshot() {
			a.addRecord(r)
		}
		for _, r := range fresh[i] {
			a.addRecord(r)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := c.recordStored(last); err != nil {
		return errors.Join(unlike, fmt.Errorf("read the stored messages: %w", err))
	}
	return unlike
}

// compareViews fetches the rooms of all clients and returns an error if one
// differs from the client's state.
func (c *simulation) compareViews(ctx context.Context, fresh [][]Record) error {
	return c.each(8, func(i int, a *simClient) error {
		web, err := c.restClient(a)
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
			if c.recorded[v.ID] {
				seen[viewRecord(Holds, v)] = true
				fresh[i] = append(fresh[i], viewRecord(Fresh, v))
			}
		}
		held := 0
		for _, r := range a.snapshot() {
			if c.recorded[chat.RoomID(r.Room)] {
				if held++; !seen[r] {
					return fmt.Errorf("client %d holds %s in another state than fetched", a.n, r.Room)
				}
			}
		}
		if held != len(seen) {
			return fmt.Errorf("client %d holds %d rooms and is in %d", a.n, held, len(seen))
		}
		return nil
	})
}

// each calls do for all clients, some at a time, and returns the first error.
func (c *simulation) each(atOnce int, do func(i int, a *simClient) error) error {
	places := make(chan struct{}, atOnce)
	bad := make([]error, len(c.clients))
	var wg sync.WaitGroup
	for i, a := range c.clients {
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

// recordStored records all stored messages.
func (c *simulation) recordStored(ctx context.Context) error {
	for room, owner := range c.owner {
		for after := int64(0); ; {
			web, err := c.restClient(owner)
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

// stalledReader is a connection that is open but does not read.
type stalledReader struct {
	conn *client.Conn
	gate chan struct{}
}

// openStalled opens a stalled connection.
func (c *simulation) openStalled(ctx context.Context, a *simClient) (*stalledReader, error) {
	urls := c.urls()
	l := &stalledReader{gate: make(chan struct{})}
	node, err := client.New(client.Config{URL: urls[rand.IntN(len(urls))], Token: a.token,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if tcp, ok := conn.(*net.TCPConn); ok {
				// With a much smaller buffer, resuming takes long.
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

// resume reads again and reports whether the server had closed the connection.
func (l *stalledReader) resume() (cut bool) {
	close(l.gate)
	select {
	case <-l.conn.Done():
		cut = true
	case <-time.After(10 * time.Second):
	}
	l.conn.Abort()
	return cut
}
