// Package verify checks a running chat against its promises: clients send,
// retry, drop, come back on another node, read, leave and join while nodes and
// Redis are killed, paused and cut off; all they did and saw is recorded, and
// the record is judged afterwards.
//
// The judge (Check) knows nothing of servers: it reads a History and says what
// is wrong with it. Its own tests plant each fault in a good history and see it
// found.
package verify
