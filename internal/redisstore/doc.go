// Package redisstore keeps everything in Redis, so that any number of Parley
// processes form one chat: on one server, behind Sentinel, or on a cluster.
//
// Slots. What must change in one step shares a hash tag: all of a room lies
// under {room:<id>}, all of a person under {user:<id>}, and what everybody
// shares (names, the directory, invites) under {server}. A change to a stream
// is one script in its slot, which judges, numbers, writes and rings; see the
// .lua files. docs/redis.md has the table of keys.
//
// A message is one script and one round trip, whatever the number of members:
// the sends to be remembered, the numbers, the message, the log's entry, the
// author's read position, and the bell.
//
// Annotations. A plain message is an entry of a stream, which nothing can
// change. Mentions, files, a new text, a deletion, a pin, reactions and a
// thread are its annotation, which is kept apart and applied when the message
// is read.
// A room without annotations pays nothing for them. Logs name messages by
// number, so that no log contains a deleted text. A change of an annotation is
// a compare-and-set: target.lua reads, the chat package's rules are applied
// here, and annotate.lua writes if nothing has changed since; see annotate.go.
//
// Crossing slots. Some changes concern two slots. Each is written so that
// whoever comes next can finish what a crash left:
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
// Fsck finds and heals what nobody came back for.
//
// The bell is sharded pub/sub on the stream's slot; see bell.go. Who is online
// is a lease for each node; see presence.go.
package redisstore
