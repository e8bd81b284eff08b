// Package stream has durable topics: sequences of events that are read by
// position, or shared among the workers of a group.
//
// Whoever reads a [Topic] decides how:
//
//   - [Topic.Follow] calls a handler with each event after a position, once and in order. The reader keeps the position. This is
//     for those who all need to see everything: views, caches, sockets that catch up.
//   - [Group.Consume] shares the events among workers, each at least once. The group keeps the position. A worker that dies or hangs
//     loses its events to another, one that fails gets them again after a pause, and at the end they go to the dead letters, from
//     which [Group.Redrive] brings them back. This is for work that someone has to do.
//
// Each event names the one before it. By that a follower notices that events
// after its position were trimmed, deleted or lost in a failover, and returns a
// [GapError] instead of going on as if nothing had been. Limits of length and
// age do not touch what a group has not acknowledged, unless told so, and then
// the group is told.
//
// # What it takes
//
// Redis 6.2 or later; on an older one Consume and a trimming Append return
// Redis' refusal. Permissions: the commands of streams and EVALSHA and EVAL on
// the keys below, and for groups those of sorted sets and hashes. Append is one
// round trip. An event takes about 60 bytes beside its payload, and a group
// about 100 for each event that is being handled. A follower and a Consume each
// hold one connection; a Consume without work asks once a second for what
// others left behind, and renews what its handlers work on every third of the
// visibility timeout. While Redis is away Append fails after
// TopicOptions.Timeout, and readers wait. An event that Redis 6.2 has deleted
// while it was being handled stays in the group's list of pending ones.
//
// # When not
//
// Jobs with a time, a priority or a unique id belong in a queue. A message for
// those who listen right now belongs on package bus. A topic is one key, so one
// shard's memory and speed bound it.
//
// # Keys
//
// A topic called orders has the keys stream:{orders}, which is the stream, with
// the fields prev and event; stream:{orders}:retry:GROUP and
// stream:{orders}:dead:GROUP, streams as well; stream:{orders}:later:GROUP, a
// sorted set of what waits for longer than the visibility timeout; and
// stream:{orders}:lost, a hash. They share a slot. Programs in other languages
// append with append.lua and read with XREAD or XREADGROUP.
package stream
