// Package migrate moves a whole chat from one store to another.
//
// Stores know nothing of each other. Each gives what it holds as the records of
// this package, page by page ([Source]), and takes them ([Destination]). [Copy]
// walks a source in one fixed order: each room with its members and messages,
// then the sends that are still remembered, people with their sessions and
// lists of rooms, invites, records, and the server's log. While a batch is
// written, the next is read. With each batch goes a [mark] of how far it
// reaches, which the destination keeps until the migration is finished: after a
// crash, Copy goes on from there, and what was written since is written again,
// to the same end.
//
// Of a log only its end goes along: its number, its id, and the event there.
// The destination has an epoch of its own, so that clients fetch anew instead
// of resuming, and numbers go on where they were.
//
// [Verify] reads both sides through the same records and compares them.
package migrate
