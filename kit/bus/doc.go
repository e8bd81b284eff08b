// Package bus is publish/subscribe that never loses messages silently.
//
//	l, err := bus.Listen(client, bus.Callbacks{Message: deliver, Gap: catchUp}, bus.ListenOptions{})
//	...
//	err = l.SSubscribe(ctx, "room:1", "room:2") // returns when Redis has confirmed both
//
// Messages reach whoever listens at that moment. [Listen] returns a [Listener]
// with connections of its own: channels, patterns and sharded channels come and
// go by the thousands. Subscribe returns when Redis has confirmed every
// channel, so that whatever is published afterwards arrives, and a reader who
// subscribes first and then reads its past misses nothing.
//
// A lost connection, a failover, a slot that moves to another node, a node that
// is cut off from its cluster, and a handler that is too slow do lose messages.
// The listener reconnects and subscribes again by itself, and then calls Gap
// for each channel, so that the reader can catch up from where it was. A
// heartbeat finds connections that died without a sign, and compares the server
// with the one that Sentinel or the cluster names now.
//
// Callbacks run behind a bounded queue, off the connection, so that a slow one
// holds up no one else.
//
// An [Envelope] gives messages a form that any language can read.
//
// # What is not promised
//
// Live messages are not kept. Gap says that some may be missing, not which, and
// may come without any being missing. In a cluster a plain PUBLISH reaches the
// listener's node over the cluster's own links; what these drop goes unnoticed.
// Sharded channels do not have that.
//
// # Costs
//
// A publish is one round trip. A listener holds one connection, in a cluster
// one to each node that owns a channel's slot, taken from the client's pool for
// blocking commands, and about 200 bytes for each channel. Messages that wait
// for a slow callback are bounded by ListenOptions.Queue. An idle listener
// sends a PING for each heartbeat; in a cluster also CLUSTER INFO, and CLUSTER
// SLOTS to up to five nodes. Changes of channels made at the same time go out
// in one pipeline.
//
// # Requirements
//
// Redis 6.0 or later, or Valkey; sharded channels need Redis 7.0. Permissions:
// SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their opposites on the channels,
// PUBLISH or SPUBLISH, CLUSTER in a cluster, PING.
//
// # When not
//
// Events that must also reach readers who are not listening now belong in a
// topic of package stream, and work that someone has to do in a queue.
package bus
