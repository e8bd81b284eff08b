package cache

import "sync/atomic"

// Stats counts what a Cache did since New. Every number only grows.
type Stats struct {
	LocalHits    uint64 // answered in process, negative entries included
	Hits         uint64 // answered by Redis, negative entries included
	Misses       uint64 // neither had it
	Stale        uint64 // of all hits, those served past their TTL
	Loads        uint64 // calls of a loader, refreshes included; a batch counts once
	LoadErrors   uint64 // loads that failed, ErrNotFound not included
	Refreshes    uint64 // background refreshes begun
	Waits        uint64 // times that a caller waited for a load elsewhere
	Refused      uint64 // results not stored, since the entry was deleted or written meanwhile
	RedisErrors  uint64 // operations that Redis did not carry out
	Unprotected  uint64 // loads made without a lease because Redis could not give one
	LocalDropped uint64 // times that the whole local layer was dropped
}

type counters struct {
	localHits, hits, misses, stale, loads, loadErrors, refreshes,
	waits, refused, redisErrors, unprotected, localDropped atomic.Uint64
}

// Stats returns the counters as they stand.
func (c *Cache[V]) Stats() Stats {
	n := &c.n
	return Stats{
		LocalHits:    n.localHits.Load(),
		Hits:         n.hits.Load(),
		Misses:       n.misses.Load(),
		Stale:        n.stale.Load(),
		Loads:        n.loads.Load(),
		LoadErrors:   n.loadErrors.Load(),
		Refreshes:    n.refreshes.Load(),
		Waits:        n.waits.Load(),
		Refused:      n.refused.Load(),
		RedisErrors:  n.redisErrors.Load(),
		Unprotected:  n.unprotected.Load(),
		LocalDropped: n.localDropped.Load(),
	}
}
