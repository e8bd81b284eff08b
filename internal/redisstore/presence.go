package redisstore

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// PresenceOptions configure a presence. The zero value is valid.
type PresenceOptions struct {
	// Lease is how long a killed node counts as alive; default 10 s. Its people
	// go offline within two leases.
	Lease time.Duration
	// Grace is how long a person counts as online after their last connection
	// to the node has ended, so that a page reload does not show. Default 2 s.
	Grace time.Duration
}

// Presence tracks who is online on all nodes and signals changes.
//
// Each node has a lease, by Redis' clock, and a set of the people who are
// connected to it; a person is online if they are in a node's set. A node that
// finds a wrong number of people in its set writes all of them again. Nodes
// remove the sets of nodes whose lease has expired.
type Presence struct {
	store   *Store
	node    string
	options PresenceOptions

	mu      sync.Mutex
	here    map[chat.UserID]bool      // who counts as being here
	leaving map[chat.UserID]time.Time // of those, who will not from then on
	changed map[chat.UserID]bool      // who is to be told about

	wake   chan struct{}
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// NewPresence starts to renew a node's lease. The node's name must be unique.
// Close must be called.
func NewPresence(s *Store, node string, o PresenceOptions) *Presence {
	if o.Lease == 0 {
		o.Lease = 10 * time.Second
	}
	if o.Grace == 0 {
		o.Grace = 2 * time.Second
	}
	p := &Presence{
		store: s, node: node, options: o,
		here: map[chat.UserID]bool{}, leaving: map[chat.UserID]time.Time{}, changed: map[chat.UserID]bool{},
		wake: make(chan struct{}, 1),
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.done.Go(func() { p.run(ctx) })
	return p
}

// Enter records a person's first connection to this node.
func (p *Presence) Enter(_ context.Context, user chat.UserID) {
	p.mu.Lock()
	delete(p.leaving, user)
	news := !p.here[user]
	if news {
		p.here[user], p.changed[user] = true, true
	}
	p.mu.Unlock()
	if news {
		p.poke()
	}
}

// Leave records that a person's last connection to this node has ended.
func (p *Presence) Leave(_ context.Context, user chat.UserID) {
	p.mu.Lock()
	if _, ok := p.leaving[user]; p.here[user] && !ok {
		p.leaving[user] = time.Now().Add(p.options.Grace)
	}
	p.mu.Unlock()
	p.poke()
}

func (p *Presence) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Close stops the presence. The lease ends after the grace, so that people who
// reconnect to another node stay online.
func (p *Presence) Close() {
	p.cancel()
	p.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	p.renew(ctx, p.options.Grace, nil)
}

// Online implements [chat.OnlineUsers].
func (p *Presence) Online(ctx context.Context, users []chat.UserID) ([]chat.UserID, error) {
	ctx, cancel, err := p.store.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	args := make([]string, len(users))
	for i, user := range users {
		args[i] = string(user)
	}
	reply, err := p.store.run(ctx, &onlineScript, []string{p.store.keys.server("online")}, args)
	if err != nil {
		return nil, failed("online", err)
	}
	there, err := reply.AsStrSlice()
	if err != nil {
		return nil, failed("online", err)
	}
	online := make([]chat.UserID, len(there))
	for i, user := range there {
		online[i] = chat.UserID(user)
	}
	return online, nil
}

// OnlinePage implements [chat.OnlineUsers].
func (p *Presence) OnlinePage(ctx context.Context, after chat.UserID, limit int) (chat.OnlineOutput, error) {
	ctx, cancel, err := p.store.enter(ctx)
	if err != nil {
		return chat.OnlineOutput{}, err
	}
	defer cancel()
	from := "-"
	if after != "" {
		from = "(" + string(after) + "!" // behind all places of that person
	}
	b := p.store.client.B()
	places, err := p.store.client.Do(ctx, b.Zrange().Key(p.store.keys.server("online")).Min(from).Max(
		"+").Bylex().Limit(0, int64(limit)).Build()).AsStrSlice()
	if err != nil {
		return chat.OnlineOutput{}, failed("online", err)
	}
	page := chat.OnlineOutput{Online: []chat.UserID{}}
	for _, place := range places {
		user, _, _ := strings.Cut(place, " ")
		page.Online = append(page.Online, chat.UserID(user))
	}
	page.Online = slices.Compact(page.Online) // one person's places are neighbours
	if len(places) == limit {
		page.Next = page.Online[len(page.Online)-1]
	}
	return page, nil
}

// beats is how many heartbeats there are in a lease.
const beats = 4

func (p *Presence) run(ctx context.Context) {
	var leave <-chan time.Time // when the next of those who are leaving is gone
	beat := time.NewTimer(0)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-leave:
		case <-beat.C:
			beat.Reset(p.options.Lease / beats)
			p.heartbeat(ctx)
			continue
		}
		leave = p.tell(ctx)
	}
}

// tell writes changes and returns when the next person leaves.
func (p *Presence) tell(ctx context.Context) <-chan time.Time {
	now := time.Now()
	var next time.Time
	p.mu.Lock()
	for user, at := range p.leaving {
		if !now.Before(at) {
			delete(p.leaving, user)
			delete(p.here, user)
			p.changed[user] = true
		} else if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	changes := map[chat.UserID]bool{}
	for user := range p.changed {
		changes[user] = p.here[user]
	}
	clear(p.changed)
	p.mu.Unlock()
	if len(changes) > 0 {
		p.send(ctx, changes)
	}
	if next.IsZero() {
		return nil
	}
	return time.After(time.Until(next))
}

// send writes people to Redis, some at a time. Failed ones are retried.
func (p *Presence) send(ctx context.Context, changes map[chat.UserID]bool) {
	users := slices.Collect(maps.Keys(changes))
	for some := range slices.Chunk(users, 500) {
		var args []string
		for _, user := range some {
			here := "0"
			if changes[user] {
				here = "1"
			}
			args = append(args, string(user), here)
		}
		if _, _, err := p.renew(ctx, p.options.Lease, args); err != nil {
			p.mu.Lock()
			for _, user := range some {
				p.changed[user] = true
			}
			p.mu.Unlock()
			if ctx.Err() == nil {
				p.store.log.Warn("presence could not be told", "error", failed("presence", err))
			}
		}
	}
}

// renew extends the node's lease. It returns the number of people in the node's
// set, and the nodes with expired leases.
func (p *Presence) renew(ctx context.Context, lease time.Duration, changes []string) (int64,
	[]string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.options.Lease/beats)
	defer cancel()
	k := p.store.keys.server
	reply, err := p.store.run(ctx, &presenceScript, []string{k("online"), k("nodes"), k("node:" + p.node)},
		append([]string{p.store.keys.channel(chat.ServerStream), p.node, num(lease.Milliseconds())},
			changes...))
	if err != nil {
		return 0, nil, err
	}
	r, err := reply.ToArray()
	if err != nil {
		return 0, nil, err
	}
	n, err := r[0].AsInt64()
	if err != nil {
		return 0, nil, err
	}
	gone, err := r[1].AsStrSlice()
	return n, gone, err
}

// heartbeat renews the lease, repairs the node's set, and removes the sets of
// expired nodes.
func (p *Presence) heartbeat(ctx context.Context) {
	p.mu.Lock()
	missed := len(p.changed) > 0
	told := int64(len(p.here))
	p.mu.Unlock()
	n, gone, err := p.renew(ctx, p.options.Lease, nil)
	if err != nil { // the next one comes soon
		if ctx.Err() == nil {
			p.store.log.Warn("the node's lease could not be renewed", "error", failed("presence", err))
		}
		return
	}
	if n != told && !missed {
		known, err := p.store.client.Do(ctx,
			p.store.client.B().Smembers().Key(p.store.keys.server("node:"+p.node)).Build()).AsStrSlice()
		if err != nil {
			return
		}
		p.mu.Lock()
		for user := range p.here {
			p.changed[user] = true
		}
		for _, user := range known {
			p.changed[chat.UserID(user)] = true
		}
		missed = true
		p.mu.Unlock()
	}
	if missed {
		p.poke()
	}
	for _, node := range gone {
		if node != p.node {
			p.reap(ctx, node)
		}
	}
}

func (p *Presence) reap(ctx context.Context, node string) {
	k := p.store.keys.server
	for ctx.Err() == nil {
		reply, err := p.store.run(ctx, &reapScript, []string{k("online"), k("nodes"), k("node:" + node)},
			[]string{p.store.keys.channel(chat.ServerStream), node, "500"})
		if err != nil {
			return
		}
		if more, err := reply.AsInt64(); err != nil || more == 0 {
			return
		}
	}
}
