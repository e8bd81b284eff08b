// Package object keeps Go structs in Redis: each as a hash, or as a JSON
// document in one, with look-ups by field that need no Redis module.
//
// A type says in its tags how it is kept:
//
//	type User struct {
//		ID      string    `redis:",key"`         // the id: yours, or a ULID made by Save
//		Version int64     `redis:",version"`     // guards against lost updates
//		Name    string    `redis:"name,unique"`  // no two records share it; FetchBy
//		Team    string    `redis:"team,index"`   // look-ups and order; Find
//		Skills  []string  `redis:"skills,index"` // found by any of its elements
//		Joined  time.Time `redis:"joined,index"`
//		Bio     *string   `redis:"bio"`          // nil is absent
//		session *Session  `redis:"-"`            // not kept (unexported fields never are)
//	}
//
//	users, err := object.NewRepository[User](client, "app:user", object.Options{})
//
// The name before the comma is the field's name in Redis, the Go name if it is
// empty. The options are key, version, index, unique, and text (full text, for
// the query engine only). NewRepository finds every mistake in the tags;
// nothing is left for the first Save to trip over.
//
// # What is kept
//
// A Save writes all fields, so what the struct says is what is stored. There is
// no "omitempty": a zero number, an empty string and false are stored as such.
// Absent, and cleared if they were there before, are nil pointers, nil slices
// and the zero time.Time; an empty slice that is not nil stays one. Times keep
// their nanoseconds and come back in UTC. Fields may be strings, bools,
// integers, floats, time.Time, []byte, []string, types that are a TextMarshaler
// and TextUnmarshaler, named types of these, and pointers to them except to
// slices; embedded structs count as their fields.
//
// With Options.Encoding JSON the document is what encoding/json makes of the
// struct, json tags and all, so fields may be anything that it takes, nested
// structs and maps too; only indexed fields are of the kinds above. Documents
// are not RedisJSON values: they are text in the hash field "$", the same on
// every Redis, written and read as a whole. Strings that are not UTF-8 are
// refused, as JSON cannot hold them; a hash can.
//
// # Versions
//
// A record with a version field is saved only over the version it was read
// with. Of two savers one gets ErrConflict; a record that was removed or has
// expired is never brought back by a late save (ErrNotFound). A version begins
// as Redis' clock in microseconds and goes up by one, so that an old copy does
// not match a record that was removed and made again either. Without a version
// field the last Save wins.
//
// # Look-ups
//
// Each Save keeps, in the same script, a sorted set with one member for each
// indexed value: the field's name, the value in an encoding that sorts
// bytewise, the id. Equality, ranges, prefixes and pages by cursor are all
// slices of it, exact for every value of every type, and one round trip reads a
// page with its records. Unique values are claims in a hash, taken in the same
// script: of many that claim one value, one wins, the others get ErrTaken.
// Records that were saved before a field was indexed are found after their next
// Save.
//
// A record that has expired is never answered: a look-up checks each record in
// the step that reads it. What it left in the indexes is dropped by the look-up
// that meets it, by the saves that follow (each that makes a record or sets a
// life clears up after up to four expired ones), or by Sweep; a claim that it
// held is free at once. The same heals an index after records were evicted or
// deleted by other means. The index keys themselves have no expiry, so that
// only an allkeys eviction policy could take them: use noeviction or a volatile
// policy.
//
// Where the Redis query engine is (FT.* commands), CreateSearchIndex and Search
// combine conditions and look for words, in both forms. Values are escaped, and
// answers checked again. Where it is not, they return ErrNoQueryEngine.
//
// # Keys and clusters
//
// With the prefix "app:user" a record is the key "app:{user}:<id>", and the
// indexes are "app:{user}!index", "!unique", "!entries" and "!expiry". All of a
// repository is in one slot of a cluster, which is what makes a Save with its
// indexes one step; it also bounds the repository to what one node holds and
// does. Options.Partitions spreads it over that many slots, each with the
// indexes of its own records ("app:{user.0}:<id>"): a look-up asks every
// partition and merges, a unique field is then not possible, and the number
// cannot be changed while there are records.
//
// Scripts reach records whose keys they learn from an index; these are always
// in the slot of the keys that the script declares. An ACL user needs
// ~app:{user}* and the commands of the scripts, look-ups included; a denied
// command or a full Redis fails a call before it has changed anything.
//
// # Errors
//
// ErrNotFound, ErrConflict, ErrTaken and ErrBadCursor are told apart with
// errors.Is. All else is Redis' or the network's error, wrapped. Calls end with
// their context. No write is repeated behind the caller's back; when the answer
// to one is lost, repeat it with the same record: if the first did get through,
// the second returns ErrConflict.
//
// # Costs
//
// Each line is one round trip:
//
//	Save, Remove, Expire, Persist, FetchBy   EVALSHA
//	Fetch, FetchCached                       HMGET, or none when the client has it cached
//	FetchMany                                HMGET for each record, pipelined
//	Update                                   HMGET; then EVALSHA; both again after a conflict
//	Find, and each page of List              EVALSHA; with partitions one to each, at the same time
//
// An index entry is kept twice, in the sorted set and in the list of what its
// record left there. A Find of 50 records keeps Redis busy for about 0.2 ms: it
// reads the index and the records in one step, so that no record on the page is
// stale or has expired.
//
// # What is not promised
//
// Find reads along one index, and looks at each record there for what else must
// hold: it is quick where the first condition leaves few. Words in a text need
// the query engine. That part is tested as text only: its index follows saves a
// moment later, and a cluster needs an engine that searches all nodes.
//
// # Requirements
//
// Redis 6.2 or later, or Valkey. Permissions on ~app:{user}*: EVALSHA, EVAL,
// HGET, HMGET, HSET, HDEL, DEL, EXISTS, TIME, PTTL, PEXPIRE, PEXPIREAT,
// PERSIST, ZADD, ZREM, ZRANGE and ZLEXCOUNT.
//
// # When not
//
// For records that outgrow memory, for joins and reports, or for transactions
// over several records: use a database.
package object
