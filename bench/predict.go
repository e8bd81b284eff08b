package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// fit takes the model from all but the largest points of members, and the two
// smallest of conns and nodes.
func (g *growth) fit() error {
	var missing error
	through := func(part string, sizes []int, name string) (at0, slope float64) {
		var x, y []float64
		for _, n := range sizes {
			v, err := g.figure(part, n, name)
			if err != nil {
				missing = err
				return 0, 0
			}
			x, y = append(x, float64(n)), append(y, v)
		}
		return line(x, y)
	}
	both := func(part string, sizes []int, alone, together string) (at0, slope cost) {
		at0.alone, slope.alone = through(part, sizes, alone)
		at0.together, slope.together = through(part, sizes, together)
		slope.alone, slope.together = max(0, slope.alone), max(0, slope.together) // below nothing is noise
		return at0, slope
	}
	known := g.members[:len(g.members)-1]
	m := &g.model
	m.base, m.conn = through("conns", g.conns[:2], residentMB)
	m.base, m.conn = m.base*1e6, m.conn*1e6
	m.send, m.deliver = both("members", known, cpuAlone, cpuTogether)
	halfway := func(alone, together string) float64 {
		a, err0 := g.figure("members", g.members[0], alone)
		t, err1 := g.figure("members", g.members[0], together)
		c, err2 := g.figure("rates", g.rates[0], alone)
		if err := errors.Join(err0, err1, err2); err != nil {
			missing = err
		}
		return min(1e9, halfWay(cost{a, t}, float64(g.rates[0]), c)) // JSON knows no infinity
	}
	m.half, m.halfRedis = halfway(cpuAlone, cpuTogether), 1e9
	if g.store == "redis" {
		m.halfRedis = halfway(redisAlone, redisTogether)
		_, m.hear = both("nodes", g.nodes[:2], cpuAlone, cpuTogether)
		m.thread, m.tell = both("nodes", g.nodes[:2], redisAlone, redisTogether)
		m.thread = m.thread.plus(m.tell, 1) // the line counts from no node, the model from one
		_, m.idle = through("nodes", g.nodes[:2], idleCPU)
		m.rest, m.lease = through("nodes", g.nodes[:2], idleRedis)
		_, m.beats = through("nodes", g.nodes[:2], idleCommands)
		if missing == nil {
			m.ask, missing = g.figure("nodes", g.nodes[0], askMessage)
		}
	}
	return missing
}

// predict fits the model and compares it with the larger points, which it has
// not seen, and with a mixed load.
func (g *growth) predict() error {
	if err := g.fit(); err != nil {
		return err
	}
	m := g.model
	for _, c := range []struct {
		what string
		cost cost
		both bool
	}{
		{"a message sent, of a server", m.send, true}, {"each delivery", m.deliver, true},
		{"each further node that hears it", m.hear, false},
		{"a message, of Redis' thread", m.thread, false},
		{"each further node, of Redis' thread", m.tell, false},
	} {
		if c.both || g.store == "redis" {
			p := g.point(constants, "µs", 0)
			p.What = c.what
			p.set("alone", c.cost.alone)
			p.set("as fast as they come", c.cost.together)
			g.keep(p)
		}
	}
	for _, c := range []struct {
		what  string
		value float64
		both  bool
	}{
		{"memory of a node, MB", m.base / 1e6, true}, {"of each connection, kB", m.conn / 1e3, true},
		{"messages a second at which a node takes half way between alone and as fast as they come",
			m.half, true}, {"the same of Redis' thread", m.halfRedis, false},
		{"a node that idles, µs of its processors a second", m.idle, false},
		{"for it, µs of Redis' thread a second", m.lease, false},
		{"Redis for itself, µs of its thread a second", m.rest, false},
		{"for it, commands a second", m.beats, false}, {"commands for a message", m.ask, false},
	} {
		if c.both || g.store == "redis" {
			p := g.point(otherConstants, "", 0)
			p.What = c.what
			p.set("", c.value)
			g.keep(p)
		}
	}
	for _, n := range g.members[len(g.members)-1:] {
		want := m.send.plus(m.deliver, float64(n))
		if err := g.compareFigure("members", n, cpuAlone, want.alone); err != nil {
			return err
		}
		if err := g.compareFigure("members", n, cpuTogether, want.together); err != nil {
			return err
		}
	}
	for _, n := range g.rates[1:] {
		if err := g.compareFigure("rates", n, cpuAlone,
			m.send.plus(m.deliver, float64(g.members[0])).at(float64(n), m.half)); err != nil {
			return err
		}
	}
	for _, n := range g.conns[2:] {
		if err := g.compareFigure("conns", n, residentMB, (m.base+m.conn*float64(n))/1e6); err != nil {
			return err
		}
	}
	if g.store == "redis" {
		for _, n := range g.nodes[2:] {
			first, err := g.figure("nodes", g.nodes[0], cpuAlone)
			if err != nil {
				return err
			}
			if err := g.compareFigure("nodes", n, cpuAlone,
				first+m.hear.alone*float64(n-g.nodes[0])); err != nil {
				return err
			}
			if err := g.compareFigure("nodes", n, redisAlone,
				m.thread.plus(m.tell, float64(n-1)).alone); err != nil {
				return err
			}
		}
	}
	if err := g.mix(); err != nil {
		return err
	}
	g.million()
	return nil
}

// compareFigure compares a figure of this run with what was predicted.
func (g *growth) compareFigure(part string, n int, name string, predicted float64) error {
	if upto, err := upto([]int{n}); err != nil || len(upto) == 0 {
		return err
	}
	measured, err := g.figure(part, n, name)
	if err == nil {
		g.compare(part+": "+name, n, predicted, measured)
	}
	return err
}

// compare keeps what was predicted and what was measured.
func (g *growth) compare(what string, n int, predicted, measured float64) {
	p := g.point("predicted", "what, at", n)
	p.What = what
	p.set("predicted", predicted)
	p.set("measured", measured)
	p.set("error, %", 100*(predicted-measured)/measured)
	g.keep(p)
}

// mix is a load that resembles none of those that the model was fitted to.
type mix struct {
	people, members, nodes int
	rates                  []int // messages per second
}

// mix measures it and compares.
func (g *growth) mix() (err error) {
	x := g.mixed
	if g.store != "redis" {
		x.nodes = 1
	}
	speakers := make([]speaker, x.people/x.members)
	f, c, err := g.launch("mix", x.nodes, x.people, func(s *chat.Service, c *crowd) error {
		for i := range speakers {
			members := numbers(x.members)
			for k := range members {
				members[k] += i * x.members
			}
			var err error
			if speakers[i].room, err = c.room(g.ctx, s, fmt.Sprint("room ", i), members); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.end(f)) }()
	clients, err := g.join(f.servers, c.tokens, 1)
	defer hangUp(clients)
	if err != nil {
		return err
	}
	for i := range speakers {
		speakers[i].c = clients[i*x.members]
	}
	quiet(clients)
	var resident float64
	for _, s := range f.servers {
		r, err := s.settle()
		if err != nil {
			return err
		}
		resident += r
	}
	quietly := g.model.need(load{people: float64(x.people), members: float64(x.members)}, float64(x.nodes), 1)
	g.compare("mix: "+residentMB+", before anything is said", x.people, quietly.memory/1e6, resident/1e6)
	if _, err := pace(speakers, x.rates[0], g.lasts/2); err != nil {
		return err
	}
	quiet(clients)
	for _, rate := range x.rates {
		w, err := f.measure(g.ctx, clients, func() (int, error) { return pace(speakers, rate, g.lasts) })
		if err != nil {
			return err
		}
		if w.deliveries != w.messages*x.members {
			return fmt.Errorf("%d messages to %d members were delivered %d times", w.messages,
				x.members, w.deliveries)
		}
		// The load lasted less than the measuring, which waits for quiet.
		lasted := g.lasts.Seconds()
		want := g.model.need(load{people: float64(x.people), members: float64(x.members),
			messages: float64(w.messages) / lasted},
			float64(x.nodes), 1)
		idle := w.took.Seconds()/lasted - 1
		g.compare("mix: server CPU, ms/s", rate, want.cpu/1e3,
			us(w.cpu)/1e3/lasted-idle*g.model.idle*float64(x.nodes)/1e3)
		if g.store == "redis" {
			g.compare("mix: Redis' thread, ms/s", rate, want.redis/1e3,
				us(w.redis)/1e3/lasted-idle*g.model.lease*float64(x.nodes)/1e3)
			g.compare("mix: commands/s", rate, want.commands,
				float64(w.commands)/lasted-idle*g.model.beats*float64(x.nodes))
		}
	}
	return nil
}

// million says what a million connections need: each person is in rooms where
// 50 are online, and says something every two minutes.
func (g *growth) million() {
	if g.store != "redis" {
		return
	}
	const processors, conns = 4, 50_000
	l := load{people: 1e6, members: 50, messages: 1e6 / 120}
	n := g.model.plan(l, processors, conns)
	p := g.point("a million connections", "connections", int(l.people))
	p.set("messages/s", l.messages)
	p.set("deliveries/s", l.messages*l.members)
	p.set(fmt.Sprintf("nodes of %d processors", processors), n.nodes)
	p.set("GB of a node", n.memory/n.nodes/1e9)
	p.set("busy, % of a node", n.cpu/n.nodes/processors/1e4)
	p.set("masters of Redis", n.masters)
	p.set("commands/s", n.commands)
	g.keep(p)
	fmt.Fprintf(os.Stderr, "  %v of the servers' and %v of Redis' processors a second\n",
		time.Duration(n.cpu)*time.Microsecond, time.Duration(n.redis)*time.Microsecond)
}
