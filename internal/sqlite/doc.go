// Package sqlite is the embedded store: everything in one directory, no other
// process.
//
// Writing. One goroutine, the writer, owns the only connection that writes. It
// takes all waiting calls, applies them in one transaction and commits, so that
// they share the cost of the sync (group commit). Because no one else writes,
// it checks changes against cached heads and members before it writes them. A
// call of several changes runs in a savepoint. After COMMIT a second goroutine
// rings the bell in order and returns the calls, while the writer works on the
// next batch.
//
// Reading. A small pool of connections that cannot write. A read that needs
// several statements runs in one read transaction, so that its result is
// consistent.
//
// Messages and events. A message is stored once, under room << 36 + no. Other
// events are in a table of their own, with the number of the newest message at
// their time. So the message at any position of a stream is computed from the
// event before it, and a message needs no write to a head or an event table.
//
// Annotations. Everything that a message has besides its text is in its row,
// and events refer to the message: an edit or a deletion changes one row and
// leaves no old text in the log. Small side tables, such as mentions, index
// what is queried without knowing the message. See annotation.go.
//
// Delayed writes. Two things that every send changes are far apart in the
// database and would dirty a page each: the hash for deduplication and the
// author's read position. They are written in bulk, and restored after a crash:
// see dedupe.go, readmoves.go.
package sqlite
