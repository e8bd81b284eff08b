// Package sqlite is the embedded store: everything in one directory, no other
// process.
//
// Writing. One goroutine, the writer, owns the only connection that writes. It
// takes whatever calls are waiting, applies them in one transaction and
// commits; the cost of reaching the disk is shared by all who waited (group
// commit). Because nobody else writes, it judges from memory: heads of streams
// and members are cached, and a refused change has written nothing. A call of
// several changes stands in a savepoint. After COMMIT has returned, a second
// goroutine, the bell, rings the events in order and lets the callers go, while
// the writer already works on the next batch.
//
// Reading. A small pool of connections that cannot write. A read that needs
// several statements runs in one read transaction, so that what it returns is
// true of one moment.
//
// Messages and events. A message is stored once, under room << 36 + no. Other
// events stand in a table of their own and note the number of the newest
// message at their time. So the message at any place in a stream is found by
// arithmetic from the event before it, and neither a head nor a number of
// events has to be written along with each message.
//
// What becomes of messages. Whatever a message has beyond its text stands in
// its row, and events name the message without repeating it: an edit or a
// deletion changes one row, and no log tells what it said. What is asked for
// without knowing the message, such as whom it mentions, stands in small tables
// beside it, which a message without such things does not touch. See marks.go.
//
// What is kept back. Two things that every send changes lie far apart in the
// database and would dirty a page each: the sends to be remembered and the
// authors' read positions. They are written in bulk, and what a crash would
// lose is found again from what was written: see dedupe.go, reads.go.
//
// Search lives in a second database, which a background goroutine keeps up to
// date and which may be deleted while the server is stopped: it is built again.
// See search.go, find.go and terms.go.
package sqlite
