package cache

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"github.com/redis/rueidis"
)

type state int

const (
	stateHit     state = iota // entry holds an answer
	stateLeased               // nothing was there, and the token that was offered holds the lease
	statePending              // someone holds the lease: id
	stateInvalid              // a record that must not be served: id
	stateBare                 // nothing to serve, and Redis takes no lease
)

// reading is what one look at an entry found.
type reading[V any] struct {
	state   state
	id      string
	gens    string
	genKeys []string
	entry   *localEntry[V] // when stateHit
	payload string         // what it was decoded from
}

// plan is the commands that read some entries with their generations, in one
// round trip.
type plan[V any] struct {
	c       *Cache[V]
	keys    []string
	tokens  []string // the lease offered for each, or nil to only look
	genKeys [][]string
	snaps   []snapshot
	at      int64
	ages    bool // PTTL is asked for as well
	gens    []generation
	index   map[string]int // into gens, once they are many
	asked   int            // generations that this plan reads
}

// generation is one that some entry of a plan depends on.
type generation struct {
	key, val string // val is empty while not known
	mint     string // offered where Redis has none; empty if val was known before
	snap     snapshot
}

func (c *Cache[V]) newPlan(keys, tokens []string) *plan[V] {
	p := &plan[V]{
		c:       c,
		keys:    keys,
		tokens:  tokens,
		genKeys: make([][]string, len(keys)),
		snaps:   make([]snapshot, len(keys)),
		at:      c.local.now(),
		ages:    c.local.entries != nil || c.opt.Stale > 0 || c.opt.RefreshAhead > 0,
	}
	for i, key := range keys {
		p.snaps[i] = c.local.snapshot(key, p.at)
		p.genKeys[i] = c.genKeys(key)
		for _, g := range p.genKeys[i] {
			if p.generation(g) != nil {
				continue
			}
			val, ok := c.local.generation(g, p.at)
			gen := generation{key: g, val: val}
			if !ok {
				gen.val, gen.mint, gen.snap = "", newGeneration(), c.local.snapshot(g, p.at)
				p.asked++
			}
			if p.index != nil {
				p.index[g] = len(p.gens)
			}
			p.gens = append(p.gens, gen)
		}
	}
	return p
}

// generation returns the plan's generation of that key, or nil. Mostly there
// are one or two, for which a map would only cost.
func (p *plan[V]) generation(key string) *generation {
	if p.index == nil && len(p.gens) > 16 {
		p.index = make(map[string]int, 2*len(p.gens))
		for i := range p.gens {
			p.index[p.gens[i].key] = i
		}
	}
	if p.index != nil {
		if i, ok := p.index[key]; ok {
			return &p.gens[i]
		}
		return nil
	}
	for i := range p.gens {
		if p.gens[i].key == key {
			return &p.gens[i]
		}
	}
	return nil
}

// leasing builds commands that read, or take the lease in the same step, and
// that set generations where there are none.
func (p *plan[V]) leasing() rueidis.Commands {
	c := p.c
	cmds := make(rueidis.Commands, 0, p.step()*len(p.keys)+p.asked)
	for i, key := range p.keys {
		full := c.entryKey(key)
		cmds = append(cmds, c.setGet(full, pendingRecord(p.tokens[i]), c.opt.LoadTimeout))
		if p.ages {
			cmds = append(cmds, c.client.B().Pttl().Key(full).Build())
		}
	}
	for i := range p.gens {
		g := &p.gens[i]
		if g.mint == "" {
			continue
		}
		life := c.genTTL()
		if g.key == c.nsKeys[0] {
			life = 0
		}
		cmds = append(cmds, c.setGet(g.key, g.mint, life))
	}
	return cmds
}

// setGet builds a command that sets a key that is not there, and returns what
// is. A life of 0 has no end.
func (c *Cache[V]) setGet(key, value string, life time.Duration) rueidis.Completed {
	if c.old.Load() {
		ms := "0"
		if life > 0 {
			ms = millis(life)
		}
		return c.client.B().Eval().Script(setGetLua).Numkeys(1).Key(key).Arg(value, ms).Build()
	}
	set := c.client.B().Set().Key(key).Value(value).Nx().Get()
	if life > 0 {
		return set.Px(life).Build()
	}
	return set.Build()
}

// setsOrGets runs what uses setGet, and runs it again in the way of servers
// before Redis 7.0 if one refused SET with NX and GET.
func (c *Cache[V]) setsOrGets(run func() error) error {
	old := c.old.Load()
	err := run()
	if refusal, ok := rueidis.IsRedisErr(err); ok && !old && strings.Contains(refusal.Error(), "syntax error") {
		c.old.Store(true)
		err = run()
	}
	return err
}

// looking builds commands that only read.
func (p *plan[V]) looking() rueidis.Commands {
	c := p.c
	cmds := make(rueidis.Commands, 0, p.step()*len(p.keys)+p.asked)
	for _, key := range p.keys {
		full := c.entryKey(key)
		cmds = append(cmds, c.client.B().Get().Key(full).Build())
		if p.ages {
			cmds = append(cmds, c.client.B().Pttl().Key(full).Build())
		}
	}
	for i := range p.gens {
		if p.gens[i].mint != "" {
			cmds = append(cmds, c.client.B().Get().Key(p.gens[i].key).Build())
		}
	}
	return cmds
}

// read looks at the entries, and takes the lease of those that are not there
// when tokens are offered. An error means that Redis did not answer; a refusal
// to write (a full Redis, a missing permission) makes it look without leases,
// and is reported.
func (p *plan[V]) read(ctx context.Context) ([]reading[V], error) {
	ctx, cancel := p.c.within(ctx)
	defer cancel()
	if p.tokens == nil {
		return p.parse(p.c.client.DoMulti(ctx, p.looking()...), false)
	}
	var resps []rueidis.RedisResult
	var out []reading[V]
	err := p.c.setsOrGets(func() (err error) {
		resps = p.c.client.DoMulti(ctx, p.leasing()...)
		out, err = p.parse(resps, true)
		return err
	})
	if err == nil {
		return out, nil
	}
	p.giveUp(resps)
	if _, refused := rueidis.IsRedisErr(err); !refused {
		return nil, err
	}
	p.c.report("get", err)
	return p.parse(p.c.client.DoMulti(ctx, p.looking()...), false)
}

// giveUp returns, in the background, the leases that a failed read took or may
// have taken.
func (p *plan[V]) giveUp(resps []rueidis.RedisResult) {
	var taken []int
	for i := range p.keys {
		err := resps[p.step()*i].Error()
		if _, refused := rueidis.IsRedisErr(err); err != nil && (!refused || rueidis.IsRedisNil(err)) {
			taken = append(taken, i)
		}
	}
	if len(taken) == 0 {
		return
	}
	p.c.goes(func() {
		for _, i := range taken {
			if p.c.giveBack(p.keys[i], p.tokens[i]) != nil {
				return // the leases end by themselves
			}
		}
	})
}

// step is the number of commands for each entry.
func (p *plan[V]) step() int {
	if p.ages {
		return 2
	}
	return 1
}

func (p *plan[V]) parse(resps []rueidis.RedisResult, leasing bool) ([]reading[V], error) {
	for i := range resps {
		if err := resps[i].Error(); err != nil && !rueidis.IsRedisNil(err) {
			return nil, err
		}
	}
	step := p.step()
	covered := p.c.local.entries != nil && p.c.track.covers()
	next := step * len(p.keys)
	for i := range p.gens {
		g := &p.gens[i]
		if g.mint == "" {
			continue
		}
		val, err := resps[next].ToString()
		next++
		switch {
		case err == nil && len(val) == genLen:
			g.val = val
		case err == nil:
			return nil, fmt.Errorf("key %s does not hold a generation", g.key)
		case leasing:
			g.val = g.mint
		default:
			continue
		}
		if covered {
			p.c.local.putGeneration(g.key, g.val, g.snap)
		}
	}
	out := make([]reading[V], len(p.keys))
	for i := range p.keys {
		r := &out[i]
		r.genKeys = p.genKeys[i]
		for _, k := range r.genKeys {
			g := p.generation(k)
			if g.val == "" {
				r.state = stateBare
			}
			r.gens += g.val
		}
		raw, err := resps[step*i].ToString()
		if err != nil {
			r.state = stateBare
			if leasing {
				r.state, r.id = stateLeased, p.tokens[i]
			}
			continue
		}
		if r.state == stateBare {
			continue
		}
		left := time.Duration(-1)
		if p.ages {
			ms, err := resps[step*i+1].AsInt64()
			if err != nil {
				return nil, err
			}
			left = time.Duration(ms) * time.Millisecond
		}
		p.judge(r, i, raw, left, covered)
		if !leasing && r.state != stateHit {
			r.state = stateBare
		}
	}
	return out, nil
}

// judge decides what a record is worth, and puts what may be served again into
// the local layer when covered says that every node is tracked; left is its
// PTTL, negative if not known.
func (p *plan[V]) judge(r *reading[V], i int, raw string, left time.Duration, covered bool) {
	c := p.c
	rec, err := parseRecord(raw)
	if err != nil {
		r.state, r.id = stateInvalid, rawID(raw)
		c.report("decode", fmt.Errorf("key %s: %w", p.keys[i], err))
		return
	}
	r.id = rec.id
	if rec.kind == kindPending {
		r.state = statePending
		return
	}
	if rec.gens != r.gens {
		r.state = stateInvalid
		return
	}
	e := &localEntry[V]{absent: rec.kind == kindAbsent, id: rec.id, gens: rec.gens, genKeys: r.genKeys}
	if !e.absent {
		// The codec may not keep or change what it decodes, so the bytes need
		// no copy.
		e.val, err = c.codec.Decode(unsafe.Slice(unsafe.StringData(rec.payload), len(rec.payload)))
		if err != nil {
			r.state = stateInvalid
			c.report("decode", fmt.Errorf("key %s: %w", p.keys[i], err))
			return
		}
	}
	r.state, r.entry, r.payload = stateHit, e, rec.payload
	// Counted from before the read was sent, a life can only come out too
	// short.
	e.until = p.at + int64(left)
	e.staleAt = e.until - int64(rec.stale)
	e.refreshAt = e.until
	if left < 0 {
		e.staleAt = p.at + int64(c.opt.TTL)
		e.refreshAt = e.staleAt
		return
	}
	if !e.absent && (rec.stale > 0 || c.opt.RefreshAhead > 0) {
		// Due when this much is left of its life, or when the current claim
		// ends.
		due := min(rec.stale+c.opt.RefreshAhead, rec.hold)
		e.refreshAt = e.until - int64(due)
	}
	if covered && left > 0 {
		kept := *e
		kept.until = min(kept.until, p.at+int64(c.opt.LocalTTL))
		c.local.put(p.keys[i], &kept, p.snaps[i])
	}
}
