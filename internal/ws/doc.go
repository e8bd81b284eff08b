// Package ws is the WebSocket door: it upgrades, reads requests, has them carried out, and writes answers
// and what the hub has to tell.
//
// A connection that is idle costs a goroutine with a small stack, and no buffer: the goroutine waits
// until the socket is readable, and only then borrows a buffer to read into. What has to be written waits in the
// connection's queue in the hub, as frames that are shared by all who get the same event. A few
// flushers take connections whose queues are not empty, and write as many frames as they hold with one
// system call; only a socket that would block gets a goroutine of its own, until it no longer does.
//
// Time-outs (authentication, heartbeat, the session's end, closing) are looked after by one sweeper for all
// connections, so that none has a timer.
//
// Requests of one connection run at the same time, up to a bound; past it nothing more is read from it. Only
// message.send keeps order: the sends of a connection run one after the other, each when the one
// before is durable, so a client may send many without waiting and finds them in that order. Other
// connections' sends share the commit with them.
package ws
