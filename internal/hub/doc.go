// Package hub delivers events to one node's live connections.
//
// For each stream that a connection follows there is a topic: a cursor (how far
// this node has seen the stream), a ring of the newest events, and the
// connections attached. The bell announces events; it may drop, repeat and
// reorder them. Against the cursor an event is known (dropped), next
// (delivered), or too far ahead: then the gap is read from the store. If the
// store does not have it, or has another history, the connections get a resync.
// Regular checks of the heads find announcements that were lost at the end.
//
// So a connection's stream has no gap, no double and no disorder by
// construction: it is attached under the topic's lock at the cursor, after it
// got everything between its own position and the cursor. From then on it gets
// each event that moves the cursor, once.
//
// Events are encoded once per kind of connection. Every connection has a queue,
// bounded in bytes, that its transport sends. A connection whose queue
// overflows is closed as too slow; others do not wait for it.
package hub
