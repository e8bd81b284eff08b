// Package client talks to a Parley server: it logs in, calls every action, and
// follows what happens, across lost connections and restarts of the server.
//
// There are three types, from simple to complete:
//
//   - [Client] calls actions over HTTP. It keeps no connection.
//   - [Follower] follows what happens over a WebSocket. It reconnects, resumes
//     where it was, and repeats what was not answered. Bots want this one.
//   - [Conn] is one WebSocket, for those who decide themselves what to do when
//     it breaks.
//
// All three have the same typed methods, those of [Actions]: message.send in
// the protocol is MessageSend here. docs/protocol.md describes what they mean.
//
// # Errors
//
// What the server refuses is an [*Error] with a code, a message for people, and
// where it helps a time to wait (RetryAfter). errors.Is(err, [ErrNotFound])
// compares codes. [ErrUnconfirmed] says that the connection broke before the
// answer came, so that the action may or may not have been done.
//
// # Order
//
// A [Follower] delivers the events of a stream in their order, each once,
// without a gap. Where the server cannot give what was missed it says so
// (Update.Resync), and the program fetches that state again. Messages sent with
// [Follower.SendAsync] arrive in the order in which they were handed in, also
// after a reconnect.
//
// Texts are UTF-8, times are UTC, fields that are durations of the server have
// their unit in their name or comment.
package client

//go:generate go run ./gen
