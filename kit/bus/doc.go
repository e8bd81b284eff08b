// Package bus carries events between processes through Redis, in two ways.
//
// # Live
//
// Publish/subscribe reaches whoever listens at that moment. [Listen] returns a [Listener] with connections of its own: channels,
// patterns and sharded channels come and go by the thousands. Subscribe returns when Redis has confirmed every channel, so that
// whatever is published afterwards arrives, and a reader who subscribes first and then reads its past misses nothing. A lost
// connection, a failover, a slot that moves to another node and a handler that is too slow do lose messages. The listener mends
// what it can by itself and then calls Gap for each channel, so that the reader can catch up from where it was.
//
// An [Envelope] gives events a form that any language can read.
package bus
