// Package search is a node's index of messages. It is a follower of the log, so
// it is the same for every store, and a store knows nothing of it.
//
// # What it holds
//
// An index is one SQLite file. A message is a row of the full-text table words,
// whose number is its place in the order of all messages, by time. So the
// newest matches come first, whatever room they are in, and a search stops as
// soon as it has enough. The table has two columns: the words of the message
// (see terms.go), and what filters need, as words too: author, mentions, room,
// link, file, pin. The texts themselves are not kept.
//
// Beside it is the vocabulary, every word once (see vocabulary.go). It tells
// which words a query's word stands for, as their beginning or a part, and
// which words it may be a typing error for.
//
// The position in a room's stream is saved in the transaction that indexes its
// events. A crash loses and repeats nothing.
//
// # What it does not decide
//
// Find returns places, not messages. [chat.Service] reads each message from the
// store before it shows it, and asks the store whether the caller may. So what
// was deleted, edited or left is not found from that moment on, however far
// behind the index is. What is new is found about a quarter of a second later.
//
// # How it is built
//
// A room without a position is read through, then its events are followed from
// where its stream stood before. A room whose log was rolled back, or does not
// reach back to the position, is read again. An index that is missing, damaged,
// of another version or of other data begins anew.
package search
