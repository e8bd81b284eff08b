package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// Update writes through: it revokes every lease on key and removes its value,
// calls write, which changes the source and returns the value that stands there
// now, and stores that. If another Update, Set or Delete of the key came
// between, the entry is left empty instead, since only the source knows who was
// last. A crash at any point leaves an empty entry once the lease
// (Options.LoadTimeout) ended.
//
// If Redis cannot be told beforehand, nothing is written and the error is
// returned: a value that cannot be taken back would be served until its TTL.
// What happens after write returned is reported to Options.OnError only. An
// error of write is returned as it is, with the entry left empty; ErrNotFound
// (write deleted it) is remembered like a loader's. write's context ends with
// ctx, and no later than Options.LoadTimeout.
func (c *Cache[V]) Update(ctx context.Context, key string,
	write func(ctx context.Context) (V, error)) (V, error) {
	var zero V
	u, err := c.beginUpdate(ctx, key)
	if err != nil {
		return zero, fmt.Errorf("cache %s: update %q: nothing written: %w", c.opt.Name, key, exec.Unavailable(ctx, err))
	}
	wctx, cancel := context.WithTimeout(ctx, c.opt.LoadTimeout)
	defer cancel()
	var val V
	returned := false
	defer func() {
		if !returned { // it panicked: what it did to the source is not known
			u.token = ""
		}
		c.finishUpdate(ctx, key, u, val, err)
	}()
	val, err = write(wctx)
	returned = true
	return val, err
}

// updating is a write under way. Without a token it ends in removing the entry
// again.
type updating struct{ token, gens string }

func (c *Cache[V]) beginUpdate(ctx context.Context, key string) (updating, error) {
	defer c.forget(key)
	u := updating{token: c.newToken()}
	var err error
	if u.gens, err = c.generations(ctx, key); err == nil {
		rctx, cancel := c.within(ctx)
		defer cancel()
		err = c.client.Do(rctx, c.client.B().Set().Key(c.entryKey(key)).
			Value(pendingRecord(u.token)).Px(c.opt.LoadTimeout).Build()).Error()
		if err == nil {
			return u, nil
		}
	}
	if _, refused := rueidis.IsRedisErr(err); !refused {
		c.goes(func() { _ = c.giveBack(key, u.token) }) // it may have been taken
		return updating{}, err
	}
	// A full Redis still removes, before the write and after it: the entry is
	// right, if empty.
	c.report("store", err)
	return updating{}, c.remove(ctx, key)
}

func (c *Cache[V]) finishUpdate(ctx context.Context, key string, u updating, val V, err error) {
	// The caller's end must not keep the outcome from Redis.
	ctx, cancel := c.within(context.WithoutCancel(ctx))
	defer cancel()
	defer c.forget(key)
	if u.token != "" {
		rec, life, encErr := c.encode(key, u.token, u.gens, val, err)
		if encErr != nil {
			c.report("encode", encErr)
		}
		if rec != nil {
			n, err := c.one(ctx, c.store, execution{key, []string{u.token, text(rec), millis(life), "1"}})
			if err == nil {
				if n == 0 {
					c.n.refused.Add(1)
				}
				return
			}
			c.report("store", err)
		}
	}
	if err := c.remove(ctx, key); err != nil {
		c.report("release", err)
	}
}

// Set stores v as the value of key and revokes every lease on it. If Redis
// refuses (full, or not permitted) the old value is removed where it lets us,
// and the error returned. Nothing orders two processes that write the source
// and then Set: where the key has more than one writer use Update, or Delete
// after the write.
func (c *Cache[V]) Set(ctx context.Context, key string, v V) error {
	defer c.forget(key)
	gens, err := c.generations(ctx, key)
	ctx, cancel := c.within(ctx)
	defer cancel()
	if err == nil {
		rec, life, encErr := c.encode(key, c.newToken(), gens, v, nil)
		if encErr != nil {
			return fmt.Errorf("cache %s: set %q: %w", c.opt.Name, key, encErr)
		}
		if rec == nil { // see Options.TTLOf
			err = c.remove(ctx, key)
		} else {
			err = c.client.Do(ctx, c.client.B().Set().Key(c.entryKey(key)).Value(text(rec)).
				Px(life).Build()).Error()
		}
	}
	if _, refused := rueidis.IsRedisErr(err); refused {
		// What stood there is not the value any more.
		if err := c.remove(ctx, key); err != nil {
			c.report("release", err)
		}
	}
	if err != nil {
		return fmt.Errorf("cache %s: set %q: %w", c.opt.Name, key, exec.Unavailable(ctx, err))
	}
	return nil
}

// Delete removes the entries of keys and revokes every lease on them: a load
// that is on its way will not be stored. Call it after the source was changed.
// On an error some entries may still be there; the caller knows what that means
// for the reader, and may try again.
func (c *Cache[V]) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	ctx, cancel := c.within(ctx)
	defer cancel()
	cmds := make(rueidis.Commands, len(keys))
	for i, key := range keys {
		cmds[i] = c.client.B().Del().Key(c.entryKey(key)).Build()
	}
	var errs []error
	for i, r := range c.client.DoMulti(ctx, cmds...) {
		c.forget(keys[i])
		if err := r.Error(); err != nil {
			errs = append(errs, fmt.Errorf("cache %s: delete %q: %w", c.opt.Name, keys[i], exec.Unavailable(ctx, err)))
		}
	}
	return errors.Join(errs...)
}

// InvalidateTag makes every entry with the tag count as missing, whatever their
// number, in one step. What is being loaded will not be served either. The
// entries' memory is freed as their TTL ends.
func (c *Cache[V]) InvalidateTag(ctx context.Context, tag string) error {
	key := c.tagPrefix + tag
	if err := c.bump(ctx, key, c.genTTL()); err != nil {
		return fmt.Errorf("cache %s: invalidate tag %q: %w", c.opt.Name, tag, exec.Unavailable(ctx, err))
	}
	return nil
}

// InvalidateAll does for the whole namespace what InvalidateTag does for a tag.
func (c *Cache[V]) InvalidateAll(ctx context.Context) error {
	if err := c.bump(ctx, c.nsKeys[0], 0); err != nil {
		return fmt.Errorf("cache %s: invalidate all: %w", c.opt.Name, exec.Unavailable(ctx, err))
	}
	return nil
}

func (c *Cache[V]) bump(ctx context.Context, key string, life time.Duration) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	set := c.client.B().Set().Key(key).Value(newGeneration())
	cmd := set.Build
	if life > 0 {
		cmd = set.Px(life).Build
	}
	err := c.client.Do(ctx, cmd()).Error()
	if err != nil {
		// Removing it does as well, and a full Redis allows it: the next reader
		// makes another.
		if _, refused := rueidis.IsRedisErr(err); refused {
			if c.client.Do(ctx, c.client.B().Del().Key(key).Build()).Error() == nil {
				err = nil
			}
		}
	}
	c.local.forgetGeneration(key)
	c.mu.Lock()
	clear(c.flights) // none of them may be joined any more
	c.mu.Unlock()
	return err
}

// forget makes this process see its own write at once, before the push comes.
func (c *Cache[V]) forget(key string) {
	c.mu.Lock()
	delete(c.flights, key)
	c.mu.Unlock()
	c.local.forget(key)
}

// generations returns what the entry of key depends on, as it stands now.
func (c *Cache[V]) generations(ctx context.Context, key string) (string, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	keys := c.genKeys(key)
	var gens string
	err := c.setsOrGets(func() (err error) {
		gens, err = c.mintGenerations(ctx, keys)
		return err
	})
	return gens, err
}

// mintGenerations reads the generations, and sets those that are not there.
func (c *Cache[V]) mintGenerations(ctx context.Context, keys []string) (string, error) {
	cmds := make(rueidis.Commands, len(keys))
	mint := make([]string, len(keys))
	for i, g := range keys {
		mint[i] = newGeneration()
		life := c.genTTL()
		if i == 0 {
			life = 0
		}
		cmds[i] = c.setGet(g, mint[i], life)
	}
	var b strings.Builder
	for i, r := range c.client.DoMulti(ctx, cmds...) {
		g, err := r.ToString()
		switch {
		case rueidis.IsRedisNil(err):
			g = mint[i]
		case err != nil:
			return "", err
		case len(g) != genLen:
			return "", fmt.Errorf("key %s does not hold a generation", keys[i])
		}
		b.WriteString(g)
	}
	return b.String(), nil
}

// encode returns the record of a load's outcome and its life; nil if that is
// not to be stored.
func (c *Cache[V]) encode(key, token, gens string, val V, err error) ([]byte, time.Duration, error) {
	switch {
	case err == nil:
		ttl := c.ttl(key, val)
		if ttl == 0 {
			return nil, 0, nil
		}
		data, err := c.codec.Encode(val)
		if err != nil {
			return nil, 0, fmt.Errorf("encode: %w", err)
		}
		hold := uint64(noHold)
		if ttl <= c.opt.RefreshAhead {
			hold = uint64((c.opt.Stale + ttl/2).Milliseconds()) // not refreshed at once
		}
		rec := header(kindValue, token, hold, c.opt.Stale, gens, len(data))
		return append(rec, data...), ttl + c.opt.Stale, nil
	case errors.Is(err, ErrNotFound) && c.opt.NegativeTTL > 0:
		return header(kindAbsent, token, noHold, 0, gens, 0), c.opt.NegativeTTL, nil
	}
	return nil, 0, nil
}

// put stores a record if the lease stands, and reads the generations again
// behind it.
func (c *Cache[V]) put(ctx context.Context, key string, l lease, rec []byte,
	life time.Duration) (stored bool, gens string, err error) {
	more := make(rueidis.Commands, len(l.genKeys))
	for i, g := range l.genKeys {
		more[i] = c.client.B().Get().Key(g).Build()
	}
	results := c.run(ctx, c.store,
		[]execution{{key, []string{l.token, text(rec), millis(life), "0"}}}, more...)
	n, err := results[0].AsInt64()
	if err != nil {
		return false, "", err
	}
	var b strings.Builder
	for _, r := range results[1:] {
		g, _ := r.ToString() // an unknown one equals none
		b.WriteString(g)
	}
	return n == 1, b.String(), nil
}

func (c *Cache[V]) takeLease(ctx context.Context, key, seen, token, pending string) (bool, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	n, err := c.one(ctx, c.lease, execution{key, []string{seen, token, millis(c.opt.LoadTimeout), pending}})
	return n == 1, err
}

// giveBack gives back a lease that may have been taken.
func (c *Cache[V]) giveBack(key, token string) error {
	ctx, cancel := c.within(context.WithoutCancel(c.ctx))
	defer cancel()
	return c.abandon(ctx, key, token, 0)
}

// abandon gives a lease back; hold is how long the refresh of a value that is
// there rests.
func (c *Cache[V]) abandon(ctx context.Context, key, token string, hold time.Duration) error {
	_, err := c.one(ctx, c.release, c.releasing(key, token, hold))
	if _, refused := rueidis.IsRedisErr(err); refused {
		// Without scripts the entry goes altogether: never wrong, and no one
		// waits for us.
		return c.remove(ctx, key)
	}
	return err
}

func (c *Cache[V]) remove(ctx context.Context, key string) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	return c.client.Do(ctx, c.client.B().Del().Key(c.entryKey(key)).Build()).Error()
}

// text is b as a string; b is not changed afterwards.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
