// Package hub holds one node's live connections and brings them what happens.
//
// For each stream that somebody here follows there is a topic: a cursor (how
// far this node has seen the stream), a ring of the newest events, and the
// connections attached. The bell tells of events; it may drop, double and
// reorder them. Against the cursor an event is known (dropped), next
// (delivered), or too far ahead: then the gap is read from the store, and if
// the store cannot give it, or gives another history, the connections are told
// to fetch anew (resync). A look at the heads now and then finds rings that
// were lost at the end.
//
// So a connection's stream has no gap, no double and no disorder by
// construction: it is attached under the topic's lock at the cursor, after it
// was given everything between its own position and the cursor; from then on it
// gets what moves the cursor, once.
//
// Events are encoded once per kind of connection. Every connection has a queue,
// bounded in bytes, that its door drains; one that overflows is closed as too
// slow, and nobody waits for it.
package hub
