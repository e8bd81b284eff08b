// Package bus is publish/subscribe that never loses messages silently.
//
// Messages reach whoever listens at that moment. [Listen] returns a [Listener]
// with connections of its own: channels, patterns and sharded channels come and
// go by the thousands. Subscribe returns when Redis has confirmed every
// channel, so that whatever is published afterwards arrives, and a reader who
// subscribes first and then reads its past misses nothing. A lost connection, a
// failover, a slot that moves to another node and a handler that is too slow do
// lose messages. The listener reconnects and subscribes again by itself, and
// then calls Gap for each channel, so that the reader can catch up from where
// it was.
//
// An [Envelope] gives messages a form that any language can read.
//
// Events that must reach who does not listen now belong in a topic of package
// stream.
//
// # What it takes
//
// Redis 6.0 or later; sharded channels need 7.0. Permissions: SUBSCRIBE,
// PSUBSCRIBE, SSUBSCRIBE and their opposites on the channels, PUBLISH or
// SPUBLISH, CLUSTER in a cluster, PING. A publish is one round trip. A listener
// holds one connection, in a cluster one to each node that owns a channel, and
// about 200 bytes for each channel; messages that wait for a slow callback are
// bounded by ListenOptions.Queue.
package bus
