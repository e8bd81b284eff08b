// Package stream provides durable topics: sequences of events that are read by
// position, or shared among the workers of a group.
//
//	orders, err := stream.NewTopic(client, "orders", stream.TopicOptions{MaxAge: 30 * 24 * time.Hour})
//	...
//	position, err := orders.Append(ctx, payload)
//	err = orders.Follow(ctx, position, show, stream.FollowOptions{}) // each event after it, in order; then new ones
//
//	billing, err := orders.Group("billing", stream.GroupOptions{Concurrency: 8})
//	...
//	err = billing.Consume(ctx, charge) // each event at least once, in one of all processes that run it
//
// The reader of a [Topic] decides how to read:
//
//   - [Topic.Follow] calls a handler with each event after a position, once and
//     in order. The reader keeps the position. Use it for those who all need to
//     see everything: views, caches, sockets that catch up.
//   - [Group.Consume] shares the events among workers, each at least once. The
//     group keeps the position. Use it for work that someone has to do.
//
// A payload is a string; with [NewTyped] it is a value of a type of yours.
//
// # Nothing is lost silently
//
// Each event names the one before it. By that a follower notices that events
// after its position were trimmed, deleted or lost in a failover, and returns a
// [GapError], with the position to go on from. Limits of length and age are
// part of the append. They do not touch what a group has not acknowledged,
// unless TopicOptions.DropUnread says so, and then the group is told.
//
// # Failures in a group
//
// A worker that dies loses its events to another after the visibility timeout;
// one that lives renews them while their handlers run. An event whose handler
// fails comes again after a pause, from 250 ms up to 15 minutes, that is kept
// in Redis and so outlives the process. After GroupOptions.MaxDeliveries
// errors, panics or silences it becomes a dead letter, in the same step in
// which the group lets go of it; [Group.DeadLetters] lists those and
// [Group.Redrive] brings them back. If the dead letter cannot be written, the
// event stays with the group. Scripts check their permissions before their
// first write.
//
// # When Redis is away
//
// Append fails after TopicOptions.Timeout, and readers wait. After a flush the
// group is made anew from the beginning, and OnError is told. With
// TopicOptions.Replicas Append waits for replicas; if too few confirm, it
// returns [ErrNotReplicated].
//
// # What is not promised
//
//   - Once means once per run of Follow: a reader who handles an event and dies
//     before keeping the position gets it again.
//   - An Append whose error is not a refusal may have been carried out, and is
//     not repeated. Put an id into the payload if you repeat it.
//   - Without Replicas a failover may lose the last events. A follower that had
//     seen them gets ErrGap; if the new master's clock is so far behind that
//     new positions are smaller than the follower's, it notices only while
//     nothing comes.
//   - A group that no one runs keeps every event from the limits: see
//     [Topic.DropGroup]. Dead letters are kept until Redrive or Discard.
//   - A handler that goes on after its context has ended runs while another
//     worker has the event, too.
//
// # Costs
//
// Each line is one round trip:
//
//	Append                     EVALSHA; with Replicas WAIT
//	Follow                     XRANGE for 100 events behind; then XREAD BLOCK, with XRANGE and XINFO STREAM before each
//	Consume, with one worker   XREADGROUP; XACK for each event
//	Consume, a failed event    EVALSHA
//	Consume, idle              EVALSHA once a second, and XREADGROUP BLOCK
//	Consume, a long handler    EVALSHA every third of the visibility timeout
//
// A Follow and a Consume each hold one connection, taken from the client's pool
// for blocking commands. An event takes about 60 bytes beside its payload, and
// a group about 100 for each event that is being handled.
//
// # Requirements
//
// Redis 6.2 or later, or Valkey; on an older one Consume and a trimming Append
// return Redis' refusal. An event that Redis 6.2 has deleted while it was being
// handled stays in the group's list of pending ones. Permissions on
// ~stream:{orders}*: EVALSHA, EVAL, TIME, XADD, XRANGE, XREVRANGE, XTRIM,
// XREAD, XINFO; for groups also XREADGROUP, XGROUP, XACK, XCLAIM, XAUTOCLAIM,
// XPENDING, XDEL, HGET, HSET, HDEL, DEL, ZADD, ZRANGEBYSCORE and ZREM; WAIT
// with Replicas.
//
// # When not
//
// Jobs with a time, a priority or a unique id belong in a queue. A message for
// those who listen right now belongs on package bus. A topic is one key, so the
// memory and speed of one node bound it.
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
