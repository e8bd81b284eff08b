// Package chat is Parley's domain: people, rooms, messages, and every rule
// about them.
//
// Two ideas carry it.
//
// A log and a bell. Every change is an [Event] in a [Stream]: one stream per
// room, one per person and one for the server. A stream's events are numbered
// densely from 1 ([Event.Seq]). The stored stream is the truth. The [Bell] only
// says that a stream has moved on; it may drop, double and reorder, because
// whoever listens keeps a cursor and repairs itself from the log with
// [Store.Events].
//
// One way to write. Everything that changes is a [Change] handed to
// [Store.Commit], which applies it and appends its event in one atomic step,
// and returns only when both are durable. The [Service] judges (who may do
// what, how long, how often); a [Store] only obeys and keeps what must be
// atomic: numbering, deduplication, membership at the moment of writing, unique
// names.
//
// What people and programs can ask for is declared once, in [Actions]: REST
// routes, WebSocket methods and the reference in docs/ all come from that
// table.
//
// The package knows only the standard library. What it needs from outside (a
// store, a bell, password hashing, ids, name folding, rate limits) are the
// small interfaces in [Config].
package chat
