// Package redisstore keeps everything in Redis, so that any number of Parley
// processes form one chat: on one server, behind Sentinel, or on a cluster.
//
// Slots. Keys that change in one step share a hash tag: a room's keys have
// {room:<id>}, a person's {user:<id>}, and shared keys (names, the directory,
// invites) {server}. A change to a stream is one script in its slot, which
// checks, numbers, writes and publishes; see the .lua files. docs/redis.md has
// the table of keys.
//
// A message is one script and one round trip, whatever the number of members:
// deduplication, numbers, the message, the log entry, the author's read
// position, and the bell.
//
// Annotations. A message is an entry of a stream, which is immutable. Mentions,
// files, a new text, a deletion, a pin, reactions and a thread are its
// annotation, which is stored separately and applied when the message is read.
// A room without annotations has no cost. Logs refer to messages by number, so
// no log contains a deleted text. A change of an annotation is a
// compare-and-set: target.lua reads, the chat package's rules are applied here,
// and annotate.lua writes if nothing has changed since; see annotate.go.
//
// Crossing slots. Some changes concern two slots. Each is written so that a
// later call can finish it after a crash:
//
//   - An account: the server's slot takes the name, announces the person and keeps the whole account as
//     "arriving" in one step; then it is moved to the person's slot. Who looks for an account and does not find it
//     looks there and moves it.
//   - A room on a person's list: the member's side counts, the list follows. Entering again heals it; see
//     internal/chat.
//   - A read position: moved in the room first and marked as announced by nobody yet, then announced in the person's
//     stream. The same move again announces it if that is missing.
//   - A reply in a thread, which is a room with a slot of its own: then the room above is told how far the thread has
//     come. The next reply tells it too.
//
// Fsck finds and repairs the rest.
//
// The bell is sharded pub/sub on the stream's slot; see bell.go. Presence uses
// a lease per node; see presence.go.
package redisstore
