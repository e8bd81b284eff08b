package main

import "math"

// cost is what something takes of a processor, in µs: when it comes alone, and
// when as much comes as can. Together it takes less, as what is woken up for
// one thing then finds more to do.
type cost struct{ alone, together float64 }

func (c cost) plus(d cost, times float64) cost {
	return cost{c.alone + d.alone*times, c.together + d.together*times}
}

// at is what one takes when so many come each second: alone where they are
// rare, together where they are many, and half way at the rate half.
func (c cost) at(rate, half float64) float64 {
	return c.together + (c.alone-c.together)/(1+rate/half)
}

// halfWay returns the rate half that makes one of so many a second take that.
// If they take no less than alone, it is never.
func halfWay(c cost, rate, takes float64) float64 {
	if takes >= c.alone || c.together >= c.alone {
		return math.Inf(1)
	}
	return rate * max(takes-c.together, 0.01*c.alone) / (c.alone - takes)
}

// model is what servers and Redis need for a load, in the fewest numbers that
// do. It is fitted to the small points of a run.
//
//	memory of a node           = base + conn × connections
//	a message takes of servers = send + deliver × who hears it + hear × (nodes that hear it − 1)
//	of Redis' thread           = thread + tell × (nodes that hear it − 1)
//	a node takes, idle         = idle µs/s, lease µs/s of Redis' thread, and beats commands/s
//	a message asks Redis       = ask commands
type model struct {
	base, conn   float64 // bytes
	send         cost
	deliver      cost
	hear         cost
	thread, tell cost
	idle, lease  float64
	rest         float64 // µs/s that Redis takes of its thread for itself

	half, halfRedis float64 // messages per second: of a node that hears them, of a master
	ask, beats      float64
}

// line returns y = at0 + slope × x, nearest to the points in parts of y: half
// of a small figure is as wrong as half of a large one. Two points it goes
// through.
func line(x, y []float64) (at0, slope float64) {
	var w, wx, wxx, wy, wxy float64
	for i := range x {
		of := 1 / (y[i] * y[i])
		w, wx, wxx, wy, wxy = w+of, wx+of*x[i], wxx+of*x[i]*x[i], wy+of*y[i], wxy+of*x[i]*y[i]
	}
	slope = (w*wxy - wx*wy) / (w*wxx - wx*wx)
	return (wy - slope*wx) / w, slope
}

// load is what people do.
type load struct {
	people   float64 // connections, one each
	members  float64 // of a room, all online
	messages float64 // per second, all rooms together
}

// hearing is on how many of n nodes somebody of a room is, if its members are
// anywhere.
func hearing(n, members float64) float64 { return n * (1 - math.Pow(1-1/n, members)) }

// need is what a load takes.
type need struct {
	memory         float64 // bytes, of all nodes
	cpu, redis     float64 // µs/s: of all servers, of Redis' threads
	commands       float64 // per second
	nodes, masters float64
}

// need says what a load takes on so many nodes and masters of Redis.
func (m model) need(l load, nodes, masters float64) need {
	hear := hearing(nodes, l.members)
	message := m.send.plus(m.hear, hear-1)
	// only what goes to the same connection goes together
	each := m.deliver.at(l.messages*l.members/l.people, m.half)
	thread := m.thread.plus(m.tell, hear-1)
	return need{
		memory:   m.base*nodes + m.conn*l.people,
		cpu:      l.messages*(message.at(l.messages*hear/nodes, m.half)+l.members*each) + m.idle*nodes,
		redis:    l.messages*thread.at(l.messages/masters, m.halfRedis) + m.lease*nodes + m.rest*masters,
		commands: l.messages*m.ask + m.beats*nodes,
		nodes:    nodes, masters: masters,
	}
}

// plan says how many nodes of so many processors, and how many masters, a load
// takes if none is more than half busy and a node has at most so many
// connections.
func (m model) plan(l load, processors, conns float64) need {
	for nodes, masters := math.Ceil(l.people/conns), 1.0; ; {
		n := m.need(l, nodes, masters)
		switch {
		case nodes > 1e5 || masters > 1e5:
			return n
		case n.cpu > 0.5e6*processors*nodes:
			nodes++
		case n.redis > 0.5e6*masters:
			masters++
		default:
			return n
		}
	}
}
