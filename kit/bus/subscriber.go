package bus

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// A subscriber is one connection of a link.
type subscriber struct {
	link    *link
	conn    rueidis.DedicatedClient
	held    map[key]bool // what Redis says this connection is subscribed to; guarded by the listener's mutex
	asked   map[key]bool // what was sent and is not answered; guarded by the listener's mutex
	settled chan struct{}
	broken  <-chan error
	// doubtful is set while the node is cut off from the cluster, when it
	// answers but hears nothing.
	doubtful bool
}

// beat asks for a sign of life.
func (s *subscriber) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.link.l.opt.Timeout)
	defer cancel()
	if s.link.addr == "" {
		return s.conn.Do(ctx, s.conn.B().Ping().Build()).NonRedisError()
	}
	info, err := s.conn.Do(ctx, s.conn.B().ClusterInfo().Build()).ToString()
	if err != nil {
		if _, refused := rueidis.IsRedisErr(err); refused {
			return nil
		}
		return err
	}
	ok := strings.Contains(info, "cluster_state:ok")
	if ok && s.doubtful {
		l := s.link.l
		l.mu.Lock()
		for _, c := range l.channels {
			if c.link == s.link && c.live {
				l.putGap(c)
			}
		}
		l.mu.Unlock()
	}
	s.doubtful = !ok
	return nil
}

// message runs on the connection's reader, which must not wait.
func (s *subscriber) message(m rueidis.PubSubMessage) {
	l := s.link.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.Pattern != "" {
		s.deliver(l.channels[key{pattern, m.Pattern}], m)
		return
	}
	// The client does not tell which of the two it is. Both are subscribed to
	// under one name only if someone wants either.
	if !s.deliver(l.channels[key{plain, m.Channel}], m) {
		s.deliver(l.channels[key{sharded, m.Channel}], m)
	}
}

// deliver reports whether the message was the channel's. The caller holds the
// mutex.
func (s *subscriber) deliver(c *channel, m rueidis.PubSubMessage) bool {
	if c == nil || !c.live || c.link.conn != s {
		return false
	}
	s.link.l.put(c, m.Channel, m.Message)
	return true
}

// subscription runs on the connection's reader as well.
func (s *subscriber) subscription(p rueidis.PubSubSubscription) {
	name := key{name: p.Channel}
	switch strings.TrimPrefix(p.Kind, "un") {
	case "psubscribe", "punsubscribe":
		name.kind = pattern
	case "ssubscribe", "sunsubscribe":
		name.kind = sharded
	}
	l := s.link.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.link.conn != s {
		return
	}
	c := l.channels[name]
	ours := c != nil && c.link == s.link
	if strings.Contains(p.Kind, "unsub") {
		delete(s.held, name)
		if ours && c.live { // not by us: the slot has moved
			l.lose(c)
			l.trouble(c)
		}
		return
	}
	s.held[name] = true
	if ours {
		l.confirm(c)
	}
	if delete(s.asked, name); len(s.asked) == 0 {
		select {
		case s.settled <- struct{}{}:
		default:
		}
	}
}

// atOnce bounds the channels of one command, so that others get their turn in
// between.
const atOnce = 500

// A change is one command and the names in it.
type change struct {
	cmd   rueidis.Completed
	names []key
	add   bool
}

// reconcile makes what the connection holds equal to what is wanted.
func (s *subscriber) reconcile(ctx context.Context) error {
	for {
		add, remove := s.work()
		if len(add)+len(remove) == 0 {
			return nil
		}
		var changes []change
		for _, group := range s.group(remove) {
			changes = append(changes, change{s.command(group, false), group, false})
		}
		for _, group := range s.group(add) {
			changes = append(changes, change{s.command(group, true), group, true})
		}
		for len(changes) > 0 {
			n := min(len(changes), atOnce)
			refused, err := s.apply(ctx, changes[:n])
			if err != nil {
				return err
			}
			changes = append(changes[n:], refused...)
		}
	}
}

// work takes what is dirty, and returns what to subscribe to and what to end.
func (s *subscriber) work() (add, remove []key) {
	l := s.link.l
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range s.link.dirty {
		c := l.channels[name]
		want := c != nil && c.link == s.link
		switch {
		case want && s.held[name]:
			l.confirm(c) // it was gone and came back before Redis had to know
		case want:
			add = append(add, name)
		case s.held[name]:
			remove = append(remove, name)
		}
	}
	clear(s.link.dirty)
	return add, remove
}

// group puts together what one command can name: what is of one kind, and in a
// Cluster of one slot.
func (s *subscriber) group(names []key) [][]key {
	type group struct {
		kind kind
		slot uint16
	}
	byGroup := map[group][]key{}
	var groups [][]key
	for _, name := range names {
		g := group{kind: name.kind}
		if s.link.l.cluster && name.kind == sharded {
			g.slot = s.link.l.slots(sharded, []string{name.name})[0]
		}
		byGroup[g] = append(byGroup[g], name)
		if len(byGroup[g]) == atOnce {
			groups = append(groups, byGroup[g])
			delete(byGroup, g)
		}
	}
	for _, g := range byGroup {
		groups = append(groups, g)
	}
	return groups
}

func (s *subscriber) command(group []key, add bool) rueidis.Completed {
	names := make([]string, len(group))
	for i, name := range group {
		names[i] = name.name
	}
	b := s.conn.B()
	switch kind := group[0].kind; {
	case kind == plain && add:
		return b.Subscribe().Channel(names...).Build()
	case kind == plain:
		return b.Unsubscribe().Channel(names...).Build()
	case kind == pattern && add:
		return b.Psubscribe().Pattern(names...).Build()
	case kind == pattern:
		return b.Punsubscribe().Pattern(names...).Build()
	case add:
		return b.Ssubscribe().Channel(names...).Build()
	default:
		return b.Sunsubscribe().Channel(names...).Build()
	}
}

// apply sends commands and waits until Redis has answered for each name.
// Commands that were refused are returned in pieces of one name each, because
// one denied channel refuses all that are named with it.
func (s *subscriber) apply(ctx context.Context, changes []change) ([]change, error) {
	l := s.link.l
	ctx, cancel := context.WithTimeout(ctx, l.opt.Timeout)
	defer cancel()
	cmds := make(rueidis.Commands, len(changes))
	l.mu.Lock()
	for i, c := range changes {
		cmds[i] = c.cmd
		if c.add {
			for _, name := range c.names {
				s.asked[name] = true
			}
		}
	}
	l.mu.Unlock()

	var again []change
	for i, resp := range s.conn.DoMulti(ctx, cmds...) {
		err := resp.Error()
		if err == nil {
			continue
		}
		if _, refused := rueidis.IsRedisErr(err); !refused {
			return nil, err
		}
		if !changes[i].add {
			continue // its messages find no one
		}
		l.mu.Lock()
		for _, name := range changes[i].names {
			delete(s.asked, name)
		}
		l.mu.Unlock()
		if len(changes[i].names) == 1 {
			s.refused(changes[i].names[0], err)
			continue
		}
		for _, name := range changes[i].names {
			one := []key{name}
			again = append(again, change{s.command(one, true), one, true})
		}
	}
	for {
		l.mu.Lock()
		left := len(s.asked)
		l.mu.Unlock()
		if left == 0 {
			return again, nil
		}
		select {
		case <-s.settled:
		case err := <-s.broken:
			return nil, lost(err)
		case <-ctx.Done():
			return nil, fmt.Errorf("%d subscriptions were not confirmed: %w", left, ctx.Err())
		}
	}
}

// refused decides about a channel that Redis does not let us subscribe to. The
// calls that wait for it get the error, unless it is one that passes; a channel
// that was live before is tried again until someone unsubscribes from it.
func (s *subscriber) refused(name key, err error) {
	l := s.link.l
	failed := fmt.Errorf("bus: subscribe to %q: %w", name.name, err)
	l.mu.Lock()
	c := l.channels[name]
	if c == nil || c.link != s.link {
		l.mu.Unlock()
		return
	}
	if exec.Passing(err) || c.missed {
		l.trouble(c)
	}
	if !exec.Passing(err) {
		for _, call := range c.waiting {
			call.end(failed)
		}
		if c.waiting = nil; !c.missed {
			l.forget(c)
		}
	}
	l.mu.Unlock()
	if !exec.Passing(err) {
		l.handler.OnError(failed)
	}
}
