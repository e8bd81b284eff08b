// Package verify tests a running chat under faults. Clients send, retry,
// reconnect to other nodes, read, leave and join while nodes and Redis are
// killed, paused and disconnected. Everything they do and see is recorded and
// checked afterwards.
//
// [Check] does not know servers: it reads a [History] and returns violations.
// Its tests insert each kind of fault into a valid history.
package verify
