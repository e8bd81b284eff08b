// Package bus carries events between processes through Redis, in two ways: to
// whoever listens now, and to whoever has not read them yet. Neither loses
// anything silently.
//
// # Live
//
// Publish/subscribe reaches whoever listens at that moment. [Listen] returns a
// [Listener] with connections of its own: channels, patterns and sharded
// channels come and go by the thousands. Subscribe returns when Redis has
// confirmed every channel, so that whatever is published afterwards arrives,
// and a reader who subscribes first and then reads its past misses nothing. A
// lost connection, a failover, a slot that moves to another node and a handler
// that is too slow do lose messages. The listener mends what it can by itself
// and then calls Gap for each channel, so that the reader can catch up from
// where it was.
//
// An [Envelope] gives events a form that any language can read.
//
// # Durable
//
// A [Topic] is a stream that keeps its events. Whoever reads one decides how:
//
//   - [Topic.Follow] calls a handler with each event after a position, once and in order. The reader keeps the position. This is
//     for those who all need to see everything: views, caches, sockets that catch up.
//   - [Group.Run] shares the events among workers, each at least once. The group keeps the position. A worker that dies or hangs loses
//     its events to another, one that fails gets them again after a pause, and at the end they go to the dead letters, from which
//     [Group.Redrive] brings them back. This is for work that somebody has to do.
//
// Each event names the one before it. By that a follower notices that events
// after its position were trimmed, deleted or lost in a failover, and returns a
// [GapError] instead of going on as if nothing had been. Limits of length and
// age do not touch what a group has not acknowledged, unless told so, and then
// the group is told.
//
// # Keys
//
// A topic called orders has the keys bus:{orders}, which is the stream, with
// the fields prev and event; bus:{orders}:retry:GROUP and
// bus:{orders}:dead:GROUP, streams as well; and bus:{orders}:lost, a hash. They
// share a slot. Programs in other languages append with append.lua and read
// with XREAD or XREADGROUP.
package bus
