// Package migrate moves a whole chat from one store to another.
//
// Stores do not know each other. Each returns its data as records of this
// package, page by page ([Source]), and accepts them ([Destination]). [Copy]
// walks a source in one fixed order: each room with its members and messages,
// then the sends kept for deduplication, people with their sessions and lists
// of rooms, invites, records, and the server's log. While a batch is written,
// the next is read. With each batch the destination stores a [checkpoint] until
// the migration is finished. After a crash, Copy continues from it and repeats
// what was written since.
//
// Of a log only its end is copied: its number, its id, and its newest event.
// The destination has an epoch of its own, so that clients fetch the state
// instead of resuming, and numbers continue.
//
// [Verify] reads both sides through the same records and compares them.
package migrate
