package object

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"hash/fnv"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// Options of a repository. The zero value keeps records as hashes, in one
// partition, with ULIDs as ids and no end of life.
type Options struct {
	// Encoding is Hash or JSON. It is part of how records are stored: never
	// change it.
	Encoding Encoding

	// Partitions spreads the records over this many hash tags, and so over the
	// slots of a cluster, each with the indexes of its own records. 0 means 1;
	// at most 256. Look-ups ask all partitions at once and merge. A unique
	// field needs a single partition. It is part of where records are stored:
	// never change it.
	Partitions int

	// NewID makes the id of a record that is saved without one. nil makes ULIDs
	// from crypto/rand.
	NewID func() string

	// TTL is applied by each Save. Zero keeps the current expiry, if any.
	TTL time.Duration

	// Timeout bounds each call, in addition to the caller's deadline. Default:
	// 2 s.
	Timeout time.Duration
}

// Repository keeps values of the struct type T in Redis. It is safe for
// concurrent use, holds no connection and no goroutine of its own, and needs no
// closing.
type Repository[T any] struct {
	client rueidis.Client
	schema *schema
	opts   Options
	shards []shard
	prefix string

	save, remove, expire, find, claim, sweep *rueidis.Lua
}

// shard holds the keys of one partition; all share one hash tag.
type shard struct {
	base    string   // of record keys: base + id
	indexes []string // index, unique, entries, expiry; nil if the type has none
}

var (
	//go:embed common.lua
	commonLua string
	//go:embed entries.lua
	entriesLua string
	//go:embed put.lua
	putLua string
	//go:embed save.lua
	saveLua string
	//go:embed remove.lua
	removeLua string
	//go:embed expire.lua
	expireLua string
	//go:embed find.lua
	findLua string
	//go:embed claim.lua
	claimLua string
	//go:embed sweep.lua
	sweepLua string
)

// NewRepository reads the tags of T and returns a repository whose keys begin
// with prefix. The last part of the prefix, after the last colon, becomes the
// hash tag: with the prefix "app:user" the record 7 is the key "app:{user}:7".
// Two repositories must not share a prefix. It does not talk to Redis; its
// errors are mistakes in T or in the options and name the type and the field.
func NewRepository[T any](client rueidis.Client, prefix string, opts Options) (*Repository[T], error) {
	s, err := newSchema(reflect.TypeFor[T](), opts.Encoding)
	if err != nil {
		return nil, fmt.Errorf("object: %w", err)
	}
	head, tag := "", prefix
	if i := strings.LastIndexByte(prefix, ':'); i >= 0 {
		head, tag = prefix[:i+1], prefix[i+1:]
	}
	if opts.Partitions == 0 {
		opts.Partitions = 1
	}
	switch {
	case client == nil:
		return nil, errors.New("object: no client")
	case tag == "" || strings.ContainsAny(prefix, "{}") || !printable(prefix):
		return nil, fmt.Errorf("object: prefix %q ends in a colon, or has braces or control characters", prefix)
	case opts.Partitions < 1 || opts.Partitions > 256:
		return nil, fmt.Errorf("object: %d partitions are not between 1 and 256", opts.Partitions)
	case opts.Partitions > 1 && s.unique:
		return nil, fmt.Errorf("object: %s has a unique field and so needs a single partition, not %d", s.typ, opts.Partitions)
	case opts.TTL != 0 && opts.TTL < time.Millisecond:
		return nil, fmt.Errorf("object: a life of %s is below a millisecond", opts.TTL)
	case opts.Timeout < 0:
		return nil, fmt.Errorf("object: the time-out %s is negative", opts.Timeout)
	case opts.Timeout == 0:
		opts.Timeout = 2 * time.Second
	}
	if opts.NewID == nil {
		opts.NewID = newULID
	}
	lib := commonLua + entriesLua
	r := &Repository[T]{
		client: client, schema: s, opts: opts, prefix: prefix,
		save:   rueidis.NewLuaScript(lib + saveLua),
		remove: rueidis.NewLuaScript(lib + removeLua),
		expire: rueidis.NewLuaScript(lib + expireLua),
		find:   rueidis.NewLuaScriptRetryable(lib + findLua),
		claim:  rueidis.NewLuaScriptRetryable(lib + claimLua),
		sweep:  rueidis.NewLuaScriptRetryable(lib + sweepLua),
	}
	if !s.indexed {
		r.save = rueidis.NewLuaScript(commonLua + putLua)
	}
	for i := range opts.Partitions {
		root := head + "{" + tag + "}"
		if opts.Partitions > 1 {
			root = head + "{" + tag + "." + strconv.Itoa(i) + "}"
		}
		sh := shard{base: root + ":"}
		if s.indexed {
			sh.indexes = []string{root + "!index", root + "!unique", root + "!entries", root + "!expiry"}
		}
		r.shards = append(r.shards, sh)
	}
	return r, nil
}

func (r *Repository[T]) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return exec.Bound(ctx, r.opts.Timeout)
}

func newULID() string { return ulid.MustNew(ulid.Now(), rand.Reader).String() }

// Save writes rec, in one step with all that the indexes hold of it.
//
// An empty key gets a new id, before anything is sent, so that a Save whose
// answer was lost can be repeated with the same rec. If T has a version field,
// Save with version 0 makes a new record (ErrConflict if there is one), and any
// other version must be the stored one (ErrConflict if not, ErrNotFound if the
// record is gone); on success rec holds the new version, which is larger and
// otherwise opaque. If T has no version field, the last Save wins and makes the
// record if it is gone. ErrTaken: another record holds a unique value.
//
// What rec says is what is stored: fields with nothing to store are cleared.
// Hash fields that T does not know are left alone. Save reads and writes rec,
// which stays the caller's: two goroutines need two copies. Any other error may
// have come after Redis did the work.
func (r *Repository[T]) Save(ctx context.Context, rec *T) error {
	return r.SaveFor(ctx, rec, r.opts.TTL)
}

// SaveFor is Save for a record that expires after life, to the millisecond; 0
// leaves the record's end of life as it is.
func (r *Repository[T]) SaveFor(ctx context.Context, rec *T, life time.Duration) error {
	if life < 0 || life > 0 && life < time.Millisecond {
		return fmt.Errorf("object: save %s: a life of %s is below a millisecond", r.schema.typ, life)
	}
	if rec == nil {
		return fmt.Errorf("object: save %s: the record is nil", r.schema.typ)
	}
	ctx, cancel := r.bound(ctx)
	defer cancel()
	v := reflect.ValueOf(rec).Elem()
	key := v.FieldByIndex(r.schema.key)
	if key.String() == "" {
		key.SetString(r.opts.NewID())
	}
	id := key.String()
	fail := func(err error) error { return fmt.Errorf("object: save %s %.60q: %w", r.schema.typ, id, err) }
	if err := checkID(id); err != nil {
		return fail(err)
	}
	d, err := r.schema.dump(v)
	if err != nil {
		return fail(err)
	}
	sh := r.shard(id)
	args := make([]string, 0, 6+len(d.sets)+len(d.clears))
	args = append(args, d.version, "", strconv.Itoa(len(d.sets)))
	if life > 0 {
		args[1] = strconv.FormatInt(life.Milliseconds(), 10)
	}
	args = append(append(args, d.sets...), d.clears...)
	if sh.indexes != nil {
		args = append(args, d.entries, id, sh.base)
	}
	answer, err := exec.Script(ctx, r.save, r.client, sh.keys(id), args).ToString()
	if err != nil {
		return fail(exec.Unavailable(ctx, err))
	}
	switch answer {
	case "conflict":
		return fail(ErrConflict)
	case "missing":
		return fail(ErrNotFound)
	}
	if name, ok := strings.CutPrefix(answer, "taken"); ok {
		return fail(&TakenError{Field: name})
	}
	version, err := strconv.ParseInt(answer, 10, 64)
	if err != nil {
		return fail(err)
	}
	if r.schema.version != nil {
		v.FieldByIndex(r.schema.version).SetInt(version)
	}
	return nil
}

// Fetch reads one record; ErrNotFound if there is none.
func (r *Repository[T]) Fetch(ctx context.Context, id string) (*T, error) {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	return r.fetched(ctx, id, func(key string) rueidis.RedisResult {
		return r.client.Do(ctx, r.client.B().Hmget().Key(key).Field(r.schema.names...).Build())
	})
}

// FetchCached is Fetch through the client's own cache, which Redis tells of
// every change; an answer is at most ttl old. It needs a client whose cache is
// not disabled.
func (r *Repository[T]) FetchCached(ctx context.Context, id string, ttl time.Duration) (*T, error) {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	return r.fetched(ctx, id, func(key string) rueidis.RedisResult {
		return r.client.DoCache(ctx, r.client.B().Hmget().Key(key).Field(r.schema.names...).Cache(), ttl)
	})
}

func (r *Repository[T]) fetched(ctx context.Context, id string,
	do func(key string) rueidis.RedisResult) (*T, error) {
	rec, err := (*T)(nil), checkID(id)
	if err == nil {
		rec, err = r.load(ctx, id, do(r.shard(id).base+id))
	}
	if err == nil && rec == nil {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("object: fetch %s %.60q: %w", r.schema.typ, id, err)
	}
	return rec, nil
}

// FetchMany reads many records in one round trip (one for each node that has
// some of them). The answer has one element for each id, in the same order, nil
// where there is no record. The first error fails the whole call.
func (r *Repository[T]) FetchMany(ctx context.Context, ids ...string) ([]*T, error) {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	recs := make([]*T, len(ids))
	if len(ids) == 0 {
		return recs, nil
	}
	commands := make(rueidis.Commands, len(ids))
	for i, id := range ids {
		if err := checkID(id); err != nil {
			return nil, fmt.Errorf("object: fetch %s %.60q: %w", r.schema.typ, id, err)
		}
		commands[i] = r.client.B().Hmget().Key(r.shard(id).base + id).Field(r.schema.names...).Build()
	}
	for i, answer := range r.client.DoMulti(ctx, commands...) {
		rec, err := r.load(ctx, ids[i], answer)
		if err != nil {
			return nil, fmt.Errorf("object: fetch %s %.60q: %w", r.schema.typ, ids[i], err)
		}
		recs[i] = rec
	}
	return recs, nil
}

func (r *Repository[T]) load(ctx context.Context, id string, answer rueidis.RedisResult) (*T, error) {
	values, err := answer.ToArray()
	if err != nil {
		return nil, exec.Unavailable(ctx, err)
	}
	return r.decode(id, values)
}

// decode returns nil if the record does not exist.
func (r *Repository[T]) decode(id string, values []rueidis.RedisMessage) (*T, error) {
	if len(values) != len(r.schema.names) {
		return nil, fmt.Errorf("%d values for %d fields", len(values), len(r.schema.names))
	}
	if values[0].IsNil() {
		return nil, nil
	}
	rec := new(T)
	err := r.schema.restore(reflect.ValueOf(rec).Elem(), id, func(i int) (string, bool, error) {
		if values[i].IsNil() {
			return "", false, nil
		}
		text, err := values[i].ToString()
		return text, true, err
	})
	if err != nil {
		return nil, err
	}
	return rec, nil
}

// Remove deletes a record and all that the indexes hold of it, whatever its
// version; ErrNotFound if there is none.
func (r *Repository[T]) Remove(ctx context.Context, id string) error {
	return r.touch(ctx, "remove", r.remove, id)
}

// Expire lets a record live for life from now, to the millisecond; ErrNotFound
// if there is none.
func (r *Repository[T]) Expire(ctx context.Context, id string, life time.Duration) error {
	if life < time.Millisecond {
		return fmt.Errorf("object: expire %s: a life of %s is below a millisecond", r.schema.typ, life)
	}
	return r.touch(ctx, "expire", r.expire, id, strconv.FormatInt(life.Milliseconds(), 10))
}

// Persist lets a record live until it is removed; ErrNotFound if there is none.
func (r *Repository[T]) Persist(ctx context.Context, id string) error {
	return r.touch(ctx, "persist", r.expire, id, "")
}

func (r *Repository[T]) touch(ctx context.Context, what string, script *rueidis.Lua, id string,
	args ...string) error {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	err := checkID(id)
	if err == nil {
		sh := r.shard(id)
		var n int64
		n, err = exec.Script(ctx, script, r.client, sh.keys(id),
			append([]string{id, sh.base}, args...)).AsInt64()
		err = exec.Unavailable(ctx, err)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
	}
	if err != nil {
		return fmt.Errorf("object: %s %s %.60q: %w", what, r.schema.typ, id, err)
	}
	return nil
}

// TTL returns how long a record has still to live, 0 if it does not expire;
// ErrNotFound if there is none.
func (r *Repository[T]) TTL(ctx context.Context, id string) (time.Duration, error) {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	err := checkID(id)
	var ms int64
	if err == nil {
		ms, err = r.client.Do(ctx, r.client.B().Pttl().Key(r.shard(id).base+id).Build()).AsInt64()
		err = exec.Unavailable(ctx, err)
	}
	switch {
	case err == nil && ms == -2:
		err = ErrNotFound
	case err == nil && ms == -1:
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("object: ttl of %s %.60q: %w", r.schema.typ, id, err)
	}
	// A record in its last millisecond still expires.
	return max(time.Duration(ms)*time.Millisecond, 1), nil
}

// Sweep drops what expired records left in the indexes, looking at no more than
// limit of them in each partition, and returns how many it looked at. Saves and
// look-ups clear up as they go, so it is only for a repository whose records
// all expire while no one saves.
func (r *Repository[T]) Sweep(ctx context.Context, limit int) (int, error) {
	total := 0
	for _, sh := range r.shards {
		if sh.indexes == nil || limit < 1 {
			continue
		}
		bounded, cancel := r.bound(ctx)
		n, err := exec.Script(bounded, r.sweep, r.client, sh.indexes,
			[]string{sh.base, strconv.Itoa(limit)}).AsInt64()
		cancel()
		if err != nil {
			return total, fmt.Errorf("object: sweep %s: %w", r.schema.typ, exec.Unavailable(ctx, err))
		}
		total += int(n)
	}
	return total, nil
}

// Key returns the Redis key of a record, for tools.
func (r *Repository[T]) Key(id string) string { return r.shard(id).base + id }

func (r *Repository[T]) shard(id string) *shard {
	if len(r.shards) == 1 {
		return &r.shards[0]
	}
	h := fnv.New32a()
	h.Write([]byte(id))
	return &r.shards[h.Sum32()%uint32(len(r.shards))]
}

func (sh *shard) keys(id string) []string {
	return append([]string{sh.base + id}, sh.indexes...)
}

func checkID(id string) error {
	if id == "" || len(id) > maxID || !printable(id) {
		return fmt.Errorf("an id is 1 to %d bytes of UTF-8 without control characters", maxID)
	}
	return nil
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}
