package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// wide are limits that are there, and cost what they cost, but that nobody here
// meets.
var wide = []string{"--max-sends=10000000", "--max-calls=10000000"}

// launch makes people and rooms and starts so many servers on them.
func (g *growth) launch(name string, nodes, n int, rooms func(*chat.Service, *crowd) error) (fleet,
	*crowd, error) {
	d, err := g.data(name)
	if err != nil {
		return fleet{}, nil, err
	}
	f := fleet{d: d}
	var c *crowd
	err = d.withService(g.ctx, func(s *chat.Service) (err error) {
		if c, err = people(g.ctx, s, n); err == nil && rooms != nil {
			err = rooms(s, c)
		}
		return err
	})
	for i := 0; err == nil && i < nodes; i++ {
		var s *server
		if s, err = g.startServer(d, wide...); err == nil {
			f.servers = append(f.servers, s)
		}
	}
	if err != nil {
		return f, nil, errors.Join(err, g.end(f))
	}
	return f, c, nil
}

// end stops servers and store, and forgets the data.
func (g *growth) end(f fleet) error {
	return errors.Join(f.stop(), f.d.close(), os.RemoveAll(f.d.dir))
}

// hangUp ends the clients' connections.
func hangUp(clients []*client) {
	for _, c := range clients {
		if c != nil {
			c.Close()
		}
	}
}

// fits is how many connections this process may open, with room for its other
// files.
func fits() (int, error) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return int(limit.Cur) - 500, err
}

// upto is n with each size that does not fit into the limit of open files left
// out.
func upto(sizes []int) ([]int, error) {
	most, err := fits()
	return slices.DeleteFunc(slices.Clone(sizes), func(n int) bool { return n > most }), err
}

// growMembers: everybody is connected, and messages go to rooms of different
// sizes, each by itself.
func (g *growth) growMembers() error {
	sizes, err := upto(g.members)
	if err != nil {
		return err
	}
	all := slices.Max(sizes)
	rooms := map[int]chat.RoomID{}
	f, c, err := g.launch("members", 1, all, func(s *chat.Service, c *crowd) (err error) {
		for _, n := range sizes {
			if rooms[n], err = c.room(g.ctx, s, fmt.Sprint("room of ", n), numbers(n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var clients []*client
	defer func() { hangUp(clients) }()
	if clients, err = g.join(f.servers, c.tokens, 1); err != nil {
		return errors.Join(err, g.end(f))
	}
	quiet(clients)
	idle, err := f.idle(g.ctx, g.idle)
	if err != nil {
		return errors.Join(err, g.end(f))
	}
	for _, n := range sizes {
		w, err := f.measure(g.ctx, clients, func() (int, error) {
			return pace([]speaker{{clients[0], rooms[n]}}, min(100, max(2, 20_000/n)), g.lasts)
		})
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		if w.deliveries != w.messages*n {
			return errors.Join(fmt.Errorf("%d messages to %d members were delivered %d times",
				w.messages, n, w.deliveries), g.end(f))
		}
		p := g.point("members", "members, all online", n)
		p.set("messages/s", float64(w.messages)/g.lasts.Seconds())
		w = w.less(idle)
		p.set("server CPU per delivery, µs", us(w.cpu)/float64(w.deliveries))
		g.alone(p, w)
		if err := g.together(p, f, clients, clients[:min(n, 64)], rooms[n]); err != nil {
			return errors.Join(err, g.end(f))
		}
		g.keep(p)
	}
	for _, rate := range g.rates { // between alone and as fast as they come
		var talkers []speaker
		for _, c := range clients[:sizes[0]] {
			talkers = append(talkers, speaker{c, rooms[sizes[0]]})
		}
		w, err := f.measure(g.ctx, clients, func() (int, error) { return pace(talkers, rate, g.lasts) })
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		p := g.point("rates", "messages a second, room of ten", rate)
		g.alone(p, w.less(idle))
		g.keep(p)
	}
	return g.end(f)
}

// What a message takes if it comes alone, and if as many come as can.
const (
	cpuAlone      = "server CPU per message, µs"
	cpuTogether   = "server CPU, as fast as they come, µs"
	redisAlone    = "Redis' thread per message, µs"
	redisTogether = "Redis' thread, as fast as they come, µs"
	sendsTogether = "messages/s, as fast as they come"
	askMessage    = "commands per message"
)

// alone sets what a message takes that meets no other.
func (g *growth) alone(p *point, w work) {
	cpu, redis, commands := w.perMessage()
	p.set(cpuAlone, cpu)
	if g.store == "redis" {
		p.set(redisAlone, redis)
		p.set(askMessage, commands)
	}
}

// together measures and sets what a message takes when 64 senders say something
// to the room whenever they can.
func (g *growth) together(p *point, f fleet, clients, from []*client, room chat.RoomID) error {
	busy := make([]speaker, 64)
	for i := range busy {
		busy[i] = speaker{from[i%len(from)], room}
	}
	return g.busy(p, f, clients, busy)
}

func (g *growth) busy(p *point, f fleet, clients []*client, busy []speaker) error {
	w, err := f.measure(g.ctx, clients, func() (int, error) { return rush(busy, g.lasts) })
	if err != nil {
		return err
	}
	cpu, redis, _ := w.perMessage()
	p.set(sendsTogether, float64(w.messages)/g.lasts.Seconds())
	p.set(cpuTogether, cpu)
	if g.store == "redis" {
		p.set(redisTogether, redis)
	}
	return nil
}

func numbers(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// growRooms: 200 people, rooms of ten of them each; as many messages as before
// are spread over more rooms.
func (g *growth) growRooms() error {
	for _, n := range g.rooms {
		const persons, each = 200, 10
		speakers := make([]speaker, n)
		f, c, err := g.launch(fmt.Sprint("rooms", n), 1, persons,
			func(s *chat.Service, c *crowd) (err error) {
				for i := range speakers {
					members := make([]int, each)
					for k := range members {
						members[k] = (i*each + k) % persons
					}
					if speakers[i].room, err = c.room(g.ctx, s, fmt.Sprint("room ", i), members); err != nil {
						return err
					}
				}
				return nil
			})
		if err != nil {
			return err
		}
		clients, err := g.join(f.servers, c.tokens, 1)
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		for i := range speakers {
			speakers[i].c = clients[i*each%persons]
		}
		quiet(clients)
		// each is opened once
		if _, err := pace(speakers, 1000, time.Duration(n)*time.Millisecond); err != nil {
			return errors.Join(err, g.end(f))
		}
		quiet(clients)
		idle, err := f.idle(g.ctx, g.idle)
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		w, err := f.measure(g.ctx, clients, func() (int, error) { return pace(speakers, 200, g.lasts) })
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		p := g.point("rooms", "rooms of ten, all in use", n)
		g.alone(p, w.less(idle))
		var busy []speaker // different people, in different rooms as far as there are
		for i := range 64 {
			at := i % n
			busy = append(busy, speaker{clients[(at*each+i/n%each)%persons], speakers[at].room})
		}
		if err := g.busy(p, f, clients, busy); err != nil {
			return errors.Join(err, g.end(f))
		}
		g.keep(p)
		hangUp(clients)
		if err := g.end(f); err != nil {
			return err
		}
	}
	return nil
}

// growConns: ever more people sit there and do nothing.
func (g *growth) growConns() error {
	sizes, err := upto(g.conns)
	if err != nil {
		return err
	}
	const each = 10 // connections of one person
	f, c, err := g.launch("conns", 1, slices.Max(sizes)/each, nil)
	if err != nil {
		return err
	}
	var clients []*client
	defer func() { hangUp(clients) }()
	before, err := f.servers[0].settle()
	if err != nil {
		return errors.Join(err, g.end(f))
	}
	for _, n := range sizes {
		tokens := c.tokens[len(clients)/each : n/each]
		cpu0, begin := time.Duration(0), time.Now()
		if cpu0, err = f.servers[0].cpu(); err != nil {
			return errors.Join(err, g.end(f))
		}
		more, err := g.join(f.servers, tokens, each)
		clients = append(clients, more...)
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		took := time.Since(begin)
		cpu1, err := f.servers[0].cpu()
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		after, err := f.servers[0].settle()
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		idle, err := f.idle(g.ctx, 2*g.idle)
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		p := g.point("conns", "joined idle connections", n)
		p.set(residentMB, after/1e6)
		p.set("kB per connection", (after-before)/1e3/float64(n))
		p.set("joined/s", float64(len(more))/took.Seconds())
		p.set("server CPU per join, µs", us(cpu1-cpu0)/float64(len(more)))
		p.set("server CPU when idle, %", 100*idle.cpu.Seconds()/idle.took.Seconds())
		g.keep(p)
	}
	return g.end(f)
}

const residentMB = "resident, MB"

// growNodes: the same people on ever more servers, which share one Redis.
func (g *growth) growNodes() error {
	if g.store != "redis" {
		return nil
	}
	const persons = 30
	for _, n := range g.nodes {
		f, c, err := g.launch(fmt.Sprint("nodes", n), n, persons, nil)
		if err != nil {
			return err
		}
		clients, err := g.join(f.servers, c.tokens, 1)
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		quiet(clients)
		idle, err := f.idle(g.ctx, max(g.lasts, 5*time.Second)) // two leases
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		w, err := f.measure(g.ctx, clients,
			func() (int, error) { return pace([]speaker{{clients[0], chat.GeneralID}}, 100, 2*g.lasts) })
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		p := g.point("nodes", "nodes, 30 people on all of them together", n)
		g.alone(p, w.less(idle))
		if err := g.together(p, f, clients, clients, chat.GeneralID); err != nil {
			return errors.Join(err, g.end(f))
		}
		p.set(idleCPU, us(idle.cpu)/idle.took.Seconds())
		p.set(idleRedis, us(idle.redis)/idle.took.Seconds())
		p.set(idleCommands, float64(idle.commands)/idle.took.Seconds())
		g.keep(p)
		hangUp(clients)
		if err := g.end(f); err != nil {
			return err
		}
	}
	return nil
}

const (
	idleCPU   = "server CPU when idle, µs/s"
	idleRedis = "Redis' thread when idle, µs/s"

	idleCommands = "commands/s when idle"
)
