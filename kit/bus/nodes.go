package bus

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// A view is what one node says about who owns which slots, in the order of the
// slots.
type view []span

type span struct {
	first, last uint16
	addr        string
}

// asked is how many nodes are asked for their view. What most of them say
// counts, so that one which was cut off from the others does not lead astray.
const askedNodes = 5

// look asks some nodes for their views.
func (l *Listener) look(ctx context.Context) ([]view, error) {
	nodes := l.client.Nodes()
	addrs := slices.Collect(maps.Keys(nodes))
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	addrs = addrs[:min(len(addrs), askedNodes)]
	ctx, cancel := context.WithTimeout(ctx, min(l.opt.Timeout, 2*time.Second))
	defer cancel()

	type answer struct {
		view view
		err  error
	}
	answers := make(chan answer, len(addrs))
	for _, addr := range addrs {
		l.running.Go(func() {
			node := nodes[addr]
			v, err := parseView(node.Do(ctx, node.B().ClusterSlots().Build()), addr)
			answers <- answer{v, err}
		})
	}
	var views []view
	err := errors.New("the client knows no node")
	for range addrs {
		a := <-answers
		if a.err != nil {
			err = a.err
		} else if len(a.view) > 0 {
			views = append(views, a.view)
		}
	}
	if len(views) == 0 {
		return nil, err
	}
	return views, nil
}

func parseView(reply rueidis.RedisResult, from string) (view, error) {
	rows, err := reply.ToArray()
	if err != nil {
		return nil, err
	}
	var v view
	for _, row := range rows {
		cells, err := row.ToArray()
		if err != nil || len(cells) < 3 {
			continue
		}
		first, err1 := cells[0].AsInt64()
		last, err2 := cells[1].AsInt64()
		master, err3 := cells[2].ToArray()
		if err1 != nil || err2 != nil || err3 != nil || len(master) < 2 {
			continue
		}
		host, _ := master[0].ToString() // nothing if the node does not know its own
		port, err := master[1].AsInt64()
		if err != nil || host == "?" {
			continue
		}
		if host == "" {
			host, _, _ = net.SplitHostPort(from)
		}
		v = append(v, span{uint16(first), uint16(last), net.JoinHostPort(host, strconv.FormatInt(port, 10))})
	}
	slices.SortFunc(v, func(a, b span) int { return int(a.first) - int(b.first) })
	return v, nil
}

func (v view) owner(slot uint16) string {
	i := sort.Search(len(v), func(i int) bool { return v[i].last >= slot })
	if i == len(v) || v[i].first > slot {
		return ""
	}
	return v[i].addr
}

// owner is the node that most of the views name for a slot. The caller holds
// the mutex.
func (l *Listener) owner(slot uint16) string {
	votes := make(map[string]int, 2)
	best := ""
	for _, v := range l.views {
		if addr := v.owner(slot); addr != "" {
			if votes[addr]++; votes[addr] > votes[best] {
				best = addr
			}
		}
	}
	return best
}

// known reports whether any view has the node as a master. The caller holds the
// mutex.
func (l *Listener) known(addr string) bool {
	return slices.ContainsFunc(l.views, func(v view) bool {
		return slices.ContainsFunc(v, func(s span) bool { return s.addr == addr })
	})
}

// linkFor is the link of the node that a channel belongs to, nil if none is
// known. The caller holds the mutex.
func (l *Listener) linkFor(c *channel) *link {
	addr := ""
	if l.cluster {
		switch {
		case len(l.views) == 0:
		case c.kind == sharded:
			addr = l.owner(c.slot)
		default:
			if l.home == "" || !l.known(l.home) {
				l.home = l.anyNode()
			}
			addr = l.home
		}
		if addr == "" {
			l.askRemap()
			return nil
		}
	}
	if l.links[addr] == nil {
		k := &link{l: l, addr: addr, dirty: map[key]bool{}, kick: make(chan struct{}, 1)}
		var ctx context.Context
		ctx, k.cancel = context.WithCancel(l.ctx)
		l.links[addr] = k
		l.running.Go(func() { k.run(ctx) })
	}
	return l.links[addr]
}

// anyNode picks a master, one that the client knows if there is any. The caller
// holds the mutex.
func (l *Listener) anyNode() string {
	var all, ready []string
	nodes := l.client.Nodes()
	for _, s := range l.views[rand.IntN(len(l.views))] {
		all = append(all, s.addr)
		if nodes[s.addr] != nil {
			ready = append(ready, s.addr)
		}
	}
	if len(ready) > 0 {
		all = ready
	}
	return all[rand.IntN(len(all))]
}

// dedicate takes a connection to the link's node, and returns what tells
// whether that is still the right one.
func (k *link) dedicate(ctx context.Context) (conn rueidis.DedicatedClient, release func(),
	where string, err error) {
	where = k.where()
	if k.addr == "" {
		conn, release = k.l.client.Dedicate()
		return conn, release, where, nil
	}
	node, ok := k.l.client.Nodes()[k.addr]
	if !ok {
		k.nudge(ctx)
		return nil, nil, "", errors.New("the client does not know this node yet")
	}
	conn, release = node.Dedicate()
	return conn, release, where, nil
}

// where is the server that the client uses now; it changes when Sentinels have
// chosen another.
func (k *link) where() string {
	if k.addr != "" {
		return k.addr
	}
	return strings.Join(slices.Sorted(maps.Keys(k.l.client.Nodes())), " ")
}

// nudge has the client find out about the node: it looks at the cluster anew
// when it is told that a key has moved. What the command returns does not
// matter.
func (k *link) nudge(ctx context.Context) {
	name := ""
	k.l.mu.Lock()
	for _, c := range k.l.channels {
		if c.link == k && c.kind == sharded {
			name = c.name
			break
		}
	}
	k.l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, k.l.opt.Timeout)
	defer cancel()
	k.l.client.Do(ctx, k.l.client.B().Exists().Key(name).Build())
}
